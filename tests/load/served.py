"""The program's page server and the model of fixed speed, each in a process of its own, and what they take of the
machine by the word of /proc.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evals.browser import free_port, wait_until_up
from simulator.settings import ROOT

SECRET = "known to the proxy and to the program"
_PROGRAM = str(Path(sys.executable).with_name("simulator"))
_TESTS = str(Path(__file__).resolve().parents[1])
_TROUBLE = ("Traceback", "Exception", "ERROR", "CRITICAL", "Couldn't")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process takes at a moment: resident MiB, threads, open files, and the seconds that it has worked."""

    mib: float
    threads: int
    handles: int
    worked_seconds: float


def sampled(process: int) -> Sample:
    """Raises OSError where there is no such process, or no /proc."""
    folder = Path(f"/proc/{process}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text("ascii").splitlines())
    times = (folder / "stat").read_text("ascii").rpartition(")")[2].split()
    worked = (int(times[11]) + int(times[12])) / _TICKS_A_SECOND
    handles = len(list((folder / "fd").iterdir()))
    return Sample(int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]), handles, worked)


@dataclass(frozen=True, slots=True)
class Served:
    """Both processes while they run. `log` is what the program wrote."""

    port: int
    process: int
    model_port: int
    log: Path

    def troubles(self) -> list[str]:
        """The lines of the program's log that tell of trouble."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if any(word in line for word in _TROUBLE)]


def user(number: int) -> dict[str, str]:
    """What a proxy says of a visitor: each is a user of their own."""
    return {"X-Forwarded-User": f"visitor-{number}", "X-Proxy-Secret": SECRET}


def make_ready(folder: Path) -> None:
    """Build the index of the shipped knowledge in a data folder: twenty seconds of work."""
    own = {"SIMULATOR_DATA_DIR": str(folder), "SIMULATOR_CACHE_DIR": str(folder / "cache")}
    subprocess.run([_PROGRAM, "index"], check=True, cwd=ROOT, env=_plain() | own, capture_output=True)


@contextmanager
def served(folder: Path, *, places: int, **speed: float) -> Iterator[Served]:
    """Start both on a data folder whose index is ready; `places` are the live calls at a time, `speed` is the
    model's."""
    port, model_port, log = free_port(), free_port(), folder / "server.log"
    options = [part for name, value in speed.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    own = {
        "MODEL": "fixed",
        "BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        "DATA_DIR": str(folder),
        "CACHE_DIR": str(folder / "cache"),
        "LIVE_CALLS": str(places),
        "SIGN_IN": "header",
        "PROXY_SECRET": SECRET,
    }
    settings = {f"SIMULATOR_{name}": value for name, value in own.items()}
    program = [_PROGRAM, "serve", "--port", str(port)]
    command = [sys.executable, "-m", "load.model", str(model_port), *options]
    with (
        log.open("wb") as told,
        _process(command, _plain()),
        _process(program, _plain() | settings, told.fileno()) as server,
    ):
        wait_until_up(port)
        yield Served(port, server, model_port, log)


def _plain() -> dict[str, str]:
    """The environment without the user's settings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIMULATOR_"))}
    return plain | {"PYTHONPATH": os.pathsep.join([str(ROOT), _TESTS])}


@contextmanager
def _process(command: list[str], environment: dict[str, str], output: int = subprocess.DEVNULL) -> Iterator[int]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)
