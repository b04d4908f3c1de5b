"""The interview as a value: a frozen state machine whose moves each return a new interview.

Pure: knows no model, store, clock or page. Roles are those of the labelling guideline's record:
`interviewer` and `candidate`. One exchange is one question with its answer, probes and replies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from simulator.errors import InputError, OutOfTurnError
from simulator.language import is_english

MOST_PROBES = 3
"""Follow-ups on one question of a round without a clock."""
MOST_PROBES_TIMED = 8
"""The same where a clock ends the question sooner or later."""
MOST_WORDS = 2_000
MOST_CHARACTERS = 20_000
"""Ten a word: a text without spaces is bounded, too."""


class Role(StrEnum):
    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


class Act(StrEnum):
    """What a turn does. The candidate answers or, in a case, asks for a fact; the rest is the interviewer's."""

    ANSWER = "answer"
    CLARIFICATION = "clarification"
    PROBE = "probe"
    PRESS = "press"
    CHALLENGE = "challenge"
    FACT = "fact"
    REDIRECT = "redirect"


FOLLOW_UPS = (Act.PROBE, Act.PRESS, Act.CHALLENGE, Act.REDIRECT)
"""Goes for a gap; for the same gap once more, deeper; tests what was well told; asks for another story."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a company's round, in seconds: an `opening`, a `story`, a `case`, or the candidate's own
    `questions`, with where that length comes from."""

    name: str
    kind: str
    seconds: float
    provenance: str = "own judgement"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the bank: a `story`, a `case` or an `opening`. `invites` are the checks that it plainly asks
    for, `facts` what a case's interviewer knows and tells when asked."""

    id: str
    text: str
    kind: str = "story"
    company: str = "general"
    topic: str = ""
    invites: tuple[str, ...] = ()
    weight: float = 1.0
    provenance: str = "own judgement"
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said, `at` seconds after the interview began. A probe names the check that it goes after and the
    passages that it came from; `replaced` names the rule of conduct that the model's own words broke, where the
    passage's stand instead."""

    id: str
    role: Role
    text: str
    check: str = ""
    passages: tuple[str, ...] = ()
    act: Act = Act.ANSWER
    at: float = 0.0
    replaced: str = ""

    def __post_init__(self) -> None:
        if self.role is Role.INTERVIEWER and self.act is Act.ANSWER:
            object.__setattr__(self, "act", Act.PROBE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, put `started` seconds after the interview began, and all that was said on it; the question
    itself is not among the turns."""

    question: Question
    turns: tuple[Turn, ...] = ()
    started: float = 0.0

    @property
    def answered(self) -> bool:
        return bool(self.answers)

    @property
    def answers(self) -> tuple[Turn, ...]:
        """What the candidate said in answer; what they asked is not judged."""
        return tuple(turn for turn in self.turns if turn.act is Act.ANSWER)

    @property
    def probes(self) -> tuple[Turn, ...]:
        return tuple(turn for turn in self.turns if turn.act in FOLLOW_UPS)

    @property
    def asked_for(self) -> frozenset[str]:
        """The checks that the question plainly asks for and those that a follow-up went for: what is missing of the
        rest never came up."""
        return frozenset((*self.question.invites, *(turn.check for turn in self.probes if turn.check)))

    @property
    def graded(self) -> bool:
        """Whether a grade is due on it: the opening of a round is not judged."""
        return self.answered and self.question.kind != "opening"

    @property
    def candidate_text(self) -> str:
        return "\n\n".join(turn.text for turn in self.answers)


class Next(StrEnum):
    """Whose move it is."""

    CANDIDATE = "candidate"
    INTERVIEWER = "interviewer"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Interview:
    """A company's round: its questions in order and the exchanges so far (the last one is the current).

    `plan` has one segment a question, in order, and may end with the candidate's own questions. `began` is in
    epoch seconds; every other time is in seconds since then. `retry_of` is the interview that this one tries again.
    """

    id: str
    company: str
    length: str
    questions: tuple[Question, ...]
    exchanges: tuple[Exchange, ...] = field(default=())
    closed: bool = False
    plan: tuple[Segment, ...] = ()
    began: float = 0.0
    timed: bool = False
    retry_of: str = ""

    @property
    def current(self) -> Exchange:
        if not self.exchanges:
            raise OutOfTurnError("The interview has no question yet.")
        return self.exchanges[-1]

    @property
    def segment(self) -> Segment | None:
        """The part of the round that is under way; None in a round without a plan."""
        number = len(self.exchanges) - 1
        return self.plan[number] if 0 <= number < len(self.plan) else None

    @property
    def deadline(self) -> float | None:
        """When the interviewer moves on, in seconds since the beginning; None without a clock."""
        return self.current.started + self.segment.seconds if self.timed and self.segment else None

    @property
    def may_probe(self) -> bool:
        most = MOST_PROBES_TIMED if self.timed else MOST_PROBES
        return self.current.question.kind != "opening" and len(self.current.probes) < most

    @property
    def next(self) -> Next:
        if self.closed:
            return Next.NOBODY
        turns = self.current.turns
        return Next.INTERVIEWER if turns and turns[-1].role is Role.CANDIDATE else Next.CANDIDATE

    @property
    def has_more_questions(self) -> bool:
        return len(self.exchanges) < len(self.questions)

    def answer(self, turn_id: str, text: str, at: float = 0.0, act: Act = Act.ANSWER) -> "Interview":
        """The candidate speaks, or asks about the case. The same `turn_id` again changes nothing."""
        if any(turn.id == turn_id for exchange in self.exchanges for turn in exchange.turns):
            return self
        if self.next is not Next.CANDIDATE:
            raise OutOfTurnError("It is not the candidate's turn.", "Wait for the interviewer.")
        return self._say(Turn(turn_id, Role.CANDIDATE, checked_answer(text), act=act, at=at))

    def reply(self, turn: Turn) -> "Interview":
        """The interviewer follows up on the current question, or gives a fact of the case."""
        if self.next is not Next.INTERVIEWER:
            raise OutOfTurnError("There is no new answer to follow up on.")
        if turn.act in FOLLOW_UPS and not self.may_probe:
            raise OutOfTurnError("This question has had all its follow-ups.")
        return self._say(turn)

    def advance(self, at: float = 0.0) -> "Interview":
        """Go to the next question, or close after the last one."""
        if self.closed:
            raise OutOfTurnError("The interview is closed.")
        if not self.has_more_questions:
            return replace(self, closed=True)
        question = self.questions[len(self.exchanges)]
        return replace(self, exchanges=(*self.exchanges, Exchange(question, (), at)))

    def close(self) -> "Interview":
        """Finish now, at any time."""
        return replace(self, closed=True)

    def _say(self, turn: Turn) -> "Interview":
        exchange = replace(self.current, turns=(*self.current.turns, turn))
        return replace(self, exchanges=(*self.exchanges[:-1], exchange))


def open_interview(
    interview_id: str,
    company: str,
    length: str,
    questions: Sequence[Question],
    *,
    plan: Sequence[Segment] = (),
    began: float = 0.0,
    timed: bool = False,
    retry_of: str = "",
) -> Interview:
    """A new interview with its first question asked. Raises OutOfTurnError without questions."""
    if not questions:
        raise OutOfTurnError("An interview needs at least one question.")
    new = Interview(
        interview_id, company, length, tuple(questions), plan=tuple(plan), began=began, timed=timed, retry_of=retry_of
    )
    return new.advance()


def checked_answer(text: str) -> str:
    """The answer as typed, if it can be taken. Raises InputError for an empty, overlong or foreign one."""
    if not any(character.isalnum() for character in text):
        raise InputError("There are no words in this answer.", "Type what you would say, then send it again.")
    words = len(text.split())
    if words > MOST_WORDS:
        raise InputError(
            f"This answer has {words:,} words; the most that fits is {MOST_WORDS:,}.",
            "Shorten it and send it again; your text is still in the box.",
        )
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"This answer has {len(text):,} characters; the most that fits is {MOST_CHARACTERS:,}.",
            "Shorten it and send it again; your text is still in the box.",
        )
    if not is_english(text):
        raise InputError(
            "This answer does not read as English, the only language that is graded here.",
            "Say it in English; your text is still in the box.",
        )
    return text
