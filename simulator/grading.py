"""The grading worker: takes finished exchanges from the job table, one at a time, and keeps their grades.

What its process was doing when it died is taken again after its lease; a grade is kept once. At its start and
once a day it forgets the interviews that are old enough.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from simulator.errors import ConfigurationError, SimulatorError, StorageError
from simulator.records import Job, Records, worker_name
from simulator.rubric import Grade

if TYPE_CHECKING:
    from simulator.grader import Grader

GRADES = TypeAdapter(Grade)
_POLL_SECONDS = 5.0


class GradingWorker:
    """One thread. `grader_of` gives the grader of a kind of question; `ready` says whether there is a model;
    `keep_days` is for how long interviews are kept, 0 for ever."""

    def __init__(
        self, records: Records, grader_of: Callable[[str], "Grader"], ready: Callable[[], bool], keep_days: int = 0
    ) -> None:
        self._records = records
        self._grader_of = grader_of
        self._ready = ready
        self._keep_days = keep_days
        self._expired: date | None = None
        self._work = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._shares: dict[tuple[str, int], float] = {}

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="grading", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """There may be work."""
        self._work.set()

    def progress(self, interview_id: str) -> Mapping[int, float]:
        """The share done, 0-1, of each exchange that is being graded in this process."""
        return {number: share for (one, number), share in self._shares.items() if one == interview_id}

    def close(self) -> None:
        """Stop after the job in hand."""
        self._closing.set()
        self._work.set()

    def _run(self) -> None:
        worker = worker_name()
        while not self._closing.is_set():
            try:
                if self._expired != (today := _today()):
                    self._records.interviews.expire(self._keep_days)
                    self._expired = today
                job = self._records.jobs.take(worker) if self._ready() else None
                if job is None:
                    self._work.wait(_POLL_SECONDS)
                    self._work.clear()
                else:
                    self._grade(job, worker)
            except StorageError:
                # The disk is full or locked: the job keeps its lease and is taken again after it.
                self._closing.wait(_POLL_SECONDS)

    def _grade(self, job: Job, worker: str) -> None:
        key = (job.interview, job.exchange)

        def each(done: int, of: int) -> None:
            self._shares[key] = done / of
            if done % 10 == 0:
                self._records.jobs.renew(job, worker)

        try:
            exchange = self._records.interviews.find(job.interview).exchanges[job.exchange]
            grade = self._grader_of(exchange.question.kind).grade(exchange, each=each)
            self._records.jobs.finish(job, worker, GRADES.dump_python(grade, mode="json"))
        except StorageError:
            raise
        except SimulatorError as error:
            self._records.jobs.fail(job, worker, str(error), final=isinstance(error, ConfigurationError))
        except BaseException:
            self._records.jobs.fail(job, worker, "The grading failed unexpectedly; see the log.", final=True)
            raise
        finally:
            self._shares.pop(key, None)


def _today() -> date:
    return date.today()
