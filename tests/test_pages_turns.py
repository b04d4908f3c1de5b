"""The line before a model with one place, as two candidates see it in a real Chromium."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from browsing import SLOW_MS, Site, send
from conducting import REPLY, SECONDS, until
from conftest import ScriptedModel, judging
from fault_server import Messages
from playwright.sync_api import Browser, Page, expect
from telling import ANSWER, OTHER

from simulator.interview import Next
from simulator.records import Records

pytestmark = pytest.mark.browser
IN_LINE = re.compile(r"^1 before you, about \d+ (s|min)\. Then \w+ reads your answer")


@pytest.fixture
def other(browser: Browser, site: Site) -> Iterator[Page]:
    """Another candidate's browser."""
    context = browser.new_context()
    found = context.new_page()
    found.set_default_timeout(SLOW_MS)
    found.goto(site.address)
    yield found
    context.close()


def test_who_waits_sees_how_many_are_before_and_for_how_long_and_may_leave_and_come_back(
    page: Page, other: Page, site: Site, scripted_model: ScriptedModel, begin: Callable[[str], None]
) -> None:
    site.kill()
    site.start(SIMULATOR_LIVE_CALLS="1")
    for window in (page, other):
        window.reload()
    begin("Stripe")
    send(page, ANSWER)  # after it, it is known how long a turn takes
    page.get_by_text("Follow-up 1").wait_for()
    judge, go_on, asked = judging(), threading.Event(), threading.Event()

    def slowly(messages: Messages, parameters: dict[str, object]) -> str | float:
        asked.set()
        assert go_on.wait(SECONDS)
        return judge(messages, parameters)

    scripted_model.reply = slowly
    send(page, REPLY)
    assert asked.wait(SECONDS)
    other.get_by_role("radio", name="Uber").click()
    other.get_by_text("Stories only").click()
    other.get_by_role("button", name="Start the interview").click()
    send(other, OTHER)
    expect(other.get_by_role("status")).to_have_text(IN_LINE, timeout=5_000)
    expect(page.get_by_role("status").first).not_to_contain_text("before you")
    other.get_by_role("link", name="New interview").click()
    other.get_by_role("button", name="Go on with Uber").click()
    expect(other.get_by_role("status")).to_have_text(IN_LINE)
    interview_id = other.url.partition("id=")[2]
    other.goto("about:blank")  # nobody looks any more
    go_on.set()
    with closing(Records(site.data_dir / "interviews.db")) as records:
        until(lambda: records.interviews.find(interview_id).next is Next.CANDIDATE)
    other.goto(f"{site.address}/interview?id={interview_id}")
    other.get_by_text("Follow-up 1").wait_for()
    page.get_by_text("Follow-up 2").wait_for()
