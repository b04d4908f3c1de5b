"""Fit the score rule of one rubric and one model on the train answers, and report it on dev.

    python -m evals.fit [--recorded]

Per check a Platt calibration towards the labels; per dimension a ridge over the calibrated probabilities
whose weights are held to the sign that makes the rule monotone; cut points that maximise kappa on
out-of-fold predictions. Folds are questions. Dev is only read at the end.
"""

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from scipy.optimize import lsq_linear
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold

from evals.agreement import Agreement, agreement, auc, qwk
from evals.answers import LabelledAnswer, labelled
from evals.odds import FOLDER, Odds, collect
from simulator.conductor import Conductor
from simulator.grader import Grader
from simulator.local_model import FILE_NAME
from simulator.rubric import (
    DIMENSIONS,
    Calibration,
    DimensionRule,
    Evidence,
    Finding,
    Rubric,
    ScoreRule,
    State,
    equal_rule,
    rate,
)
from simulator.settings import ROOT, load_settings

_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
_FOLDS = 10
_CITED = (Evidence(0, 0, 1, "x"),)
Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class _Line:
    """One dimension's linear part before its cuts."""

    base: float
    weights: Matrix


def fit_calibrations(answers: Sequence[LabelledAnswer], odds: Odds, rubric: Rubric) -> dict[str, Calibration]:
    """Platt scaling for each labelled check; anchors, which have no labels, are only standardised."""
    found = {}
    for check in rubric.checks:
        x = np.array([odds[answer.record.id][check.id] for answer in answers])
        spread = max(float(x.std()), 1e-6)
        slope, offset = 1 / spread, -float(x.mean()) / spread
        if check.id in answers[0].checks:
            y = np.array([answer.checks[check.id] for answer in answers])
            model = LogisticRegression(C=1.0).fit(((x - x.mean()) / spread)[:, None], y)
            # A check whose answers run against the labels says nothing: it gets the base rate.
            gain = max(float(model.coef_[0, 0]), 0.0)
            slope = gain / spread
            offset = float(model.intercept_[0]) - gain * float(x.mean()) / spread
        found[check.id] = Calibration(round(slope, 4), round(offset, 4), 0.5)
    return found


def features(answers: Sequence[LabelledAnswer], odds: Odds, rule: dict[str, Calibration], rubric: Rubric) -> Matrix:
    """Calibrated probabilities, one row an answer, one column a check, as the grader credits them."""
    rows = [[_credit(rule[check.id], odds[a.record.id][check.id]) for check in rubric.checks] for a in answers]
    return np.array(rows)


def _credit(calibration: Calibration, x: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(calibration.slope * x + calibration.offset, -30, 30))))


def _fit_line(x: Matrix, y: Matrix, ridge: float, flags: Matrix) -> _Line:
    """Least squares with weights >= 0 for criteria and <= 0 for flags."""
    centre = x.mean(axis=0)
    stacked = np.vstack([x - centre, np.sqrt(ridge) * np.eye(x.shape[1])])
    target = np.concatenate([y - y.mean(), np.zeros(x.shape[1])])
    bounds = (np.where(flags, -np.inf, 0.0), np.where(flags, 0.0, np.inf))
    weights = lsq_linear(stacked, target, bounds=bounds).x
    weights[np.abs(weights) < 0.02] = 0.0
    return _Line(float(y.mean() - centre @ weights), weights)


def _best_cuts(raw: Matrix, gold: Matrix) -> tuple[float, float, float]:
    steps = [np.arange(at - 0.5, at + 0.51, 0.1) for at in (1.6, 2.4, 3.1)]
    grid = [cuts for cuts in itertools.product(*steps) if cuts[0] < cuts[1] - 0.2 and cuts[1] < cuts[2] - 0.2]
    best = max(grid, key=lambda cuts: qwk(gold.astype(int).tolist(), _cut(raw, cuts)))
    return tuple(round(float(cut), 2) for cut in best)  # type: ignore[return-value]  # three of them


def _cut(raw: Matrix, cuts: Sequence[float]) -> list[int]:
    return [1 + sum(value >= cut for cut in cuts) for value in raw]


def fit(answers: Sequence[LabelledAnswer], odds: Odds, rubric: Rubric, model: str) -> ScoreRule:
    """The whole rule. Calibrations, weights and cuts all come from folds that leave questions out."""
    groups = [answer.record.exchange.question.text for answer in answers]
    flags = np.array([check.is_flag for check in rubric.checks])
    folds = list(GroupKFold(min(_FOLDS, len(set(groups)))).split(answers, groups=groups))
    out_of_fold = np.zeros((len(answers), len(rubric.checks)))
    for train, test in folds:
        part = fit_calibrations([answers[i] for i in train], odds, rubric)
        out_of_fold[test] = features([answers[i] for i in test], odds, part, rubric)
    calibrations = fit_calibrations(answers, odds, rubric)
    x = features(answers, odds, calibrations, rubric)
    dimensions = {}
    for name in DIMENSIONS:
        y = np.array([float(answer.scores[name]) for answer in answers])
        predicted = {ridge: np.zeros(len(y)) for ridge in _RIDGES}
        for ridge, (train, test) in itertools.product(_RIDGES, folds):
            line = _fit_line(out_of_fold[train], y[train], ridge, flags)
            predicted[ridge][test] = line.base + out_of_fold[test] @ line.weights
        ridge = min(_RIDGES, key=lambda one: float(((predicted[one] - y) ** 2).mean()))
        line = _fit_line(x, y, ridge, flags)
        raw = np.clip(predicted[ridge], 1, 4)
        dimensions[name] = DimensionRule(
            round(line.base, 4),
            {check.id: round(float(w), 4) for check, w in zip(rubric.checks, line.weights, strict=True) if w},
            _best_cuts(raw, y),
            round(float((raw - y).std()), 3),
        )
    return ScoreRule(model, rubric.digest, calibrations, dimensions, f"{len(answers)} train answers")


def scores(answers: Sequence[LabelledAnswer], odds: Odds, rubric: Rubric, rule: ScoreRule) -> list[dict[str, int]]:
    """What the grader's arithmetic makes of the recorded odds."""
    made = []
    for answer in answers:
        findings = {}
        for check in rubric.checks:
            calibration = rule.calibrations[check.id]
            probability = _credit(calibration, odds[answer.record.id][check.id])
            state = State.MET if probability >= calibration.threshold else State.NOT_MET
            findings[check.id] = Finding(check.id, state, probability, _CITED)
        made.append({name: rating.score for name, rating in rate(rubric, rule, findings).items()})
    return made


def tfidf_scores(train: Sequence[LabelledAnswer], test: Sequence[LabelledAnswer]) -> list[dict[str, int]]:
    """The baseline that only counts words: tf-idf and ridge, trained on the same answers."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    x = words.fit_transform([answer.record.exchange.candidate_text for answer in train])
    z = words.transform([answer.record.exchange.candidate_text for answer in test])
    made: list[dict[str, int]] = [{} for _ in test]
    for name in DIMENSIONS:
        model = Ridge(alpha=1.0).fit(x, [answer.scores[name] for answer in train])
        for row, value in zip(made, model.predict(z), strict=True):
            row[name] = int(np.clip(round(float(value)), 1, 4))
    return made


def report(title: str, answers: Sequence[LabelledAnswer], made: Sequence[dict[str, int]]) -> None:
    """Print one block: a line a dimension."""
    print(f"\n{title}: n={len(answers)}")
    groups = [answer.record.exchange.question.text for answer in answers]
    kappas = []
    for name in DIMENSIONS:
        one: Agreement = agreement([a.scores[name] for a in answers], [row[name] for row in made], groups)
        kappas.append(one.qwk)
        print(
            f"  {name:16} QWK {one.qwk:5.2f} [{one.low:5.2f}, {one.high:5.2f}]  exact {one.exact:.2f}"
            f"  bias {one.bias:+.2f}  rho {one.spearman:.2f}"
        )
    gold = [sum(a.scores.values()) / 5 >= 3.0 for a in answers]
    said = [sum(row.values()) / 5 >= 3.0 for row in made]
    right = sum(one == two for one, two in zip(gold, said, strict=True)) / len(gold)
    print(
        f"  mean QWK {np.nanmean(kappas):.2f}; advance decision right {right:.2f} (base rate {sum(gold) / len(gold):.2f})"
    )


def report_checks(answers: Sequence[LabelledAnswer], odds: Odds, rubric: Rubric) -> None:
    """Print the area under the curve of each labelled check."""
    print("\nAUC per check:")
    for check in rubric.checks:
        if check.id in answers[0].checks:
            gold = [answer.checks[check.id] for answer in answers]
            area = auc(gold, [odds[answer.record.id][check.id] for answer in answers])
            print(f"  {check.id:24} {area:.2f}  (yes {sum(gold)} of {len(gold)})")


def main() -> None:
    conductor = Conductor(load_settings())
    rubric, companies = conductor.rubric, list(conductor.library.companies)
    recorded = "--recorded" in sys.argv
    model = None if recorded else conductor.model()
    name = model.name if model else FILE_NAME.removesuffix(".gguf")
    path = FOLDER / f"odds-{name}.jsonl"
    train, dev = labelled("train", companies), labelled("dev", companies)
    grader = Grader(conductor.library.prompts, rubric, equal_rule(rubric), model, lambda check, found: ())  # type: ignore[arg-type]  # it only lays out prompts here
    odds = collect([*train, *dev], grader, model, path)
    rule = fit(train, odds, rubric, name)
    target = ROOT / "prompts" / "rubrics" / f"story.{name}.json"
    target.write_text(json.dumps(TypeAdapter(ScoreRule).dump_python(rule, mode="json"), indent=1) + "\n", "utf-8")
    print(f"Rule for {name} and rubric {rubric.digest} written to {target.name}")
    report_checks(dev, odds, rubric)
    report("train (fitted on it)", train, scores(train, odds, rubric, rule))
    report("dev", dev, scores(dev, odds, rubric, rule))
    report("dev, tf-idf ridge trained on the same answers", dev, tfidf_scores(train, dev))
    conductor.close()


if __name__ == "__main__":
    main()
