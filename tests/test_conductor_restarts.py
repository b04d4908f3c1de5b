"""The program begun again: what was under way goes on, and a model that cannot be loaded is told of."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from conducting import REPLY, SECONDS, Starts, failed, followed, graded, until
from conftest import START_UP, ScriptedModel, judging
from fault_server import Messages, completion, hang
from telling import ANSWER

from simulator.conductor import Conductor
from simulator.errors import (
    ConfigurationError,
    ContentError,
    ModelUnavailableError,
)
from simulator.interview import Next
from simulator.program import STORY_RUBRIC, Loading
from simulator.settings import CHECKWISE, STRUCTURED, Settings


def test_a_restart_goes_on_with_the_interview_and_with_gradings_that_wait_or_were_broken_off(
    conductors: Starts, settings: Settings, scripted_model: ScriptedModel
) -> None:
    first = conductors()
    ids = [first.start("stripe", "quick").id for _ in range(3)]
    probes = [followed(first.answer(one, f"t-{one}", ANSWER)) for one in ids]
    scripted_model.fault = lambda request: hang()
    first.finish(ids[0])
    until(lambda: first.records.jobs.of(ids[0])[0].state == "running")
    first.finish(ids[1])
    assert first.records.jobs.of(ids[1])[0].state == "waiting"
    first.program.close()
    with closing(sqlite3.connect(settings.data_dir / "interviews.db")) as database, database:
        database.execute("UPDATE grading_jobs SET lease_until = 0")  # a minute later
    scripted_model.fault = lambda request: None
    second = conductors()
    second.program.warm_up()
    until(lambda: all(graded(second, one) for one in ids[:2]))
    assert all(second.scorecard(one).overall is not None for one in ids[:2])
    assert second.records.interviews.find(ids[2]).current.turns[-1].text == probes[2]
    assert followed(second.answer(ids[2], "t2", REPLY)).endswith("?")
    assert len(second.records.interviews.find(ids[2]).current.turns) == 4


_DIES_IN_ITS_MOVE = """
from simulator.conductor import Conductor
from simulator.program import Program
from simulator.settings import load_settings
conductor = Conductor(Program(load_settings()))
interview = conductor.start("stripe", "quick")
print(interview.id, flush=True)
list(conductor.answer(interview.id, "t1", {answer!r}).tail())
"""


def test_a_move_that_died_with_its_process_is_made_again(
    conductors: Starts, environment: dict[str, str], scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    asked, dead = threading.Event(), threading.Event()
    judge = judging()

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        asked.set()
        dead.wait(SECONDS)
        return judge(messages, parameters)

    scripted_model.reply = reply
    command = [sys.executable, "-c", _DIES_IN_ITS_MOVE.format(answer=ANSWER)]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        interview_id = process.stdout.readline().strip()
        assert asked.wait(SECONDS)
        process.kill()
    dead.set()
    conductor = conductors()
    assert conductor.records.interviews.find(interview_id).next is Next.INTERVIEWER
    assert conductor.move_under_way(interview_id) is None
    probe = followed(conductor.move(interview_id))
    assert [turn.text for turn in conductor.records.interviews.find(interview_id).current.turns] == [ANSWER, probe]


def test_a_model_that_cannot_be_loaded_is_told_and_its_moves_are_made_once_it_can_be(conductors: Starts) -> None:
    conductor = conductors(base_url="not an address")
    interview = conductor.start("stripe", "quick")
    assert isinstance(failed(conductor.answer(interview.id, "t1", ANSWER)), ConfigurationError)
    assert conductor.program.loading is Loading.FAILED and conductor.program.loading_error
    again = conductors()
    assert followed(again.move(interview.id)).endswith("?")
    assert again.program.loading is Loading.READY and again.program.loading_error is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loading_that_breaks_in_a_way_nobody_thought_of_is_told_and_tried_again(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no error of ours")

    interview = conductor.start("stripe", "quick")
    with monkeypatch.context() as patch:
        patch.setattr("simulator.models.open_model", broken)
        error = failed(conductor.answer(interview.id, "t1", ANSWER))
    assert isinstance(error, ModelUnavailableError)
    assert conductor.program.loading is Loading.FAILED
    assert followed(conductor.move(interview.id)).endswith("?")


@pytest.mark.parametrize(("grading", "asked"), [(CHECKWISE, [START_UP]), (STRUCTURED, [])])
def test_a_model_that_is_asked_check_by_check_is_tried_once_before_it_is_ready(
    grading: str, asked: list[str], conductors: Starts, scripted_model: ScriptedModel
) -> None:
    conductor = conductors(grading=grading)
    conductor.model()
    assert conductor.program.loading is Loading.READY
    assert [message["content"] for request in scripted_model.requests for message in request.messages] == asked
    conductor.model()
    assert len(scripted_model.requests) == len(asked)


def test_an_endpoint_without_log_probabilities_is_told_and_serves_once_the_setting_is_the_other(
    conductors: Starts, scripted_model: ScriptedModel
) -> None:
    plain = completion("Yes", "length")
    scripted_model.fault = lambda request: plain if request.body.get("logprobs") else None
    conductor = conductors()
    interview = conductor.start("stripe", "quick")
    error = failed(conductor.answer(interview.id, "t1", ANSWER))
    assert isinstance(error, ConfigurationError) and "SIMULATOR_GRADING=structured" in error.fix
    assert conductor.program.loading is Loading.FAILED and conductor.program.loading_error is error
    conductor = conductors(grading=STRUCTURED)
    assert followed(conductor.move(interview.id)).endswith("?")
    conductor.finish(interview.id)
    until(lambda: graded(conductor, interview.id))
    card = conductor.scorecard(interview.id)
    assert card.overall is not None and card.provenance["method"] == STRUCTURED
    assert all(shown.evidence for shown in card.shown)
    assert sum("response_format" in request.body for request in scripted_model.requests) == 2


def test_a_damaged_sentence_model_is_told_and_no_grade_is_made_up(
    conductors: Starts, settings: Settings, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    for folder in ("prompts", "knowledge"):
        shutil.copytree(settings.content_dir / folder, content / folder)
    (content / "prompts" / f"{STORY_RUBRIC}.sentences.npz").write_bytes(b"not a model")
    conductor = conductors(content_dir=content)
    interview = conductor.start("stripe", "quick")
    error = failed(conductor.answer(interview.id, "t1", ANSWER))
    assert isinstance(error, ContentError) and "story.sentences.npz" in error.problem
    assert [turn.text for turn in conductor.records.interviews.find(interview.id).current.turns] == [ANSWER]
