"""Two ways to put a rubric's checks to a model, behind one interface; which one is used is a setting.

*Checkwise* asks one yes/no question a call and reads the log-probabilities of the first token (for small
models). *Structured* asks for all verdicts with quotes in one typed reply (for strong models). Neither is ever
used in place of the other without being told so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from simulator.errors import ModelRefusedError, UnusableReplyError
from simulator.interview import Exchange
from simulator.models import Lane, Message, Typed, YesNo
from simulator.prompts import Prompt, digest_of, disarmed
from simulator.rubric import Check, Evidence
from simulator.settings import CHECKWISE, STRUCTURED
from simulator.transcript import Sentence, as_prompt, quoted, sentences

SURE_LOG_ODDS = 2.2
"""What a plain yes or no of the structured way counts for before calibration: nine to one."""


class Judge(Protocol):
    """What grading needs of a model; `ChatModel` is the real one, a recording or a double serves elsewhere."""

    @property
    def name(self) -> str: ...

    def yes_no(self, messages: Sequence[Message], lane: Lane = ..., *, fresh: bool = ...) -> YesNo: ...

    def typed(self, messages: Sequence[Message], kind: type[Typed], lane: Lane = ...) -> Typed: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """A model's word on one check: log-odds that it is met, or none and a note why. `evidence` only where the
    model had to quote; empty when its quote is not in the candidate's words."""

    log_odds: float | None
    note: str = ""
    evidence: tuple[Evidence, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One exchange laid out for the model: the messages that all its checks share, and its sentences."""

    exchange: Exchange
    head: tuple[Message, ...]
    body: str
    sentences: tuple[Sentence, ...]

    def asking(self, text: str) -> list[Message]:
        return [*self.head, ("user", disarmed(f"{self.body}\n\n{text}"))]


class Method(Protocol):
    """One way to fill the findings."""

    name: str
    digest: str
    """Version of the prompts that it puts to the model."""

    def verdicts(
        self, reading: Reading, checks: Sequence[Check], lane: Lane, *, fresh: bool = False
    ) -> Iterator[tuple[Check, Verdict]]:
        """The verdicts in the order of `checks`, as they come; a check that is not reached is not asked."""
        ...


def read(prompts: Mapping[str, Prompt], exchange: Exchange) -> Reading:
    """Lay the exchange out; the same exchange always gives the same text."""
    numbered = sentences(exchange.turns)
    body = prompts["interviewer/exchange"].render(
        question=exchange.question.text, transcript=as_prompt(exchange.turns, numbered)
    )
    head: tuple[Message, ...] = (("system", prompts["interviewer/system"].render()),)
    return Reading(exchange, head, body, tuple(numbered))


class Checkwise:
    """One call a check. The answer stands first and the check last, so that the answer is read once."""

    name = CHECKWISE

    def __init__(self, prompts: Mapping[str, Prompt], judge: Judge) -> None:
        self._prompt = prompts["grader/check"]
        self._judge = judge
        names = ("interviewer/system", "interviewer/exchange", "grader/check")
        self.digest = digest_of(*(prompts[name].digest for name in names))

    def question(self, reading: Reading, check: Check) -> list[Message]:
        """The messages that put one check to the model."""
        return reading.asking(self._prompt.render(ask=check.ask))

    def verdicts(
        self, reading: Reading, checks: Sequence[Check], lane: Lane, *, fresh: bool = False
    ) -> Iterator[tuple[Check, Verdict]]:
        for check in checks:
            try:
                odds = self._judge.yes_no(self.question(reading, check), lane, fresh=fresh)
            except (UnusableReplyError, ModelRefusedError) as error:
                yield check, Verdict(None, error.problem)
            else:
                yield check, Verdict(-odds.log_odds if check.reverse else odds.log_odds)
            # Only the first check reads the answer anew: the same answer then gives the same grade to the digit.
            fresh = False


class _One(BaseModel):
    model_config = ConfigDict(extra="forbid")

    check: str
    met: bool
    quote: str = Field(description="The candidate's words that show it, copied exactly; empty if not met.")


class Verdicts(BaseModel):
    """The typed reply of the structured way."""

    model_config = ConfigDict(extra="forbid")

    verdicts: list[_One]


class Structured:
    """One call for all checks. Quotes count only if they are found in the candidate's words."""

    name = STRUCTURED

    def __init__(self, prompts: Mapping[str, Prompt], judge: Judge) -> None:
        self._prompt = prompts["grader/structured"]
        self._judge = judge
        names = ("interviewer/system", "interviewer/exchange", "grader/structured")
        self.digest = digest_of(*(prompts[name].digest for name in names))

    def verdicts(
        self, reading: Reading, checks: Sequence[Check], lane: Lane, *, fresh: bool = False
    ) -> Iterator[tuple[Check, Verdict]]:
        try:
            reply = self._judge.typed(reading.asking(self._prompt.render(checks=checks)), Verdicts, lane)
        except (UnusableReplyError, ModelRefusedError) as error:
            yield from ((check, Verdict(None, error.problem)) for check in checks)
            return
        told: dict[str, list[_One]] = {}
        for one in reply.verdicts:
            told.setdefault(one.check.strip(), []).append(one)
        for check in checks:
            match told.get(check.id, []):
                case [one]:
                    yield check, self._verdict(check, one, reading)
                case []:
                    yield check, Verdict(None, "the model left it out")
                case _:
                    yield check, Verdict(None, "the model gave more than one verdict")

    @staticmethod
    def _verdict(check: Check, one: _One, reading: Reading) -> Verdict:
        met = one.met != check.reverse
        found = quoted(reading.exchange.turns, one.quote) if one.met else None
        return Verdict(SURE_LOG_ODDS if met else -SURE_LOG_ODDS, evidence=(found,) if found else ())


def method_of(name: str, prompts: Mapping[str, Prompt], judge: Judge) -> Method:
    """The way that a setting names."""
    return Structured(prompts, judge) if name == STRUCTURED else Checkwise(prompts, judge)
