"""A whole interview in a real Chromium against a real page server: what the bench measures of the page."""

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

from simulator.errors import ConfigurationError
from simulator.settings import ROOT, Settings

BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ANSWER = (
    "In March our refund migration was two weeks late. I ran it as the product manager and found in the error log "
    "that a partner's time-out caused most failed refunds, so I cut the new report and moved one engineer."
)
_BARE_PAGE = """import streamlit as st
st.text_area('Your answer', key='a')
st.write(len(st.session_state['a'].split()), 'words')
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured, in seconds and MiB."""

    first_question_seconds: float
    rerun_seconds: float
    bare_rerun_seconds: float
    peak_mib: float


def chromium() -> str:
    """The browser on this machine. Raises ConfigurationError when there is none."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    if not found:
        raise ConfigurationError("There is no Chromium on this machine.", "Run `make browser`.")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serve(port: int, data_dir: Path, script: Path | None = None, **settings: str) -> subprocess.Popen[bytes]:
    """Start the program's page server, or one of another script, and return at once."""
    environment = os.environ | {"SIMULATOR_DATA_DIR": str(data_dir)} | settings
    program = [str(Path(sys.executable).with_name("simulator")), "serve", "--port", str(port)]
    other = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    return subprocess.Popen(other if script else program, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def wait_until_up(port: int, timeout_seconds: float = 60) -> None:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        try:
            urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no page on port {port}")


def interview_in_browser(settings: Settings, answers: int) -> Seen:
    """Hold a short interview and read off the times and the page process's peak memory."""
    from evals.bench import peak_mib

    bare_script = settings.data_dir / "bare.py"
    bare_script.write_text(_BARE_PAGE, "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        page = browser.new_page()
        port = free_port()
        server = serve(port, settings.data_dir, bare_script)
        try:
            wait_until_up(port)
            page.goto(f"http://127.0.0.1:{port}")
            bare = _rerun_seconds(page)
        finally:
            server.terminate()
        port = free_port()
        started = time.monotonic()
        server = serve(port, settings.data_dir)
        try:
            wait_until_up(port)
            page.goto(f"http://127.0.0.1:{port}")
            page.get_by_role("button", name="Start the interview").click()
            page.locator(".question").first.wait_for()
            first_question = time.monotonic() - started
            rerun = _rerun_seconds(page)
            for number in range(1, answers + 1):
                page.get_by_label("Your answer").fill(_ANSWER)
                page.get_by_role("button", name="Send answer").click()
                page.get_by_text(f"Follow-up {number}").wait_for(timeout=180_000)
            page.get_by_role("button", name="Finish now").click()
            page.get_by_role("button", name="Finish and grade").click()
            page.get_by_role("button", name="Show me the scorecard").click()
            page.get_by_text("Five dimensions").wait_for(timeout=300_000)
            peak = peak_mib(server.pid)
        finally:
            server.terminate()
        browser.close()
    return Seen(first_question, rerun, bare, peak)


def _rerun_seconds(page: Page) -> float:
    box = page.get_by_label("Your answer")
    box.fill("one two three four five")
    started = time.monotonic()
    box.press("Control+Enter" if page.get_by_role("button", name="Send answer").count() == 0 else "Tab")
    page.get_by_text("5 words").wait_for()
    return time.monotonic() - started
