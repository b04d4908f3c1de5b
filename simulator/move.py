"""The interviewer's moves after an answer, while they are being made: one thread writes each, any number follow."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from simulator.errors import SimulatorError

_LOCKS = 64
_MOST_DONE = 1_000
"""Moves that are over and still remembered, so that a reload finds the last one's error."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A turn before the model that has not come: so many others must end before it, in about so many seconds (None
    while nothing is known of how long one takes)."""

    before: int
    seconds: float | None


class Move:
    """A text that grows. A reader who comes late gets all of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: list[str] = []
        self._done = False
        self._wait: Wait | None = None
        self._began = time.monotonic()
        self.first_seconds = 0.0
        self.error: SimulatorError | None = None

    def waits(self, wait: Wait | None) -> None:
        """What it waits for; None when its turn has come."""
        with self._changed:
            self._wait = wait
            self._changed.notify_all()

    @property
    def seconds(self) -> float:
        """So long ago has it begun; its first words came `first_seconds` after that."""
        return time.monotonic() - self._began

    def add(self, piece: str) -> None:
        with self._changed:
            if not self._pieces:
                self.first_seconds = self.seconds
            self._pieces.append(piece)
            self._changed.notify_all()

    def end(self, error: SimulatorError | None = None) -> None:
        with self._changed:
            self.error = error
            self._done = True
            self._changed.notify_all()

    @property
    def done(self) -> bool:
        return self._done

    def tail(self, timeout_seconds: float = 600.0) -> Iterator[str]:
        """All pieces from the beginning, as they come; ends with the move."""
        return (new for new in self.news(timeout_seconds) if isinstance(new, str))

    def news(self, timeout_seconds: float = 600.0) -> Iterator[str | Wait | None]:
        """All pieces as `tail` gives them, and between them where it waits for its turn, each time that this changes.
        Ends with the move, or when there is no news for so long."""
        at, seen = 0, None
        while True:
            with self._changed:

                def changed(at: int = at, seen: Wait | None = seen) -> bool:
                    return self._done or len(self._pieces) > at or self._wait != seen

                if not self._changed.wait_for(changed, timeout_seconds):
                    return
                moved, seen = self._wait != seen, self._wait
                new, at, done = self._pieces[at:], len(self._pieces), self._done
            if moved:
                yield seen
            yield from new
            if done:
                return


class Moves:
    """The last move of each interview in one process, by the interview's owner and id. Safe to use from several
    threads."""

    def __init__(self) -> None:
        self._moves: dict[tuple[str, str], Move] = {}
        self._lock = threading.Lock()
        self._turns = [threading.RLock() for _ in range(_LOCKS)]

    def alone(self, owner: str, interview_id: str) -> AbstractContextManager[bool]:
        """Held while an interview is moved on, so that what is sent twice at once is one turn; may be taken again by
        the thread that holds it. Nearly all others go on meanwhile."""
        return self._turns[hash((owner, interview_id)) % _LOCKS]

    def last(self, owner: str, interview_id: str) -> Move | None:
        """The move under way, or the last one; None where none was made in this process."""
        with self._lock:
            return self._moves.get((owner, interview_id))

    def begin(self, owner: str, interview_id: str) -> Move:
        """A new move in the place of the last one."""
        with self._lock:
            self._moves.pop((owner, interview_id), None)
            move = self._moves[owner, interview_id] = Move()
            done = [key for key, one in self._moves.items() if one.done]
            for key in done[: max(0, len(done) - _MOST_DONE)]:
                del self._moves[key]
        return move
