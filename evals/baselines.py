"""What grades without understanding: rivals that stand beside every figure of agreement.

Trained on the train answers only.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from evals.cases import Answer, answers
from evals.metrics import Array
from simulator.rubric import DIMENSIONS

KEYWORDS = (
    "metric", "baseline", "a/b", "experiment", "rollback", "stakeholder", "escalat", "priorit", "trade-off", "rice",
    "root cause", "jira", "dashboard", "risk", "launch", "goal", "quarter", "%", "learned", "decided",
)  # fmt: skip
"""The field's words that a naive counter would look for."""


def _lengths(texts: Sequence[str]) -> Array:
    return np.array([[len(text.split()), len(text.split()) ** 0.5] for text in texts])


def _keywords(texts: Sequence[str]) -> Array:
    return np.array([[float(text.lower().count(word) > 0) for word in KEYWORDS] for text in texts])


def _constant(texts: Sequence[str]) -> Array:
    return np.zeros((len(texts), 1))


_MADE: dict[str, Callable[[], Pipeline]] = {
    "constant": lambda: make_pipeline(FunctionTransformer(_constant), LinearRegression()),
    "length": lambda: make_pipeline(FunctionTransformer(_lengths), LinearRegression()),
    "keywords": lambda: make_pipeline(FunctionTransformer(_keywords), Ridge(alpha=1.0)),
    "tf-idf ridge": lambda: make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), Ridge(alpha=1.0)
    ),
}
BASELINES = tuple(_MADE)


def blind_scores(name: str, answers: Sequence[Answer]) -> Array:
    """Scores 1-4 that the baseline gives, one row an answer, one column a dimension. All answers are to one kind of
    question."""
    texts, kind = [one.exchange.candidate_text for one in answers], answers[0].exchange.question.kind
    columns = [np.clip(np.rint(_trained(name, kind, dimension).predict(texts)), 1, 4) for dimension in DIMENSIONS]
    return np.stack(columns, axis=1).astype(int)


@cache
def _trained(name: str, kind: str, dimension: str) -> Pipeline:
    train = answers("train", kind)
    texts = [one.exchange.candidate_text for one in train]
    return _MADE[name]().fit(texts, [one.scores[dimension] for one in train])
