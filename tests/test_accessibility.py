"""Every page, looked over by axe-core in a real browser: wide and light, narrow and dark."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import SLOW_MS, Site, finish, send
from playwright.sync_api import Browser, Page, ViewportSize

ANSWER = (
    "Our checkout migration was three weeks late in the spring of 2023, and I was its product manager. I found that "
    "the fraud vendor had changed its interface twice, so I cut the loyalty points. Failures fell from 6% to 2%."
)
PAGES = ("practise", "drill", "stories", "progress", "guide")


def findings(page: Page) -> list[str]:
    """What axe-core holds to be serious, with the elements and the reason."""
    page.get_by_test_id("stStatusWidget").wait_for(state="detached")
    page.mouse.move(0, 0)
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # pale as they last
    page.wait_for_function("!document.querySelector('[data-stale=true]')")
    told = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:90]} {[why['message'] for why in node['any']][:1]}"
        for one in told
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (400, "dark")])
def test_no_page_has_a_serious_finding(
    browser: Browser, site: Site, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport=ViewportSize(width=width, height=900), color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(site.address)
    page.get_by_role("button", name="Start the interview").wait_for()
    found = {"practise": findings(page)}
    page.get_by_role("button", name="Start the interview").click()
    send(page, ANSWER)
    page.get_by_text("Follow-up 1").wait_for()
    found["interview"] = findings(page)
    finish(page)
    page.get_by_text("Five dimensions").wait_for()
    found["scorecard"] = findings(page)
    for name in PAGES[1:]:
        page.goto(f"{site.address}/{name}")
        page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
        found[name] = findings(page)
    context.close()
    assert {name: told for name, told in found.items() if told} == {}
