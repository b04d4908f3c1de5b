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
MOST_WORDS = 2_000


class Role(StrEnum):
    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the bank; `invites` are the checks that it plainly asks for."""

    id: str
    text: str
    kind: str = "story"
    company: str = "general"
    topic: str = ""
    invites: tuple[str, ...] = ()
    weight: float = 1.0
    provenance: str = "own judgement"


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said. A probe names the check that it goes after and the passages that it came from."""

    id: str
    role: Role
    text: str
    check: str = ""
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and all that was said on it; the question itself is not among the turns."""

    question: Question
    turns: tuple[Turn, ...] = ()

    @property
    def answered(self) -> bool:
        return any(turn.role is Role.CANDIDATE for turn in self.turns)

    @property
    def probes(self) -> tuple[Turn, ...]:
        return tuple(turn for turn in self.turns if turn.role is Role.INTERVIEWER)

    @property
    def may_probe(self) -> bool:
        return len(self.probes) < MOST_PROBES

    @property
    def candidate_text(self) -> str:
        return "\n\n".join(turn.text for turn in self.turns if turn.role is Role.CANDIDATE)


class Next(StrEnum):
    """Whose move it is."""

    CANDIDATE = "candidate"
    INTERVIEWER = "interviewer"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Interview:
    """A company's round: its questions in order and the exchanges so far (the last one is the current)."""

    id: str
    company: str
    length: str
    questions: tuple[Question, ...]
    exchanges: tuple[Exchange, ...] = field(default=())
    closed: bool = False

    @property
    def current(self) -> Exchange:
        if not self.exchanges:
            raise OutOfTurnError("The interview has no question yet.")
        return self.exchanges[-1]

    @property
    def next(self) -> Next:
        if self.closed:
            return Next.NOBODY
        turns = self.current.turns
        return Next.INTERVIEWER if turns and turns[-1].role is Role.CANDIDATE else Next.CANDIDATE

    @property
    def has_more_questions(self) -> bool:
        return len(self.exchanges) < len(self.questions)

    def answer(self, turn_id: str, text: str) -> "Interview":
        """The candidate speaks. The same `turn_id` again is the same answer and changes nothing."""
        if any(turn.id == turn_id for exchange in self.exchanges for turn in exchange.turns):
            return self
        if self.next is not Next.CANDIDATE:
            raise OutOfTurnError("It is not the candidate's turn.", "Wait for the interviewer.")
        return self._say(Turn(turn_id, Role.CANDIDATE, checked_answer(text)))

    def probe(self, turn: Turn) -> "Interview":
        """The interviewer asks a follow-up on the current question."""
        if self.next is not Next.INTERVIEWER:
            raise OutOfTurnError("There is no new answer to follow up on.")
        if not self.current.may_probe:
            raise OutOfTurnError(f"This question has had its {MOST_PROBES} follow-ups.")
        return self._say(turn)

    def advance(self) -> "Interview":
        """Go to the next question, or close after the last one."""
        if self.closed:
            raise OutOfTurnError("The interview is closed.")
        if not self.has_more_questions:
            return replace(self, closed=True)
        question = self.questions[len(self.exchanges)]
        return replace(self, exchanges=(*self.exchanges, Exchange(question)))

    def close(self) -> "Interview":
        """Finish now, at any time."""
        return replace(self, closed=True)

    def _say(self, turn: Turn) -> "Interview":
        exchange = replace(self.current, turns=(*self.current.turns, turn))
        return replace(self, exchanges=(*self.exchanges[:-1], exchange))


def open_interview(interview_id: str, company: str, length: str, questions: Sequence[Question]) -> Interview:
    """A new interview with its first question asked. Raises OutOfTurnError without questions."""
    if not questions:
        raise OutOfTurnError("An interview needs at least one question.")
    return Interview(interview_id, company, length, tuple(questions)).advance()


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
    if not is_english(text):
        raise InputError(
            "This answer does not read as English, the only language that is graded here.",
            "Say it in English; your text is still in the box.",
        )
    return text
