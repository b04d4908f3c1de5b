"""The candidate's own stories, and which items of the checklist they have ticked.

What the fields of a story are, and what the items say, is known elsewhere.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from simulator.errors import InputError
from simulator.records.database import now
from simulator.records.schema import checklist, stories
from simulator.records.store import Store


@dataclass(frozen=True, slots=True)
class StoredStory:
    """A story as it was last saved. `fields` is what JSON can hold; `changed` is UTC in ISO 8601."""

    id: str
    title: str
    fields: dict[str, Any]
    changed: str


class Stories(Store):
    def save(self, story_id: str, title: str, fields: dict[str, Any]) -> None:
        """Keep a story, in place of the one that had this id before."""
        told = {"title": title, "fields": fields, "changed": now()}
        with self._write() as connection:
            kept = self._database.upsert(stories).values(owner=self._owner, id=story_id, **told)
            connection.execute(kept.on_conflict_do_update(index_elements=["owner", "id"], set_=told))

    def find(self, story_id: str) -> StoredStory:
        """Raises InputError when there is no story with that id."""
        with self._read() as connection:
            row = connection.execute(select(stories).where(self._own(stories, id=story_id))).first()
        if row is None:
            raise InputError("There is no such story any more.", "Choose one from the list.")
        return StoredStory(row.id, row.title, row.fields, row.changed)

    def all(self) -> list[StoredStory]:
        """All stories, the last changed first."""
        with self._read() as connection:
            query = select(stories).where(self._own(stories))
            rows = connection.execute(query.order_by(stories.c.changed.desc())).all()
        return [StoredStory(r.id, r.title, r.fields, r.changed) for r in rows]

    def remove(self, story_id: str) -> bool:
        """Forget a story. False when there is none with that id."""
        with self._write() as connection:
            gone = bool(connection.execute(delete(stories).where(self._own(stories, id=story_id))).rowcount)
        self._database.forget()
        return gone

    def tick(self, item: str) -> None:
        """Tick an item of the checklist; one that is ticked keeps its time."""
        tick = self._database.upsert(checklist).values(owner=self._owner, item=item, ticked_at=now())
        with self._write() as connection:
            connection.execute(tick.on_conflict_do_nothing())

    def untick(self, item: str) -> None:
        with self._write() as connection:
            connection.execute(delete(checklist).where(self._own(checklist, item=item)))

    def ticked(self) -> dict[str, str]:
        """The ticked items, each with when that was (UTC, ISO 8601)."""
        with self._read() as connection:
            ticks = connection.execute(select(checklist).where(self._own(checklist)))
            return {row.item: row.ticked_at for row in ticks}
