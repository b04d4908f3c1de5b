"""Who may ask the model now: so many places before it, taken in turns by those who wait for a live reply.

`Line` holds the order and is told the time; `Turns` lets threads wait in it. Calls no model, refuses nobody, and ends
no wait by itself.
"""

import heapq
import itertools
import threading
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean

from simulator.move import Wait
from simulator.operations.events import TURN_WAITED, TURNS_WAITING

PATIENCE_SECONDS = 480.0
"""So long background calls wait for a moment without a live turn before they take turns in the line themselves. With
a round of the line, that is a turn within ten minutes."""
REFRESH_SECONDS = 1.0
_RECENT = 20
"""Turns whose length tells how long the next ones will take."""

Told = Callable[[Wait | None], None]
"""Told what a turn waits for, and None when it begins."""


@dataclass(frozen=True, order=True, slots=True)
class Ticket:
    """A turn that waits or is held. `session` is None for a background call."""

    round: int
    number: int
    session: str | None


class Line:
    """The order of turns, with the time in seconds of any clock. Not safe to use from several threads.

    A session's next turn belongs to the round after its last one, and at the earliest to the round that is being
    served; inside a round the first to come is the first to be served. So who asks for many turns at once has one a
    round, and goes after all who have not had theirs.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._numbers = itertools.count()
        self._round = 0
        self._last: dict[str | None, int] = {}  # the newest round of each session; none that is over
        self._waiting: list[Ticket] = []
        self._held: dict[Ticket, float] = {}  # since when
        self._lengths: deque[float] = deque(maxlen=_RECENT)

    def join(self, session: str | None, now: float) -> Ticket:
        """A new turn, which begins at once where a place is free."""
        number = max(self._round, self._last.get(session, -1) + 1)
        self._last[session] = number
        ticket = Ticket(number, next(self._numbers), session)
        insort(self._waiting, ticket)
        self._fill(now)
        return ticket

    def leave(self, ticket: Ticket, now: float) -> None:
        """A turn is over, or is waited for no more."""
        if ticket in self._held:
            began = self._held.pop(ticket)
            if ticket.session is not None:
                self._lengths.append(now - began)
        else:
            self._waiting.remove(ticket)
        self._fill(now)

    def has_begun(self, ticket: Ticket) -> bool:
        return ticket in self._held

    def wait(self, ticket: Ticket, now: float) -> Wait | None:
        """What a turn waits for; None once it has begun."""
        if ticket in self._held:
            return None
        ahead = bisect_left(self._waiting, ticket)
        return Wait(ahead + 1, self._seconds(ahead, now) if self._lengths else None)

    @property
    def idle(self) -> bool:
        """Whether nobody waits for a live reply."""
        return all(ticket.session is None for ticket in itertools.chain(self._held, self._waiting))

    def _seconds(self, ahead: int, now: float) -> float:
        """Until a place is free behind so many others, if all take as long as the last ones did."""
        usual = fmean(self._lengths)
        ends = [max(now, began + usual) for began in self._held.values()]
        heapq.heapify(ends)
        for _ in range(ahead):
            heapq.heapreplace(ends, ends[0] + usual)
        return ends[0] - now

    def _fill(self, now: float) -> None:
        while self._waiting and len(self._held) < self._places:
            ticket = self._waiting.pop(0)
            self._held[ticket] = now
            self._round = max(self._round, ticket.round)
        self._last = {session: number for session, number in self._last.items() if number >= self._round}


class Turns:
    """The turns of all threads before one model. Safe to use from several threads."""

    def __init__(self, places: int = 1, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._changed = threading.Condition()
        self._line = Line(places)
        self._patience_seconds = patience_seconds
        self._quiet = time.monotonic()  # the last moment without a live turn

    @contextmanager
    def live(self, session: str, told: Told = lambda wait: None) -> Iterator[None]:
        """A turn, waited for and then held over as many calls as one reply takes. The turns of one `session` never
        come before another's because they are many. `told` is called in this thread, at once, when something has
        changed, and every second; what it raises gives the turn up."""
        with self._changed:
            if self._line.idle:
                self._quiet = time.monotonic()
            ticket = self._line.join(session, time.monotonic())
        try:
            with TURN_WAITED.timed(), TURNS_WAITING.raised():
                self._wait(ticket, told)
            yield
        finally:
            with self._changed:
                self._line.leave(ticket, time.monotonic())
                self._changed.notify_all()

    def _wait(self, ticket: Ticket, told: Told) -> None:
        with self._changed:
            wait = self._line.wait(ticket, time.monotonic())
        while wait is not None:
            told(wait)
            with self._changed:
                self._changed.wait_for(lambda: self._line.has_begun(ticket), REFRESH_SECONDS)
                wait = self._line.wait(ticket, time.monotonic())
        told(None)

    def give_way(self) -> None:
        """Where a background call waits while a live turn waits or is held.

        After `patience_seconds` without a moment when none was, it takes a turn in the line, as all background calls
        together were one more session. It holds no place: what it waited for is to be let through.
        """
        with self._changed:
            patience = self._quiet + self._patience_seconds - time.monotonic()
            if self._changed.wait_for(lambda: self._line.idle, patience):
                return
            ticket = self._line.join(None, time.monotonic())
            self._changed.wait_for(lambda: self._line.has_begun(ticket))
            self._line.leave(ticket, time.monotonic())
            self._changed.notify_all()
