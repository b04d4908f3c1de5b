"""The statistics of the suite: agreement of scores with labels, intervals that resample whole questions, paired
comparison. Where scipy, scikit-learn or statsmodels have a statistic, it is theirs.

Scores are integers 1-4. `clusters` are the questions: answers to one question are not independent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, permutation_test, spearmanr
from scipy.stats import t as student_t
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

LEVELS = (1, 2, 3, 4)
DRAWS = 2000
POWER_FACTOR = 2.80
"""z(0.975) + z(0.80): standard errors that a difference must have to be shown four times in five."""
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval and the number of cases that it was taken from."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How scores of one dimension agree with the labels. Bias is score minus label, in points."""

    qwk: Interval
    exact: float
    adjacent: float
    error: float
    bias: float
    spearman: float
    alpha: float
    confusion: tuple[tuple[int, ...], ...]
    """Rows are the labels 1-4, columns the scores 1-4."""


def qwk(gold: Sequence[int] | Array, scores: Sequence[int] | Array) -> float:
    """Quadratic weighted kappa over the levels 1-4; not a number where both sides are one level."""
    counts = np.bincount((np.asarray(gold) - 1) * 4 + np.asarray(scores) - 1, minlength=16).reshape(4, 4)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(cohens_kappa(counts, wt="quadratic", return_results=False))


def agreement(gold: Sequence[int], scores: Sequence[int], clusters: Sequence[str]) -> Agreement:
    """Agreement of scores with labels, the kappa with its interval."""
    one, two = np.asarray(gold), np.asarray(scores)
    gap = two - one
    return Agreement(
        qwk=bootstrap(lambda rows: qwk(one[rows], two[rows]), clusters),
        exact=float((gap == 0).mean()),
        adjacent=float((abs(gap) <= 1).mean()),
        error=float(abs(gap).mean()),
        bias=float(gap.mean()),
        spearman=spearman(one, two),
        alpha=ordinal_alpha(one, two),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion_matrix(one, two, labels=list(LEVELS))),
    )


def spearman(one: Sequence[float] | Array, two: Sequence[float] | Array) -> float:
    """Rank correlation; not a number where one side is constant."""
    if len(set(one)) < 2 or len(set(two)) < 2:
        return math.nan
    return float(spearmanr(one, two).statistic)


def ordinal_alpha(one: Sequence[int] | Array, two: Sequence[int] | Array) -> float:
    """Krippendorff's alpha of two complete raters with the ordinal metric (Krippendorff 2011, Computing
    Krippendorff's Alpha-Reliability): 1 - observed / expected disagreement."""
    counts = confusion_matrix(one, two, labels=list(LEVELS)).astype(float)
    coincidences = counts + counts.T
    totals = coincidences.sum(axis=1)
    n = totals.sum()
    until = np.cumsum(totals)
    # The ordinal distance of two levels: what lies between them, half of each end counted, squared.
    between = np.abs((until[:, None] - totals[:, None] / 2) - (until[None, :] - totals[None, :] / 2))
    distance = between**2
    expected = (np.outer(totals, totals) * distance).sum() / (n - 1)
    return float(1 - (coincidences * distance).sum() / expected) if expected else math.nan


def bootstrap(statistic: Callable[[Array], float], clusters: Sequence[str]) -> Interval:
    """The statistic of all rows, and its interval over redrawn clusters (always the same draws).

    The percentiles are expanded for few clusters (Hesterberg 2015, What Teachers Should Know About the
    Bootstrap): with twelve questions plain ones cover 90 to 92 % instead of 95 %."""
    names = np.asarray(clusters)
    groups = [np.flatnonzero(names == name) for name in sorted(set(clusters))]
    drawn = [statistic(np.concatenate([groups[i] for i in draw])) for draw in _draws(len(groups))]
    low, high = _ends(np.asarray(drawn), len(groups))
    return Interval(statistic(np.arange(len(names))), low, high, len(names))


def mean_interval(values: Sequence[float], clusters: Sequence[str]) -> Interval:
    """`bootstrap` of a mean, in a hundredth of the time; not a number of nothing."""
    if not len(values):
        return Interval(math.nan, math.nan, math.nan, 0)
    of, names = np.asarray(values, dtype=float), np.unique(np.asarray(clusters), return_inverse=True)[1]
    sums, counts = np.bincount(names, of), np.bincount(names)
    draws = _draws(len(counts))
    low, high = _ends(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), len(counts))
    return Interval(float(of.mean()), low, high, len(of))


def _draws(clusters: int) -> Array:
    """Clusters drawn again, one row a draw; always the same for the same number."""
    rng = np.random.default_rng(0)
    return np.array([rng.integers(0, clusters, clusters) for _ in range(DRAWS)])


def _ends(drawn: Array, clusters: int) -> tuple[float, float]:
    whole = drawn[~np.isnan(drawn)]
    k = clusters
    tail = 100 * norm.cdf(-math.sqrt(k / (k - 1)) * student_t.ppf(0.975, k - 1)) if k > 1 else 2.5
    low, high = np.percentile(whole, [tail, 100 - tail]) if len(whole) else (math.nan, math.nan)
    return float(low), float(high)


def share(hits: int, n: int) -> Interval:
    """A share with its Wilson interval; not a number of nothing."""
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0)
    low, high = proportion_confint(hits, n, method="wilson")
    return Interval(hits / n, float(low), float(high), n)


def auc(gold: Sequence[bool], values: Sequence[float]) -> float:
    """Area under the ROC curve; not a number with one class."""
    return float(roc_auc_score(gold, values)) if len(set(gold)) == 2 else math.nan


def calibration(gold: Sequence[bool], chances: Sequence[float], bins: int = 8) -> list[tuple[float, float]]:
    """The calibration curve: (mean predicted chance, share that was so) of bins with equally many cases."""
    if not len(gold):
        return []
    share_so, predicted = calibration_curve(gold, chances, n_bins=bins, strategy="quantile")
    return [(float(x), float(y)) for x, y in zip(predicted, share_so, strict=True)]


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p of the mean of these paired differences (one a cluster) under random signs; exact where few."""
    values = np.asarray(differences, dtype=float)
    if not len(values) or not values.any():
        return 1.0
    drawn = permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(0)
    )
    return float(drawn.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for that many looks (Holm)."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def mcnemar_p(one_right: Sequence[bool], two_right: Sequence[bool]) -> float:
    """Exact McNemar test on two yes/no decisions about the same cases."""
    one, two = np.asarray(one_right), np.asarray(two_right)
    table = [[int((one & two).sum()), int((one & ~two).sum())], [int((~one & two).sum()), int((~one & ~two).sum())]]
    return float(mcnemar(table, exact=True).pvalue)


def detectable(interval: Interval) -> float:
    """The smallest true difference that these cases would show four times in five at the 5 % level, from the
    width of the difference's interval."""
    return POWER_FACTOR * (interval.high - interval.low) / (2 * 1.96)


def cases_needed(interval: Interval) -> int:
    """About how many cases would show a difference as large as this one four times in five."""
    if not interval.value:
        return 0
    return math.ceil(interval.n * (detectable(interval) / abs(interval.value)) ** 2)
