"""Replies and streams of a model, with the real client over a wire that misbehaves."""

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
from asking import ASKED, ASKED_AS_SENT, GRACE_SECONDS, KEY, WHOLE, delta, failed, opened, reply, stream
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
    refusal,
    reset,
    short_body,
    streamed,
)

from simulator.errors import (
    ConfigurationError,
    ModelRefusedError,
    ModelUnavailableError,
    SimulatorError,
    UnusableReplyError,
)
from simulator.models import ChatModel, Lane
from simulator.models.chat import MOST_ATTEMPTS
from simulator.settings import load_settings

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
    "a setting that it does not know": (failure(400, "no such option"), UnusableReplyError, "no such option"),
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


def over_the_window(**told: object) -> Step:
    return Step(json.dumps({"error": told}).encode(), 400)


OVER_THE_WINDOW = {
    "llama.cpp": over_the_window(
        message="the request exceeds the available context size, try increasing it", type="exceed_context_size_error"
    ),
    "by its code alone": over_the_window(message="Invalid request.", code="context_length_exceeded"),
    "vLLM": over_the_window(
        message="This model's maximum context length is 4096 tokens. However, you requested 9000."
    ),
    "a proxy": over_the_window(message="too many tokens"),
}


@pytest.mark.parametrize("ask", [reply, stream, lambda model: model.yes_no(ASKED)])
@pytest.mark.parametrize("server", OVER_THE_WINDOW)
def test_a_request_that_is_longer_than_the_model_reads_is_told_in_a_sentence_of_its_own(
    server: str, ask: Callable[[ChatModel], object]
) -> None:
    with FaultServer(OVER_THE_WINDOW[server]) as wire, pytest.raises(UnusableReplyError) as caught:
        ask(opened(wire))
    assert caught.value.problem.startswith("fake cannot read so much at once: ")
    assert "SIMULATOR_CONTEXT_TOKENS" in caught.value.fix
    assert len(wire.requests) == 1


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
    assert len(server.requests) == MOST_ATTEMPTS == 5


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
        with model.turns.live("somebody"):
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
        with model.turns.live("somebody"):
            pass
        assert model.reply(ASKED, 40, Lane.BACKGROUND) == WHOLE


# --- the scripted model that other tests use -------------------------------------------------------------


def test_a_scripted_model_replies_streams_and_gives_verdicts() -> None:
    def scripted(messages: Messages, params: dict[str, Any]) -> str | float:
        return 0.8 if params.get("logprobs") else f"You said: {messages[-1]['content']}"

    with FaultServer(reply=scripted) as server:
        model = opened(server)
        assert reply(model) == stream(model) == f"You said: {ASKED[-1][1]}"
        assert model.yes_no(ASKED).log_odds == pytest.approx(math.log(4), abs=1e-3)
    assert [request.messages for request in server.requests] == [ASKED_AS_SENT] * 3
