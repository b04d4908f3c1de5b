"""Written edits that must not count, who speaks, how they write, how long: do they change a grade?"""

from collections.abc import Mapping, Sequence

import numpy as np
from statsmodels.stats.weightstats import ttost_paired

from evals.cases import Pair, pairs
from evals.metrics import bootstrap
from evals.runs import Figure, Result, overall_of
from evals.suites.edits import EditsSuite
from evals.workbench import Workbench
from simulator.rubric import DIMENSIONS

GROUPS = {
    "person": ("name-changed", "gender-changed", "nationality-changed", "employer-renamed"),
    "language": ("typos", "fillers-added", "american-spelling", "british-spelling", "contractions", "speech-to-text"),
    "padding": ("polite-padding", "numbers-as-words", "words-as-numbers", "paragraph-breaks", "synonyms"),
}
EQUIVALENT = 0.1
"""A mean shift of the overall within this many points, either way, is held to be none."""


class UnchangedSuite:
    """The no-change edits by what they touch, each beside its base."""

    name = "unchanged"

    def cases(self, split: str) -> Sequence[Pair]:
        return [pair for pair in pairs(split) if not pair.edit.expect]

    def result(self, bench: Workbench, case: Pair) -> Result:
        return EditsSuite().result(bench, case)

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        found = []
        for group, kinds in GROUPS.items():
            pairs = [one for one in self.cases(split) if one.edit.kind in kinds and one.id in results]
            if not pairs:
                continue
            shifts = np.array([overall_of(results[p.id]["edit"]) - overall_of(results[p.id]["base"]) for p in pairs])
            mean = bootstrap(lambda rows, s=shifts: float(s[rows].mean()), [p.edit.base for p in pairs])  # type: ignore[misc]
            words = f"mean shift of the overall, {group} changed; {told_equivalence(pairs, results)}"
            found.append(Figure(f"unchanged.shift.{group}", mean.value, mean.low, mean.high, mean.n, words))
        return found


def told_equivalence(pairs: Sequence[Pair], results: Mapping[str, Result]) -> str:
    """Two one-sided tests on the paired mean of the raw sums: shown to be no shift, or not shown."""
    before, after = (
        np.array([np.mean([results[p.id][side]["raw"].get(name, 1.0) for name in DIMENSIONS]) for p in pairs])
        for side in ("base", "edit")
    )
    if np.ptp(after - before) < 1e-9:
        return "no shift at all"
    p = float(ttost_paired(after, before, -EQUIVALENT, EQUIVALENT)[0])
    return f"within {EQUIVALENT} points (TOST on the raw sums, p = {p:.3f})" if p < 0.05 else "not shown to be none"
