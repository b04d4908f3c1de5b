"""The processes that are killed: a grading worker, a server that holds interviews, an upgrade.

They are the program's own parts with short leases. What they tell through the pipe is what they acknowledge: it was
done when it is said. A named point is a commit of a named move; the process ends itself right before or after it.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, event

from simulator import grading
from simulator.conductor import Conductor
from simulator.grader import Grader
from simulator.interview import Exchange, Interview, Next
from simulator.program import Program
from simulator.records import Records, jobs, new_id
from simulator.records.interviews import Interviews
from simulator.rubric import Grade
from simulator.settings import Settings

LEASE_SECONDS = 0.4
CHECKS = 20
CHECK_SECONDS = 0.002
ANSWER = (
    "In Q2 2023 our checkout migration was three weeks behind. I ran it as the product manager. The payments team "
    "was blocked because the fraud vendor kept changing its API, so I decided to cut the loyalty points feature."
)


@dataclass(frozen=True, slots=True)
class Point:
    """`before` or `after` the commit of the `number`-th call of a move."""

    moment: str
    move: str
    number: int = 1


GRADING_POINTS = [Point(moment, move) for move in ("take", "renew", "finish") for moment in ("before", "after")]
SERVER_POINTS = [
    Point(moment, move, number)
    for move, numbers in {"add": (1,), "save": (1, 2, 3), "keep_draft": (1, 2), "take": (1,), "finish": (1,)}.items()
    for number in numbers
    for moment in ("before", "after")
]


def hurry() -> None:
    """Leases and pauses so short that a take-over is seen at once."""
    jobs.LEASE_SECONDS = LEASE_SECONDS  # type: ignore[assignment]  # parts of a second will do here
    grading._POLL_SECONDS = LEASE_SECONDS / 4


def die_at(point: Point) -> None:
    """End this process by SIGKILL when it comes to that point."""
    under_way = threading.local()
    calls = 0

    def wrapped(move: Callable[..., Any]) -> Callable[..., Any]:
        def _move(*arguments: Any, **named: Any) -> Any:
            under_way.move = True
            try:
                return move(*arguments, **named)
            finally:
                under_way.move = False

        return _move

    owner = jobs.Jobs if hasattr(jobs.Jobs, point.move) else Interviews
    setattr(owner, point.move, wrapped(getattr(owner, point.move)))

    @event.listens_for(Engine, f"{point.moment}_cursor_execute")
    def _commit(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal calls
        if statement == "COMMIT" and getattr(under_way, "move", False):
            calls += 1
            if calls == point.number:
                os.kill(os.getpid(), signal.SIGKILL)


def tell_grades(tell: Callable[[tuple[Any, ...]], object]) -> None:
    """Give each grade a token that tells it from another grading of the same answer; acknowledge what was kept."""
    finish = jobs.Jobs.finish

    def _finish(self: jobs.Jobs, job: jobs.Job, worker: str, grade: dict[str, Any]) -> bool:
        token = new_id()
        kept = finish(self, job, worker, grade | {"token": token})
        if kept:
            tell(("graded", job.interview, job.exchange, token))
        return kept

    jobs.Jobs.finish = _finish  # type: ignore[method-assign]


class ScriptedGrader:
    """Finds nothing, as slowly as it is told."""

    def grade(self, exchange: Exchange, each: Callable[[int, int], None]) -> Grade:
        for number in range(1, CHECKS + 1):
            time.sleep(CHECK_SECONDS)
            each(number, CHECKS)
        return Grade({}, {}, f"scripted, {len(exchange.turns)} turns")


def grade_for_ever(path: Path, tell: Connection, point: Point | None) -> None:
    """A process with a grading worker."""
    hurry()
    tell_grades(tell.send)
    if point:
        die_at(point)
    grader = cast(Grader, ScriptedGrader())  # no more is needed of it than to grade
    worker = grading.GradingWorker(Records(path), lambda kind, owner: grader, lambda: True)
    worker.start()
    tell.send(("ready",))
    supervisor = multiprocessing.parent_process()
    assert supervisor
    supervisor.join()


def serve_for_ever(settings: dict[str, Any], tell: Connection, point: Point | None, opens: bool) -> None:
    """A process that holds interviews, as the page and its candidate do: those that are under way first.

    Without `opens` it begins no new one, and says when all are closed and graded.
    """
    hurry()
    if point:
        die_at(point)
    conductor = Conductor(Program(Settings(_env_file=None, **settings)))
    tell_grades(tell.send)
    conductor.program.warm_up()
    while True:
        summaries = conductor.records.interviews.summaries()
        if left := [one.id for one in summaries if not one.closed]:
            interview = conductor.records.interviews.find(left[0])
        elif opens:
            interview = conductor.start("stripe", "quick", 2, kind="story")
            tell.send(("opened", interview.id))
        else:
            _await_grades(conductor, [one.id for one in summaries])
            tell.send(("done",))
            return
        _hold(conductor, interview, tell)


def _hold(conductor: Conductor, interview: Interview, tell: Connection) -> None:
    """Answer one interview to its end, saying what is typed, what was sent and what was acknowledged."""
    while interview.next is not Next.NOBODY:
        if interview.next is Next.INTERVIEWER:
            move = conductor.move(interview.id)
        else:
            turn = new_id()
            text = f"{ANSWER} In the end {turn} customers stayed."
            conductor.records.interviews.keep_draft(interview.id, text)
            tell.send(("draft", interview.id, turn, text))
            move = conductor.answer(interview.id, turn, text)
            tell.send(("answered", interview.id, turn, text))
        for _ in move.tail():
            pass
        if move.error:
            tell.send(("error", str(move.error)))
            raise move.error
        interview = conductor.records.interviews.find(interview.id)
    tell.send(("closed", interview.id))


def _await_grades(conductor: Conductor, interviews: list[str]) -> None:
    for one in interviews:
        while any(job.state != "done" for job in conductor.records.jobs.of(one)):
            if any(job.state == "failed" for job in conductor.records.jobs.of(one)):
                conductor.retry_grading(one)
            time.sleep(LEASE_SECONDS / 4)


def upgrade(path: Path, tell: Connection, statements: int) -> None:
    """Open a file of an older program, and end after so many of the upgrade's writes."""
    left = statements
    writes = ("ALTER", "UPDATE", "CREATE", "INSERT", "DELETE", "PRAGMA USER_VERSION=", "COMMIT")

    @event.listens_for(Engine, "after_cursor_execute")
    def _count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        if statement.lstrip().upper().startswith(writes):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    Records(path).close()
    tell.send(("opened", str(path)))
