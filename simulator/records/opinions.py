"""What candidates think: their own rating before they saw the scorecard, and the findings that they contest.

Nothing of this enters a score; it is forgotten with its interview.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, select

from simulator.errors import InputError
from simulator.records.database import now
from simulator.records.schema import opinions, self_ratings
from simulator.records.store import Store


@dataclass(frozen=True, slots=True)
class SelfRating:
    """How the candidate rated one interview: a score a dimension. `at` is UTC in ISO 8601."""

    interview: str
    scores: dict[str, float]
    at: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """Whether the candidate agrees with one finding, and why. `at` is UTC in ISO 8601."""

    interview: str
    exchange: int
    check_id: str
    agrees: bool
    note: str
    at: str


class Opinions(Store):
    def rate(self, interview_id: str, scores: Mapping[str, float]) -> None:
        """Keep how the candidate rates an interview, once: changed after the scorecard was seen it would say nothing.

        Raises InputError when it is rated already, and when there is no such interview.
        """
        given = {"interview": interview_id, "scores": dict(scores), "at": now()}
        rating = self._database.upsert(self_ratings).values(owner=self._owner, **given)
        with self._write() as connection:
            if not connection.execute(rating.on_conflict_do_nothing()).rowcount:
                raise InputError("You have rated this interview already.", "The first rating counts.")

    def self_rating(self, interview_id: str) -> SelfRating | None:
        """The candidate's own rating of an interview; None before it was given."""
        ratings = self._ratings(select(self_ratings).where(self._own(self_ratings, interview=interview_id)))
        return ratings[0] if ratings else None

    def self_ratings(self) -> list[SelfRating]:
        """All of them, the oldest first."""
        return self._ratings(select(self_ratings).where(self._own(self_ratings)).order_by(self_ratings.c.at))

    def _ratings(self, query: Select[tuple[object, ...]]) -> list[SelfRating]:
        with self._read() as connection:
            return [SelfRating(r.interview, r.scores, r.at) for r in connection.execute(query)]

    def contest(self, interview_id: str, exchange: int, check_id: str, agrees: bool, note: str = "") -> None:
        """Keep an opinion on one finding, in place of an earlier one. Raises InputError without such an interview."""
        where = {"owner": self._owner, "interview": interview_id, "exchange": exchange, "check_id": check_id}
        told = {"agrees": agrees, "note": note, "at": now()}
        with self._write() as connection:
            kept = self._database.upsert(opinions).values(**where, **told)
            connection.execute(kept.on_conflict_do_update(index_elements=list(where), set_=told))

    def opinions(self, interview_id: str) -> list[Opinion]:
        """The opinions on an interview's findings, by exchange and check."""
        return self._opinions(select(opinions).where(self._own(opinions, interview=interview_id)))

    def all_opinions(self) -> list[Opinion]:
        """The opinions on all interviews' findings, by interview, exchange and check."""
        return self._opinions(select(opinions).where(self._own(opinions)))

    def _opinions(self, query: Select[tuple[object, ...]]) -> list[Opinion]:
        columns = opinions.c
        with self._read() as connection:
            rows = connection.execute(query.order_by(columns.interview, columns.exchange, columns.check_id)).all()
        return [Opinion(r.interview, r.exchange, r.check_id, r.agrees, r.note, r.at) for r in rows]
