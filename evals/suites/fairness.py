"""Does what must not count change a grade: who speaks, how they write, how long, in what shape, what others are said
to think? And does what must count change it: facts, deeds, one sentence after another?"""

from collections.abc import Mapping, Sequence

from evals import shifts, variants
from evals.held import HeldWord, SecondTake
from evals.metrics import Interval, mean_interval
from evals.runs import Figure, Result, told
from evals.shifts import Beside
from evals.variants import AGAIN, FAMILIES, SHARED, SHARES_KEPT, Variant
from evals.workbench import Workbench
from simulator.rubric import DIMENSIONS, Grade

EQUIVALENT = 0.1
"""A mean shift of the raw sums within this many points, either way, is held to be none."""
KEPT = ("scores", "raw", "overall", "reason")
"""What is kept of a grade: there are thousands."""


class FairnessSuite:
    """Variants of labelled answers to questions of one kind, each beside its base. With `answers`, a part of the
    design over so many of them; with `held`, the model's word is the one that it gave on the base."""

    def __init__(self, name: str, kind: str, answers: Mapping[str, int] | None = None, held: bool = False) -> None:
        self.name = name
        self.kind = kind
        self._answers = answers
        self._held = held

    @property
    def asked(self) -> str:
        """Of what the model was asked: a `part` of the design, its word `held`, or the `whole`."""
        return "held" if self._held else "whole" if self._answers is None else "part"

    def cases(self, split: str) -> Sequence[Variant]:
        if self._answers is None:
            return variants.whole(split, self.kind)
        return variants.part(split, self.kind, self._answers.get(split, 0))

    def result(self, bench: Workbench, case: Variant) -> Result:
        bench = bench.of_kind(self.kind)
        if self._held:
            return brief(bench.grader(judge=HeldWord(bench, case.base.exchange)).grade(case.exchange))
        judge = SecondTake(bench.journal) if case.name == AGAIN else bench.journal
        return brief(bench.grader(judge=judge).grade(case.exchange))

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        found = shifts.beside(self.cases(split), results)
        noise = shifts.noise_of(found)
        made = [
            (f"{family}.{name}", interval, words)
            for family in FAMILIES
            for name, interval, words in _of_family(family, of_family(found, family), noise)
        ]
        made += _seen(found)
        return [Figure(f"{self.name}.{name}", i.value, i.low, i.high, i.n, words) for name, i, words in made]


def brief(grade: Grade) -> Result:
    """As much of a grade as the figures need."""
    return {key: one for key, one in told(grade).items() if key in KEPT}


def of_family(found: Sequence[Beside], family: str) -> list[Beside]:
    return [one for one in found if one.variant.family == family]


def _of_family(family: str, found: Sequence[Beside], noise: Sequence[Beside]) -> list[tuple[str, Interval, str]]:
    bases = [one.base for one in found]
    p = shifts.equivalence_p(found, EQUIVALENT)
    same = f"within {EQUIVALENT} points (TOST on the raw sums, p = {p:.3f})" if p < 0.05 else "not shown to be none"
    made = [
        ("shift", mean_interval([one.shift for one in found], bases), f"mean shift of the overall; {same}"),
        ("flips", shifts.excess(found, noise), "decisions that flip, above those of the same answer graded again"),
        ("equal", shifts.unmoved(found), "dimension scores that stay"),
    ]
    if family == "person":
        groups = shifts.standings(found)
        apart = sum(one.apart for one in groups)
        nothing = float("nan")
        made += [
            ("impact", shifts.worst_ratio(found), "share above the median, the worst group's over the best one's"),
            (
                "apart",
                Interval(float(apart) if groups else nothing, nothing, nothing, len(groups)),
                "groups graded apart from the others (Holm)",
            ),
        ]
    if family in ("esl_strong", "length"):
        content = [sum(one.moved(name) for name in shifts.CONTENT) / len(shifts.CONTENT) for one in found]
        made.append(("content", mean_interval(content, bases), "mean shift of all but communication"))
    if family == "claims":
        far = [any(abs(one.moved(name)) > 1 for name in DIMENSIONS) for one in found]
        made.append(("jumps", shifts.share_of(far, bases), "variants that move a dimension by two points or more"))
    return made


def _seen(found: Sequence[Beside]) -> list[tuple[str, Interval, str]]:
    kept = {f"{100 * one:.0f}": one for one in SHARES_KEPT}
    facts, owner = of_family(found, "facts"), of_family(found, "owner")
    whole = [one for one in owner if one.variant.name == "whole"]
    return [
        ("sees.facts", shifts.falls(facts, "data_use"), "data use falls without the figures"),
        ("sees.owner", shifts.falls(whole, "ownership"), "ownership falls where `we` did it"),
        (
            "sees.owner_steps",
            shifts.monotone(owner, list(SHARED), "ownership"),
            "ownership never rises from I to half we to we, and falls",
        ),
        (
            "sees.thinning",
            shifts.thinning(of_family(found, "thinning"), kept),
            "rank correlation of what is left of an answer and its raw sum",
        ),
    ]
