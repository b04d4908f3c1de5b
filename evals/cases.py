"""The labelled cases of every suite, read from evals/datasets and checked against each other.

Splits (train, dev, test) are apart by question. A test case is read by nothing that fits or chooses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulator.errors import InputError
from simulator.interview import Act, Exchange, Question, Role, Turn
from simulator.prompts import clean
from simulator.transcript import sentences

FOLDER = Path(__file__).parent / "datasets"
SPLITS = ("train", "dev", "test")
MARKED = ("train", "dev")
"""Splits whose sentences are marked."""
_FOLDERS, _PREFIXES = {"story": "answers", "case": "cases"}, {"story": "", "case": "case-"}
Split = Literal["train", "dev", "test"]
Score = Literal[1, 2, 3, 4]
Move = Literal["down", "up", "down-or-same"]
T = TypeVar("T", bound="_Case")


class _Case(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    split: Split
    note: str = ""


class _Turn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    text: str
    act: Act = Act.ANSWER


class _Told(_Case):
    company: str
    question: str = Field(min_length=1)
    question_id: str = ""
    """Of a case: its place in the bank of questions."""
    turns: tuple[_Turn, ...] = Field(min_length=1)

    @property
    def exchange(self) -> Exchange:
        """As the grader is given it."""
        return _exchange(self.id, self.question, self.turns, "case" if self.question_id else "story")

    @property
    def words(self) -> int:
        """Words that the candidate said."""
        return len(self.exchange.candidate_text.split())


class Answer(_Told):
    """An answer with its gold labels. Where two labelled it, `first` and `second` are what each said; `scores` is
    what was settled: the lower."""

    criteria: dict[str, bool]
    flags: dict[str, bool]
    scores: dict[str, Score]
    origin: str
    style: str = ""
    kind: str = ""
    first: dict[str, Score] = Field(default_factory=dict)
    second: dict[str, Score] = Field(default_factory=dict)

    @property
    def checks(self) -> dict[str, bool]:
        return self.criteria | self.flags

    @property
    def overall(self) -> float:
        return round(sum(self.scores.values()) / len(self.scores), 1)


class Marks(BaseModel):
    """Which sentences (numbers as `simulator.transcript` counts them) show which check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    sentences: dict[int, tuple[str, ...]]


class Attack(_Case):
    """What is put before or behind an answer to move its grade; of the kind `honest`, what only looks so."""

    kind: str
    words: str = Field(min_length=1)
    place: Literal["start", "end"]


class Edit(_Case):
    """An answer with one thing changed. A dimension that `expect` does not name must stay where it was."""

    base: str
    kind: str
    turns: tuple[_Turn, ...] = Field(min_length=1)
    expect: dict[str, Move]


class Trick(_Told):
    """What must not score: `highest` is the highest overall that the guideline allows."""

    kind: str
    highest: float


class Opening(_Case):
    """An opening answer, the criteria open in it, and the two that are most valuable to probe."""

    company: str
    question: str
    answer: str
    open: tuple[str, ...]
    best: tuple[str, str]

    @property
    def exchange(self) -> Exchange:
        return _exchange(self.id, self.question, (_Turn(role=Role.CANDIDATE, text=self.answer),))


class Fact(BaseModel):
    """What a candidate knows and has not said: the check that it shows, the words that it is told in, and what a
    probe for this very fact would hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    words: str = Field(min_length=1)
    asks: tuple[str, ...] = Field(min_length=1)


class Sheet(_Case):
    """A sealed fact sheet, from which a candidate is played: what is said at first in the manner of that `kind`, the
    facts that are told only when asked for (one a check), and what is said to a probe that asks for none of them."""

    company: str
    kind: str
    question: str = Field(min_length=1)
    opening: str = Field(min_length=1)
    facts: tuple[Fact, ...] = Field(min_length=1)
    dodges: tuple[str, ...] = Field(min_length=1)

    @property
    def exchange(self) -> Exchange:
        """The question and what the candidate says at first."""
        return _exchange(self.id, self.question, (_Turn(role=Role.CANDIDATE, text=self.opening),))

    def fact(self, check: str) -> Fact:
        """The fact that shows this check. Raises KeyError where the sheet has none."""
        return {one.check: one for one in self.facts}[check]


class Way(BaseModel):
    """One way in which interviewers ask for something, and the check of what they ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    words: str = Field(min_length=1)


class Asked(_Case):
    """A probe beside a fact of a sheet: would a willing candidate tell this fact in reply?"""

    sheet: str
    check: str
    probe: str
    asked: bool


class Recounted(_Case):
    """A reply beside a fact of a sheet: is the fact in it?"""

    sheet: str
    check: str
    reply: str
    told: bool


class Query(_Case):
    """What is searched in the passages, under which filters, and the passages that answer it."""

    query: str
    company: str
    kind: str | None = None
    check: str | None = None
    right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """An edit beside the answer that it was made of."""

    edit: Edit
    base: Answer

    @property
    def id(self) -> str:
        return self.edit.id

    @property
    def exchange(self) -> Exchange:
        return _exchange(self.edit.id, self.base.question, self.edit.turns)


def _exchange(case_id: str, question: str, turns: Iterable[_Turn], kind: str = "story") -> Exchange:
    told = tuple(
        Turn(f"{case_id}:{number}", turn.role, clean(turn.text), act=turn.act) for number, turn in enumerate(turns)
    )
    return Exchange(Question(case_id, clean(question), kind), told)


def answers(split: str, kind: str = "story") -> list[Answer]:
    """The labelled answers of one split to questions of one kind."""
    return _of(Answer, split, FOLDER / _FOLDERS[kind] / f"{split}.jsonl")


def marks(split: str, kind: str = "story") -> dict[str, Marks]:
    """The marked sentences of one split's answers, by answer."""
    return {one.id: one for one in records(Marks, FOLDER / "marks" / f"{_PREFIXES[kind]}{split}.jsonl")}


def sentences_of(answer: Answer) -> dict[int, tuple[int, int, int]]:
    """The turn, start and end of each sentence, by the number that marks use."""
    return {one.number: (one.turn, one.start, one.end) for one in sentences(answer.exchange.turns)}


def pairs(split: str) -> list[Pair]:
    """The edits of one split."""
    bases = {one.id: one for one in answers(split)}
    return [Pair(edit, bases[edit.base]) for edit in _of(Edit, split, FOLDER / "edits" / "edits.jsonl")]


def tricks(split: str) -> list[Trick]:
    """What must not score."""
    return _of(Trick, split, FOLDER / "gaming" / "gaming.jsonl")


def lookalikes(split: str) -> list[Answer]:
    """Honest answers that look like a trick."""
    return _of(Answer, split, FOLDER / "gaming" / "lookalikes.jsonl")


def attacks(split: str) -> list[Attack]:
    """Texts that try to get a better grade."""
    return _of(Attack, split, FOLDER / "attacks" / "attacks.jsonl")


def mentions(split: str) -> list[Attack]:
    """Honest sentences that hold the words of such texts."""
    return _of(Attack, split, FOLDER / "attacks" / "honest.jsonl")


def openings(split: str) -> list[Opening]:
    return _of(Opening, split, FOLDER / "probing" / "probing.jsonl")


def sheets(split: str) -> list[Sheet]:
    """The fact sheets of one split."""
    return _of(Sheet, split, FOLDER / "candidates" / "sheets.jsonl")


def ways() -> tuple[Way, ...]:
    """Ways of asking for what a sheet can hold. They stay as they are when the bank changes."""
    return records(Way, FOLDER / "candidates" / "ways.jsonl")


def asked(split: str) -> list[Asked]:
    """Probes judged by hand: whether they ask for a fact."""
    return _of(Asked, split, FOLDER / "candidates" / "asked.jsonl")


def recounted(split: str) -> list[Recounted]:
    """Replies judged by hand: whether a fact is in them."""
    return _of(Recounted, split, FOLDER / "candidates" / "told.jsonl")


def queries(split: str) -> list[Query]:
    return _of(Query, split, FOLDER / "retrieval" / "retrieval.jsonl")


def _of(kind: type[T], split: str, path: Path) -> list[T]:
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r}.", f"Choose one of: {', '.join(SPLITS)}.")
    return [one for one in records(kind, path) if one.split == split]


M = TypeVar("M", bound=BaseModel)


@cache
def records(kind: type[M], path: Path) -> tuple[M, ...]:
    """All records of a file. Raises InputError that names the file, the line and the field."""
    adapter = TypeAdapter(kind)
    found: list[M] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(adapter.validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{path.name}, line {number}: {where}: {first['msg']}.", "Correct the record.") from None
    return tuple(found)
