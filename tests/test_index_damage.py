"""An index that was damaged: seen at start, built anew from the passages, and interviews go on meanwhile."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from conducting import SECONDS, Starts, followed, until
from conftest import embeddings, shipped
from langchain_core.embeddings import Embeddings
from telling import ANSWER

from simulator.embeddings import MODEL_ID
from simulator.errors import StorageError
from simulator.index import COLLECTION, PassageIndex, _views
from simulator.interview import Next
from simulator.library import GENERAL
from simulator.program import Loading

PASSAGES = shipped().passages[::4]
VIEWS = sum(len(_views(passage)) for passage in PASSAGES)


class Remembered(Embeddings):
    """The real embedding, each text once; counts the documents that it is asked for. `turned` makes another one of
    it, `wider` one of more dimensions."""

    def __init__(self) -> None:
        self.documents = 0
        self.turned = self.wider = False
        self._known: dict[str, list[float]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.documents += len(texts)
        return self._vectors(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._vectors([text])[0]

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(new, embeddings().embed_documents(new), strict=True)
        known = [self._known[text] for text in texts]
        return [(one[::-1] if self.turned else one) + [0.0] * (16 * self.wider) for one in known]


Opens = Callable[[], PassageIndex]


@pytest.fixture(scope="module")
def made() -> Remembered:
    return Remembered()


@pytest.fixture
def remembered(made: Remembered) -> Iterator[Remembered]:
    yield made
    made.turned = made.wider = False


@pytest.fixture(scope="module")
def whole(made: Remembered, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index that was built and closed."""
    folder = tmp_path_factory.mktemp("whole")
    PassageIndex(folder, PASSAGES, made, MODEL_ID)
    SharedSystemClient.clear_system_cache()
    return folder


@pytest.fixture
def opened(whole: Path, tmp_path: Path, remembered: Remembered) -> Iterator[Opens]:
    """Opens a copy of that index as a new process would: with nothing of Chroma left in memory."""
    shutil.copytree(whole, tmp_path / "index")

    def _open() -> PassageIndex:
        SharedSystemClient.clear_system_cache()
        remembered.documents = 0
        return PassageIndex(tmp_path / "index", PASSAGES, remembered, MODEL_ID)

    yield _open
    SharedSystemClient.clear_system_cache()


def recall(index: PassageIndex) -> float:
    """The share of known passages that are the first one found for what they are for."""
    asked = PASSAGES[::3]
    found = [
        index.search(one.when or one.text, "amazon" if one.company == GENERAL else one.company, 1)[0].passage
        for one in asked
    ]
    assert len(asked) > 100
    return sum(one == other for one, other in zip(asked, found, strict=True)) / len(asked)


# Damage, done to an open index


def _database(index: PassageIndex) -> Path:
    return index.path / "chroma.sqlite3"


def _folder_missing(index: PassageIndex) -> None:
    shutil.rmtree(index.path)


def _unfinished(index: PassageIndex) -> None:
    (index.path / "complete").unlink()


def _mark_emptied(index: PassageIndex) -> None:
    (index.path / "complete").write_bytes(b"")


def _database_deleted(index: PassageIndex) -> None:
    _database(index).unlink()


def _database_cut(index: PassageIndex) -> None:
    _database(index).write_bytes(_database(index).read_bytes()[: _database(index).stat().st_size // 2])


def _header_zeroed(index: PassageIndex) -> None:
    _database(index).write_bytes(bytes(100) + _database(index).read_bytes()[100:])


def _pages_zeroed(index: PassageIndex) -> None:
    kept, at = _database(index).read_bytes(), _database(index).stat().st_size // 8192 * 4096
    _database(index).write_bytes(kept[:at] + bytes(40_960) + kept[at + 40_960 :])


def _row_by_row(statement: str) -> Callable[[PassageIndex], None]:
    def _do(index: PassageIndex) -> None:
        database = sqlite3.connect(_database(index))
        database.execute(statement)
        database.commit()
        database.close()

    return _do


def _passage_missing(index: PassageIndex) -> None:
    index._store.delete([PASSAGES[7].id])


def _passage_too_many(index: PassageIndex) -> None:
    index._store.add_texts(["An old thought."], [{"id": "old", "company": GENERAL}], ["old"])


def _store_emptied(index: PassageIndex) -> None:
    index._store.delete([one.id for one in PASSAGES])


def _collection_dropped(index: PassageIndex) -> None:
    index._client().delete_collection(COLLECTION)


def _changed(index: PassageIndex, ids: list[str], **fields: list[str] | list[dict[str, str]]) -> None:
    vectors = index._store.get(ids=ids, include=["embeddings"])["embeddings"]
    index._client().get_collection(COLLECTION).update(ids, **{"embeddings": vectors} | fields)


def _stale_text(index: PassageIndex) -> None:
    _changed(index, [PASSAGES[3].id], documents=["What it said before."])


def _stale_company(index: PassageIndex) -> None:
    _changed(index, [PASSAGES[3].id], metadatas=[{"company": "another"}])


def _vectors_swapped(index: PassageIndex) -> None:
    one, other = PASSAGES[5].id, PASSAGES[9].id
    vectors = dict.fromkeys((one, other))
    for place in vectors:
        vectors[place] = index._store.get(ids=[place], include=["embeddings"])["embeddings"][0]
    _put(index, [one, other], [vectors[other], vectors[one]])


def _vectors_of_another_embedding(index: PassageIndex) -> None:
    ids = [one.id for one in PASSAGES]
    _put(index, ids, np.random.default_rng(1).normal(size=(len(ids), 384)))


def _put(index: PassageIndex, ids: list[str], vectors: object) -> None:
    index._client().get_collection(COLLECTION).update(ids, embeddings=np.array(vectors, np.float32))


def _another_embedding(index: PassageIndex) -> None:
    assert isinstance(index._embeddings, Remembered)
    index._embeddings.turned = True


def _an_embedding_of_more_dimensions(index: PassageIndex) -> None:
    assert isinstance(index._embeddings, Remembered)
    index._embeddings.wider = True


DAMAGE: dict[str, Callable[[PassageIndex], None]] = {
    "the folder is missing": _folder_missing,
    "the building was broken off": _unfinished,
    "the mark that it is complete is empty": _mark_emptied,
    "the database is deleted": _database_deleted,
    "the database is cut": _database_cut,
    "its header is zeroed": _header_zeroed,
    "pages in its middle are zeroed": _pages_zeroed,
    "its vectors are gone": _row_by_row("DELETE FROM embeddings_queue"),
    "its vectors are no vectors": _row_by_row("UPDATE embeddings_queue SET vector = x'00'"),
    "its tables are gone": _row_by_row("DROP TABLE segments"),
    "a passage is missing": _passage_missing,
    "a passage is there that no longer is": _passage_too_many,
    "the store is empty": _store_emptied,
    "the collection is dropped": _collection_dropped,
    "an old text stands under an id": _stale_text,
    "an old company stands under an id": _stale_company,
    "two passages lie in each other's place": _vectors_swapped,
    "the vectors are of another embedding": _vectors_of_another_embedding,
    "the embedding is another one of the same name": _another_embedding,
    "the embedding has more dimensions": _an_embedding_of_more_dimensions,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen_at_start_and_the_index_is_built_anew(
    opened: Opens, remembered: Remembered, damage: str
) -> None:
    index = opened()
    assert remembered.documents == 0
    DAMAGE[damage](index)
    again = opened()
    assert remembered.documents == VIEWS
    assert recall(again) >= 0.99
    opened()
    assert remembered.documents == 0


def test_damage_while_the_index_is_open_is_told_with_what_to_do(opened: Opens, remembered: Remembered) -> None:
    index = opened()
    _database(index).write_bytes(bytes(_database(index).stat().st_size))
    for search in (index.search, index.nearest, index.matching):
        with pytest.raises(StorageError, match=r"cannot be read.*Restart the program"):
            search("What did that cost?", "meta", 3)
    assert recall(opened()) >= 0.99


# Interviews meanwhile


class Held(Embeddings):
    """A direction of its own for every text, cheaply; documents wait until they are `released`."""

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked.set()
        assert self.released.wait(SECONDS)
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = np.random.default_rng(list(text.encode())).normal(size=384)
        place: list[float] = (vector / np.linalg.norm(vector)).tolist()
        return place


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder whose index is lost."""
    return tmp_path / "data"


def test_while_the_index_is_built_anew_interviews_begin_and_take_their_answers_and_the_follow_ups_come(
    conductors: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    monkeypatch.setattr("simulator.embeddings.open_embeddings", lambda _: (held, "held"))
    conductor = conductors()
    conductor.program.warm_up()
    assert held.asked.wait(SECONDS)
    begun = [conductor.start(company, "quick", 1, kind="story") for company in ("amazon", "meta")]
    moves = [conductor.answer(one.id, f"of {one.company}", ANSWER) for one in begun]
    for one in begun:
        kept = conductor.records.interviews.find(one.id)
        assert kept.current.answers[0].text == ANSWER and kept.next is Next.INTERVIEWER
    assert not any(move.done for move in moves)
    assert conductor.program.loading is Loading.LOADING
    held.released.set()
    assert all(followed(move).endswith("?") for move in moves)
    until(lambda: conductor.program.loading is Loading.READY)
