"""Do the scores agree with the labels, and better than what looks at no meaning?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from evals.baselines import blind_scores
from evals.cases import Answer, answers
from evals.journal import recording_of
from evals.metrics import Array, bootstrap, qwk, share
from evals.runs import Figure, Result, overall_of, score_of, told
from evals.workbench import Workbench
from simulator.rubric import DIMENSIONS, equal_rule, rate

BAR = 3.0
RIVALS = ("equal weights", "equal weights and offset")


class AgreementSuite:
    """Every labelled answer of the split to questions of one kind, graded as the program grades it."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self._kind = kind

    def cases(self, split: str) -> Sequence[Answer]:
        return answers(split, self._kind)

    def result(self, bench: Workbench, case: Answer) -> Result:
        bench = bench.of_kind(self._kind)
        grader = bench.grader()
        calls, seconds = bench.journal.spent
        grade = grader.grade(case.exchange)
        spent = bench.journal.spent
        cost = {"calls": spent[0] - calls, "seconds": round(spent[1] - seconds, 2)}
        equal = replace(equal_rule(bench.rubric), calibrations=grader.rule.calibrations)
        sums = rate(bench.rubric, equal, grade.findings) if grade.ratings else {}
        offsets = _offsets(bench.journal.name, self._kind)
        rivals = {
            "equal weights": {name: round(one.raw, 3) for name, one in sums.items()},
            "equal weights and offset": {name: round(one.raw + offsets[name], 3) for name, one in sums.items()},
        }
        return told(grade) | cost | {"rivals": rivals}

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        answers = [one for one in self.cases(split) if one.id in results]
        questions = [one.question for one in answers]
        gold, scores = gold_matrix(answers), score_matrix(answers, results)
        found = []
        for at, name in enumerate(DIMENSIONS):
            one = bootstrap(lambda rows, at=at: qwk(gold[rows, at], scores[rows, at]), questions)  # type: ignore[misc]
            found.append(Figure(f"qwk.{name}", one.value, one.low, one.high, one.n, f"agreement on {name}"))
        mean = bootstrap(lambda rows: mean_qwk(gold[rows], scores[rows]), questions)
        found.append(Figure("qwk.mean", mean.value, mean.low, mean.high, mean.n, "mean over the five dimensions"))
        words = blind_scores("tf-idf ridge", answers)
        lift = bootstrap(
            lambda rows: mean_qwk(gold[rows], scores[rows]) - mean_qwk(gold[rows], words[rows]), questions
        )
        found.append(Figure("qwk.lift", lift.value, lift.low, lift.high, lift.n, "mean QWK above tf-idf ridge"))
        for rival in RIVALS:
            made = rival_matrix(answers, results, rival)
            one = bootstrap(lambda rows, m=made: mean_qwk(gold[rows], m[rows]), questions)  # type: ignore[misc]
            found.append(Figure(f"qwk.mean.{rival}", one.value, one.low, one.high, one.n, f"mean QWK with {rival}"))
        right = decisions(answers, results)
        found.append(_share("advance.right", int(right.sum()), len(right), "advance or not, as labelled"))
        banded = [(results[one.id]["band"], one.overall) for one in answers if results[one.id]["band"]]
        inside = sum(low - 1e-9 <= label <= high + 1e-9 for (low, high), label in banded)
        found.append(_share("band.coverage", inside, len(banded), "labels inside the overall band (meant: 0.80)"))
        pairs = [
            (results[one.id]["bands"][name], one.scores[name])
            for one in answers
            for name in DIMENSIONS
            if results[one.id]["bands"]
        ]
        inside = sum(low <= label <= high for (low, high), label in pairs)
        found.append(_share("band.dimension_coverage", inside, len(pairs), "labels inside single dimensions' bands"))
        return found


AGREEMENT = AgreementSuite("agreement", "story")
CASES = AgreementSuite("cases", "case")


def gold_matrix(answers: Sequence[Answer]) -> Array:
    """Labels, one row an answer, one column a dimension."""
    return np.array([[one.scores[name] for name in DIMENSIONS] for one in answers])


def score_matrix(answers: Sequence[Answer], results: Mapping[str, Result]) -> Array:
    """Scores, laid out as the labels are."""
    return np.array([[score_of(results[one.id], name) for name in DIMENSIONS] for one in answers])


def rival_matrix(answers: Sequence[Answer], results: Mapping[str, Result], rival: str) -> Array:
    """Scores of one of `RIVALS` over the same findings, laid out as the labels are."""
    sums = [[results[one.id]["rivals"][rival].get(name, 1.0) for name in DIMENSIONS] for one in answers]
    return np.clip(np.rint(np.array(sums)), 1, 4).astype(int)


@cache
def _offsets(model: str, kind: str) -> dict[str, float]:
    """What `fit` found that equal weights lack on train, a dimension; nothing for a model that was not fitted."""
    path = recording_of(model).with_suffix(".offsets.json")
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: float(found.get(kind, {}).get(name, 0.0)) for name in DIMENSIONS}


def mean_qwk(gold: Array, scores: Array) -> float:
    """Mean over the dimensions; those that are not a number are left out."""
    each = [qwk(gold[:, at], scores[:, at]) for at in range(gold.shape[1])]
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")


def decisions(answers: Sequence[Answer], results: Mapping[str, Result]) -> Array:
    """Whether the advance decision is right, one an answer."""
    return np.array([(one.overall >= BAR) == (overall_of(results[one.id]) >= BAR) for one in answers])


def _share(name: str, hits: int, n: int, words: str) -> Figure:
    one = share(hits, n)
    return Figure(name, one.value, one.low, one.high, one.n, words)
