"""The database as a file: its pragmas, crashes, full disks, newer files."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from keeping import answered

from simulator.errors import StorageError
from simulator.interview import Interview
from simulator.records import (
    SCHEMA_VERSION,
    Records,
)
from simulator.settings import ROOT


def test_every_connection_writes_ahead_and_waits_for_the_disk(kept: Records) -> None:
    def pragmas(_: int) -> tuple[object, ...]:
        with kept._database.engine.connect() as connection:
            barrier.wait(timeout=120)  # so that each thread has a connection of its own
            names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "user_version")
            return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names)

    barrier = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(pragmas, range(3))) == {("wal", 2, 1, 1, SCHEMA_VERSION)}  # 2 is FULL


def test_only_the_owner_can_read_the_files(path: Path) -> None:
    before = os.umask(0o000)
    try:
        records = Records(path)
        answered(records)
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    records = Records(path)
    interview = answered(records)
    records.close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        database.execute("ALTER TABLE turns RENAME TO turns_of_the_future")
    database.close()
    with pytest.raises(StorageError, match="newer") as told:
        Records(path)
    assert str(path) in told.value.problem and "Update" in told.value.fix
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
        assert database.execute("SELECT interview FROM turns_of_the_future").fetchall() == [(interview.id,)]
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'turns'").fetchall()


@pytest.mark.parametrize("name", ["a b", "what?mode=memory", "50%41#x", "ü&é", "c:d"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "interviews.db"
    interview = answered(Records(path))
    assert path.stat().st_size > 0
    assert Records(path).interviews.find(interview.id) == interview
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are somebody's notes, not a database\n" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Records(path)
    assert path.read_bytes().startswith(b"these are")


def test_a_folder_that_cannot_be_made_is_a_storage_error_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as told:
        Records(tmp_path / "file" / "kept" / "interviews.db")
    assert "SIMULATOR_DATA_DIR" in told.value.fix


# Crashes and full disks

WRITER = """
import sys
from pathlib import Path
from simulator.interview import Question, Role, Turn, open_interview
from simulator.records import Records, new_id

records = Records(Path(sys.argv[1]))
while True:
    interview = open_interview(new_id(), "meta", "full", [Question("q", "Tell me.")])
    records.interviews.add(interview)
    for _ in range(3):
        after = interview.answer(new_id(), "I cut the export. " * 40)
        records.interviews.save(interview, after, grade=[0])
        print(interview.id, after.current.turns[-1].id, flush=True)
        interview = after.reply(Turn(new_id(), Role.INTERVIEWER, "What did that cost?"))
        records.interviews.save(after, interview)
"""


def killed(writer: subprocess.Popen[str], after: int) -> set[tuple[str, ...]]:
    """Kill a writer once it has acknowledged so many answers; all that it acknowledged."""
    assert writer.stdout is not None
    with writer.stdout as told:
        lines = [told.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        lines += told.readlines()
    assert writer.wait(timeout=120) == -signal.SIGKILL, "it ended by itself"
    return {tuple(line.split()) for line in lines if line.endswith("\n")}


def test_every_acknowledged_answer_survives_twenty_kills(tmp_path: Path) -> None:
    chance = random.Random(1)
    paths = [tmp_path / f"{number}.db" for number in range(5)]
    acknowledged: dict[Path, set[tuple[str, ...]]] = {path: set() for path in paths}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for _ in range(4):
        commands = [[sys.executable, "-c", WRITER, str(path)] for path in paths]
        writers = [subprocess.Popen(one, stdout=subprocess.PIPE, env=environment, text=True) for one in commands]
        try:
            for path, writer in zip(paths, writers, strict=True):
                acknowledged[path] |= killed(writer, after=chance.randint(1, 12))
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        for path, told in acknowledged.items():
            records = Records(path)
            kept = {
                (one.id, turn.id)
                for one in records.interviews.summaries()
                for exchange in records.interviews.find(one.id).exchanges
                for turn in exchange.turns
            }
            assert told and told <= kept
            records.close()
    for path in paths:
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            ungraded = "SELECT 1 FROM turns WHERE interview NOT IN (SELECT interview FROM grading_jobs)"
            assert database.execute(ungraded).fetchall() == [], "an answer was kept without its grading job"
        database.close()


def fill(records: Records) -> list[Interview]:
    """Save answers until the disk is full; what was acknowledged until then."""
    kept = []
    with pytest.raises(StorageError, match="Not saved: the disk is full") as told:
        for _ in range(400):
            kept.append(answered(records, "I cut the export. " * 400, grade=(0,)))
    assert "Free some space" in told.value.fix
    assert kept, "nothing fitted at all"
    return kept


def test_a_full_database_says_so_and_keeps_what_was_there(kept: Records) -> None:
    with kept._database.engine.connect() as connection:  # the pool's one connection, used again below
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")
    interviews = fill(kept)
    assert [kept.interviews.find(one.id) for one in interviews] == interviews
    with kept._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
    interviews.append(answered(kept))
    assert [kept.interviews.find(one.id) for one in interviews] == interviews


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, with half of it taken by a file `ballast`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done:  # SQLite meets a full database the same way (the test before); only the file system is not the real one
        pytest.skip("a file system can be mounted by root alone")
    (disk / "ballast").write_bytes(bytes(512 * 1024))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_says_so_and_the_next_answer_fits_once_there_is_room(small_disk: Path) -> None:
    records = Records(small_disk / "interviews.db")
    interviews = fill(records)
    assert [records.interviews.find(one.id) for one in interviews] == interviews
    (small_disk / "ballast").unlink()
    interviews.append(answered(records))
    assert [records.interviews.find(one.id) for one in interviews] == interviews
    records.close()
    again = Records(small_disk / "interviews.db")
    assert [again.interviews.find(one.id) for one in interviews] == interviews
    assert len(again.interviews.summaries()) <= len(interviews) + 1  # one may have been opened and not answered
    again.close()
