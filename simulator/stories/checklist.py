"""The preparation checklist: what counts as done, by what was really done, and what only the candidate can tick.

Pure: knows counts and stories alone. The words of its items stand beside the page that shows them. The numbers are a
guide's, where its facts name one, and no more than that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from simulator.stories.story import PARTS, Story, completeness

LEAST_STORIES = 3
KINDS = ("launch", "recovery", "process")
"""What three stories should cover at least: a launch, a turnaround, an improvement of how work is done."""
LEAST_MOCKS = 3
LEAST_WALKTHROUGHS = 3
LEAST_DRILLS = 10
BY_HAND = ("values page", "round format", "aloud", "opening", "tools", "confidential", "own questions")
"""What the program cannot see."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was really done. `mocks` are interviews with a scorecard by company, `timed` those under the
    clock; `overused` and `contradictions` count what the story matrix and the ledger still hold against it."""

    mocks: Mapping[str, int]
    timed: int
    drills: int
    told: int
    overused: int
    contradictions: int


@dataclass(frozen=True, slots=True)
class Item:
    """One item: `done` of `of`, capped. One that is ticked `by_hand` has 1 or 0."""

    id: str
    done: int
    of: int
    by_hand: bool = False

    @property
    def ticked(self) -> bool:
        return self.done >= self.of


def checklist(stories: Sequence[Story], done: Done, wanted: Collection[str], ticked: Collection[str]) -> list[Item]:
    """All items in order: the stories, the practice, then what is ticked by hand. `wanted` are the companies of the
    interviews to come."""
    lacks = {story.id: completeness(story) for story in stories}
    needed = max(LEAST_STORIES, len(stories))

    def with_all(*slugs: str) -> int:
        return sum(not set(slugs) & set(lacks[story.id]) for story in stories)

    counted = [
        _item("stories", len(stories), LEAST_STORIES),
        _item("kinds", sum(_serves(stories, kind) for kind in KINDS), len(KINDS)),
        _item("care", with_all(*PARTS), needed),
        _item("measures", with_all("measures", "baselines"), needed),
        _item("lessons", with_all("lessons"), needed),
        _item("artefacts", with_all("artefacts"), needed),
        _item("principles", with_all("principles"), needed),
        _item("variety", int(done.told > 0 and not done.overused), 1),
        _item("consistency", int(done.told > 0 and not done.contradictions), 1),
        _item("mocks", sum(done.mocks.values()), LEAST_MOCKS),
        _item("walkthroughs", done.timed, LEAST_WALKTHROUGHS),
        _item("dry run", sum(bool(done.mocks.get(company)) for company in wanted), max(1, len(wanted))),
        _item("drills", done.drills, LEAST_DRILLS),
    ]
    return counted + [Item(one, int(one in ticked), 1, by_hand=True) for one in BY_HAND]


def _serves(stories: Sequence[Story], kind: str) -> bool:
    return any(kind in story.kinds for story in stories)


def _item(item: str, done: int, of: int) -> Item:
    return Item(item, min(done, of), of)
