"""Passages in Chroma: built once, checked at start, searched with company and check filters.

The folder is named by a digest of the passages and the embedding model, so a change of either is another
index. Dense similarity, plus a small bonus for shared words (BM25 of SQLite's FTS5). What is searched for is
mostly a candidate's words: a passage lies where its title and the moment that it is for lie. A guide of the user's
never owns a search: what it repeats is left out, and it has a share of the hits.
"""

import itertools
import re
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError
from filelock import FileLock
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

from simulator.errors import StorageError
from simulator.library import GENERAL, Passage
from simulator.operations.events import INDEX_BUILT
from simulator.prompts import digest_of

COLLECTION = "passages"
LEXICAL_WEIGHT = 0.005
"""What one unit of BM25 adds to a cosine similarity."""
PLAIN_COST = 0.08
"""By how much a plain probe, which fits everywhere, gives way to one whose moment is as near: on dev searches the hit
rate at five is 0.945 with it and 0.927 without."""
TITLE_SHARE = 0.35
"""Of a passage's place, what its title makes up; the rest is the moment that it is for, or else its text."""
ALIKE = 0.97
"""Cosine similarity from which on a passage of a user's guide says what an earlier one of the guide says."""
GUIDE_SHARE = 2 / 5
"""Of the hits of one search, what one guide of the user's may have; it may always have one."""
_CANDIDATES = 4
_SAME_PLACE, _ROUNDING = 0.05, 1e-4
"""Distance at which a known passage counts as found again; what Chroma changes in a number of a vector."""
_WORD = re.compile(r"[^\W_]+")
_BATCH = 128
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Hit:
    """One found passage and its score: cosine similarity, plus the lexical bonus, less what a plain one costs."""

    passage: Passage
    score: float


class PassageIndex:
    """A searchable set of passages. Safe to call from several threads."""

    def __init__(
        self,
        folder: Path,
        passages: Sequence[Passage],
        embeddings: Embeddings,
        model_id: str,
        beside: "PassageIndex | None" = None,
    ) -> None:
        """Open the index of exactly these passages under `folder`, building it where it is missing or
        damaged. Raises StorageError when the disk does not take it.

        What is searched for is also looked for in the index `beside` this one, which is by the same embedding model
        and knows nothing of these passages."""
        self._beside = beside
        self._own = {passage.id: passage for passage in passages}
        self.passages: dict[str, Passage] = {**(beside.passages if beside else {}), **self._own}
        self._guides = {_guide(passage): passage for passage in passages if _guide(passage)}
        self._embeddings = embeddings
        self._lexical = _Lexical(passages)
        digest = digest_of(model_id, str(TITLE_SHARE), *(repr(passage) for passage in passages))
        self.path = folder / digest
        with _told(f"The passage index could not be built in {folder}", "Free some space there."):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # a guide may be private
            with FileLock(folder / "build.lock"):
                if (store := self._opened()) is None:
                    with INDEX_BUILT.timed(passages=len(self.passages)):
                        store = self._built()
                self._store = store
                _remove_old(folder, self.path)

    def search(
        self, text: str, company: str, k: int = 5, *, check: str = "", kind: str = "", question_kind: str = ""
    ) -> list[Hit]:
        """The `k` best passages for this company and the general ones, best first; of one guide of the user's at most
        two in five, so fewer than `k` where there is nothing else.

        `check` and `kind` narrow to passages of one check and of one kind; a passage of another company
        is never returned. Raises StorageError when the index was damaged since it was opened.
        """
        if not text.strip() or k < 1:
            return []
        place, wide = self._embeddings.embed_query(text), max(_CANDIDATES * k, 20)
        hits = self._hits(text, place, wide, company, check, kind, question_kind)
        return _shared_out(sorted(hits, key=_best_first), k)

    def _hits(
        self, text: str, place: list[float], wide: int, company: str, check: str, kind: str, question_kind: str
    ) -> list[Hit]:
        """More hits than are wanted, here and beside, in no order."""
        where = _where(company, check, kind, question_kind)
        found = self._near(place, wide, [*where, {"guide_id": ""}])
        for guide, one in self._guides.items():  # each apart: a guide of many near passages crowds out no other
            if one.company in (company, GENERAL) and check in ("", one.check) and kind in ("", one.kind):
                found += self._near(place, wide, [*where, {"guide_id": guide}])
        bonus = self._lexical.scores(text)
        worth = {one.passage.id: LEXICAL_WEIGHT * bonus.get(one.passage.id, 0.0) for one in found}
        hits = [Hit(one.passage, one.score + worth[one.passage.id] - PLAIN_COST * one.passage.plain) for one in found]
        if self._beside:
            hits += self._beside._hits(text, place, wide, company, check, kind, question_kind)
        return hits

    def nearest(
        self, text: str, company: str, k: int, check: str = "", kind: str = "", question_kind: str = ""
    ) -> list[Hit]:
        """The dense half of `search`: cosine similarity alone, from Chroma, whichever guide it is from."""
        if not text.strip() or k < 1:
            return []
        found = self._near(self._embeddings.embed_query(text), k, _where(company, check, kind, question_kind))
        if self._beside:
            found += self._beside.nearest(text, company, k, check, kind, question_kind)
        return sorted(found, key=_best_first)[:k]

    def _near(self, place: list[float], k: int, where: list[dict[str, Any]]) -> list[Hit]:
        with self._readable():
            found = self._store.similarity_search_by_vector_with_relevance_scores(place, k, _all(where))
        return [Hit(self._own[doc.metadata["id"]], 1 - distance) for doc, distance in found]

    def matching(
        self, text: str, company: str, k: int, check: str = "", kind: str = "", question_kind: str = ""
    ) -> list[Hit]:
        """The lexical half of `search`: BM25 alone, under the same filters."""
        scores = self._lexical.scores(text)
        where = _all(_where(company, check, kind, question_kind))
        with self._readable():
            allowed = self._store.get(ids=list(scores), where=where, include=[])
        found = [Hit(self._own[one], scores[one]) for one in (allowed["ids"] if scores else [])]
        if self._beside:
            found += self._beside.matching(text, company, k, check, kind, question_kind)
        return sorted(found, key=_best_first)[:k]

    def _readable(self) -> AbstractContextManager[None]:
        return _told(f"The passage index in {self.path} cannot be read", "Restart the program: it is built anew.")

    def _client(self) -> ClientAPI:
        with _opening:
            # Chroma keeps what it opened by its folder: an index made anew would find the old one, and one that is
            # used no more would never go.
            SharedSystemClient.clear_system_cache()
            return chromadb.PersistentClient(str(self.path), ChromaSettings(anonymized_telemetry=False))

    def _searched(self, client: ClientAPI) -> Chroma:
        return Chroma(
            collection_name=COLLECTION,
            embedding_function=self._embeddings,
            client=client,
            # The graph is never written to files of its own but made from the database at each start: from
            # 1,000 passages on, Chroma would read such files unchecked, and crashes on a damaged one.
            collection_configuration={"hnsw": {"space": "cosine", "sync_threshold": 1_000_000}},
        )

    def _opened(self) -> Chroma | None:
        """The store if it is whole: finished, each passage there as it is now and where it was put, and known ones
        found again where this embedding puts them."""
        try:
            with (self.path / "complete").open("rb") as file:
                vectors = np.load(file)
            store = self._searched(self._client())
            if not self._holds(store, vectors):
                return None
            for passage in list(self._own.values())[:: max(1, len(self._own) // 8)]:
                place = _place(*(self._embeddings.embed_query(view) for view in _views(passage)))
                found = store.similarity_search_by_vector_with_relevance_scores(place, k=3)
                if all(distance > _SAME_PLACE for _, distance in found):
                    return None
        except (OSError, ChromaError, sqlite3.Error, ValueError, LookupError, EOFError):
            return None
        return store

    def _holds(self, store: Chroma, vectors: np.ndarray) -> bool:
        """Whether the store has exactly what was put there; `vectors` are those of all passages, in their order."""
        kept = store.get(include=["documents", "metadatas", "embeddings"])
        placed = self._without_repeats(vectors)
        told = dict(zip(kept["ids"], zip(kept["documents"], kept["metadatas"], strict=True), strict=True))
        if told != {passage.id: (passage.text, _metadata(passage)) for passage, _ in placed}:
            return False
        found = dict(zip(kept["ids"], kept["embeddings"], strict=True))
        return all(np.allclose(found[passage.id], vector, atol=_ROUNDING) for passage, vector in placed)

    def _built(self) -> Chroma:
        shutil.rmtree(self.path, ignore_errors=True)
        client = self._client()
        store = self._searched(client)
        vectors = self._vectors()
        placed = self._without_repeats(vectors)
        for at in range(0, len(placed), _BATCH):
            batch = placed[at : at + _BATCH]
            client.get_collection(COLLECTION).add(
                [passage.id for passage, _ in batch],
                np.array([vector for _, vector in batch]),
                [_metadata(passage) for passage, _ in batch],
                [passage.text for passage, _ in batch],
            )
        with (self.path / "complete").open("wb") as file:
            np.save(file, vectors)
        return store

    def _vectors(self) -> np.ndarray:
        """Where each passage lies, one a row."""
        views = [_views(passage) for passage in self._own.values()]
        places: list[list[float]] = []
        for at in range(0, len(views), _BATCH):
            batch = views[at : at + _BATCH]
            found = iter(self._embeddings.embed_documents([view for each in batch for view in each]))
            places += [_place(*itertools.islice(found, len(each))) for each in batch]
        return np.array(places, np.float32)

    def _without_repeats(self, vectors: np.ndarray) -> list[tuple[Passage, np.ndarray]]:
        """All passages and where they lie, but of a user's guide none that is ALIKE an earlier one of it."""
        repeated = set[int]()
        for guide in self._guides:
            own = [row for row, passage in enumerate(self._own.values()) if _guide(passage) == guide]
            alike, kept = vectors[own] @ vectors[own].T > ALIKE, list[int]()
            for number, row in enumerate(own):
                if alike[number, kept].any():
                    repeated.add(row)
                else:
                    kept.append(number)
        pairs = zip(self._own.values(), vectors, strict=True)
        return [pair for row, pair in enumerate(pairs) if row not in repeated]


@contextmanager
def _told(problem: str, fix: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ChromaError, sqlite3.Error) as error:
        raise StorageError(f"{problem}: {error}.", fix) from error


def _best_first(hit: Hit) -> tuple[float, str]:
    return -hit.score, hit.passage.id


def _guide(passage: Passage) -> str:
    """Which of the user's guides a passage is of; empty for what is shipped."""
    return passage.id.rpartition("/")[0] if passage.provenance == "user guide" else ""


def _metadata(passage: Passage) -> dict[str, str]:
    return passage.metadata | {"id": passage.id, "guide_id": _guide(passage)}


def _views(passage: Passage) -> list[str]:
    """What a passage is found by: the moment that it is for, or else its text, and its title, if it has one."""
    title = passage.id.rpartition("/")[2].replace("-", " ")
    has_title = any(character.isalpha() for character in title)
    return [passage.when or passage.text, *([title] if has_title else [])]


def _place(moment: Sequence[float], title: Sequence[float] | None = None) -> list[float]:
    """Where a passage lies, of length 1."""
    place = np.array(moment, np.float32)
    if title is not None:
        place = (1 - TITLE_SHARE) * place + TITLE_SHARE * np.array(title, np.float32)
    found: list[float] = (place / max(float(np.linalg.norm(place)), 1e-9)).tolist()
    return found


def _where(company: str, check: str, kind: str, question_kind: str) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = [{"company": {"$in": sorted({company, GENERAL})}}]
    if check:
        conditions.append({"check": check})
    if kind:
        conditions.append({"kind": kind})
    if question_kind:
        conditions.append({"question_kind": {"$in": [question_kind, "both"]}})
    return conditions


def _all(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


def _shared_out(hits: Sequence[Hit], k: int) -> list[Hit]:
    """The first `k`, of one guide of the user's no more than its share."""
    most, taken, chosen = max(1, int(GUIDE_SHARE * k)), Counter[str](), list[Hit]()
    for hit in hits:
        guide = _guide(hit.passage)
        if not guide or taken[guide] < most:
            chosen.append(hit)
            taken[guide] += 1
    return chosen[:k]


def _remove_old(folder: Path, current: Path) -> None:
    """Keep the two newest others: a process that has not noticed the change may still read one."""
    others = [other for other in folder.iterdir() if other.is_dir() and other != current]
    for old in sorted(others, key=lambda other: -other.stat().st_mtime)[2:]:
        shutil.rmtree(old, ignore_errors=True)


class _Lexical:
    """BM25 over the same passages, in memory."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("CREATE VIRTUAL TABLE words USING fts5(id UNINDEXED, text, tokenize='porter')")
        self._database.executemany("INSERT INTO words VALUES (?, ?)", [(p.id, p.text) for p in passages])

    def scores(self, text: str) -> dict[str, float]:
        """BM25 by passage id, higher is better; at most the 200 best."""
        words = sorted({word.lower() for word in _WORD.findall(text)})[:200]
        if not words:
            return {}
        query = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            rows = self._database.execute(
                "SELECT id, -bm25(words) FROM words WHERE words MATCH ? ORDER BY 2 DESC LIMIT 200", (query,)
            ).fetchall()
        return dict(rows)
