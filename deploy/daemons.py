"""PostgreSQL and nginx as plain processes, as Debian packages them, in parts of one folder and on the loopback.

As root they run as `nobody`: PostgreSQL refuses to be root. Knows nothing of the program or of compose.yaml.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
START_SECONDS = 120.0
_GAP = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log crit; worker_processes 1; events {{ }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/front.conf;
}}
"""


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text of compose.yaml or the proxy's template with its ${GAPS} filled in, as both programs fill them. Raises
    LookupError for one that has neither a value nor a default."""

    def fill(gap: re.Match[str]) -> str:
        name, kind, told = gap.groups()
        if not values.get(name) and kind == "-":
            return str(told)
        if not values.get(name) and kind == "?":
            raise LookupError(f"Set {name}: {told}")
        return values[name]

    return _GAP.sub(fill, text)


def plain() -> dict[str, str]:
    """This process's environment without the program's settings and PostgreSQL's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SIMULATOR_", "PG"))}


class Folder:
    """The folder of all, with parts for daemons: as root they run as `nobody`, and own what is theirs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.chmod(0o711)
        self.account: dict[str, Any] = {}
        if os.geteuid() == 0:
            self.account = {"user": "nobody", "group": "nogroup", "extra_groups": []}

    def part(self, name: str) -> Path:
        """A new folder for one daemon."""
        made = self.path / name
        made.mkdir(mode=0o700)
        return self._owned(made)

    def put(self, path: Path, text: str) -> Path:
        """A file that only daemons read."""
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return self._owned(path)

    def _owned(self, path: Path) -> Path:
        if self.account:
            shutil.chown(path, self.account["user"], self.account["group"])
        return path


class Proxy:
    """nginx with the template's rules. `settings` are the template's, `users` the lines of its file of users."""

    def __init__(self, folder: Folder, settings: Mapping[str, str], users: str) -> None:
        self.place = place = folder.part("proxy")
        own = {"SIMULATOR_USERS_FILE": f"{place}/users", "SIMULATOR_PROXY_LOG": f"{place}/access.log"}
        template = (HERE / "nginx.conf.template").read_text(encoding="utf-8")
        folder.put(place / "users", users)
        folder.put(place / "front.conf", filled(template, {**settings, **own}))
        folder.put(place / "nginx.conf", _NGINX.format(folder=place))
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
        command = [nginx, "-e", f"{place}/error.log", "-p", str(place), "-c", f"{place}/nginx.conf"]
        self.process = subprocess.Popen(command, **folder.account)

    @property
    def logged(self) -> str:
        """All that nginx has written into its logs."""
        return "".join(one.read_text(encoding="utf-8") for one in self.place.glob("*.log"))


class Database:
    """A new PostgreSQL with the program's role and database, made by database.sh from the folder of secrets."""

    def __init__(self, folder: Folder, secrets: Path, port: int) -> None:
        place, binaries = folder.part("database"), _postgres_binaries()
        admin = (secrets / "database_admin_password").read_text(encoding="utf-8").strip()
        own = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres", "PGPASSWORD": admin}
        self.environment = plain() | own | {"SECRETS": str(secrets)}
        """In which PostgreSQL's own commands reach it as its administrator."""
        first = folder.put(folder.path / "first", admin)
        made = [f"{binaries}/initdb", "-D", str(place), "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"]
        quiet = folder.account | {"stdout": subprocess.DEVNULL, "cwd": place}
        subprocess.run([*made, "--locale", "C", "--pwfile", str(first)], check=True, **quiet)
        first.unlink()
        log = folder.path / "database.log"
        command = [f"{binaries}/postgres", "-D", str(place), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
        with log.open("ab") as written:
            self.process = subprocess.Popen(command, stderr=written, **quiet)
        try:
            self._wait(log)
            subprocess.run(["sh", str(HERE / "database.sh")], env=self.environment, check=True)
        except BaseException:
            self.process.kill()
            raise

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + START_SECONDS
        while subprocess.run(["pg_isready", "--quiet", "-t", "1"], env=self.environment, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not run: {log} says why.")
            time.sleep(0.05)


def _postgres_binaries() -> Path:
    """Where Debian keeps the newest server's commands; they are on nobody's path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    if not found:
        raise FileNotFoundError("There is no PostgreSQL server here: apt-get install postgresql")
    return found[-1].parent
