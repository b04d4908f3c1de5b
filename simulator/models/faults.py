"""What goes wrong with a model, in this program's own errors: the one map from what the clients raise, and from
replies that are none. Calls nothing and tries nothing again.
"""

import json
import re
from typing import Any

import openai

from simulator.errors import (
    ConfigurationError,
    ModelRefusedError,
    ModelUnavailableError,
    SimulatorError,
    UnusableReplyError,
)

LONGEST_RETRY_AFTER_SECONDS = 60.0
_OVER_THE_WINDOW = re.compile(
    r"context.{0,3}(?:size|length|window)|too many (?:\w+ )?tokens|prompt is too long|maximum \w+ length",
    re.IGNORECASE,
)
"""How servers say, in the message, code or type of their error, that a request has more tokens than fit."""


class BusyError(ModelUnavailableError):
    """Worth another try: overload, a dropped connection. `wait_seconds` is what the server asked for."""

    def __init__(self, problem: str, wait_seconds: float = 0.0) -> None:
        super().__init__(problem, "Try again in a moment.")
        self.wait_seconds = wait_seconds


def refuse_refusal(metadata: dict[str, Any], extra: dict[str, Any]) -> None:
    """Raises ModelRefusedError where the reply, by what the client tells of it, is a refusal."""
    finish = metadata.get("finish_reason") or metadata.get("stop_reason")
    if extra.get("refusal") or finish in ("content_filter", "refusal"):
        raise ModelRefusedError("The model declined to reply.", "Rephrase, or choose another model.")


def checked_text(text: str, metadata: dict[str, Any], extra: dict[str, Any]) -> str:
    """The text of a reply that is whole. Raises ModelRefusedError and UnusableReplyError."""
    refuse_refusal(metadata, extra)
    finish = metadata.get("finish_reason") or metadata.get("stop_reason")
    if finish in ("length", "max_tokens"):
        raise UnusableReplyError("The model's reply was cut at its length limit.")
    if not finish or not text.strip():
        raise UnusableReplyError("The model's reply was empty or broke off.")
    return text


MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What the clients raise over a body that is not what they expect."""


def mapped(error: BaseException, name: str) -> BaseException:
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
        return BusyError(f"{name} is overloaded (status {error.status_code}).", asked)
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailableError(f"{name} did not answer in time.", "Try again.")
    if isinstance(error, openai.APIConnectionError):
        return BusyError(f"{name} cannot be reached, or the connection broke.")
    if isinstance(error, openai.BadRequestError):
        key = error.request.headers.get("authorization", "").removeprefix("Bearer ")
        told = str(error.message).removeprefix(f"Error code: {error.status_code} - ")
        told = (told.replace(key, "***") if len(key) > 8 else told)[:200]  # some servers repeat the key
        if _OVER_THE_WINDOW.search(f"{error.code} {error.type} {told}"):
            return UnusableReplyError(
                f"{name} cannot read so much at once: {told.rstrip('.')}.",
                "Raise SIMULATOR_CONTEXT_TOKENS (embedded model), or choose a model that reads more.",
            )
        return UnusableReplyError(f"{name} refused the request: {told}.", "Check SIMULATOR_MODEL.")
    if isinstance(error, openai.ContentFilterFinishReasonError):
        return ModelRefusedError("The model declined to reply.", "Rephrase, or choose another model.")
    if isinstance(error, openai.LengthFinishReasonError):
        return UnusableReplyError(f"{name}'s reply was cut at its length limit.")
    if isinstance(error, (openai.APIError, json.JSONDecodeError, *MALFORMED)):
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
