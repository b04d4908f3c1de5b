"""Is run TWO better than run ONE? Paired: the same labelled answers, whole questions resampled.

Reads two runs and the labels; asks no model. The mean QWK over the five dimensions decides, and was chosen before
any run was made; all else that is told explains it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evals.cases import Answer, answers
from evals.metrics import Array, Interval, bootstrap, cases_needed, detectable, holm, mcnemar_p, sign_flip_p
from evals.runs import Result, Run
from evals.suites.agreement import AGREEMENT, decisions, gold_matrix, mean_qwk, score_matrix
from simulator.errors import InputError
from simulator.rubric import DIMENSIONS

LEVEL = 0.05
MARGIN = 0.05
"""A mean QWK that is lower by less than this is held to be no worse."""
Verdict = Literal["better", "worse", "cannot tell"]
Nearer = Literal["one", "two", "neither"]


@dataclass(frozen=True, slots=True)
class Difference:
    """QWK of both runs on one dimension, or its mean over all five; `gain` is two minus one.

    `error_fall` is how much smaller two's squared errors are, in points squared, as a mean over questions; `p` is
    of its sign flips. `adjusted` is p for five looks (Holm); the mean is one look, and keeps its p.
    """

    name: str
    one: float
    two: float
    gain: Interval
    error_fall: float
    p: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class Advance:
    """In how many answers each run decided as labelled whether to advance, in how many only one of them did, and p
    of the difference (McNemar)."""

    one: int
    two: int
    only_one: int
    only_two: int
    p: float


@dataclass(frozen=True, slots=True)
class ChangedCase:
    """An answer with another score in some dimension. Scores and labels stand in the order of the dimensions; the
    run with the smaller sum of squared errors is nearer."""

    id: str
    one: tuple[int, ...]
    two: tuple[int, ...]
    label: tuple[int, ...]
    nearer: Nearer

    def as_text(self) -> str:
        """One line, with the scores that differ."""
        scores = zip(DIMENSIONS, self.one, self.two, self.label, strict=True)
        told = [f"{_words(name)} {one} -> {two} (label {label})" for name, one, two, label in scores if one != two]
        nearer = "neither" if self.nearer == "neither" else f"run {self.nearer.upper()}"
        return f"{self.id}: {', '.join(told)}; {nearer} is nearer"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the labels say of two runs. `verdict` is on run TWO; `why` says it in a few sentences."""

    one: str
    two: str
    split: str
    n: int
    """Answers that both runs graded."""
    questions: int
    only_one: int
    """Answers that run ONE alone graded; they are left out."""
    only_two: int
    dimensions: tuple[Difference, ...]
    mean: Difference
    advance: Advance
    changed: tuple[ChangedCase, ...]
    detectable: float
    """The smallest difference of the mean QWK that these answers would show four times in five."""
    needed: int | None
    """About how many labelled answers would show the difference seen; None where there is none."""
    verdict: Verdict
    why: str

    @property
    def not_worse(self) -> bool:
        """Shown to be worse by less than the margin, if at all: one one-sided test, from the 95 % interval."""
        return self.mean.gain.low > -MARGIN

    @property
    def same(self) -> bool:
        """Shown to lie within the margin either way: two one-sided tests, from the 95 % interval."""
        return self.not_worse and self.mean.gain.high < MARGIN

    def as_text(self) -> str:
        """The whole comparison in plain words."""
        said = {"better": "is better than", "worse": "is worse than", "cannot tell": "cannot be told from"}
        return "\n".join(
            [
                f"Run TWO ({self.two}) {said[self.verdict]} run ONE ({self.one}).",
                self.why,
                f"{self.n} answers to {self.questions} questions ({self.split}) are in both; left out: "
                f"{self.only_one} that are only in ONE, {self.only_two} only in TWO.",
                "",
                *self._table(),
                "",
                *self._limits(),
                "",
                *self._changes(),
            ]
        )

    def _table(self) -> list[str]:
        lines = [f"{'QWK':<16}{'ONE':>6}{'TWO':>6}  {'difference':<24}sign flips"]
        for one in (*self.dimensions, self.mean):
            holm_too = "" if one is self.mean else f", Holm {_p(one.adjusted)}"
            figures = f"{_words(one.name):<16}{one.one:6.2f}{one.two:6.2f}"
            lines.append(f"{figures}  {_span(one.gain):<24}{_p(one.p)}{holm_too}")
        return lines

    def _limits(self) -> list[str]:
        decided, told = self.advance, {True: "shown", False: "not shown"}
        lines = [
            f"Advance or not: ONE is right in {decided.one} of {self.n}, TWO in {decided.two}; only ONE in "
            f"{decided.only_one}, only TWO in {decided.only_two} (McNemar, {_p(decided.p)}).",
            f"TWO is worse by no more than {MARGIN}: {told[self.not_worse]}; the same within {MARGIN} either way: "
            f"{told[self.same]}.",
        ]
        if self.changed:
            lines.append(f"A mean QWK that differs by {self.detectable:.2f} would be shown four times in five.")
        return lines

    def _changes(self) -> list[str]:
        nearer = [one.nearer for one in self.changed]
        return [
            f"{len(nearer)} answers have other scores; nearer to the label is ONE in {nearer.count('one')}, TWO in "
            f"{nearer.count('two')}, neither in {nearer.count('neither')}.",
            *(f"  {one.as_text()}" for one in self.changed),
        ]


def compare_runs(one: Run, two: Run) -> Comparison:
    """Two against one, on what the agreement suite kept of both.

    Raises InputError where they are of different splits, or share no answers, or those of one question only.
    """
    if one.split != two.split:
        raise InputError(
            f"{one.folder.name} is of the split {one.split}, {two.folder.name} of {two.split}.",
            "Compare runs of the same split.",
        )
    first, second = one.results(AGREEMENT.name), two.results(AGREEMENT.name)
    labelled = answers(one.split)
    both = [answer for answer in labelled if answer.id in first and answer.id in second]
    questions = {answer.question for answer in both}
    if len(questions) < 2:
        raise InputError(
            f"{one.folder.name} and {two.folder.name} share {len(both)} answers to {len(questions)} questions.",
            "Two questions are the least; finish both: python -m evals run --suite agreement.",
        )
    dimensions, mean = _differences(both, first, second)
    needed = cases_needed(mean.gain) if mean.gain.value and not math.isnan(mean.gain.low) else None
    verdict, why = _judged(mean, needed)
    return Comparison(
        one=one.folder.name,
        two=two.folder.name,
        split=one.split,
        n=len(both),
        questions=len(questions),
        only_one=sum(answer.id in first for answer in labelled) - len(both),
        only_two=sum(answer.id in second for answer in labelled) - len(both),
        dimensions=dimensions,
        mean=mean,
        advance=_advance(both, first, second),
        changed=_changed(both, first, second),
        detectable=detectable(mean.gain),
        needed=needed,
        verdict=verdict,
        why=why,
    )


def _differences(
    both: Sequence[Answer], first: Mapping[str, Result], second: Mapping[str, Result]
) -> tuple[tuple[Difference, ...], Difference]:
    """Of each dimension, with p adjusted for all of them; and of the mean."""
    gold, one, two = gold_matrix(both), score_matrix(both, first), score_matrix(both, second)
    questions = [answer.question for answer in both]
    each = [
        _difference(name, gold[:, [at]], one[:, [at]], two[:, [at]], questions) for at, name in enumerate(DIMENSIONS)
    ]
    adjusted = holm([single.p for single in each])
    told = tuple(replace(single, adjusted=p) for single, p in zip(each, adjusted, strict=True))
    return told, _difference("mean", gold, one, two, questions)


def _difference(name: str, gold: Array, one: Array, two: Array, questions: Sequence[str]) -> Difference:
    """One row an answer, one column a dimension."""
    falls, asked = ((one - gold) ** 2 - (two - gold) ** 2).mean(axis=1), np.asarray(questions)
    by_question = [float(falls[asked == question].mean()) for question in sorted(set(questions))]
    gain = bootstrap(lambda rows: mean_qwk(gold[rows], two[rows]) - mean_qwk(gold[rows], one[rows]), questions)
    p = sign_flip_p(by_question)
    return Difference(name, mean_qwk(gold, one), mean_qwk(gold, two), gain, float(np.mean(by_question)), p, p)


def _advance(both: Sequence[Answer], first: Mapping[str, Result], second: Mapping[str, Result]) -> Advance:
    one, two = decisions(both, first), decisions(both, second)
    alone = int((one & ~two).sum()), int((two & ~one).sum())
    return Advance(int(one.sum()), int(two.sum()), *alone, mcnemar_p(one.tolist(), two.tolist()))


def _changed(
    both: Sequence[Answer], first: Mapping[str, Result], second: Mapping[str, Result]
) -> tuple[ChangedCase, ...]:
    found = []
    rows = zip(both, gold_matrix(both), score_matrix(both, first), score_matrix(both, second), strict=True)
    for answer, label, one, two in rows:
        if (one != two).any():
            further = int(((one - label) ** 2).sum() - ((two - label) ** 2).sum())
            nearer: Nearer = "two" if further > 0 else "one" if further < 0 else "neither"
            scores = [tuple(int(score) for score in row) for row in (one, two, label)]
            found.append(ChangedCase(answer.id, scores[0], scores[1], scores[2], nearer))
    return tuple(found)


def _judged(mean: Difference, needed: int | None) -> tuple[Verdict, str]:
    """Better or worse only where kappa and squared errors both say so, beyond chance and the same way."""
    gain, same_way = mean.gain, mean.gain.value * mean.error_fall > 0
    if needed is None:
        return "cannot tell", "There is no difference of the mean QWK to show."
    seen = f"The mean QWK differs by {_span(gain)}"
    if (gain.low > 0 or gain.high < 0) and mean.p < LEVEL and same_way:
        return "better" if gain.value > 0 else "worse", f"{seen}, and so do the squared errors ({_p(mean.p)})."
    if gain.low <= 0 <= gain.high:
        doubt = "that may be chance."
    elif mean.p >= LEVEL:
        doubt = f"but the squared errors may do so by chance ({_p(mean.p)})."
    else:
        doubt = "but the squared errors say the opposite."
    more = f"about {needed}" if needed > gain.n else f"more than these {gain.n}"
    return "cannot tell", f"{seen}; {doubt} It would take {more} labelled answers to show it."


def _span(interval: Interval) -> str:
    return f"{interval.value:+z.2f} ({interval.low:+z.2f} to {interval.high:+z.2f})"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
