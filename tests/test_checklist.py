"""The preparation checklist: what ticks itself by what was done, and what only the candidate ticks."""

from dataclasses import replace

import pytest

from simulator.pages.stories_parts import words
from simulator.stories.checklist import BY_HAND, Done, Item, checklist
from simulator.stories.story import Measure, Story

NOTHING = Done(mocks={}, timed=0, drills=0, told=0, overused=0, contradictions=0)
WHOLE = Story(
    id="1",
    title="t",
    goal="g",
    role="r",
    stakeholders="s",
    timeline="Q2 2023",
    action="a",
    result="r",
    escalation="e",
    measures=(Measure("m", "1", "2"), Measure("n", "3", "4")),
    artefacts=("x",),
    lessons=("one", "two"),
    principles={"amazon": ("Dive Deep",)},
    kinds=("launch",),
)
THREE = [WHOLE, replace(WHOLE, id="2", kinds=("recovery",)), replace(WHOLE, id="3", kinds=("process", "launch"))]


def items(stories: list[Story], done: Done = NOTHING, wanted: tuple[str, ...] = (), ticked: tuple[str, ...] = ()):
    return {item.id: item for item in checklist(stories, done, wanted, ticked)}


def test_at_the_beginning_nothing_is_ticked_and_every_item_has_words() -> None:
    found = items([])
    assert not any(item.ticked for item in found.values())
    assert all(words(f"item {item.id}") for item in found.values())


def test_three_whole_stories_of_the_three_kinds_tick_all_items_about_stories() -> None:
    found = items(THREE)
    about = ("stories", "kinds", "care", "measures", "lessons", "artefacts", "principles")
    assert [found[name].ticked for name in about] == [True] * len(about)
    assert not found["mocks"].ticked


def test_a_fourth_story_that_is_not_whole_takes_the_tick_away() -> None:
    found = items([*THREE, replace(WHOLE, id="4", escalation="", lessons=())])
    assert (found["care"].done, found["care"].of) == (3, 4)
    assert not found["lessons"].ticked
    assert found["measures"].ticked


def test_two_launches_and_a_turnaround_leave_a_kind_open() -> None:
    found = items([WHOLE, replace(WHOLE, id="2"), replace(WHOLE, id="3", kinds=("recovery",))])
    assert (found["kinds"].done, found["kinds"].of) == (2, 3)


@pytest.mark.parametrize(
    ("done", "item", "ticked"),
    [
        (replace(NOTHING, mocks={"amazon": 2, "meta": 1}), "mocks", True),
        (replace(NOTHING, mocks={"amazon": 2}), "mocks", False),
        (replace(NOTHING, timed=3), "walkthroughs", True),
        (replace(NOTHING, drills=9), "drills", False),
        (replace(NOTHING, told=1), "variety", True),
        (replace(NOTHING, told=4, overused=1), "variety", False),
        (replace(NOTHING, told=1, contradictions=1), "consistency", False),
        (replace(NOTHING, told=1), "consistency", True),
    ],
)
def test_practice_ticks_by_what_was_really_done(done: Done, item: str, ticked: bool) -> None:
    assert items(THREE, done)[item].ticked is ticked


def test_every_company_that_is_wanted_needs_a_dry_run() -> None:
    done = replace(NOTHING, mocks={"amazon": 3})
    assert not items(THREE, done)["dry run"].ticked
    assert items(THREE, done, ("amazon",))["dry run"].ticked
    assert items(THREE, done, ("amazon", "meta"))["dry run"] == Item("dry run", 1, 2)


def test_only_the_hand_ticks_what_the_program_cannot_see() -> None:
    done = Done(mocks={"amazon": 9}, timed=9, drills=99, told=9, overused=0, contradictions=0)
    found = items(THREE, done, ("amazon",), ("values page", "mocks"))
    assert found["values page"].ticked
    assert [found[one].ticked for one in BY_HAND[1:]] == [False] * (len(BY_HAND) - 1)
    assert not items([], NOTHING, (), ("mocks",))["mocks"].ticked
