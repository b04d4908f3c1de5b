"""Fit the score rule of one rubric and one model on the train answers, and report it on dev.

    python -m evals.fit [--recorded]

Per check a Platt calibration of the model's log-odds and the code's sighting towards the labels; per
dimension a ridge over the calibrated probabilities whose weights are held to the sign that makes the rule
monotone; cut points that maximise kappa on out-of-fold predictions. Folds are questions. Dev is only read
at the end.
"""

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from simulator.embeddings import open_embeddings
from simulator.evidence import Locator
from simulator.grader import Grader, Locate
from simulator.local_model import FILE_NAME
from simulator.models import Lane, Message, YesNo
from simulator.rubric import (
    DIMENSIONS,
    Calibration,
    DimensionRule,
    Finding,
    Rubric,
    ScoreRule,
    State,
    equal_rule,
    rate,
)
from simulator.settings import ROOT, load_settings
from simulator.transcript import sentences

_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
_FOLDS = 10
Matrix = np.ndarray[Any, np.dtype[np.float64]]
Signals = dict[str, dict[str, tuple[float, float]]]
"""Answer id -> check id -> the model's log-odds and the strength of what code sighted."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One dimension's linear part before its cuts."""

    base: float
    weights: Matrix


def signals_of(answers: Sequence[LabelledAnswer], odds: Odds, rubric: Rubric, locate: Locate) -> Signals:
    """The recorded odds beside what code sights in the same answers."""
    found: Signals = {}
    for answer in answers:
        told = sentences(answer.record.exchange.turns)
        asked = odds[answer.record.id]
        found[answer.record.id] = {
            check.id: (asked[check.id], locate(check, told).strength) for check in rubric.checks
        }
    return found


def fit_calibrations(answers: Sequence[LabelledAnswer], signals: Signals, rubric: Rubric) -> dict[str, Calibration]:
    """Platt scaling of log-odds and sighting for each check."""
    return {
        check.id: _calibration(
            np.array([signals[answer.record.id][check.id] for answer in answers]),
            [answer.checks[check.id] for answer in answers],
        )
        for check in rubric.checks
    }


def _calibration(x: Matrix, gold: Sequence[bool]) -> Calibration:
    centre, spread = x.mean(axis=0), x.std(axis=0)
    usable = spread > 1e-6
    spread = np.where(usable, spread, 1.0)
    if len(set(gold)) == 1:
        share = (sum(gold) + 0.5) / (len(gold) + 1)
        gains, offset = np.zeros(2), float(np.log(share / (1 - share)))
    else:
        gains, offset = _non_negative_logistic((x - centre) / spread, gold, usable)
    slopes = gains / spread
    offset -= float(slopes @ centre)
    return Calibration(round(float(slopes[0]), 4), round(offset, 4), 0.5, round(float(slopes[1]), 4))


def _non_negative_logistic(x: Matrix, gold: Sequence[bool], usable: Matrix) -> tuple[Matrix, float]:
    """Logistic regression whose slopes are not negative: a signal that runs against the labels is left out."""
    kept = np.flatnonzero(usable)
    while len(kept):
        model = LogisticRegression(C=1.0).fit(x[:, kept], gold)
        if (model.coef_[0] >= 0).all():
            gains = np.zeros(x.shape[1])
            gains[kept] = model.coef_[0]
            return gains, float(model.intercept_[0])
        kept = np.delete(kept, int(np.argmin(model.coef_[0])))
    share = sum(gold) / len(gold)
    return np.zeros(x.shape[1]), float(np.log(share / (1 - share)))


def features(
    answers: Sequence[LabelledAnswer], signals: Signals, calibrations: Mapping[str, Calibration], rubric: Rubric
) -> Matrix:
    """Calibrated probabilities, one row an answer, one column a check."""
    return np.array(
        [
            [calibrations[check.id].probability(*signals[answer.record.id][check.id]) for check in rubric.checks]
            for answer in answers
        ]
    )


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


def fit(answers: Sequence[LabelledAnswer], signals: Signals, rubric: Rubric, model: str) -> ScoreRule:
    """The whole rule. Calibrations, weights and cuts all come from folds that leave questions out."""
    groups = [answer.record.exchange.question.text for answer in answers]
    flags = np.array([check.is_flag for check in rubric.checks])
    folds = list(GroupKFold(min(_FOLDS, len(set(groups)))).split(answers, groups=groups))
    out_of_fold = np.zeros((len(answers), len(rubric.checks)))
    for train, test in folds:
        part = fit_calibrations([answers[i] for i in train], signals, rubric)
        out_of_fold[test] = features([answers[i] for i in test], signals, part, rubric)
    calibrations = fit_calibrations(answers, signals, rubric)
    x = features(answers, signals, calibrations, rubric)
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


def scores(
    answers: Sequence[LabelledAnswer], signals: Signals, rubric: Rubric, rule: ScoreRule, locate: Locate
) -> list[dict[str, int]]:
    """What the grader makes of the recorded signals: a met check that no sentence shows earns nothing."""
    made = []
    for answer in answers:
        told = sentences(answer.record.exchange.turns)
        findings = {}
        for check in rubric.checks:
            calibration = rule.calibrations[check.id]
            probability = calibration.probability(*signals[answer.record.id][check.id])
            evidence = locate(check, told).evidence
            met = probability >= calibration.threshold and (check.is_flag or bool(evidence))
            if probability >= calibration.threshold and not met:
                probability = 0.0
            state = State.MET if met else State.NOT_MET
            findings[check.id] = Finding(check.id, state, probability, evidence)
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
    kappas: list[float] = []
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
    base = sum(gold) / len(gold)
    print(f"  mean QWK {np.nanmean(kappas):.2f}; advance decision right {right:.2f} (always no: {1 - base:.2f})")


def report_checks(answers: Sequence[LabelledAnswer], signals: Signals, rule: ScoreRule, rubric: Rubric) -> None:
    """Print the areas under the curve of each labelled check: model alone, code alone, both as calibrated."""
    print("\nAUC per check on dev: model, code, both")
    for check in rubric.checks:
        gold = [answer.checks[check.id] for answer in answers]
        pairs = [signals[answer.record.id][check.id] for answer in answers]
        both = [rule.calibrations[check.id].probability(*pair) for pair in pairs]
        areas = [auc(gold, [pair[0] for pair in pairs]), auc(gold, [pair[1] for pair in pairs]), auc(gold, both)]
        told = "  ".join(f"{area:.2f}" for area in areas)
        print(f"  {check.id:24} {told}  (yes {sum(gold)} of {len(gold)})")


def _equal(rule: ScoreRule, rubric: Rubric) -> ScoreRule:
    """The rival: the same calibrations, every check of a dimension weighing the same."""
    return replace(equal_rule(rubric), calibrations=rule.calibrations)


@dataclass(frozen=True, slots=True)
class _Silent:
    """A judge that is never asked."""

    name: str

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.LIVE, *, fresh: bool = False) -> YesNo:
        raise AssertionError("nothing is graded while a rule is fitted")


def main() -> None:
    conductor = Conductor(load_settings())
    rubric, companies = conductor.rubric, list(conductor.library.companies)
    recorded = "--recorded" in sys.argv
    model = None if recorded else conductor.model()
    name = model.name if model else FILE_NAME.removesuffix(".gguf")
    path = FOLDER / f"odds-{name}.jsonl"
    train, dev = labelled("train", companies), labelled("dev", companies)
    # The labelled answers are laid out as the grader lays them out; nothing is graded here.
    locator = Locator(open_embeddings(conductor.settings)[0])
    grader = Grader(conductor.library.prompts, rubric, equal_rule(rubric), _Silent(name), locator.locate)
    odds = collect([*train, *dev], grader, model, path)
    train, dev = ([one for one in split if one.record.id in odds] for split in (train, dev))
    print(f"{len(train)} train and {len(dev)} dev answers are recorded with these prompts")
    signals = signals_of([*train, *dev], odds, rubric, locator.locate)
    rule = fit(train, signals, rubric, name)
    target = ROOT / "prompts" / "rubrics" / f"story.{name}.json"
    target.write_text(json.dumps(TypeAdapter(ScoreRule).dump_python(rule, mode="json"), indent=1) + "\n", "utf-8")
    print(f"Rule for {name} and rubric {rubric.digest} written to {target.name}")
    report_checks(dev, signals, rule, rubric)
    report("train (fitted on it)", train, scores(train, signals, rubric, rule, locator.locate))
    report("dev", dev, scores(dev, signals, rubric, rule, locator.locate))
    report("dev, equal weights", dev, scores(dev, signals, rubric, _equal(rule, rubric), locator.locate))
    report("dev, tf-idf ridge trained on the same answers", dev, tfidf_scores(train, dev))
    conductor.close()


if __name__ == "__main__":
    main()
