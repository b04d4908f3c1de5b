"""Interviews with their turns, and what is typed but not sent.

Rows become the values of `simulator.interview` and back; a field that an older program did not write has its default.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from simulator.errors import OutOfTurnError
from simulator.interview import Act, Exchange, Interview, Question, Role, Segment, Turn
from simulator.records.database import View, moment, no_interview, now
from simulator.records.jobs import queue
from simulator.records.schema import drafts, interviews, turns
from simulator.records.store import Store


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list of past interviews. `answers` counts what the candidate answered, not what they asked."""

    id: str
    company: str
    length: str
    started: str
    closed: bool
    answers: int


class Interviews(Store):
    def add(self, interview: Interview) -> None:
        """Keep a new interview."""
        with self._write() as connection:
            row = _interview_row(interview) | {"owner": self._owner, "started": now(), "version": 0}
            connection.execute(insert(interviews).values(row))

    def find(self, interview_id: str) -> Interview:
        """The interview as it stands. Raises InputError when there is none with that id."""
        with self._read() as connection:
            return self._found(connection, interview_id)

    def save(self, before: Interview, after: Interview, grade: Sequence[int] = ()) -> None:
        """Keep what a move added: its new turns, its place, and a grading job for each exchange in `grade`.

        Raises OutOfTurnError, and keeps nothing, when the stored interview is no longer `before`: another
        tab or process has moved it.
        """
        with self._write() as connection:
            if self._found(connection, before.id, lock=True) != before:
                raise OutOfTurnError("This interview went on elsewhere.", "Reload the page to see it.")
            for number, exchange in enumerate(after.exchanges):
                old = len(before.exchanges[number].turns) if number < len(before.exchanges) else 0
                for position in range(old, len(exchange.turns)):
                    row = _turn_row(after.id, number, position, exchange.turns[position])
                    connection.execute(insert(turns).values(row | {"owner": self._owner}))
            connection.execute(
                update(interviews)
                .where(self._own(interviews, id=after.id))
                .values(
                    asked=len(after.exchanges),
                    starts=[exchange.started for exchange in after.exchanges],
                    closed=after.closed,
                    version=interviews.c.version + 1,
                )
            )
            queue(self._database, connection, self._owner, after.id, grade)
            if any(turn.role is Role.CANDIDATE for turn in _added(before, after)):
                connection.execute(delete(drafts).where(self._own(drafts, interview=after.id)))

    def summaries(self) -> list[Summary]:
        """All interviews, the newest first."""
        told = self._own(turns, role=Role.CANDIDATE.value, act=Act.ANSWER.value)
        answers = select(turns.c.interview, func.count()).where(told).group_by(turns.c.interview)
        whole = select(interviews).where(self._own(interviews)).order_by(interviews.c.started.desc())
        with self._read() as connection:
            rows = connection.execute(whole).all()
            counts = {interview: count for interview, count in connection.execute(answers)}
        return [Summary(r.id, r.company, r.length, r.started, r.closed, counts.get(r.id, 0)) for r in rows]

    def remove(self, interview_id: str) -> None:
        """Forget an interview and all that belongs to it."""
        with self._write() as connection:
            connection.execute(delete(interviews).where(self._own(interviews, id=interview_id)))
        self._database.forget()

    def expire(self, days: int) -> int:
        """Forget every owner's interviews that began more than so many days ago; how many those were. 0 keeps all.

        For how long interviews are kept is set once for all who share the database.
        """
        if not days:
            return 0
        oldest = moment(datetime.now(UTC) - timedelta(days=days))
        with self._database.write(View(over="old", oldest=oldest)) as connection:
            gone = connection.execute(delete(interviews).where(interviews.c.started < oldest)).rowcount
        if gone:
            self._database.forget()
        return int(gone)

    def keep_draft(self, interview_id: str, text: str) -> None:
        """Keep what is typed but not sent."""
        with self._write() as connection:
            kept = self._database.upsert(drafts).values(owner=self._owner, interview=interview_id, text=text)
            connection.execute(kept.on_conflict_do_update(index_elements=["owner", "interview"], set_={"text": text}))

    def draft(self, interview_id: str) -> str:
        """What was typed last and not sent, or nothing."""
        query = select(drafts.c.text).where(self._own(drafts, interview=interview_id))
        with self._read() as connection:
            return connection.execute(query).scalar() or ""

    def _found(self, connection: Connection, interview_id: str, *, lock: bool = False) -> Interview:
        """The interview; with `lock` nobody else can move it until the transaction has ended."""
        query = select(interviews).where(self._own(interviews, id=interview_id))
        row = connection.execute(query.with_for_update() if lock else query).first()
        if row is None:
            raise no_interview()
        told = select(turns).where(self._own(turns, interview=interview_id))
        return _interview(row, connection.execute(told.order_by(turns.c.exchange, turns.c.position)))


def _interview(row: Any, told: Iterable[Any]) -> Interview:
    turns: dict[int, list[Turn]] = {}
    for one in told:
        turns.setdefault(one.exchange, []).append(_turn(one))
    questions = tuple(Question(**_with_tuples(one)) for one in row.questions)
    starts = [*row.starts, *[0.0] * row.asked]  # an older program noted none
    exchanges = tuple(
        Exchange(questions[number], tuple(turns.get(number, ())), starts[number]) for number in range(row.asked)
    )
    return Interview(
        row.id,
        row.company,
        row.length,
        questions,
        exchanges,
        row.closed,
        plan=tuple(Segment(**one) for one in row.plan),
        began=row.began,
        timed=row.timed,
        retry_of=row.retry_of,
    )


def _interview_row(interview: Interview) -> dict[str, Any]:
    return {
        "id": interview.id,
        "company": interview.company,
        "length": interview.length,
        "questions": [asdict(question) for question in interview.questions],
        "asked": len(interview.exchanges),
        "closed": interview.closed,
        "plan": [asdict(segment) for segment in interview.plan],
        "began": interview.began,
        "timed": interview.timed,
        "starts": [exchange.started for exchange in interview.exchanges],
        "retry_of": interview.retry_of,
    }


def _turn(row: Any) -> Turn:
    act, passages = Act(row.act), tuple(row.passages)
    return Turn(row.id, Role(row.role), row.text, row.check_id, passages, act, row.at, row.replaced)


def _turn_row(interview_id: str, number: int, position: int, turn: Turn) -> dict[str, Any]:
    return {
        "id": turn.id,
        "interview": interview_id,
        "exchange": number,
        "position": position,
        "role": turn.role.value,
        "text": turn.text,
        "check_id": turn.check,
        "passages": list(turn.passages),
        "said": now(),
        "act": turn.act.value,
        "at": turn.at,
        "replaced": turn.replaced,
    }


def _added(before: Interview, after: Interview) -> list[Turn]:
    known = {turn.id for exchange in before.exchanges for turn in exchange.turns}
    return [turn for exchange in after.exchanges for turn in exchange.turns if turn.id not in known]


def _with_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; a frozen value holds tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
