"""Exchange + rubric -> findings with evidence; scores are computed by `rubric` with a fitted rule.

The model says whether a check is met, code says where and how it counts. A check that the model could not be
asked about is `not assessed`, and a grade with such holes has no score. What is no answer is told by code
before any model call.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from simulator.interview import Exchange, Role
from simulator.language import is_english
from simulator.methods import Method, Reading, Verdict, read
from simulator.models import Lane
from simulator.prompts import Prompt
from simulator.rubric import (
    Calibration,
    Check,
    Finding,
    Grade,
    Rubric,
    ScoreRule,
    Sighting,
    State,
    rate,
    without_empty_talk,
)
from simulator.transcript import Sentence

LEAST_WORDS = 12
"""An answer with fewer words than this says nothing that five dimensions could be read from."""
LEAST_OWN_SHARE = {"story": 0.48, "case": 0.40}
"""Share of an answer's distinct words that the rubric does not use itself, by kind of question; of labelled answers
the least is 0.55 and 0.54, but a short answer to a case may have 0.45: the rubric speaks of the same things."""
ECHO_WORDS, HEAP_WORDS, FEWEST_DEEDS = 20, 30, 3
"""Distinct words and words from which on these two can be told; past tenses of a text that tells something."""
_JOINTS = frozenset(
    {"was", "were", "had", "that", "it", "because", "when", "so", "we", "they", "he", "she", "this", "my", "our"}
    | {"them", "which", "then", "but", "if", "there", "who"}
)
"""Words of which every labelled answer of that length has at least one."""
_WORD = re.compile(r"[^\W\d_]{2,}")


Locate = Callable[[Check, Sequence[Sentence]], Sighting]
"""Finds the sentences that show a check; `evidence.Locator.locate` is the real one."""


class Grader:
    """Grades exchanges with one method (and the model behind it), one rubric and one fitted rule."""

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        rubric: Rubric,
        rule: ScoreRule,
        method: Method,
        model: str,
        locate: Locate,
    ) -> None:
        self.rubric = rubric
        self.rule = rule
        self._locate = locate
        self._prompts = prompts
        self._method = method
        self._model = model

    def read(self, exchange: Exchange) -> Reading:
        """Lay the exchange out; the same exchange always gives the same text."""
        return read(self._prompts, exchange)

    def findings(
        self, reading: Reading, checks: Sequence[Check], lane: Lane, *, fresh: bool = False
    ) -> Iterator[Finding]:
        """The findings on these checks, as they come. Where the rule gives the model's word no weight, the model
        is not asked."""
        asked = [check for check in checks if self.asks(check)]
        verdicts = self._method.verdicts(reading, asked, lane, fresh=fresh)
        for check in checks:
            verdict = next(verdicts)[1] if check in asked else Verdict(0.0)
            yield self._finding(check, verdict, reading)

    def asks(self, check: Check) -> bool:
        """Whether the model is asked about this check at all."""
        return bool(self._calibration(check).slope)

    def shown_in(self, check: Check, sentences: Sequence[Sentence]) -> str:
        """The sentence of these that shows the check best, as code sees it; empty where none is likely to."""
        evidence = self._locate(check, sentences).evidence
        return evidence[0].text if evidence else ""

    def _calibration(self, check: Check) -> Calibration:
        return self.rule.calibrations.get(check.id, Calibration())

    def _finding(self, check: Check, verdict: Verdict, reading: Reading) -> Finding:
        if verdict.log_odds is None:
            return Finding(check.id, State.NOT_ASSESSED, note=verdict.note)
        calibration = self._calibration(check)
        sighting = self._locate(check, reading.sentences)
        evidence = sighting.evidence if verdict.evidence is None or check.whole else verdict.evidence
        probability = calibration.probability(verdict.log_odds, sighting)
        if probability < calibration.threshold:
            return Finding(check.id, State.NOT_MET, probability)
        if not check.lowers and not evidence:
            return Finding(check.id, State.NOT_MET, probability, note="no sentence was found for it")
        return Finding(check.id, State.MET, probability, evidence)

    def grade(
        self,
        exchange: Exchange,
        lane: Lane = Lane.BACKGROUND,
        each: Callable[[int, int], None] = lambda done, of: None,
    ) -> Grade:
        """All findings and the ratings. `each` is told how many of the checks are done."""
        started = time.monotonic()
        reason = not_an_answer(exchange, self.rubric)
        if reason:
            lowest = {check.id: Finding(check.id, State.NOT_MET, 0.0, note=reason) for check in self.rubric.checks}
            return Grade(lowest, {}, reason, self._provenance(started))
        findings: dict[str, Finding] = {}
        for number, finding in enumerate(self.findings(self.read(exchange), self.rubric.checks, lane, fresh=True), 1):
            findings[finding.check] = finding
            each(number, len(self.rubric.checks))
        holes = [one.check for one in findings.values() if one.state is State.NOT_ASSESSED]
        if holes:
            why = findings[holes[0]].note.rstrip(".")
            reason = f"the model gave no usable verdict on {', '.join(holes)}: {why}"
            return Grade(findings, {}, reason, self._provenance(started))
        findings = without_empty_talk(findings)
        ratings = rate(self.rubric, self.rule, findings)
        return Grade(findings, ratings, "", self._provenance(started), self.rule.errors)

    def _provenance(self, started: float) -> dict[str, str | float]:
        return {
            "model": self._model,
            "method": self._method.name,
            "rubric": f"{self.rubric.id}@{self.rubric.digest}",
            "prompts": self._method.digest,
            "rule": f"{self.rule.model} {self.rule.fitted_on}".strip(),
            "seconds": round(time.monotonic() - started, 2),
        }


def not_an_answer(exchange: Exchange, rubric: Rubric) -> str:
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
    asked = {word for check in rubric.checks for word in _words(f"{check.name} {check.ask}")}
    if len(own) >= ECHO_WORDS and len(own - asked) < LEAST_OWN_SHARE[rubric.kind] * len(own):
        return "it repeats what an answer is judged by"
    deeds = sum(word.endswith("ed") for word in words)
    if len(words) >= HEAP_WORDS and deeds < FEWEST_DEEDS and not _JOINTS.intersection(words):
        return "it is a heap of words without a sentence that tells something"
    return ""


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
