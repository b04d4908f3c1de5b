"""What was missing from the answers, what that costs with a company, and which sentence would close it.

Pure: knows no model, store or page. Every sentence comes from the rubric or from the candidate; none is made up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from simulator.interview import Act, Exchange, Interview
from simulator.library import Company
from simulator.rubric import DIMENSIONS, HIGHEST, Check, Grade, Rubric, ScoreRule, State, equal_rule, weighted

MOST_IMPROVEMENTS = 3
MOST_BLANKS = 2
"""Sentences to fill in that are offered for one dimension."""
_ASKED = 1.5
RubricOf = Callable[[str], Rubric]
"""The rubric of a kind of question."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A check that was not met. `asked` tells a gap from something that never came up."""

    check: str
    name: str
    dimension: str
    exchange: int
    text: str
    asked: bool


@dataclass(frozen=True, slots=True)
class Improvement:
    """What to do next time, with the candidate's words where it belongs."""

    check: str
    name: str
    exchange: int
    missing: str
    advice: str
    moment: str


@dataclass(frozen=True, slots=True)
class Lens:
    """The answers seen with one company's weights: the overall score, and the gap that costs most there."""

    company: str
    score: float
    weights: Mapping[str, float]
    gap: Improvement | None


@dataclass(frozen=True, slots=True)
class Blank:
    """A sentence to fill in that would show a check which was not met: worth up to so many `points` there."""

    check: str
    name: str
    exchange: int
    text: str
    points: float


def missing_from(exchange: Exchange, number: int, rubric: Rubric, grade: Grade) -> list[Missing]:
    """The criteria that this answer did not meet; an answer without a score has none."""
    return [
        Missing(check.id, check.name, check.dimension, number, check.missing, check.id in exchange.asked_for)
        for check in rubric.checks
        if check.is_criterion and not grade.reason and _state(grade, check.id) is State.NOT_MET
    ]


def _state(grade: Grade, check_id: str) -> State | None:
    finding = grade.findings.get(check_id)
    return finding.state if finding else None


def improvements(
    interview: Interview,
    rubric_of: RubricOf,
    company: Company,
    missing: Sequence[Missing],
    grades: Mapping[int, Grade],
    most: int = MOST_IMPROVEMENTS,
) -> list[Improvement]:
    """The gaps that cost most with this company: what was asked for weighs more than what never came up. Only those
    of the exchanges in `grades` are looked at."""

    def cost(one: Missing) -> float:
        check = _check(interview, rubric_of, one)
        weight = company.probe_weights.get(one.check, 1.0) * company.lens.get(check.dimension, 1.0)
        return check.value * weight * (_ASKED if one.asked else 1.0)

    chosen: list[Improvement] = []
    for one in sorted(missing, key=cost, reverse=True):
        if len(chosen) == most:
            break
        if one.check in {other.check for other in chosen} or one.exchange not in grades:
            continue
        check = _check(interview, rubric_of, one)
        moment = _moment(check, interview.exchanges[one.exchange], grades[one.exchange])
        chosen.append(Improvement(one.check, one.name, one.exchange, one.text, check.advice, moment))
    return chosen


def _check(interview: Interview, rubric_of: RubricOf, one: Missing) -> Check:
    return rubric_of(interview.exchanges[one.exchange].question.kind).check(one.check)


def _moment(check: Check, exchange: Exchange, grade: Grade) -> str:
    """Where it was missing: the reply to the probe that asked, words near by, or how the answer began."""
    for place, asked in enumerate(exchange.turns):
        reply = next((turn for turn in exchange.turns[place:] if turn.act is Act.ANSWER), None)
        if asked.check == check.id and reply:
            return _shortened(reply.text)
    for near in check.near:
        finding = grade.findings.get(near)
        if finding and finding.evidence:
            return _shortened(finding.evidence[0].text)
    return _shortened(exchange.answers[0].text)


def _shortened(text: str, words: int = 24) -> str:
    parts = text.split()
    return " ".join(parts[:words]) + (" …" if len(parts) > words else "")


def lens(
    interview: Interview,
    rubric_of: RubricOf,
    company: Company,
    missing: Sequence[Missing],
    grades: Mapping[int, Grade],
    *,
    equal: bool = False,
) -> Lens:
    """These scored answers, at least one, as this company weighs them; `equal` weighs the five dimensions alike."""
    seen = replace(company, lens={name: 1.0 for name in DIMENSIONS}) if equal else company
    scores = {name: sum(grade.ratings[name].score for grade in grades.values()) / len(grades) for name in DIMENSIONS}
    dearest = improvements(interview, rubric_of, seen, missing, grades, most=1)
    return Lens(company.id, weighted(scores, seen.lens), seen.lens, dearest[0] if dearest else None)


def blanks(
    interview: Interview, rubric_of: RubricOf, rules: Sequence[ScoreRule], grades: Mapping[int, Grade]
) -> dict[str, list[Blank]]:
    """By dimension that is not at its best in every scored answer: the sentences that would add most to it, by the
    weights of the rule that made the grade. `rules` are all that are kept."""
    found: dict[str, list[Blank]] = {}
    for number, grade in grades.items():
        rubric = rubric_of(interview.exchanges[number].question.kind)
        rule = rule_behind(grade, rubric, rules)
        for name, rating in grade.ratings.items():
            if rating.score < HIGHEST:
                credited = {point.check: point.points for point in rating.ledger}
                for check in rubric.checks:
                    points = rule.dimensions[name].weights.get(check.id, 0.0) - credited.get(check.id, 0.0)
                    if check.blank and points > 0 and _state(grade, check.id) is State.NOT_MET:
                        blank = Blank(check.id, check.name, number, check.blank, points)
                        found.setdefault(name, []).append(blank)
    return {name: _dearest(found[name]) for name in DIMENSIONS if name in found}


def _dearest(found: Sequence[Blank]) -> list[Blank]:
    ranked = sorted(found, key=lambda one: -one.points)
    best = {one.check: one for one in reversed(ranked)}  # of one check's, the answer where it adds most
    return [one for one in ranked if best[one.check] is one][:MOST_BLANKS]


def rule_behind(grade: Grade, rubric: Rubric, rules: Sequence[ScoreRule]) -> ScoreRule:
    """The rule that made a grade, by the name that the grade keeps; equal weights where it is not kept any more."""
    own = {check.id for check in rubric.checks}
    name = str(grade.provenance.get("rule", ""))
    fitting = [rule for rule in rules if rule.checks <= own and name.startswith(_name(rule))]
    return max(fitting, key=lambda rule: len(_name(rule)), default=equal_rule(rubric))


def _name(rule: ScoreRule) -> str:
    """As a grade keeps it; more may follow there, where the rule was fitted for an earlier version of the rubric."""
    return f"{rule.model} {rule.fitted_on}".strip()
