"""Crowds of visitors and what they met: all opening at once, each holding an interview, one staying very long, or
coming and going for hours.
"""

import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.request import urlopen

from websockets.exceptions import WebSocketException

from load.served import Sample, Served, sampled, user
from load.tab import PageError
from load.visitor import Manner, Took, Visitor

SAMPLE_SECONDS = 5.0
BRISK = Manner(think_seconds=(0.5, 1.5), hand_on_seconds=0.4)
"""Of visitors who are not to take long."""
_TROUBLE = (PageError, WebSocketException, OSError, TimeoutError)


@dataclass(slots=True)
class Met:
    """What a crowd met. Times are in seconds; `samples` are the program's, with the seconds since the beginning."""

    failures: list[str] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    took: list[Took] = field(default_factory=list)
    interviews: int = 0
    samples: list[tuple[float, Sample]] = field(default_factory=list)
    calls: list[tuple[int, int, float, float]] = field(default_factory=list)
    mixed: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0
    own_seconds: float = 0.0
    """That this process, the visitors', has worked."""

    @property
    def model_seconds(self) -> dict[tuple[int, int], float]:
        """How long the model was at each turn, by visitor and turn: what came before the reply, not the grading."""
        until = {(one.visitor, one.turn): one.clicked + one.seconds for one in self.took}
        spent = dict.fromkeys(until, 0.0)
        for visitor, turn, began, ended in self.calls:
            if ended <= until.get((visitor, turn), 0.0):
                spent[visitor, turn] += ended - began
        return spent

    @property
    def between_calls(self) -> list[float]:
        """The program's own time between one call of a turn and the next."""
        until = {(one.visitor, one.turn): one.clicked + one.seconds for one in self.took}
        ended: dict[tuple[int, int], float] = {}
        gaps = []
        for visitor, turn, begin, end in sorted(self.calls, key=lambda one: one[2]):
            if (whose := (visitor, turn)) in until and end <= until[whose]:
                if whose in ended:
                    gaps.append(begin - ended[whose])
                ended[whose] = end
        return gaps


class Crowds:
    """Crowds before one program. No two visitors, whenever they come, have the same number."""

    def __init__(self, served: Served, answers: Sequence[str], manner: Manner) -> None:
        self._served = served
        self._answers = answers
        self._manner = manner
        self._numbers = count()

    async def opening(self, visitors: int) -> Met:
        """All open the page and start an interview at the same moment."""

        async def open_(visitor: Visitor) -> None:
            await visitor.begin()

        return await self._met(lambda met: self._all(met, visitors, 0.0, open_))

    async def trying_out(self) -> Met:
        """One brisk visitor holds an interview: all is loaded then, and has been used once."""
        return await self._met(lambda met: self._all(met, 1, 0.0, self._interview, BRISK))

    async def interviewing(self, visitors: int, every_seconds: float) -> Met:
        """One comes every so often, and all stay until the last has seen the scorecard."""
        return await self._met(lambda met: self._all(met, visitors, every_seconds, self._interview))

    async def staying(self, times: int, asks: int) -> Met:
        """One visitor after the other asks so many facts of one case, waiting for the page each time."""

        async def ask(visitor: Visitor) -> None:
            tab = await visitor.begin(kind="case")
            for _ in range(asks):
                await visitor.say(tab, visitor.question(), asks=True, settles=True)

        async def one_by_one(met: Met) -> None:
            for _ in range(times):
                await self._all(met, 1, 0.0, ask, BRISK)

        return await self._met(one_by_one)

    async def coming_and_going(self, visitors: int, seconds: float) -> Met:
        """So many at a time: who has finished makes room for another, until the time is over."""

        async def room(met: Met, until: float, wait: float) -> None:
            await asyncio.sleep(wait)
            while time.monotonic() < until:
                await self._all(met, 1, 0.0, self._interview)

        async def rooms(met: Met) -> None:
            until, apart = time.monotonic() + seconds, self._manner.think_seconds[0] / visitors
            await asyncio.gather(*(room(met, until, number * apart) for number in range(visitors)))

        return await self._met(rooms)

    async def _interview(self, visitor: Visitor) -> None:
        tab = await visitor.begin()
        await visitor.interview(tab)
        await visitor.come_back(tab)
        await visitor.look_at_scorecard(tab)

    async def _all(
        self,
        met: Met,
        visitors: int,
        every_seconds: float,
        does: Callable[[Visitor], Awaitable[None]],
        manner: Manner | None = None,
    ) -> None:
        here = [self._visitor(manner or self._manner) for _ in range(visitors)]

        async def visit(visitor: Visitor, wait: float) -> None:
            await asyncio.sleep(wait)
            try:
                await does(visitor)
            except _TROUBLE as error:
                met.failures.append(f"visitor {visitor.number}: {error or type(error).__name__}")
            else:
                met.interviews += 1

        await asyncio.gather(*(visit(one, number * every_seconds) for number, one in enumerate(here)))
        met.samples.append((time.monotonic(), sampled(self._served.process)))  # with all tabs open
        for one in here:
            await one.leave()
            met.opened += [one.opened_seconds] if one.opened_seconds else []
            met.took += one.took

    def _visitor(self, manner: Manner) -> Visitor:
        number = next(self._numbers)
        return Visitor(number, self._served.port, self._answers, manner, user(number))

    async def _met(self, run: Callable[[Met], Awaitable[None]]) -> Met:
        met, began, worked = Met(), time.monotonic(), _worked()
        watch = asyncio.create_task(self._watch(met))
        try:
            await run(met)
        finally:
            watch.cancel()
        await self._collect(met)
        met.seconds, met.own_seconds = time.monotonic() - began, _worked() - worked
        met.samples = [(at - began, sample) for at, sample in met.samples]
        return met

    async def _watch(self, met: Met) -> None:
        while True:
            met.samples.append((time.monotonic(), sampled(self._served.process)))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _collect(self, met: Met) -> None:
        def told() -> bytes:
            with urlopen(f"http://127.0.0.1:{self._served.model_port}/calls", timeout=60) as reply:
                return bytes(reply.read())

        found = json.loads(await asyncio.to_thread(told))
        met.calls += [(visitor, turn, began, ended) for visitor, turn, began, ended in found["calls"]]
        met.mixed += found["mixed"]


def _worked() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
