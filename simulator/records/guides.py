"""The guides that the user added, cut into passages. Knows no file format and no index."""

from dataclasses import asdict, dataclass

from sqlalchemy import delete, select

from simulator.library import Passage
from simulator.records.schema import guides
from simulator.records.store import Store


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide that the user added, cut into passages. The id is a digest of its text."""

    id: str
    title: str
    company: str
    passages: tuple[str, ...]
    added: str


class Guides(Store):
    def add(self, guide: Guide) -> bool:
        """Keep a guide. False when the same text is there already."""
        row = asdict(guide) | {"owner": self._owner, "passages": list(guide.passages)}
        new = self._database.upsert(guides).values(row)
        with self._write() as connection:
            return bool(connection.execute(new.on_conflict_do_nothing()).rowcount)

    def remove(self, guide_id: str) -> bool:
        """Forget a guide. False when there is none with that id."""
        with self._write() as connection:
            gone = bool(connection.execute(delete(guides).where(self._own(guides, id=guide_id))).rowcount)
        self._database.forget()
        return gone

    def all(self) -> list[Guide]:
        """All guides of the user, the oldest first."""
        query = select(guides).where(self._own(guides))
        with self._read() as connection:
            rows = connection.execute(query.order_by(guides.c.added, guides.c.id)).all()
        return [Guide(r.id, r.title, r.company, tuple(r.passages), r.added) for r in rows]


def passages_of(guide: Guide) -> list[Passage]:
    """A guide's passages as the index wants them."""
    return [
        Passage(f"user/{guide.id}/{n}", "guide", text, guide.company, provenance="user guide", guide=guide.title)
        for n, text in enumerate(guide.passages, 1)
    ]
