"""A chat-completions server on the loopback that does as it is told, well or badly.

`FaultServer(step, step, ...)` plays one `Step` a request and repeats the last one; the functions below
make proper replies and the faults seen in the wild. `FaultServer(reply=function)` is a well-behaved scripted
model: it streams when asked to, and gives log-probabilities when asked for them. Every request is kept in
`requests`.
"""

import json
import math
import socket
import struct
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Messages = list[dict[str, Any]]
Reply = Callable[[Messages, dict[str, Any]], str | float]
"""Given the messages and the other parameters: a text, or P(yes) for a one-token request with logprobs."""
Ending = Literal["close", "stall", "reset", "drip"]


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one request."""

    body: bytes = b""
    status: int = 200
    """0 sends not even a status line."""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_seconds: float = 0.0
    """Before the first byte; infinity waits until the server closes."""
    cut: int | None = None
    """Only so many bytes of the body are sent before the ending."""
    ending: Ending = "close"
    sized: bool = True
    """Announce the length of the whole body. Without it, closing looks like a proper end."""
    drip: bytes = b""
    drip_seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: dict[str, Any]

    @property
    def messages(self) -> Messages:
        found: Messages = self.body.get("messages", [])
        return found


def completion(content: object, finish: str | None = "stop", **message: object) -> Step:
    """A whole reply; `content` is a text unless a fault is wanted, `message` adds fields to the message."""
    said = {"role": "assistant", "content": content} | message
    return _json({"choices": [{"index": 0, "message": said, "finish_reason": finish}]})


def refusal() -> Step:
    return completion(None, refusal="I can't help with that.")


def one_token(probabilities: Mapping[str, float], **first: object) -> Step:
    """A reply of one token with its rivals' log-probabilities; `first` replaces fields of the first token."""
    likely = {token: math.log(share) for token, share in probabilities.items() if share > 0}
    ranked = sorted(likely, key=lambda token: -likely[token])
    rivals = [{"token": token, "logprob": likely[token], "bytes": None} for token in ranked]
    content = [rivals[0] | {"top_logprobs": rivals} | first]
    choice = {"message": {"role": "assistant", "content": ranked[0]}, "logprobs": {"content": content}}
    return _json({"choices": [choice | {"index": 0, "finish_reason": "length"}]})


def verdict(yes: float) -> Step:
    """A yes/no reply with P(yes) = `yes`."""
    return one_token({"Yes": yes, "No": 1 - yes})


def events(text: str, finish: str | None = "stop", done: bool = True) -> bytes:
    """The bytes of a streamed reply, one event a word; without `finish` no event says that it ended."""
    words = [word + " " for word in text.split(" ")]
    pieces = [*words[:-1], words[-1][:-1]] if text else []
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces]
    if finish:
        deltas.append(({}, finish))
    lines = [event({"choices": [{"index": 0, "delta": d, "finish_reason": f}]}) for d, f in deltas]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def event(content: dict[str, Any]) -> bytes:
    """One event of a stream. Letters outside ASCII go as they are, so a cut can fall inside one."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    shown = content if "error" in content else head | content
    return b"data: " + json.dumps(shown, ensure_ascii=False).encode() + b"\n\n"


def streamed(
    body: bytes, *, cut: int | None = None, ending: Ending = "close", drip: bytes = b"", every: float = 0.05
) -> Step:
    """A streamed reply, perhaps cut after some bytes and then closed, stalled, reset or dripping for ever."""
    kind = "text/event-stream"
    return Step(body, content_type=kind, sized=False, cut=cut, ending=ending, drip=drip, drip_seconds=every)


def failure(status: int, told: str = "no", retry_after: str = "") -> Step:
    """An error as the service itself words it."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    return _json({"error": {"message": told, "type": "error", "code": None}}, status, headers)


def html(status: int = 200) -> Step:
    """What a proxy in between says."""
    return Step(b"<html><body>Bad gateway</body></html>", status, content_type="text/html")


def broken_json() -> Step:
    return Step(b'{"choices": [{"message": {"content": "half')


def no_choices() -> Step:
    return _json({"choices": []})


def hang() -> Step:
    return Step(delay_seconds=math.inf)


def reset() -> Step:
    return Step(status=0, ending="reset")


def short_body() -> Step:
    """Fewer bytes than announced."""
    return Step(completion("half a reply").body, cut=30)


def _json(content: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Step:
    if "choices" in content:
        head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "fake"}
        content = head | content | {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    return Step(json.dumps(content).encode(), status, headers or {})


class FaultServer:
    """Use it as a context manager; leaving it ends every reply that still hangs, stalls or drips."""

    def __init__(self, *steps: Step, reply: Reply | None = None) -> None:
        self.requests: list[Request] = []
        self._steps = steps
        self._reply = reply
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), type("Bound", (_Handler,), {"owner": self}))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def step(self, request: Request) -> Step:
        """Keep the request and decide what happens to it."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
        if self._reply is None:
            return self._steps[min(number, len(self._steps) - 1)]
        try:
            said = self._reply(request.messages, {k: v for k, v in request.body.items() if k != "messages"})
        except (AssertionError, LookupError, StopIteration, TypeError, ValueError):
            # The test's own function failed, in the server's thread: say why, in a form that is not retried.
            return failure(400, traceback.format_exc()[-180:])
        if isinstance(said, float | int):
            return verdict(float(said))
        if request.body.get("logprobs"):
            return one_token({said.split()[0]: 1.0})
        return streamed(events(said)) if request.body.get("stream") else completion(said)

    def play(self, step: Step, handler: BaseHTTPRequestHandler) -> None:
        """Send what the step says, byte for byte."""
        if self._closing.wait(None if step.delay_seconds == math.inf else step.delay_seconds):
            return
        if step.status:
            handler.send_response(step.status)
            handler.send_header("Content-Type", step.content_type)
            handler.send_header("Connection", "close")
            if step.sized:
                handler.send_header("Content-Length", str(len(step.body)))
            for name, value in step.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(step.body[: step.cut])
        if step.ending == "stall":
            self._closing.wait()
        while step.ending == "drip" and not self._closing.wait(step.drip_seconds):
            handler.wfile.write(step.drip)
        if step.ending == "reset":  # lingering for 0 seconds makes the close an abort
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    owner: FaultServer

    def do_POST(self) -> None:
        self.close_connection = True
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, json.loads(sent or b"{}"))
        with suppress(OSError):
            known = self.path.split("?")[0].endswith("/v1/chat/completions")
            self.owner.play(self.owner.step(request) if known else failure(404), self)

    def log_message(self, format: str, *args: Any) -> None:
        pass
