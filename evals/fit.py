"""Fits on the train split what turns a model's words into scores, for one rubric and one model.

A sentence model on the marked sentences; per check a calibration of the model's log-odds and the sentence
model's strength towards the labels; per dimension a ridge over the calibrated probabilities whose weights are
held to the sign that makes the rule monotone; cut points that maximise kappa. Whatever is chosen is chosen on
predictions for questions that were left out. Neither dev nor test is read.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from scipy.optimize import lsq_linear
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from evals.cases import Answer, Marks
from evals.metrics import qwk
from simulator.arrangement import FEATURES, arrangement
from simulator.evidence import Locator, SentenceModel, ngrams, place_features, word_features, words_of
from simulator.methods import Method, read
from simulator.models import Lane
from simulator.prompts import Prompt
from simulator.rubric import (
    ANY_MODEL,
    DIMENSIONS,
    Calibration,
    DimensionRule,
    Evidence,
    Finding,
    Rubric,
    ScoreRule,
    Sighting,
    State,
    equal_rule,
    rate,
)
from simulator.transcript import sentences

ASKED = {
    "story": (
        "action.mechanism", "action.prioritisation", "action.unblocking", "flag.off_topic", "anchor.verified",
    ),
    "case": (),
}  # fmt: skip
"""Checks, by kind of question, on which the embedded model's word adds to the sentence model's (evals/README.md has
the figures). The others are not put to it: each costs 0.4 s an answer."""
_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
_FOLDS = 10
_SENTENCE_FOLDS = 5
_FEWEST_SENTENCES = 5
OFF_TOPIC = "flag.off_topic"
MOST_REFUSED = 0.005
"""Share of answers to the question that may be held to be off topic: that verdict costs all points."""
_WORD_PENALTY, _PLACE_PENALTY = 1.0, 0.2
"""Inverse strengths (C) of the two readings; chosen by the area under the curve on left-out train questions."""
Matrix = np.ndarray[Any, np.dtype[Any]]
Odds = Mapping[str, Mapping[str, float]]
"""Answer id -> check id -> the model's log-odds that it is met."""
Sightings = Mapping[str, Mapping[str, Sighting]]


@dataclass(frozen=True, slots=True)
class Marked:
    """The sentences of one answer with the checks that each shows."""

    answer: str
    question: str
    texts: tuple[str, ...]
    shown: tuple[frozenset[str], ...]


def marked(answers: Sequence[Answer], marks: Mapping[str, Marks]) -> list[Marked]:
    """The sentences as the program cuts them, beside their marks."""
    found = []
    for answer in answers:
        told = sentences(answer.exchange.turns)
        shown = tuple(frozenset(marks[answer.id].sentences.get(one.number, ())) for one in told)
        found.append(Marked(answer.id, answer.question, tuple(" ".join(s.text.split()) for s in told), shown))
    return found


def fit_sentences(told: Sequence[Marked], embeddings: Embeddings, embedding_id: str) -> SentenceModel:
    """Two logistic regressions a check, balanced: over words, and over embeddings and place."""
    texts = [text for one in told for text in one.texts]
    shown = [marks for one in told for marks in one.shown]
    words = TfidfVectorizer(analyzer=ngrams, min_df=2)
    words.fit(texts)
    vocabulary = {word: int(at) for word, at in words.vocabulary_.items()}
    by_words = csr_matrix(word_features(texts, vocabulary, words.idf_.astype(np.float32)))
    by_place = np.vstack([place_features(_vectors(embeddings, one)) for one in told])
    counted = {check: sum(check in marks for marks in shown) for check in set().union(*shown)}
    checks = sorted(check for check, count in counted.items() if count >= _FEWEST_SENTENCES)
    columns: list[tuple[Matrix, Matrix, float]] = []
    for check in checks:
        gold = np.array([check in marks for marks in shown])
        one = LogisticRegression(C=_WORD_PENALTY, class_weight="balanced", max_iter=300).fit(by_words, gold)
        two = LogisticRegression(C=_PLACE_PENALTY, class_weight="balanced", max_iter=300).fit(by_place, gold)
        columns.append((one.coef_[0], two.coef_[0], float(one.intercept_[0] + two.intercept_[0]) / 2))
    return SentenceModel(
        checks=tuple(checks),
        embedding=embedding_id,
        fitted_on=f"{len(texts)} sentences of {len(told)} train answers",
        vocabulary=dict(sorted(vocabulary.items(), key=lambda pair: pair[1])),
        idf=_stored(words.idf_),
        words=_stored(np.stack([column[0] for column in columns], axis=1)),
        places=_stored(np.stack([column[1] for column in columns], axis=1)),
        bias=_stored(np.array([column[2] for column in columns])),
        wholes=(),
        whole=np.zeros((FEATURES, 0), np.float32),
        whole_bias=np.zeros(0, np.float32),
    )


def fit_wholes(trained: SentenceModel, arranged: Matrix, gold: Matrix, rubric: Rubric) -> SentenceModel:
    """The same model, which now also sees the checks of an answer as a whole: a logistic regression each over how the
    sentences of an answer are arranged, one row an answer, as models that had not seen its question saw it."""
    wholes = {check.id: column for column, check in enumerate(rubric.checks) if check.whole}
    fitted = [_fit_whole(arranged, gold[:, column]) for column in wholes.values()]
    return replace(
        trained,
        wholes=tuple(wholes),
        whole=_stored(np.array([weights for weights, _ in fitted]).reshape(-1, FEATURES).T),
        whole_bias=_stored(np.array([bias for _, bias in fitted])),
    )


def _fit_whole(arranged: Matrix, gold: Matrix) -> tuple[Matrix, float]:
    scale = StandardScaler().fit(arranged)
    model = LogisticRegression(max_iter=300).fit(scale.transform(arranged), gold)
    weights = model.coef_[0] / scale.scale_
    return weights, float(model.intercept_[0] - weights @ scale.mean_)


def _vectors(embeddings: Embeddings, one: Marked) -> Matrix:
    return np.array(embeddings.embed_documents(list(one.texts)), np.float32)


def _stored(values: Matrix) -> Matrix:
    return values.astype(np.float16).astype(np.float32)  # as it is kept in the file


def sightings_of(answers: Sequence[Answer], rubric: Rubric, locator: Locator) -> dict[str, Mapping[str, Sighting]]:
    """What code sees in these answers."""
    found: dict[str, Mapping[str, Sighting]] = {}
    for answer in answers:
        told = sentences(answer.exchange.turns)
        found[answer.id] = {check.id: locator.locate(check, told) for check in rubric.checks}
    return found


def left_out_sightings(
    answers: Sequence[Answer],
    told: Sequence[Marked],
    gold: Matrix,
    rubric: Rubric,
    embeddings: Embeddings,
    embedding_id: str,
) -> tuple[dict[str, Mapping[str, Sighting]], Matrix]:
    """What a sentence model that has not seen their questions sees in these answers, and how it sees the sentences
    of each arranged, one row an answer."""
    found: dict[str, Mapping[str, Sighting]] = {}
    arranged = np.zeros((len(told), FEATURES))
    for train, rest in _folds([one.question for one in told], _SENTENCE_FOLDS):
        trained = fit_sentences([told[i] for i in train], embeddings, embedding_id)
        left_out = {told[i].answer for i in rest}
        locator = Locator(embeddings, embedding_id, trained)
        found |= sightings_of([one for one in answers if one.id in left_out], rubric, locator)
        for i in rest:
            log_odds = trained.log_odds(told[i].texts, _vectors(embeddings, told[i]))
            arranged[i] = arrangement(log_odds, trained.checks, words_of(told[i].texts))
    for column, check in enumerate(rubric.checks):
        if not check.whole:
            continue
        for train, rest in _folds([one.question for one in told], _SENTENCE_FOLDS):
            weights, bias = _fit_whole(arranged[train], gold[train, column])
            for i in rest:
                whole = float(arranged[i] @ weights + bias)
                found[told[i].answer] = {**found[told[i].answer], check.id: Sighting((), whole, whole, whole)}
    return found, arranged


def odds_of(
    answers: Sequence[Answer], prompts: Mapping[str, Prompt], rubric: Rubric, method: Method, asked: Sequence[str]
) -> dict[str, Mapping[str, float]]:
    """The model's log-odds on the checks that it is asked."""
    checks = [check for check in rubric.checks if check.id in asked]
    found: dict[str, Mapping[str, float]] = {}
    for answer in answers:
        verdicts = method.verdicts(read(prompts, answer.exchange), checks, Lane.BACKGROUND, fresh=True)
        found[answer.id] = {check.id: verdict.log_odds or 0.0 for check, verdict in verdicts}
    return found


def _folds(questions: Sequence[str], most: int = _FOLDS) -> Iterator[tuple[Matrix, Matrix]]:
    """Train and left-out rows. Neighbouring questions are left out together: one hand wrote their answers, and a
    model that has seen the hand is judged too well."""
    order = {question: place for place, question in enumerate(dict.fromkeys(questions))}
    places = np.array([order[question] for question in questions])
    for left_out in np.array_split(np.arange(len(order)), min(most, len(order))):
        rest = np.isin(places, left_out)
        yield np.flatnonzero(~rest), np.flatnonzero(rest)


def gold_of(answers: Sequence[Answer], marks: Mapping[str, Marks], rubric: Rubric) -> Matrix:
    """One row an answer, one column a check: criteria and flags as labelled, anchors where a sentence shows it."""
    return np.array(
        [
            [
                answer.checks[check.id]
                if not check.is_anchor
                else any(check.id in shown for shown in marks[answer.id].sentences.values())
                for check in rubric.checks
            ]
            for answer in answers
        ]
    )


def _signals(answers: Sequence[Answer], check: str, odds: Odds, sightings: Sightings) -> Matrix:
    """Log-odds (0 where the model was not asked), peak, second and mean of one check, one row an answer."""
    return np.array(
        [
            (
                odds.get(one.id, {}).get(check, 0.0),
                sightings[one.id][check].peak,
                sightings[one.id][check].second,
                sightings[one.id][check].mean,
            )
            for one in answers
        ]
    )


def fit_calibration(signals: Matrix, gold: Matrix, asked: Matrix | None = None) -> Calibration:
    """Two logistic regressions whose slopes are not negative: of what code has sighted (peak, second, mean), on all
    answers, and of that sum and the model's log-odds, on those that the model was `asked` about (one bool a row)."""
    (peak, second, mean), offset = _fit_logistic(signals[:, 1:], gold)
    slope = 0.0
    if asked is not None and asked.any():
        seen = signals[asked, 1:] @ (peak, second, mean) + offset
        (slope, share), own = _fit_logistic(np.column_stack([signals[asked, 0], seen]), gold[asked])
        peak, second, mean, offset = share * peak, share * second, share * mean, own + share * offset
    slope, offset, peak, mean, second = (round(float(one), 4) for one in (slope, offset, peak, mean, second))
    return Calibration(slope, offset, 0.5, peak, mean, second)


def _fit_logistic(signals: Matrix, gold: Matrix) -> tuple[Matrix, float]:
    """Slopes and offset; a signal that runs against the labels is left out."""
    centre, spread = signals.mean(axis=0), signals.std(axis=0)
    kept = np.flatnonzero(spread > 1e-6)
    share = (gold.sum() + 0.5) / (len(gold) + 1)
    slopes, offset = np.zeros(signals.shape[1]), float(np.log(share / (1 - share)))
    while len(kept) and 0 < gold.sum() < len(gold):
        scaled = (signals[:, kept] - centre[kept]) / spread[kept]
        model = LogisticRegression(C=0.5).fit(scaled, gold)
        if (model.coef_[0] >= 0).all():
            slopes[kept] = model.coef_[0] / spread[kept]
            offset = float(model.intercept_[0] - slopes @ centre)
            break
        kept = np.delete(kept, int(np.argmin(model.coef_[0])))
    return slopes, offset


def fit_rule(
    answers: Sequence[Answer],
    gold: Matrix,
    odds: Odds,
    sightings: Sightings,
    rubric: Rubric,
    *,
    model: str,
    method: str,
    version: str,
) -> tuple[ScoreRule, dict[str, float]]:
    """The whole rule from signals whose sightings come from left-out questions. Of answers without a recording
    the weights are learned from what code sees alone. Beside it the simplest rival's numbers: what equal weights
    would have to add to each dimension to be right on average."""
    asked = np.array([bool(odds.get(one.id)) for one in answers])
    names = [check.id for check in rubric.checks]
    folds = list(_folds([one.question for one in answers]))
    chances, calibrations = np.zeros(gold.shape), {}
    for column, name in enumerate(names):
        signals = _signals(answers, name, odds, sightings)
        put = asked & (name in ASKED[rubric.kind])
        for train, rest in folds:
            with_model = fit_calibration(signals[train], gold[train, column], put[train])
            alone = fit_calibration(signals[train], gold[train, column])
            for row in rest:
                one = with_model if put[row] else alone
                odds_of_yes, peak, second, mean = signals[row]
                chances[row, column] = one.probability(odds_of_yes, Sighting((), peak, mean, second))
        calibrations[name] = fit_calibration(signals, gold[:, column], put)
    on_topic = ~gold[:, names.index(OFF_TOPIC)]
    line = float(np.quantile(chances[on_topic, names.index(OFF_TOPIC)], 1 - MOST_REFUSED))
    calibrations[OFF_TOPIC] = replace(calibrations[OFF_TOPIC], threshold=round(max(0.5, line), 3))
    dimensions, raw = fit_dimensions(answers, chances, rubric)
    told = f"{len(answers)} train answers, {int(asked.sum())} of them with the model's word"
    rule = ScoreRule(model, rubric.digest, calibrations, dimensions, told, method, version)
    rule = replace(rule, errors=_errors(answers, chances, raw, rubric, rule))
    return rule, _offsets(answers, chances, rubric)


def fit_any(answers: Sequence[Answer], gold: Matrix, rubric: Rubric) -> ScoreRule:
    """The rule for models that none was fitted for: from the labels themselves to the scores."""
    chances = gold * 0.8 + 0.1  # a model's plain yes counts nine to one
    dimensions, _ = fit_dimensions(answers, chances, rubric)
    return ScoreRule(ANY_MODEL, rubric.digest, {}, dimensions, f"fitted on {len(answers)} train answers' labels")


def fit_dimensions(
    answers: Sequence[Answer], chances: Matrix, rubric: Rubric
) -> tuple[dict[str, DimensionRule], dict[str, Matrix]]:
    """The five rules, and the raw sums that each gives to questions which it has not seen."""
    folds = list(_folds([one.question for one in answers]))
    lowers = np.array([check.lowers for check in rubric.checks])
    rules: dict[str, DimensionRule] = {}
    left_out: dict[str, Matrix] = {}
    for name in DIMENSIONS:
        gold = np.array([float(one.scores[name]) for one in answers])
        predicted = {ridge: np.zeros(len(gold)) for ridge in _RIDGES}
        for ridge, (train, rest) in itertools.product(_RIDGES, folds):
            base, weights = _fit_line(chances[train], gold[train], ridge, lowers)
            predicted[ridge][rest] = base + chances[rest] @ weights
        ridge = min(_RIDGES, key=lambda one: float(((predicted[one] - gold) ** 2).mean()))
        base, weights = _fit_line(chances, gold, ridge, lowers)
        raw = np.clip(predicted[ridge], 1, 4)
        rules[name] = DimensionRule(
            round(base, 4),
            {check.id: round(float(w), 4) for check, w in zip(rubric.checks, weights, strict=True) if w},
            _best_cuts(raw, gold.astype(int)),
            round(float(np.quantile(abs(raw - gold), 0.8)), 3),
        )
        left_out[name] = raw
    return rules, left_out


def _fit_line(x: Matrix, y: Matrix, ridge: float, lowers: Matrix) -> tuple[float, Matrix]:
    """Least squares with weights >= 0, and <= 0 for what lowers."""
    centre = x.mean(axis=0)
    stacked = np.vstack([x - centre, np.sqrt(ridge) * np.eye(x.shape[1])])
    target = np.concatenate([y - y.mean(), np.zeros(x.shape[1])])
    bounds = (np.where(lowers, -np.inf, 0.0), np.where(lowers, 0.0, np.inf))
    weights = lsq_linear(stacked, target, bounds=bounds).x
    weights[np.abs(weights) < 0.02] = 0.0
    return float(y.mean() - centre @ weights), weights


def _best_cuts(raw: Matrix, gold: Matrix) -> tuple[float, float, float]:
    """The three cuts with the highest kappa, on a grid of tenths; the mean of all that are as good."""
    steps = [np.arange(at - 0.4, at + 0.41, 0.1) for at in (1.6, 2.5, 3.2)]
    grid = [cuts for cuts in itertools.product(*steps) if cuts[0] < cuts[1] - 0.2 and cuts[1] < cuts[2] - 0.2]
    reached = np.array([qwk(gold, 1 + np.digitize(raw, cuts)) for cuts in grid])
    best = np.mean([grid[i] for i in np.flatnonzero(reached >= reached.max() - 0.002)], axis=0)
    return tuple(round(float(cut), 3) for cut in best)  # type: ignore[return-value]  # three of them


def _offsets(answers: Sequence[Answer], chances: Matrix, rubric: Rubric) -> dict[str, float]:
    names, equal = [check.id for check in rubric.checks], equal_rule(rubric).dimensions
    found = {}
    for name in DIMENSIONS:
        weights = np.array([equal[name].weights.get(check, 0.0) for check in names])
        gold = np.array([one.scores[name] for one in answers])
        found[name] = round(float((gold - equal[name].base - chances @ weights).mean()), 3)
    return found


def _state(rule: ScoreRule, check: str, chance: float) -> State:
    return State.MET if chance >= rule.calibrations[check].threshold else State.NOT_MET


def _errors(
    answers: Sequence[Answer], chances: Matrix, raw: Mapping[str, Matrix], rubric: Rubric, rule: ScoreRule
) -> tuple[float, ...]:
    """Ten equally likely errors (label minus score) of the overall score of questions that were left out."""
    shown = (Evidence(0, 0, 1, "."),)
    found = []
    for row, answer in enumerate(answers):
        findings = {
            check.id: Finding(check.id, _state(rule, check.id, chance), float(chance), shown)
            for check, chance in zip(rubric.checks, chances[row], strict=True)
        }
        capped = rate(rubric, rule, findings)
        scores = []
        for name in DIMENSIONS:
            score = 1 + sum(raw[name][row] >= cut for cut in rule.dimensions[name].cuts)
            lid = [cap.highest for cap in rubric.caps if cap.flag == capped[name].capped_by and cap.dimension == name]
            scores.append(min([score, *lid]))
        found.append(answer.overall - sum(scores) / len(scores))
    return tuple(round(float(one), 2) for one in np.quantile(found, np.arange(0.05, 1, 0.1)))
