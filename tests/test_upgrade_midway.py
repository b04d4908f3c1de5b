"""An interview that was begun under one version of the content goes on, and is graded, under the next."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conducting import REPLY, followed, graded, until
from telling import ANSWER

from simulator.conductor import Conductor
from simulator.library import Library, load_library
from simulator.settings import ROOT


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The shipped content, which a test may change as a new version would."""
    folder = tmp_path / "newer"
    for name in ("prompts", "knowledge"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def _without_question(folder: Path, text: str) -> Library:
    """The content with a question's wording gone and a check of the rubric put in other words."""
    stories, rubric = folder / "knowledge" / "questions" / "story.md", folder / "prompts" / "rubrics" / "story.md"
    old = stories.read_text("utf-8")
    assert text in old
    stories.write_text(old.replace(text, "Tell me about something else that you did."), "utf-8")
    rubric.write_text(rubric.read_text("utf-8").replace("Does the candidate", "Does this candidate"), "utf-8")
    return load_library(folder)


def test_an_open_interview_goes_on_with_its_own_question_and_a_kept_grade_stays_as_it_was(
    conductors: Callable[..., Conductor], newer: Path
) -> None:
    before = conductors()
    done = before.start("amazon", "quick", 1, kind="story")
    followed(before.answer(done.id, "a", ANSWER))
    before.finish(done.id)
    until(lambda: graded(before, done.id))
    card = before.records.jobs.grades(done.id)
    begun = before.start("amazon", "quick", 1, kind="story")
    asked = followed(before.answer(begun.id, "b", ANSWER))
    question = before.records.interviews.find(begun.id).current.question

    library = _without_question(newer, question.text)
    assert library.rubric_for("story").digest != before.library.rubric_for("story").digest
    after = conductors(content_dir=newer)

    assert after.records.jobs.grades(done.id) == card
    found = after.records.interviews.find(begun.id)
    assert found.current.question == question
    assert found.current.turns[-1].text == asked
    followed(after.answer(begun.id, "c", REPLY))
    after.finish(begun.id)
    until(lambda: graded(after, begun.id))
    told = after.grades(begun.id)[0].provenance
    assert told["rubric"] != before.grades(done.id)[0].provenance["rubric"]
