"""Does a grade move when, and only where, an answer is changed in substance?"""

from collections.abc import Mapping, Sequence

from evals.cases import Pair, pairs
from evals.metrics import bootstrap, share
from evals.runs import Figure, Result, score_of, told
from evals.workbench import Workbench
from simulator.rubric import DIMENSIONS


class EditsSuite:
    """Each edit beside its base, both graded."""

    name = "edits"

    def cases(self, split: str) -> Sequence[Pair]:
        return pairs(split)

    def result(self, bench: Workbench, case: Pair) -> Result:
        grader = bench.grader()
        return {"base": told(grader.grade(case.base.exchange)), "edit": told(grader.grade(case.exchange))}

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        pairs = [one for one in self.cases(split) if one.id in results]
        moving = [one for one in pairs if one.edit.expect]
        still = [one for one in pairs if not one.edit.expect]
        hits = [
            as_expected(wanted, shift(results[one.id], name))
            for one in moving
            for name, wanted in one.edit.expect.items()
        ]
        whole = [
            all(as_expected(wanted, shift(results[one.id], name)) for name, wanted in one.edit.expect.items())
            for one in moving
        ]
        found = [
            _share("edits.moved", hits, "dimensions that moved as expected"),
            _share("edits.moved_whole", whole, "edits of which every expected dimension moved"),
        ]
        off = [
            (abs(shift(results[one.id], name)), one.edit.base)
            for one in moving
            for name in DIMENSIONS
            if name not in one.edit.expect
        ]
        if off:
            mean = bootstrap(lambda rows: float(sum(off[i][0] for i in rows) / len(rows)), [base for _, base in off])
            found.append(
                Figure("edits.off_target", mean.value, mean.low, mean.high, mean.n, "points moved where none should")
            )
        same = [all(shift(results[one.id], name) == 0 for name in DIMENSIONS) for one in still]
        each = [shift(results[one.id], name) == 0 for one in still for name in DIMENSIONS]
        found.append(_share("edits.unchanged", each, "dimension scores that a no-change edit left alone"))
        found.append(_share("edits.unchanged_whole", same, "no-change edits that left all five alone"))
        return found


def shift(result: Result, dimension: str) -> int:
    """Points by which the edit's score differs from its base's."""
    return score_of(result["edit"], dimension) - score_of(result["base"], dimension)


def as_expected(wanted: str, moved: int) -> bool:
    return {"down": moved < 0, "up": moved > 0, "down-or-same": moved <= 0}[wanted]


def _share(name: str, hits: Sequence[bool], words: str) -> Figure:
    one = share(sum(hits), len(hits))
    return Figure(name, one.value, one.low, one.high, one.n, words)
