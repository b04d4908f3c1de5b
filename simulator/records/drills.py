"""The drills' cards and what was answered to them. When a card is due again is worked out elsewhere."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from simulator.records import schema
from simulator.records.database import Database, new_id


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card by its key (`check|company`): the scheduler's own JSON text, and when it is due (UTC, ISO 8601)."""

    key: str
    card_json: str
    due: str


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One go at a card: when (UTC, ISO 8601), how it was rated, and what else is worth knowing of it, as JSON."""

    id: str
    key: str
    at: str
    rating: int
    payload: dict[str, Any]


class Drills:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, key: str, card_json: str, due: str) -> None:
        """Keep a card as it stands now."""
        told = {"card": card_json, "due": due}
        with self._database.write() as connection:
            kept = upsert(schema.drill_cards).values(key=key, **told)
            connection.execute(kept.on_conflict_do_update(index_elements=["key"], set_=told))

    def cards(self) -> dict[str, CardRow]:
        """All cards by their keys, the one that is due first in front."""
        with self._database.read() as connection:
            rows = connection.execute(select(schema.drill_cards).order_by(schema.drill_cards.c.due)).all()
        return {row.key: CardRow(row.key, row.card, row.due) for row in rows}

    def add_review(self, key: str, at: str, rating: int, payload: dict[str, Any]) -> None:
        with self._database.write() as connection:
            review = {"id": new_id(), "key": key, "at": at, "rating": rating, "payload": payload}
            connection.execute(insert(schema.drill_reviews).values(review))

    def reviews(self) -> list[ReviewRow]:
        """All reviews, the oldest first."""
        reviews = schema.drill_reviews
        with self._database.read() as connection:
            rows = connection.execute(select(reviews).order_by(reviews.c.at)).all()
        return [ReviewRow(row.id, row.key, row.at, row.rating, row.payload) for row in rows]
