"""The door to chat models, with the real client over a wire that misbehaves."""

import json
import logging
import math
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_server import (
    FaultServer,
    Messages,
    Step,
    broken_json,
    completion,
    event,
    events,
    failure,
    hang,
    html,
    no_choices,
    one_token,
    refusal,
    reset,
    short_body,
    streamed,
    verdict,
)
from pydantic import BaseModel, ConfigDict, SecretStr

from simulator import models
from simulator.errors import (
    ConfigurationError,
    ModelRefusedError,
    ModelUnavailableError,
    SimulatorError,
    UnusableReplyError,
)
from simulator.models import ChatModel, Lane, open_model
from simulator.settings import Settings, load_settings

KEY = "sk-canary-3f9c1"
ASKED = [("system", "You interview."), ("user", "I cut sign-up from nine steps to four.")]
ASKED_AS_SENT = [{"role": "system", "content": ASKED[0][1]}, {"role": "user", "content": ASKED[1][1]}]
WHOLE = "What did the naïve forecast — yours — miss?"
GRACE_SECONDS = 1.5


def opened(server: FaultServer, seconds: float = 10.0) -> ChatModel:
    return open_model(
        Settings(model="fake", base_url=server.base_url, api_key=SecretStr(KEY), call_timeout_seconds=seconds)
    )


def reply(model: ChatModel) -> str:
    return model.reply(ASKED, 40)


def stream(model: ChatModel) -> str:
    return "".join(model.stream(ASKED, 40))


def failed(step: Step, ask: Callable[[ChatModel], Any] = reply, seconds: float = 10.0) -> SimulatorError:
    """The error that this step leads to, which must be one of the program's own."""
    with FaultServer(step) as server, pytest.raises(SimulatorError) as caught:
        ask(opened(server, seconds))
    return caught.value


def delta(piece: dict[str, Any], finish: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": piece, "finish_reason": finish}]})


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, unless the server itself asks to wait."""
    monkeypatch.setattr("tenacity.wait_random_exponential", lambda **_: lambda _state: 0.0)


# --- replies ---------------------------------------------------------------------------------------------


def test_a_reply_comes_back_whole_and_the_request_carries_key_limit_and_fixed_sampling() -> None:
    with FaultServer(completion(WHOLE)) as server:
        assert reply(opened(server)) == WHOLE
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.messages == ASKED_AS_SENT
    assert (request.body["model"], request.body["temperature"], request.body["seed"]) == ("fake", 0.0, 0)
    assert 40 in (request.body.get("max_tokens"), request.body.get("max_completion_tokens"))


FINAL_FAULTS = {
    "a refused key": (failure(401, "bad key"), ConfigurationError, "SIMULATOR_API_KEY"),
    "a key without the right": (failure(403, "not yours"), ConfigurationError, "SIMULATOR_API_KEY"),
    "an unknown model": (failure(404, "no such model"), ConfigurationError, "SIMULATOR_MODEL"),
    "an unknown address": (html(404), ConfigurationError, "SIMULATOR_BASE_URL"),
    "a context too long": (failure(400, "too many tokens"), UnusableReplyError, "too many tokens"),
    "a request not understood": (failure(422, "unknown field"), UnusableReplyError, "not a reply"),
    "an empty reply": (completion(""), UnusableReplyError, "empty"),
    "a blank reply": (completion(" \n\t"), UnusableReplyError, "empty"),
    "null for content": (completion(None), UnusableReplyError, "empty"),
    "a number for content": (completion(7), UnusableReplyError, "not a reply"),
    "no finish": (completion("Half of", finish=None), UnusableReplyError, "broke off"),
    "the length limit": (completion("Half of", finish="length"), UnusableReplyError, "length"),
    "a refusal": (refusal(), ModelRefusedError, "declined"),
    "a content filter": (completion("", finish="content_filter"), ModelRefusedError, "declined"),
    "no choices": (no_choices(), UnusableReplyError, "not a reply"),
    "null for choices": (Step(b'{"choices": null}'), UnusableReplyError, "not a reply"),
    "a list for a reply": (Step(b"[]"), UnusableReplyError, "not a reply"),
    "an error with status 200": (Step(b'{"error": {"message": "x"}}'), UnusableReplyError, "not a reply"),
    "a page with status 200": (html(), UnusableReplyError, "not a reply"),
    "broken JSON": (broken_json(), UnusableReplyError, "not a reply"),
    "JSON a thousand levels deep": (Step(b"[" * 100_000), SimulatorError, "fake"),
}


@pytest.mark.parametrize("fault", FINAL_FAULTS)
def test_a_fault_that_another_try_cannot_mend_is_named_after_one_request(fault: str) -> None:
    step, kind, words = FINAL_FAULTS[fault]
    with FaultServer(step) as server, pytest.raises(kind, match=words):
        reply(opened(server))
    assert len(server.requests) == 1


PASSING_FAULTS = {
    "too many requests": failure(429),
    "a server error": failure(500),
    "an overloaded proxy": html(503),
    "a reset connection": reset(),
    "a body shorter than its length": short_body(),
}


@pytest.mark.parametrize("fault", PASSING_FAULTS)
@pytest.mark.usefixtures("no_pause")
def test_a_passing_fault_is_tried_again_until_the_reply_comes(fault: str) -> None:
    step = PASSING_FAULTS[fault]
    with FaultServer(step, step, completion(WHOLE)) as server:
        assert reply(opened(server)) == WHOLE
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", PASSING_FAULTS)
@pytest.mark.usefixtures("no_pause")
def test_a_fault_that_stays_is_given_up_after_five_requests_in_all(fault: str) -> None:
    with FaultServer(PASSING_FAULTS[fault]) as server, pytest.raises(ModelUnavailableError, match="fake"):
        reply(opened(server))
    assert len(server.requests) == models.MOST_ATTEMPTS == 5


def test_an_address_where_nobody_listens_is_unavailable_within_the_limit() -> None:
    with FaultServer() as server:
        gone = opened(server, seconds=1)
    started = time.monotonic()
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        reply(gone)
    assert time.monotonic() - started < 1 + GRACE_SECONDS


HALF_A_PAIR = delta({"content": "@"}, "stop").replace(b"@", b"cut \\ud800 here")


@pytest.mark.parametrize(("ask", "step"), [(reply, completion("cut \ud800 here")), (stream, streamed(HALF_A_PAIR))])
def test_a_lone_surrogate_in_a_reply_is_replaced_so_that_the_text_can_be_stored(
    ask: Callable[[ChatModel], str], step: Step
) -> None:
    with FaultServer(step) as server:
        said = ask(opened(server))
    assert said.encode("utf-8").startswith(b"cut ") and said.endswith(" here")


# --- pauses and deadlines --------------------------------------------------------------------------------


def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    with FaultServer(failure(429, retry_after="1"), completion(WHOLE)) as server:
        started = time.monotonic()
        assert reply(opened(server)) == WHOLE
    assert 1.0 <= time.monotonic() - started < 3.0
    assert len(server.requests) == 2


def test_a_wait_of_five_minutes_is_refused_at_once_and_told() -> None:
    with FaultServer(failure(429, retry_after="300")) as server:
        started = time.monotonic()
        with pytest.raises(ModelUnavailableError, match="300 seconds"):
            reply(opened(server))
    assert time.monotonic() - started < 1.0
    assert len(server.requests) == 1


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    with FaultServer(failure(429, retry_after="30")) as server:
        started = time.monotonic()
        with pytest.raises(ModelUnavailableError, match="overloaded"):
            reply(opened(server, seconds=5))
    assert time.monotonic() - started < 1.0
    assert len(server.requests) == 1


@pytest.mark.parametrize("asked", ["nan", "-5", "soon", "Wed, 21 Oct 2065 07:28:00 GMT"])
@pytest.mark.usefixtures("no_pause")
def test_a_wait_that_is_not_a_number_of_seconds_is_taken_as_none(asked: str) -> None:
    with FaultServer(failure(429, retry_after=asked), completion(WHOLE)) as server:
        assert reply(opened(server)) == WHOLE


SLOW = {
    "a reply that hangs": (reply, hang()),
    "a reply that stalls half way": (reply, Step(completion(WHOLE).body, cut=60, ending="stall")),
    "a reply that drips": (reply, Step(b'{"choices": ', sized=False, ending="drip", drip=b" ")),
    "a fault that stays": (reply, failure(503)),
    "a verdict that hangs": (lambda model: model.yes_no(ASKED), hang()),
    "a stream that hangs": (stream, hang()),
    "a stream that stalls half way": (stream, streamed(events(WHOLE), cut=400, ending="stall")),
    "a stream that drips words": (
        stream,
        streamed(events("Why?", None, False), ending="drip", drip=delta({"content": "x"})),
    ),
    "a stream that drips comments": (
        stream,
        streamed(events("Why?", None, False), ending="drip", drip=b": still here\n\n"),
    ),
}


@pytest.mark.parametrize("fault", SLOW)
def test_every_call_ends_inside_its_limit(fault: str) -> None:
    ask, step = SLOW[fault]
    started = time.monotonic()
    error = failed(step, ask, seconds=1)
    assert isinstance(error, ModelUnavailableError)
    assert time.monotonic() - started < 1 + GRACE_SECONDS


def test_a_flood_of_words_ends_inside_the_limit_for_a_slow_reader_too() -> None:
    flood = streamed(b"", ending="drip", drip=delta({"content": "x"}), every=0)
    with FaultServer(flood) as server:
        started = time.monotonic()
        with pytest.raises(ModelUnavailableError, match="1 seconds"):
            for _ in opened(server, seconds=1).stream(ASKED, 40):
                time.sleep(0.02)  # a page that draws; the words come faster
                assert time.monotonic() - started < 1 + GRACE_SECONDS


# --- streams ---------------------------------------------------------------------------------------------


def test_a_stream_gives_the_reply_in_pieces_and_asks_for_a_stream() -> None:
    with FaultServer(streamed(events(WHOLE))) as server:
        pieces = list(opened(server).stream(ASKED, 40))
    assert "".join(pieces) == WHOLE
    assert len(pieces) == len(WHOLE.split())
    assert server.requests[0].body["stream"] is True


BROKEN_STREAMS = {
    "no finish": (streamed(events(WHOLE, finish=None)), ModelUnavailableError, "broke off"),
    "nothing at all": (streamed(b""), SimulatorError, "fake|broke off"),
    "no words": (streamed(events("")), UnusableReplyError, "empty"),
    "blanks only": (streamed(events(" \n ")), UnusableReplyError, "empty"),
    "the length limit": (streamed(events(WHOLE, finish="length")), UnusableReplyError, "length"),
    "a content filter": (streamed(events("Well", finish="content_filter")), ModelRefusedError, "declined"),
    "a refusal": (
        streamed(delta({"role": "assistant", "refusal": "No."}) + delta({}, "stop")),
        UnusableReplyError,
        "empty",
    ),
    "an error object within": (
        streamed(events("Well", None, False) + event({"error": {"message": "out of memory"}})),
        UnusableReplyError,
        "not a reply",
    ),
    "a reset half way": (
        streamed(events(WHOLE), cut=300, ending="reset"),
        ModelUnavailableError,
        "connection broke",
    ),
    "a page instead": (html(), UnusableReplyError, "not a reply"),
    "a refused key": (failure(401), ConfigurationError, "SIMULATOR_API_KEY"),
    "an unknown model": (failure(404), ConfigurationError, "SIMULATOR_MODEL"),
}


@pytest.mark.parametrize("fault", BROKEN_STREAMS)
def test_a_stream_that_is_not_a_whole_reply_raises_and_is_not_asked_for_again(fault: str) -> None:
    step, kind, words = BROKEN_STREAMS[fault]
    with FaultServer(step) as server, pytest.raises(kind, match=words):
        stream(opened(server))
    assert len(server.requests) == 1


WHOLE = "A naïve date — whose?"


def test_a_stream_that_ends_at_any_byte_never_passes_for_a_whole_reply() -> None:
    body = events(WHOLE)
    ended_well = []
    with FaultServer(*(streamed(body, cut=cut, ending="close") for cut in range(len(body) + 1))) as server:
        model = opened(server)
        for cut in range(len(body) + 1):
            pieces: list[str] = []
            try:
                for piece in model.stream(ASKED, 40):
                    pieces.append(piece)  # what came before an error counts, too
            except SimulatorError:
                assert WHOLE.startswith("".join(pieces))
            else:
                assert "".join(pieces) == WHOLE, f"cut after {cut} bytes"
                ended_well.append(cut)
    assert len(server.requests) == len(body) + 1
    # Only the end marker, which adds nothing to the text, may be missing.
    assert all(cut >= len(events(WHOLE, done=False)) for cut in ended_well)
    assert ended_well[-1] == len(body)


@pytest.mark.parametrize("cut", range(0, len(events(WHOLE)), 60))
def test_a_stream_that_is_reset_is_asked_for_again_only_before_its_first_piece(cut: int) -> None:
    body = events(WHOLE)
    with FaultServer(streamed(body, cut=cut, ending="reset"), streamed(body)) as server:
        pieces: list[str] = []
        try:
            for piece in opened(server).stream(ASKED, 40):
                pieces.append(piece)
        except SimulatorError:
            assert len(server.requests) == 1
            assert WHOLE.startswith("".join(pieces))
        else:
            assert "".join(pieces) == WHOLE


def test_a_reader_who_leaves_a_stream_early_ends_the_request() -> None:
    endless = streamed(events("Why?", None, False), ending="drip", drip=delta({"content": "x"}), every=0.01)
    with FaultServer(endless) as server:
        before = threading.active_count()
        pieces = opened(server).stream(ASKED, 40)
        next(pieces)
        assert threading.active_count() > before
        pieces.close()  # type: ignore[attr-defined]  # a generator behind the annotation
        until = time.monotonic() + 3
        while threading.active_count() > before and time.monotonic() < until:
            time.sleep(0.01)
        assert threading.active_count() <= before


# --- secrets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [reply, stream])
@pytest.mark.parametrize("step", [failure(401), failure(404), failure(500), html(), reset(), broken_json()])
def test_the_key_is_in_no_error_no_trace_and_no_log(
    ask: Callable[[ChatModel], str], step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = failed(step, ask, seconds=0.5)
    shown = [str(error), repr(error), "".join(traceback.format_exception(error)), caplog.text]
    assert not [text for text in shown if KEY in text]


@pytest.mark.parametrize("ask", [reply, stream])
def test_a_key_that_the_server_repeats_is_not_shown(ask: Callable[[ChatModel], str]) -> None:
    error = failed(failure(400, f"no quota for {KEY} today"), ask)
    assert "no quota for" in str(error)
    assert KEY not in str(error) + error.problem + repr(error)


@pytest.mark.parametrize("address", ["https://me:pa55word@models.example/v1", "https://pa55word@models.example"])
def test_an_address_with_a_password_is_refused_without_showing_it(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env file is
    monkeypatch.setenv("SIMULATOR_BASE_URL", address)
    with pytest.raises(ConfigurationError, match="SIMULATOR_BASE_URL") as caught:
        load_settings()
    assert "pa55word" not in "".join(traceback.format_exception(caught.value))


# --- verdicts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.001, 0.1, 0.37, 0.5, 0.9, 0.998])
def test_log_odds_come_from_the_first_token_s_probabilities(share: float) -> None:
    with FaultServer(verdict(share)) as server:
        found = opened(server).yes_no(ASKED)
    assert found.log_odds == pytest.approx(math.log(share / (1 - share)), abs=1e-3)
    assert found.mass == pytest.approx(1.0, abs=1e-6)
    body = server.requests[0].body
    assert body["logprobs"] is True and body["top_logprobs"] == models.TOP_LOGPROBS
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


# --- lanes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [ChatModel.reply, lambda *given: "".join(ChatModel.stream(*given))])
def test_a_background_call_waits_for_the_live_one_and_its_clock_starts_after(ask: Callable[..., str]) -> None:
    said: list[Any] = []

    def grade() -> None:
        try:
            said.append(ask(model, ASKED, 40, Lane.BACKGROUND))
        except SimulatorError as error:
            said.append(error)

    with FaultServer(reply=lambda messages, params: WHOLE) as server:
        model = opened(server, seconds=0.5)
        grading = threading.Thread(target=grade)
        with model.gate.live():
            grading.start()
            assert reply(model) == WHOLE
            grading.join(0.7)  # longer than a call may take
            assert grading.is_alive() and len(server.requests) == 1
        grading.join(5)
    assert said == [WHOLE]
    assert len(server.requests) == 2


def test_background_calls_do_not_wait_for_each_other_or_for_a_live_call_that_is_over() -> None:
    with FaultServer(completion(WHOLE)) as server:
        model = opened(server)
        with model.gate.live():
            pass
        assert model.reply(ASKED, 40, Lane.BACKGROUND) == WHOLE


# --- opening ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "models.example/v1",
        "localhost:8080/v1",
        "ftp://models.example",
        "http://",
        "http://h:port/v1",
        "http://[::1/v1",
    ],
)
def test_an_address_that_is_none_is_told_before_any_call(address: str) -> None:
    with pytest.raises(ConfigurationError, match="SIMULATOR_BASE_URL"):
        open_model(Settings(model="fake", base_url=address))


def test_an_address_without_a_model_is_told_before_any_call() -> None:
    with pytest.raises(ConfigurationError, match="SIMULATOR_MODEL"):
        open_model(Settings(base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize("name", ["nonsense", "nobody:model", "openai:gpt-none"])
def test_a_model_that_no_provider_here_serves_is_told_before_any_call(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=f"SIMULATOR_MODEL={name}"):
        open_model(Settings(model=name))


def test_the_host_is_named_so_that_a_page_can_say_where_answers_go() -> None:
    with FaultServer() as server:
        model = opened(server)
    assert (model.name, model.host, model.process_id) == ("fake", "127.0.0.1", None)


def test_a_proxy_of_the_environment_never_sees_what_goes_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultServer(completion("from afar")) as proxy, FaultServer(completion(WHOLE)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert reply(opened(server)) == WHOLE
    assert not proxy.requests


# --- the scripted model that other tests use -------------------------------------------------------------


def test_a_scripted_model_replies_streams_and_gives_verdicts() -> None:
    def scripted(messages: Messages, params: dict[str, Any]) -> str | float:
        return 0.8 if params.get("logprobs") else f"You said: {messages[-1]['content']}"

    with FaultServer(reply=scripted) as server:
        model = opened(server)
        assert reply(model) == stream(model) == f"You said: {ASKED[-1][1]}"
        assert model.yes_no(ASKED).log_odds == pytest.approx(math.log(4), abs=1e-3)
    assert [request.messages for request in server.requests] == [ASKED_AS_SENT] * 3
