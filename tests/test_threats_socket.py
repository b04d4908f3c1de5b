"""The page server as another web page or another machine meets it: bare sockets against `simulator serve`."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from past_interviews import held_round, keep, said
from test_local_model import listening

from evals.browser import free_port, wait_until_up
from simulator.records import Records

TYPED = "The payout run in Tallinn failed twice, so I held the third one back until finance had counted."
UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: streamlit",
)
FOREIGN = {
    "a page of another site": ("{own}", "http://evil.example"),
    "another site whose name points here": ("evil.example:{port}", "http://evil.example:{port}"),
    "that name with this server's origin": ("evil.example:{port}", "http://{own}"),
    "a name that begins like this one": ("localhost.evil.example:{port}", "http://localhost.evil.example:{port}"),
    "an origin that begins like this one": ("{own}", "http://127.0.0.1.evil.example:{port}"),
    "an address of the local network": ("192.168.0.5:{port}", "http://192.168.0.5:{port}"),
    "a file or a sandboxed frame": ("{own}", "null"),
}
ROUTES = [
    "/",
    "/interview",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/media/x",
    "/app/static/x",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The port and the process of a page server that keeps a story."""
    folder = tmp_path_factory.mktemp("served")
    with closing(Records(folder / "interviews.db")) as records:
        keep(records, held_round([said(TYPED)]), None)
    port = free_port()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    model = {"SIMULATOR_MODEL": "fake", "SIMULATOR_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"}
    command = [sys.executable, "-c", "from simulator.cli import main; main()", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command,
        env=plain | model | {"SIMULATOR_DATA_DIR": str(folder), "SIMULATOR_CACHE_DIR": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
    )
    wait_until_up(port)
    yield port, process.pid
    process.kill()
    process.wait()


def spoken_to(port: int, path: str, host: str, *headers: str, method: str = "GET") -> tuple[int, str]:
    """The status and all that comes back, for a websocket the first that does."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Content-Length: 0", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall("\r\n".join(lines).encode())
        whole = wire.recv(65_536)
        while UPGRADE[0] not in headers and (more := wire.recv(65_536)):
            whole += more
    got = whole.decode(errors="replace")
    return int(got.split(" ", 2)[1]), got


def test_the_page_is_open_to_itself_under_both_names_of_this_machine(server: tuple[int, int]) -> None:
    port, _ = server
    for name in ("127.0.0.1", "localhost"):
        own = f"{name}:{port}"
        assert spoken_to(port, "/_stcore/stream", own, *UPGRADE, f"Origin: http://{own}")[0] == 101


@pytest.mark.parametrize("case", FOREIGN)
def test_no_other_web_page_can_talk_to_the_page_server(case: str, server: tuple[int, int]) -> None:
    port, _ = server
    host, origin = (part.format(port=port, own=f"127.0.0.1:{port}") for part in FOREIGN[case])
    assert spoken_to(port, "/_stcore/stream", host, *UPGRADE, f"Origin: {origin}")[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
@pytest.mark.parametrize("route", ROUTES)
def test_what_is_handed_out_without_a_websocket_holds_no_word_of_the_candidate(
    route: str, host: str, server: tuple[int, int]
) -> None:
    port, _ = server
    status, got = spoken_to(port, route, f"{host}:{port}", "Connection: close", "Origin: http://evil.example")
    assert status in (200, 404)
    assert not [word for word in ("Tallinn", "payout") if word in got]
    head = got.split("\r\n\r\n")[0].lower()
    assert "access-control-allow-origin" not in head


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_no_other_web_page_can_upload_or_take_away_a_file(method: str, server: tuple[int, int]) -> None:
    port, _ = server
    forged = ("Origin: http://evil.example", "Cookie: _streamlit_xsrf=2|1|2|3", "X-Xsrftoken: 2|1|2|3")
    for headers in ((), forged):
        path = "/_stcore/upload_file/session/file"
        status, _ = spoken_to(port, path, f"127.0.0.1:{port}", "Connection: close", *headers, method=method)
        assert status == 403
    status, head = spoken_to(port, path, f"127.0.0.1:{port}", "Connection: close", *forged[:1], method="OPTIONS")
    assert "evil.example" not in head


@pytest.mark.parametrize("path", ["/media/../../etc/passwd", "/static/..%2f..%2f..%2fetc%2fpasswd"])
def test_no_file_outside_is_handed_out(path: str, server: tuple[int, int]) -> None:
    port, _ = server
    status, got = spoken_to(port, path, f"127.0.0.1:{port}", "Connection: close")
    assert status in (400, 404)
    assert "root:" not in got


def test_nothing_but_the_loopback_is_listened_on(server: tuple[int, int]) -> None:
    port, pid = server
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    found = set().union(*map(listening, [pid, *children]))
    assert found == {f"0100007F:{port:04X}"}
