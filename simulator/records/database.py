"""The file: its connections, its transactions, its revision, and what its errors mean to the user.

SQLite in WAL mode with `synchronous=FULL`: what a transaction has returned from is on disk. Knows no interview.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, delete, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from simulator.errors import InputError, SimulatorError, StorageError
from simulator.records.migrations import upgrade
from simulator.records.place import require_own_disk
from simulator.records.schema import SCHEMA_VERSION, metadata


def new_id() -> str:
    """A random 128-bit id, safe in an address."""
    return uuid.uuid4().hex


def now() -> str:
    """The time as it is kept."""
    return moment(datetime.now(UTC))


def moment(at: datetime) -> str:
    """A time in UTC as it is kept: ISO 8601 with microseconds, so that later is also greater."""
    return at.isoformat(timespec="microseconds")


class Database:
    """An SQLite file, made or brought up to the newest revision when it is opened."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            require_own_disk(path.parent)
            path.touch(mode=0o600)
        except OSError as error:
            raise StorageError(
                f"Interviews cannot be kept in {path.parent}: {error.strerror}.",
                "Set SIMULATOR_DATA_DIR to a folder that you may write to.",
            ) from error
        self.path = path
        self.engine = _engine(path)
        self._bring_up()

    def _bring_up(self) -> None:
        with self.read() as connection:
            if _revision(connection) == SCHEMA_VERSION:
                return
        with self.write() as connection:
            revision = _revision(connection)  # once more, under the lock: another process may have done it
            if revision > SCHEMA_VERSION:
                raise StorageError(
                    f"{self.path} was written by a newer version of this program.", "Update the program."
                )
            if not revision:
                metadata.create_all(connection)
            elif revision < SCHEMA_VERSION:
                upgrade(connection, revision)
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its beginning; kept whole, or not at all on any error."""
        # BEGIN IMMEDIATE takes the write lock at once, so a reader never has to be upgraded half way.
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()  # not a plain ROLLBACK: a full disk has SQLite roll back by itself
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that sees the same state all the while."""
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    def forget(self) -> None:
        """Empty the log: words that were removed from the file are in it too."""
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def empty(self) -> None:
        """Forget every row, and write the file anew: no word that was in it is left in its pages or its log.

        Raises StorageError while another process holds the file; call it again then.
        """
        with self.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise StorageError(
                f"All rows are deleted, but another program reads {self.path}: their words are still in its log.",
                "Close the other program and delete everything once more.",
            )

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise _told(error, self.path) from error


def _engine(path: Path) -> Engine:
    address = URL.create("sqlite", database=str(path))  # a path may hold `?` and `%`
    engine = create_engine(address, connect_args={"timeout": 5, "check_same_thread": False}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun and ended by this module alone
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _revision(connection: Connection) -> int:
    """The revision of the file; 0 for one that was just made."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _told(error: SQLAlchemyError, path: Path) -> SimulatorError:
    told = str(getattr(error, "orig", None) or error).splitlines()[0]
    if "FOREIGN KEY" in told:  # every one of them leads to an interview
        return no_interview()
    if "full" in told:
        return StorageError("Not saved: the disk is full.", f"Free some space in {path.parent} and try again.")
    if "locked" in told:
        return StorageError(f"Not saved: {told}.", "Another program holds the database; try again in a moment.")
    return StorageError(f"Not saved: {told}.", f"Check {path} and try again.")


def no_interview() -> InputError:
    """What is said of an id that no interview has, or has any more."""
    return InputError("There is no interview with this address.", "Choose one from the list.")
