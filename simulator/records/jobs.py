"""Grading jobs and the grades that came of them.

A worker leases a job, and one that goes silent loses it to the next; but not for ever: a job that ends every worker
that takes it is given up. Owners take turns: however many jobs one has, the others wait for one of them at most.
Knows nothing of what is graded or how.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.engine import Connection

from simulator.records.database import JOBS, LOCAL, Database, View, new_id
from simulator.records.schema import grades, grading_jobs
from simulator.records.store import Store

LEASE_SECONDS = 60
MOST_ATTEMPTS = 3
_GIVEN_UP = (
    f"The program ended or stood still {MOST_ATTEMPTS} times while it graded this answer, perhaps for want of "
    "memory. The answer is kept; try again."
)


@dataclass(frozen=True, slots=True)
class Job:
    """A finished exchange that waits for its grade. `state`: waiting, running, done or failed."""

    interview: str
    exchange: int
    state: str
    attempts: int
    error: str
    owner: str = LOCAL


class Jobs(Store):
    """The jobs of one owner; but `take`, `renew`, `finish` and `fail` are a worker's, who works for all owners."""

    def take(self, worker: str) -> Job | None:
        """Lease a job that waits, or one whose worker has gone silent; None when there is none.

        The owner whose last job was taken longest ago comes first, and the oldest of their least tried jobs. A job
        that fell silent on its last attempt fails instead, and waits for `retry`.
        """
        jobs = grading_jobs.c
        with self._database.write(JOBS) as connection:
            self._database.one_turn(connection)
            moment = self._database.seconds(connection)
            # No lease is longer than this, unless the clock was set back meanwhile: its end may never come.
            over = (jobs.lease_until < moment) | (jobs.lease_until > moment + LEASE_SECONDS)
            silent = (jobs.state == "running") & over
            given_up = update(grading_jobs).where(silent & (jobs.attempts >= MOST_ATTEMPTS))
            connection.execute(given_up.values(state="failed", error=_GIVEN_UP))
            row = connection.execute(
                select(grading_jobs)
                .where((jobs.state == "waiting") | silent)
                .order_by(_last_turn(), jobs.attempts, jobs.queued, jobs.interview, jobs.exchange)
                .limit(1)
                .with_for_update(skip_locked=True)  # its interview may just be forgotten, or its lease renewed
            ).first()
            if row is None:
                return None
            job = Job(row.interview, row.exchange, "running", row.attempts + 1, "", row.owner)
            turn = connection.execute(select(func.max(jobs.taken))).scalar_one() + 1
            lease = {"worker": worker, "lease_until": moment + LEASE_SECONDS, "taken": turn}
            leased = update(grading_jobs).where(_is(job)).values(state="running", attempts=job.attempts, **lease)
            connection.execute(leased)
        return job

    def renew(self, job: Job, worker: str) -> bool:
        """Hold the lease for longer. False when another worker has the job now."""
        with self._database.write(View(job.owner)) as connection:
            until = self._database.seconds(connection) + LEASE_SECONDS
            longer = update(grading_jobs).where(_held(job, worker)).values(lease_until=until)
            return bool(connection.execute(longer).rowcount)

    def finish(self, job: Job, worker: str, grade: dict[str, Any]) -> bool:
        """Keep the grade, once. False, and nothing kept, when another worker has the job now."""
        with self._database.write(View(job.owner)) as connection:
            done = connection.execute(update(grading_jobs).where(_held(job, worker)).values(state="done", error=""))
            if not done.rowcount:
                return False
            keys = {"owner": job.owner, "interview": job.interview, "exchange": job.exchange}
            kept = self._database.upsert(grades).values(**keys, grade=grade)
            connection.execute(kept.on_conflict_do_update(index_elements=list(keys), set_={"grade": grade}))
            return True

    def fail(self, job: Job, worker: str, error: str, *, final: bool) -> None:
        """Note why a grading failed; it waits for another try unless `final` or tried too often."""
        state = "failed" if final or job.attempts >= MOST_ATTEMPTS else "waiting"
        with self._database.write(View(job.owner)) as connection:
            connection.execute(update(grading_jobs).where(_held(job, worker)).values(state=state, error=error))

    def retry(self, interview_id: str) -> None:
        """Let the failed gradings of an interview be tried again."""
        failed = self._own(grading_jobs, interview=interview_id, state="failed")
        with self._write() as connection:
            connection.execute(update(grading_jobs).where(failed).values(state="waiting", attempts=0, error=""))

    def of(self, interview_id: str) -> list[Job]:
        """The grading jobs of an interview, by exchange."""
        query = select(grading_jobs).where(self._own(grading_jobs, interview=interview_id))
        with self._read() as connection:
            rows = connection.execute(query.order_by(grading_jobs.c.exchange)).all()
        return [Job(r.interview, r.exchange, r.state, r.attempts, r.error, r.owner) for r in rows]

    def counts(self) -> dict[str, int]:
        """How many jobs of all owners are in each state; of a state that none is in, nothing."""
        query = select(grading_jobs.c.state, func.count()).group_by(grading_jobs.c.state)
        with self._database.read(JOBS) as connection:
            return {state: number for state, number in connection.execute(query)}

    def grades(self, interview_id: str) -> dict[int, dict[str, Any]]:
        """The kept grades of an interview, by exchange number."""
        with self._read() as connection:
            rows = connection.execute(select(grades).where(self._own(grades, interview=interview_id))).all()
        return {row.exchange: row.grade for row in rows}


def queue(
    database: Database, connection: Connection, owner: str, interview_id: str, exchanges: Sequence[int]
) -> None:
    """A waiting job for each of these exchanges, in the caller's transaction; one that is there already stays."""
    for number in exchanges:
        keys = {"owner": owner, "interview": interview_id, "exchange": number}
        job = database.upsert(grading_jobs).values(**keys, queued=database.seconds(connection))
        connection.execute(job.on_conflict_do_nothing())


def worker_name() -> str:
    """A name for this process's grading worker that no other has."""
    return f"{os.getpid()}-{new_id()[:8]}"


def _last_turn() -> ColumnElement[int]:
    """The number of the turn in which a job of the same owner was leased last."""
    others = grading_jobs.alias()
    return select(func.max(others.c.taken)).where(others.c.owner == grading_jobs.c.owner).scalar_subquery()


def _is(job: Job) -> ColumnElement[bool]:
    jobs = grading_jobs.c
    return (jobs.owner == job.owner) & (jobs.interview == job.interview) & (jobs.exchange == job.exchange)


def _held(job: Job, worker: str) -> ColumnElement[bool]:
    return _is(job) & (grading_jobs.c.worker == worker) & (grading_jobs.c.state == "running")
