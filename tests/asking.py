"""What tests put to a model over a wire that misbehaves, and how they ask."""

from collections.abc import Callable
from typing import Any

import pytest
from fault_server import (
    FaultServer,
    Step,
    event,
)
from pydantic import SecretStr

from simulator.errors import (
    SimulatorError,
)
from simulator.models import ChatModel, open_model
from simulator.settings import Settings

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
