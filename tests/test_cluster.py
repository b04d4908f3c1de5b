"""Answers graded on a Ray cluster: the lines of one process, whatever dies; nothing gets out."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commanding import COMMAND, Runs, answers, error, lines, told
from conducting import until
from conftest import ScriptedModel, judging
from fault_server import Messages, failure
from pydantic import SecretStr
from test_local_model import listening

from evals.browser import free_port
from simulator.answer_file import read_answers
from simulator.cluster import MOST_TRIES, RECORD, Tries, Worker, handed_over
from simulator.settings import ROOT, Settings

KEY = "sk-canary-51b0e7d2c9"
ON_RAY = ("--engine", "ray", "--workers", "2")


class Grading:
    """`grade` on a cluster of this machine, under way in a folder."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        command = [*COMMAND, "grade", "in.jsonl", "--out", "out.jsonl", *ON_RAY, "--json"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stdout=pipe, stderr=pipe, text=True)
        self._out = folder / "out.jsonl"

    @property
    def ids(self) -> list[str]:
        """What is written so far."""
        return [line["id"] for line in lines(self._out)] if self._out.exists() else []

    def family(self) -> dict[int, str]:
        """The command's process and all that it started, with how each was called."""
        calls, parents = {}, {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
                calls[int(stat.parent.name)] = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended meanwhile
                continue
        found, left = {}, [self.process.pid]
        while left:
            found[left[0]] = calls.get(left[0], "")
            left = left[1:] + [pid for pid, parent in parents.items() if parent == left[0]]
        return found

    def workers(self) -> list[int]:
        return [pid for pid, call in self.family().items() if call.startswith("ray::MapWorker")]

    def end(self) -> "subprocess.CompletedProcess[str]":
        out, err = self.process.communicate(timeout=300)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)


@pytest.fixture
def grading(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Grading]]:
    begun: list[Grading] = []

    def _begin() -> Grading:
        begun.append(Grading(environment | {"SIMULATOR_API_KEY": KEY}, tmp_path))
        return begun[-1]

    yield _begin
    for one in begun:
        one.process.kill()
        one.process.communicate(timeout=60)


class Held:
    """A model that keeps every request about these answers until they are let go; the others are replied to."""

    def __init__(self, model: ScriptedModel, *marks: str) -> None:
        self.marks = set(marks)
        self.asked: set[str] = set()
        self._changed = threading.Condition()
        judge = judging()

        def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
            for mark in self.marks:
                if mark in str(messages):
                    self.asked.add(mark)
                    with self._changed:
                        self._changed.wait_for(lambda mark=mark: mark not in self.marks, 120)  # type: ignore[misc]
            return judge(messages, parameters)

        model.reply = reply

    def let_go(self, *marks: str) -> None:
        with self._changed:
            self.marks = self.marks - set(marks)
            self._changed.notify_all()


def numbered(path: Path, count: int) -> list[str]:
    """So many answers, each of which says its own number."""
    ids = [f"a{number}" for number in range(count)]
    rows = lines(answers(path, *ids))
    for one in rows:
        one["turns"][0]["text"] += f" It was number {one['id']}."
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    return ids


def without_times(graded: Sequence[Any]) -> list[Any]:
    """Lines by id; the seconds are each run's own."""
    for one in graded:
        assert one["provenance"].pop("seconds") >= 0
    return sorted(graded, key=lambda one: str(one["id"]))


def test_two_workers_write_the_lines_of_one_process_and_nothing_gets_out(
    simulator: Runs, grading: Callable[[], Grading], scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    numbered(source, 2)
    rows = lines(source)
    rows += [rows[0] | {"id": "case", "kind": "case"}]
    rows += [rows[0] | {"id": "short", "company": "uber", "turns": [{"role": "candidate", "text": "Yes, naïve."}]}]
    source.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    assert told(simulator("grade", source, "--out", "plain.jsonl", "--json"))["written"] == 4
    held = Held(scripted_model, "number a0", "number a1")
    run = grading()
    until(lambda: bool(run.workers()))
    until(lambda: len(held.asked) == 2)
    family = run.family()
    heard = set().union(*map(listening, family))
    assert heard and all(re.fullmatch(r"(0{16}FFFF0000)?0100007F:.*", address) for address in heard)
    (folder,) = {Path(found) for call in family.values() for found in re.findall(r"/tmp/ray-\w+", call)}
    assert folder.stat().st_mode & 0o777 == 0o700
    written = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert any(b"MapWorker" in text for text in written.values())
    for secret in (KEY, "checkout migration", "number a0"):
        assert [file for file, text in written.items() if secret.encode() in text] == []
        assert [call for call in family.values() if secret in call] == []
    held.let_go("number a0", "number a1")
    done = run.end()
    assert told(done) == {"written": 4, "out": "out.jsonl"} and done.stderr == ""
    assert without_times(lines(tmp_path / "out.jsonl")) == without_times(lines(tmp_path / "plain.jsonl"))
    assert lines(tmp_path / "out.jsonl") != []
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in scripted_model.requests[-5:])
    assert not folder.exists()


def test_neither_a_killed_worker_nor_a_killed_command_loses_or_doubles_a_line(
    grading: Callable[[], Grading], scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    ids = numbered(tmp_path / "in.jsonl", 6)
    held = Held(scripted_model, "number a3", "number a4", "number a5")
    run = grading()
    until(lambda: bool(run.workers()))
    until(lambda: len(held.asked) == 2)
    until(lambda: len(run.ids) == 3)
    family, workers = run.family(), run.workers()
    assert len(workers) == 2
    run.process.kill()
    run.end()
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers))  # nobody goes on unseen
    for folder in {found for call in family.values() for found in re.findall(r"/tmp/ray-\w+", call)}:
        shutil.rmtree(folder, ignore_errors=True)
    kept = (tmp_path / "out.jsonl").read_text()
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write('{"id": "a3", "findi')  # as if it had been killed in the middle of a line
    held.asked.clear()
    run = grading()
    until(lambda: bool(run.workers()))
    until(lambda: len(held.asked) == 2)
    victim = run.workers()[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in run.workers() and len(run.workers()) == 2)
    held.let_go(*held.marks)
    done = run.end()
    assert told(done)["written"] == 3 and "3 of 6 are in out.jsonl already" in done.stderr
    assert sorted(run.ids) == ids
    assert (tmp_path / "out.jsonl").read_text().startswith(kept)


@pytest.fixture
def cluster(environment: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """A cluster that was there before, its address, and what keeps it and its users on the loopback."""
    local = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        address = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--head", "--block"]
        command += ["--port", address.split(":")[1], "--num-cpus", "2", "--object-store-memory", "100000000"]
        command += ["--include-dashboard", "false", "--temp-dir", folder]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment | local, **quiet) as process:  # type: ignore[call-overload]
            until(lambda: any(Path(folder).glob("session_*/sockets/raylet*")))
            yield address, local
            process.terminate()


def test_what_one_process_tells_of_an_answer_a_cluster_tells_too(
    simulator: Runs, cluster: tuple[str, dict[str, str]], scripted_model: ScriptedModel, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    answers(tmp_path / "in.jsonl", "a1")
    scripted_model.fault = lambda request: failure(401)
    here = error(simulator("grade", "in.jsonl", "--out", "out.jsonl"))
    assert "fake refused the key" in here
    address, local = cluster
    there = ("grade", "in.jsonl", "--out", "out.jsonl", *ON_RAY, "--address", address)
    assert error(simulator(*there, plain=local)) == here
    assert not (tmp_path / "out.jsonl").exists()
    scripted_model.fault = lambda request: None
    assert told(simulator(*there, "--json", plain=local))["written"] == 1


def test_a_record_whose_worker_dies_each_time_is_told_and_not_begun_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = read_answers(answers(tmp_path / "in.jsonl", "a1"), ["stripe"])[0]
    tries = Tries()
    monkeypatch.setattr("ray.get", lambda got: got)
    actor = SimpleNamespace(begin=SimpleNamespace(remote=tries.begin))
    for _ in range(MOST_TRIES):
        tries.begin("a1")
    row = Worker({}, actor)({"record": RECORD.dump_json(record).decode()})
    assert row["line"] == "" and "'a1' was begun 4 times, and each time its worker died" in row["problem"]
    assert tries.begin("a2") == 1


def test_a_worker_is_told_what_a_grade_depends_on_and_no_more(tmp_path: Path) -> None:
    secret, password = SecretStr(KEY), SecretStr("postgresql://me:hidden@db/x")
    plain = Settings(_env_file=None, api_key=secret, database_url=password, data_dir=tmp_path, grading="structured")
    given = handed_over(plain)
    assert given["api_key"] == secret and given["grading"] == "structured"
    assert KEY not in repr(given) and "hidden" not in repr(given)
    assert not {"database_url", "data_dir", "content_dir", "cache_dir", "proxy_secret"} & given.keys()
    own = handed_over(Settings(_env_file=None, content_dir=tmp_path))
    assert own["content_dir"] == tmp_path and "cache_dir" not in own


def test_without_ray_or_its_cluster_one_line_says_what_to_do(simulator: Runs, tmp_path: Path) -> None:
    answers(tmp_path / "in.jsonl", "a1")
    there = ("grade", "in.jsonl", "--out", "out.jsonl", *ON_RAY)
    assert "No Ray cluster at 127.0.0.1:1: " in error(simulator(*there, "--address", "127.0.0.1:1"))
    assert "No Ray cluster at nowhere: " in error(simulator(*there, "--address", "nowhere"))
    assert "Add --engine ray" in error(simulator("grade", "in.jsonl", "--out", "out.jsonl", "--address", "x:1"))
    (tmp_path / "ray.py").write_text("raise ImportError(\"No module named 'ray'\")\n")
    without = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    assert "pip install 'interview-simulator[ray]'" in error(simulator(*there, plain=without))
    assert not (tmp_path / "out.jsonl").exists()
