"""The pages in a real Chromium, against a real page server and a scripted model on the loopback."""

import ast
import re
from collections.abc import Callable

import pytest
from browsing import SLOW_MS, Site, finish, send
from playwright.sync_api import Browser, Page, expect

from evals.browser import free_port
from simulator.settings import ROOT

pytestmark = pytest.mark.browser
ANSWER = (
    "In Q2 2023 our checkout migration was three weeks behind. I ran it as the product manager. The payments team "
    "was blocked because the fraud vendor kept changing its API. I decided to cut the loyalty points feature."
)
REPLY = "I told our director in the second week, because only she could move the date. Failures fell from 4% to 1%."


def test_an_interview_goes_from_the_choice_of_company_to_a_scorecard_over_a_reload(
    page: Page, begin: Callable[[str], None]
) -> None:
    begin("Stripe")
    expect(page.get_by_text("Stripe · Maeve")).to_be_visible()
    question = page.locator(".question").inner_text()
    send(page, ANSWER)
    page.get_by_text("Follow-up 1").wait_for()
    probe = page.locator(".said").last.inner_text()
    assert probe.endswith("?")
    quoted = re.search("“(.+?)”", probe)
    assert quoted and quoted[1] in ANSWER
    page.reload()
    page.get_by_text("Follow-up 1").wait_for()
    assert page.locator(".question").inner_text() == question
    assert page.locator(".said").last.inner_text() == probe
    send(page, REPLY)
    page.get_by_text("Follow-up 2").wait_for()
    finish(page)
    page.get_by_role("button", name="Download as Markdown").wait_for()
    expect(page.locator(".dimension")).to_have_count(5)
    marks = page.locator("mark").all_inner_texts()
    assert marks
    assert all(mark in f"{ANSWER} {REPLY}" for mark in marks)
    page.get_by_role("button", name="New interview").first.click()
    page.get_by_text("Your interviews").wait_for()
    page.get_by_role("button", name=re.compile("Stripe · .*overall")).click()
    page.get_by_text("Five dimensions").wait_for()


def test_a_killed_server_started_again_shows_the_interview_where_it_was(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Uber")
    send(page, ANSWER)
    page.get_by_text("Follow-up 1").wait_for()
    before = page.locator(".said").all_inner_texts()
    page.get_by_label("Your answer").fill("half an answer that is not sent")
    page.get_by_label("Your answer").blur()
    page.get_by_text("7 words").wait_for()
    site.kill()
    site.start()
    page.reload()
    page.get_by_text("Follow-up 1").wait_for()
    assert page.locator(".said").all_inner_texts() == before
    expect(page.get_by_label("Your answer")).to_have_value("half an answer that is not sent")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("   ", "no words in this answer"),
        ("\U0001f600 \U0001f680", "no words in this answer"),
        ("word " * 2001, "2,001 words"),
    ],
    ids=["blank", "only emoji", "too long"],
)
def test_an_answer_that_cannot_be_taken_is_explained_and_stays_in_the_box(
    page: Page, begin: Callable[[str], None], typed: str, told: str
) -> None:
    begin("Meta")
    send(page, typed)
    page.locator("[data-testid=stAlert]", has_text=told).wait_for()
    expect(page.get_by_label("Your answer")).to_have_value(typed)
    assert page.get_by_text(re.compile(r"Follow-up \d")).count() == 0


def test_a_model_that_fails_is_named_and_the_answer_is_kept_until_it_is_back(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Google")
    site.kill()
    site.start(SIMULATOR_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    page.reload()
    send(page, ANSWER)
    page.get_by_text("Your answer is saved.").wait_for()
    assert page.locator(".said").last.inner_text() == ANSWER
    site.kill()
    site.start()
    page.reload()
    page.get_by_text("Follow-up 1").wait_for()


def test_nothing_that_is_typed_or_replied_can_act_or_reach_out_of_the_page(
    page: Page, begin: Callable[[str], None]
) -> None:
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
    hostile = '<img src="http://evil.example/a.png" onerror="alert(1)"> ![x](http://evil.example/b.png) <b>bold</b> '
    begin("Airbnb")
    send(page, hostile + ANSWER)
    page.get_by_text("Follow-up 1").wait_for()
    finish(page)
    page.get_by_text("Five dimensions").wait_for()
    assert hostile.strip() in page.locator(".said").first.inner_text()
    assert not [url for url in outside if not url.startswith(("data:", "blob:"))]


def test_the_interviewer_says_what_it_listens_for_only_when_asked(page: Page, begin: Callable[[str], None]) -> None:
    begin("Amazon")
    listens = page.get_by_text(re.compile("listen for|I want to hear|I'm listening", re.IGNORECASE))
    assert page.locator(".said", has=listens).count() == 0
    page.get_by_role("button", name="Ask what I listen for").click()
    page.locator("[data-testid=stPopoverBody] .said").wait_for()


def test_finishing_before_an_answer_gives_no_score_and_says_why(page: Page, begin: Callable[[str], None]) -> None:
    begin("Amazon")
    finish(page, answered=False)
    page.get_by_text("There is nothing to grade").wait_for()
    assert page.locator(".dimension").count() == 0


def test_an_unknown_address_is_explained(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/interview?id=nonsense")
    page.get_by_text("There is no interview with this address.").wait_for()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(site.address)
    page.get_by_text("Custom length").click()
    page.get_by_role("slider").wait_for()
    page.get_by_role("button", name="Start the interview").scroll_into_view_if_needed()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    page.get_by_role("button", name="Start the interview").click()
    page.get_by_role("timer").wait_for()
    send(page, ANSWER)
    page.get_by_text("Follow-up 1").wait_for()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    finish(page)
    page.get_by_text("Five dimensions").wait_for()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    context.close()


def test_the_entry_page_draws_nothing_of_its_own_source() -> None:
    tree = ast.parse((ROOT / "streamlit_app.py").read_text(encoding="utf-8"))
    bare = [one for one in tree.body[1:] if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
    assert bare == []  # Streamlit draws bare values
