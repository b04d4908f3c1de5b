"""What is kept: interviews with their turns, grading jobs, grades, drafts and guides, in SQLAlchemy.

SQLite in WAL mode with `synchronous=FULL`: what a method has returned from is on disk. Every write is one
short transaction; no model is ever called inside one. The only module that imports SQLAlchemy.
"""

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Boolean,
    Column,
    Engine,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from simulator.errors import InputError, OutOfTurnError, StorageError
from simulator.interview import Exchange, Interview, Question, Role, Turn
from simulator.library import Passage

SCHEMA_VERSION = 1
LEASE_SECONDS = 60
MOST_ATTEMPTS = 3

_schema = MetaData()
_interviews = Table(
    "interviews",
    _schema,
    Column("id", String(32), primary_key=True),
    Column("company", String(40), nullable=False),
    Column("length", String(20), nullable=False),
    Column("questions", JSON, nullable=False),
    Column("asked", Integer, nullable=False, default=1),
    Column("closed", Boolean, nullable=False, default=False),
    Column("started", String(32), nullable=False),
    Column("version", Integer, nullable=False, default=0),
)
_turns = Table(
    "turns",
    _schema,
    Column("id", String(64), primary_key=True),
    Column("interview", ForeignKey("interviews.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("exchange", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("check_id", String(64), nullable=False, default=""),
    Column("passages", JSON, nullable=False, default=list),
    Column("said", String(32), nullable=False),
    UniqueConstraint("interview", "exchange", "position"),
)
_jobs = Table(
    "grading_jobs",
    _schema,
    Column("interview", ForeignKey("interviews.id", ondelete="CASCADE"), primary_key=True),
    Column("exchange", Integer, primary_key=True),
    Column("state", String(16), nullable=False, default="waiting"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("worker", String(40), nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
)
_grades = Table(
    "grades",
    _schema,
    Column("interview", ForeignKey("interviews.id", ondelete="CASCADE"), primary_key=True),
    Column("exchange", Integer, primary_key=True),
    Column("grade", JSON, nullable=False),
)
_drafts = Table(
    "drafts",
    _schema,
    Column("interview", ForeignKey("interviews.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Text, nullable=False),
)
_guides = Table(
    "guides",
    _schema,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("company", String(40), nullable=False),
    Column("passages", JSON, nullable=False),
    Column("added", String(32), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list of past interviews."""

    id: str
    company: str
    length: str
    started: str
    closed: bool
    answers: int


@dataclass(frozen=True, slots=True)
class Job:
    """A finished exchange that waits for its grade. `state`: waiting, running, done or failed."""

    interview: str
    exchange: int
    state: str
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide that the user added, cut into passages. The id is a digest of its text."""

    id: str
    title: str
    company: str
    passages: tuple[str, ...]
    added: str


def new_id() -> str:
    """A random 128-bit id, safe in an address."""
    return uuid.uuid4().hex


class Records:
    """The database in one file. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
        except OSError as error:
            raise StorageError(
                f"Interviews cannot be kept in {path.parent}: {error.strerror}.",
                "Set SIMULATOR_DATA_DIR to a folder that you may write to.",
            ) from error
        self.path = path
        self._engine = _engine(path)
        with self._write() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if version > SCHEMA_VERSION:
                raise StorageError(f"{path} was written by a newer version of this program.", "Update the program.")
            _schema.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")

    # Interviews

    def add(self, interview: Interview) -> None:
        """Keep a new interview."""
        with self._write() as connection:
            connection.execute(
                insert(_interviews).values(
                    id=interview.id,
                    company=interview.company,
                    length=interview.length,
                    questions=[asdict(question) for question in interview.questions],
                    asked=len(interview.exchanges),
                    closed=interview.closed,
                    started=_now(),
                    version=0,
                )
            )

    def interview(self, interview_id: str) -> Interview:
        """The interview as it stands. Raises InputError when there is none with that id."""
        with self._read() as connection:
            return self._interview(connection, interview_id)

    def save(self, before: Interview, after: Interview, grade: Sequence[int] = ()) -> None:
        """Keep what a move added: its new turns, its place, and a grading job for each exchange in `grade`.

        Raises OutOfTurnError, and keeps nothing, when the stored interview is no longer `before`: another
        tab or process has moved it.
        """
        with self._write() as connection:
            if self._interview(connection, before.id) != before:
                raise OutOfTurnError("This interview went on elsewhere.", "Reload the page to see it.")
            for number, exchange in enumerate(after.exchanges):
                old = len(before.exchanges[number].turns) if number < len(before.exchanges) else 0
                for position in range(old, len(exchange.turns)):
                    connection.execute(insert(_turns).values(_turn_row(after.id, number, position, exchange)))
            connection.execute(
                update(_interviews)
                .where(_interviews.c.id == after.id)
                .values(asked=len(after.exchanges), closed=after.closed, version=_interviews.c.version + 1)
            )
            for number in grade:
                connection.execute(
                    upsert(_jobs)
                    .values(interview=after.id, exchange=number, state="waiting", attempts=0, lease_until=0.0)
                    .on_conflict_do_nothing()
                )
            if any(turn.role is Role.CANDIDATE for turn in _added(before, after)):
                connection.execute(delete(_drafts).where(_drafts.c.interview == after.id))

    def summaries(self) -> list[Summary]:
        """All interviews, the newest first."""
        with self._read() as connection:
            rows = connection.execute(select(_interviews).order_by(_interviews.c.started.desc())).all()
            told = connection.execute(select(_turns.c.interview).where(_turns.c.role == Role.CANDIDATE)).scalars()
            answers = list(told)
        return [Summary(r.id, r.company, r.length, r.started, r.closed, answers.count(r.id)) for r in rows]

    def remove(self, interview_id: str) -> None:
        """Forget an interview and all that belongs to it."""
        with self._write() as connection:
            connection.execute(delete(_interviews).where(_interviews.c.id == interview_id))
        with self._mapped(), self._engine.connect() as connection:  # its words are in the log too
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _interview(self, connection: Connection, interview_id: str) -> Interview:
        row = connection.execute(select(_interviews).where(_interviews.c.id == interview_id)).first()
        if row is None:
            raise InputError("There is no interview with this address.", "Choose one from the list.")
        questions = tuple(_question(one) for one in row.questions)
        turns: dict[int, list[Turn]] = {}
        told = connection.execute(
            select(_turns).where(_turns.c.interview == interview_id).order_by(_turns.c.exchange, _turns.c.position)
        )
        for one in told:
            turn = Turn(one.id, Role(one.role), one.text, one.check_id, tuple(one.passages))
            turns.setdefault(one.exchange, []).append(turn)
        exchanges = tuple(
            Exchange(question, tuple(turns.get(number, ()))) for number, question in enumerate(questions[: row.asked])
        )
        return Interview(row.id, row.company, row.length, questions, exchanges, row.closed)

    # Drafts

    def keep_draft(self, interview_id: str, text: str) -> None:
        """Keep what is typed but not sent."""
        with self._write() as connection:
            kept = upsert(_drafts).values(interview=interview_id, text=text)
            connection.execute(kept.on_conflict_do_update(index_elements=["interview"], set_={"text": text}))

    def draft(self, interview_id: str) -> str:
        """What was typed last and not sent, or nothing."""
        with self._read() as connection:
            found = connection.execute(select(_drafts.c.text).where(_drafts.c.interview == interview_id)).scalar()
        return found or ""

    # Grading jobs

    def take_job(self, worker: str) -> Job | None:
        """Lease the oldest waiting job, or one whose worker has gone silent; None when there is none."""
        now = time.time()
        with self._write() as connection:
            row = connection.execute(
                select(_jobs)
                .where((_jobs.c.state == "waiting") | ((_jobs.c.state == "running") & (_jobs.c.lease_until < now)))
                .order_by(_jobs.c.attempts, _jobs.c.interview, _jobs.c.exchange)
                .limit(1)
            ).first()
            if row is None:
                return None
            connection.execute(
                update(_jobs)
                .where((_jobs.c.interview == row.interview) & (_jobs.c.exchange == row.exchange))
                .values(state="running", worker=worker, attempts=row.attempts + 1, lease_until=now + LEASE_SECONDS)
            )
        return Job(row.interview, row.exchange, "running", row.attempts + 1, "")

    def renew(self, job: Job, worker: str) -> bool:
        """Hold the lease for longer. False when another worker has the job now."""
        with self._write() as connection:
            done = connection.execute(
                update(_jobs).where(_held(job, worker)).values(lease_until=time.time() + LEASE_SECONDS)
            )
            return bool(done.rowcount)

    def finish_job(self, job: Job, worker: str, grade: dict[str, Any]) -> bool:
        """Keep the grade, once. False, and nothing kept, when another worker has the job now."""
        with self._write() as connection:
            done = connection.execute(update(_jobs).where(_held(job, worker)).values(state="done", error=""))
            if not done.rowcount:
                return False
            kept = upsert(_grades).values(interview=job.interview, exchange=job.exchange, grade=grade)
            connection.execute(
                kept.on_conflict_do_update(index_elements=["interview", "exchange"], set_={"grade": grade})
            )
            return True

    def fail_job(self, job: Job, worker: str, error: str, *, final: bool) -> None:
        """Note why a grading failed; it waits for another try unless `final` or tried too often."""
        state = "failed" if final or job.attempts >= MOST_ATTEMPTS else "waiting"
        with self._write() as connection:
            connection.execute(update(_jobs).where(_held(job, worker)).values(state=state, error=error))

    def retry_jobs(self, interview_id: str) -> None:
        """Let the failed gradings of an interview be tried again."""
        with self._write() as connection:
            failed = (_jobs.c.interview == interview_id) & (_jobs.c.state == "failed")
            connection.execute(update(_jobs).where(failed).values(state="waiting", attempts=0, error=""))

    def jobs(self, interview_id: str) -> list[Job]:
        """The grading jobs of an interview, by exchange."""
        with self._read() as connection:
            rows = connection.execute(
                select(_jobs).where(_jobs.c.interview == interview_id).order_by(_jobs.c.exchange)
            ).all()
        return [Job(r.interview, r.exchange, r.state, r.attempts, r.error) for r in rows]

    def grades(self, interview_id: str) -> dict[int, dict[str, Any]]:
        """The kept grades of an interview, by exchange number."""
        with self._read() as connection:
            rows = connection.execute(select(_grades).where(_grades.c.interview == interview_id)).all()
        return {row.exchange: row.grade for row in rows}

    # Guides

    def add_guide(self, guide: Guide) -> bool:
        """Keep a guide. False when the same text is there already."""
        try:
            with self._write() as connection:
                connection.execute(insert(_guides).values(**asdict(guide) | {"passages": list(guide.passages)}))
        except StorageError as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

    def remove_guide(self, guide_id: str) -> bool:
        """Forget a guide. False when there is none with that id."""
        with self._write() as connection:
            return bool(connection.execute(delete(_guides).where(_guides.c.id == guide_id)).rowcount)

    def guides(self) -> list[Guide]:
        """All guides of the user, the oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(_guides).order_by(_guides.c.added, _guides.c.id)).all()
        return [Guide(r.id, r.title, r.company, tuple(r.passages), r.added) for r in rows]

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        # BEGIN IMMEDIATE takes the write lock at once, so a reader never has to be upgraded half way.
        with self._mapped(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()  # not a plain ROLLBACK: a full disk has SQLite roll back by itself
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._mapped(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StorageError(f"Not saved: {_reason(error)}.", _fix(error, self.path)) from error


def _engine(path: Path) -> Engine:
    address = URL.create("sqlite", database=str(path))  # a path may hold `?` and `%`
    engine = create_engine(address, connect_args={"timeout": 5, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun and ended by this module alone
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _reason(error: SQLAlchemyError) -> str:
    told = str(getattr(error, "orig", None) or error).splitlines()[0]
    return "the disk is full" if "full" in told else told


def _fix(error: SQLAlchemyError, path: Path) -> str:
    told = str(getattr(error, "orig", ""))
    if "full" in told:
        return f"Free some space in {path.parent} and try again."
    if "locked" in told:
        return "Another program holds the database; try again in a moment."
    return f"Check {path} and try again."


def _held(job: Job, worker: str) -> Any:
    return (
        (_jobs.c.interview == job.interview)
        & (_jobs.c.exchange == job.exchange)
        & (_jobs.c.worker == worker)
        & (_jobs.c.state == "running")
    )


def _turn_row(interview_id: str, number: int, position: int, exchange: Exchange) -> dict[str, Any]:
    turn = exchange.turns[position]
    return {
        "id": turn.id,
        "interview": interview_id,
        "exchange": number,
        "position": position,
        "role": turn.role.value,
        "text": turn.text,
        "check_id": turn.check,
        "passages": list(turn.passages),
        "said": _now(),
    }


def _added(before: Interview, after: Interview) -> list[Turn]:
    known = {turn.id for exchange in before.exchanges for turn in exchange.turns}
    return [turn for exchange in after.exchanges for turn in exchange.turns if turn.id not in known]


def _question(row: dict[str, Any]) -> Question:
    return Question(**row | {"invites": tuple(row["invites"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def passages_of(guide: Guide) -> list[Passage]:
    """A guide's passages as the index wants them."""
    return [
        Passage(f"user/{guide.id}/{n}", "guide", text, guide.company, provenance="user guide", guide=guide.title)
        for n, text in enumerate(guide.passages, 1)
    ]


def worker_name() -> str:
    """A name for this process's grading worker that no other has."""
    return f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
