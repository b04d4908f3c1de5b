"""How an answer is put together, seen from what its sentences show: a setting, deeds, an ending, few words aside.

Reads the log-odds of the sentence model. Knows no words, no labels and no scores.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Matrix = np.ndarray[Any, np.dtype[np.float32]]
SETTING = ("context.", "case.clarify")
DEEDS = ("action.", "case.", "anchor.fix", "anchor.choice")
ENDING = ("anchor.ending",)
ASIDE = ("anchor.needless", "flag.hypothetical", "flag.buzzwords")
FEATURES = 5 + len(ASIDE)
OPENING_SHARE = 0.34
"""The part of an answer in which its setting is looked for."""


def arrangement(log_odds: Matrix, checks: Sequence[str], words: int) -> Matrix:
    """One row of `FEATURES` numbers for one answer, from the log-odds of its sentences (rows) for checks (columns)
    and its length in words: how surely there is a setting, one at the beginning, a deed and an ending, the share of
    sentences beside the point, by kind, and the words a sentence, as a logarithm."""
    chances = np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)
    opening = chances[: max(1, round(OPENING_SHARE * len(chances)))]
    shown = [
        _surest(chances, checks, SETTING),
        _surest(opening, checks, SETTING),
        _surest(chances, checks, DEEDS),
        _surest(chances, checks, ENDING),
        *(float(_of(chances, checks, (one,)).sum(axis=1).mean()) for one in ASIDE),
        float(np.log(max(1, words) / len(chances))),
    ]
    return np.array(shown, np.float32)


def _of(chances: Matrix, checks: Sequence[str], prefixes: tuple[str, ...]) -> Matrix:
    return chances[:, [column for column, check in enumerate(checks) if check.startswith(prefixes)]]


def _surest(chances: Matrix, checks: Sequence[str], prefixes: tuple[str, ...]) -> float:
    return float(_of(chances, checks, prefixes).max(initial=0.0))
