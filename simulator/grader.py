"""Exchange + rubric -> findings with evidence, one yes/no check a call; scores are computed by `rubric`.

The answer stands first in every prompt and the check last, so that the served model reads the answer once.
A check that the model could not be asked about is `not assessed`, and a grade with such holes has no score.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulator.errors import ModelRefusedError, UnusableReplyError
from simulator.interview import Exchange, Role
from simulator.language import is_english
from simulator.models import Lane, Message, YesNo
from simulator.prompts import Prompt, digest_of, disarmed
from simulator.rubric import Calibration, Check, Finding, Grade, Rubric, ScoreRule, Sighting, State, rate
from simulator.transcript import Sentence, as_prompt, sentences

LEAST_WORDS = 12
"""An answer with fewer words than this says nothing that five dimensions could be read from."""
_WORD = re.compile(r"[^\W\d_]{2,}")


Locate = Callable[[Check, Sequence[Sentence]], Sighting]
"""Finds the sentences that show a check; `evidence.Locator.locate` is the real one."""


class Judge(Protocol):
    """What the grader needs of a model; `ChatModel` is the real one, a scripted one serves the tests."""

    @property
    def name(self) -> str: ...

    def yes_no(self, messages: Sequence[Message], lane: Lane = ..., *, fresh: bool = ...) -> YesNo: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One exchange laid out for the model: the messages that all its checks share, and its sentences."""

    head: tuple[Message, ...]
    body: str
    sentences: tuple[Sentence, ...]

    def asking(self, text: str) -> list[Message]:
        return [*self.head, ("user", disarmed(f"{self.body}\n\n{text}"))]


class Grader:
    """Grades exchanges with one model, one rubric and one fitted rule."""

    def __init__(
        self, prompts: Mapping[str, Prompt], rubric: Rubric, rule: ScoreRule, judge: Judge, locate: Locate
    ) -> None:
        self.rubric = rubric
        self._locate = locate
        self._prompts = prompts
        self._rule = rule
        self._judge = judge

    def read(self, exchange: Exchange) -> Reading:
        """Lay the exchange out; the same exchange always gives the same text."""
        numbered = sentences(exchange.turns)
        body = self._prompts["interviewer/exchange"].render(
            question=exchange.question.text, transcript=as_prompt(exchange.turns, numbered)
        )
        head: tuple[Message, ...] = (("system", self._prompts["interviewer/system"].render()),)
        return Reading(head, body, tuple(numbered))

    def question(self, reading: Reading, check: Check) -> list[Message]:
        """The messages that put one check to the model."""
        return reading.asking(self._prompts["grader/check"].render(ask=check.ask))

    def find(self, reading: Reading, check: Check, lane: Lane, *, fresh: bool = False) -> Finding:
        """The finding on one check. Raises nothing for a reply without yes or no, or a refusal: not assessed."""
        try:
            odds = self._judge.yes_no(self.question(reading, check), lane, fresh=fresh)
        except (UnusableReplyError, ModelRefusedError) as error:
            return Finding(check.id, State.NOT_ASSESSED, note=error.problem)
        calibration = self._rule.calibrations.get(check.id, Calibration())
        sighting = self._locate(check, reading.sentences)
        probability = calibration.probability(signed(check, odds.log_odds), sighting.strength)
        if probability < calibration.threshold:
            return Finding(check.id, State.NOT_MET, probability)
        if not check.is_flag and not sighting.evidence:
            return Finding(check.id, State.NOT_MET, probability, note="no sentence was found for it")
        return Finding(check.id, State.MET, probability, () if check.is_flag else sighting.evidence)

    def grade(
        self,
        exchange: Exchange,
        lane: Lane = Lane.BACKGROUND,
        each: Callable[[int, int], None] = lambda done, of: None,
    ) -> Grade:
        """All findings and the ratings. `each` is told how many of the checks are done."""
        started = time.monotonic()
        reason = not_an_answer(exchange)
        if reason:
            lowest = {check.id: Finding(check.id, State.NOT_MET, 0.0, note=reason) for check in self.rubric.checks}
            return Grade(lowest, {}, reason, self._provenance(started))
        reading = self.read(exchange)
        findings: dict[str, Finding] = {}
        for number, check in enumerate(self.rubric.checks, 1):
            # The first check reads the answer anew: the same answer then gives the same grade to the digit.
            findings[check.id] = self.find(reading, check, lane, fresh=number == 1)
            each(number, len(self.rubric.checks))
        holes = [one.check for one in findings.values() if one.state is State.NOT_ASSESSED]
        if holes:
            reason = f"the model gave no usable verdict on {', '.join(holes)}"
            return Grade(findings, {}, reason, self._provenance(started))
        return Grade(findings, rate(self.rubric, self._rule, findings), "", self._provenance(started))

    def _provenance(self, started: float) -> dict[str, str | float]:
        names = ("interviewer/system", "interviewer/exchange", "grader/check")
        return {
            "model": self._judge.name,
            "rubric": f"{self.rubric.id}@{self.rubric.digest}",
            "prompts": digest_of(*(self._prompts[name].digest for name in names)),
            "rule": f"{self._rule.model} {self._rule.fitted_on}".strip(),
            "seconds": round(time.monotonic() - started, 2),
        }


def not_an_answer(exchange: Exchange) -> str:
    """Why this can't be graded at all, or nothing: decided by code before any model call."""
    words = _words(exchange.candidate_text)
    if len(words) < LEAST_WORDS:
        return f"only {len(words)} words were said"
    if not is_english(exchange.candidate_text):
        return "it is not in English"
    heard, own = set(_words(exchange.question.text)), set[str]()
    for turn in exchange.turns:
        if turn.role is Role.CANDIDATE:
            own |= {*_words(turn.text)} - heard
        else:
            heard |= {*_words(turn.text)} - own  # what a probe takes up stays the candidate's own
    if len(own) < LEAST_WORDS // 2:
        return "it only repeats what was asked"
    if len(set(words)) < len(words) / 8:
        return "it says the same words again and again"
    return ""


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def signed(check: Check, log_odds: float) -> float:
    """Log-odds that the check is met, from those of the model's yes."""
    return -log_odds if check.reverse else log_odds
