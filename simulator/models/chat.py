"""Talking to a chat model through LangChain's client: one retry policy, one total deadline, two lanes.

Whatever stands behind it (the embedded server, an OpenAI-compatible address, another provider), the rest
of the program sees `ChatModel` and the errors of `simulator.errors`. Knows no prompt and no rubric.
"""

import itertools
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import openai
import tenacity
from pydantic import BaseModel

from simulator import local_model
from simulator.errors import (
    ConfigurationError,
    ModelUnavailableError,
    UnusableReplyError,
)
from simulator.models.faults import BusyError, checked_text, mapped, refuse_refusal
from simulator.models.turns import Turns
from simulator.operations.event import WAITED, Fields
from simulator.operations.events import MODEL_CALLED, MODEL_RETRIED
from simulator.prompts import Message

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MOST_ATTEMPTS = 5
MOST_TYPED_TOKENS = 4_096
TOP_LOGPROBS = 20
LEAST_YES_NO_MASS = 0.2
MOST_YES_NO_MASS = 1.01
"""A little over 1, for sums of rounded shares."""

T = TypeVar("T")
Typed = TypeVar("Typed", bound=BaseModel)


class Lane(IntEnum):
    """Who waits for a call. The numbers are the slots of the embedded server, so prefixes stay cached."""

    LIVE = 0
    BACKGROUND = 1

    @property
    def label(self) -> str:
        """What it is called where calls are counted."""
        return self.name.lower()


class NeitherWordError(UnusableReplyError):
    """The first token of a reply to a yes/no question is neither word."""


@dataclass(frozen=True, slots=True)
class YesNo:
    """The model's answer to a yes/no question, before calibration: log-odds of yes, and the probability
    mass that fell on either word at all (low means that it wanted to say something else)."""

    log_odds: float
    mass: float


class ChatModel:
    """A chat model behind one address. Every method ends within `timeout_seconds`, retries included.

    `places` live turns are held at once: who makes live calls takes a turn of `turns` around them. The wait for it,
    and that of a background call, does not count."""

    def __init__(
        self,
        chat: "BaseChatModel",
        name: str,
        timeout_seconds: float,
        *,
        host: str = "",
        places: int = 1,
        endpoint: local_model.Endpoint | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.turns = Turns(places)
        self._chat = chat
        self._timeout_seconds = timeout_seconds
        self._endpoint = endpoint

    @property
    def process_id(self) -> int | None:
        """The embedded server's process, None for another endpoint."""
        return self._endpoint.process.pid if self._endpoint else None

    @property
    def alive(self) -> bool:
        """False once the embedded server's process has ended, for instance killed for memory."""
        return self._endpoint is None or self._endpoint.process.poll() is None

    def reply(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> str:
        """The whole reply. Raises UnusableReplyError when it is empty or was cut at `max_tokens`."""
        with MODEL_CALLED.timed(kind="reply", lane=lane.label) as seen:
            options = self._options(max_tokens, lane)
            message = self._call(lambda: self._chat.invoke(list(messages), **options), lane, seen)
            return checked_text(_text(message), message.response_metadata, message.additional_kwargs)

    def stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> Iterator[str]:
        """The reply in pieces. Asked again only until the first piece: after it, the reader may have shown it.

        Raises at the end when the pieces make no whole reply: no finish, nothing said, cut at `max_tokens`.
        """
        with MODEL_CALLED.timed(kind="stream", lane=lane.label) as seen:
            yield from self._stream(messages, max_tokens, lane, seen)

    def _stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane, seen: Fields) -> Iterator[str]:
        self._give_way(lane, seen)
        deadline = time.monotonic() + self._timeout_seconds

        def begin() -> tuple[Any, Iterator[Any]]:
            chunks = iter(self._chat.stream(list(messages), **self._options(max_tokens, lane)))
            return next(chunks, None), chunks

        first, rest = self._call(begin, Lane.LIVE, seen)  # it has given way already
        pieces: queue.Queue[Any] = queue.Queue()
        stop = threading.Event()

        def pump() -> None:
            try:
                for chunk in itertools.chain([first], rest) if first is not None else ():
                    pieces.put(chunk)
                    if stop.is_set():
                        return
                pieces.put(None)
            except BaseException as error:  # noqa: BLE001  handed over to the consumer, which maps it
                pieces.put(error)

        threading.Thread(target=pump, daemon=True).start()
        finish = said = ""
        try:
            while (chunk := self._next(pieces, deadline)) is not None:
                finish = chunk.response_metadata.get("finish_reason") or finish
                finish = chunk.response_metadata.get("stop_reason") or finish
                if text := _text(chunk):
                    said += text
                    yield text
        finally:
            stop.set()
        if not finish:
            raise ModelUnavailableError("The model's reply broke off.", "Try again.")
        checked_text(said, {"finish_reason": finish}, {})

    def _next(self, pieces: "queue.Queue[Any]", deadline: float) -> Any:
        left = deadline - time.monotonic()
        if left <= 0:  # also while pieces are waiting: a flood of them must not outlast the deadline
            raise self._too_late()
        try:
            got = pieces.get(timeout=left)
        except queue.Empty:
            raise self._too_late() from None
        if isinstance(got, BaseException):
            raise mapped(got, self.name) from got
        return got

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.LIVE, *, fresh: bool = False) -> YesNo:
        """Log-odds of yes from the first token's log-probabilities.

        `fresh` makes the embedded server read all of it anew, so that what it has read before cannot show
        in the last digits of this reply, nor of the replies that build on it.
        Raises ConfigurationError when the endpoint gives none, and UnusableReplyError when neither word
        carries at least a fifth of the probability: nothing is guessed from prose.
        """
        options = self._options(1, lane, fresh=fresh) | {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        with MODEL_CALLED.timed(kind="yes_no", lane=lane.label) as seen:
            message = self._call(lambda: self._chat.invoke(list(messages), **options), lane, seen)
            return self._verdict(message)

    def _verdict(self, message: Any) -> YesNo:
        refuse_refusal(message.response_metadata, message.additional_kwargs)
        try:
            rivals = message.response_metadata["logprobs"]["content"][0]["top_logprobs"]
        except (KeyError, IndexError, TypeError):
            rivals = None
        if not rivals:
            raise ConfigurationError(
                f"{self.name} gives no log-probabilities, which grading needs.",
                "Set SIMULATOR_GRADING=structured, or use an endpoint that returns `logprobs`.",
            )
        try:
            yes, no = _mass(rivals, "yes"), _mass(rivals, "no")
        except (AttributeError, KeyError, OverflowError, TypeError) as error:
            raise UnusableReplyError(f"{self.name} sent log-probabilities that make no sense.") from error
        if not LEAST_YES_NO_MASS <= yes + no <= MOST_YES_NO_MASS:  # false for NaN, too
            raise NeitherWordError(f"{self.name} answered a yes/no check with neither word.")
        floor = 1e-6
        return YesNo(math.log(max(yes, floor)) - math.log(max(no, floor)), yes + no)

    def require_log_probabilities(self) -> None:
        """See by one small call that they are really there: servers drop them silently.

        Raises ConfigurationError where they are not."""
        try:
            self.yes_no([("user", "Is water wet? Answer Yes or No.")])
        except NeitherWordError:
            return  # what it says does not matter here
        except UnusableReplyError as error:
            if error.__cause__ is None or not isinstance(error.__cause__, openai.APIStatusError):
                raise
            raise ConfigurationError(  # servers that know no `logprobs` refuse the setting
                f"{self.name} refused a request for log-probabilities, which grading needs: {error.problem}",
                "Set SIMULATOR_GRADING=structured, or use an endpoint that returns `logprobs`.",
            ) from error

    def typed(self, messages: Sequence[Message], kind: type[Typed], lane: Lane = Lane.LIVE) -> Typed:
        """The reply as a value of that kind. Raises UnusableReplyError when it is not one: nothing is guessed."""
        options = self._options(MOST_TYPED_TOKENS, lane) if self._endpoint else {}
        asked = self._chat.with_structured_output(kind, include_raw=True, **options)
        with MODEL_CALLED.timed(kind="typed", lane=lane.label) as seen:
            found: Any = self._call(lambda: asked.invoke(list(messages)), lane, seen)
            message = found["raw"]
            refuse_refusal(message.response_metadata, message.additional_kwargs)
            if not isinstance(found["parsed"], kind):
                raise UnusableReplyError(f"{self.name} sent no {kind.__name__} of the form that was asked for.")
            return found["parsed"]

    def close(self) -> None:
        """End the embedded server if this model owns one."""
        if self._endpoint:
            self._endpoint.stop()

    def _give_way(self, lane: Lane, seen: Fields) -> float:
        """Wait for the turn of a background call; so long, in seconds, has it been."""
        came = time.monotonic()
        if lane is Lane.BACKGROUND:
            self.turns.give_way()
        waited = time.monotonic() - came
        seen[WAITED] = waited + float(seen.get(WAITED, 0))
        return waited

    def _options(self, max_tokens: int, lane: Lane, *, fresh: bool = False) -> dict[str, Any]:
        options: dict[str, Any] = {"max_tokens": max_tokens}
        if self._endpoint:
            options["extra_body"] = {"id_slot": int(lane), "cache_prompt": not fresh}
        return options

    def _call(self, call: Callable[[], T], lane: Lane, seen: Fields) -> T:
        """One call with the one retry policy, inside one total deadline that also ends a dripping reply."""
        deadline = time.monotonic() + self._timeout_seconds

        def attempt() -> T:
            nonlocal deadline
            deadline += self._give_way(lane, seen)  # the limit is for the model, not for waiting one's turn
            result: queue.Queue[Any] = queue.Queue()

            def run() -> None:
                try:
                    result.put((call(), None))
                except BaseException as error:  # noqa: BLE001  handed over to the caller, which maps it
                    result.put((None, error))

            threading.Thread(target=run, daemon=True).start()
            try:
                value, error = result.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise self._too_late() from None
            if error is not None:
                raise mapped(error, self.name) from error
            return value  # type: ignore[no-any-return]  # what `call` returned, through the queue

        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = getattr(failure, "wait_seconds", 0.0)
            return max(asked, tenacity.wait_random_exponential(multiplier=0.5, max=8)(state))

        def stop(state: tenacity.RetryCallState) -> bool:
            pause = state.upcoming_sleep
            return state.attempt_number >= MOST_ATTEMPTS or time.monotonic() + pause >= deadline

        policy = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BusyError),
            wait=wait,
            stop=stop,
            before_sleep=lambda _: MODEL_RETRIED.happened(lane=lane.label),
            reraise=True,
        )
        return policy(attempt)

    def _too_late(self) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"{self.name} did not finish within {self._timeout_seconds:g} seconds.",
            "Try again, or raise SIMULATOR_CALL_TIMEOUT_SECONDS.",
        )


def _text(message: Any) -> str:
    text = message.text if isinstance(message.text, str) else str(message.content)
    # JSON can carry half a surrogate pair, which neither a database nor a page takes.
    return text.encode("utf-8", "replace").decode("utf-8")


def _mass(rivals: Sequence[dict[str, Any]], word: str) -> float:
    """The probability of all spellings of `word` among the rivals for the first token."""
    spelled = (rival for rival in rivals if rival["token"].strip().strip('."*').lower() == word)
    return sum(math.exp(rival["logprob"]) for rival in spelled)
