"""The round's clock: a company's plan scaled to a length, and what was made of the time.

Pure: the time is always handed in, in seconds since the interview began. Typed answers are converted to the time that
saying them would take; that figure is reported beside the clock's own and never mixed into a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from simulator.errors import InputError
from simulator.interview import Exchange, Interview, Role, Segment

QUICK_MINUTES = 14
SHORTEST_MINUTES, LONGEST_MINUTES = 8, 120
WORDS_PER_MINUTE = 140
"""An easy speaking pace; most people speak in interviews at 120 to 160 words a minute."""
SLOWEST_WORDS, FASTEST_WORDS = 80, 220
LEAST_FOR_A_PROBE_SECONDS = 60.0
"""With less than this left of a segment no new follow-up is begun."""
ANNOUNCED_SECONDS = 120.0
"""From this much left on, the interviewer says that the time is nearly up."""
GRADED = ("story", "case")


class Pace(StrEnum):
    """How the time of the current segment stands."""

    OPEN = "open"
    ENDING = "ending"
    TOO_LATE = "too late"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Use:
    """What was made of one segment, in seconds: planned, by the clock, and as speech; `over` beyond the plan."""

    segment: Segment
    used: float
    spoken: float

    @property
    def over(self) -> float:
        return max(0.0, self.used - self.segment.seconds)


def plan_for(segments: Sequence[Segment], length: str, minutes: float = 0.0, kind: str = "") -> tuple[Segment, ...]:
    """The parts of one round, one a question and in order.

    `full` is the company's own round; `quick` and `custom` (of `minutes`) shrink or stretch it, without what is not
    judged where there is no room for that. A `kind` makes every judged part a story or a case. Raises InputError.
    """
    if kind and kind not in GRADED:
        raise InputError(f"There is no kind of question called {kind!r}.", f"Choose one of: {', '.join(GRADED)}.")
    swapped = {one for one in segments if kind and one.kind in GRADED and one.kind != kind}
    chosen = [replace(one, name=kind, kind=kind) if one in swapped else one for one in segments]
    if length == "full":
        return tuple(chosen)
    if length == "custom" and not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise InputError(
            f"A round of {minutes:g} minutes cannot be planned.",
            f"Choose {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes.",
        )
    total = 60.0 * (minutes if length == "custom" else QUICK_MINUTES)
    whole = sum(one.seconds for one in chosen)
    kept = [one for one in chosen if one.kind in GRADED] if total < 0.75 * whole else chosen
    scale = total / sum(one.seconds for one in kept)
    return tuple(replace(one, seconds=round(one.seconds * scale)) for one in kept)


def pace(interview: Interview, at: float) -> Pace:
    """How the time of the current segment stands `at` seconds; always open without a clock."""
    if interview.deadline is None:
        return Pace.OPEN
    left = interview.deadline - at
    if left <= 0:
        return Pace.OVER
    if left < LEAST_FOR_A_PROBE_SECONDS:
        return Pace.TOO_LATE
    return Pace.ENDING if left <= ANNOUNCED_SECONDS else Pace.OPEN


def spoken_seconds(text: str, words_per_minute: float = WORDS_PER_MINUTE) -> float:
    """How long saying this takes."""
    return 60.0 * len(text.split()) / words_per_minute


def uses(interview: Interview, words_per_minute: float = WORDS_PER_MINUTE) -> list[Use]:
    """What was made of each segment that was begun; nothing for an interview without a plan."""
    return [
        Use(segment, _ended(interview, number) - exchange.started, _spoken(exchange, words_per_minute))
        for number, (segment, exchange) in enumerate(zip(interview.plan, interview.exchanges, strict=False))
    ]


def _ended(interview: Interview, number: int) -> float:
    if number + 1 < len(interview.exchanges):
        return interview.exchanges[number + 1].started
    turns = interview.exchanges[number].turns
    return max((turn.at for turn in turns), default=interview.exchanges[number].started)


def _spoken(exchange: Exchange, words_per_minute: float) -> float:
    said = (turn.text for turn in exchange.turns if turn.role is Role.CANDIDATE)
    return sum(spoken_seconds(text, words_per_minute) for text in said)


def opening_seconds(exchange: Exchange, words_per_minute: float = WORDS_PER_MINUTE) -> float:
    """How long the first answer to a question would take to say; 0 without one."""
    return spoken_seconds(exchange.answers[0].text, words_per_minute) if exchange.answers else 0.0
