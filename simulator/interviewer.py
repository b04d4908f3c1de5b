"""An aim -> the words of the next follow-up: phrased by the model, checked by code, then streamed.

The model only fits a retrieved probe to the candidate's words. Nothing of it is shown before the whole question has
passed the rules of conduct; a second wording is asked for once, and then the passage's own probe stands.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.conduct import Conduct
from simulator.errors import ModelRefusedError, UnusableReplyError
from simulator.grader import Grader
from simulator.index import PassageIndex
from simulator.interview import Exchange, Role, Turn
from simulator.library import Company, Persona
from simulator.models import ChatModel, Lane, Message
from simulator.prompts import Prompt, clean
from simulator.strategy import Aim, Strategy

MOST_TOKENS = 70
LEAST_LIKENESS = 0.4
"""Cosine similarity that a phrasing must keep to the passage's own probe."""
LEAST_KEPT = 0.5
"""More than this share of the content words of the passage's question must be in a phrasing."""
_WORDINGS = 2
_HELD_WORDS = 4
_SECOND = re.compile(r"\band (?:who|whom|what|how|why|when|where|which)\b", re.IGNORECASE)
_QUESTION_START = re.compile(r"^[\"“'(]*[A-Za-z]")
_LITTLE_WORDS = """the and for you your they them their that this those these with from what who whom how why when
where which did does was were are is has had have would could will can been being about into out off not any some one
all its our his her she him own most more than then there get got before after both between"""
_COMMON = frozenset(_LITTLE_WORDS.split())
_PIECE = re.compile(r"\S+\s*")


@dataclass(slots=True)
class Phrasing:
    """A probe being said, with a line `before` it where the time is nearly up.

    `text` is final once the stream has ended; `replaced` says that the model's own words broke a rule of conduct and
    the passage's stand instead.
    """

    aim: Aim
    before: str = ""
    text: str = ""
    replaced: str = ""


@dataclass(slots=True)
class Interviewer:
    """One company's interviewer. Holds no state of the interview."""

    company: Company
    persona: Persona
    conduct: Conduct
    prompts: Mapping[str, Prompt]
    grader: Grader
    index: PassageIndex
    embeddings: Embeddings
    model: ChatModel

    @property
    def strategy(self) -> Strategy:
        return Strategy(self.company, self.grader, self.index, self.embeddings)

    def aim(self, exchange: Exchange, used: Sequence[str] = ()) -> Aim | None:
        """What the next follow-up goes after; None when nothing is worth one."""
        return self.strategy.aim(exchange, used)

    def say(self, exchange: Exchange, aim: Aim, phrasing: Phrasing) -> Iterator[str]:
        """Stream the probe. When the iterator ends, `phrasing.text` is what was asked."""
        opener = f"{phrasing.before} {self._opener(exchange, aim.quote)}".strip()
        if opener:
            yield opener + " "
        question, fault = "", ""
        for _ in range(_WORDINGS):
            question, fault = self._worded(exchange, aim, fault)
            if not fault:
                break
        if fault:
            phrasing.replaced, question = fault, aim.ask
        phrasing.text = f"{opener} {question}".strip()
        yield from _PIECE.findall(question)

    def request(self, exchange: Exchange, aim: Aim, fault: str = "") -> list[Message]:
        """The messages that ask the model to phrase this probe; `fault` is what was wrong with its last wording."""
        prompt = self.prompts["interviewer/probe"].render(
            interviewer=self.persona.interviewer,
            company=self.company.name,
            manner=self.persona.manner,
            quote=aim.quote,
            ask=aim.ask,
        )
        if fault:
            prompt += "\n\n" + self.prompts["interviewer/again"].render(fault=fault)
        return self.grader.read(exchange).asking(prompt)

    def _worded(self, exchange: Exchange, aim: Aim, fault: str) -> tuple[str, str]:
        """One wording of the model, and what is wrong with it."""
        said = (turn.text for turn in exchange.turns)
        known = " ".join([exchange.question.text, *said, aim.ask, self.company.name])
        messages = self.request(exchange, aim, fault)
        try:
            question = self._question(messages)
        except (UnusableReplyError, ModelRefusedError) as error:
            return "", error.problem
        asked = [turn.text for turn in exchange.probes]
        told = "\n".join(text for _, text in messages)
        return question, self.conduct.fault(question, asked, known, told) or self._drifted(question, aim)

    def _opener(self, exchange: Exchange, quote: str) -> str:
        lines = self.conduct.taking_up
        return lines[len(exchange.probes) % len(lines)].replace("{quote}", quote) if quote else ""

    def _question(self, messages: Sequence[Message]) -> str:
        """The model's words up to the first question mark. Given up as soon as they begin as no question does."""
        said = ""
        for piece in self.model.stream(messages, MOST_TOKENS, Lane.LIVE):
            said = (said + clean(piece).replace("\n", " ")).lstrip(" \"“'")
            if "?" in said:
                return said[: said.index("?") + 1]
            if len(said.split()) > _HELD_WORDS:
                openings = (*self.conduct.preface, *self.conduct.praise)
                if not _QUESTION_START.match(said) or any(said.lower().startswith(word) for word in openings):
                    raise UnusableReplyError("a preface instead of a question")
        raise UnusableReplyError("no question")

    def _drifted(self, question: str, aim: Aim) -> str:
        """What the phrasing made of the passage's probe, if it is no longer that probe."""
        if _SECOND.search(question) and not _SECOND.search(aim.ask):
            return "a second question that the passage's has not"
        one, other = np.array(self.embeddings.embed_documents([question, aim.ask]))
        if float(one @ other) < LEAST_LIKENESS or kept(question, aim.ask) <= LEAST_KEPT:
            return "another question than the passage's"
        return ""


def kept(question: str, ask: str) -> float:
    """The share of the content words of the passage's question (of `ask`, the sentence that asks) that are in the
    phrasing. Words are alike when their first five letters are: the model may change an ending, not the matter."""
    asking = re.split(r"(?<=[.!])\s+", ask)[-1]
    wanted, found = _content(asking), _content(question)
    return len(wanted & found) / len(wanted) if wanted else 1.0


def _content(text: str) -> set[str]:
    words = re.findall(r"[a-z]{3,}", text.lower().replace("’", "'").replace("'", " "))
    return {word[:5] for word in words if word not in _COMMON}


def turn_of(turn_id: str, phrasing: Phrasing, at: float = 0.0) -> Turn:
    """The turn that is kept: what was asked, the check it went for, and the passage behind it."""
    passages = tuple(hit.passage.id for hit in phrasing.aim.hits[:1])
    aim = phrasing.aim
    return Turn(turn_id, Role.INTERVIEWER, phrasing.text, aim.check.id, passages, aim.act, at, phrasing.replaced)
