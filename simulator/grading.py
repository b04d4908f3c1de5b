"""The grading worker: takes finished exchanges from the job table, one at a time, and keeps their grades.

What its process was doing when it died is taken again after its lease; a grade is kept once. At its start and
once a day it forgets the interviews that are old enough.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from simulator.errors import ConfigurationError, SimulatorError, StorageError
from simulator.operations.events import GRADED
from simulator.operations.log import bound
from simulator.records import LEASE_SECONDS, Job, Records, worker_name
from simulator.rubric import Grade

if TYPE_CHECKING:
    from simulator.grader import Grader

GRADES = TypeAdapter(Grade)
_POLL_SECONDS = 5.0


class GradingWorker:
    """One thread, for all owners. `grader_of` gives the grader of a kind of question for an owner; `ready` says
    whether there is a model; `keep_days` is for how long interviews are kept, 0 for ever."""

    def __init__(
        self,
        records: Records,
        grader_of: Callable[[str, str], "Grader"],
        ready: Callable[[], bool],
        keep_days: int = 0,
    ) -> None:
        self._records = records
        self._grader_of = grader_of
        self._ready = ready
        self._keep_days = keep_days
        self._expired: date | None = None
        self._work = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._shares: dict[tuple[str, str, int], float] = {}

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="grading", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """There may be work."""
        self._work.set()

    def progress(self, owner: str, interview_id: str) -> Mapping[int, float]:
        """The share done, 0-1, of each exchange of an owner's interview that is being graded in this process."""
        of = (owner, interview_id)
        return {number: share for (*one, number), share in self._shares.copy().items() if (*one,) == of}

    def close(self, *, wait: bool = False) -> None:
        """Stop after the job in hand; `wait` for that."""
        self._closing.set()
        self._work.set()
        if wait and self._thread is not None:
            self._thread.join()

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
        key = (job.owner, job.interview, job.exchange)

        def each(done: int, of: int) -> None:
            self._shares[key] = done / of
            if done % 10 == 0:
                self._records.jobs.renew(job, worker)

        try:
            timed = GRADED.timed(exchange=job.exchange, attempt=job.attempts)
            with bound(interview=job.interview), timed, self._kept(job, worker):
                exchange = self._records.of(job.owner).interviews.find(job.interview).exchanges[job.exchange]
                grade = self._grader_of(exchange.question.kind, job.owner).grade(exchange, each=each)
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

    @contextmanager
    def _kept(self, job: Job, worker: str) -> Iterator[None]:
        """Meanwhile the lease is renewed: a call may wait for its turn, or for a slow model, for longer than that."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(LEASE_SECONDS / 3):
                with suppress(StorageError):  # then another worker may take it
                    self._records.jobs.renew(job, worker)

        threading.Thread(target=renew, name="lease", daemon=True).start()
        try:
            yield
        finally:
            over.set()


def _today() -> date:
    return date.today()
