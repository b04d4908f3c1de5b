"""Grades of an interview's exchanges -> the one scorecard, and its Markdown and JSON.

Pure: knows no model, store or page. Keeps apart what was asked and not shown from what was never asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import TypeAdapter

from simulator.gaps import Improvement, Missing, RubricOf, improvements, missing_from
from simulator.interview import Interview
from simulator.library import Company
from simulator.rubric import (
    DIMENSIONS,
    HIGHEST,
    LOWEST,
    Evidence,
    Grade,
    Rating,
    State,
    band_of,
    reaching,
    weighted,
)

Contested = Mapping[tuple[int, str], str]
"""The findings that the candidate contests, by exchange and check, with the note; no score heeds them."""
PURPOSE = Path(__file__).with_name("purpose.txt").read_text(encoding="utf-8").strip()
"""What a grade is for, in a sentence that stands on each scorecard."""
_NOTHING: Contested = MappingProxyType({})
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A check that was met: in which exchange, with which of the candidate's words, worth how many points."""

    check: str
    name: str
    dimension: str
    exchange: int
    evidence: tuple[Evidence, ...]
    points: float


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """One dimension over the whole interview: the mean of its exchanges' scores (1-4) and a band."""

    dimension: str
    score: float
    low: float
    high: float
    ratings: tuple[Rating, ...]

    @property
    def mean(self) -> float:
        """The score before it is rounded to a tenth."""
        return sum(one.score for one in self.ratings) / len(self.ratings)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All that is shown after an interview. Without a score, `dimensions` is empty and `reasons` tells why."""

    interview: str
    company: str
    bar: float
    overall: float | None
    low: float | None
    high: float | None
    lens: float | None
    firmness: int | None
    """In how many of ten such gradings the label reaches the bar; None where that was not measured."""
    verdict: str
    dimensions: tuple[DimensionScore, ...]
    shown: tuple[Shown, ...]
    missing: tuple[Missing, ...]
    flags: tuple[Missing, ...]
    improvements: tuple[Improvement, ...]
    reasons: tuple[str, ...]
    ungraded: tuple[int, ...]
    provenance: Mapping[str, str | float]

    @property
    def not_shown(self) -> tuple[Missing, ...]:
        return tuple(one for one in self.missing if one.asked)

    @property
    def never_asked(self) -> tuple[Missing, ...]:
        return tuple(one for one in self.missing if not one.asked)


def score(interview: Interview, rubric_of: RubricOf, company: Company, grades: Mapping[int, Grade]) -> Scorecard:
    """Put the grades together. Exchanges without a grade yet, where one is due, are named in `ungraded`."""
    rated = {number: grade for number, grade in grades.items() if grade.ratings}
    dimensions = tuple(_dimension(name, [grade.ratings[name] for grade in rated.values()]) for name in DIMENSIONS)
    dimensions = dimensions if rated else ()
    scores = [rating.score for grade in rated.values() for rating in grade.ratings.values()]
    overall = round(sum(scores) / len(scores), 1) if scores else None
    errors = _errors([grade.errors for grade in rated.values()])
    low, high = band_of(overall, errors) if overall is not None else (None, None)
    shown, missing, flags = _points(interview, rubric_of, grades)
    return Scorecard(
        interview=interview.id,
        company=company.id,
        bar=company.bar,
        overall=overall,
        low=low,
        high=high,
        lens=weighted({one.dimension: one.mean for one in dimensions}, company.lens) if dimensions else None,
        firmness=reaching(overall, errors, company.bar) if overall is not None else None,
        verdict=_verdict(overall, low, high, company.bar),
        dimensions=dimensions,
        shown=tuple(shown),
        missing=tuple(missing),
        flags=tuple(flags),
        improvements=tuple(improvements(interview, rubric_of, company, missing, rated)),
        reasons=tuple(f"Question {n + 1}: {g.reason}" for n, g in sorted(grades.items()) if g.reason),
        ungraded=tuple(n for n, e in enumerate(interview.exchanges) if e.graded and n not in grades),
        provenance=next((grade.provenance for grade in grades.values()), {}),
    )


def _errors(each: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The ten likely errors of a mean over several answers: about their middle they shrink with the root of the
    number, as errors of different answers are taken as independent."""
    if not each or any(len(errors) != 10 for errors in each):
        return ()
    middle = sum(each[0]) / 10
    return tuple(middle + (error - middle) / len(each) ** 0.5 for error in each[0])


def _dimension(name: str, ratings: Sequence[Rating]) -> DimensionScore:
    if not ratings:
        return DimensionScore(name, 0.0, 0.0, 0.0, ())
    n = len(ratings)
    mean = sum(one.score for one in ratings) / n
    # Errors of different answers are taken as independent, so the band narrows with their number.
    half = (sum(((one.high - one.low) / 2) ** 2 for one in ratings) ** 0.5) / n
    centre = sum(one.raw for one in ratings) / n
    low, high = max(float(LOWEST), centre - half), min(float(HIGHEST), centre + half)
    return DimensionScore(name, round(mean, 1), round(min(low, mean), 1), round(max(high, mean), 1), tuple(ratings))


def _verdict(overall: float | None, low: float | None, high: float | None, bar: float) -> str:
    if overall is None or low is None or high is None:
        return "no score"
    if low < bar <= high:
        return "borderline"
    return "above" if overall >= bar else "below"


def _points(
    interview: Interview, rubric_of: RubricOf, grades: Mapping[int, Grade]
) -> tuple[list[Shown], list[Missing], list[Missing]]:
    shown: list[Shown] = []
    missing: list[Missing] = []
    flags: list[Missing] = []
    for number, grade in sorted(grades.items()):
        exchange = interview.exchanges[number]
        rubric = rubric_of(exchange.question.kind)
        missing += missing_from(exchange, number, rubric, grade)
        for check in rubric.checks:
            finding = grade.findings.get(check.id)
            if finding is None or finding.state is not State.MET:
                continue
            if check.lowers:
                flags.append(Missing(check.id, check.name, "", number, check.missing, True))
            else:
                points = sum(p.points for r in grade.ratings.values() for p in r.ledger if p.check == check.id)
                shown.append(Shown(check.id, check.name, check.dimension, number, finding.evidence, points))
    return shown, missing, flags


def as_json(card: Scorecard, interview: Interview, contested: Contested = _NOTHING) -> dict[str, Any]:
    """The scorecard with what it is for, the transcript and the findings that the candidate contests, as data."""
    return {
        "purpose": PURPOSE,
        "scorecard": TypeAdapter(Scorecard).dump_python(card, mode="json"),
        "interview": TypeAdapter(Interview).dump_python(interview, mode="json"),
        "contested": [
            {"exchange": exchange, "check": check, "note": note} for (exchange, check), note in contested.items()
        ],
    }


def as_markdown(
    card: Scorecard,
    interview: Interview,
    company: Company,
    names: Mapping[str, str],
    contested: Contested = _NOTHING,
) -> str:
    """The scorecard as a Markdown document. `names` are the dimensions' names for the reader."""
    text = _TEMPLATES.get_template("scorecard.md.j2").render(
        card=card, interview=interview, company=company, names=names, contested=contested, purpose=PURPOSE
    )
    return text.strip() + "\n"
