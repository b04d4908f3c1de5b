"""The candidate's own stories: their parts, what is missing in them, and drafts of them from an interview.

Pure: knows no store, clock, model or page. A draft made from an interview holds the candidate's words and no others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from simulator.claims.changes import changes
from simulator.claims.ledger import Told
from simulator.errors import StorageError
from simulator.interview import Exchange
from simulator.principles import MOST_NAMED
from simulator.rubric import Grade, State
from simulator.transcript import Sentence, sentences

PARTS = ("goal", "role", "stakeholders", "timeline", "action", "result", "escalation")
"""The told parts: context (its goal, role, people and time), action, result, escalation."""
LEAST_MEASURES, MOST_MEASURES = 2, 3
LEAST_LESSONS, MOST_LESSONS = 2, 3
_TITLE_WORDS = 8
_PART_OF = {
    "context.goal": "goal",
    "context.role": "role",
    "context.stakeholders": "stakeholders",
    "context.timeline": "timeline",
    "result.reflection": "lessons",
}
_PARTS_OF = {"action": "action", "result": "result", "escalation": "escalation"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a story, as the candidate says it: before, after, and its unit or period."""

    name: str = ""
    before: str = ""
    after: str = ""
    period: str = ""

    @property
    def complete(self) -> bool:
        return bool(self.name and self.before and self.after)


@dataclass(frozen=True, slots=True)
class Story:
    """One story. `kinds` are topics of the question bank, `companies` whom it is meant for (none: everyone),
    `principles` the names of those that it shows, by company. `told` are the exchanges ("interview/number") that it
    was taken from. `notes` is what has no part yet. `changed` is UTC in ISO 8601."""

    id: str = ""
    title: str = ""
    goal: str = ""
    role: str = ""
    stakeholders: str = ""
    timeline: str = ""
    action: str = ""
    result: str = ""
    escalation: str = ""
    measures: tuple[Measure, ...] = ()
    artefacts: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
    principles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    notes: str = ""
    changed: str = ""

    def meant_for(self, company: str) -> bool:
        return not self.companies or company in self.companies


_STORIES = TypeAdapter(Story)


def fields_of(story: Story) -> dict[str, Any]:
    """What is kept of a story beside its id, title and time, as JSON can hold it."""
    kept: dict[str, Any] = _STORIES.dump_python(story, mode="json")
    return {name: value for name, value in kept.items() if name not in ("id", "title", "changed")}


def story_from(story_id: str, title: str, fields: Mapping[str, Any], changed: str) -> Story:
    """The story as it was kept; what an older program did not keep is empty. Raises StorageError."""
    try:
        return _STORIES.validate_python({**fields, "id": story_id, "title": title, "changed": changed})
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise StorageError(f"A story cannot be read: {reason}.", "Bring it back from your last export.") from None


def completeness(story: Story) -> tuple[str, ...]:
    """What is still missing, as slugs: the names of empty parts, and what the story sheet asks for beside them."""
    absent = [name for name in ("title", *PARTS) if not getattr(story, name).strip()]
    named = [one for one in story.measures if one.name]
    if len(named) < LEAST_MEASURES:
        absent.append("measures")
    if any(not one.complete for one in named):
        absent.append("baselines")
    if not story.artefacts:
        absent.append("artefacts")
    if len(story.lessons) < LEAST_LESSONS:
        absent.append("lessons")
    if not any(story.principles.values()) or any(not story.principles.get(one) for one in story.companies):
        absent.append("principles")
    if not story.kinds:
        absent.append("kinds")
    return tuple(absent)


def excess(story: Story) -> tuple[str, ...]:
    """What there is too much of to be remembered or believed, as slugs."""
    too_many = {
        "measures": len(story.measures) > MOST_MEASURES,
        "lessons": len(story.lessons) > MOST_LESSONS,
        "principles": any(len(names) > MOST_NAMED for names in story.principles.values()),
    }
    return tuple(name for name, holds in too_many.items() if holds)


def told_by(story: Story) -> list[Told]:
    """The texts of a story, by the name of the part, with its measures as they would be said."""
    texts = {name: getattr(story, name) for name in (*PARTS, "notes")}
    texts |= {f"lesson {number}": text for number, text in enumerate(story.lessons, 1)}
    for number, one in enumerate(story.measures, 1):
        texts[f"measure {number}"] = f"{one.name}: {one.before} → {one.after} {one.period}".strip()
    return [Told(f"story/{story.id}", place, text) for place, text in texts.items() if text.strip(" :→")]


# From an interview


def from_exchange(exchange: Exchange, grade: Grade | None = None) -> Story:
    """A draft in the candidate's own sentences, each in the parts that its findings speak for; the rest are notes.

    Without a grade all of them are notes. The draft has no id yet.
    """
    told = sentences(exchange.answers)
    parts = {sentence.number: _parts(sentence, exchange, grade) for sentence in told}
    texts = {part: [one.text for one in told if part in parts[one.number]] for part in (*PARTS, "lessons")}
    first = next((lines[0] for lines in (texts["goal"], [one.text for one in told]) if lines), "")
    joined = {part: " ".join(texts[part]) for part in PARTS}
    return Story(
        title=_shortened(first),
        goal=joined["goal"],
        role=joined["role"],
        stakeholders=joined["stakeholders"],
        timeline=joined["timeline"],
        action=joined["action"],
        result=joined["result"],
        escalation=joined["escalation"],
        measures=_measures([one for one in told if "result" in parts[one.number]]),
        lessons=tuple(texts["lessons"]),
        kinds=(exchange.question.topic,) if exchange.question.topic else (),
        notes=" ".join(one.text for one in told if not parts[one.number]),
    )


def _parts(sentence: Sentence, exchange: Exchange, grade: Grade | None) -> set[str]:
    """The parts for which a sentence was cited."""
    turn = exchange.turns.index(exchange.answers[sentence.turn])
    found = set()
    for finding in grade.findings.values() if grade else ():
        part = _PART_OF.get(finding.check) or _PARTS_OF.get(finding.check.partition(".")[0])
        cited = (one for one in finding.evidence if one.turn == turn)
        if part and finding.state is State.MET and any(_overlap(one.start, one.end, sentence) for one in cited):
            found.add(part)
    return found


def _overlap(start: int, end: int, sentence: Sentence) -> bool:
    return start < sentence.end and sentence.start < end


def _measures(told: Sequence[Sentence]) -> tuple[Measure, ...]:
    """The changes that these sentences tell, in their words."""
    found = []
    for text in (sentence.text for sentence in told):
        for one in changes(text):
            if one.real:
                before, after = (text[figure.start : figure.end] for figure in (one.before, one.after))
                found.append(Measure(one.subject, before, after))
    return tuple(found[:MOST_MEASURES])


def _shortened(text: str) -> str:
    words = text.split()
    return " ".join(words[:_TITLE_WORDS]).rstrip(",;:.") + (" …" if len(words) > _TITLE_WORDS else "")


def lines_of(text: str) -> tuple[str, ...]:
    """The entries of a list that is typed one a line, without bullets."""
    lines = (re.sub(r"^\s*[-*•]\s+", "", line).strip() for line in text.splitlines())
    return tuple(line for line in lines if line)
