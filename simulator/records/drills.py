"""The drills' cards and what was answered to them. When a card is due again is worked out elsewhere."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from simulator.records import schema
from simulator.records.database import new_id
from simulator.records.store import Store


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


class Drills(Store):
    def keep(self, key: str, card_json: str, due: str) -> None:
        """Keep a card as it stands now."""
        told = {"card": card_json, "due": due}
        with self._write() as connection:
            kept = self._database.upsert(schema.drill_cards).values(owner=self._owner, key=key, **told)
            connection.execute(kept.on_conflict_do_update(index_elements=["owner", "key"], set_=told))

    def cards(self) -> dict[str, CardRow]:
        """All cards by their keys, the one that is due first in front."""
        cards = schema.drill_cards
        with self._read() as connection:
            rows = connection.execute(select(cards).where(self._own(cards)).order_by(cards.c.due)).all()
        return {row.key: CardRow(row.key, row.card, row.due) for row in rows}

    def add_review(self, key: str, at: str, rating: int, payload: dict[str, Any]) -> None:
        review = {"id": new_id(), "key": key, "at": at, "rating": rating, "payload": payload}
        with self._write() as connection:
            connection.execute(insert(schema.drill_reviews).values(owner=self._owner, **review))

    def reviews(self) -> list[ReviewRow]:
        """All reviews, the oldest first."""
        reviews = schema.drill_reviews
        with self._read() as connection:
            rows = connection.execute(select(reviews).where(self._own(reviews)).order_by(reviews.c.at)).all()
        return [ReviewRow(row.id, row.key, row.at, row.rating, row.payload) for row in rows]
