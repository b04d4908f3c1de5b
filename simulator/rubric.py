"""What a grade is made of: checks, findings, ratings, the scorecard, and the arithmetic between them.

Pure: knows no model, store, clock or page. The model only fills findings; every number here is computed.
Definitions follow the labelling guideline: twenty criteria, seven flags, five dimensions of 1-4.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

DIMENSIONS = ("ownership", "prioritization", "problem_solving", "communication", "data_use")
LOWEST, HIGHEST = 1, 4


class State(StrEnum):
    """What is known of one check. Not assessed (never asked, or the model failed) is not a failure."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_ASSESSED = "not_assessed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stretch of the candidate's own words: characters [start, end) of the turn with that index."""

    turn: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a check shows in the candidate's sentences, and how strongly, as code sees it without a model."""

    evidence: tuple[Evidence, ...] = ()
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One yes/no question about an answer. `id` is the guideline's name; texts come from the rubric file."""

    id: str
    name: str
    ask: str
    dimension: str = ""
    missing: str = ""
    advice: str = ""
    value: float = 1.0
    reverse: bool = False
    """`ask` is put the other way round, because the model answers that better: its No means yes."""
    cue: str = ""
    """A pattern of words that a sentence showing this check often holds."""
    like: tuple[str, ...] = ()
    """Sentences that would show this check."""
    whole: bool = False
    """It is about the answer as a whole; no one sentence shows it."""
    near: tuple[str, ...] = ()
    """Checks whose evidence shows the moment where this one was missing."""

    @property
    def is_flag(self) -> bool:
        return self.id.startswith("flag.")

    @property
    def is_criterion(self) -> bool:
        """One of the guideline's twenty; the rest are flags."""
        return not self.is_flag


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one check: `probability` is the calibrated chance of yes, None when not assessed."""

    check: str
    state: State
    probability: float | None = None
    evidence: tuple[Evidence, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cap:
    """A flag's limit on a dimension's score, from the guideline; lifted when a check of `unless` is met."""

    flag: str
    dimension: str
    highest: int
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the model's raw log-odds of yes on one check, and the strength of what code has sighted, into a
    probability: sigmoid(slope * log-odds + strength * sighting + offset)."""

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5
    strength: float = 0.0

    def probability(self, log_odds: float, strength: float) -> float:
        value = self.slope * log_odds + self.strength * strength + self.offset
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """Monotone rule of one dimension: base + sum(weight * probability), cut at three points.

    Weights are >= 0 for criteria and <= 0 for flags, so no met check lowers a score.
    `residual` is the standard deviation of (label - raw) on held-out answers, in points.
    """

    base: float
    weights: Mapping[str, float]
    cuts: tuple[float, float, float]
    residual: float


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """The fitted arithmetic, stored beside the rubric with the model that it was fitted for."""

    model: str
    rubric: str
    calibrations: Mapping[str, Calibration]
    dimensions: Mapping[str, DimensionRule]
    fitted_on: str = ""


@dataclass(frozen=True, slots=True)
class Rubric:
    """A rubric file: its checks in order, caps and bar. `digest` is its version."""

    id: str
    digest: str
    checks: tuple[Check, ...]
    caps: tuple[Cap, ...]
    bar: float
    dimension_names: Mapping[str, str] = field(default_factory=dict)

    def check(self, check_id: str) -> Check:
        return next(check for check in self.checks if check.id == check_id)


@dataclass(frozen=True, slots=True)
class Point:
    """One line of a dimension's ledger: what this check added (or a flag took away), in points."""

    check: str
    points: float


@dataclass(frozen=True, slots=True)
class Rating:
    """One dimension: the score 1-4, the raw sum before cutting, a band in points, and its ledger."""

    dimension: str
    score: int
    raw: float
    low: float
    high: float
    ledger: tuple[Point, ...]
    capped_by: str = ""


@dataclass(frozen=True, slots=True)
class Grade:
    """One graded exchange. `ratings` is empty and `reason` says why when there is no score."""

    findings: Mapping[str, Finding]
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    reason: str = ""
    provenance: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def overall(self) -> float | None:
        """Mean of the five scores, to one decimal; None without a score."""
        if not self.ratings:
            return None
        return round(sum(rating.score for rating in self.ratings.values()) / len(self.ratings), 1)

    @property
    def band(self) -> tuple[float, float] | None:
        """An interval for the overall score; dimension errors are taken as half shared between dimensions."""
        if not self.ratings or self.overall is None:
            return None
        half = [(rating.high - rating.low) / 2 for rating in self.ratings.values()]
        mean_half = sum(half) / len(half)
        independent = (sum(h * h for h in half) ** 0.5) / len(half)
        width = (mean_half + independent) / 2
        centre = sum(rating.raw for rating in self.ratings.values()) / len(self.ratings)
        low = max(float(LOWEST), min(centre - width, self.overall))
        high = min(float(HIGHEST), max(centre + width, self.overall))
        return round(low, 1), round(high, 1)

    def verdict(self, bar: float) -> str:
        """`above`, `below` or `borderline` (the band crosses the bar), or `no score`."""
        if self.overall is None or self.band is None:
            return "no score"
        low, high = self.band
        if low < bar <= high:
            return "borderline"
        return "above" if self.overall >= bar else "below"


def equal_rule(rubric: Rubric) -> ScoreRule:
    """The rule for a model that none was fitted for: every check of a dimension counts the same."""
    dimensions = {}
    for name in DIMENSIONS:
        own = [check.id for check in rubric.checks if check.dimension == name and not check.is_flag]
        weights = {check: (HIGHEST - LOWEST) / len(own) for check in own}
        dimensions[name] = DimensionRule(float(LOWEST), weights, (1.5, 2.5, 3.5), 0.8)
    return ScoreRule("any", rubric.digest, {}, dimensions, "equal weights, not fitted")


def rate(rubric: Rubric, rule: ScoreRule, findings: Mapping[str, Finding]) -> dict[str, Rating]:
    """Compute the five ratings from the findings: the rule's sums, its cuts, then the guideline's caps."""
    return {name: _rating(rubric, rule, name, findings) for name in DIMENSIONS}


def _credit(rule: ScoreRule, findings: Mapping[str, Finding], check_id: str) -> float:
    """The share of a check's weight that counts: its probability; nothing for a yes without evidence."""
    finding = findings.get(check_id)
    if finding is None or finding.probability is None:
        return 0.0
    threshold = rule.calibrations.get(check_id, Calibration()).threshold
    yes = finding.state is State.MET or finding.probability >= threshold
    if yes and not finding.evidence and not check_id.startswith("flag."):
        return 0.0
    return finding.probability


def _holds(cap: Cap, findings: Mapping[str, Finding]) -> bool:
    met = {check_id for check_id, finding in findings.items() if finding.state is State.MET}
    return cap.flag in met and met.isdisjoint(cap.unless)


def _rating(rubric: Rubric, rule: ScoreRule, name: str, findings: Mapping[str, Finding]) -> Rating:
    dimension = rule.dimensions[name]
    ledger = [
        Point(check_id, weight * _credit(rule, findings, check_id))
        for check_id, weight in dimension.weights.items()
        if weight
    ]
    raw = min(float(HIGHEST), max(float(LOWEST), dimension.base + sum(point.points for point in ledger)))
    score = LOWEST + sum(raw >= cut for cut in dimension.cuts)
    capped_by = ""
    for cap in rubric.caps:
        if cap.dimension == name and _holds(cap, findings):
            raw = min(raw, float(cap.highest))  # also below the cap's score, or more credit could lower it
            if score > cap.highest:
                score, capped_by = cap.highest, cap.flag
    spread = 1.28 * dimension.residual  # a band of about 80 %
    return Rating(
        name,
        score,
        raw,
        max(float(LOWEST), raw - spread),
        min(float(HIGHEST), raw + spread),
        tuple(sorted((point for point in ledger if abs(point.points) >= 0.005), key=lambda p: -abs(p.points))),
        capped_by,
    )


def lens_overall(ratings: Mapping[str, Rating], weights: Mapping[str, float]) -> float | None:
    """The overall score seen with one company's weights; the dimension scores themselves never change."""
    if not ratings:
        return None
    total = sum(weights.get(name, 1.0) for name in ratings)
    return round(sum(rating.score * weights.get(name, 1.0) for name, rating in ratings.items()) / total, 1)


def open_checks(
    rubric: Rubric, findings: Mapping[str, Finding], value: Mapping[str, float], skip: Sequence[str] = ()
) -> list[tuple[str, float]]:
    """Criteria not shown yet, most valuable to probe first, as (check id, value * chance that it is open)."""
    ranked = []
    for check in rubric.checks:
        finding = findings.get(check.id)
        if not check.is_criterion or check.id in skip or finding is None or finding.probability is None:
            continue
        if finding.state is State.NOT_MET:
            ranked.append((check.id, value.get(check.id, check.value) * (1 - finding.probability)))
    return sorted(ranked, key=lambda pair: -pair[1])
