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
ANY_MODEL = "any"
"""The model of a rule that was fitted on the labels themselves."""
UNMEASURED = 0.8
"""Half the width of a band, in points, where no rule was fitted and measured."""


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
    """Where a check shows in the candidate's sentences, and how strongly, as code sees it without the model: in
    the sentence that shows it best (`peak`), in the next best one (`second`), and over all (`mean`)."""

    evidence: tuple[Evidence, ...] = ()
    peak: float = 0.0
    mean: float = 0.0
    second: float = 0.0


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
    lowers: bool = False
    """Meeting it never raises a score: a red flag, or an anchor of a low one."""
    blank: str = ""
    """The sentence that would show this check, with `___` for each of the candidate's own facts."""

    @property
    def is_flag(self) -> bool:
        return self.id.startswith("flag.")

    @property
    def is_anchor(self) -> bool:
        """What lifts or holds a score in the guideline's table of dimensions, beyond criteria and flags."""
        return self.id.startswith("anchor.")

    @property
    def is_criterion(self) -> bool:
        """One of the guideline's twenty."""
        return not self.is_flag and not self.is_anchor


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
    """Turns the model's raw log-odds of yes on one check, and what code has sighted, into a probability:
    sigmoid(slope * log-odds + peak * sighting.peak + second * sighting.second + mean * sighting.mean + offset). A
    slope of 0 means that the model's word on this check adds nothing: it is then not asked."""

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5
    peak: float = 0.0
    mean: float = 0.0
    second: float = 0.0

    def probability(self, log_odds: float, sighting: Sighting) -> float:
        seen = self.peak * sighting.peak + self.second * sighting.second + self.mean * sighting.mean
        value = self.slope * log_odds + seen + self.offset
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """Monotone rule of one dimension: base + sum(weight * probability), cut at three points.

    Weights are >= 0, and <= 0 for checks that lower, so no met criterion lowers a score.
    `half_width` is the distance from the raw sum within which four of five held-out labels lay, in points.
    """

    base: float
    weights: Mapping[str, float]
    cuts: tuple[float, float, float]
    half_width: float


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """The fitted arithmetic, stored beside the rubric with the model, method and sightings it was fitted for.

    `errors` are ten equally likely errors of the overall score (label minus score, sorted), seen on held-out
    answers; empty where nothing was measured.
    """

    model: str
    rubric: str
    calibrations: Mapping[str, Calibration]
    dimensions: Mapping[str, DimensionRule]
    fitted_on: str = ""
    method: str = "checkwise"
    sightings: str = ""
    errors: tuple[float, ...] = ()

    @property
    def checks(self) -> frozenset[str]:
        """All checks that it speaks of."""
        return frozenset(self.calibrations).union(*(one.weights for one in self.dimensions.values()))


@dataclass(frozen=True, slots=True)
class Rubric:
    """A rubric file: its checks in order, caps and bar, for one kind of question. `digest` is its version."""

    id: str
    digest: str
    checks: tuple[Check, ...]
    caps: tuple[Cap, ...]
    bar: float
    dimension_names: Mapping[str, str] = field(default_factory=dict)
    kind: str = "story"

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
    errors: tuple[float, ...] = ()
    """Of the rule that made it."""

    @property
    def overall(self) -> float | None:
        """Mean of the five scores, to one decimal; None without a score."""
        if not self.ratings:
            return None
        return round(sum(rating.score for rating in self.ratings.values()) / len(self.ratings), 1)

    @property
    def band(self) -> tuple[float, float] | None:
        """The interval that held the label in four of five held-out answers with such a score."""
        return None if self.overall is None else band_of(self.overall, self.errors)

    def firmness(self, bar: float) -> int | None:
        """In how many of ten such gradings the label reaches the bar."""
        return None if self.overall is None else reaching(self.overall, self.errors, bar)

    def verdict(self, bar: float) -> str:
        """`above`, `below` or `borderline` (the band crosses the bar), or `no score`."""
        if self.overall is None or self.band is None:
            return "no score"
        low, high = self.band
        if low < bar <= high:
            return "borderline"
        return "above" if self.overall >= bar else "below"


def band_of(overall: float, errors: Sequence[float]) -> tuple[float, float]:
    """The middle four fifths of ten equally likely errors around a score, in points, inside the scale."""
    low, high = -UNMEASURED, UNMEASURED
    if len(errors) == 10:  # they stand for 5 %, 15 % ... 95 %: a tenth lies between the outer two
        low, high = min(0.0, (errors[0] + errors[1]) / 2), max(0.0, (errors[-2] + errors[-1]) / 2)
    return round(max(float(LOWEST), overall + low), 1), round(min(float(HIGHEST), overall + high), 1)


def reaching(overall: float, errors: Sequence[float], bar: float) -> int | None:
    """How many of ten equally likely errors put the label at the bar or above; None where none are known."""
    return sum(overall + error >= bar - 1e-9 for error in errors) if len(errors) == 10 else None


def equal_rule(rubric: Rubric) -> ScoreRule:
    """The rule for a model that none was fitted for: every check of a dimension counts the same."""
    dimensions = {}
    for name in DIMENSIONS:
        own = [check.id for check in rubric.checks if check.dimension == name and check.is_criterion]
        weights = {check: (HIGHEST - LOWEST) / len(own) for check in own}
        dimensions[name] = DimensionRule(float(LOWEST), weights, (1.5, 2.5, 3.5), UNMEASURED)
    return ScoreRule(ANY_MODEL, rubric.digest, {}, dimensions, "equal weights, not fitted")


OFF_TOPIC, HYPOTHETICAL = "flag.off_topic", "flag.hypothetical"
_DEEDS = ("action.", "result.", "escalation.")


def without_empty_talk(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """The findings, off topic where nothing that was done, or came of it, is told.

    By the guideline's convention on empty talk: assertions with a setting but no event and no measure. What one
    would do is hypothetical, not empty. Of 44 such train answers 43 are labelled off topic.
    """
    told = {key for key, one in findings.items() if one.state is State.MET}
    known = findings.get(OFF_TOPIC)
    if known is None or HYPOTHETICAL in told or any(key.startswith(_DEEDS) for key in told):
        return dict(findings)
    empty = Finding(OFF_TOPIC, State.MET, known.probability, note="nothing that was done or came of it is told")
    return {**findings, OFF_TOPIC: empty}


def rate(rubric: Rubric, rule: ScoreRule, findings: Mapping[str, Finding]) -> dict[str, Rating]:
    """Compute the five ratings from the findings: the rule's sums, its cuts, then the guideline's caps."""
    return {name: _rating(rubric, rule, name, findings) for name in DIMENSIONS}


def _credit(rule: ScoreRule, finding: Finding | None, weight: float) -> float:
    """The share of a check's weight that counts: its probability; nothing for a yes without evidence."""
    if finding is None or finding.probability is None:
        return 0.0
    threshold = rule.calibrations.get(finding.check, Calibration()).threshold
    yes = finding.state is State.MET or finding.probability >= threshold
    if yes and not finding.evidence and weight > 0:
        return 0.0
    return finding.probability


def _holds(cap: Cap, findings: Mapping[str, Finding]) -> bool:
    met = {check_id for check_id, finding in findings.items() if finding.state is State.MET}
    return cap.flag in met and met.isdisjoint(cap.unless)


def _rating(rubric: Rubric, rule: ScoreRule, name: str, findings: Mapping[str, Finding]) -> Rating:
    dimension = rule.dimensions[name]
    ledger = [
        Point(check_id, weight * _credit(rule, findings.get(check_id), weight))
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
    return Rating(
        name,
        score,
        raw,
        max(float(LOWEST), raw - dimension.half_width),
        min(float(HIGHEST), raw + dimension.half_width),
        tuple(sorted((point for point in ledger if abs(point.points) >= 0.005), key=lambda p: -abs(p.points))),
        capped_by,
    )


def weighted(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The overall score seen with one company's weights, to one decimal; no weights weigh all the same."""
    total = sum(weights.get(name, 1.0) for name in scores)
    return round(sum(score * weights.get(name, 1.0) for name, score in scores.items()) / total, 1)
