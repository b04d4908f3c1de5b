"""The log: one event a line, as text or as JSON, with ids, sizes and seconds.

Of what other packages log, a line has the level, the place and the first line of the message before anything was
filled in; of an error its class and where it came from, never its message: either may quote a candidate.
"""

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType

LOGGER = "simulator"
FIELDS = "fields"
"""The attribute of a log record that holds an event's fields."""
Value = str | int | float
_NAME = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
_MOST_FRAMES = 6
_WITHHELD = "(withheld)"
_BOUND: ContextVar[Mapping[str, str]] = ContextVar("bound", default=MappingProxyType({}))


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """All lines written in this block, and in what it starts with a copy of its context, carry these ids."""
    token = _BOUND.set({**_BOUND.get(), **ids})
    try:
        yield
    finally:
        _BOUND.reset(token)


class Lines(logging.Formatter):
    """Writes a record as one line."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Value] = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        line |= _own(record) if hasattr(record, FIELDS) else _foreign(record)
        if self._form == "json":
            return json.dumps(line)
        head = f"{line.pop('time')} {str(line.pop('level')).upper()} {line.pop('event')}"
        return " ".join([head, *(f"{name}={value}" for name, value in line.items())])


def _own(record: logging.LogRecord) -> dict[str, Value]:
    fields: dict[str, Value] = getattr(record, FIELDS)
    return {"event": record.msg} | {name: _safe(value) for name, value in {**_BOUND.get(), **fields}.items()}


def _foreign(record: logging.LogRecord) -> dict[str, Value]:
    told = record.msg.strip().partition("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
    line: dict[str, Value] = {"event": "log", "logger": record.name, "told": told}
    line |= {"place": f"{record.module}:{record.lineno}"} | {
        name: _safe(value) for name, value in _BOUND.get().items()
    }
    if record.exc_info and record.exc_info[0]:
        frames = traceback.extract_tb(record.exc_info[2])[-_MOST_FRAMES:]
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
        line |= {"error": record.exc_info[0].__name__, "trace": " < ".join(reversed(places))}
    return line


def _safe(value: Value) -> Value:
    """A number or a short name as it is; of anything longer, only that it was left out."""
    return value if not isinstance(value, str) or _NAME.fullmatch(value) else _WITHHELD


def begin(form: str) -> None:
    """Write the log of this process to standard error: the events as text for `text`, everything as JSON for `json`,
    and for anything else what Python writes anyway. A second call changes nothing."""
    log = logging.getLogger(LOGGER)
    begun = any(isinstance(handler.formatter, Lines) for handler in (*log.handlers, *logging.root.handlers))
    if begun or form not in ("text", "json"):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(form))
    log.setLevel(logging.INFO)
    if form == "text":
        log.addHandler(handler)
        log.propagate = False
        return
    logging.root.addHandler(handler)
    for one in list(logging.root.manager.loggerDict.values()):
        for found in one.handlers if isinstance(one, logging.Logger) else ():
            found.setFormatter(handler.formatter)
    logging.setLoggerClass(_Logger)
    sys.excepthook = _uncaught
    threading.excepthook = lambda ended: _uncaught(ended.exc_type, ended.exc_value, ended.exc_traceback)


class _Logger(logging.Logger):
    """One whose own handlers, as Streamlit adds them to each of its loggers, write JSON too."""

    def addHandler(self, hdlr: logging.Handler) -> None:
        hdlr.setFormatter(Lines("json"))
        super().addHandler(hdlr)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    exception = (kind, error or kind(), trace)
    logging.getLogger("uncaught").error("An error that nothing caught.", exc_info=exception)
