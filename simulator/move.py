"""The interviewer's move after one answer, while it is being made: one thread writes, any number follow."""

import threading
from collections.abc import Iterator

from simulator.errors import SimulatorError


class Move:
    """A text that grows. A reader who comes late gets all of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: list[str] = []
        self._done = False
        self.error: SimulatorError | None = None

    def add(self, piece: str) -> None:
        with self._changed:
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
        at = 0
        while True:
            with self._changed:
                if not self._done and len(self._pieces) == at and not self._changed.wait(timeout_seconds):
                    return
                new, at, done = self._pieces[at:], len(self._pieces), self._done
            yield from new
            if done:
                return
