"""What a process says of itself: at /readyz part by part whether it can do its work, at /metrics its counts.

Says states, classes of errors and numbers. Never shows a word of an interview, a path, an address or a setting.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from simulator.errors import ConfigurationError, SimulatorError, StorageError
from simulator.operations.asking import ALIVE, LIVE, METRICS, READY, REFUSED, Reply, is_welcome
from simulator.operations.event import EXPOSITION_TYPE, exposition
from simulator.operations.events import GRADINGS, MODEL_READY
from simulator.program import Loading, Program
from simulator.settings import stays_here

_DONE, _UNASKED = "ready", "not asked yet"


def reply(path: str, program: Callable[[], Program]) -> Reply:
    """The reply to READY or METRICS; may wait some seconds for the database. `program` gives the process's program,
    and raises SimulatorError where there can be none. Asking whether it is ready has it load, or try again."""
    try:
        found = program()
    except SimulatorError as error:
        return _ready({"program": type(error).__name__}) if path == READY else _metrics(None)
    return _ready(_parts(found)) if path == READY else _metrics(found)


def _ready(parts: Mapping[str, str]) -> Reply:
    ready = all(state in (_DONE, _UNASKED) for state in parts.values())
    return Reply(200 if ready else 503, json.dumps({"ready": ready, **parts}).encode(), "application/json")


def _parts(program: Program) -> dict[str, str]:
    try:
        program.records.require_writable()
        database = _DONE
    except StorageError:
        database = "not writable"
    if program.loading is Loading.NOT_STARTED and not stays_here(program.host):
        # Another's host is first called when a user has said that it may be.
        return {"database": database, "index": _UNASKED, "model": _UNASKED}
    return {"database": database, "index": _DONE if program.indexed else "not loaded", "model": _model(program)}


def _model(program: Program) -> str:
    """How the model stands; where it is not loaded, that is begun."""
    found, error = program.loading, program.loading_error
    if found is Loading.READY and program.alive:
        return _DONE
    program.warm_up()
    if found is Loading.FAILED:
        return f"failed: {type(error).__name__}" if error else found.value
    return "ended" if found is Loading.READY else found.value


def _metrics(program: Program | None) -> Reply:
    if program:
        MODEL_READY.stands(program.loading is Loading.READY and program.alive)
        try:
            GRADINGS.stands(program.records.jobs.counts())
        except StorageError:
            GRADINGS.unknown()
    return Reply(200, exposition(), EXPOSITION_TYPE)


def listen(port: int, program: Program) -> None:
    """Answer on a port of 127.0.0.1 from a thread, for a process that serves no page. Raises ConfigurationError where
    the port is taken."""

    class Answers(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            allowed = stays_here(headers.get("host") or "?") and is_welcome(headers)
            said = self._said() if allowed else REFUSED
            self.send_response(said.status)
            self.send_header("Content-Type", said.media_type)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def _said(self) -> Reply:
            if self.path in (READY, METRICS):
                return reply(self.path, lambda: program)
            return ALIVE if self.path == LIVE else Reply(404)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: a path that is asked for may hold anything."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Answers)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} on 127.0.0.1 cannot be used: {error.strerror}.", "Choose another SIMULATOR_METRICS_PORT."
        ) from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
