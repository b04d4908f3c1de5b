"""Records in a real SQLite file or a real PostgreSQL database, and interviews to keep in them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.interview import Interview, Next, Question, Role, Turn, open_interview
from simulator.records import (
    Records,
    new_id,
)
from simulator.records.postgres import PostgresServer
from simulator.records.sqlite import SqliteFile

QUESTIONS = (
    Question(
        "story/off-track",
        "Tell me about a project.",
        "case",
        "meta",
        "recovery",
        ("a", "b"),
        2.3,
        "several guides",
    ),
    Question("story/launch", "Pick a launch.", invites=()),
)
ODD = [
    "👨\u200d👩\u200d👧 👍🏽 🇩🇪 ❤\ufe0f 🙂",
    "e\u0301 é Zażółć \u202eabc\u202c \u200b\u2060 \ufeff",
    "日本語 العربية हिन्दी 𝔘𝔫𝔦 \U0010ffff \ue000 \ufffe",
    'it\'s "quoted"; DROP TABLE turns; -- %s :name {x} ?1 \\ \\n `back` $1',
    "one\n\n\ttwo\r\nthree\u2028four\x0b\x7f ",
    "word " * 1_999,
]


DATABASES = ["sqlite", "postgresql"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "interviews.db"


@pytest.fixture
def place(path: Path) -> Path | str:
    """Where records are kept. A file of tests that hold for both databases puts `anywhere` in its place."""
    return path


def anywhere() -> Any:
    """A fixture `place` that is an SQLite file, and then a new PostgreSQL database."""

    @pytest.fixture(params=DATABASES)
    def place(request: pytest.FixtureRequest) -> Path | str:
        place: Path | str = request.getfixturevalue("database" if request.param == "postgresql" else "path")
        return place

    return place


@pytest.fixture
def kept(place: Path | str) -> Iterator[Records]:
    records = Records(place)
    yield records
    records.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the records' clock on by so many seconds."""
    now = [1_000_000.0]
    for database in (SqliteFile, PostgresServer):
        monkeypatch.setattr(database, "seconds", lambda self, connection: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def opened(records: Records, questions: tuple[Question, ...] = QUESTIONS) -> Interview:
    interview = open_interview(new_id(), "meta", "full", questions)
    records.interviews.add(interview)
    return interview


def probe(text: str = "What did that cost?") -> Turn:
    return Turn(new_id(), Role.INTERVIEWER, text, "action.tradeoff", ("probes/a/b", "probes/c/d"))


def answered(records: Records, text: str = "I cut the export.", grade: tuple[int, ...] = ()) -> Interview:
    before = opened(records)
    after = before.answer(new_id(), text)
    records.interviews.save(before, after, grade)
    return after


def moved_on(interview: Interview) -> Interview:
    """The next legal move: an answer, a probe, or the next question."""
    if interview.next is Next.CANDIDATE:
        return interview.answer(new_id(), f"I did {new_id()}.")
    return interview.reply(probe()) if interview.may_probe else interview.advance()
