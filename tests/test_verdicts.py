"""A model's yes or no and its typed replies, with the real client over a wire that misbehaves."""

import json
import math
import time
from typing import Any

import pytest
from asking import ASKED, ASKED_AS_SENT, GRACE_SECONDS, KEY, failed, opened
from fault_server import (
    FaultServer,
    Step,
    broken_json,
    completion,
    failure,
    hang,
    html,
    no_choices,
    one_token,
    refusal,
    reset,
    verdict,
)
from pydantic import BaseModel, ConfigDict

from simulator.errors import (
    ConfigurationError,
    ModelRefusedError,
    ModelUnavailableError,
    SimulatorError,
    UnusableReplyError,
)
from simulator.models import ChatModel
from simulator.models.chat import TOP_LOGPROBS

# --- verdicts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.001, 0.1, 0.37, 0.5, 0.9, 0.998])
def test_log_odds_come_from_the_first_token_s_probabilities(share: float) -> None:
    with FaultServer(verdict(share)) as server:
        found = opened(server).yes_no(ASKED)
    assert found.log_odds == pytest.approx(math.log(share / (1 - share)), abs=1e-3)
    assert found.mass == pytest.approx(1.0, abs=1e-6)
    body = server.requests[0].body
    assert body["logprobs"] is True and body["top_logprobs"] == TOP_LOGPROBS
    assert 1 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_every_spelling_of_yes_and_no_counts_and_other_words_do_not() -> None:
    spelled = {"Yes": 0.25, " yes": 0.15, "YES.": 0.05, "No": 0.1, ' "no': 0.05, "Not": 0.2, "Yesterday": 0.2}
    with FaultServer(one_token(spelled)) as server:
        found = opened(server).yes_no(ASKED)
    assert found.log_odds == pytest.approx(math.log(0.45 / 0.15), abs=1e-3)
    assert found.mass == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize(("word", "sign"), [("Yes", 1), ("No", -1)])
def test_a_word_without_a_rival_gives_large_but_finite_odds(word: str, sign: int) -> None:
    with FaultServer(one_token({word: 1.0})) as server:
        odds = opened(server).yes_no(ASKED).log_odds
    assert math.isfinite(odds) and odds * sign > 10


def test_a_verdict_with_neither_word_is_unusable() -> None:
    error = failed(one_token({"Perhaps": 0.85, "Yes": 0.1, "No": 0.05}), lambda model: model.yes_no(ASKED))
    assert isinstance(error, UnusableReplyError)


@pytest.mark.parametrize(
    "step",
    [
        completion("Yes", "length"),
        completion("Yes", "length", logprobs=None),
        one_token({"Yes": 1}, top_logprobs=[]),
    ],
)
def test_a_service_without_log_probabilities_is_a_matter_of_configuration(step: Step) -> None:
    error = failed(step, lambda model: model.yes_no(ASKED))
    assert isinstance(error, ConfigurationError) and "log-probabilities" in str(error)
    assert "SIMULATOR_GRADING=structured" in error.fix


@pytest.mark.parametrize("step", [refusal(), completion(None, finish="content_filter")])
def test_a_refused_verdict_is_a_refusal_and_not_a_matter_of_configuration(step: Step) -> None:
    assert isinstance(failed(step, lambda model: model.yes_no(ASKED)), ModelRefusedError)


@pytest.mark.parametrize(
    "rivals",
    [
        "Yes",
        ["Yes"],
        [{"token": "Yes", "logprob": None}],
        [{"token": None, "logprob": -0.1}],
        [{"logprob": -0.1}],
        [{"token": "Yes", "logprob": float("nan")}],
        [{"token": "Yes", "logprob": 5000}],
        [{"token": "Yes", "logprob": "certain"}],
    ],
    ids=repr,
)
def test_log_probabilities_that_make_no_sense_are_an_unusable_reply(rivals: Any) -> None:
    error = failed(one_token({"Yes": 1.0}, top_logprobs=rivals), lambda model: model.yes_no(ASKED))
    assert isinstance(error, UnusableReplyError)


@pytest.mark.parametrize("step", [verdict(0.9), verdict(0.1), one_token({"Perhaps": 1.0})], ids=["yes", "no", "?"])
def test_log_probabilities_are_seen_by_one_small_call_whatever_it_says(step: Step) -> None:
    with FaultServer(step) as server:
        opened(server).require_log_probabilities()
    (request,) = server.requests
    assert len(json.dumps(request.messages)) < 100
    assert request.body["logprobs"] is True


NO_LOG_PROBABILITIES = {
    "dropped in silence": completion("Yes", "length"),
    "null": completion("Yes", "length", logprobs=None),
    "no rivals": one_token({"Yes": 1}, top_logprobs=[]),
    "the setting refused": failure(400, "logprobs is not supported with this model"),
    "the setting not known": failure(422, "unknown field: top_logprobs"),
}


@pytest.mark.parametrize("case", NO_LOG_PROBABILITIES)
def test_an_endpoint_without_log_probabilities_is_told_with_the_setting_that_helps(case: str) -> None:
    error = failed(NO_LOG_PROBABILITIES[case], ChatModel.require_log_probabilities)
    assert isinstance(error, ConfigurationError)
    assert "SIMULATOR_GRADING=structured" in str(error)


@pytest.mark.parametrize(
    ("step", "kind"),
    [(failure(401), ConfigurationError), (failure(503), ModelUnavailableError), (html(), SimulatorError)],
    ids=["a refused key", "an overloaded server", "a page instead"],
)
@pytest.mark.usefixtures("no_pause")
def test_another_fault_of_that_call_is_told_as_what_it_is(step: Step, kind: type[SimulatorError]) -> None:
    assert isinstance(failed(step, ChatModel.require_log_probabilities), kind)


# --- typed replies ---------------------------------------------------------------------------------------


class Ruling(BaseModel):
    """A small typed reply."""

    model_config = ConfigDict(extra="forbid")

    met: bool
    quote: str


RULED = json.dumps({"met": True, "quote": "four naïve steps"}, ensure_ascii=False)


def typed(model: ChatModel) -> Ruling:
    return model.typed(ASKED, Ruling)


def test_a_typed_reply_comes_back_as_a_value_and_the_request_carries_its_schema_and_fixed_sampling() -> None:
    with FaultServer(completion(RULED)) as server:
        assert typed(opened(server)) == Ruling(met=True, quote="four naïve steps")
    (request,) = server.requests
    assert request.messages == ASKED_AS_SENT
    asked = request.body["response_format"]["json_schema"]
    assert (asked["name"], asked["strict"]) == ("Ruling", True)
    assert asked["schema"]["required"] == ["met", "quote"] and asked["schema"]["additionalProperties"] is False
    assert (request.body["temperature"], request.body["seed"]) == (0.0, 0)


UNTYPED = {
    "prose": (completion("Yes, it is met."), UnusableReplyError),
    "a page for content": (completion("<html><body>Bad gateway</body></html>"), UnusableReplyError),
    "a page for a reply": (html(), UnusableReplyError),
    "a fenced block": (completion(f"```json\n{RULED}\n```"), UnusableReplyError),
    "a field too few": (completion('{"met": true}'), UnusableReplyError),
    "a field too many": (completion('{"met": true, "quote": "", "score": 4}'), UnusableReplyError),
    "another type": (completion('{"met": "perhaps", "quote": ""}'), UnusableReplyError),
    "a list": (completion(f"[{RULED}]"), UnusableReplyError),
    "nothing": (completion(""), UnusableReplyError),
    "null": (completion(None), UnusableReplyError),
    "cut in the middle": (completion(RULED[:12]), UnusableReplyError),
    "cut at its length limit": (completion(RULED[:12], finish="length"), UnusableReplyError),
    "whole at its length limit": (completion(RULED, finish="length"), UnusableReplyError),
    "nested without end": (completion("[" * 100_000), UnusableReplyError),
    "half a surrogate pair": (completion('{"met": true, "quote": "\\ud800"}'), UnusableReplyError),
    "no choices": (no_choices(), UnusableReplyError),
    "broken JSON": (broken_json(), UnusableReplyError),
    "a schema that is not taken": (failure(400, "response_format is not supported"), UnusableReplyError),
    "a refusal": (refusal(), ModelRefusedError),
    "a content filter": (completion("", finish="content_filter"), ModelRefusedError),
    "a refused key": (failure(401), ConfigurationError),
}


@pytest.mark.parametrize("case", UNTYPED)
def test_what_is_no_typed_reply_is_named_after_one_request_and_nothing_is_guessed(case: str) -> None:
    step, kind = UNTYPED[case]
    with FaultServer(step) as server, pytest.raises(SimulatorError) as caught:
        typed(opened(server))
    assert type(caught.value) is kind, caught.value
    assert len(server.requests) == 1


@pytest.mark.usefixtures("no_pause")
def test_a_typed_reply_is_tried_again_after_a_passing_fault_and_ends_inside_its_limit() -> None:
    with FaultServer(failure(503), reset(), completion(RULED)) as server:
        assert typed(opened(server)).met
    started = time.monotonic()
    assert isinstance(failed(hang(), typed, seconds=1), ModelUnavailableError)
    assert time.monotonic() - started < 1 + GRACE_SECONDS


def test_the_key_is_in_no_error_of_a_typed_reply() -> None:
    for step in (failure(400, f"no quota for {KEY} today"), completion(f"no {KEY}"), failure(401, KEY)):
        error = failed(step, typed)
        assert KEY not in str(error) + repr(error)
