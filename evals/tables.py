"""What a report tells of a run, as plain values; the statistics are those of `metrics`.

Each function is given the cases that have a result, and the results by case. Shares and coefficients are
fractions, movements and errors are points. What cannot be computed is not a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from statsmodels.stats.inter_rater import cohens_kappa

from evals import cases
from evals.baselines import BASELINES, blind_scores
from evals.metrics import Array, agreement, auc, bootstrap, calibration, qwk, share
from evals.runs import Result, overall_of, score_of
from evals.suites.agreement import BAR, RIVALS, gold_matrix, mean_qwk, rival_matrix, score_matrix
from evals.suites.edits import as_expected, shift
from evals.suites.gaming import is_above, suffers
from simulator.rubric import DIMENSIONS

Table = dict[str, Any]
Results = Mapping[str, Result]
BINS = 5
"""Bins of a calibration curve: with sixty answers, twelve in each."""


def agreement_tables(answers: Sequence[cases.Answer], results: Results) -> Table:
    """All that says how the scores agree with the labels, and what it is to be held against."""
    gold, scores = gold_matrix(answers), score_matrix(answers, results)
    questions = [one.question for one in answers]
    against = {name: blind_scores(name, answers) for name in BASELINES}
    against |= {name: rival_matrix(answers, results, name) for name in RIVALS}
    return {
        "n": len(answers),
        "questions": len(set(questions)),
        "dimensions": _agreements(gold, scores, questions),
        "against": {name: _rival(gold, scored) for name, scored in against.items()},
        "ceiling": _ceiling([one for one in answers if one.first and one.second]),
        "decision": _decision(answers, results),
        "breakdowns": _breakdowns(answers, gold, scores),
        "checks": _checks(answers, results),
        "bands": _bands(answers, results),
    }


def _agreements(gold: Array, scores: Array, questions: Sequence[str]) -> Table:
    return {
        name: asdict(agreement(gold[:, at].tolist(), scores[:, at].tolist(), questions))
        for at, name in enumerate(DIMENSIONS)
    }


def _rival(gold: Array, told: Array) -> Table:
    """What the grader is held against: values only; the lift and the means have intervals among the figures."""
    return {
        "mean": mean_qwk(gold, told),
        "dimensions": {
            name: {
                "qwk": qwk(gold[:, at], told[:, at]),
                "exact": float((gold[:, at] == told[:, at]).mean()),
                "error": float(abs(gold[:, at] - told[:, at]).mean()),
            }
            for at, name in enumerate(DIMENSIONS)
        },
    }


def _ceiling(twice: Sequence[cases.Answer]) -> Table | None:
    """How two labellers of the same answers agree; None where nothing was labelled twice."""
    if not twice:
        return None
    one = np.array([[answer.first[name] for name in DIMENSIONS] for answer in twice])
    two = np.array([[answer.second[name] for name in DIMENSIONS] for answer in twice])
    return {
        "n": len(twice),
        "mean": mean_qwk(one, two),
        "dimensions": _agreements(one, two, [answer.question for answer in twice]),
    }


def _decision(answers: Sequence[cases.Answer], results: Results) -> Table:
    """Advance or not, said beside labelled; `counts` has rows no, yes as labelled, columns no, yes as said."""
    labelled = np.array([one.overall >= BAR for one in answers])
    said = np.array([overall_of(results[one.id]) >= BAR for one in answers])
    yes, no = int(labelled.sum()), int((~labelled).sum())
    kappa = bootstrap(lambda rows: _kappa(labelled[rows], said[rows]), [one.question for one in answers])
    return {
        "bar": BAR,
        "right": asdict(share(int((labelled == said).sum()), len(answers))),
        "sensitivity": asdict(share(int((labelled & said).sum()), yes)),
        "specificity": asdict(share(int((~labelled & ~said).sum()), no)),
        "kappa": asdict(kappa),
        "always_no": asdict(share(no, len(answers))),
        "counts": _counts(labelled, said).tolist(),
    }


def _counts(labelled: Array, said: Array) -> Array:
    return np.bincount(2 * labelled + said, minlength=4).reshape(2, 2)


def _kappa(labelled: Array, said: Array) -> float:
    """Cohen's kappa of two yes/no decisions; not a number where all are one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(cohens_kappa(_counts(labelled, said), return_results=False))


def _breakdowns(answers: Sequence[cases.Answer], gold: Array, scores: Array) -> Table:
    """Every score (five an answer) by the label that it should have been, by style, and by company."""
    five = len(DIMENSIONS)
    groups = {
        "label": [str(level) for level in gold.ravel()],
        "style": [one.style for one in answers for _ in range(five)],
        "company": [one.company for one in answers for _ in range(five)],
    }
    gap = (scores - gold).ravel()
    return {by: [_gaps(name, gap[np.array(of) == name]) for name in sorted(set(of))] for by, of in groups.items()}


def _gaps(group: str, gap: Array) -> Table:
    return {
        "group": group,
        "n": len(gap),
        "exact": float((gap == 0).mean()),
        "bias": float(gap.mean()),
        "error": float(abs(gap).mean()),
    }


def _checks(answers: Sequence[cases.Answer], results: Results) -> list[Table]:
    rows = []
    for check in dict.fromkeys(key for one in answers for key in one.checks):
        told = [
            (one.checks[check], results[one.id]["chances"][check])
            for one in answers
            if check in one.checks and check in results[one.id]["chances"]
        ]
        if told:
            gold, chances = [yes for yes, _ in told], [chance for _, chance in told]
            row = {"check": check, "n": len(told), "yes": sum(gold), "share": sum(gold) / len(gold)}
            row |= {"chance": float(np.mean(chances)), "auc": auc(gold, chances)}
            rows.append(row | {"curve": [list(point) for point in calibration(gold, chances, BINS)]})
    return rows


def _bands(answers: Sequence[cases.Answer], results: Results) -> list[Table]:
    """How often the label lies inside the band that was shown, ends included."""
    graded = [one for one in answers if results[one.id]["band"]]
    held = {"overall": [(results[one.id]["band"], one.overall) for one in graded]}
    held |= {name: [(results[one.id]["bands"][name], one.scores[name]) for one in graded] for name in DIMENSIONS}
    rows = []
    for name, told in held.items():
        inside = share(sum(low - 1e-9 <= label <= high + 1e-9 for (low, high), label in told), len(told))
        width = float(np.mean([high - low for (low, high), _ in told])) if told else float("nan")
        rows.append({"band": name, "width": width, **asdict(inside)})
    return rows


def edit_tables(pairs: Sequence[cases.Pair], results: Results) -> Table:
    """The leakage matrix, kind of edit by dimension, and the edits that did not move as they should."""
    kinds: dict[str, list[cases.Pair]] = {}
    for pair in sorted(pairs, key=lambda one: not one.edit.expect):
        kinds.setdefault(pair.edit.kind, []).append(pair)
    return {
        "matrix": [
            {"kind": kind, "n": len(of), "cells": {name: _movement(of, results, name) for name in DIMENSIONS}}
            for kind, of in kinds.items()
        ],
        "strays": [row for pair in pairs if (row := _stray(pair, results[pair.id]))],
    }


def _movement(pairs: Sequence[cases.Pair], results: Results, name: str) -> Table:
    """Mean movement of one dimension, and in how many of these edits it must, or may, move."""
    wanted = [one.edit.expect.get(name) for one in pairs]
    return {
        "mean": float(np.mean([shift(results[one.id], name) for one in pairs])),
        "must": sum(one in ("down", "up") for one in wanted),
        "may": sum(one == "down-or-same" for one in wanted),
    }


def _stray(pair: cases.Pair, result: Result) -> Table | None:
    expect, moved = pair.edit.expect, {name: shift(result, name) for name in DIMENSIONS}
    wrong = {name: (wanted, moved[name]) for name, wanted in expect.items() if not as_expected(wanted, moved[name])}
    leaked = {name: by for name, by in moved.items() if by and name not in expect}
    if not wrong and not leaked:
        return None
    edit = pair.edit
    return {"id": edit.id, "base": edit.base, "kind": edit.kind, "note": edit.note, "wrong": wrong, "leaked": leaked}


def gaming_tables(tricks: Sequence[cases.Trick], honest: Sequence[cases.Answer], results: Results) -> Table:
    """What the tricks reached, by kind; those above their limit; honest answers that suffer."""
    kinds: dict[str, list[cases.Trick]] = {}
    for one in tricks:
        kinds.setdefault(one.kind, []).append(one)
    return {
        "kinds": [
            {
                "kind": kind,
                "n": len(of),
                "highest": max(overall_of(results[one.id]) for one in of),
                "limits": sorted({one.highest for one in of}),
                "above": sum(is_above(one, results[one.id]) for one in of),
            }
            for kind, of in kinds.items()
        ],
        "above": [
            _case(one, results[one.id]) | {"limit": one.highest} for one in tricks if is_above(one, results[one.id])
        ],
        "punished": [
            _case(one, results[one.id]) | {"label": one.overall} for one in honest if suffers(one, results[one.id])
        ],
    }


def _case(one: cases.Trick | cases.Answer, result: Result) -> Table:
    told = {
        "id": one.id,
        "kind": one.kind,
        "note": one.note,
        "overall": result["overall"],
        "reason": result["reason"],
    }
    return told | {"text": one.exchange.candidate_text}


def cost_rows(results: Mapping[str, Results]) -> list[Table]:
    """Seconds and calls of a case, by suite; no row where the results do not have them."""
    rows = []
    for suite, of in results.items():
        row: Table = {"suite": suite, "n": len(of)}
        for what in ("seconds", "calls"):
            told = [one[what] for one in of.values() if what in one]
            if told:
                row |= {what: {"median": float(np.median(told)), "p95": float(np.percentile(told, 95))}}
        if len(row) > 2:
            rows.append(row)
    return rows


def answer_rows(answers: Iterable[cases.Answer], results: Results) -> list[Table]:
    """Every answer with its labels and its grade, those farthest from their labels first."""
    rows = [_answer(one, results[one.id]) for one in answers]
    return sorted(rows, key=lambda row: (-row["gap"], row["id"]))


def _answer(one: cases.Answer, result: Result) -> Table:
    met, labelled = set(result["met"]), {check for check, yes in one.checks.items() if yes}
    kept = ("scores", "raw", "bands", "overall", "band", "firmness", "reason", "without_evidence")
    evidence = {check: [quote[3] for quote in quotes] for check, quotes in result["evidence"].items()}
    return {
        **{name: getattr(one, name) for name in ("id", "company", "style", "question", "words")},
        "turns": [{"role": turn.role.value, "text": turn.text} for turn in one.exchange.turns],
        "labels": dict(one.scores),
        "label": one.overall,
        **{name: result[name] for name in kept},
        "gap": sum(abs(score_of(result, name) - label) for name, label in one.scores.items()),
        "evidence": evidence,
        "missed": sorted(labelled - met),
        "extra": sorted(met & one.checks.keys() - labelled),
    }
