"""Passages in Chroma: built once, checked at start, searched with company and check filters.

The folder is named by a digest of the passages and the embedding model, so a change of either is another
index. Dense similarity, plus a small bonus for shared words (BM25 of SQLite's FTS5). What is searched for is
mostly a candidate's words: a passage lies where its title and the moment that it is for lie.
"""

import itertools
import re
import shutil
import sqlite3
import threading
from collections.abc import Sequence
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
from simulator.prompts import digest_of

COLLECTION = "passages"
LEXICAL_WEIGHT = 0.005
"""What one unit of BM25 adds to a cosine similarity."""
TITLE_SHARE = 0.35
"""Of a passage's place, what its title makes up; the rest is the moment that it is for, or else its text."""
_CANDIDATES = 4
_WORD = re.compile(r"[^\W_]+")
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Hit:
    """One found passage and its score: cosine similarity plus the lexical bonus."""

    passage: Passage
    score: float


class PassageIndex:
    """A searchable set of passages. Safe to call from several threads; one object a process."""

    def __init__(self, folder: Path, passages: Sequence[Passage], embeddings: Embeddings, model_id: str) -> None:
        """Open the index of exactly these passages under `folder`, building it where it is missing or
        damaged. Raises StorageError when the disk does not take it."""
        self.passages = {passage.id: passage for passage in passages}
        self._embeddings = embeddings
        self._lexical = _Lexical(passages)
        digest = digest_of(model_id, str(TITLE_SHARE), *(repr(passage) for passage in passages))
        self.path = folder / digest
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "build.lock"):
                self._store = self._opened() or self._built()
                _remove_old(folder, self.path)
        except (OSError, ChromaError, sqlite3.Error) as error:
            raise StorageError(
                f"The passage index could not be built in {folder}: {error}.", "Free some space there."
            ) from error

    def search(
        self, text: str, company: str, k: int = 5, *, check: str = "", kind: str = "", question_kind: str = ""
    ) -> list[Hit]:
        """The `k` best passages for this company and the general ones, best first.

        `check` and `kind` narrow to passages of one check and of one kind; a passage of another company
        is never returned.
        """
        found = self.nearest(text, company, max(_CANDIDATES * k, 20), check, kind, question_kind)
        bonus = self._lexical.scores(text)
        hits = [Hit(one.passage, one.score + LEXICAL_WEIGHT * bonus.get(one.passage.id, 0.0)) for one in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))[: max(k, 0)]

    def nearest(
        self, text: str, company: str, k: int, check: str = "", kind: str = "", question_kind: str = ""
    ) -> list[Hit]:
        """The dense half of `search`: cosine similarity alone, from Chroma."""
        if not text.strip() or k < 1:
            return []
        where = _where(company, check, kind, question_kind)
        found = self._store.similarity_search_with_score(text, k=k, filter=where)
        return [Hit(self.passages[doc.metadata["id"]], 1 - distance) for doc, distance in found]

    def matching(
        self, text: str, company: str, k: int, check: str = "", kind: str = "", question_kind: str = ""
    ) -> list[Hit]:
        """The lexical half of `search`: BM25 alone, under the same filters."""
        scores = self._lexical.scores(text)
        allowed = self._store.get(ids=list(scores), where=_where(company, check, kind, question_kind), include=[])
        ranked = sorted(allowed["ids"] if scores else [], key=lambda one: (-scores[one], one))
        return [Hit(self.passages[one], scores[one]) for one in ranked[:k]]

    def _client(self) -> ClientAPI:
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
        """The store if it is whole: finished, every passage there, and known passages found again."""
        if not (self.path / "complete").is_file():
            return None
        try:
            store = self._searched(self._client())
            if set(store.get(include=[])["ids"]) != set(self.passages):
                return None
            for passage in list(self.passages.values())[:: max(1, len(self.passages) // 8)]:
                place = _place(*(self._embeddings.embed_query(view) for view in _views(passage)))
                found = store.similarity_search_by_vector_with_relevance_scores(place, k=3)
                if all(distance > 0.05 for _, distance in found):
                    return None
        except (ChromaError, sqlite3.Error, ValueError, KeyError):
            return None
        return store

    def _built(self) -> Chroma:
        SharedSystemClient.clear_system_cache()
        shutil.rmtree(self.path, ignore_errors=True)
        client = self._client()
        store = self._searched(client)
        passages = list(self.passages.values())
        for at in range(0, len(passages), _BATCH):
            batch = passages[at : at + _BATCH]
            views = [_views(passage) for passage in batch]
            vectors = iter(self._embeddings.embed_documents([view for each in views for view in each]))
            client.get_collection(COLLECTION).add(
                [passage.id for passage in batch],
                np.array([_place(*itertools.islice(vectors, len(each))) for each in views], np.float32),
                [passage.metadata | {"id": passage.id} for passage in batch],
                [passage.text for passage in batch],
            )
        (self.path / "complete").touch()
        return store


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


def _where(company: str, check: str, kind: str, question_kind: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"company": {"$in": sorted({company, GENERAL})}}]
    if check:
        conditions.append({"check": check})
    if kind:
        conditions.append({"kind": kind})
    if question_kind:
        conditions.append({"question_kind": {"$in": [question_kind, "both"]}})
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


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
