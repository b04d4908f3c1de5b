"""Which of the candidate's sentences shows a check: looked up, never written by a model.

The embedded model says well whether a check is met and badly where, so the place is found here: the
sentence nearest to the check's examples in the rubric file, with a bonus for its cue words. The quote is
verbatim and located by construction; a check without a likely sentence has no evidence.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.rubric import Check, Evidence
from simulator.transcript import Sentence

CUE_BONUS = 0.25
LEAST_LIKENESS = 0.2
"""Cosine similarity plus bonus that a sentence must reach to be cited."""


class Locator:
    """Finds evidence with one embedding model. Safe to call from several threads."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._vectors = lru_cache(maxsize=256)(lambda texts: np.array(embeddings.embed_documents(list(texts))))

    def locate(self, check: Check, sentences: Sequence[Sentence]) -> tuple[Evidence, ...]:
        """The sentence that shows this check best, or nothing; for a check about the answer as a whole, where
        it begins and ends."""
        if not sentences:
            return ()
        if check.whole:
            ends = (sentences[0], sentences[-1]) if len(sentences) > 1 else sentences
            return tuple(sentence.evidence for sentence in ends)
        texts = tuple(" ".join(sentence.text.split()) for sentence in sentences)
        likeness = np.zeros(len(texts))
        if check.like:
            likeness = (self._vectors(texts) @ self._vectors(check.like).T).max(axis=1)
        cues = np.array([bool(check.cue and re.search(check.cue, text)) for text in texts])
        scores = likeness + CUE_BONUS * cues
        best = int(np.argmax(scores))
        return (sentences[best].evidence,) if scores[best] >= LEAST_LIKENESS else ()
