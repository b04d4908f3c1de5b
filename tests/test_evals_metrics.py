"""The suite's statistics, against sums done by hand and against simulated data of which the truth is known."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binom, rankdata

from evals import metrics
from evals.metrics import (
    Array,
    Interval,
    agreement,
    auc,
    bootstrap,
    calibration,
    cases_needed,
    detectable,
    holm,
    mcnemar_p,
    ordinal_alpha,
    qwk,
    share,
    sign_flip_p,
    spearman,
)

GOLD = [1, 1, 2, 2, 3, 3, 4, 4]
SCORES = [1, 2, 2, 2, 3, 4, 4, 3]


def made_sets(clusters: int, each: int, sets: int) -> list[Array]:
    """Sets of normal values with mean 0; values of one cluster correlate with 0.5."""
    rng = np.random.default_rng(20)
    shared = rng.normal(0, np.sqrt(0.5), (sets, clusters)).repeat(each, axis=1)
    return list(shared + rng.normal(0, np.sqrt(0.5), (sets, clusters * each)))


def mean_of(values: Array, clusters: Sequence[str]) -> Interval:
    return bootstrap(lambda rows: float(values[rows].mean()), clusters)


# Agreement


def test_quadratic_kappa_is_one_minus_observed_by_expected_squared_distance() -> None:
    # Table (rows: labels 1-4, columns: scores 1-4)   1 1 0 0
    #                                                 0 2 0 0
    #                                                 0 0 1 1
    #                                                 0 0 1 1
    # Observed: three answers off by one: 3.
    # Expected: labels 2 2 2 2, scores 1 3 2 2. A score of 1 or 4 is, over all labels, 2 * (0 + 1 + 4 + 9) = 28
    # away; of 2 or 3, 2 * (1 + 0 + 1 + 4) = 12: (1 * 28 + 3 * 12 + 2 * 12 + 2 * 28) / 8 = 144 / 8 = 18.
    assert qwk(GOLD, SCORES) == pytest.approx(1 - 3 / 18)


def test_quadratic_kappa_counts_a_miss_by_three_nine_times_a_miss_by_one() -> None:
    # Labels 1 1 4 4. Scores 1 2 4 4: observed 1; expected (18 + 10 + 18 + 18) / 4 = 16.
    assert qwk([1, 1, 4, 4], [1, 2, 4, 4]) == pytest.approx(1 - 1 / 16)
    # Scores 1 4 4 4: observed 9; expected (18 + 18 + 18 + 18) / 4 = 18.
    assert qwk([1, 1, 4, 4], [1, 4, 4, 4]) == pytest.approx(1 - 9 / 18)


def test_quadratic_kappa_is_zero_for_a_constant_and_minus_one_for_the_opposite() -> None:
    assert qwk([1, 2, 3, 4], [2, 2, 2, 2]) == pytest.approx(0)
    assert qwk([1, 1, 4, 4], [4, 4, 1, 1]) == pytest.approx(-1)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quadratic_kappa_of_one_level_on_both_sides_is_not_a_number() -> None:
    assert math.isnan(qwk([3, 3, 3], [3, 3, 3]))


def test_ordinal_alpha_is_one_minus_observed_by_expected_ordinal_distance() -> None:
    # Units (1, 1), (2, 2), (3, 4), (2, 3): values 1, 2, 3, 4 are given 2, 3, 2, 1 times; 8 in all.
    # Squared ordinal distances, e.g. of 2 and 3: (3 + 2 - 5 / 2)^2 = 6.25:
    #   1-2 6.25   1-3 25   1-4 42.25   2-3 6.25   2-4 16   3-4 2.25
    # Observed, both orders: 2 * (2.25 + 6.25) = 17.
    # Expected: 2 * (6 * 6.25 + 4 * 25 + 2 * 42.25 + 6 * 6.25 + 3 * 16 + 2 * 2.25) / (8 - 1) = 624 / 7.
    assert ordinal_alpha([1, 2, 3, 2], [1, 2, 4, 3]) == pytest.approx(1 - 17 * 7 / 624)


def test_ordinal_alpha_is_the_alpha_of_the_mean_ranks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        one = rng.integers(1, 5, 30)
        two = np.clip(one + rng.integers(-1, 2, 30), 1, 4)
        ranks = rankdata([*one, *two])
        within = ((ranks[:30] - ranks[30:]) ** 2).mean()
        assert ordinal_alpha(one, two) == pytest.approx(1 - within / (2 * ranks.var(ddof=1)))


def test_ordinal_alpha_is_one_for_raters_of_one_mind_and_not_a_number_without_variety() -> None:
    assert ordinal_alpha([1, 2, 4], [1, 2, 4]) == pytest.approx(1)
    assert math.isnan(ordinal_alpha([2, 2], [2, 2]))


def test_spearman_is_the_correlation_of_ranks() -> None:
    # Squared differences of ranks 0 1 1 0: 1 - 6 * 2 / (4 * 15)
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    assert math.isnan(spearman([1, 2, 3], [2, 2, 2]))


def test_agreement_tells_hits_neighbours_error_and_bias_of_score_minus_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 20)
    found = agreement([1, 2, 3, 4, 4], [1, 3, 3, 4, 1], ["a", "a", "b", "b", "c"])
    assert found.exact == pytest.approx(3 / 5)
    assert found.adjacent == pytest.approx(4 / 5)
    assert found.error == pytest.approx((1 + 3) / 5)
    assert found.bias == pytest.approx((1 - 3) / 5)
    assert found.confusion == ((1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 0), (1, 0, 0, 1))
    assert found.qwk.value == pytest.approx(qwk([1, 2, 3, 4, 4], [1, 3, 3, 4, 1]))
    assert found.qwk.n == 5


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    # 0.35 is above 0.1 but not above 0.4; 0.8 is above both: 3 of 4.
    assert auc([False, False, True, True], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(0.75)
    assert math.isnan(auc([True, True], [0.1, 0.2]))


def test_a_calibration_curve_pairs_the_mean_chance_of_a_bin_with_the_share_that_was_so() -> None:
    curve = calibration([False, True, True, True], [0.1, 0.2, 0.8, 0.9], bins=2)
    assert [number for point in curve for number in point] == pytest.approx([0.15, 0.5, 0.85, 1.0])
    assert calibration([], []) == []


# Intervals


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # With z = 1.96: (p + z^2 / 2n +- z * sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    [(8, 10, 0.4902, 0.9433), (0, 65, 0.0, 0.0558), (10, 10, 0.7225, 1.0)],
)
def test_a_share_has_its_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    found = share(hits, n)
    assert found.value == pytest.approx(hits / n)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert found.n == n


def test_a_share_of_nothing_is_not_a_number() -> None:
    found = share(0, 0)
    assert found.n == 0
    assert all(math.isnan(number) for number in (found.value, found.low, found.high))


@pytest.mark.parametrize("truth", [0.1, 0.3, 0.5, 0.8, 0.9])
def test_the_interval_of_a_share_holds_the_truth_in_about_95_of_100_samples(truth: float) -> None:
    holding = [hits for hits in range(61) if share(hits, 60).low <= truth <= share(hits, 60).high]
    assert 0.92 <= sum(binom.pmf(holding, 60, truth)) <= 0.98


def test_the_bootstrap_draws_whole_questions_and_as_many_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 50)
    questions, drawn = ["b", "a", "b", "c", "a", "b"], []

    def noted(rows: Array) -> float:
        drawn.append([questions[row] for row in rows])
        return float(len(rows))

    found = bootstrap(noted, questions)
    assert (found.value, found.n) == (6, 6)
    *resampled, whole = drawn
    assert whole == questions
    assert len(resampled) == 50
    for names in resampled:
        # Three questions are drawn, each with all its answers.
        assert names.count("a") / 2 + names.count("b") / 3 + names.count("c") == 3
        assert names.count("a") % 2 == 0 and names.count("b") % 3 == 0


def test_the_bootstrap_of_two_questions_lies_between_drawing_one_twice_and_the_other_twice() -> None:
    values = np.array([0.0, 0.0, 1.0, 1.0])
    found = bootstrap(lambda rows: float(values[rows].mean()), ["a", "a", "b", "b"])
    assert found == Interval(0.5, 0.0, 1.0, 4)


def test_the_bootstrap_is_the_same_each_time_and_leaves_out_draws_that_are_not_a_number() -> None:
    values = np.array([math.nan, 1.0, 2.0, 3.0])

    def mean(rows: Array) -> float:
        return float(values[rows].mean())

    first = bootstrap(mean, ["a", "b", "c", "d"])
    assert math.isnan(first.value)
    assert 1 <= first.low < first.high <= 3
    second = bootstrap(mean, ["a", "b", "c", "d"])
    assert (first.low, first.high) == (second.low, second.high)


def coverage(sets: Sequence[Array], clusters: Sequence[str]) -> float:
    """In what share of the sets the interval of the mean holds the true mean, 0."""
    found = [mean_of(values, clusters) for values in sets]
    return float(np.mean([one.low <= 0 <= one.high for one in found]))


def test_resampling_questions_holds_the_truth_in_about_95_of_100_sets_and_resampling_answers_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 200)
    sets, questions = made_sets(clusters=40, each=5, sets=200), [str(at) for at in range(40) for _ in range(5)]
    assert 0.90 <= coverage(sets, questions) <= 0.98
    # As if answers to one question were independent: the interval is too narrow by sqrt(1 + 4 * 0.5).
    assert coverage(sets, [str(at) for at in range(200)]) < 0.85


# Paired comparison


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # only all plus and all minus are as far from 0
        ([1.0, 1.0, 1.0, 1.0, 1.0], 2 / 32),
        ([1.0, 2.0, 5.0, -1.0], 6 / 16),  # 7 or more: none flipped of 1 2 5 1, or one of the ones; and the reverse
        ([1.0, 2.0, -4.0], 8 / 8),  # a sum of -1: every way to flip is as far from 0
    ],
)
def test_the_sign_flip_test_counts_all_ways_to_flip_where_they_are_few(differences: list[float], p: float) -> None:
    assert sign_flip_p(differences) == pytest.approx(p)
    assert sign_flip_p([-one for one in differences]) == pytest.approx(p)


def test_no_difference_has_a_p_of_one() -> None:
    assert sign_flip_p([]) == 1
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1


def test_the_sign_flip_test_finds_nothing_in_chance_and_a_shift_where_there_is_one() -> None:
    sets = made_sets(clusters=9, each=1, sets=200)
    by_chance = np.mean([sign_flip_p(values.tolist()) < 0.05 for values in sets])
    shifted = np.mean([sign_flip_p((values + 1.5).tolist()) < 0.05 for values in sets])
    assert 0.01 <= by_chance <= 0.09
    assert shifted >= 0.9


def test_holm_multiplies_the_smallest_p_by_all_looks_the_next_by_one_less_and_never_falls() -> None:
    # 0.005 * 4, 0.01 * 3, 0.03 * 2, then 0.04 * 1, but no less than the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]


@pytest.mark.parametrize(
    ("only_one", "only_two", "p"),
    [(1, 6, 2 * (1 + 7) / 2**7), (6, 1, 0.125), (0, 6, 2 / 2**6), (2, 2, 1.0), (0, 0, 1.0)],
)
def test_mcnemar_looks_at_the_cases_that_only_one_got_right(only_one: int, only_two: int, p: float) -> None:
    both = 20  # more cases on which they are of one mind change nothing
    one = [True] * only_one + [False] * only_two + [True] * both + [False] * both
    two = [False] * only_one + [True] * only_two + [True] * both + [False] * both
    assert mcnemar_p(one, two) == pytest.approx(p)


def test_the_detectable_difference_is_two_point_eight_standard_errors() -> None:
    # 95 % are 2 * 1.96 standard errors wide: 0.392 / 3.92 = 0.1
    assert detectable(Interval(0.03, -0.166, 0.226, 60)) == pytest.approx(0.28)


@pytest.mark.parametrize(("value", "needed"), [(0.1, 471), (-0.1, 471), (0.03, 5227), (0.5, 19), (0.0, 0)])
def test_the_cases_needed_grow_with_the_square_of_detectable_by_seen(value: float, needed: int) -> None:
    # A standard error of 0.1 from 60 cases: 60 * (0.28 / 0.1)^2 = 470.4
    assert cases_needed(Interval(value, value - 0.196, value + 0.196, 60)) == needed


def test_a_difference_of_the_detectable_size_is_shown_four_times_in_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 200)
    n = 80
    clusters = [str(at) for at in range(n)]
    true = metrics.POWER_FACTOR / math.sqrt(n)  # values of standard deviation 1
    found = [mean_of(values + true, clusters) for values in made_sets(clusters=n, each=1, sets=200)]
    assert np.mean([detectable(one) for one in found]) == pytest.approx(true, rel=0.05)
    assert 0.72 <= np.mean([one.low > 0 for one in found]) <= 0.88
