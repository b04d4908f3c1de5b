"""What the stores ask of a database, whichever it is: transactions in one owner's view, its revision, its clock.

Knows no interview, and no product: the file is `sqlite.py`, the server is `postgres.py`.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine, Table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from simulator.errors import InputError, SimulatorError, StorageError
from simulator.records.migrations import upgrade
from simulator.records.schema import SCHEMA_VERSION, metadata

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

LOCAL = ""
"""The owner of what is kept for the one user of a machine."""


@dataclass(frozen=True, slots=True)
class View:
    """Which rows a transaction may see and change, beside the conditions of its own queries.

    One owner's, or `over` all owners: `jobs` the grading jobs, to lease one; `old` the interviews that began before
    `oldest`, to forget them.
    """

    owner: str | None = None
    over: str = ""
    oldest: str = ""


JOBS = View(over="jobs")
SCHEMA = View()
"""No row at all: to make the tables and to bring them up to date."""


def new_id() -> str:
    """A random 128-bit id, safe in an address."""
    return uuid.uuid4().hex


def now() -> str:
    """The time as it is kept."""
    return moment(datetime.now(UTC))


def moment(at: datetime) -> str:
    """A time in UTC as it is kept: ISO 8601 with microseconds, so that later is also greater."""
    return at.isoformat(timespec="microseconds")


class Database(ABC):
    """One database, made or brought up to the newest revision when it is opened. For several threads."""

    engine: Engine
    place: str
    """What it is called in an error; without a password."""

    @abstractmethod
    def write(self, view: View) -> AbstractContextManager[Connection]:
        """One transaction, kept whole and on disk when it has ended, or not at all on any error."""

    @abstractmethod
    def read(self, view: View) -> AbstractContextManager[Connection]:
        """One transaction that sees the same state all the while."""

    @abstractmethod
    def upsert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """An insert that can say what becomes of a row that is there already."""

    @abstractmethod
    def seconds(self, connection: Connection) -> float:
        """The time that leases are told by, in seconds of the epoch: one clock for all that share this database."""

    @abstractmethod
    def one_turn(self, connection: Connection) -> None:
        """Let no other worker choose a job until this transaction has ended."""

    @abstractmethod
    def forget(self) -> None:
        """Leave no word that was removed from a row in what else the database writes, as far as it lets us."""

    @abstractmethod
    def empty(self, owner: str) -> None:
        """Forget all rows of one owner. Raises StorageError where words of theirs are left; call it again then."""

    def require_writable(self) -> None:
        """Write what is there already. Raises StorageError where it is not taken."""
        with self.write(SCHEMA) as connection:
            self._note_revision(connection, self._revision(connection))

    def close(self) -> None:
        self.engine.dispose()

    def _bring_up(self) -> None:
        with self.read(SCHEMA) as connection:
            if self._revision(connection) == SCHEMA_VERSION:
                return
        with self.write(SCHEMA) as connection:
            self._alone(connection)
            revision = self._revision(connection)  # once more, under the lock: another process may have done it
            if revision > SCHEMA_VERSION:
                raise StorageError(
                    f"{self.place} was written by a newer version of this program.", "Update the program."
                )
            if not revision:
                self._make(connection)
            elif revision < SCHEMA_VERSION:
                upgrade(connection, revision)
            self._note_revision(connection, SCHEMA_VERSION)

    @abstractmethod
    def _alone(self, connection: Connection) -> None:
        """Wait until nobody else makes the tables, and let nobody until this transaction has ended."""

    def _make(self, connection: Connection) -> None:
        metadata.create_all(connection)

    @abstractmethod
    def _revision(self, connection: Connection) -> int:
        """The revision of the tables; 0 where there are none."""

    @abstractmethod
    def _note_revision(self, connection: Connection, revision: int) -> None:
        """Keep of which revision the tables are."""

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._told(error) from error

    @abstractmethod
    def _told(self, error: SQLAlchemyError) -> SimulatorError:
        """What an error of the database means to the user."""


def no_interview() -> InputError:
    """What is said of an id that no interview has, or has any more."""
    return InputError("There is no interview with this address.", "Choose one from the list.")
