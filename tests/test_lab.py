"""The rubric lab: drafts, faults and remarks, runs in the background, the comparison, a new version."""

import importlib.util
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pytest
import streamlit as st
from conftest import ScriptedModel, judging, shipped
from fault_server import Messages, failure
from playwright.sync_api import expect, sync_playwright
from pydantic import TypeAdapter
from streamlit.testing.v1 import AppTest

from evals import cases, lab, trial, versions
from evals.browser import BROWSER_OPTIONS, chromium, free_port, serve, wait_until_up
from simulator.errors import InputError
from simulator.library import load_library
from simulator.program import STORY_RUBRIC
from simulator.rubric import ScoreRule, equal_rule
from simulator.settings import ROOT, Settings

ASK = "Is the outcome given as a number?"
EDITED = "Is the outcome told as a number?"
WAIT_SECONDS = 240
CHECKS = len(shipped().rubrics[STORY_RUBRIC].checks)
SHIPPED = (ROOT / "prompts" / "rubrics" / "story.md").read_text(encoding="utf-8")


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three answers to two questions instead of the dev split."""
    lines = (cases.FOLDER / "answers" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])["question"]
    other = next(line for line in lines if json.loads(line)["question"] != first)
    folder = tmp_path / "datasets"
    (folder / "answers").mkdir(parents=True)
    (folder / "answers" / "dev.jsonl").write_text("\n".join([*lines[:2], other]) + "\n", encoding="utf-8")
    monkeypatch.setattr(cases, "FOLDER", folder)
    return folder


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Content of its own, with the simplest rule, so that the tests do not hang on what was fitted last."""
    for name in ("prompts", "knowledge"):
        shutil.copytree(ROOT / name, tmp_path / "content" / name)
    rubrics = tmp_path / "content" / "prompts" / "rubrics"
    for fitted in (*rubrics.glob("*.json"), *rubrics.glob("*.npz")):
        fitted.unlink()
    rule = TypeAdapter(ScoreRule).dump_json(equal_rule(shipped().rubrics[STORY_RUBRIC]))
    (rubrics / "story.any.json").write_bytes(rule)
    return tmp_path / "content"


@pytest.fixture
def page(
    answers: Path, content: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], AppTest]]:
    """A new visit to the page of one server."""
    for name, value in environment.items():
        if name.startswith("SIMULATOR_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIMULATOR_CONTENT_DIR", str(content))
    monkeypatch.setattr(trial, "REMOTE_WORKERS", 1)

    def draw() -> None:
        from evals import lab

        lab.page()

    st.cache_resource.clear()
    yield lambda: AppTest.from_function(draw, default_timeout=300).run()
    lab.laboratory().stop()
    st.cache_resource.clear()


@pytest.fixture
def model(scripted_model: ScriptedModel) -> ScriptedModel:
    """It answers the edited question as it would answer none of the others."""
    plain = judging()

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        asked = str(messages[-1]["content"])
        return 0.05 if EDITED in asked else 0.5 if "Is it new?" in asked else plain(messages, parameters)

    scripted_model.reply = reply
    return scripted_model


def asked(model: ScriptedModel) -> list[str]:
    """What the model was asked about answers; to load it, one more thing is asked."""
    texts = [str(request.messages[-1]["content"]) for request in model.requests]
    return [text for text in texts if "<<<" in text]


def told(app: AppTest) -> str:
    """All words and HTML on the page, but for what stands in boxes."""
    parts = [str(one.value) for one in (*app.get("html"), *app.markdown, *app.caption, *app.success)]
    return "\n".join([*parts, *(one.proto.text for one in app.get("progress"))])


def labels(app: AppTest) -> list[str]:
    return [one.label for one in app.button]


def edit(app: AppTest, text: str) -> AppTest:
    return app.text_area[0].set_value(text).run()


def press(app: AppTest, label: str, at: int = 0) -> AppTest:
    return [one for one in app.button if one.label == label][at].click().run()


def until(app: AppTest, done: Callable[[], bool]) -> AppTest:
    """Draw the page again until it is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline, told(app)
        app.run()
    assert not app.exception
    return app


def run_both(app: AppTest) -> AppTest:
    press(press(app, "Run on dev"), "Run on dev")
    return until(app, lambda: 'class="lab-verdict' in told(app))


# The text


def test_a_text_with_faults_is_explained_as_text_and_kept_for_the_next_visit(page: Callable[[], AppTest]) -> None:
    broken = SHIPPED.replace("dimension: ownership\n- ask", "dimension: <img src=x>\n- ask", 1)
    app = edit(page(), broken)
    assert "context.role: dimension &#x27;&lt;img src=x&gt;&#x27; is not one of" in told(app)
    assert "<img" not in told(app)
    assert "Run on dev" in labels(app)  # the rubric in use can be run all the same
    assert labels(app).count("Run on dev") == 1
    again = page()
    assert again.text_area[0].value == broken
    press(again, "Discard my changes")
    assert again.text_area[0].value == SHIPPED
    assert page().text_area[0].value == SHIPPED


def test_a_text_that_the_disk_does_not_take_stays_in_the_box_and_the_reason_is_told(
    page: Callable[[], AppTest], settings: Settings
) -> None:
    app = page()
    drafts = settings.data_dir / "lab" / "rubrics"
    drafts.parent.mkdir(exist_ok=True)
    drafts.write_text("a file where a folder belongs", encoding="utf-8")
    text = SHIPPED.replace(ASK, EDITED)
    edit(app, text)
    assert "could not be written" in told(app)
    assert app.text_area[0].value == text


@pytest.mark.parametrize(
    "text", ["", "no front matter", "---\nid: [\n---\n", "---\nid: a\ncaps: 3\n---\n", "---\n- a\n---\n## x\n"]
)
def test_no_text_is_lost_or_breaks_the_page(page: Callable[[], AppTest], text: str) -> None:
    app = edit(page(), text)
    assert not app.exception
    assert "This is no rubric yet" in told(app)
    assert app.text_area[0].value == text


def test_a_cue_that_would_break_a_grading_is_a_fault(page: Callable[[], AppTest]) -> None:
    app = edit(page(), SHIPPED.replace("- cue: ", "- cue: (", 1))
    assert "This is no rubric yet" in told(app)
    assert labels(app).count("Run on dev") == 1


def test_remarks_are_told_once_they_are_asked_for(page: Callable[[], AppTest]) -> None:
    app = edit(page(), SHIPPED.replace(ASK, "Is the outcome appropriate?"))
    assert "appropriate" not in told(app)
    assert "“appropriate” is another thing to everyone" in told(press(app, "Check"))


# The runs


def test_the_rubric_in_use_has_nothing_to_be_compared_with(page: Callable[[], AppTest]) -> None:
    app = page()
    assert "There is nothing to measure" in told(app)
    advice = SHIPPED.replace("- advice: Name each team", "- advice: Do name each team")
    assert "There is nothing to measure" in told(edit(app, advice))


def test_both_rubrics_are_run_and_compared_and_what_is_unchanged_is_asked_once(
    page: Callable[[], AppTest], model: ScriptedModel
) -> None:
    app = run_both(edit(page(), SHIPPED.replace(ASK, EDITED)))
    assert len(asked(model)) == 3 * CHECKS + 3
    assert len(set(asked(model))) == 3 * CHECKS + 3
    assert "It cannot be told which grades better." in told(app)
    table = next(one.value for one in app.get("html") if 'class="lab-mean"' in one.value)
    assert table.count("<tr") == 1 + 5 + 1
    assert told(app).count('class="lab-table lab-matrix"') == 2 * 5
    assert told(app).count("Met only in use: A result in numbers") == 3
    question = cases.answers("dev")[0].question
    assert f'<div class="said">{escape(question)}</div>' in told(app)
    assert 'class="lab-verdict' in told(page())  # a later visit finds it


def test_a_stopped_run_is_offered_to_go_on_by_a_new_server_and_asks_nothing_twice(
    page: Callable[[], AppTest], model: ScriptedModel
) -> None:
    plain, stop_at = model.reply, CHECKS + 5

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if "<<<" in str(messages[-1]["content"]) and len(asked(model)) == stop_at:
            lab.laboratory().stop()
        return plain(messages, parameters)

    model.reply = reply
    app = press(page(), "Run on dev")
    until(app, lambda: "Stopped at 1 of 3 answers" in told(app))
    assert len(asked(model)) == stop_at
    st.cache_resource.clear()
    app = page()
    assert "Stopped at 1 of 3 answers" in told(app)
    press(app, "Go on")
    until(app, lambda: "All 3 answers are graded." in told(app))
    assert len(asked(model)) == len(set(asked(model))) == 3 * CHECKS


def test_a_run_goes_on_while_another_text_is_looked_at_and_can_be_stopped_there(
    page: Callable[[], AppTest], model: ScriptedModel
) -> None:
    going_on, plain = threading.Event(), model.reply

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if "<<<" in str(messages[-1]["content"]):
            going_on.wait(WAIT_SECONDS)
        return plain(messages, parameters)

    model.reply = reply
    app = edit(page(), SHIPPED.replace(ASK, EDITED))
    press(app, "Run on dev", 1)
    until(app, lambda: "0 of 3 answers graded" in told(app))
    edit(app, SHIPPED.replace(ASK, "Is the outcome a number?"))
    assert re.search(r"A run of an earlier text \(\w+\) is under way: 0 of 3 answers", told(app))
    press(app, "Stop")
    going_on.set()
    assert "earlier text" not in told(app)


def test_a_model_that_fails_is_named_and_the_run_can_go_on(page: Callable[[], AppTest], model: ScriptedModel) -> None:
    model.fault = lambda request: failure(401) if "<<<" in str(request.messages[-1]["content"]) else None
    app = press(page(), "Run on dev")
    until(app, lambda: "refused the key" in told(app))
    model.fault = lambda request: None
    press(app, "Go on")
    until(app, lambda: "All 3 answers are graded." in told(app))


def test_what_the_fitted_rule_cannot_do_for_a_rubric_is_told(page: Callable[[], AppTest]) -> None:
    new = "\n## context.extra\n- name: New\n- dimension: data_use\n- ask: Is it new?\n"
    app = edit(page(), SHIPPED + new)
    assert "No weight yet: context.extra." in told(app)
    without = re.sub(r"\n## context\.timeline\n.*?(?=\n## )", "", SHIPPED, flags=re.DOTALL)
    assert "Without context.timeline the fitted score rule cannot be used" in told(edit(app, without))


# A new version


def test_a_new_version_gets_its_own_id_and_the_file_it_came_from_stays(
    page: Callable[[], AppTest], content: Path
) -> None:
    rubrics = content / "prompts" / "rubrics"
    app = edit(page(), SHIPPED.replace(ASK, EDITED))
    app.text_input[0].set_value("story-told").run()
    press(app, "Save")
    assert (rubrics / "story-told.md").read_text(encoding="utf-8") == SHIPPED.replace(ASK, EDITED).replace(
        "id: rubrics/story\n", "id: rubrics/story-told\n"
    )
    assert (rubrics / "story.md").read_text(encoding="utf-8") == SHIPPED
    assert app.selectbox[0].value == "story-told"
    assert "python -m evals run --rubric prompts/rubrics/story-told.md" in app.code[0].value
    library = load_library(content)
    assert library.rubrics.keys() == {STORY_RUBRIC, "rubrics/case", "rubrics/story-told"}
    assert library.rubric_for("story").id == STORY_RUBRIC  # a version is not in use


@pytest.mark.parametrize("name", ["", "story", "../story2", "a b", "-a", "a" * 61, "<b>"])
def test_a_name_that_cannot_be_taken_is_refused_and_the_text_stays(
    page: Callable[[], AppTest], content: Path, name: str
) -> None:
    text = SHIPPED.replace(ASK, EDITED)
    app = edit(page(), text)
    app.text_input[0].set_value(name).run()
    press(app, "Save")
    assert re.search("This name cannot be used|There is a version story already", told(app))
    assert "<b>" not in told(app).replace("<b>In use</b>", "").replace("<b>Yours</b>", "")
    assert sorted(path.name for path in content.glob("**/rubrics/*.md")) == ["case.md", "story.md"]
    assert app.text_area[0].value == text


def test_what_is_no_rubric_is_not_saved(content: Path, tmp_path: Path) -> None:
    files = versions.Versions(content, tmp_path)
    with pytest.raises(InputError, match="no rubric yet"):
        files.save_as("mine", SHIPPED.replace("- name: The goal\n", ""))
    with pytest.raises(InputError, match="no `id:` line"):
        files.save_as("mine", SHIPPED.replace("id: rubrics/story\n", ""))
    assert files.names == ["case", "story"]


# In the program


def test_without_the_packages_that_it_needs_there_is_no_link_to_the_lab(
    page: Callable[[], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=WAIT_SECONDS)
    with_lab = len(program.run().get("page_link"))
    there = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "sklearn" else there(name, *more)
    )
    assert len(program.run().get("page_link")) == with_lab - 1
    assert not program.exception


@pytest.mark.browser
def test_a_run_goes_on_when_the_page_is_left_and_is_there_when_one_comes_back(
    answers: Path, content: Path, environment: dict[str, str], model: ScriptedModel, tmp_path: Path
) -> None:
    script = tmp_path / "app.py"
    lines = ["import runpy, sys", f"sys.path.insert(0, {str(ROOT)!r})", "from pathlib import Path"]
    lines += ["from evals import cases", f"cases.FOLDER = Path({str(answers)!r})"]
    script.write_text("\n".join([*lines, f"runpy.run_path({str(ROOT / 'streamlit_app.py')!r})"]), encoding="utf-8")
    held, plain = threading.Event(), model.reply

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if "<<<" in str(messages[-1]["content"]):
            held.wait(WAIT_SECONDS)
        return plain(messages, parameters)

    model.reply = reply
    settings = {name: value for name, value in environment.items() if name.startswith("SIMULATOR_")}
    port = free_port()
    data_dir = Path(settings.pop("SIMULATOR_DATA_DIR"))
    server = serve(port, data_dir, script, SIMULATOR_CONTENT_DIR=str(content), **settings)
    try:
        wait_until_up(port)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
            seen = browser.new_page()
            seen.set_default_timeout(1000 * WAIT_SECONDS)
            seen.goto(f"http://127.0.0.1:{port}")
            seen.get_by_role("link", name="Rubric lab").click()
            seen.get_by_label("The rubric file").fill(SHIPPED.replace(ASK, EDITED))
            seen.get_by_role("button", name="Check").click()
            seen.get_by_role("button", name="Run on dev").nth(1).click()
            seen.get_by_text("0 of 3 answers graded").wait_for()
            seen.get_by_role("link", name="New interview").click()
            seen.get_by_role("button", name="Start the interview").wait_for()
            seen.get_by_role("link", name="Rubric lab").click()
            seen.get_by_text("0 of 3 answers graded").wait_for()
            expect(seen.get_by_label("The rubric file")).to_have_value(SHIPPED.replace(ASK, EDITED))
            held.set()
            seen.get_by_text("All 3 answers are graded.").wait_for()
            seen.get_by_role("button", name="Run on dev").click()
            seen.locator(".lab-verdict").wait_for()
            browser.close()
    finally:
        held.set()
        server.kill()
        server.wait()
