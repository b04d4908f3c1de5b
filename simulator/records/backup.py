"""One whole copy of the file, made while the program goes on, and put back when it does not.

A copy is checked before it gets its name, and no file that was there is ever lost: a backup replaces nothing,
and what a restore replaces stays beside it. Knows no table but the one that says whether a file is of this program.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from simulator.errors import InputError, StorageError
from simulator.records.schema import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds, and where the file that it replaced is now."""

    interviews: int
    size_bytes: int
    aside: Path | None = None


def back_up(source: Path | str, target: Path) -> Copied:
    """Copy the database `source`, in use or not, into the new file `target`: all that was kept when it began.

    Raises InputError where there is nothing to copy, the name is taken or `source` is the address of a server, and
    StorageError where the copy cannot be made or does not hold together; then there is no `target`.
    """
    source = _require_file(source)
    if not source.is_file():
        raise InputError(f"Nothing is kept in {source} yet.", "Set SIMULATOR_DATA_DIR if it is elsewhere.")
    if target.exists():
        raise InputError(f"{target} is there already.", "Choose another name; a backup replaces nothing.")
    with _made(source, target) as (copy, copied), _told(target):
        os.replace(copy, target)
        _sync(target.parent)
    return copied


def restore(copy: Path, target: Path | str) -> Copied:
    """Put a backup in the place of the database `target`, whole or not at all; what was there stays beside it.

    Raises InputError for a file that is no backup of this program or a newer one's and where `target` is the address
    of a server, StorageError for a damaged one and while another program has `target` open.
    """
    target = _require_file(target)
    if not copy.is_file():
        raise InputError(f"There is no file {copy}.", "Give a file of `simulator backup`.")
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _made(copy, target) as (made, copied), _told(target):
        aside = _set_aside(target) if target.exists() else None
        for left in (f"{target}-wal", f"{target}-shm"):  # SQLite would apply another database's log to ours
            Path(left).unlink(missing_ok=True)
        os.replace(made, target)
        _sync(target.parent)
    return Copied(copied.interviews, copied.size_bytes, aside)


def _require_file(place: Path | str) -> Path:
    if isinstance(place, Path):
        return place
    raise InputError(
        "What is kept is in a PostgreSQL database, which this program neither copies nor replaces.",
        "Use pg_dump and pg_restore as an administrator of the server: the program's own user sees one owner's rows "
        "at a time.",
    )


@contextmanager
def _made(source: Path, target: Path) -> Iterator[tuple[Path, Copied]]:
    """A checked copy of `source` in the folder of `target`, on disk; gone afterwards unless it was moved."""
    with _told(target):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # for the owner alone
        os.close(handle)
    path = Path(name)
    try:
        with _told(source), closing(_connect(source, "ro")) as old, closing(_connect(path, "rw")) as new:
            _check_revision(old, source)
            old.backup(new)  # one step: a reader's view, in which a writer that goes on changes nothing
            new.execute("PRAGMA journal_mode=DELETE")  # one file that holds it all
            if new.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise StorageError(f"{source} is damaged.", "Use an older backup.")
            (interviews,) = new.execute("SELECT count(*) FROM interviews").fetchone()
        with _told(target):
            _sync(path)
        yield path, Copied(interviews, path.stat().st_size)
    finally:
        path.unlink(missing_ok=True)


def _check_revision(database: sqlite3.Connection, path: Path) -> None:
    (revision,) = database.execute("PRAGMA user_version").fetchone()
    ours = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'interviews'").fetchone()
    if revision > SCHEMA_VERSION and ours:
        raise InputError(f"{path} was written by a newer version of this program.", "Update the program.")
    if not (revision and ours):
        raise InputError(f"{path} holds no interviews.", "Give a file of `simulator backup`.")


def _set_aside(path: Path) -> Path:
    """A second copy of the database under a name that says when; a damaged one as it is, its log with it."""
    _fold(path)
    aside = path.with_name(f"{path.stem}.before-restore-{datetime.now():%Y%m%d-%H%M%S-%f}{path.suffix}")
    for end in ("", "-wal"):
        if Path(f"{path}{end}").exists():
            shutil.copy2(f"{path}{end}", f"{aside}{end}")
            _sync(Path(f"{aside}{end}"))
    return aside


def _fold(path: Path) -> None:
    """Make the database one file. SQLite refuses that while anybody else has it open."""
    with closing(_connect(path, "rw")) as database:
        try:
            database.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise StorageError(
                f"{path} is in use: nothing was restored.", "Stop the program and run the same command again."
            ) from error
        except sqlite3.DatabaseError:
            return  # damaged, which is why it is replaced


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=1)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(
            f"{path}: {error}.", "Check the file and the space on its disk, then try again."
        ) from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}.", "Choose another place, or free some space.") from error
