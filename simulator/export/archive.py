"""The export: everything that is kept, as one JSON document, and what such a document must be to come back in.

Pure: knows the rows of `records` as plain data and writes nothing. A document is checked whole before any of it is
handed on; nothing in it is mended or guessed.
"""

import json
from collections.abc import Collection, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from simulator.drills.drill import stored_card
from simulator.errors import InputError, StorageError
from simulator.interview import Act, Question, Role, Segment
from simulator.library import GENERAL, SEGMENT_KINDS
from simulator.rubric import DIMENSIONS, HIGHEST, LOWEST, Finding, Grade
from simulator.stories.story import story_from

FORMAT, VERSION = "interview-simulator", 1
_ASKED = ("story", "case", "opening")
_FIX = "Nothing was imported. Use a file that this program exported, unchanged."


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return text


def _company(text: str, info: ValidationInfo) -> str:
    if text not in (info.context or ()):
        raise ValueError(f"there is no company called {text!r} here")
    return text


def _question(question: Question) -> Question:
    if question.kind not in _ASKED:
        raise ValueError(f"there is no kind of question called {question.kind!r}")
    return question


def _segment(segment: Segment) -> Segment:
    if segment.kind not in SEGMENT_KINDS or segment.seconds <= 0:
        raise ValueError("a part of a round has a known kind and takes time")
    return segment


def _grade(grade: Grade) -> Grade:
    if grade.ratings and set(grade.ratings) != set(DIMENSIONS):
        raise ValueError("a grade rates all five dimensions or none")
    return grade


def _distinct(keys: Iterable[Hashable], what: str) -> None:
    seen = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"{what} {key!r} is there twice")
        seen.add(key)


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Moment = Annotated[str, AfterValidator(_moment)]
Company = Annotated[str, AfterValidator(_company)]
Number = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class _Row(BaseModel):
    """A row of one table, under the table's own names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _OfExchange(_Row):
    exchange: Number


class _Turn(_OfExchange):
    id: Id
    position: Number
    role: Role
    text: str
    check_id: str
    passages: tuple[str, ...]
    said: Moment
    act: Act
    at: Seconds
    replaced: str

    @model_validator(mode="after")
    def _is_the_speakers(self) -> "_Turn":
        if (self.role is Role.CANDIDATE) != (self.act in (Act.ANSWER, Act.CLARIFICATION)):
            raise ValueError(f"the {self.role} does not make a turn of the kind {self.act}")
        return self


class _Job(_OfExchange):
    state: Literal["waiting", "done", "failed"]
    attempts: Number
    error: str


class _Graded(_OfExchange):
    grade: Annotated[Grade, AfterValidator(_grade)]


class _Draft(_Row):
    text: str


class _SelfRating(_Row):
    scores: dict[str, Annotated[float, Field(ge=LOWEST, le=HIGHEST)]]
    at: Moment


class _Opinion(_OfExchange):
    check_id: str
    agrees: bool
    note: str
    at: Moment


class _Interview(_Row):
    id: Id
    company: Company
    length: str
    questions: tuple[Annotated[Question, AfterValidator(_question)], ...]
    asked: Annotated[int, Field(ge=1)]
    closed: bool
    started: Moment
    plan: tuple[Annotated[Segment, AfterValidator(_segment)], ...]
    began: Seconds
    timed: bool
    starts: tuple[Seconds, ...]
    retry_of: str
    turns: tuple[_Turn, ...]
    grading_jobs: tuple[_Job, ...]
    grades: tuple[_Graded, ...]
    drafts: Annotated[tuple[_Draft, ...], Field(max_length=1)]
    self_ratings: Annotated[tuple[_SelfRating, ...], Field(max_length=1)]
    opinions: tuple[_Opinion, ...]

    @model_validator(mode="after")
    def _holds_together(self) -> "_Interview":
        if self.asked > len(self.questions) or len(self.starts) > self.asked:
            raise ValueError("more was asked than there are questions")
        parts: tuple[_OfExchange, ...] = (*self.turns, *self.grading_jobs, *self.grades, *self.opinions)
        if any(part.exchange >= self.asked for part in parts):
            raise ValueError("something belongs to a question that was not asked")
        for number in range(self.asked):
            places = sorted(turn.position for turn in self.turns if turn.exchange == number)
            if places != list(range(len(places))):
                raise ValueError(f"the turns of question {number + 1} are not in one row")
        answered = {turn.exchange for turn in self.turns if turn.act is Act.ANSWER}
        graded = {n for n in answered if self.questions[n].kind != "opening"}
        judged: tuple[_OfExchange, ...] = (*self.grading_jobs, *self.grades)
        if any(part.exchange not in graded for part in judged):
            raise ValueError("a grade belongs to a question that was not answered")
        _distinct((one.exchange for one in self.grading_jobs), "the grading of question")
        _distinct((one.exchange for one in self.grades), "the grade of question")
        _distinct(((one.exchange, one.check_id) for one in self.opinions), "the opinion on")
        return self


class _Guide(_Row):
    id: Id
    title: str
    company: Company
    passages: tuple[str, ...]
    added: Moment


class _Story(_Row):
    id: Id
    title: str
    fields: dict[str, Any]
    changed: Moment

    @model_validator(mode="after")
    def _can_be_read(self, info: ValidationInfo) -> "_Story":
        try:
            story = story_from(self.id, self.title, self.fields, self.changed)
        except StorageError as error:
            raise ValueError(error.problem) from error
        for company in (*story.companies, *story.principles):
            _company(company, info)
        return self


class _Tick(_Row):
    item: str
    ticked_at: Moment


class _DrillCard(_Row):
    key: str
    card: str
    due: Moment

    @model_validator(mode="after")
    def _is_a_schedule(self) -> "_DrillCard":
        try:
            stored_card(self.key, self.card)
        except (KeyError, TypeError) as error:
            raise ValueError(f"the schedule of {self.key!r} cannot be read") from error
        return self


class _Payload(_Row):
    model_config = ConfigDict(extra="allow")

    drill: str
    claim: str
    passage: str
    seconds: Seconds
    finding: Finding
    card: str


class _DrillReview(_Row):
    id: Id
    key: str
    at: Moment
    rating: Annotated[int, Field(ge=1, le=4)]
    payload: _Payload


class _Document(_Row):
    format: Literal["interview-simulator"]
    version: Literal[1]
    interviews: tuple[_Interview, ...]
    guides: tuple[_Guide, ...]
    stories: tuple[_Story, ...]
    checklist: tuple[_Tick, ...]
    drill_cards: tuple[_DrillCard, ...]
    drill_reviews: tuple[_DrillReview, ...]

    @model_validator(mode="after")
    def _says_everything_once(self) -> "_Document":
        _distinct((one.id for one in self.interviews), "the interview")
        _distinct((turn.id for one in self.interviews for turn in one.turns), "the turn")
        _distinct((one.id for one in self.guides), "the guide")
        _distinct((one.id for one in self.stories), "the story")
        _distinct((one.item for one in self.checklist), "the tick")
        _distinct((one.key for one in self.drill_cards), "the drill card")
        _distinct((one.id for one in self.drill_reviews), "the drill review")
        return self


def written(tables: Mapping[str, Any]) -> str:
    """The document of these tables; the same tables always give the same text."""
    return json.dumps({"format": FORMAT, "version": VERSION} | dict(tables), ensure_ascii=False, indent=1) + "\n"


def read(text: str | bytes, companies: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The tables of a document. `companies` are those that this program knows.

    Raises InputError, naming the first place that is wrong, for anything but a whole export.
    """
    try:
        found = _Document.model_validate_json(text, context={GENERAL, *companies})
    except ValidationError as error:
        raise _told(error) from None
    tables: dict[str, list[dict[str, Any]]] = found.model_dump(mode="json", exclude={"format", "version"})
    return tables


def _told(error: ValidationError) -> InputError:
    first = min(error.errors(), key=lambda one: one["loc"][:1] not in (("format",), ("version",)))
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    if not place or place == "format":
        return InputError(f"This is no export of this program: {first['msg']}.", _FIX)
    if place == "version":
        return InputError(
            f"This export is of another version of the format: {first.get('input')!r}.",
            "Nothing was imported. Update this program, or the one that wrote the file.",
        )
    return InputError(f"This export is damaged at {place}: {first['msg']}.", _FIX)
