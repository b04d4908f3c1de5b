"""What is typed and not sent, in a real Chromium: kept while typing, back after a crash, never lost.

SOAK_COUNT=200 kills the page server so often in the test that kills it; 2 times where it is not set.
"""

import os
import random
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from browsing import SLOW_MS, Site
from conducting import REPLY, until
from playwright.sync_api import Browser, Locator, Page, expect
from telling import ANSWER

from simulator.interview import Interview
from simulator.records import Records

pytestmark = pytest.mark.browser
KILLS = int(os.environ.get("SOAK_COUNT", "2"))
BACK = "What you had typed and not sent is back in the box."
BEHIND = "This interview has gone on in another window."
APART = "This interview is open in another window too"
COPIES = "() => Object.entries(localStorage).filter(([name]) => name.startsWith('draft/'))"
ONE_BOX = """text => {
  const boxes = [...document.querySelectorAll('textarea[aria-label="Your answer"]')]
  return boxes.length === 1 && boxes[0].value === text
}"""


def box_of(page: Page) -> Locator:
    return page.get_by_label("Your answer")


def shows(page: Page, text: str) -> None:
    """Wait until there is one box, with this text: that of the turn before goes when all is drawn."""
    page.wait_for_function(ONE_BOX, arg=text)


def address_id(page: Page) -> str:
    return page.url.partition("id=")[2]


def draft_of(page: Page, site: Site) -> str:
    with closing(Records(site.data_dir / "interviews.db")) as records:
        return records.interviews.draft(address_id(page))


def held(page: Page, site: Site) -> Interview:
    with closing(Records(site.data_dir / "interviews.db")) as records:
        return records.interviews.find(address_id(page))


def watch(page: Page) -> None:
    """Have the page note when something was typed last."""
    box_of(page).evaluate("box => box.addEventListener('input', () => { window.lastTyped = Date.now() })")


def in_browser(page: Page, text: str) -> float:
    """Wait until the browser has kept this text; how many seconds after it was typed that was, by its own clock."""
    found = f"text => ({COPIES})().map(([, copy]) => JSON.parse(copy)).find(copy => copy.text === text)"
    copy = page.wait_for_function(found, arg=text).json_value()
    return float(copy["typed"] - page.evaluate("() => window.lastTyped ?? Infinity")) / 1000


def on_server(page: Page, site: Site, text: str) -> None:
    """Wait until the server has kept this text."""
    until(lambda: draft_of(page, site) == text)


def second_window(page: Page, browser: Browser | None = None) -> Page:
    """The same page in another window: of the same browser, or of one that has kept nothing."""
    found = browser.new_context().new_page() if browser else page.context.new_page()
    found.set_default_timeout(SLOW_MS)
    found.goto(page.url)
    box_of(found).wait_for()
    return found


def test_what_was_typed_is_back_after_the_server_was_killed_while_typing(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Uber")
    chance = random.Random(11)
    typed = ""
    for number in range(KILLS):
        watch(page)
        box_of(page).press("Control+End")
        page.keyboard.type(" ")
        in_browser(page, f"{typed} ")  # the page is all there
        page.keyboard.type(f"Kill {number}, and what is typed before it, ", delay=chance.randrange(5, 150))
        site.kill()
        page.keyboard.type("or while nobody is there. ", delay=chance.randrange(5, 40))
        shown = box_of(page).input_value()  # a page without its server may take no more
        assert shown.startswith(f"{typed} Kill {number}, and what is typed before it, ")
        typed = shown
        assert in_browser(page, typed) < 2
        site.start()
        if number % 2:  # the page that was open all the while
            expect(box_of(page)).to_be_editable()
            on_server(page, site, typed)
            shows(page, typed)
        page.reload()
        shows(page, typed)
        expect(page.get_by_text(BACK)).to_be_visible()
    page.get_by_role("button", name="Send answer").click()
    until(lambda: bool(held(page, site).current.answers))
    assert [turn.text for turn in held(page, site).current.answers] == [typed]


def test_typing_is_kept_on_the_server_without_leaving_the_box_and_is_not_disturbed_by_it(
    browser: Browser, page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Stripe")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    box_of(page).press_sequentially("I ran it, and it was late.")
    box_of(page).evaluate("box => box.setSelectionRange(8, 8)")
    box_of(page).evaluate("box => { box.left = 0; box.addEventListener('blur', () => { box.left += 1 }) }")
    middle, seen, began = "", set[str](), time.monotonic()
    while len(seen) < 3:  # nothing, and two states of what is typed
        assert time.monotonic() - began < 30
        middle += "abcdefghij "[len(middle) % 11]
        page.keyboard.press(middle[-1])
        seen.add(draft_of(page, site))
    whole = f"I ran it{middle}, and it was late."
    shows(page, whole)
    expect(box_of(page)).to_be_focused()
    assert box_of(page).evaluate("box => [box.selectionStart, box.left]") == [8 + len(middle), 0]
    stopped = time.monotonic()
    on_server(page, site, whole)
    assert time.monotonic() - stopped < 10
    elsewhere = second_window(page, browser)
    shows(elsewhere, whole)
    expect(elsewhere.get_by_text(BACK)).to_be_visible()
    assert not [address for address in addresses if "fghij" in address]  # no letters of a hexadecimal number
    elsewhere.context.close()


def test_the_browser_forgets_what_was_sent_and_what_belongs_to_a_deleted_interview(
    page: Page, begin: Callable[[str], None]
) -> None:
    begin("Meta")
    box_of(page).press_sequentially(ANSWER)
    in_browser(page, ANSWER)
    page.get_by_role("button", name="Send answer").click()
    page.get_by_text("Follow-up 1").wait_for()
    shows(page, "")
    page.wait_for_function(f"() => ({COPIES})().length === 0")
    box_of(page).press_sequentially("zebra")
    in_browser(page, "zebra")
    box_of(page).blur()
    page.get_by_text("1 words").wait_for()
    page.get_by_role("link", name="New interview").click()
    page.get_by_role("button", name="Go on with Meta").click()
    shows(page, "zebra")
    page.get_by_role("link", name="New interview").click()
    row = page.locator("[class*=st-key-past-]")
    row.get_by_role("button").last.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    begin("Google")
    page.wait_for_function(f"() => ({COPIES})().length === 0")


def test_a_window_that_was_left_behind_keeps_its_words_and_takes_them_to_where_the_interview_is(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Google")
    late = second_window(page)
    box_of(page).fill(ANSWER)
    page.get_by_role("button", name="Send answer").click()
    page.get_by_text("Follow-up 1").wait_for()
    box_of(page).fill("half a reply")
    box_of(page).blur()
    on_server(page, site, "half a reply")
    box_of(late).fill("Another story of mine.")
    late.get_by_role("button", name="Send answer").click()
    expect(late.get_by_text(BEHIND)).to_be_visible()
    shows(late, "Another story of mine.")
    expect(late.get_by_text("Follow-up 1")).to_have_count(0)
    assert draft_of(page, site) == "half a reply"
    late.get_by_role("button", name="Show where it is now").click()
    late.get_by_text("Follow-up 1").wait_for()
    shows(late, "half a reply\n\nAnother story of mine.")
    expect(late.get_by_text(BEHIND)).to_have_count(0)
    assert [turn.text for turn in held(page, site).current.answers] == [ANSWER]
    box_of(late).fill(REPLY)
    late.get_by_role("button", name="Send answer").click()
    late.get_by_text("Follow-up 2").wait_for()
    assert [turn.text for turn in held(page, site).current.answers] == [ANSWER, REPLY]


def test_words_left_behind_are_back_after_a_reload_and_shown_where_the_interview_is_over(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Amazon")
    late = second_window(page)
    box_of(late).press_sequentially("Never sent.")
    box_of(page).fill(ANSWER)
    page.get_by_role("button", name="Send answer").click()
    page.get_by_text("Follow-up 1").wait_for()
    expect(late.get_by_text(BEHIND)).to_be_visible()  # said while typing: nothing was pressed
    expect(box_of(late)).to_be_focused()
    late.reload()
    late.get_by_text("Follow-up 1").wait_for()
    shows(late, "Never sent.")
    page.get_by_role("button", name="Finish now").click()
    page.get_by_role("button", name="Finish and grade").click()
    page.get_by_role("button", name="Show me the scorecard").wait_for()
    late.get_by_role("button", name="Send answer").click()
    expect(late.get_by_text(BEHIND)).to_be_visible()
    late.get_by_role("button", name="Show where it is now").click()
    expect(late.get_by_test_id("stCode")).to_have_text("Never sent.")
    assert [turn.text for turn in held(page, site).exchanges[0].answers] == [ANSWER]


def test_two_windows_that_type_other_words_for_one_answer_are_told_and_lose_none(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Airbnb")
    other = second_window(page)
    box_of(page).press_sequentially("One way to say it.")
    on_server(page, site, "One way to say it.")
    box_of(other).press_sequentially("Quite another.")
    expect(other.get_by_text(APART)).to_be_visible()
    shows(other, "Quite another.")
    assert draft_of(page, site) == "One way to say it."
    other.get_by_role("button", name="Put both in this box").click()
    both = "One way to say it.\n\nQuite another."
    shows(other, both)
    expect(other.get_by_text(APART)).to_have_count(0)
    on_server(page, site, both)
    shows(page, "One way to say it.")


def test_a_double_click_and_a_reload_while_sending_make_one_answer(
    page: Page, site: Site, begin: Callable[[str], None]
) -> None:
    begin("Stripe")
    box_of(page).fill(ANSWER)
    page.get_by_role("button", name="Send answer").dblclick()
    page.get_by_text("Follow-up 1").wait_for()
    assert page.get_by_test_id("stAlert").count() == 0
    box_of(page).fill(REPLY)
    page.get_by_role("button", name="Send answer").click()
    page.reload()
    expect(page.get_by_text("Follow-up").or_(page.get_by_label("Your answer")).first).to_be_visible()
    if box_of(page).input_value() == REPLY:  # the reload was quicker: nothing was sent, nothing is lost
        page.get_by_role("button", name="Send answer").click()
    page.get_by_text("Follow-up 2").wait_for()
    shows(page, "")
    assert [turn.text for turn in held(page, site).current.answers] == [ANSWER, REPLY]
