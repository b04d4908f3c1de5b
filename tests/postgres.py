"""A PostgreSQL server of the tests' own: made new, reached through a socket in its folder, gone afterwards."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from pwd import getpwnam
from typing import Any

import psycopg
import pytest

ROLE, PASSWORD = "simulator", "canary-of-the-password"
_ADMIN = "postgres"
_START_SECONDS = 60
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # no power is cut here
    "synchronous_commit": "off",  # the program has to ask for more
    "shared_buffers": "16MB",
    "max_connections": "200",
}


class Server:
    """One server with a plain role, ROLE, as the program is to have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = _programs()
        self._numbers = count()
        self._user: dict[str, Any] = {}
        if not os.getuid():  # the server refuses to be root's
            nobody = getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self._run("initdb", "--no-sync", "--no-locale", "-E", "UTF8", "-U", _ADMIN, "-A", "trust", "-D", self._data)
        (folder / "data" / "pg_hba.conf").write_text(f"local all {_ADMIN} trust\nlocal all all scram-sha-256\n")
        self.start()
        self.admin(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        command = [str(self._programs / "postgres"), "-D", self._data, f"-k{self.folder}", *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=_ENVIRONMENT, **self._user
            )
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self.superuser("postgres").close()
            except psycopg.OperationalError:
                assert self._process.poll() is None and time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, with every connection that it has."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=_START_SECONDS)

    @property
    def stopped(self) -> bool:
        return self._process.poll() is not None

    def fresh(self, owner: str = ROLE) -> str:
        """The address of a new and empty database that ROLE owns."""
        name = f"d{next(self._numbers)}"
        self.admin(f"CREATE DATABASE {name} OWNER {owner}")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.admin(f"DROP DATABASE {database_of(address)} WITH (FORCE)")

    def address(self, database: str, role: str = ROLE, password: str = PASSWORD) -> str:
        return f"postgresql://{role}:{password}@/{database}?host={self.folder}"

    def admin(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; its rows, if it has any."""
        with self.superuser(database) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def superuser(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that no row level security binds."""
        return psycopg.connect(f"host={self.folder} user={_ADMIN} dbname={database}", autocommit=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=_ENVIRONMENT, capture_output=True, text=True, check=False, **self._user
        )
        assert not done.returncode, done.stderr


_ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}


def database_of(address: str) -> str:
    """The name of the database in one of these addresses."""
    found = re.search(r"/(\w+)\?", address)
    assert found
    return found[1]


def _programs() -> Path:
    """The folder of the newest PostgreSQL here. Debian keeps its programs out of the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    found = folders[-1] if folders else shutil.which("initdb")
    if not found:
        pytest.fail("These tests need PostgreSQL's own programs: apt-get install postgresql", pytrace=False)
    return Path(found).resolve().parent


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The address of a new and empty database."""
    address = postgres.fresh()
    yield address
    postgres.drop(address)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests; each takes a new database."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:  # short: a socket's path may not be long
        server = Server(Path(name))
        yield server
        server.stop()
