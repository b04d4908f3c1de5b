"""nginx as deploy/ sets it up, before two servers that tell what they were asked: who is believed, what gets in."""

import base64
import hashlib
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import streamlit
from conducting import until
from test_threats_socket import FOREIGN, UPGRADE

from deploy.daemons import Folder, Proxy
from evals.browser import free_port

USERS = "".join(f"user{number}:{{PLAIN}}pw{number}\n" for number in range(24))
SECRET = "only the proxy knows"
NAMES = ("one", "two")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: "Page"

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.owner.heard.append(self.path)
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.close_connection = True
            return
        told = {"page": self.owner.name, "headers": self.headers.items(), "bytes": len(sent)}
        body = json.dumps(told).encode().ljust(4_000)
        self.send_response(200)
        self.send_header("Content-Type", "text/css" if "static" in self.path else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "public, immutable")
        self.send_header("Set-Cookie", "_streamlit_xsrf=1; Path=/")
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Page:
    """Stands for a page process: tells its name and what it was sent; can be killed and started again."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, free_port()
        self.heard: list[str] = []
        self.start()

    def start(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), type("Bound", (_Handler,), {"owner": self}))
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def kill(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class Front:
    """The proxy before two pages, and how to talk to it."""

    def __init__(self, realm: str = "Interviews") -> None:
        if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
            pytest.fail("These tests need nginx: apt-get install nginx-light", pytrace=False)
        self.path = Path(mkdtemp(prefix="proxy-"))
        self.pages = {name: Page(name) for name in NAMES}
        self.port, self.tls_port = free_port(), free_port()
        self._certify()
        settings = {
            "SIMULATOR_LISTEN": f"127.0.0.1:{self.port}",
            "SIMULATOR_PUBLIC_HOST": "127.0.0.1",
            "SIMULATOR_PAGE_ONE": f"127.0.0.1:{self.pages['one'].port}",
            "SIMULATOR_PAGE_TWO": f"127.0.0.1:{self.pages['two'].port}",
            "SIMULATOR_REALM": realm,
            "SIMULATOR_PROXY_SECRET": SECRET,
            "SIMULATOR_TLS": f"{self.path}/tls",
        }
        self.nginx = Proxy(Folder(self.path), settings, USERS)
        until(self._listens)

    def _certify(self) -> None:
        folder = self.path / "tls"
        folder.mkdir()
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        key.chmod(0o644)
        lines = f"listen 127.0.0.1:{self.tls_port} ssl;\nssl_certificate {certificate};\nssl_certificate_key {key};\n"
        (folder / "tls.conf").write_text(lines, encoding="utf-8")

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def close(self) -> None:
        self.nginx.process.terminate()
        self.nginx.process.wait()
        for page in self.pages.values():
            with suppress(OSError):
                page.kill()
        shutil.rmtree(self.path)

    @property
    def heard(self) -> list[str]:
        return self.pages["one"].heard + self.pages["two"].heard

    def send(
        self,
        path: str = "/",
        user: str = "user0",
        *lines: str,
        method: str = "GET",
        body: bytes = b"",
        tls: bool = False,
    ) -> "Told":
        """A request with the user's password (none for nobody) and these header lines, which may repeat a name."""
        lax = ssl._create_unverified_context()
        plain = HTTPConnection("127.0.0.1", self.port, timeout=30)
        wire = HTTPSConnection("127.0.0.1", self.tls_port, timeout=30, context=lax) if tls else plain
        given = [line.split(": ", 1) for line in lines]
        wire.putrequest(method, path, skip_host=any(name == "Host" for name, _ in given), skip_accept_encoding=True)
        if user:
            key = base64.b64encode(f"{user}:{user.replace('user', 'pw')}".encode()).decode()
            wire.putheader("Authorization", f"Basic {key}")
        for name, value in given:
            wire.putheader(name, value)
        if body:
            wire.putheader("Content-Length", str(len(body)))
        wire.endheaders(body or None)
        reply = wire.getresponse()
        told = Told(reply.status, [(name.lower(), value) for name, value in reply.getheaders()], reply.read())
        wire.close()
        return told

    def connect(self, user: str, cookie: str = "", tls: bool = False) -> str:
        """Open a websocket as a browser does. The cookie that says where it went."""
        lines = [line for line in UPGRADE if not line.startswith("Connection")] + ["Connection: Upgrade"]
        port = self.tls_port if tls else self.port
        lines.append(f"Origin: http{'s' if tls else ''}://127.0.0.1:{port}")
        told = self.send("/_stcore/stream", user, *lines, *([f"Cookie: {cookie}"] if cookie else []), tls=tls)
        assert told.status == 101, told
        return told.all("set-cookie")[0]


class Told:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    @property
    def page(self) -> str:
        return str(json.loads(self.body)["page"])

    def sent(self, name: str) -> list[str]:
        """What the page was sent in this header."""
        return [value for known, value in json.loads(self.body)["headers"] if known.lower() == name]


@pytest.fixture(scope="module")
def shared() -> Iterator[Front]:
    found = Front()
    yield found
    found.close()


@pytest.fixture
def front(shared: Front) -> Front:
    for page in shared.pages.values():
        page.heard.clear()
    return shared


# Who is believed


def test_a_page_hears_who_it_is_from_the_proxy_alone(front: Front) -> None:
    forged = [
        "X-Forwarded-User: ben",
        "x-forwarded-user: ben",
        "X-Proxy-Secret: guessed",
        f"X-Proxy-Secret: {SECRET}",
    ]
    forged += ["X_Forwarded_User: ben", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https"]
    told = front.send("/", "user3", *forged)
    assert told.sent("x-forwarded-user") == ["user3"]
    assert told.sent("x-proxy-secret") == [SECRET]
    assert told.sent("x_forwarded_user") == []
    assert told.sent("x-forwarded-for") == ["127.0.0.1"]
    assert told.sent("x-forwarded-proto") == ["http"]
    assert told.sent("authorization") == []  # the password goes no further


@pytest.mark.parametrize("path", ["/", "/interview?id=1", "/static/a.css", "/_stcore/stream", "/media/x"])
def test_nothing_is_told_without_a_password(path: str, front: Front) -> None:
    wrong = "Basic " + base64.b64encode(b"user0:pw1").decode()
    assert front.send(path, "").status == 401
    assert front.send(path, "", f"Authorization: {wrong}").status == 401
    assert front.send(path, "", "X-Forwarded-User: user0", f"X-Proxy-Secret: {SECRET}").status == 401
    assert front.heard == []


def test_where_the_pages_sign_in_themselves_a_claimed_name_is_nobodys() -> None:
    front = Front(realm="off")
    try:
        told = front.send("/", "user3", "X-Forwarded-User: user3")
        assert told.status == 200
        assert told.sent("x-forwarded-user") == []
    finally:
        front.close()


@pytest.mark.parametrize("case", FOREIGN)
def test_no_other_web_page_reaches_a_page_process(case: str, front: Front) -> None:
    host, origin = (part.format(port=front.port, own=f"127.0.0.1:{front.port}") for part in FOREIGN[case])
    for path in ("/_stcore/stream", "/"):
        assert front.send(path, "user0", f"Host: {host}", f"Origin: {origin}").status in (403, 421)
    assert front.heard == []


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/_stcore/metrics", "/_stcore/agent/interact"])
def test_what_is_for_those_who_run_it_is_not_for_those_who_use_it(path: str, front: Front) -> None:
    spelled = [path, f"/{path}", f"/x/..{path}", f"/static/..%2f{path[1:]}", f"{path}/", path.replace("t", "%74")]
    assert {front.send(one).status for one in spelled} <= {400, 404}
    assert front.heard == []


# Which process


def test_all_windows_of_a_user_meet_in_one_process_and_all_users_fill_both(front: Front) -> None:
    seats = {}
    for user in (f"user{number}" for number in range(24)):
        places = {front.send(path, user).page for path in ("/", "/stories", "/static/a.js")}
        cookie = front.connect(user)
        assert places == {re.findall(r"simulator_seat=(\w+);", cookie)[0]}
        seats[user] = places.pop()
    assert set(seats.values()) == {"one", "two"}


def test_uploads_and_downloads_go_where_the_websocket_went(front: Front) -> None:
    for name in NAMES:
        cookie = f"Cookie: a=1; simulator_seat={name}"
        for path in ("/", "/media/x", "/_stcore/upload_file/s/f"):
            assert {front.send(path, user, cookie).page for user in ("user0", "user1", "user2")} == {name}


def test_the_other_process_takes_over_and_keeps_whom_it_has(front: Front) -> None:
    seat = front.connect("user5")
    first = re.findall(r"simulator_seat=(\w+);", seat)[0]
    other = next(name for name in NAMES if name != first)
    front.pages[first].kill()
    try:
        moved = front.connect("user5", seat.split(";")[0])
        assert f"simulator_seat={other};" in moved
        assert front.send("/", "user5", f"Cookie: {moved.split(';')[0]}").page == other
        assert front.send("/", "user5").page == other  # a browser without the cookie, too
    finally:
        front.pages[first].start()
    assert front.send("/", "user5", f"Cookie: {moved.split(';')[0]}").page == other


def test_over_tls_cookies_are_for_tls_alone(front: Front) -> None:
    assert front.connect("user0", tls=True).endswith("; Secure")
    told = front.send("/", "user0", tls=True)
    assert told.sent("x-forwarded-proto") == ["https"]
    assert told.all("strict-transport-security") == ["max-age=31536000"]
    assert "secure" in told.all("set-cookie")[0].lower()
    assert "secure" not in front.send("/").all("set-cookie")[0].lower()


# What gets through


def test_a_body_is_as_long_as_what_it_is_for(front: Front) -> None:
    upload = "/_stcore/upload_file/session/file"
    whole = front.send(upload, method="PUT", body=b"x" * 20_500_000)
    assert json.loads(whole.body)["bytes"] == 20_500_000
    assert front.send(upload, method="PUT", body=b"x" * 23_000_000).status == 413
    assert front.send("/", method="POST", body=b"x" * 70_000).status == 413
    assert len(front.heard) == 1
    assert [one for one in front.nginx.place.rglob("*") if one.is_file() and one.stat().st_size > 10**6] == []


def test_the_browser_is_told_to_reach_no_other_host(front: Front) -> None:
    index = (Path(streamlit.__file__).parent / "static/index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    allowed = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts}
    for told in (front.send("/"), front.send("/interview?id=1"), front.send("/nowhere", "")):
        policy = dict(part.strip().split(" ", 1) for part in told.all("content-security-policy")[0].split(";"))
        assert policy["default-src"] == "'none'"
        assert set(policy["script-src"].split()) == {"'self'", "blob:", *allowed}
        words = set(" ".join(policy.values()).split())
        assert words <= {"'none'", "'self'", "'unsafe-inline'", "blob:", "data:", *allowed}
        assert "'unsafe-inline'" not in policy["script-src"]
        assert told.all("cache-control") == ["no-store"]
        assert told.all("x-content-type-options") == ["nosniff"]
        assert told.all("server") == ["nginx"]


def test_what_ships_with_the_page_is_packed_and_kept_by_the_browser(front: Front) -> None:
    told = front.send("/static/a.css", "user0", "Accept-Encoding: gzip")
    assert told.all("content-encoding") == ["gzip"]
    assert told.all("cache-control") == ["public, immutable"]
    assert front.send("/", "user0", "Accept-Encoding: gzip").all("content-encoding") == []  # what is secret is not


def test_the_logs_name_no_interview_session_file_or_password(front: Front) -> None:
    front.pages["one"].kill()
    try:
        for path in ("/interview?id=canary1", "/_stcore/upload_file/canary2/canary3", "/media/canary4.json"):
            for seat in NAMES:
                front.send(path, "user0", "Referer: http://127.0.0.1/?id=canary5", f"Cookie: simulator_seat={seat}")
            front.send(path, "canary6")
        front.pages["two"].kill()
        assert front.send("/interview?id=canary7").status == 502
    finally:
        front.pages["one"].start()
        front.pages["two"].start()
    until(lambda: " 502 " in front.nginx.logged)
    assert " user0 GET /interview " in front.nginx.logged
    assert " - GET /media/ 401 " in front.nginx.logged
    assert "canary" not in front.nginx.logged
