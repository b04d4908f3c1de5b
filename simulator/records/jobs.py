"""Grading jobs and the grades that came of them.

A worker leases a job, and one that goes silent loses it to the next; but not for ever: a job that ends every worker
that takes it is given up. Knows nothing of what is graded or how.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from simulator.records.database import Database, new_id
from simulator.records.schema import grades, grading_jobs

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


class Jobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, worker: str) -> Job | None:
        """Lease the oldest waiting job, or one whose worker has gone silent; None when there is none.

        A job that fell silent on its last attempt fails instead, and waits for `retry`.
        """
        jobs, moment = grading_jobs.c, time.time()
        # No lease is longer than this, unless the clock was set back meanwhile: its end may never come.
        over = (jobs.lease_until < moment) | (jobs.lease_until > moment + LEASE_SECONDS)
        silent = (jobs.state == "running") & over
        with self._database.write() as connection:
            given_up = update(grading_jobs).where(silent & (jobs.attempts >= MOST_ATTEMPTS))
            connection.execute(given_up.values(state="failed", error=_GIVEN_UP))
            row = connection.execute(
                select(grading_jobs)
                .where((jobs.state == "waiting") | silent)
                .order_by(jobs.attempts, jobs.interview, jobs.exchange)
                .limit(1)
            ).first()
            if row is None:
                return None
            lease = {"worker": worker, "attempts": row.attempts + 1, "lease_until": moment + LEASE_SECONDS}
            connection.execute(
                update(grading_jobs)
                .where((jobs.interview == row.interview) & (jobs.exchange == row.exchange))
                .values(state="running", **lease)
            )
        return Job(row.interview, row.exchange, "running", row.attempts + 1, "")

    def renew(self, job: Job, worker: str) -> bool:
        """Hold the lease for longer. False when another worker has the job now."""
        with self._database.write() as connection:
            longer = update(grading_jobs).where(_held(job, worker)).values(lease_until=time.time() + LEASE_SECONDS)
            return bool(connection.execute(longer).rowcount)

    def finish(self, job: Job, worker: str, grade: dict[str, Any]) -> bool:
        """Keep the grade, once. False, and nothing kept, when another worker has the job now."""
        with self._database.write() as connection:
            done = connection.execute(update(grading_jobs).where(_held(job, worker)).values(state="done", error=""))
            if not done.rowcount:
                return False
            kept = upsert(grades).values(interview=job.interview, exchange=job.exchange, grade=grade)
            connection.execute(
                kept.on_conflict_do_update(index_elements=["interview", "exchange"], set_={"grade": grade})
            )
            return True

    def fail(self, job: Job, worker: str, error: str, *, final: bool) -> None:
        """Note why a grading failed; it waits for another try unless `final` or tried too often."""
        state = "failed" if final or job.attempts >= MOST_ATTEMPTS else "waiting"
        with self._database.write() as connection:
            connection.execute(update(grading_jobs).where(_held(job, worker)).values(state=state, error=error))

    def retry(self, interview_id: str) -> None:
        """Let the failed gradings of an interview be tried again."""
        failed = (grading_jobs.c.interview == interview_id) & (grading_jobs.c.state == "failed")
        with self._database.write() as connection:
            connection.execute(update(grading_jobs).where(failed).values(state="waiting", attempts=0, error=""))

    def of(self, interview_id: str) -> list[Job]:
        """The grading jobs of an interview, by exchange."""
        jobs = grading_jobs.c
        with self._database.read() as connection:
            rows = connection.execute(
                select(grading_jobs).where(jobs.interview == interview_id).order_by(jobs.exchange)
            ).all()
        return [Job(r.interview, r.exchange, r.state, r.attempts, r.error) for r in rows]

    def grades(self, interview_id: str) -> dict[int, dict[str, Any]]:
        """The kept grades of an interview, by exchange number."""
        with self._database.read() as connection:
            rows = connection.execute(select(grades).where(grades.c.interview == interview_id)).all()
        return {row.exchange: row.grade for row in rows}


def queue(connection: Connection, interview_id: str, exchanges: Sequence[int]) -> None:
    """A waiting job for each of these exchanges, in the caller's transaction; one that is there already stays."""
    for number in exchanges:
        job = upsert(grading_jobs).values(interview=interview_id, exchange=number)
        connection.execute(job.on_conflict_do_nothing())


def worker_name() -> str:
    """A name for this process's grading worker that no other has."""
    return f"{os.getpid()}-{new_id()[:8]}"


def _held(job: Job, worker: str) -> ColumnElement[bool]:
    jobs = grading_jobs.c
    return (
        (jobs.interview == job.interview)
        & (jobs.exchange == job.exchange)
        & (jobs.worker == worker)
        & (jobs.state == "running")
    )
