"""A short crowd of what tests/load counts in full: nothing fails, and nobody is shown or told another's words."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from load.__main__ import answers
from load.crowd import BRISK, Crowds
from load.marks import mark, marks_in
from load.served import Served, served, user
from load.tab import PageError
from load.visitor import Visitor

from simulator.pages.shell import LOOK_SECONDS

VISITORS = 8


@pytest.fixture(scope="module")
def running(ready_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("load")
    shutil.copytree(ready_index, folder / "index")
    speed = {"tokens_per_second": 400.0, "first_token_seconds": 0.01, "yes_no_seconds": 0.01}
    with served(folder, places=VISITORS, **speed) as found:
        yield found


def test_many_at_once_each_get_their_own_words_back_and_nobody_elses(running: Served) -> None:
    met = asyncio.run(Crowds(running, answers(), BRISK).interviewing(VISITORS, 0.1))
    assert met.failures == []
    assert met.interviews == len(met.opened) == VISITORS
    assert len(met.took) >= 2 * VISITORS
    assert met.mixed == []
    assert {visitor for visitor, *_ in met.calls} == {-1, *range(VISITORS)}
    assert running.troubles() == []


async def at_the_address_of(one: Visitor, other: Visitor) -> None:
    """The first visitor tells something; then the other goes to that interview's address."""
    try:
        tab = await one.begin()
        await one.say(tab, f"For {mark(one.number, 0)}, I cut the report.")
        await other.come_back(tab)
    finally:
        await one.leave()


def test_a_word_of_another_visitor_is_seen(running: Served) -> None:
    of_one_user = [Visitor(number, running.port, answers(), BRISK, user(1_000)) for number in (1_000, 1_001)]
    with pytest.raises(PageError, match="words of others"):
        asyncio.run(at_the_address_of(*of_one_user))


def test_another_users_interview_is_not_to_be_had_by_its_address(running: Served) -> None:
    one, other = (Visitor(number, running.port, answers(), BRISK, user(number)) for number in (2_000, 2_001))
    with pytest.raises(PageError, match="no interview with this address"):
        asyncio.run(at_the_address_of(one, other))
    assert other.foreign == set()


def test_a_page_that_nothing_happens_on_hardly_redraws_itself(running: Served) -> None:
    async def visit() -> None:
        visitor = Visitor(3_000, running.port, answers(), BRISK, user(3_000))
        try:
            tab = await visitor.begin()
            await tab.until("page at rest", lambda: tab.rests >= LOOK_SECONDS, 30)
        finally:
            await visitor.leave()

    asyncio.run(visit())


def test_a_mark_names_visitor_and_turn_wherever_it_stands() -> None:
    text = f"You said “for {mark(7, 0)}, the”. {mark(65_535, 255)}? Quill {mark(300, 17)}"
    assert marks_in(text) == {(7, 0), (65_535, 255), (300, 17)}
