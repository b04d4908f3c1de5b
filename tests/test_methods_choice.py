"""Which way of judging is used: what the setting names, and never the other in its place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import START_UP, ScriptedModel
from fault_server import (
    Step,
    completion,
    failure,
)
from judging_ways import EXCHANGE

from simulator.errors import ConfigurationError
from simulator.program import Loading, Program
from simulator.settings import CHECKWISE, STRUCTURED, Settings, load_settings


@pytest.fixture
def program(settings: Settings) -> Iterator[type[Program]]:
    """Programs on the shared settings, ended after the test."""
    started: list[Program] = []

    class Kept(Program):
        def __init__(self, own: Settings) -> None:
            super().__init__(own)
            started.append(self)

    yield Kept
    for one in started:
        one.close()


@pytest.mark.parametrize(
    "step",
    [completion("Yes", "length"), failure(400, "logprobs is not supported with this model")],
    ids=["dropped in silence", "refused"],
)
def test_an_endpoint_without_log_probabilities_fails_at_start_up_and_is_never_asked_in_the_other_way(
    step: Step, program: type[Program], settings: Settings, scripted_model: ScriptedModel
) -> None:
    scripted_model.fault = lambda request: step
    loaded = program(settings)
    with pytest.raises(ConfigurationError, match="SIMULATOR_GRADING=structured"):
        loaded.grader()
    assert loaded.loading is Loading.FAILED
    assert [asked_of["content"] for one in scripted_model.requests for asked_of in one.messages] == [START_UP]
    assert not any("response_format" in one.body for one in scripted_model.requests)


def test_the_structured_way_needs_no_log_probabilities_and_asks_for_none(
    program: type[Program], settings: Settings, scripted_model: ScriptedModel
) -> None:
    no_log_probabilities = completion("Yes", "length")
    scripted_model.fault = lambda request: no_log_probabilities if request.body.get("logprobs") else None
    grade = program(settings.model_copy(update={"grading": STRUCTURED})).grader().grade(EXCHANGE)
    assert grade.overall is not None
    assert not any("logprobs" in one.body for one in scripted_model.requests)


def test_an_endpoint_that_cannot_give_typed_replies_is_never_asked_check_by_check_instead(
    program: type[Program], settings: Settings, scripted_model: ScriptedModel
) -> None:
    scripted_model.fault = lambda request: failure(400, "response_format is not supported")
    grade = program(settings.model_copy(update={"grading": STRUCTURED})).grader().grade(EXCHANGE)
    assert (grade.ratings, grade.overall) == ({}, None)
    assert all("response_format" in one.body for one in scripted_model.requests)


def test_the_setting_takes_no_third_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env file is
    monkeypatch.setenv("SIMULATOR_GRADING", "both")
    with pytest.raises(ConfigurationError, match="SIMULATOR_GRADING"):
        load_settings()
    monkeypatch.setenv("SIMULATOR_GRADING", "structured")
    assert load_settings().grading == STRUCTURED
    monkeypatch.delenv("SIMULATOR_GRADING")
    assert load_settings().grading == CHECKWISE
