"""Files of older programs: all that they hold is kept, whoever opens them, however often and whatever goes wrong."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine

from simulator.errors import InputError, StorageError
from simulator.interview import Act, Interview, Next, Role
from simulator.records import SCHEMA_VERSION, Guide, Records
from simulator.records.migrations import upgrade
from simulator.settings import ROOT

# What the first program made: kept here as it was, whatever becomes of the tables and the revisions.
FIRST = """
CREATE TABLE interviews (
    id VARCHAR(32) NOT NULL,
    company VARCHAR(40) NOT NULL,
    length VARCHAR(20) NOT NULL,
    questions JSON NOT NULL,
    asked INTEGER NOT NULL,
    closed BOOLEAN NOT NULL,
    started VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE guides (
    id VARCHAR(32) NOT NULL,
    title TEXT NOT NULL,
    company VARCHAR(40) NOT NULL,
    passages JSON NOT NULL,
    added VARCHAR(32) NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE turns (
    id VARCHAR(64) NOT NULL,
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    position INTEGER NOT NULL,
    role VARCHAR(16) NOT NULL,
    text TEXT NOT NULL,
    check_id VARCHAR(64) NOT NULL,
    passages JSON NOT NULL,
    said VARCHAR(32) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (interview, exchange, position),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE INDEX ix_turns_interview ON turns (interview);
CREATE TABLE grading_jobs (
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    lease_until FLOAT NOT NULL,
    worker VARCHAR(40) NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (interview, exchange),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE TABLE grades (
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    grade JSON NOT NULL,
    PRIMARY KEY (interview, exchange),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE TABLE drafts (
    interview VARCHAR(32) NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (interview),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
PRAGMA user_version=1;
"""
CONTENT = """
INSERT INTO interviews VALUES ('i1', 'stripe', 'quick', '[
    {"id": "story/a", "text": "Tell me of a delay.", "kind": "story", "company": "general", "topic": "delay",
     "invites": ["context.goal"], "weight": 1.5, "provenance": "several guides"},
    {"id": "story/b", "text": "Pick a launch.", "kind": "story", "company": "stripe", "topic": "",
     "invites": [], "weight": 1.0, "provenance": "own judgement"}]',
    2, 0, '2026-01-02T03:04:05.250000+00:00', 4);
INSERT INTO turns VALUES ('t1', 'i1', 0, 0, 'candidate', 'I cut it; “so” 👍🏽.', '', '[]',
    '2026-01-02T03:05:05.500000+00:00');
INSERT INTO turns VALUES ('t2', 'i1', 0, 1, 'interviewer', 'What did that cost?', 'action.tradeoff', '["probes/a/b"]',
    '2026-01-02T03:05:15.250000+00:00');
INSERT INTO turns VALUES ('t3', 'i1', 0, 2, 'candidate', 'Two customers.', '', '[]',
    '2026-01-02T03:06:05.250000+00:00');
INSERT INTO grading_jobs VALUES ('i1', 0, 'done', 1, 0.0, 'w', '');
INSERT INTO grades VALUES ('i1', 0, '{"overall": 2.8}');
INSERT INTO drafts VALUES ('i1', 'At the launch');
INSERT INTO guides VALUES ('g1', 'My notes', 'meta', '["First.", "Second."]', '2026-01-01');
"""
BEGAN = 1767323045.25
IMPORTS = "from pathlib import Path\nfrom simulator.records import Records"


SECOND = (Path(__file__).parent / "revision-2.sql").read_text(encoding="utf-8")


@pytest.fixture(params=[FIRST + CONTENT, SECOND], ids=["first", "second"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file of the first or of the second program with an interview under way."""
    path = tmp_path / "interviews.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(request.param)
    yield path
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def held(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table's definition and rows, as SQLite has them."""
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        found = {name: [(sql,), *database.execute(f"SELECT * FROM {name}").fetchall()] for name, sql in tables}
        return found | {"revision": database.execute("PRAGMA user_version").fetchall()}


def shape(path: Path) -> dict[str, object]:
    """Columns in order, keys and indexes of every table but alembic's own."""
    with closing(sqlite3.connect(path)) as database:
        ask = database.execute
        names = [name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        return {
            name: [
                ask(f"PRAGMA table_info({name})").fetchall(),
                ask(f"PRAGMA foreign_key_list({name})").fetchall(),
                sorted((*one[1:], str(ask(f"PRAGMA index_info({one[1]})").fetchall()))
                       for one in ask(f"PRAGMA index_list({name})").fetchall()),
            ]
            for name in names
            if name != "alembic_version"
        }  # fmt: skip


def assert_kept(path: Path) -> Interview:
    records = Records(path)
    interview = records.interviews.find("i1")
    told = [(turn.id, turn.role, turn.act, turn.text, turn.at) for turn in interview.exchanges[0].turns]
    assert told == [
        ("t1", Role.CANDIDATE, Act.ANSWER, "I cut it; “so” 👍🏽.", pytest.approx(60.25, abs=0.01)),
        ("t2", Role.INTERVIEWER, Act.PROBE, "What did that cost?", pytest.approx(70.0, abs=0.01)),
        ("t3", Role.CANDIDATE, Act.ANSWER, "Two customers.", pytest.approx(120.0, abs=0.01)),
    ]
    assert (interview.exchanges[0].turns[1].check, interview.exchanges[0].turns[1].passages) == (
        "action.tradeoff",
        ("probes/a/b",),
    )
    assert interview.questions[0].invites == ("context.goal",) and interview.questions[0].weight == 1.5
    assert {(question.kind, question.facts) for question in interview.questions} == {("story", ())}
    assert (interview.plan, interview.timed, interview.retry_of) == ((), False, "")
    assert interview.began == pytest.approx(BEGAN, abs=0.01)
    assert (interview.next, len(interview.exchanges), interview.closed) == (Next.CANDIDATE, 2, False)
    assert [one.answers for one in records.interviews.summaries()] == [2]
    assert records.interviews.draft("i1") == "At the launch"
    assert [(job.exchange, job.state) for job in records.jobs.of("i1")] == [(0, "done")]
    assert records.jobs.grades("i1") == {0: {"overall": 2.8}}
    assert records.guides.all() == [Guide("g1", "My notes", "meta", ("First.", "Second."), "2026-01-01")]
    records.close()
    return interview


def rows(path: Path) -> dict[str, list[dict[str, object]]]:
    """The rows of every table but alembic's own, by the names of their columns."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'alembic%'")
        return {name: [dict(row) for row in database.execute(f"SELECT * FROM {name}")] for (name,) in tables}


def in_a_process_of_its_own(program: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_file_of_the_first_program_keeps_all_and_its_interview_goes_on(path: Path) -> None:
    before = assert_kept(path)
    records = Records(path)
    after = before.answer("t4", "We shipped it.", at=500.0)
    records.interviews.save(before, after, grade=[1])
    assert records.interviews.find("i1") == after
    records.opinions.contest("i1", 0, "context.goal", False, "I did say so.")
    records.interviews.remove("i1")
    assert records.opinions.all_opinions() == []
    with pytest.raises(InputError):
        records.interviews.find("i1")
    records.close()


def test_every_row_of_an_older_file_is_the_local_users_and_as_it_was(path: Path) -> None:
    before = rows(path)
    Records(path).close()
    after = rows(path)
    assert sum(map(len, after.values())) == sum(map(len, before.values()))
    for table, kept in before.items():
        for old, new in zip(kept, after[table], strict=True):
            assert new | old | {"owner": ""} == new
    records = Records(path)
    assert not any(records.of("anna").transfer.dump().values())
    records.close()


def test_an_upgraded_file_has_the_tables_of_a_new_one(path: Path, tmp_path: Path) -> None:
    Records(path).close()
    Records(tmp_path / "new.db").close()
    assert shape(path) == shape(tmp_path / "new.db")


def test_the_revisions_alone_make_the_tables_of_a_new_file(tmp_path: Path) -> None:
    Records(tmp_path / "new.db").close()
    engine = create_engine(URL.create("sqlite", database=str(tmp_path / "empty.db")))
    with engine.begin() as connection:
        upgrade(connection, 0)
    engine.dispose()
    assert shape(tmp_path / "empty.db") == shape(tmp_path / "new.db")


def test_the_last_revision_is_the_one_that_the_program_expects(path: Path) -> None:
    Records(path).close()
    assert held(path)["alembic_version"][1:] == [(f"{SCHEMA_VERSION:04}",)]
    assert held(path)["revision"] == [(SCHEMA_VERSION,)]


def test_a_file_that_is_up_to_date_is_opened_without_alembic_and_without_the_write_lock(tmp_path: Path) -> None:
    path = tmp_path / "interviews.db"
    opening = "Records(Path(sys.argv[1])); print([name for name in ('alembic', 'mako') if name in sys.modules])"
    Records(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = in_a_process_of_its_own(f"import sys\n{IMPORTS}\n{opening}", path)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_upgrade_that_fails_half_way_leaves_the_old_file_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE consents (in_the_way)")  # the last table that a revision makes
    before = held(path)
    with pytest.raises(StorageError, match="consents already exists"):
        Records(path)
    assert held(path) == before
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE consents")
    assert_kept(path)


KILLED = f"""
import os, signal, sys
from sqlalchemy import Engine, event
{IMPORTS}
left = [int(sys.argv[2])]
writes = ("ALTER", "UPDATE", "CREATE", "INSERT", "DELETE", "DROP", "PRAGMA USER_VERSION=")

@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    if statement.lstrip().upper().startswith(writes):
        print(statement, flush=True)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

Records(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("written", [1, 12, 30, 44, 57])
def test_a_program_that_is_killed_during_the_upgrade_leaves_the_old_file_usable(path: Path, written: int) -> None:
    before = held(path)
    done = in_a_process_of_its_own(KILLED, path, str(written))
    assert done.returncode == -signal.SIGKILL, (done.stdout, done.stderr)
    assert held(path) == before
    assert_kept(path)


OPENING = f"""
import sys
{IMPORTS}
print("ready", flush=True)
sys.stdin.readline()
records = Records(Path(sys.argv[1]))
print(len(records.interviews.find("i1").exchanges[0].turns))
"""


def test_two_programs_that_open_an_old_file_at_once_both_find_all(path: Path) -> None:
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, str(path)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for one in starts:
            assert one.stdout is not None and one.stdout.readline() == "ready\n"
        for one in starts:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        assert [one.communicate(timeout=120) for one in starts] == [("3\n", "")] * 3
    finally:
        for one in starts:
            one.kill()
            one.wait()
    assert_kept(path)
