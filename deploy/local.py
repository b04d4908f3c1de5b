"""Starts what compose.yaml describes as plain processes of this machine.

Commands, settings and secrets are those of the containers; only the addresses differ. Everything lies in one folder
and listens on the loopback.
"""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from deploy.daemons import HERE, START_SECONDS, Database, Folder, Proxy, filled, plain

PROGRAM = (str(Path(sys.executable).with_name("simulator")),)
PAGES, WORKERS = ("page-one", "page-two"), ("worker-one", "worker-two")
STOP_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Deployment:
    """All services of compose.yaml. `settings` are the variables that it asks for (LookupError for one that is
    missing); `program` is the command that stands for `simulator`, `index` a ready index to copy."""

    def __init__(
        self, path: Path, settings: Mapping[str, str], program: Sequence[str] = PROGRAM, index: Path | None = None
    ) -> None:
        self.folder = Folder(path)
        self.secrets = path / "secrets"
        self.ports = {name: free_port() for name in ("database", *PAGES, *WORKERS, "proxy")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._settings = {"SIMULATOR_PUBLIC_HOST": "127.0.0.1", **settings}
        text = (HERE / "compose.yaml").read_text(encoding="utf-8")
        filled(text, self._settings)
        self._services = yaml.safe_load(text)["services"]
        self._program = program
        self._index = index

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def add_user(self, name: str, password: str) -> None:
        """Before the start: nginx is given a copy of the file."""
        command = ["sh", str(HERE / "secrets.sh"), str(self.secrets), name]
        subprocess.run(command, input=password, text=True, check=True)

    def _start(self) -> None:
        subprocess.run(["sh", str(HERE / "secrets.sh"), str(self.secrets)], check=True)
        self.database = Database(self.folder, self.secrets, self.ports["database"])
        self.processes["database"] = self.database.process
        for name in (*PAGES, *WORKERS):
            self.start(name)
        proxy = Proxy(self.folder, self._environment("proxy"), self._secret("users"))
        self.processes["proxy"], self.proxy = proxy.process, proxy
        for name in (*PAGES, *WORKERS):
            self.wait_for(name)

    def start(self, name: str) -> None:
        """Start a page process or a worker, as its container's entry point would."""
        data = self.folder.path / name
        if self._index and not data.exists():
            shutil.copytree(self._index, data / "index")
        first, *rest = (self._here(name, one) for one in self._services[name]["command"])
        assert first == "simulator", first
        entry = ["/bin/sh", "-c", f'. {HERE}/secrets.envsh && exec "$@"', "simulator", *self._program, *rest]
        own = {
            "SIMULATOR_DATA_DIR": str(data),
            "SIMULATOR_CACHE_DIR": str(data / "cache"),
            "SECRETS": str(self.secrets),
        }
        with (self.folder.path / f"{name}.log").open("ab") as log:
            given = plain() | self._environment(name) | own
            self.processes[name] = subprocess.Popen(entry, env=given, cwd=HERE.parent, stdout=log, stderr=log)

    def wait_for(self, name: str) -> None:
        """Until its health check passes. Raises RuntimeError when it ends before, TimeoutError when it takes long."""
        url = self._here(name, self._services[name]["healthcheck"]["test"][-1])
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.processes[name].poll() is not None:
                raise RuntimeError(f"{name} has ended: {self.folder.path}/{name}.log says why.")
            try:
                urlopen(url, timeout=4).close()
            except (URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise TimeoutError(f"{name} is not ready: {self.folder.path}/{name}.log says why.")

    def kill(self, name: str) -> None:
        """End it without a word, as a power cut does."""
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self) -> None:
        """End all, what was started last first."""
        for name, process in reversed(self.processes.items()):
            process.send_signal(signal.SIGINT if name == "database" else signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill(name)

    def _environment(self, name: str) -> dict[str, str]:
        given = self._services[name]["environment"]
        here = {key: self._here(name, str(value)) for key, value in given.items()}
        if name == "proxy":
            here["SIMULATOR_LISTEN"] = f"127.0.0.1:{self.ports['proxy']}"
            here["SIMULATOR_PROXY_SECRET"] = self._secret("proxy_secret")
            here["SIMULATOR_TLS"] = f"{self.folder.path}/tls"
        return here

    def _here(self, name: str, text: str) -> str:
        """A text of this service in compose.yaml, with the addresses that things have here."""
        network = self._services["page-one"]["networks"]["inside"]["ipv4_address"].removesuffix(".11")
        elsewhere = {
            "@database:5432": f"@127.0.0.1:{self.ports['database']}",
            f"{network}.11:8501": f"127.0.0.1:{self.ports['page-one']}",
            f"{network}.12:8501": f"127.0.0.1:{self.ports['page-two']}",
            "0.0.0.0": "127.0.0.1",
            "9101" if name in WORKERS else "8501": str(self.ports[name]),
        }
        for there, here in elsewhere.items():
            text = text.replace(there, here)
        return filled(text, self._settings)

    def _secret(self, name: str) -> str:
        return (self.secrets / name).read_text(encoding="utf-8").strip()
