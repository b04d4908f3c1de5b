"""Which hosts may be sent an owner's answers: asked once a host."""

from sqlalchemy import select

from simulator.records.database import now
from simulator.records.schema import consents
from simulator.records.store import Store


class Consents(Store):
    def given(self, host: str) -> bool:
        """Whether the owner has said so."""
        with self._read() as connection:
            return connection.execute(select(consents.c.at).where(self._own(consents, host=host))).first() is not None

    def give(self, host: str) -> None:
        """The owner says so."""
        said = self._database.upsert(consents).values(owner=self._owner, host=host, at=now())
        with self._write() as connection:
            connection.execute(said.on_conflict_do_nothing())
