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

from simulator.rubric import Check, Sighting
from simulator.transcript import Sentence

CUE_BONUS = 0.25
LEAST_LIKENESS = 0.28
"""Cosine similarity plus bonus that a sentence must reach to be cited."""


class Locator:
    """Finds evidence with one embedding model. Safe to call from several threads."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._vectors = lru_cache(maxsize=256)(lambda texts: np.array(embeddings.embed_documents(list(texts))))

    def locate(self, check: Check, sentences: Sequence[Sentence]) -> Sighting:
        """The sentence that shows this check best, if one is likely, and how strongly the answer shows it.

        A check about the answer as a whole is shown by where it begins and ends. Strength is the mean score of
        the two best sentences, or, for a check that has cue words and no examples, the share of sentences with
        such words.
        """
        if not sentences:
            return Sighting()
        if check.whole:
            ends = (sentences[0], sentences[-1]) if len(sentences) > 1 else sentences
            return Sighting(tuple(sentence.evidence for sentence in ends))
        texts = tuple(" ".join(sentence.text.split()) for sentence in sentences)
        cues = np.array([bool(check.cue and re.search(check.cue, text)) for text in texts])
        if not check.like:
            return Sighting(strength=float(cues.mean()))
        scores = (self._vectors(texts) @ self._vectors(check.like).T).max(axis=1) + CUE_BONUS * cues
        best = int(np.argmax(scores))
        found = (sentences[best].evidence,) if scores[best] >= LEAST_LIKENESS else ()
        return Sighting(found, float(np.sort(scores)[-2:].mean()))
