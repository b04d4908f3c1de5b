"""The SQLite file: its connections, its transactions, its revision, and what its errors mean to the user.

In WAL mode with `synchronous=FULL`: what a transaction has returned from is on disk. A view is not enforced here: who
can read the file reads all of it, and the owner in every query is the only wall.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, Table, create_engine, delete, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from simulator.errors import SimulatorError, StorageError
from simulator.records.database import Database, View, no_interview
from simulator.records.place import require_own_disk
from simulator.records.schema import metadata


class SqliteFile(Database):
    """A file for one machine, and for as many owners as its program tells apart."""

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
        self.path, self.place = path, str(path)
        self.engine = _engine(path)
        self._bring_up()

    @contextmanager
    def write(self, view: View) -> Iterator[Connection]:
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
    def read(self, view: View) -> Iterator[Connection]:
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    def upsert(self, table: Table) -> sqlite.Insert:
        return sqlite.insert(table)

    def seconds(self, connection: Connection) -> float:
        return time.time()

    def one_turn(self, connection: Connection) -> None:
        """Whoever writes is alone already."""

    def forget(self) -> None:
        """Empty the log: words that were removed from the file are in it too."""
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def empty(self, owner: str) -> None:
        """Forget the owner's rows, and write the file anew: no word of theirs is left in its pages or its log.

        Raises StorageError while another process holds the file; call it again then.
        """
        with self.write(View(owner)) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table).where(table.c.owner == owner))
        with self._mapped(), self.engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise StorageError(
                f"All rows are deleted, but another program reads {self.path}: their words are still in its log.",
                "Close the other program and delete everything once more.",
            )

    def _alone(self, connection: Connection) -> None:
        """Whoever writes is alone already."""

    def _revision(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def _note_revision(self, connection: Connection, revision: int) -> None:
        connection.exec_driver_sql(f"PRAGMA user_version={revision}")

    def _told(self, error: SQLAlchemyError) -> SimulatorError:
        told = str(getattr(error, "orig", None) or error).splitlines()[0]
        if "FOREIGN KEY" in told:  # every one of them leads to an interview
            return no_interview()
        if "full" in told:
            return StorageError(
                "Not saved: the disk is full.", f"Free some space in {self.path.parent} and try again."
            )
        if "locked" in told:
            return StorageError(f"Not saved: {told}.", "Another program holds the database; try again in a moment.")
        return StorageError(f"Not saved: {told}.", f"Check {self.path} and try again.")


def _engine(path: Path) -> Engine:
    address = URL.create("sqlite", database=str(path))  # a path may hold `?` and `%`
    engine = create_engine(address, connect_args={"timeout": 5, "check_same_thread": False}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun and ended by this module alone
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
