"""What an interview shows once it is over: what each follow-up did, what a second try changed, how far a self-rating
was off, and which of the company's principles were named.

Pure: knows no model, store, clock or page. It reads grades and transcripts; no score is made or changed here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from simulator.interview import FOLLOW_UPS, Act, Exchange, Interview, Turn
from simulator.library import Passage
from simulator.principles import MOST_NAMED, named
from simulator.rubric import DIMENSIONS, Evidence, Finding, Grade, Rubric, State
from simulator.transcript import Sentence, sentences

_DEEDS = ("action.", "result.", "escalation.")


class Outcome(StrEnum):
    """What became of the check that a follow-up went for."""

    CLOSED = "closed"
    """The reply shows it."""
    BEFORE = "was there already"
    LATER = "closed later"
    """Only what was said after a further follow-up shows it."""
    OPEN = "left open"
    UNKNOWN = ""
    """There is no grade that could tell."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Why something was asked: the check that it went for by name, the passages that it came from, and what the
    reply did. `replaced` is the rule of conduct that the model's own words broke."""

    act: Act
    check: str
    name: str
    passages: tuple[Passage, ...]
    outcome: Outcome
    replaced: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A check that the second try met and the first did not, or the other way round (`met` is of the second). The
    words are those of the try that met it; `better` heeds that a flag is better not met."""

    check: str
    name: str
    met: bool
    better: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class SecondTry:
    """One question answered again: its number in both interviews, what flipped, and scores as (first, second)."""

    exchange: int
    first: int
    flips: tuple[Flip, ...]
    scores: Mapping[str, tuple[int, int]]
    overall: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a self-rating was off in one dimension; `off` is above 0 for who thought better of it."""

    dimension: str
    own: float
    scored: float

    @property
    def off(self) -> float:
        return round(self.own - self.scored, 1)


@dataclass(frozen=True, slots=True)
class Naming:
    """The company's principles that one answer names, how often each, and those that a deed stands beside."""

    exchange: int
    times: Mapping[str, int]
    tied: tuple[str, ...]

    @property
    def recited(self) -> bool:
        """Named so often that it sounds learnt by heart."""
        return sum(self.times.values()) > MOST_NAMED


def follow_ups(
    exchange: Exchange, rubric: Rubric, grade: Grade | None, passages: Mapping[str, Passage]
) -> dict[int, FollowUp]:
    """Each follow-up of an exchange by its place among the turns. `passages` are all that are kept, by id; one that
    is gone since is left out."""
    checks = {check.id: check for check in rubric.checks}
    found = {}
    for place, turn in enumerate(exchange.turns):
        if turn.act in FOLLOW_UPS:
            check = checks.get(turn.check)
            finding = grade.findings.get(turn.check) if grade and not grade.reason else None
            found[place] = FollowUp(
                turn.act,
                turn.check,
                check.name if check else "",
                tuple(passages[one] for one in turn.passages if one in passages),
                outcome(exchange.turns, place, finding, lowers=check.lowers) if check else Outcome.UNKNOWN,
                turn.replaced,
            )
    return found


def outcome(turns: Sequence[Turn], place: int, finding: Finding | None, *, lowers: bool = False) -> Outcome:
    """What the reply to the follow-up at `place` did, by the finding on its check over the whole exchange. A flag,
    which lowers, is closed when it no longer holds."""
    if finding is None or finding.state is State.NOT_ASSESSED:
        return Outcome.UNKNOWN
    met = finding.state is State.MET
    if lowers:
        return Outcome.OPEN if met else Outcome.CLOSED
    if not met:
        return Outcome.OPEN
    where = min((one.turn for one in finding.evidence), default=0)
    if where < place:
        return Outcome.BEFORE
    following = next((n for n in range(place + 1, len(turns)) if turns[n].act in FOLLOW_UPS), len(turns))
    return Outcome.CLOSED if where < following else Outcome.LATER


def second_tries(
    now: Interview,
    grades_now: Mapping[int, Grade],
    first: Interview,
    grades_first: Mapping[int, Grade],
    rubric_of: Callable[[str], Rubric],
) -> list[SecondTry]:
    """Every question of `now` that `first` had, too, where both answers have a score."""
    numbers = {exchange.question.id: number for number, exchange in enumerate(first.exchanges)}
    found = []
    for number, exchange in enumerate(now.exchanges):
        earlier = numbers.get(exchange.question.id, -1)
        after, before = grades_now.get(number), grades_first.get(earlier)
        if after and before and after.overall is not None and before.overall is not None:
            rubric = rubric_of(exchange.question.kind)
            scores = {name: (before.ratings[name].score, after.ratings[name].score) for name in DIMENSIONS}
            flips = tuple(_flips(rubric, before, after))
            found.append(SecondTry(number, earlier, flips, scores, (before.overall, after.overall)))
    return found


def _flips(rubric: Rubric, before: Grade, after: Grade) -> list[Flip]:
    found = []
    for check in rubric.checks:
        then, now = before.findings.get(check.id), after.findings.get(check.id)
        if then and now and State.NOT_ASSESSED not in (then.state, now.state) and then.state is not now.state:
            met = now.state is State.MET
            evidence = (now if met else then).evidence
            found.append(Flip(check.id, check.name, met, met is not check.lowers, evidence))
    return found


def distances(own: Mapping[str, float], scored: Mapping[str, float]) -> list[Distance]:
    """How far the candidate's own rating (1-4 by dimension) was off, in the order of the dimensions."""
    return [Distance(name, own[name], scored[name]) for name in DIMENSIONS if name in own and name in scored]


def principles_named(interview: Interview, principles: Sequence[str], grades: Mapping[int, Grade]) -> list[Naming]:
    """The answers, of those with a grade, that name a principle of the company."""
    found = []
    for number, grade in sorted(grades.items()):
        turns = interview.exchanges[number].turns
        places: dict[str, list[tuple[int, int]]] = {}
        for index, turn in enumerate(turns):
            for name, spans in named(turn.text, principles).items() if turn.act is Act.ANSWER else ():
                places.setdefault(name, []).extend((index, start) for start, _ in spans)
        if places:
            beside = _by_deeds(turns, grade)
            tied = tuple(name for name in places if any(_inside(place, beside) for place in places[name]))
            found.append(Naming(number, {name: len(places[name]) for name in places}, tied))
    return found


def _inside(place: tuple[int, int], among: Sequence[Sentence]) -> bool:
    turn, at = place
    return any(one.turn == turn and one.start <= at < one.end for one in among)


def _by_deeds(turns: Sequence[Turn], grade: Grade) -> list[Sentence]:
    """The sentences that show something done, and their neighbours in the same answer."""
    numbered = sentences(turns)
    shown = [
        words
        for finding in grade.findings.values()
        if finding.state is State.MET and finding.check.startswith(_DEEDS)
        for words in finding.evidence
    ]
    deeds = {
        (one.turn, one.number)
        for one in numbered
        if any(one.turn == words.turn and one.start < words.end and words.start < one.end for words in shown)
    }
    return [one for one in numbered if any((one.turn, one.number + step) in deeds for step in (-1, 0, 1))]
