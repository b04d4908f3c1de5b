"""Which of the candidate's sentences show a check, and how strongly: looked up by code, never written by a model.

Checks that sentences were marked for are sighted by a linear model over each sentence's words and embedding,
trained on those marks; a check of the answer as a whole by how those sightings are arranged. Any other check is
sighted by likeness to the examples in its rubric file, with a bonus for its cue words. A quote is verbatim and
located by construction; without a likely sentence there is none.
"""

import hashlib
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.arrangement import Matrix, arrangement
from simulator.errors import ContentError
from simulator.prompts import digest_of
from simulator.rubric import Check, Sighting
from simulator.transcript import Sentence

CUE_BONUS = 0.25
LEAST_LIKENESS = 0.28
"""Cosine similarity plus bonus that a sentence must reach to be cited."""
LEAST_STRENGTH = -0.5
"""Log-odds that the trained model must give a sentence for it to be cited."""
LONE_SENTENCE = 3.0
"""How much weaker than the only sentence of an answer the missing second one is taken to be."""
EMBEDDING_SCALE = 3.0
"""Lengthens the unit vectors, so that one penalty suits them and the rest of a sentence's features."""
_TOKEN = re.compile(r"\b\w+\b|[%$€£]")
_NUMBER = re.compile(r"\d[\d,.]*")


def words_of(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)


def ngrams(text: str) -> list[str]:
    """The words and pairs of neighbouring words of a sentence, lower case, every figure as one word."""
    words = _TOKEN.findall(_NUMBER.sub(" 0num ", text).lower())
    return words + [f"{one} {two}" for one, two in pairwise(words)]


def word_features(texts: Sequence[str], vocabulary: dict[str, int], idf: Matrix) -> Matrix:
    """Tf-idf rows of length 1 (1 + log count, times idf) over a fixed vocabulary, one row a text."""
    rows = np.zeros((len(texts), len(vocabulary)), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word, count in Counter(ngrams(text)).items():
            if word in vocabulary:
                row[vocabulary[word]] = 1 + np.log(count)
    rows *= idf
    unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-9)
    return unit


def place_features(vectors: Matrix) -> Matrix:
    """What a sentence means, what its neighbours mean, and where it stands: 3 x width + 3 columns, one row a
    sentence of one answer, in order."""
    n = len(vectors)
    nothing = np.zeros((1, vectors.shape[1]), vectors.dtype)
    before, after = np.vstack([nothing, vectors[:-1]]), np.vstack([vectors[1:], nothing])
    place = np.zeros((n, 3), vectors.dtype)
    place[0, 0] = place[-1, 1] = 1
    place[:, 2] = np.arange(n) / max(1, n - 1)
    return np.hstack([EMBEDDING_SCALE * vectors, before, after, place])


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """A fitted linear model: log-odds that a sentence shows each of `checks`, the mean of one reading of its
    words and one of its embedding and place; and over those of all sentences, log-odds that the answer as a whole
    shows each of `wholes`. Stored beside the rubric, without code in it."""

    checks: tuple[str, ...]
    embedding: str
    fitted_on: str
    vocabulary: dict[str, int]
    idf: Matrix
    words: Matrix
    places: Matrix
    bias: Matrix
    wholes: tuple[str, ...]
    whole: Matrix
    whole_bias: Matrix

    def log_odds(self, texts: Sequence[str], vectors: Matrix) -> Matrix:
        """One row a sentence of one answer, one column a check."""
        by_words = word_features(texts, self.vocabulary, self.idf) @ self.words
        found: Any = (by_words + place_features(vectors) @ self.places) / 2 + self.bias
        return np.asarray(found, np.float32)

    def whole_log_odds(self, texts: Sequence[str], log_odds: Matrix) -> Matrix:
        """One number a check of `wholes`, from the sentences of an answer and the log-odds of each."""
        found: Any = arrangement(log_odds, self.checks, words_of(texts)) @ self.whole + self.whole_bias
        return np.asarray(found, np.float32)

    @property
    def digest(self) -> str:
        numbers = (hashlib.sha256(m.astype(np.float16).tobytes()).hexdigest() for m in self._arrays())
        return digest_of(self.embedding, *self.checks, *self.wholes, *self.vocabulary, *numbers)

    def _arrays(self) -> tuple[Matrix, ...]:
        return self.idf, self.words, self.places, self.bias, self.whole, self.whole_bias

    def save(self, path: Path) -> None:
        about = {name: getattr(self, name) for name in _NAMES} | {"vocabulary": list(self.vocabulary)}
        half: dict[str, Any] = {name: m.astype(np.float16) for name, m in zip(_ARRAYS, self._arrays(), strict=True)}
        with path.open("wb") as file:
            np.savez_compressed(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **half)


_NAMES = ("checks", "embedding", "fitted_on", "wholes")
_ARRAYS = ("idf", "words", "places", "bias", "whole", "whole_bias")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What a cut or changed archive raises. zipfile raises the last, not an error of its own, where a changed byte names
a way of packing that it does not know: test_evidence changes bytes and meets it."""


def load_sentence_model(path: Path) -> SentenceModel:
    """Read a stored model. Raises ContentError where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(stored["about"].tobytes())
            arrays = {name: stored[name].astype(np.float32) for name in _ARRAYS}
        vocabulary = {word: at for at, word in enumerate(about["vocabulary"])}
        checks, wholes = tuple(about["checks"]), tuple(about["wholes"])
        return SentenceModel(checks, about["embedding"], about["fitted_on"], vocabulary, **arrays, wholes=wholes)
    except (OSError, ValueError, KeyError, TypeError, *_DAMAGED) as error:
        raise ContentError(f"{path} is not a fitted sentence model.", "Fit it: python -m evals fit.") from error


class Locator:
    """Finds evidence with one embedding model. Safe to call from several threads."""

    def __init__(self, embeddings: Embeddings, embedding_id: str, trained: SentenceModel | None = None) -> None:
        self.embedding = embedding_id
        usable = trained if trained and trained.embedding == embedding_id else None
        self.version = f"marks@{usable.digest}" if usable else f"examples@{embedding_id}"
        """Names what the sightings come from; a score rule holds only for those that it was fitted with."""
        self._trained = usable
        self._columns = {check: column for column, check in enumerate(usable.checks)} if usable else {}
        self._vectors = lru_cache(maxsize=256)(
            lambda texts: np.array(embeddings.embed_documents(list(texts)), np.float32)
        )
        self._log_odds = lru_cache(maxsize=64)(self._all_log_odds)

    def locate(self, check: Check, sentences: Sequence[Sentence]) -> Sighting:
        """The sentence that shows this check best, if one is likely, and how strongly the answer shows it.

        A check about the answer as a whole is shown by where it begins and ends.
        """
        if not sentences:
            return Sighting()
        texts = tuple(" ".join(sentence.text.split()) for sentence in sentences)
        if check.whole:
            ends = (sentences[0], sentences[-1]) if len(sentences) > 1 else sentences
            seen = self._whole(check, texts)
            return Sighting(tuple(sentence.evidence for sentence in ends), seen, seen, seen)
        if check.id in self._columns:
            scores, least = self._log_odds(texts)[:, self._columns[check.id]], LEAST_STRENGTH
        else:
            scores, least = self._likeness(check, texts), LEAST_LIKENESS
        best = int(np.argmax(scores))
        found = (sentences[best].evidence,) if scores[best] >= least else ()
        second = float(np.sort(scores)[-2]) if len(scores) > 1 else float(scores[best]) - LONE_SENTENCE
        return Sighting(found, float(scores[best]), float(scores.mean()), second)

    def _whole(self, check: Check, texts: tuple[str, ...]) -> float:
        if not self._trained or check.id not in self._trained.wholes:
            return 0.0
        found = self._trained.whole_log_odds(texts, self._log_odds(texts))
        return float(found[self._trained.wholes.index(check.id)])

    def _all_log_odds(self, texts: tuple[str, ...]) -> Matrix:
        assert self._trained
        return self._trained.log_odds(texts, self._vectors(texts))

    def _likeness(self, check: Check, texts: tuple[str, ...]) -> Matrix:
        cues = np.array([bool(check.cue and re.search(check.cue, text)) for text in texts], np.float32)
        if not check.like:
            return cues
        likeness: Matrix = (self._vectors(texts) @ self._vectors(check.like).T).max(axis=1) + CUE_BONUS * cues
        return likeness
