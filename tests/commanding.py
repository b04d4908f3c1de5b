"""Runs the command as people and scripts do, in a process of its own; answers to give it, and what came of it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-c", "from simulator.cli import main; main()"]
ANSWER = (
    "In Q2 2023 our checkout migration was three weeks behind. I ran it as the product manager. The payments team "
    "was blocked because the fraud vendor kept changing its API, so I decided to cut the loyalty points feature. "
    "Failures fell from 4% to 1%."
)
REPLY = "I told our director in the second week, because only she could move the date, and I wrote down why."
Done = subprocess.CompletedProcess[str]
Runs = Callable[..., Done]


@pytest.fixture
def simulator(environment: dict[str, str], tmp_path: Path) -> Runs:
    """Runs the command in an empty folder; keyword arguments are settings, `plain` other variables."""

    def _run(*arguments: object, plain: Mapping[str, str] | None = None, **changed: str) -> Done:
        variables = environment | {f"SIMULATOR_{name}": value for name, value in changed.items()} | dict(plain or {})
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(
            command, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )

    return _run


def told(done: Done) -> Any:
    """What a command that went well printed as JSON."""
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def error(done: Done) -> str:
    """The one line of a command that could not do what it should."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def answers(path: Path, *ids: str, **changed: Any) -> Path:
    turns = [
        {"role": "candidate", "text": ANSWER},
        {"role": "interviewer", "text": "Whom did you tell?"},
        {"role": "candidate", "text": REPLY},
    ]
    plain = {"company": "stripe", "question": "Tell me about a project that went off track.", "turns": turns}
    path.write_text("".join(json.dumps({"id": one} | plain | changed) + "\n" for one in ids), "utf-8")
    return path


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
