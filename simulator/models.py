"""The one door to chat models: LangChain's clients, one retry policy, one total deadline, one error map.

Whatever stands behind it (the embedded server, an OpenAI-compatible address, another provider), the rest
of the program sees `ChatModel` and the errors of `simulator.errors`. Knows no prompt and no rubric.
"""

import itertools
import json
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import openai
import tenacity
from pydantic import BaseModel

from simulator import local_model
from simulator.errors import (
    ConfigurationError,
    ModelRefusedError,
    ModelUnavailableError,
    SimulatorError,
    UnusableReplyError,
)
from simulator.settings import EMBEDDED, Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# Whatever the environment says: LangChain would send each request to a tracing service as well, and the client would
# write it into a log.
os.environ["LANGSMITH_TRACING_V2"] = "false"
logging.getLogger("openai").setLevel(logging.INFO)

MOST_ATTEMPTS = 5
MOST_TYPED_TOKENS = 4_096
TOP_LOGPROBS = 20
LEAST_YES_NO_MASS = 0.2
MOST_YES_NO_MASS = 1.01
"""A little over 1, for sums of rounded shares."""
LONGEST_RETRY_AFTER_SECONDS = 60.0

Message = tuple[str, str]
"""A role (`system`, `user`, `assistant`) and its text."""
T = TypeVar("T")
Typed = TypeVar("Typed", bound=BaseModel)


class Lane(IntEnum):
    """Who waits for a call. The numbers are the slots of the embedded server, so prefixes stay cached."""

    LIVE = 0
    BACKGROUND = 1


class _BusyError(ModelUnavailableError):
    """Worth another try: overload, a dropped connection. `wait_seconds` is what the server asked for."""

    def __init__(self, problem: str, wait_seconds: float = 0.0) -> None:
        super().__init__(problem, "Try again in a moment.")
        self.wait_seconds = wait_seconds


class NeitherWordError(UnusableReplyError):
    """The first token of a reply to a yes/no question is neither word."""


@dataclass(frozen=True, slots=True)
class YesNo:
    """The model's answer to a yes/no question, before calibration: log-odds of yes, and the probability
    mass that fell on either word at all (low means that it wanted to say something else)."""

    log_odds: float
    mass: float


class Gate:
    """Lets background calls wait while someone is waiting for a live reply."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._live = 0

    @contextmanager
    def live(self) -> Iterator[None]:
        with self._free:
            self._live += 1
        try:
            yield
        finally:
            with self._free:
                self._live -= 1
                self._free.notify_all()

    def wait(self, lane: Lane) -> None:
        if lane is Lane.BACKGROUND:
            with self._free:
                self._free.wait_for(lambda: self._live == 0)


class ChatModel:
    """A chat model behind one address. Every method ends within `timeout_seconds`, retries included.

    The wait of a background call for its turn does not count."""

    def __init__(
        self,
        chat: "BaseChatModel",
        name: str,
        timeout_seconds: float,
        *,
        host: str = "",
        endpoint: local_model.Endpoint | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.gate = Gate()
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
        message = self._call(lambda: self._chat.invoke(list(messages), **self._options(max_tokens, lane)), lane)
        return _checked_text(_text(message), message.response_metadata, message.additional_kwargs)

    def stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> Iterator[str]:
        """The reply in pieces. Asked again only until the first piece: after it, the reader may have shown it.

        Raises at the end when the pieces make no whole reply: no finish, nothing said, cut at `max_tokens`.
        """
        self.gate.wait(lane)
        deadline = time.monotonic() + self._timeout_seconds

        def begin() -> tuple[Any, Iterator[Any]]:
            chunks = iter(self._chat.stream(list(messages), **self._options(max_tokens, lane)))
            return next(chunks, None), chunks

        first, rest = self._call(begin, lane)
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
        _checked_text(said, {"finish_reason": finish}, {})

    def _next(self, pieces: "queue.Queue[Any]", deadline: float) -> Any:
        left = deadline - time.monotonic()
        if left <= 0:  # also while pieces are waiting: a flood of them must not outlast the deadline
            raise self._too_late()
        try:
            got = pieces.get(timeout=left)
        except queue.Empty:
            raise self._too_late() from None
        if isinstance(got, BaseException):
            raise _mapped(got, self.name) from got
        return got

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.LIVE, *, fresh: bool = False) -> YesNo:
        """Log-odds of yes from the first token's log-probabilities.

        `fresh` makes the embedded server read all of it anew, so that what it has read before cannot show
        in the last digits of this reply, nor of the replies that build on it.
        Raises ConfigurationError when the endpoint gives none, and UnusableReplyError when neither word
        carries at least a fifth of the probability: nothing is guessed from prose.
        """
        options = self._options(1, lane, fresh=fresh) | {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        message = self._call(lambda: self._chat.invoke(list(messages), **options), lane)
        _refuse_refusal(message.response_metadata, message.additional_kwargs)
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
        found: Any = self._call(lambda: asked.invoke(list(messages)), lane)
        message = found["raw"]
        _refuse_refusal(message.response_metadata, message.additional_kwargs)
        if not isinstance(found["parsed"], kind):
            raise UnusableReplyError(f"{self.name} sent no {kind.__name__} of the form that was asked for.")
        return found["parsed"]

    def close(self) -> None:
        """End the embedded server if this model owns one."""
        if self._endpoint:
            self._endpoint.stop()

    def _options(self, max_tokens: int, lane: Lane, *, fresh: bool = False) -> dict[str, Any]:
        options: dict[str, Any] = {"max_tokens": max_tokens}
        if self._endpoint:
            options["extra_body"] = {"id_slot": int(lane), "cache_prompt": not fresh}
        return options

    def _call(self, call: Callable[[], T], lane: Lane) -> T:
        """One call with the one retry policy, inside one total deadline that also ends a dripping reply."""
        deadline = time.monotonic() + self._timeout_seconds

        def attempt() -> T:
            nonlocal deadline
            came = time.monotonic()
            self.gate.wait(lane)
            deadline += time.monotonic() - came  # the limit is for the model, not for waiting one's turn
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
                raise _mapped(error, self.name) from error
            return value  # type: ignore[no-any-return]  # what `call` returned, through the queue

        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = getattr(failure, "wait_seconds", 0.0)
            return max(asked, tenacity.wait_random_exponential(multiplier=0.5, max=8)(state))

        def stop(state: tenacity.RetryCallState) -> bool:
            pause = state.upcoming_sleep
            return state.attempt_number >= MOST_ATTEMPTS or time.monotonic() + pause >= deadline

        policy = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_BusyError), wait=wait, stop=stop, reraise=True
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


def _refuse_refusal(metadata: dict[str, Any], extra: dict[str, Any]) -> None:
    finish = metadata.get("finish_reason") or metadata.get("stop_reason")
    if extra.get("refusal") or finish in ("content_filter", "refusal"):
        raise ModelRefusedError("The model declined to reply.", "Rephrase, or choose another model.")


def _checked_text(text: str, metadata: dict[str, Any], extra: dict[str, Any]) -> str:
    _refuse_refusal(metadata, extra)
    finish = metadata.get("finish_reason") or metadata.get("stop_reason")
    if finish in ("length", "max_tokens"):
        raise UnusableReplyError("The model's reply was cut at its length limit.")
    if not finish or not text.strip():
        raise UnusableReplyError("The model's reply was empty or broke off.")
    return text


_MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What the clients raise over a body that is not what they expect."""


def _mapped(error: BaseException, name: str) -> BaseException:
    """The one map from what the clients raise to the errors of this program."""
    if isinstance(error, SimulatorError):
        return error
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ConfigurationError(f"{name} refused the key.", "Check SIMULATOR_API_KEY.")
    if isinstance(error, openai.NotFoundError):
        return ConfigurationError(
            f"{name} is not known at that address.", "Check SIMULATOR_MODEL and SIMULATOR_BASE_URL."
        )
    if isinstance(error, openai.RateLimitError | openai.InternalServerError):
        asked = _retry_after(error)
        if asked > LONGEST_RETRY_AFTER_SECONDS:
            return ModelUnavailableError(f"{name} asks to wait {asked:g} seconds.", "Try again later.")
        return _BusyError(f"{name} is overloaded (status {error.status_code}).", asked)
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailableError(f"{name} did not answer in time.", "Try again.")
    if isinstance(error, openai.APIConnectionError):
        return _BusyError(f"{name} cannot be reached, or the connection broke.")
    if isinstance(error, openai.BadRequestError):
        key = error.request.headers.get("authorization", "").removeprefix("Bearer ")
        told = str(error.message)
        told = (told.replace(key, "***") if len(key) > 8 else told)[:200]  # some servers repeat the key
        return UnusableReplyError(f"{name} refused the request: {told}.", "Check the model's context size.")
    if isinstance(error, openai.ContentFilterFinishReasonError):
        return ModelRefusedError("The model declined to reply.", "Rephrase, or choose another model.")
    if isinstance(error, openai.LengthFinishReasonError):
        return UnusableReplyError(f"{name}'s reply was cut at its length limit.")
    if isinstance(error, (openai.APIError, json.JSONDecodeError, *_MALFORMED)):
        return UnusableReplyError(f"{name} sent something that is not a reply ({type(error).__name__}).")
    if isinstance(error, Exception):  # another provider's client, whose error classes aren't known here
        return ModelUnavailableError(f"{name} failed with {type(error).__name__}.", "Try again.")
    return error


def _retry_after(error: openai.APIStatusError) -> float:
    try:
        asked = float(error.response.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return asked if asked > 0 else 0.0  # NaN is not


def open_model(settings: Settings) -> ChatModel:
    """Make the model that the settings name; starts the embedded server where that is the one."""
    if settings.model == EMBEDDED and not settings.base_url:
        weights = local_model.checked_weights(settings.cache_dir, settings.model_file)
        endpoint = local_model.serve(
            weights, settings.context_tokens, settings.threads, settings.cache_dir / "logs" / "model.log"
        )
        chat = _openai_compatible("embedded", endpoint.base_url, endpoint.key, settings.call_timeout_seconds)
        return ChatModel(chat, weights.stem, settings.call_timeout_seconds, host="", endpoint=endpoint)
    key = settings.api_key.get_secret_value()
    if settings.base_url:
        if settings.model == EMBEDDED:
            raise ConfigurationError("SIMULATOR_BASE_URL is set without SIMULATOR_MODEL.", "Name the model too.")
        host = _host_of(settings.base_url)
        chat = _openai_compatible(settings.model, settings.base_url, key or "none", settings.call_timeout_seconds)
        return ChatModel(chat, settings.model, settings.call_timeout_seconds, host=host)
    return _any_provider(settings, key)


def _host_of(base_url: str) -> str:
    """The host of a web address. Raises ConfigurationError without showing it: there may be a password."""
    try:
        address = urlsplit(base_url)
        host = address.hostname if address.scheme in ("http", "https") and address.port != 0 else None
    except ValueError:
        host = None
    if not host:
        raise ConfigurationError("SIMULATOR_BASE_URL is not a web address.", "Give it as http://host:port/v1.")
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _openai_compatible(model: str, base_url: str, key: str, timeout_seconds: float) -> "BaseChatModel":
    from langchain_openai import ChatOpenAI

    # What stays on this machine must not go through a proxy that the environment names.
    direct = openai.DefaultHttpxClient(trust_env=False) if _is_loopback(_host_of(base_url)) else None
    return ChatOpenAI(
        model=model,
        base_url=base_url,
        api_key=key,  # type: ignore[arg-type]  # a plain string is accepted and wrapped
        max_retries=0,
        http_client=direct,
        timeout=timeout_seconds,
        temperature=0.0,
        seed=0,
    )


def _any_provider(settings: Settings, key: str) -> ChatModel:
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"temperature": 0.0, "max_retries": 0, "timeout": settings.call_timeout_seconds}
    if key:
        options["api_key"] = key
    try:
        chat = init_chat_model(settings.model, **options)
    except (ImportError, ValueError, openai.OpenAIError) as error:
        told = str(error).splitlines()[0]
        raise ConfigurationError(
            f"SIMULATOR_MODEL={settings.model} cannot be used: {told}", "Install the provider or set its key."
        ) from error
    return ChatModel(chat, settings.model, settings.call_timeout_seconds, host=settings.model.split(":")[0])
