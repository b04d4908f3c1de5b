"""The arithmetic between findings and scorecard, with the shipped rubric and with sums done by hand."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.library import load_library
from simulator.rubric import (
    ANY_MODEL,
    DIMENSIONS,
    UNMEASURED,
    Calibration,
    DimensionRule,
    Evidence,
    Finding,
    Grade,
    Rating,
    Rubric,
    ScoreRule,
    Sighting,
    State,
    band_of,
    equal_rule,
    rate,
    reaching,
    weighted,
    without_empty_talk,
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
ANCHORS = {
    "ownership": ["hard_decision", "mistake", "decided_by_others"],
    "prioritization": ["choice", "alternatives", "revisit"],
    "problem_solving": ["fix", "verified", "lasting"],
    "communication": ["ending", "needless"],
    "data_use": ["figure_decides", "threshold"],
}
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
ERRORS = (-0.8, -0.6, -0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5)
VERDICTS = ("below", "borderline", "above")


@cache
def story() -> Rubric:
    return load_library(ROOT).rubrics["rubrics/story"]


@cache
def lowering() -> frozenset[str]:
    return frozenset(check.id for check in story().checks if check.lowers)


def said(check: str, probability: float) -> Finding:
    """The finding that a grader makes of a probability: yes from one half on, with a quote."""
    met = probability >= 0.5
    quoted = met and check not in lowering()
    return Finding(check, State.MET if met else State.NOT_MET, probability, QUOTE if quoted else ())


def findings_of(probabilities: Mapping[str, float]) -> dict[str, Finding]:
    return {check: said(check, probability) for check, probability in probabilities.items()}


def generous(base: float = 1.0) -> ScoreRule:
    """A rule under which every check of a dimension met gives 4, and none met gives `base`."""
    dimensions = {}
    for name in DIMENSIONS:
        own = [check.id for check in story().checks if check.dimension == name and not check.lowers]
        weights = {check: (4 - base) / len(own) for check in own}
        dimensions[name] = DimensionRule(base, weights, (1.5, 2.5, 3.5), 0.4)
    return ScoreRule("a model", story().digest, {}, dimensions)


def everything_met(**overrides: float) -> dict[str, Finding]:
    probabilities = {check.id: 0.0 if check.lowers else 1.0 for check in story().checks}
    return findings_of(probabilities | {name.replace("__", "."): value for name, value in overrides.items()})


def scores(findings: Mapping[str, Finding], rule: ScoreRule | None = None) -> dict[str, int]:
    return {name: rating.score for name, rating in rate(story(), rule or generous(), findings).items()}


# The shipped rubric against the guideline


def test_the_story_rubric_has_the_guidelines_twenty_criteria_and_seven_flags() -> None:
    assert [check.id for check in story().checks if check.is_criterion] == CRITERIA
    assert sorted(check.id for check in story().checks if check.is_flag) == sorted(FLAGS)
    assert story().bar == 3.0


def test_every_other_check_is_an_anchor_of_one_dimension_and_two_of_them_lower() -> None:
    anchors = [check for check in story().checks if check.is_anchor]
    expected = {(name, f"anchor.{one}") for name, own in ANCHORS.items() for one in own}
    assert {(check.dimension, check.id) for check in anchors} == expected
    assert len(anchors) == len(expected) == len(story().checks) - len(CRITERIA) - len(FLAGS)
    assert lowering() == {*FLAGS, "anchor.decided_by_others", "anchor.needless"}
    assert not any(check.is_criterion or check.is_flag for check in anchors)
    assert all(check.like for check in anchors)  # so that their sentences are found


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
    assert rule.model == ANY_MODEL and "not fitted" in rule.fitted_on
    own = [check.id for check in story().checks if check.dimension == "data_use" and check.is_criterion]
    assert set(rule.dimensions["data_use"].weights) == set(own)
    half = findings_of(dict.fromkeys(own, 0.5))
    assert rate(story(), rule, half)["data_use"].raw == pytest.approx(2.5)


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_flag_that_is_unlikely_caps_nothing(flag: str) -> None:
    assert scores(everything_met() | {flag: said(flag, 0.49)}) == dict.fromkeys(DIMENSIONS, 4)


def test_the_lowest_of_two_caps_holds() -> None:
    both = everything_met() | {flag: said(flag, 0.9) for flag in ("flag.diffuse", "flag.off_topic")}
    assert scores(both) == dict.fromkeys(DIMENSIONS, 1)


def test_a_vague_result_without_any_figure_leaves_data_use_at_one() -> None:
    own = [check for check in story().checks if check.dimension == "data_use"]
    figures = [check.id for check in own if check.is_criterion]
    without = everything_met() | {check.id: said(check.id, 0.1) for check in own}
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


@pytest.mark.parametrize("lowers", ["flag.vanity", "anchor.decided_by_others"])
def test_what_lowers_needs_no_evidence_to_count(lowers: str) -> None:
    rule = generous()
    ownership = rule.dimensions["ownership"]
    weighed = replace(ownership, weights={**ownership.weights, lowers: -1.0})
    rule = replace(rule, dimensions={**rule.dimensions, "ownership": weighed})
    for probability in (0.4, 0.9):
        raw = rate(story(), rule, everything_met() | {lowers: said(lowers, probability)})["ownership"].raw
        assert raw == pytest.approx(4 - probability)


def test_a_check_that_was_not_assessed_earns_nothing_and_takes_nothing() -> None:
    unknown = {check.id: Finding(check.id, State.NOT_ASSESSED) for check in story().checks}
    assert scores(unknown) == scores({}) == dict.fromkeys(DIMENSIONS, 1)


# Empty talk

DEEDS = [check for check in CRITERIA if check.startswith(("action.", "result.", "escalation."))]
SETTING = {"context.goal": 0.9, "context.timeline": 0.9, "answer.structure": 0.9, "anchor.ending": 0.9}


def talk(**also: float) -> dict[str, Finding]:
    """An answer that tells its setting, and what `also` names (`__` for the dot)."""
    plain = dict.fromkeys((check.id for check in story().checks), 0.1) | SETTING
    return findings_of(plain | {name.replace("__", "."): chance for name, chance in also.items()})


def test_a_setting_without_anything_done_or_come_of_it_is_off_topic_and_says_why() -> None:
    after = without_empty_talk(talk())
    assert after["flag.off_topic"].state is State.MET
    assert after["flag.off_topic"].probability == 0.1 and "nothing that was done" in after["flag.off_topic"].note
    assert {key: one for key, one in after.items() if key != "flag.off_topic"} == {
        key: one for key, one in talk().items() if key != "flag.off_topic"
    }
    assert scores(after) == dict.fromkeys(DIMENSIONS, 1)


@pytest.mark.parametrize("deed", [*DEEDS, "flag.hypothetical"])
def test_one_deed_one_result_or_what_one_would_do_is_no_empty_talk(deed: str) -> None:
    told = talk() | {deed: said(deed, 0.9)}
    assert without_empty_talk(told) == told


def test_where_off_topic_was_not_asked_about_nothing_changes() -> None:
    told = talk()
    del told["flag.off_topic"]
    assert without_empty_talk(told) == told


# Monotone

SHARE = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def rules(draw: st.DrawFn) -> ScoreRule:
    ids = [check.id for check in story().checks]
    dimensions = {}
    for name in DIMENSIONS:
        chosen = draw(st.lists(st.sampled_from(ids), unique=True, min_size=3, max_size=12))
        weights = {check: (-1 if check in lowering() else 1) * draw(SHARE) * 2 for check in chosen}
        cuts = sorted(draw(st.lists(st.integers(10, 40), min_size=3, max_size=3)))
        base = draw(st.integers(0, 12)) / 4
        dimensions[name] = DimensionRule(base, weights, tuple(cut / 10 for cut in cuts), draw(SHARE))
    errors = tuple(sorted(draw(st.lists(st.integers(-15, 15), min_size=10, max_size=10))))
    return ScoreRule("a model", story().digest, {}, dimensions, errors=tuple(error / 10 for error in errors))


@st.composite
def probabilities(draw: st.DrawFn) -> dict[str, float]:
    flagged = draw(st.booleans())  # with every flag drawn freely, nearly everything would be capped at 1
    return {check.id: 0.0 if check.lowers and not flagged else draw(SHARE) for check in story().checks}


def _standing(rubric: Rubric, rule: ScoreRule, probabilities: Mapping[str, float]) -> dict[str, float]:
    """Every figure that the candidate sees and that may not move the wrong way."""
    ratings = rate(rubric, rule, findings_of(probabilities))
    grade = Grade({}, ratings, errors=rule.errors)
    assert grade.overall is not None and grade.band is not None
    figures: dict[str, float] = {"overall": grade.overall, "low": grade.band[0], "high": grade.band[1]}
    figures["firmness"] = grade.firmness(rubric.bar) or 0
    figures["verdict"] = VERDICTS.index(grade.verdict(rubric.bar))
    for name, rating in ratings.items():
        figures |= {name: rating.score, f"{name} raw": rating.raw, f"{name} low": rating.low}
        figures |= {f"{name} high": rating.high}
    return figures


@given(rules(), probabilities(), st.data())
@settings(max_examples=250, deadline=None, database=None)
def test_more_of_what_raises_never_lowers_and_more_of_what_lowers_never_raises_any_figure(
    rule: ScoreRule, before: dict[str, float], data: st.DataObject
) -> None:
    # Half of the draws raise what carries weight in some dimension, or most would show nothing.
    weighted = sorted({check for one in rule.dimensions.values() for check in one.weights})
    check = data.draw(st.sampled_from(weighted) | st.sampled_from(sorted(before)))
    after = before | {check: min(1.0, before[check] + data.draw(SHARE))}
    old, new = _standing(story(), rule, before), _standing(story(), rule, after)
    sign = -1 if check in lowering() else 1
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
    # 1.0 + 0.9 + 1.2 + 0.1 - 0.2 = 3.0; a quarter of a point to each side
    assert rating.raw == pytest.approx(3.0)
    assert rating.score == 3
    assert (rating.low, rating.high) == (pytest.approx(2.75), pytest.approx(3.25))
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


def _grade(overall: float, errors: tuple[float, ...] = ()) -> Grade:
    """A grade of this overall score, a fifth of a point exact."""
    points = round(overall * 5)
    each = [points // 5 + (number < points % 5) for number in range(5)]
    return Grade({}, {name: _rating(one, one, 0.5) for name, one in zip("abcde", each, strict=True)}, errors=errors)


def test_overall_is_the_mean_of_five_and_the_band_lies_between_the_outer_tenths_of_its_errors() -> None:
    grade = _grade(2.8, ERRORS)
    assert grade.overall == 2.8
    assert grade.band == (2.1, 3.2)  # half way between -0.8 and -0.6, and between 0.3 and 0.5
    # 2.8 plus the error is 3.0 or more for 0.2, 0.3 and 0.5
    assert (grade.firmness(3.0), grade.verdict(3.0)) == (3, "borderline")
    assert (grade.firmness(3.3), grade.verdict(3.3)) == (1, "below")
    assert (grade.firmness(2.1), grade.verdict(2.1)) == (9, "above")


def test_without_measured_errors_the_band_is_wide_and_nobody_says_how_firm_it_is() -> None:
    grade = _grade(2.4)
    assert grade.band == (pytest.approx(2.4 - UNMEASURED), pytest.approx(2.4 + UNMEASURED))
    assert grade.firmness(3.0) is None
    assert [grade.verdict(bar) for bar in (1.6, 1.7, 3.2, 3.3)] == ["above", "borderline", "borderline", "below"]


@pytest.mark.parametrize(
    ("overall", "errors", "band"),
    [
        (1.2, ERRORS, (1.0, 1.6)),  # nothing is below 1
        (3.8, ERRORS, (3.1, 4.0)),  # nothing is above 4
        (3.0, (0.2,) * 10, (3.0, 3.2)),  # the score itself is never outside its band
        (3.0, (-0.2,) * 10, (2.8, 3.0)),
        (3.0, ERRORS[:9], (2.2, 3.8)),  # nine errors are none
    ],
)
def test_a_band_stays_in_the_scale_and_holds_its_score(
    overall: float, errors: tuple[float, ...], band: tuple[float, float]
) -> None:
    assert band_of(overall, errors) == band


def test_a_label_exactly_at_the_bar_reaches_it_whatever_the_last_digit_of_a_float() -> None:
    assert reaching(2.8, (0.2,) * 10, 3.0) == reaching(2.7, (0.3,) * 10, 3.0) == 10
    assert reaching(3.0, (0.0,) * 10, 3.0) == 10
    assert reaching(2.9, (0.0,) * 10, 3.0) == 0
    assert reaching(2.9, ERRORS[1:], 3.0) is None


@given(st.integers(5, 20), st.lists(st.integers(-30, 30), min_size=10, max_size=10), st.integers(10, 40))
@settings(deadline=None, database=None)
def test_every_band_lies_inside_one_to_four_holds_the_overall_score_and_agrees_with_the_verdict(
    points: int, drawn: list[int], tenths: int
) -> None:
    bar, errors = tenths / 10, tuple(error / 10 for error in sorted(drawn))
    grade = _grade(points / 5, errors)
    assert grade.band is not None and grade.overall is not None
    low, high = grade.band
    assert 1 <= low <= grade.overall <= high <= 4
    crosses = low < bar <= high
    assert grade.verdict(bar) == ("borderline" if crosses else "above" if grade.overall >= bar else "below")
    higher = grade.firmness(bar + 0.1)
    assert grade.firmness(bar) is not None and higher is not None and higher <= (grade.firmness(bar) or 0) <= 10


def test_a_grade_without_ratings_has_no_number_at_all() -> None:
    ungraded = Grade({}, {}, "the model gave no usable verdict")
    assert (ungraded.overall, ungraded.band, ungraded.firmness(3.0)) == (None, None, None)
    assert ungraded.verdict(3.0) == "no score"


def test_a_lens_weighs_the_five_scores_and_none_weighs_all_alike() -> None:
    scores = dict(zip(DIMENSIONS, (4.0, 2.0, 3.0, 1.0, 3.0), strict=True))
    assert weighted(scores, {}) == 2.6
    # (4 * 3 + 2 + 3 * 0.5 + 1 * 0.5 + 3) / (3 + 1 + 0.5 + 0.5 + 1) = 19 / 6
    assert weighted(scores, {"ownership": 3.0, "problem_solving": 0.5, "communication": 0.5}) == 3.2


# Calibration


def test_a_probability_comes_of_the_model_s_word_and_of_what_code_has_seen() -> None:
    calibration = Calibration(slope=0.5, offset=-1.0, peak=2.0, mean=4.0)
    seen = Sighting((), peak=0.25, mean=0.125)
    # 0.5 x 3 + 2 x 0.25 + 4 x 0.125 - 1 = 1.5
    assert calibration.probability(3.0, seen) == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert Calibration().probability(0.0, seen) == 0.5  # without a rule, only the model's word
    assert Calibration().probability(1.5, seen) == pytest.approx(1 / (1 + math.exp(-1.5)))


@pytest.mark.parametrize(("odds", "chance"), [(1e9, 1.0), (-1e9, 0.0)])
def test_odds_beyond_all_measure_still_give_a_probability(odds: float, chance: float) -> None:
    assert Calibration().probability(odds, Sighting()) == pytest.approx(chance, abs=1e-9)


def test_a_rule_speaks_of_all_checks_that_it_calibrates_or_weighs() -> None:
    rule = replace(generous(), calibrations={"flag.vanity": Calibration()})
    weighed = {check.id for check in story().checks if check.dimension and not check.lowers}
    assert rule.checks == weighed | {"flag.vanity"}
