"""Grades a file's answers on a Ray cluster: Ray Data hands the records to workers, lines come back as they are done.

Each worker is a process with a grader of its own, made from the settings of the command; what it cannot grade comes
back as a result and not as an exception. Knows no file. A cluster of this machine listens to the loopback alone, asks
for a token made anew, and takes its logs with it when it ends; Ray reports to nobody. The key goes to a worker as a
secret among its settings, never by a runtime environment: Ray writes those into its logs.
"""

import json
import logging
import os
import secrets
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from simulator.answer_file import AnswerRecord, grade_line
from simulator.errors import ConfigurationError, ModelUnavailableError, SimulatorError
from simulator.graders import Graders, open_judge
from simulator.library import Library, load_library
from simulator.outbox import Outbox, known_words
from simulator.settings import Settings

if TYPE_CHECKING:
    from simulator.models import ChatModel

SENT = {"model", "base_url", "api_key", "model_file", "grading", "embeddings", "call_timeout_seconds"}
SENT |= {"context_tokens", "threads", "mask"}
"""The settings that decide what a grade is; all others stay with the command."""
PLACES = {"content_dir", "cache_dir"}
"""Folders, which each machine has its own of, unless the command names one."""
MOST_TRIES = 4
"""So often a record is begun; one whose worker dies each time ends the run. A worker may die any number of times."""
STORE_BYTES = 100_000_000
"""Memory in which Ray keeps records and lines of a cluster of this machine; it takes no less than 75 MiB."""
_CONNECT_SECONDS = 10
RECORD = TypeAdapter(AnswerRecord)
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # else its own log goes to the terminal as well
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else the folder of a command under uv is sent to the cluster
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as it will be by default; else Ray remarks on it
}


class Tries:
    """How often each record was begun; one actor of the cluster, which all workers ask."""

    def __init__(self) -> None:
        self._begun = Counter[str]()

    def begin(self, record_id: str) -> int:
        """Count this try; tells which it is."""
        self._begun[record_id] += 1
        return self._begun[record_id]


class Worker:
    """One process of the cluster: a row of one record in, a row of its line or of its error out."""

    def __init__(self, settings: Mapping[str, Any], tries: Any) -> None:
        """Opens nothing yet: what cannot be opened is the first record's error."""
        self._given = settings
        self._tries = tries

    def __call__(self, row: Mapping[str, str]) -> dict[str, str]:
        import ray

        record = RECORD.validate_json(row["record"])
        try:
            if ray.get(self._tries.begin.remote(record.id)) > MOST_TRIES:
                raise ModelUnavailableError(
                    f"The answer {record.id!r} was begun {MOST_TRIES} times, and each time its worker died.",
                    "Give the machines more memory or take fewer workers.",
                )
            grade = self._graders.of(record.exchange.question.kind, self._model).grade(record.exchange)
            line = grade_line(record, grade, self._library.company(record.company).bar)
        except SimulatorError as error:
            return {"line": "", "problem": error.problem, "fix": error.fix}
        return {"line": json.dumps(line), "problem": "", "fix": ""}

    @cached_property
    def _settings(self) -> Settings:
        return Settings(**self._given)

    @cached_property
    def _library(self) -> Library:
        return load_library(self._settings.content_dir)

    @cached_property
    def _model(self) -> "ChatModel":
        return open_judge(self._settings, Outbox(known_words(self._library) if self._settings.mask else None))

    @cached_property
    def _graders(self) -> Graders:
        return Graders(self._settings, self._library)


def grade_on_cluster(
    records: Sequence[AnswerRecord], settings: Settings, address: str, workers: int
) -> Generator[dict[str, Any]]:
    """The output lines of the records, in the order in which they are done.

    `address` is a Ray cluster's; empty starts one on this machine, which ends with the iterator. Raises, as one
    process would, what a record could not be graded for, and ConfigurationError or ModelUnavailableError where Ray
    is missing, the cluster does not answer or its workers keep dying.
    """
    if not records:
        return
    with _cluster(address, workers) as ray:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        tries = ray.remote(Tries).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
        rows = [{"record": RECORD.dump_json(record).decode()} for record in records]
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(  # a record a task: it is lost alone
            Worker,
            fn_constructor_args=(handed_over(settings), tries),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows)), max_tasks_in_flight_per_actor=1),
            num_cpus=1,
        )
        try:
            # Without a batch fetched ahead: that would hold each line back until the next one is done.
            for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for row in batch.to_pylist():
                    if not row["line"]:
                        raise SimulatorError(row["problem"], row["fix"])
                    yield json.loads(row["line"])
        except ray.exceptions.RayError as error:
            last = str(error).strip().splitlines()[-1]
            raise ModelUnavailableError(
                f"The Ray cluster could not grade: {last}",
                "Every machine of it needs this program in the same version, and memory for its workers.",
            ) from error


def handed_over(settings: Settings) -> dict[str, Any]:
    """What a worker is told of the settings. The key is among them as a secret, which no log spells out."""
    return settings.model_dump(include=SENT | (PLACES & settings.model_fields_set))


@contextmanager
def _cluster(address: str, workers: int) -> Iterator[Any]:
    """The `ray` package, connected; disconnected at the end, and ended where the cluster is our own."""
    os.environ.update(_QUIET)
    if address:
        _must_listen(address)
        os.environ["RAY_NUM_REDIS_GET_RETRIES"] = "1"  # what listens may be no Ray cluster
        with _connected({"address": address}) as ray:
            yield ray
        return
    # Read when Ray is imported: "no cluster of several machines" is what binds it to the loopback.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # Ray lets everybody into its folder, so it gets one inside ours; short, as the paths of its sockets must be.
    short = "/tmp" if Path("/tmp").is_dir() else None
    own = {"address": "local", "num_cpus": workers, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir=short, ignore_cleanup_errors=True) as folder,
        _connected(own | {"_temp_dir": f"{folder}/open"}) as ray,
    ):
        yield ray


def _must_listen(address: str) -> None:
    """Ray itself tries an address at which nobody listens for a quarter of an hour."""
    if address == "auto":
        return
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        socket.create_connection((place.hostname or "", place.port or 0), _CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"No Ray cluster at {address}: {str(error).strip().splitlines()[0]}.",
        "Give --address as `ray start` printed it, with the same versions of Ray and Python here and there.",
    )


@contextmanager
def _connected(options: Mapping[str, Any]) -> Iterator[Any]:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigurationError(
            f"Ray cannot be loaded: {error}.", "Install it: pip install 'interview-simulator[ray]'."
        ) from error
    try:
        with _mute():
            ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _no_cluster(options["address"], error) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        with redirect_stdout(sys.stderr):  # where Ray tells of workers that died
            yield ray
    finally:
        ray.shutdown()


@contextmanager
def _mute() -> Iterator[None]:
    """Nothing on the terminal from native code either: Ray announces its own quietness there."""
    sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
