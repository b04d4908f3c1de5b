"""What is kept: interviews, grading jobs, guides, stories, drills, opinions and consents.

In one SQLite file, or in a PostgreSQL database that many share. `Records` is the whole of it as one owner sees it;
each part is a file of its own beside this one. The only folder that imports SQLAlchemy, alembic and a driver. It
keeps what it is given and judges nothing; no model is ever called inside a transaction.
"""

from pathlib import Path

from simulator.records.consents import Consents
from simulator.records.database import LOCAL, Database, new_id
from simulator.records.drills import CardRow, Drills, ReviewRow
from simulator.records.guides import Guide, Guides, passages_of
from simulator.records.interviews import Interviews, Summary
from simulator.records.jobs import LEASE_SECONDS, MOST_ATTEMPTS, Job, Jobs, worker_name
from simulator.records.opinions import Opinion, Opinions, SelfRating
from simulator.records.schema import SCHEMA_VERSION
from simulator.records.sqlite import SqliteFile
from simulator.records.stories import StoredStory, Stories
from simulator.records.transfer import Taken, Transfer

__all__ = [
    "LEASE_SECONDS",
    "LOCAL",
    "MOST_ATTEMPTS",
    "SCHEMA_VERSION",
    "CardRow",
    "Guide",
    "Job",
    "Opinion",
    "Records",
    "ReviewRow",
    "SelfRating",
    "StoredStory",
    "Summary",
    "Taken",
    "new_id",
    "passages_of",
    "worker_name",
]


class Records:
    """The database as one owner sees it, part by part. Safe to use from several threads and processes.

    `place` is an SQLite file, or the address of a PostgreSQL database (postgresql://...). Of both, one of an older
    program is brought up to date when it is opened. Raises StorageError where it cannot be made or read, or was
    written by a newer program, and ConfigurationError for an address that cannot be used.
    """

    def __init__(self, place: Path | str | Database, owner: str = LOCAL) -> None:
        self.owner = owner
        self._database = place if isinstance(place, Database) else _opened(place)
        self.interviews = Interviews(self._database, owner)
        self.jobs = Jobs(self._database, owner)
        self.guides = Guides(self._database, owner)
        self.stories = Stories(self._database, owner)
        self.drills = Drills(self._database, owner)
        self.opinions = Opinions(self._database, owner)
        self.consents = Consents(self._database, owner)
        self.transfer = Transfer(self._database, owner)

    def of(self, owner: str) -> "Records":
        """The same database as another owner sees it. Costs nothing, and is closed with this one."""
        return Records(self._database, owner)

    def require_writable(self) -> None:
        """Raises StorageError where nothing can be kept now."""
        self._database.require_writable()

    def empty(self) -> None:
        """Forget all of this owner. Raises StorageError while another process holds an SQLite file; call it again
        then.
        """
        self._database.empty(self.owner)

    def close(self) -> None:
        """End the connections, those of every owner's view."""
        self._database.close()


def _opened(place: Path | str) -> Database:
    if isinstance(place, Path):
        return SqliteFile(place)
    from simulator.records.postgres import PostgresServer  # one who needs no server does not wait for it

    return PostgresServer(place)
