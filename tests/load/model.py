"""A chat model of fixed speed, however many ask at once: `python -m load.model PORT --tokens-per-second 20`.

It answers every yes/no question with no, so that each follow-up finds a gap, and words a follow-up as it was told to.
It notes when each call began and ended and whose words were in it; nobody's words must be in another's call.
"""

import argparse
import asyncio
import json
import math
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from load.marks import marks_in

_YES = 0.1
_ASKED = re.compile(r"^You want to ask the candidate: (.+)$", re.MULTILINE)
_OTHERWISE = "What did you decide yourself, and why?"
_HEAD = {"id": "c", "created": 1, "model": "fixed"}


@dataclass(slots=True)
class FixedModel:
    """A web application; times are in seconds, of the clock that all processes of a machine share."""

    tokens_per_second: float
    first_token_seconds: float
    yes_no_seconds: float
    calls: list[tuple[int, int, float, float]] = field(default_factory=list)
    """Visitor, turn, beginning and end; -1 where nobody's words were in it."""
    mixed: list[list[int]] = field(default_factory=list)
    """The visitors of each call that had words of several."""

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/calls", self._told),
            ]
        )

    async def _told(self, request: Request) -> Response:
        """Hand over what was noted since the last time."""
        told = {"calls": self.calls, "mixed": self.mixed}
        self.calls, self.mixed = [], []
        return JSONResponse(told)

    async def _complete(self, request: Request) -> Response:
        began = time.monotonic()
        asked: dict[str, Any] = await request.json()
        texts = [str(message["content"]) for message in asked["messages"]]
        seen = marks_in("\n".join(texts))
        if len(visitors := {visitor for visitor, _ in seen}) > 1:
            self.mixed.append(sorted(visitors))
        whose = max(seen, default=(-1, -1))
        if asked.get("logprobs"):
            await asyncio.sleep(self.yes_no_seconds)
            self.calls.append((*whose, began, time.monotonic()))
            return JSONResponse(_no())
        found = _ASKED.search(texts[-1])
        words = (found[1] if found else _OTHERWISE).split()
        if asked.get("stream"):
            return StreamingResponse(self._spoken(words, whose, began), media_type="text/event-stream")
        await asyncio.sleep(self.first_token_seconds + len(words) / self.tokens_per_second)
        self.calls.append((*whose, began, time.monotonic()))
        choice = {"index": 0, "message": {"role": "assistant", "content": " ".join(words)}, "finish_reason": "stop"}
        return JSONResponse(_HEAD | {"object": "chat.completion", "choices": [choice]})

    async def _spoken(self, words: list[str], whose: tuple[int, int], began: float) -> AsyncIterator[str]:
        """One event a word, each at its own time, so that a late one does not delay those after it."""
        last = next((number for number, word in enumerate(words) if "?" in word), len(words) - 1)
        for number, word in enumerate(words):
            due = began + self.first_token_seconds + number / self.tokens_per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if number == last:  # the program reads no further
                self.calls.append((*whose, began, time.monotonic()))
            yield _event({"content": word if number == 0 else f" {word}"}, None)
        yield _event({}, "stop") + "data: [DONE]\n\n"


def _event(delta: dict[str, str], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps(_HEAD | {'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def _no() -> dict[str, Any]:
    likely = [{"token": "No", "logprob": math.log(1 - _YES)}, {"token": "Yes", "logprob": math.log(_YES)}]
    first = likely[0] | {"bytes": None, "top_logprobs": [one | {"bytes": None} for one in likely]}
    choice = {"message": {"role": "assistant", "content": "No"}, "logprobs": {"content": [first]}}
    return _HEAD | {"object": "chat.completion", "choices": [choice | {"index": 0, "finish_reason": "length"}]}


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m load.model", description=__doc__)
    asked.add_argument("port", type=int)
    asked.add_argument("--tokens-per-second", type=float, default=20.0)
    asked.add_argument("--first-token-seconds", type=float, default=0.3)
    asked.add_argument("--yes-no-seconds", type=float, default=0.15)
    given = asked.parse_args()
    model = FixedModel(given.tokens_per_second, given.first_token_seconds, given.yes_no_seconds)
    uvicorn.run(model.application(), host="127.0.0.1", port=given.port, log_level="error")


if __name__ == "__main__":
    main()
