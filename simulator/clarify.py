"""What a candidate may ask about a case, and the fact that answers it: the same one every time.

Nothing is made up: where no fact of the case comes near, there is none.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.interview import Question, Role, Turn
from simulator.transcript import sentences

if TYPE_CHECKING:  # heavy; whether something is a question is seen without it
    from langchain_core.embeddings import Embeddings

LEAST_LIKENESS = 0.25
"""Cosine similarity of what is asked to a fact from which on it is told. Of 29 questions of labelled train answers 19
got the fact that a person gave, 6 another true one, 4 none."""
MOST_WORDS = 45
_CLOSERS = "\"')]”’"


def is_clarification(text: str, question: Question) -> bool:
    """Whether the candidate only asks: a few words on a case, nothing but questions."""
    said = [one.text.rstrip(_CLOSERS) for one in sentences([Turn("", Role.CANDIDATE, text)])]
    told = [one for one in said if any(character.isalnum() for character in one)]
    return (
        question.kind == "case"
        and 0 < len(text.split()) <= MOST_WORDS
        and bool(told)
        and all(one.endswith("?") for one in told)
    )


def fact_for(text: str, facts: Sequence[str], embeddings: "Embeddings") -> str:
    """The fact that answers what is asked, or nothing."""
    if not facts:
        return ""
    asked, *told = embeddings.embed_documents([text, *facts])
    likeness = [sum(one * other for one, other in zip(asked, fact, strict=True)) for fact in told]
    best = max(range(len(facts)), key=likeness.__getitem__)
    return facts[best] if likeness[best] >= LEAST_LIKENESS else ""
