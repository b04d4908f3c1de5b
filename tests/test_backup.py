"""Backup and restore: whole and checked, whoever writes meanwhile, and nothing is lost on the way."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest
from keeping import answered
from test_records_file import WRITER
from test_records_upgrade import CONTENT, FIRST

from simulator.errors import InputError, StorageError
from simulator.records import SCHEMA_VERSION, Records
from simulator.records.backup import back_up, restore
from simulator.settings import ROOT

BACKUPS = 20


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "stick" / "copy.db"


@pytest.fixture(autouse=True)
def stick(copy: Path) -> None:
    copy.parent.mkdir()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def turns_in(path: Path) -> set[tuple[str, str]]:
    """Every turn of a whole and unharmed file, by interview and id."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        return set(database.execute("SELECT interview, id FROM turns").fetchall())


# Under load


@pytest.fixture
def told(path: Path) -> Iterator[IO[str]]:
    """What a writer on the file acknowledges, one answer a line, until the end of the test."""
    Records(path).close()
    command = [sys.executable, "-c", WRITER, str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as writer:
        assert writer.stdout
        yield writer.stdout
        assert writer.poll() is None, "the writer ended by itself"
        writer.send_signal(signal.SIGKILL)


def test_backups_under_load_hold_all_that_was_acknowledged_before_they_began(
    path: Path, copy: Path, told: IO[str]
) -> None:
    acknowledged: set[tuple[str, str]] = set()
    for number in range(BACKUPS):
        for _ in range(12):
            interview, turn = told.readline().split()
            acknowledged.add((interview, turn))
        target = copy.with_name(f"{number}.db")
        copied = back_up(path, target)
        kept = turns_in(target)
        assert acknowledged <= kept
        assert copied.interviews == len(Records(target).interviews.summaries())
        assert copied.size_bytes == target.stat().st_size


def test_a_file_that_is_in_use_is_not_replaced(path: Path, copy: Path, told: IO[str]) -> None:
    told.readline()
    back_up(path, copy)
    with pytest.raises(StorageError, match="in use") as refused:
        restore(copy, path)
    assert "Stop the program" in refused.value.fix
    assert told.readline(), "the writer was hindered"
    assert names(path.parent) == [path.name, f"{path.name}-shm", f"{path.name}-wal"]


# There and back


def test_a_restored_backup_is_what_was_kept_and_what_was_there_stays_beside_it(path: Path, copy: Path) -> None:
    records = Records(path)
    early = answered(records, grade=(0,))
    copied = back_up(path, copy)
    late = answered(records)
    records.close()
    restored = restore(copy, path)
    assert (copied.interviews, restored.interviews) == (1, 1)
    again = Records(path)
    assert [one.id for one in again.interviews.summaries()] == [early.id]
    assert again.interviews.find(early.id) == early
    assert [job.state for job in again.jobs.of(early.id)] == ["waiting"]
    answered(again)
    again.close()
    assert restored.aside and restored.aside.parent == path.parent
    before = Records(restored.aside)
    assert {one.id for one in before.interviews.summaries()} == {early.id, late.id}
    before.close()
    assert names(copy.parent) == [copy.name]


def test_a_copy_is_for_the_owner_alone(path: Path, copy: Path) -> None:
    answered(Records(path))
    before = os.umask(0)
    try:
        back_up(path, copy)
    finally:
        os.umask(before)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    restore(copy, path.parent / "other" / "interviews.db")
    assert stat.S_IMODE((path.parent / "other").stat().st_mode) == 0o700
    assert stat.S_IMODE((path.parent / "other" / "interviews.db").stat().st_mode) == 0o600


def test_a_backup_takes_the_place_of_a_damaged_file_and_of_a_lost_one(path: Path, copy: Path) -> None:
    records = Records(path)
    kept = answered(records)
    back_up(path, copy)
    records.close()
    path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])
    damaged = path.read_bytes()
    aside = restore(copy, path).aside
    assert aside and aside.read_bytes() == damaged
    assert Records(path).interviews.find(kept.id) == kept
    using, log = Records(path), Path(f"{path}-wal")
    answered(using)
    left = log.read_bytes()
    using.close()
    path.unlink()
    log.write_bytes(left)  # SQLite must not apply the lost file's log to what is put in its place
    assert restore(copy, path).aside is None
    assert Records(path).interviews.find(kept.id) == kept


def test_a_backup_of_the_first_program_is_restored_and_brought_up_to_date(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as database:
        database.executescript(FIRST + CONTENT)
    restore(copy, path)
    assert len(Records(path).interviews.find("i1").exchanges[0].turns) == 3


def test_a_restore_that_is_killed_at_any_step_leaves_the_old_or_the_new(path: Path, copy: Path) -> None:
    records = Records(path)
    old = answered(records)
    back_up(path, copy)
    new = answered(records)
    records.close()
    found = []
    for step in range(1, 40):
        done = subprocess.run([sys.executable, "-c", KILLED, str(copy), str(path), str(step)], check=False)
        after = Records(path)
        assert {one.id for one in after.interviews.summaries()} in ({old.id}, {old.id, new.id})
        found.append(len(after.interviews.summaries()))
        after.close()
        if not done.returncode:
            break
        assert done.returncode == -signal.SIGKILL
    assert found[0] == 2 and found[-1] == 1 and len(found) > 5


KILLED = """
import os, signal, sys
from pathlib import Path
from simulator.records.backup import restore
left = int(sys.argv[3])
def count(event, _):
    global left
    if event in ("open", "os.rename", "os.remove", "sqlite3.connect", "shutil.copyfile", "tempfile.mkstemp"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
restore(Path(sys.argv[1]), Path(sys.argv[2]))
"""


# What is refused


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (text)")


def damaged(path: Path) -> None:
    """An index says something else than its table, which SQLite does not notice by itself."""
    with closing(sqlite3.connect(path)) as database:
        (interview,) = database.execute("SELECT interview FROM turns").fetchone()
    before, found, after = path.read_bytes().rpartition(interview.encode())
    path.write_bytes(before + found[::-1] + after)


REFUSED: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "a newer program's": (newer, InputError, "newer version"),
    "another program's": (foreign, InputError, "holds no interviews"),
    "an empty one": (lambda path: path.write_bytes(b""), InputError, "holds no interviews"),
    "no database": (lambda path: path.write_bytes(b"notes " * 999), StorageError, "not a database"),
    "a damaged one": (damaged, StorageError, "is damaged"),
    "none": (Path.unlink, InputError, "no file"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_a_file_that_is_no_backup_is_refused_and_nothing_changes(which: str, path: Path, copy: Path) -> None:
    change, kind, words = REFUSED[which]
    records = Records(path)
    kept = answered(records)
    back_up(path, copy)
    records.close()
    change(copy)
    before = {name: (path.parent / name).read_bytes() for name in names(path.parent)}
    with pytest.raises(kind, match=words):
        restore(copy, path)
    assert {name: (path.parent / name).read_bytes() for name in names(path.parent)} == before
    assert Records(path).interviews.find(kept.id) == kept


def test_a_servers_database_is_neither_copied_nor_replaced_and_the_servers_own_program_is_named(copy: Path) -> None:
    address = "postgresql://me:secret@here/interviews"
    for refused in (lambda: back_up(address, copy), lambda: restore(copy, address)):
        with pytest.raises(InputError, match="pg_dump") as told:
            refused()
        assert "secret" not in str(told.value)
    assert names(copy.parent) == []


def test_a_backup_replaces_nothing_and_there_must_be_something_to_copy(path: Path, copy: Path) -> None:
    with pytest.raises(InputError, match="Nothing is kept"):
        back_up(path, copy)
    answered(Records(path))
    for taken in (path, copy):
        taken.touch()
        before = taken.read_bytes()
        with pytest.raises(InputError, match="there already"):
            back_up(path, taken)
        assert taken.read_bytes() == before
    with pytest.raises(StorageError, match="No such file"):
        back_up(path, copy.parent / "nowhere" / "copy.db")
    assert names(copy.parent) == [copy.name]
