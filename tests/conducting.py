"""What tests of whole interviews share: following a move to its end, and waiting for grades."""

import threading
from collections.abc import Callable

import pytest

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.move import Move

SECONDS = 60
Starts = Callable[..., Conductor]
REPLY = "I told our director in the second week, because only she could move the date. Failures fell from 4% to 1%."


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(SECONDS * 50):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail("it did not come to that")


def followed(move: Move) -> str:
    """All that is said in this move, once it has ended without an error."""
    text = "".join(move.tail(SECONDS))
    assert move.done
    assert move.error is None
    return text


def failed(move: Move) -> SimulatorError:
    list(move.tail(SECONDS))
    assert move.done and move.error is not None
    return move.error


def graded(conductor: Conductor, interview_id: str) -> bool:
    jobs = conductor.records.jobs.of(interview_id)
    return bool(jobs) and all(job.state == "done" for job in jobs)
