"""A company's round in a real Chromium: its clock, the facts of a case, and the pages beside it."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from browsing import Site, finish, send
from conftest import ScriptedModel, judging, shipped
from fault_server import Messages
from playwright.sync_api import Page, expect
from telling import ANSWER

from simulator.conduct import Conduct
from simulator.interview import Interview
from simulator.records import Records

pytestmark = pytest.mark.browser
CUT_IN = Conduct.read(shipped().conduct).cut_in


def held(page: Page, site: Site) -> Interview:
    """The interview that the page shows, as it is kept."""
    with closing(Records(site.data_dir / "interviews.db")) as records:
        return records.interviews.find(page.url.partition("id=")[2])


def begin_with(page: Page, company: str, *choices: str) -> None:
    page.get_by_role("radio", name=company).click()
    for choice in choices:
        page.get_by_text(choice).click()
    page.get_by_role("button", name="Start the interview").click()
    page.get_by_label("Your answer").wait_for()


def leave(site: Site, interview: Interview, seconds: float) -> None:
    """Let all time of the part under way go by but for this."""
    assert interview.deadline is not None
    began = time.time() + seconds - interview.deadline
    with closing(sqlite3.connect(site.data_dir / "interviews.db")) as database, database:
        database.execute("UPDATE interviews SET began = ? WHERE id = ?", (began, interview.id))


def test_the_clock_ticks_while_a_follow_up_is_made_and_then_cuts_in_with_what_is_typed(
    page: Page, site: Site, scripted_model: ScriptedModel
) -> None:
    judge, go_on = judging(), threading.Event()

    def slowly(messages: Messages, parameters: dict[str, object]) -> str | float:
        if parameters.get("stream"):
            go_on.wait(60)
        return judge(messages, parameters)

    scripted_model.reply = slowly
    begin_with(page, "Stripe", "Custom length")
    clock = page.get_by_role("timer").locator(".left")
    expect(clock).to_have_text("16:40")
    send(page, ANSWER)
    page.get_by_text("“").wait_for()  # what the follow-up takes up; the rest of it is not there
    for _ in range(2):
        expect(clock).not_to_have_text(clock.inner_text())
    assert page.get_by_text("Follow-up 1").count() == 0
    go_on.set()
    page.get_by_text("Follow-up 1").wait_for()
    leave(site, held(page, site), 5)
    page.reload()
    page.get_by_label("Your answer").fill("I told our director in the second week, because only")
    expect(page.locator(".question")).to_have_count(2)
    expect(page.locator(".said").last).to_have_text("I told our director in the second week, because only")
    expect(page.locator(".aside").last).to_have_text(CUT_IN[0])
    expect(page.get_by_label("Your answer")).to_have_value("")
    after = held(page, site)
    assert [len(exchange.turns) for exchange in after.exchanges] == [3, 0]
    expect(page.get_by_role("timer")).to_contain_text("13:")  # the case has its own time


def test_a_fact_of_a_case_is_asked_for_by_a_button_of_its_own(page: Page, site: Site) -> None:
    begin_with(page, "Uber", "Cases only")
    facts = held(page, site).current.question.facts
    page.get_by_label("Your answer").fill(f"Tell me about {' '.join(facts[0].split()[:12])}")
    page.get_by_role("button", name="Ask for a fact").click()
    expect(page.locator(".said").last).to_have_text(facts[0])
    assert page.get_by_text("Follow-up 1").count() == 0
    send(page, "I would first look at which of them are hit, then stop the newest change and tell support at once.")
    page.get_by_text("Follow-up 1").wait_for()
    assert [turn.act.value for turn in held(page, site).current.turns] == ["clarification", "fact", "answer", "probe"]


def test_a_story_has_no_fact_to_ask_for_and_every_page_of_the_sidebar_opens_and_asks_no_other_host(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
    begin("Amazon")
    assert page.get_by_role("button", name="Ask for a fact").count() == 0
    send(page, ANSWER)
    page.get_by_text("Follow-up 1").wait_for()
    finish(page)
    page.get_by_text("Five dimensions").wait_for()
    sidebar = page.get_by_test_id("stSidebar")
    links = {"Drill follow-ups": "drill", "Your stories": "stories", "Progress": "progress", "New interview": ""}
    for title, address in links.items():
        sidebar.get_by_role("link", name=title).click()
        expect(page).to_have_url(f"{site.address}/{address}")
        page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        assert page.get_by_test_id("stException").count() == 0
        assert page.get_by_test_id("stAlertContentError").count() == 0
    assert not [url for url in outside if not url.startswith(("data:", "blob:"))]
