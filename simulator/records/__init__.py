"""What is kept: interviews, grading jobs, guides, stories, drills and opinions, in one SQLite file.

`Records` is the whole of it; each part is a file of its own beside this one. The only folder that imports SQLAlchemy
and alembic. It keeps what it is given and judges nothing; no model is ever called inside a transaction.
"""

from pathlib import Path

from simulator.records.database import Database, new_id
from simulator.records.drills import CardRow, Drills, ReviewRow
from simulator.records.guides import Guide, Guides, passages_of
from simulator.records.interviews import Interviews, Summary
from simulator.records.jobs import LEASE_SECONDS, MOST_ATTEMPTS, Job, Jobs, worker_name
from simulator.records.opinions import Opinion, Opinions, SelfRating
from simulator.records.schema import SCHEMA_VERSION
from simulator.records.stories import StoredStory, Stories
from simulator.records.transfer import Taken, Transfer

__all__ = [
    "LEASE_SECONDS",
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
    """The database in one file, part by part. Safe to use from several threads and processes.

    A file of an older program is brought up to date when it is opened. Raises StorageError where the file cannot be
    made or read, or was written by a newer program.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.interviews = Interviews(self._database)
        self.jobs = Jobs(self._database)
        self.guides = Guides(self._database)
        self.stories = Stories(self._database)
        self.drills = Drills(self._database)
        self.opinions = Opinions(self._database)
        self.transfer = Transfer(self._database)

    def empty(self) -> None:
        """Forget everything. Raises StorageError while another process holds the file; call it again then."""
        self._database.empty()

    def close(self) -> None:
        self._database.close()
