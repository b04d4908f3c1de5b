"""The arithmetic of a rubric, summed by hand: ratings, overall scores, bands, lenses, calibration."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating import findings_of, generous, story

from simulator.rubric import (
    DIMENSIONS,
    UNMEASURED,
    Calibration,
    DimensionRule,
    Grade,
    Rating,
    Sighting,
    band_of,
    rate,
    reaching,
    weighted,
)

ERRORS = (-0.8, -0.6, -0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5)


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
