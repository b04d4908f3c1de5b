"""A new round: how long, which parts, and which questions. Draws lots; knows no store, clock or model."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

from simulator.clock import GRADED, plan_for
from simulator.errors import InputError
from simulator.interview import Question, Segment
from simulator.library import Company, Library

LENGTHS = ("quick", "full", "custom")
QUESTIONS = "questions"
"""The kind of the last part of many rounds: the candidate asks, nothing is put to them."""


def planned(
    company: Company, length: str, minutes: float = 0.0, kind: str = "", count: int | None = None
) -> tuple[Segment, ...]:
    """The parts of a round of this length; a `count` repeats the judged ones until there are so many. Raises
    InputError."""
    if length not in LENGTHS:
        raise InputError(f"There is no length called {length!r}.", f"Choose one of: {', '.join(LENGTHS)}.")
    plan = plan_for(company.segments, length, minutes, kind)
    judged = [one for one in plan if one.kind in GRADED]
    if not judged:
        raise InputError(f"The round of {company.name} has no part with a question.", "Add one to its file.")
    return plan if count is None else tuple(islice(cycle(judged), count))


def choose_questions(
    library: Library, company: Company, plan: Sequence[Segment], rng: random.Random, asked: Sequence[str] = ()
) -> list[Question]:
    """A question for each part in which one is put, drawn by weight: one of the company's own of each kind where
    there is more than one to draw, no topic twice, and those that were `asked` lately (ids) last."""
    parts = [one.kind for one in plan if one.kind != QUESTIONS]
    chosen: list[Question | None] = [None] * len(parts)
    for kind in dict.fromkeys(parts):
        places = [place for place, one in enumerate(parts) if one == kind]
        drawn = _drawn(library.questions_for(company.id, kind), company, len(places), rng, chosen, asked)
        for place, question in zip(places, drawn, strict=False):
            chosen[place] = question
    return [question for question in chosen if question]


def _drawn(
    pool: Sequence[Question],
    company: Company,
    count: int,
    rng: random.Random,
    before: Sequence[Question | None],
    asked: Sequence[str],
) -> list[Question]:
    fresh = [question for question in pool if question.id not in asked]
    pool = fresh if len(fresh) >= count else pool
    topics = {question.topic for question in before if question}
    drawn: list[Question] = []
    own = [question for question in pool if question.company == company.id]
    while len(drawn) < min(count, len(pool)):
        left = [question for question in pool if question not in drawn]
        # The last of several is the company's own, so that the round ends on its ground.
        wanted = [one for one in own if one in left] if count > 1 and len(drawn) == count - 1 else []
        new = [one for one in wanted or left if one.topic not in topics] or wanted or left
        question = rng.choices(new, [one.weight for one in new])[0]
        topics.add(question.topic)
        drawn.append(question)
    return drawn


def fitting(plan: Sequence[Segment], questions: Sequence[Question]) -> tuple[Segment, ...]:
    """The plan with one part a question: parts that no question was found for are left out."""
    kinds = [question.kind for question in questions]
    kept: list[Segment] = []
    for part in plan:
        if part.kind == QUESTIONS:
            kept.append(part)
        elif kinds and kinds[0] == part.kind:
            kept.append(part)
            kinds.pop(0)
    return tuple(kept)


def again(question: Question, seconds: float) -> tuple[Segment, ...]:
    """The plan of one question tried again."""
    return (replace(Segment("again", question.kind, seconds)),)
