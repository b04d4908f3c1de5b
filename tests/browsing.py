"""What tests in a real browser share: Chromium, a page server on its own data folder, and what a visitor does."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_server import FaultServer
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evals.browser import BROWSER_OPTIONS, chromium, free_port, serve, wait_until_up

SLOW_MS = 60_000
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        yield found
        found.close()


class Site:
    """A page server on its own data folder that can be killed and started again."""

    def __init__(self, data_dir: Path, model: FaultServer) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self.model = model
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **settings: str) -> None:
        named = {"SIMULATOR_MODEL": "fake", "SIMULATOR_BASE_URL": self.model.base_url} | settings
        self.process = serve(self.port, self.data_dir, **named)
        wait_until_up(self.port)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def site(data_dir: Path, scripted_model: FaultServer) -> Iterator[Site]:
    found = Site(data_dir, scripted_model)
    yield found
    found.kill()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    found = context.new_page()
    found.set_default_timeout(SLOW_MS)
    found.goto(site.address)
    yield found
    context.close()


@pytest.fixture
def begin(page: Page) -> Callable[[str], None]:
    """Choose a company and start a quick interview."""

    def _begin(company: str) -> None:
        page.get_by_role("radio", name=company).click()
        page.get_by_role("button", name="Start the interview").click()
        page.get_by_label("Your answer").wait_for()

    return _begin


def send(page: Page, text: str) -> None:
    page.get_by_label("Your answer").fill(text)
    page.get_by_role("button", name="Send answer").click()


def finish(page: Page, *, answered: bool = True) -> None:
    page.get_by_role("button", name="Finish now").click()
    page.get_by_role("button", name="Finish and grade").click()
    if answered:  # the candidate's own rating comes first
        page.get_by_role("button", name="Show me the scorecard").click()
