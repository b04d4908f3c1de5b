"""Two judges over a journal: one that takes a second reading of the same words, one whose word on a variant is what
the model said of the base.

The second shows what the rest of the grader does, on as many variants as one likes, without a call."""

from collections.abc import Sequence

from evals.journal import Journal
from evals.workbench import Workbench
from simulator.errors import ConfigurationError
from simulator.interview import Exchange
from simulator.methods import read
from simulator.models import Lane, Message, Typed, YesNo
from simulator.prompts import disarmed

_SECOND = "second"


class SecondTake:
    """Asks again what was asked, and keeps that reply beside the first."""

    def __init__(self, journal: Journal) -> None:
        self.name = journal.name
        self._journal = journal

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.BACKGROUND, *, fresh: bool = False) -> YesNo:
        return self._journal.yes_no(messages, lane, fresh=fresh, take=_SECOND)

    def typed(self, messages: Sequence[Message], kind: type[Typed], lane: Lane = Lane.BACKGROUND) -> Typed:
        return self._journal.typed(messages, kind, lane, take=_SECOND)


class HeldWord:
    """What the model said of the base, whatever is put to it. Only for the checkwise way."""

    def __init__(self, bench: Workbench, base: Exchange) -> None:
        self.name = bench.journal.name
        self._journal = bench.journal
        self._body = read(bench.library.prompts, base).body

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.BACKGROUND, *, fresh: bool = False) -> YesNo:
        role, text = messages[-1]
        asked = text.rpartition("\n\n")[2]
        return self._journal.yes_no([*messages[:-1], (role, disarmed(f"{self._body}\n\n{asked}"))], lane, fresh=fresh)

    def typed(self, messages: Sequence[Message], kind: type[Typed], lane: Lane = Lane.BACKGROUND) -> Typed:
        raise ConfigurationError(
            "One reply for all checks cannot be held while the answer changes.", "Leave this suite out."
        )
