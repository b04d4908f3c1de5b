"""The candidate's own stories, and which items of the checklist they have ticked.

What the fields of a story are, and what the items say, is known elsewhere.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from simulator.errors import InputError
from simulator.records import schema
from simulator.records.database import Database, now


@dataclass(frozen=True, slots=True)
class StoredStory:
    """A story as it was last saved. `fields` is what JSON can hold; `changed` is UTC in ISO 8601."""

    id: str
    title: str
    fields: dict[str, Any]
    changed: str


class Stories:
    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, story_id: str, title: str, fields: dict[str, Any]) -> None:
        """Keep a story, in place of the one that had this id before."""
        told = {"title": title, "fields": fields, "changed": now()}
        with self._database.write() as connection:
            kept = upsert(schema.stories).values(id=story_id, **told)
            connection.execute(kept.on_conflict_do_update(index_elements=["id"], set_=told))

    def find(self, story_id: str) -> StoredStory:
        """Raises InputError when there is no story with that id."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.stories).where(schema.stories.c.id == story_id)).first()
        if row is None:
            raise InputError("There is no such story any more.", "Choose one from the list.")
        return StoredStory(row.id, row.title, row.fields, row.changed)

    def all(self) -> list[StoredStory]:
        """All stories, the last changed first."""
        with self._database.read() as connection:
            rows = connection.execute(select(schema.stories).order_by(schema.stories.c.changed.desc())).all()
        return [StoredStory(r.id, r.title, r.fields, r.changed) for r in rows]

    def remove(self, story_id: str) -> bool:
        """Forget a story. False when there is none with that id."""
        with self._database.write() as connection:
            gone = bool(connection.execute(delete(schema.stories).where(schema.stories.c.id == story_id)).rowcount)
        self._database.forget()
        return gone

    def tick(self, item: str) -> None:
        """Tick an item of the checklist; one that is ticked keeps its time."""
        with self._database.write() as connection:
            connection.execute(upsert(schema.checklist).values(item=item, ticked_at=now()).on_conflict_do_nothing())

    def untick(self, item: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(schema.checklist).where(schema.checklist.c.item == item))

    def ticked(self) -> dict[str, str]:
        """The ticked items, each with when that was (UTC, ISO 8601)."""
        with self._database.read() as connection:
            return {row.item: row.ticked_at for row in connection.execute(select(schema.checklist))}
