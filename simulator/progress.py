"""What practice adds up to over past interviews: trends, weak checks, time, follow-ups and self-ratings.

Pure: knows no model, store, clock or page. Scores are never made here, only put in order; one interview is no
trend, and what was never asked for is no weakness.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from simulator.clock import WORDS_PER_MINUTE, uses
from simulator.drills.drill import Past, tallies
from simulator.interview import Act, Exchange, Interview
from simulator.review import Outcome, distances, outcome
from simulator.rubric import DIMENSIONS, Check, Grade
from simulator.scorecard import Scorecard

LEAST_FOR_A_TREND = 2
"""Interviews with a score."""
OVERALL = "overall"
_Z = 1.96  # of a 95 % interval
_TOLD = {
    Outcome.CLOSED: "closed",
    Outcome.BEFORE: "already",
    Outcome.LATER: "dodged",
    Outcome.OPEN: "dodged",
}
"""What became of a follow-up that was replied to."""


@dataclass(frozen=True, slots=True)
class Held:
    """One past interview: when it began, its scorecard, its grades by exchange, and what the candidate gave
    themselves (1-4 by dimension; empty where they did not)."""

    interview: Interview
    at: datetime
    card: Scorecard
    grades: Mapping[int, Grade]
    self_rating: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    """One interview's score (1-4) with its band; `again` marks a second try at the same questions."""

    interview: str
    at: datetime
    company: str
    score: float
    low: float
    high: float
    bar: float
    again: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """A dimension's scores, or the overall ones, the oldest first."""

    of: str
    points: tuple[Point, ...]

    @property
    def needed(self) -> int:
        """How many interviews are still missing for a trend."""
        return max(0, LEAST_FOR_A_TREND - len(self.points))

    @property
    def change(self) -> float | None:
        """From the first score to the last, in points; None where there is no trend yet."""
        return None if self.needed else round(self.points[-1].score - self.points[0].score, 1)

    @property
    def clear(self) -> bool:
        """Whether the change is more than the bands allow for: those of the first and the last are apart."""
        first, last = self.points[0], self.points[-1]
        return last.low > first.high or last.high < first.low


@dataclass(frozen=True, slots=True)
class Weakness:
    """A check that was asked for in `asked` answers and not met in `not_met` of them; the share lies between `low`
    and `high` (95 %, Wilson). `drilled` is how often it was practised."""

    check: str
    asked: int
    not_met: int
    low: float
    high: float
    drilled: int

    @property
    def share(self) -> float:
        return self.not_met / self.asked


@dataclass(frozen=True, slots=True)
class Cell:
    """The mean score (1-4) of one dimension over so many graded answers at one company."""

    company: str
    dimension: str
    mean: float
    answers: int


@dataclass(frozen=True, slots=True)
class TimeUse:
    """All timed segments of one kind together, in seconds: as planned, by the clock, as speech, beyond the plan."""

    kind: str
    segments: int
    planned: float
    used: float
    spoken: float
    over: float


@dataclass(frozen=True, slots=True)
class Chase:
    """What became of the follow-ups that went after one check: the reply closed the gap, it dodged it, it was not
    needed as the check had been shown `already`, or no reply came."""

    check: str
    closed: int = 0
    dodged: int = 0
    already: int = 0
    unanswered: int = 0

    @property
    def asked(self) -> int:
        return self.closed + self.dodged + self.already + self.unanswered


@dataclass(frozen=True, slots=True)
class SelfEstimate:
    """One dimension as the candidate saw it: when, and their own score minus the graded one, the oldest first."""

    dimension: str
    gaps: tuple[tuple[datetime, float], ...]

    @property
    def bias(self) -> float:
        """Mean of the gaps: above 0 is a candidate who thinks too well of it."""
        return sum(gap for _, gap in self.gaps) / len(self.gaps)

    @property
    def distance(self) -> float:
        """Mean size of the gaps, whatever their sign."""
        return sum(abs(gap) for _, gap in self.gaps) / len(self.gaps)


@dataclass(frozen=True, slots=True)
class Progress:
    """All that past interviews add up to. `mixed` says that not all were graded by the same model and rule, so
    that a change may be the grader's."""

    overall: Trend
    dimensions: tuple[Trend, ...]
    weakest: tuple[Weakness, ...]
    companies: tuple[Cell, ...]
    times: tuple[TimeUse, ...]
    chases: tuple[Chase, ...]
    self_estimates: tuple[SelfEstimate, ...]
    mixed: bool

    @property
    def ratings_needed(self) -> int:
        """How many rated interviews are still missing before self-ratings can be compared."""
        rated = max((len(one.gaps) for one in self.self_estimates), default=0)
        return max(0, LEAST_FOR_A_TREND - rated)


def progress_of(
    held: Sequence[Held],
    checks: Mapping[str, Check],
    drilled: Mapping[str, int],
    words_per_minute: float = WORDS_PER_MINUTE,
) -> Progress:
    """Everything at once. `checks` are those of all rubrics by id, `drilled` the number of drill reviews by check."""
    past = sorted(held, key=lambda one: one.at)
    return Progress(
        overall=_overall(past),
        dimensions=tuple(_trend(past, name) for name in DIMENSIONS),
        weakest=_weakest(past, checks, drilled),
        companies=_companies(past),
        times=_times(past, words_per_minute),
        chases=_chases(past, checks),
        self_estimates=_self_estimates(past),
        mixed=_is_mixed(past),
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's score method: it stays inside 0-1 and is honest for small numbers."""
    share, weight = hits / of, _Z * _Z / of
    centre = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / of + weight / (4 * of)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def _point(one: Held, score: float, low: float, high: float) -> Point:
    interview = one.interview
    return Point(interview.id, one.at, interview.company, score, low, high, one.card.bar, bool(interview.retry_of))


def _overall(past: Sequence[Held]) -> Trend:
    points = []
    for one in past:
        score, low, high = one.card.overall, one.card.low, one.card.high
        if score is not None and low is not None and high is not None:
            points.append(_point(one, score, low, high))
    return Trend(OVERALL, tuple(points))


def _trend(past: Sequence[Held], name: str) -> Trend:
    scores = ((one, d) for one in past for d in one.card.dimensions if d.dimension == name)
    return Trend(name, tuple(_point(one, d.score, d.low, d.high) for one, d in scores))


def _graded(past: Sequence[Held]) -> Iterator[tuple[Held, int, Exchange, Grade]]:
    """The exchanges that have a score; the rest says nothing of the candidate."""
    for one in past:
        for number, grade in sorted(one.grades.items()):
            if grade.ratings:
                yield one, number, one.interview.exchanges[number], grade


def _weakest(past: Sequence[Held], checks: Mapping[str, Check], drilled: Mapping[str, int]) -> tuple[Weakness, ...]:
    """The surest weakness first: what was missed once of once stands behind what was missed eight times of ten."""
    told = tallies(Past(one.interview.id, number, exchange, grade) for one, number, exchange, grade in _graded(past))
    found = [
        Weakness(check, tally.asked, tally.missed, *wilson(tally.missed, tally.asked), drilled.get(check, 0))
        for check, tally in told.items()
        if tally.missed and check in checks and checks[check].is_criterion
    ]
    return tuple(sorted(found, key=lambda one: (-one.low, one.check)))


def _companies(past: Sequence[Held]) -> tuple[Cell, ...]:
    scores: dict[tuple[str, str], list[int]] = {}
    for one, _, _, grade in _graded(past):
        for name, rating in grade.ratings.items():
            scores.setdefault((one.interview.company, name), []).append(rating.score)
    return tuple(Cell(*key, sum(found) / len(found), len(found)) for key, found in sorted(scores.items()))


def _times(past: Sequence[Held], words_per_minute: float) -> tuple[TimeUse, ...]:
    """By the kinds of segments, in the order in which they came. Without a clock a page may lie open for days, so
    only timed rounds count; nor does a part that was begun and left at once."""
    kinds: dict[str, list[tuple[float, float, float, float]]] = {}
    for one in past:
        for use in uses(one.interview, words_per_minute) if one.interview.timed else ():
            if use.used > 0:
                kinds.setdefault(use.segment.kind, []).append((use.segment.seconds, use.used, use.spoken, use.over))
    return tuple(TimeUse(kind, len(each), *map(sum, zip(*each, strict=True))) for kind, each in kinds.items())


def _chases(past: Sequence[Held], checks: Mapping[str, Check]) -> tuple[Chase, ...]:
    """Most dodged first. Only what goes after a gap counts: a challenge tests what was well told."""
    counts: dict[str, Counter[str]] = {}
    for _, _, exchange, grade in _graded(past):
        for place, turn in enumerate(exchange.turns):
            if turn.act in (Act.PROBE, Act.PRESS) and turn.check in checks:
                finding = grade.findings.get(turn.check)
                became = outcome(exchange.turns, place, finding, lowers=checks[turn.check].lowers)
                if became is not Outcome.UNKNOWN:
                    replied = any(later.act is Act.ANSWER for later in exchange.turns[place:])
                    told = _TOLD[became] if replied else "unanswered"
                    counts.setdefault(turn.check, Counter())[told] += 1
    found = [Chase(check, **tally) for check, tally in counts.items()]
    return tuple(sorted(found, key=lambda one: (-one.dodged, -one.asked, one.check)))


def _self_estimates(past: Sequence[Held]) -> tuple[SelfEstimate, ...]:
    gaps: dict[str, list[tuple[datetime, float]]] = {name: [] for name in DIMENSIONS}
    for one in past:
        for distance in distances(one.self_rating, {d.dimension: d.score for d in one.card.dimensions}):
            gaps[distance.dimension].append((one.at, distance.off))
    return tuple(SelfEstimate(name, tuple(found)) for name, found in gaps.items() if found)


def _is_mixed(past: Sequence[Held]) -> bool:
    """Whether one rubric was put by two models, methods or prompts, in two versions, or counted by two rules."""
    ways: dict[str, set[tuple[str, ...]]] = {}
    for _, _, _, grade in _graded(past):
        way = tuple(str(grade.provenance.get(name, "")) for name in ("rubric", "model", "method", "prompts", "rule"))
        ways.setdefault(way[0].partition("@")[0], set()).add(way)
    return any(len(found) > 1 for found in ways.values())
