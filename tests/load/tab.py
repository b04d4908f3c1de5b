"""A browser's tab as the page server sees it: Streamlit's messages over a web socket, and what it shows.

Sends what the front end sends, fragments that redraw themselves included. Runs no script of a page, loads no picture.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

MAIN, SIDEBAR = 0, 1
_TAGS = re.compile(r"<[^>]*>")
_TRIGGERS = "$$STREAMLIT_INTERNAL_KEY_{id}__events"
_SUCCESS = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class PageError(Exception):
    """The page is not what a visitor should see."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One element or container: what it is, its message, and the run that drew it."""

    kind: str
    proto: Any
    run: str
    fragment: str

    @property
    def text(self) -> str:
        """What is read in it; with its tags where it is HTML."""
        return str(getattr(self.proto, "body", "") or getattr(self.proto, "label", ""))


class Tab:
    """Use it as an asynchronous context manager. `sees` is given the bytes of every message that comes."""

    def __init__(self, port: int, sees: Callable[[bytes], None], headers: Mapping[str, str] | None = None) -> None:
        self.shown: dict[tuple[int, ...], Shown] = {}
        self.query = ""
        self.messages = self.bytes = self.runs = 0
        """What came so far: messages, bytes, and whole runs of the page that ended well."""
        self._sees = sees
        self._address = f"127.0.0.1:{port}"
        self._headers = headers or {}
        self._page = self._run = self._path = ""
        self._fragments: list[str] = []
        self._values: dict[str, str | list[str]] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._seconds: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            f"ws://{self._address}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]  # a new type over a plain string
            origin=f"http://{self._address}",  # type: ignore[arg-type]
            additional_headers=self._headers,
            max_size=None,
            open_timeout=60,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._socket and self._reader
        self._stop_timers(list(self._timers))
        await self._socket.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    # What a visitor does

    async def open(self, path: str = "", query: str = "") -> None:
        """Ask for the page of an address."""
        self._path, self.query = path, query
        await self._rerun()

    async def click(self, button: Shown) -> None:
        await self._rerun(button.fragment, {button.proto.id: True})

    async def enter(self, box: Shown, value: str | list[str]) -> None:
        """Leave a box with this text in it, or choose these options."""
        self._values[box.proto.id] = value
        await self._rerun(box.fragment)

    async def trigger(self, component: Shown, event: str, value: object) -> None:
        """A component hands on a value."""
        told = json.dumps([{"event": event, "value": value}])
        await self._rerun(component.fragment, {_TRIGGERS.format(id=component.proto.id): told})

    async def until(self, what: str, holds: Callable[[], object], timeout_seconds: float) -> None:
        """Wait until it `holds`. Raises PageError when it does not come, an error is shown or the
        connection ends."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            self._changed.clear()
            if self._reader and self._reader.done():
                raise PageError(f"the connection ended while waiting for {what}: {self._reader.exception()}")
            if error := next((one for one in self.shown.values() if _is_error(one)), None):
                raise PageError(f"an error while waiting for {what}: {error.text}")
            if holds():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, deadline - time.monotonic()))
                continue
            raise PageError(f"no {what} within {timeout_seconds:g} seconds; there is: {self.summary()}")

    # What a visitor sees

    def find(self, kind: str, key: str = "", label: str = "") -> Shown | None:
        """The last element of this kind whose id ends with that key (or begins with it, where it ends in `*`) and
        that has that label."""
        for _, one in sorted(self.shown.items(), reverse=True):
            if one.kind == kind and (not label or one.text == label) and (not key or _has_key(one.proto.id, key)):
                return one
        return None

    @property
    def rests(self) -> float:
        """For how many seconds nothing of the page redraws itself by the clock."""
        return min((self._seconds[one] for one in self._timers), default=float("inf"))

    def texts(self, kind: str, root: int = MAIN) -> list[str]:
        """What is written in all elements of this kind, from above to below."""
        return [one.text for path, one in sorted(self.shown.items()) if one.kind == kind and path[0] == root]

    def summary(self) -> str:
        """The page in a line, for an error."""
        read = [f"{one.kind}: {_TAGS.sub('', one.text)[:60]}" for _, one in sorted(self.shown.items()) if one.text]
        return " | ".join(read[-12:])

    # The protocol

    async def _rerun(
        self, fragment: str = "", triggers: Mapping[str, bool | str] | None = None, auto: bool = False
    ) -> None:
        assert self._socket
        state = ClientState(
            query_string=self.query,
            page_script_hash=self._page,
            page_name="" if self._page else self._path,
            fragment_id=fragment,
            is_auto_rerun=auto,
        )
        state.context_info.timezone, state.context_info.locale = "Europe/Zurich", "en"
        state.context_info.url = f"http://{self._address}/{self._path}"
        for name, value in self._values.items():
            if isinstance(value, str):
                state.widget_states.widgets.add(id=name, string_value=value)
            else:
                state.widget_states.widgets.add(id=name).string_array_value.data.extend(value)
        for name, event in (triggers or {}).items():
            if isinstance(event, str):
                state.widget_states.widgets.add(id=name, json_trigger_value=event)
            else:
                state.widget_states.widgets.add(id=name, trigger_value=event)
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                assert isinstance(data, bytes)
                self.messages += 1
                self.bytes += len(data)
                self._sees(data)
                self._take(ForwardMsg.FromString(data))
                self._changed.set()
        finally:
            self._changed.set()

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "new_session":
                self._begin(message)
            case "delta":
                self._draw(tuple(message.metadata.delta_path), message.delta)
            case "navigation":
                self._page = message.navigation.page_script_hash
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "auto_rerun":
                self._repeat(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                self._stop_timers(message.stop_auto_rerun.fragment_ids)
            case "script_finished" if message.script_finished in _SUCCESS:
                self._tidy(message.metadata.run.script_run_id, list(message.metadata.run.fragment_ids))
            case "script_finished" if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                raise PageError("the page does not compile")

    def _begin(self, message: ForwardMsg) -> None:
        self._run = message.metadata.run.script_run_id
        self._fragments = list(message.metadata.run.fragment_ids)
        if self._fragments:
            return
        self._stop_timers(list(self._timers))
        if message.new_session.page_script_hash != self._page:
            self._page = message.new_session.page_script_hash
            self.shown = {path: one for path, one in self.shown.items() if path[0] != MAIN}

    def _draw(self, path: tuple[int, ...], delta: Delta) -> None:
        kind = delta.WhichOneof("type")
        if kind == "add_block":
            self.shown[path] = Shown("block", delta.add_block, self._run, delta.fragment_id)
        elif kind == "new_element":
            for below in [one for one in self.shown if len(one) > len(path) and one[: len(path)] == path]:
                del self.shown[below]
            drawn = str(delta.new_element.WhichOneof("type"))
            proto = getattr(delta.new_element, drawn)
            self.shown[path] = Shown(drawn, proto, self._run, delta.fragment_id)

    def _tidy(self, run: str, fragments: list[str]) -> None:
        """A run has ended: what it should have drawn and did not is gone, and so is what was put into it."""
        if run != self._run:
            return
        stale = [
            path
            for path, one in self.shown.items()
            if one.run != run and (one.fragment in fragments if fragments else True)
        ]
        for path in stale:
            del self.shown[path]
        there = {one.proto.id for one in self.shown.values() if hasattr(one.proto, "id")}
        self._values = {name: value for name, value in self._values.items() if name in there}
        self.runs += not fragments

    def _repeat(self, fragment: str, seconds: float) -> None:
        if fragment not in self._timers:
            self._seconds[fragment] = seconds
            self._timers[fragment] = asyncio.create_task(self._repeating(fragment, seconds))

    async def _repeating(self, fragment: str, seconds: float) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(seconds)
                await self._rerun(fragment, auto=True)

    def _stop_timers(self, fragments: Iterable[str]) -> None:
        for one in fragments:
            if timer := self._timers.pop(one, None):
                timer.cancel()


def _has_key(element_id: str, key: str) -> bool:
    return f"-{key[:-1]}" in element_id if key.endswith("*") else element_id.endswith(f"-{key}")


def _is_error(one: Shown) -> bool:
    return one.kind == "exception" or (one.kind == "alert" and one.proto.format == 1)
