"""The arithmetic between findings and scorecard, with the shipped rubric and with sums done by hand."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.library import load_library
from simulator.rubric import (
    DIMENSIONS,
    Calibration,
    Check,
    DimensionRule,
    Evidence,
    Finding,
    Grade,
    Rating,
    Rubric,
    ScoreRule,
    State,
    equal_rule,
    lens_overall,
    open_checks,
    rate,
)
from simulator.settings import ROOT

CRITERIA = [
    "context.goal",
    "context.stakeholders",
    "context.role",
    "context.timeline",
    "action.ownership",
    "action.mechanism",
    "action.diagnosis",
    "action.prioritisation",
    "action.tradeoff",
    "action.tools",
    "action.unblocking",
    "action.risk",
    "result.quantified",
    "result.baseline",
    "result.rigour",
    "result.multiple",
    "result.reflection",
    "escalation.who",
    "escalation.trigger",
    "answer.structure",
]
FLAGS = [
    f"flag.{name}"
    for name in ["hypothetical", "diffuse", "vague_result", "vanity", "flawless", "buzzwords", "off_topic"]
]
GUIDELINE_CAPS = {
    "flag.hypothetical": {"ownership": 2, "prioritization": 2, "problem_solving": 2, "data_use": 2},
    "flag.off_topic": dict.fromkeys(DIMENSIONS, 1),
    "flag.diffuse": {"ownership": 2},
    "flag.vague_result": {"data_use": 2},
    "flag.buzzwords": {"prioritization": 2, "problem_solving": 2},
    "flag.vanity": {},
    "flag.flawless": {},
}
QUOTE = (Evidence(0, 0, 8, "I cut it"),)
VERDICTS = ("below", "borderline", "above")


@cache
def story() -> Rubric:
    return load_library(ROOT).rubrics["rubrics/story"]


def said(check: str, probability: float) -> Finding:
    """The finding that a grader makes of a probability: yes from one half on, with a quote."""
    met = probability >= 0.5
    quoted = met and not check.startswith("flag.")
    return Finding(check, State.MET if met else State.NOT_MET, probability, QUOTE if quoted else ())


def findings_of(probabilities: Mapping[str, float]) -> dict[str, Finding]:
    return {check: said(check, probability) for check, probability in probabilities.items()}


def generous(base: float = 1.0) -> ScoreRule:
    """A rule under which every check of a dimension met gives 4, and none met gives `base`."""
    dimensions = {}
    for name in DIMENSIONS:
        own = [check.id for check in story().checks if check.dimension == name]
        weights = {check: (4 - base) / len(own) for check in own}
        dimensions[name] = DimensionRule(base, weights, (1.5, 2.5, 3.5), 0.4)
    return ScoreRule("a model", story().digest, {}, dimensions)


def everything_met(**overrides: float) -> dict[str, Finding]:
    probabilities = {check.id: 0.0 if check.is_flag else 1.0 for check in story().checks}
    return findings_of(probabilities | {name.replace("__", "."): value for name, value in overrides.items()})


def scores(findings: Mapping[str, Finding], rule: ScoreRule | None = None) -> dict[str, int]:
    return {name: rating.score for name, rating in rate(story(), rule or generous(), findings).items()}


# The shipped rubric against the guideline


def test_the_story_rubric_has_the_guidelines_twenty_criteria_and_seven_flags() -> None:
    assert [check.id for check in story().checks if check.is_criterion] == CRITERIA
    assert sorted(check.id for check in story().checks if check.is_flag) == sorted(FLAGS)
    assert story().bar == 3.0


def test_every_criterion_belongs_to_a_dimension_and_can_be_explained_to_the_candidate() -> None:
    for check in story().checks:
        assert check.is_flag or check.dimension in DIMENSIONS, check.id
        if check.is_criterion:
            assert check.missing and check.advice and check.value > 0, check.id


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_met_flag_caps_the_dimensions_that_the_guideline_names_and_no_other(flag: str) -> None:
    assert scores(everything_met()) == dict.fromkeys(DIMENSIONS, 4)
    flagged = everything_met() | {flag: said(flag, 0.9)}
    assert scores(flagged) == dict.fromkeys(DIMENSIONS, 4) | GUIDELINE_CAPS[flag]


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_cap_is_named_in_the_rating_and_holds_the_raw_sum_down_too(flag: str) -> None:
    ratings = rate(story(), generous(), everything_met() | {flag: said(flag, 0.9)})
    for name, rating in ratings.items():
        capped = name in GUIDELINE_CAPS[flag]
        assert rating.capped_by == (flag if capped else "")
        assert rating.raw == pytest.approx(GUIDELINE_CAPS[flag][name] if capped else 4.0)


def test_with_no_fitted_rule_every_check_of_a_dimension_counts_the_same() -> None:
    rule = equal_rule(story())
    assert scores({}, rule) == dict.fromkeys(DIMENSIONS, 1)
    assert scores(everything_met(), rule) == dict.fromkeys(DIMENSIONS, 4)
    own = [check.id for check in story().checks if check.dimension == "data_use"]
    half = findings_of(dict.fromkeys(own, 0.5))
    assert rate(story(), rule, half)["data_use"].raw == pytest.approx(2.5)


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_flag_that_is_unlikely_caps_nothing(flag: str) -> None:
    assert scores(everything_met() | {flag: said(flag, 0.49)}) == dict.fromkeys(DIMENSIONS, 4)


def test_the_lowest_of_two_caps_holds() -> None:
    both = everything_met() | {flag: said(flag, 0.9) for flag in ("flag.diffuse", "flag.off_topic")}
    assert scores(both) == dict.fromkeys(DIMENSIONS, 1)


def test_a_vague_result_without_any_figure_leaves_data_use_at_one() -> None:
    figures = [check.id for check in story().checks if check.dimension == "data_use"]
    without = everything_met() | {check: said(check, 0.1) for check in figures}
    vague = without | {"flag.vague_result": said("flag.vague_result", 0.9)}
    high = generous(base=3.0)
    assert scores(without, high)["data_use"] == 3
    assert scores(vague, high)["data_use"] == 1
    for figure in figures:
        assert scores(vague | {figure: said(figure, 0.9)}, high)["data_use"] == 2, figure


# Evidence


def test_a_check_that_is_met_without_evidence_earns_nothing() -> None:
    with_words = everything_met()
    without = with_words | {"action.ownership": replace(with_words["action.ownership"], evidence=())}
    earned, nothing = rate(story(), generous(), with_words), rate(story(), generous(), without)
    lost = generous().dimensions["ownership"].weights["action.ownership"]
    assert earned["ownership"].raw - nothing["ownership"].raw == pytest.approx(lost)
    assert "action.ownership" not in [point.check for point in nothing["ownership"].ledger]


def test_a_likely_yes_for_which_no_sentence_was_found_earns_nothing() -> None:
    unsupported = Finding("action.ownership", State.NOT_MET, 0.95, note="no sentence was found for it")
    ratings = rate(story(), generous(), everything_met() | {"action.ownership": unsupported})
    assert "action.ownership" not in [point.check for point in ratings["ownership"].ledger]


def test_the_threshold_of_a_check_decides_what_counts_as_a_likely_yes() -> None:
    rule = replace(generous(), calibrations={"action.ownership": Calibration(threshold=0.8)})
    unlikely = Finding("action.ownership", State.NOT_MET, 0.7)
    ledger = rate(story(), rule, everything_met() | {"action.ownership": unlikely})["ownership"].ledger
    share = rule.dimensions["ownership"].weights["action.ownership"] * 0.7
    assert {point.check: point.points for point in ledger}["action.ownership"] == pytest.approx(share)


def test_a_flag_needs_no_evidence_to_count() -> None:
    rule = generous()
    ownership = rule.dimensions["ownership"]
    weighed = replace(ownership, weights={**ownership.weights, "flag.vanity": -1.0})
    rule = replace(rule, dimensions={**rule.dimensions, "ownership": weighed})
    for probability in (0.4, 0.9):
        raw = rate(story(), rule, everything_met(flag__vanity=probability))["ownership"].raw
        assert raw == pytest.approx(4 - probability)


def test_a_check_that_was_not_assessed_earns_nothing_and_takes_nothing() -> None:
    unknown = {check.id: Finding(check.id, State.NOT_ASSESSED) for check in story().checks}
    assert scores(unknown) == scores({}) == dict.fromkeys(DIMENSIONS, 1)


# Monotone

SHARE = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def rules(draw: st.DrawFn) -> ScoreRule:
    ids = [check.id for check in story().checks]
    dimensions = {}
    for name in DIMENSIONS:
        chosen = draw(st.lists(st.sampled_from(ids), unique=True, min_size=3, max_size=12))
        weights = {check: (-1 if check.startswith("flag.") else 1) * draw(SHARE) * 2 for check in chosen}
        cuts = sorted(draw(st.lists(st.integers(10, 40), min_size=3, max_size=3)))
        base = draw(st.integers(0, 12)) / 4
        dimensions[name] = DimensionRule(base, weights, tuple(cut / 10 for cut in cuts), draw(SHARE))
    return ScoreRule("a model", story().digest, {}, dimensions)


@st.composite
def probabilities(draw: st.DrawFn) -> dict[str, float]:
    flagged = draw(st.booleans())  # with every flag drawn freely, nearly everything would be capped at 1
    return {check.id: 0.0 if check.is_flag and not flagged else draw(SHARE) for check in story().checks}


def _standing(rubric: Rubric, rule: ScoreRule, probabilities: Mapping[str, float]) -> dict[str, float]:
    """Every figure that the candidate sees and that may not move the wrong way."""
    ratings = rate(rubric, rule, findings_of(probabilities))
    grade = Grade({}, ratings)
    assert grade.overall is not None and grade.band is not None
    figures: dict[str, float] = {"overall": grade.overall, "low": grade.band[0], "high": grade.band[1]}
    figures["verdict"] = VERDICTS.index(grade.verdict(rubric.bar))
    for name, rating in ratings.items():
        figures |= {name: rating.score, f"{name} raw": rating.raw, f"{name} low": rating.low}
        figures |= {f"{name} high": rating.high}
    return figures


@given(rules(), probabilities(), st.data())
@settings(max_examples=250, deadline=None, database=None)
def test_more_of_a_criterion_never_lowers_and_more_of_a_flag_never_raises_any_figure(
    rule: ScoreRule, before: dict[str, float], data: st.DataObject
) -> None:
    # Half of the draws raise what carries weight in some dimension, or most would show nothing.
    weighted = sorted({check for one in rule.dimensions.values() for check in one.weights})
    check = data.draw(st.sampled_from(weighted) | st.sampled_from(sorted(before)))
    after = before | {check: min(1.0, before[check] + data.draw(SHARE))}
    old, new = _standing(story(), rule, before), _standing(story(), rule, after)
    sign = -1 if check.startswith("flag.") else 1
    wrong = {name: (old[name], new[name]) for name in old if sign * (new[name] - old[name]) < -1e-9}
    assert not wrong, f"{check} {before[check]} -> {after[check]}"


def test_a_criterion_that_lifts_a_score_into_its_cap_does_not_lower_the_band() -> None:
    rule = replace(
        generous(),
        dimensions=dict.fromkeys(DIMENSIONS, DimensionRule(2.4, {"action.ownership": 0.4}, (1.5, 2.5, 3.5), 0.1)),
    )
    flagged = {"flag.diffuse": 1.0, "action.ownership": 0.0}
    before, after = _standing(story(), rule, flagged), _standing(story(), rule, flagged | {"action.ownership": 1.0})
    assert after["ownership"] == before["ownership"] == 2
    assert after["ownership raw"] >= before["ownership raw"]


# Sums done by hand


def _rating(score: int, raw: float, half: float) -> Rating:
    return Rating("any", score, raw, raw - half, raw + half, ())


def test_a_rating_is_base_plus_weight_times_probability_cut_at_three_points() -> None:
    weights = {"context.role": 1.0, "action.ownership": 1.5, "escalation.who": 0.5, "flag.diffuse": -0.5}
    rule = replace(
        generous(),
        dimensions=dict.fromkeys(DIMENSIONS, DimensionRule(1.0, weights, (1.5, 2.5, 3.5), 0.25)),
    )
    found = findings_of({"context.role": 0.9, "action.ownership": 0.8, "escalation.who": 0.2, "flag.diffuse": 0.4})
    rating = rate(story(), rule, found)["ownership"]
    # 1.0 + 0.9 + 1.2 + 0.1 - 0.2 = 3.0; spread 1.28 * 0.25 = 0.32
    assert rating.raw == pytest.approx(3.0)
    assert rating.score == 3
    assert (rating.low, rating.high) == (pytest.approx(2.68), pytest.approx(3.32))
    assert [(point.check, round(point.points, 9)) for point in rating.ledger] == [
        ("action.ownership", 1.2),
        ("context.role", 0.9),
        ("flag.diffuse", -0.2),
        ("escalation.who", 0.1),
    ]


@pytest.mark.parametrize(
    ("raw", "score"), [(0.2, 1), (1.49, 1), (1.5, 2), (2.49, 2), (2.5, 3), (3.49, 3), (3.5, 4), (9.0, 4)]
)
def test_a_raw_sum_on_a_cut_has_the_higher_score_and_never_leaves_one_to_four(raw: float, score: int) -> None:
    rule = replace(generous(), dimensions=dict.fromkeys(DIMENSIONS, DimensionRule(raw, {}, (1.5, 2.5, 3.5), 2.0)))
    rating = rate(story(), rule, {})["data_use"]
    assert rating.score == score
    assert 1 <= rating.low <= rating.raw <= rating.high <= 4


def test_overall_is_the_mean_of_five_and_the_band_lies_between_shared_and_independent_errors() -> None:
    raws = {"a": (3, 3.2, 0.5), "b": (3, 2.8, 0.5), "c": (2, 2.0, 0.5), "d": (4, 3.9, 0.5), "e": (2, 2.1, 0.5)}
    grade = Grade({}, {name: _rating(*values) for name, values in raws.items()})
    assert grade.overall == 2.8  # 14 / 5
    # centre 14.0 / 5 = 2.8; shared 0.5, independent 0.5 / sqrt(5) = 0.2236, between them 0.3618
    assert grade.band == (2.4, 3.2)
    assert grade.verdict(3.0) == "borderline"
    assert grade.verdict(3.3) == "below"
    assert grade.verdict(2.4) == "above"


@pytest.mark.parametrize(
    ("raw", "score", "verdict"), [(3.6, 4, "above"), (3.3, 3, "above"), (3.05, 3, "borderline"), (2.2, 2, "below")]
)
def test_the_verdict_is_borderline_just_where_the_band_crosses_the_bar(raw: float, score: int, verdict: str) -> None:
    assert Grade({}, {name: _rating(score, raw, 0.2) for name in DIMENSIONS}).verdict(3.0) == verdict


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(1, 4), st.floats(0, 3)), min_size=5, max_size=5))
@settings(deadline=None, database=None)
def test_every_band_lies_inside_one_to_four_and_holds_the_overall_score(
    values: list[tuple[int, float, float]],
) -> None:
    grade = Grade({}, {name: _rating(*one) for name, one in zip(DIMENSIONS, values, strict=True)})
    assert grade.band is not None and grade.overall is not None
    assert 1 <= grade.band[0] <= grade.overall <= grade.band[1] <= 4


def test_a_grade_without_ratings_has_no_number_at_all() -> None:
    ungraded = Grade({}, {}, "the model gave no usable verdict")
    assert (ungraded.overall, ungraded.band) == (None, None)
    assert ungraded.verdict(3.0) == "no score"
    assert lens_overall({}, {"ownership": 2.0}) is None


def test_a_lens_weighs_the_five_scores_and_leaves_them_as_they_are() -> None:
    given_scores = dict(zip(DIMENSIONS, (4, 2, 3, 1, 3), strict=True))
    ratings = {name: _rating(score, score, 0.1) for name, score in given_scores.items()}
    assert lens_overall(ratings, {}) == Grade({}, ratings).overall == 2.6
    # (4 * 3 + 2 + 3 * 0.5 + 1 * 0.5 + 3) / (3 + 1 + 0.5 + 0.5 + 1) = 19 / 6
    lens = {"ownership": 3.0, "problem_solving": 0.5, "communication": 0.5}
    assert lens_overall(ratings, lens) == 3.2
    assert {name: rating.score for name, rating in ratings.items()} == given_scores


# What to probe


def _rubric(*checks: Check) -> Rubric:
    return Rubric("r", "d", checks, (), 3.0)


def test_the_most_valuable_open_check_is_probed_first() -> None:
    rubric = _rubric(
        Check("context.goal", "n", "a?", value=1.0),
        Check("action.tools", "n", "a?", value=0.5),
        Check("action.risk", "n", "a?", value=1.0),
        Check("result.baseline", "n", "a?", value=2.0),
    )
    found = findings_of({"context.goal": 0.2, "action.tools": 0.0, "action.risk": 0.0, "result.baseline": 0.45})
    assert [(check, round(worth, 9)) for check, worth in open_checks(rubric, found, {})] == [
        ("result.baseline", 1.1),
        ("action.risk", 1.0),
        ("context.goal", 0.8),
        ("action.tools", 0.5),
    ]
    company = {"action.tools": 3.0, "result.baseline": 0.1}
    assert [check for check, _ in open_checks(rubric, found, company)] == [
        "action.tools",
        "action.risk",
        "context.goal",
        "result.baseline",
    ]


def test_checks_of_equal_worth_keep_the_order_of_the_rubric() -> None:
    ids = ["result.baseline", "action.risk", "context.goal"]
    rubric = _rubric(*(Check(one, "n", "a?") for one in ids))
    found = findings_of(dict.fromkeys(reversed(ids), 0.1))
    assert [check for check, _ in open_checks(rubric, found, {})] == ids


def test_only_criteria_that_are_known_to_be_open_and_not_asked_before_are_probed() -> None:
    found = findings_of({check.id: 0.1 for check in story().checks}) | {
        "action.risk": said("action.risk", 0.9),
        "action.tools": Finding("action.tools", State.NOT_ASSESSED),
    }
    del found["context.goal"]
    ranked = [check for check, _ in open_checks(story(), found, {}, skip=["result.baseline"])]
    left_out = {"action.risk", "action.tools", "context.goal", "result.baseline"}
    assert sorted(ranked) == sorted(set(CRITERIA) - left_out)
