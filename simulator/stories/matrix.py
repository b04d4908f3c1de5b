"""Which story serves which question: stories x topics x companies, with the holes and what is told too often.

Pure: knows no store, clock, model or page. Whether two texts tell one story, a likeness that is handed in judges.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from simulator.stories.story import Story, told_by

MOST_ROUNDS = 2
"""Interviews in which a story may be told before it counts as overused."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One answered question of one interview. `again`: the interview tries an earlier one again, so that the same
    story is no repetition."""

    interview: str
    exchange: int
    company: str
    topic: str
    text: str
    again: bool = False

    @property
    def key(self) -> str:
        return f"{self.interview}/{self.exchange}"


@dataclass(frozen=True, slots=True)
class Use:
    """A story that was told. `sure`: the story was taken from that very exchange, not only found to be alike."""

    story: str
    telling: Telling
    sure: bool

    @property
    def slug(self) -> str:
        return f"{self.story}/{self.telling.key}"


def uses_of(
    stories: Sequence[Story],
    tellings: Sequence[Telling],
    likeness: Callable[[str, str], float],
    same_story: float,
    denied: Collection[str] = (),
) -> list[Use]:
    """Which story was told where: the one that was taken from there, or else the one most alike, from `same_story`
    on. `denied` are the slugs of uses that the candidate says are none."""
    owners = {key: story.id for story in stories for key in story.told}
    texts = {story.id: "\n".join(one.text for one in told_by(story)) for story in stories}
    found = []
    for telling in tellings:
        if telling.key in owners:
            found.append(Use(owners[telling.key], telling, True))
            continue
        options = [Use(story.id, telling, False) for story in stories if texts[story.id]]
        alike = [(likeness(texts[one.story], telling.text), one) for one in options if one.slug not in denied]
        best, use = max(alike, key=lambda pair: pair[0], default=(0.0, None))
        if use and best >= same_story:
            found.append(use)
    return found


class TooOften(StrEnum):
    ONE_ROUND = "one round"
    MANY_ROUNDS = "many rounds"


@dataclass(frozen=True, slots=True)
class Cell:
    """One story under one topic at one company: whether it is meant to serve there, and how often it was told."""

    story: str
    topic: str
    company: str
    fits: bool
    told: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A topic without a story, at these companies."""

    topic: str
    companies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overuse:
    """A story that is told too often, in these tellings."""

    story: str
    how: TooOften
    tellings: tuple[Telling, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cells that say anything, the holes in the order of the topics, and the overuse."""

    cells: tuple[Cell, ...]
    holes: tuple[Hole, ...]
    overuse: tuple[Overuse, ...]


def matrix(stories: Sequence[Story], uses: Sequence[Use], topics: Sequence[str], companies: Sequence[str]) -> Matrix:
    """How the stories cover these topics at these companies."""
    cells = []
    for story in stories:
        for topic in topics:
            for company in companies:
                fits = topic in story.kinds and story.meant_for(company)
                where = [u.telling for u in uses if u.story == story.id and u.telling.topic == topic]
                told = sum(one.company == company for one in where)
                if fits or told:
                    cells.append(Cell(story.id, topic, company, fits, told))
    served = {(cell.topic, cell.company) for cell in cells if cell.fits}
    bare = {topic: tuple(one for one in companies if (topic, one) not in served) for topic in topics}
    holes = tuple(Hole(topic, lacking) for topic, lacking in bare.items() if lacking)
    return Matrix(tuple(cells), holes, tuple(_overuse(uses)))


def _overuse(uses: Sequence[Use]) -> list[Overuse]:
    """Twice in one round, or in more rounds than `MOST_ROUNDS`; trying a round again does not count."""
    found = []
    for story in dict.fromkeys(use.story for use in uses):
        told = [use.telling for use in uses if use.story == story and not use.telling.again]
        rounds = dict.fromkeys(one.interview for one in told)
        for interview in rounds:
            same = tuple(one for one in told if one.interview == interview)
            if len(same) > 1:
                found.append(Overuse(story, TooOften.ONE_ROUND, same))
        if len(rounds) > MOST_ROUNDS:
            found.append(Overuse(story, TooOften.MANY_ROUNDS, tuple(told)))
    return found
