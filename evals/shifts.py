"""How far a grade moves when an answer is changed: means with intervals, flips of the decision, groups beside each
other. Every variant is held against its own base; variants of one base are one cluster.

Points are of the overall (1-4, one decimal) or of one dimension's score; raw sums are used where a test needs more
than whole points. Where statsmodels or scipy have a test, it is theirs.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from statsmodels.stats.weightstats import ttost_paired

from evals.metrics import Interval, bootstrap, holm, mean_interval, share, sign_flip_p, spearman
from evals.runs import Result, overall_of, score_of
from evals.variants import AGAIN, AS_IT_IS, Variant
from simulator.rubric import DIMENSIONS

BAR = 3.0
HAIR = 0.05
"""Points of raw sum."""
CONTENT = tuple(name for name in DIMENSIONS if name != "communication")


@dataclass(frozen=True, slots=True)
class Beside:
    """The result of a variant beside that of its base."""

    variant: Variant
    after: Result
    before: Result

    @property
    def base(self) -> str:
        return self.variant.base.id

    @property
    def shift(self) -> float:
        """Points of the overall."""
        return overall_of(self.after) - overall_of(self.before)

    @property
    def flipped(self) -> bool:
        """The other decision on whether to advance."""
        return (overall_of(self.after) >= BAR) != (overall_of(self.before) >= BAR)

    def moved(self, dimension: str) -> int:
        """Points of one dimension's score."""
        return score_of(self.after, dimension) - score_of(self.before, dimension)

    @property
    def raw(self) -> float:
        """Shift of the mean raw sum, in points."""
        return raw_of(self.after) - raw_of(self.before)


def raw_of(result: Result) -> float:
    """Mean of the five raw sums; the lowest where there is no score."""
    return float(np.mean([result["raw"].get(name, 1.0) for name in DIMENSIONS]))


def beside(variants: Iterable[Variant], results: Mapping[str, Result]) -> list[Beside]:
    """All variants that have a result and whose base has one."""
    known = [one for one in variants if one.id in results]
    bases = {one.base.id: results[one.id] for one in known if one.name == AS_IT_IS}
    return [
        Beside(one, results[one.id], bases[one.base.id])
        for one in known
        if one.base.id in bases and one.name != AS_IT_IS
    ]


def share_of(hits: Sequence[bool], bases: Sequence[str]) -> Interval:
    """A share, its interval over redrawn bases. Where all are alike, redrawing shows nothing: then Wilson's, a base
    one case."""
    found = mean_interval([float(one) for one in hits], bases)
    if not hits or 0 < sum(hits) < len(hits):
        return found
    n = len(set(bases))
    wide = share(n if hits[0] else 0, n)
    return Interval(found.value, wide.low, wide.high, len(hits))


def excess(flips: Sequence[Beside], noise: Sequence[Beside]) -> Interval:
    """Share of decisions that flip, above that of the same answers graded again."""
    one = share_of([each.flipped for each in flips], [each.base for each in flips])
    again = float(np.mean([each.flipped for each in noise])) if noise else 0.0
    return Interval(one.value - again, one.low - again, one.high - again, one.n)


def unmoved(found: Sequence[Beside]) -> Interval:
    """Share of the dimension scores that stay."""
    told = [(each.moved(name) == 0, each.base) for each in found for name in DIMENSIONS]
    return share_of([hit for hit, _ in told], [base for _, base in told])


def equivalence_p(found: Sequence[Beside], limit: float) -> float:
    """Two one-sided tests on the bases' mean raw shifts: p that the true one lies at this limit or beyond."""
    means = _by_base(found)
    if len(means) < 3:
        return math.nan
    if np.ptp(means) < 1e-9:
        return 0.0 if abs(means[0]) < limit else 1.0
    return float(ttost_paired(means, np.zeros(len(means)), -limit, limit)[0])


def _by_base(found: Sequence[Beside]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    each: dict[str, list[float]] = {}
    for one in found:
        each.setdefault(one.base, []).append(one.raw)
    return np.array([np.mean(values) for values in each.values()])


# Groups


@dataclass(frozen=True, slots=True)
class Standing:
    """One group: its mean shift in points, the share of its grades above the median of all, that share over the best
    group's (impact ratio), the points of raw sum by which it lies off the middle group on the same answers, and p,
    adjusted for so many groups, that it does so by chance."""

    group: str
    shift: Interval
    above: float
    ratio: Interval
    off: float
    p: float

    @property
    def apart(self) -> bool:
        """Not by chance, and by more than a hair: a grader without noise shows any hair."""
        return self.p < 0.05 and abs(self.off) > HAIR


def standings(found: Sequence[Beside]) -> list[Standing]:
    """The groups of variants by their names, side by side on the same bases; none where a base lacks a group."""
    groups = sorted({one.variant.name for one in found})
    bases = sorted({one.base for one in found})
    of = {(one.base, one.variant.name): one for one in found}
    if len(groups) < 2 or len(of) < len(groups) * len(bases):
        return []
    raw = np.array([[raw_of(of[base, group].after) for group in groups] for base in bases])
    above = raw > np.median(raw)
    off = raw - np.median(raw, axis=1, keepdims=True)
    p = holm([sign_flip_p(off[:, at].round(6)) for at in range(len(groups))])
    return [
        Standing(
            group,
            mean_interval([of[base, group].shift for base in bases], bases),
            float(above[:, at].mean()),
            bootstrap(lambda rows, at=at: _ratio(above[rows], at), bases),  # type: ignore[misc]
            float(off[:, at].mean()),
            p[at],
        )
        for at, group in enumerate(groups)
    ]


def worst_ratio(found: Sequence[Beside]) -> Interval:
    """The smallest impact ratio of any group. A smallest one of many lies below 1 by chance alone."""
    worst = min(standings(found), key=lambda one: one.ratio.value, default=None)
    return worst.ratio if worst else Interval(math.nan, math.nan, math.nan, 0)


def _ratio(above: np.ndarray[tuple[int, int], np.dtype[np.bool_]], at: int) -> float:
    shares = above.mean(axis=0)
    return float(shares[at] / shares.max()) if shares.max() else math.nan


# What must be seen


def falls(found: Sequence[Beside], dimension: str) -> Interval:
    """Share in which this dimension's raw sum falls by a tenth of a point at least."""
    hits = [one.after["raw"].get(dimension, 1.0) <= one.before["raw"].get(dimension, 1.0) - 0.1 for one in found]
    return share_of(hits, [one.base for one in found])


def monotone(found: Sequence[Beside], names: Sequence[str], dimension: str) -> Interval:
    """Share of the bases in which each of these steps, in their order, leaves the dimension's raw sum where it was or
    lowers it (by two hundredths more is not counted), and the last one lowers it."""
    of = {(one.base, one.variant.name): one for one in found}
    bases = sorted({one.base for one in found if all((one.base, name) in of for name in names)})
    hits = []
    for base in bases:
        steps = [of[base, names[0]].before, *(of[base, name].after for name in names)]
        raw = [float(step["raw"].get(dimension, 1.0)) for step in steps]
        hits.append(all(b <= a + 0.02 for a, b in pairwise(raw)) and raw[-1] < raw[0])
    return share_of(hits, bases)


def thinning(found: Sequence[Beside], kept: Mapping[str, float]) -> Interval:
    """Mean over the bases of the rank correlation of what was kept and the raw sum; 0 where that never moves."""
    of: dict[str, dict[str, Beside]] = {}
    for one in found:
        of.setdefault(one.base, {})[one.variant.name] = one
    each = {}
    for base, steps in of.items():
        if set(steps) == set(kept):
            shares = [1.0, *(kept[name] for name in steps)]
            raw = [raw_of(next(iter(steps.values())).before), *(raw_of(one.after) for one in steps.values())]
            rho = spearman(shares, raw)
            each[base] = 0.0 if math.isnan(rho) else rho
    return mean_interval(list(each.values()), list(each))


def noise_of(found: Sequence[Beside]) -> list[Beside]:
    """The answers that were graded again as they are."""
    return [one for one in found if one.variant.name == AGAIN]
