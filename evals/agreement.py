"""How well scores agree with labels: quadratic weighted kappa and its company, with cluster bootstrap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, roc_auc_score

_DRAWS = 1000
Levels = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one dimension: QWK with a 95 % interval, share exact, mean difference, Spearman's rho, n."""

    qwk: float
    low: float
    high: float
    exact: float
    bias: float
    spearman: float
    n: int


def agreement(gold: Sequence[int], scores: Sequence[int], clusters: Sequence[str]) -> Agreement:
    """Agreement of integer scores 1-4; the interval resamples whole clusters (questions)."""
    one, two = np.asarray(gold), np.asarray(scores)
    groups = [np.flatnonzero(np.asarray(clusters) == name) for name in sorted(set(clusters))]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(_DRAWS):
        rows = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        drawn.append(qwk(one[rows], two[rows]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    rho = spearmanr(one, two).statistic if len(set(scores)) > 1 else float("nan")
    return Agreement(
        qwk(one, two),
        float(low),
        float(high),
        float((one == two).mean()),
        float((two - one).mean()),
        float(rho),
        len(one),
    )


def qwk(gold: Sequence[int] | Levels, scores: Sequence[int] | Levels) -> float:
    """Quadratic weighted kappa over the levels 1-4; not a number where one side is constant."""
    return float(cohen_kappa_score(gold, scores, labels=[1, 2, 3, 4], weights="quadratic"))


def auc(gold: Sequence[bool], values: Sequence[float]) -> float:
    """Area under the ROC curve; not a number with one class."""
    return float(roc_auc_score(gold, values)) if len(set(gold)) == 2 else float("nan")
