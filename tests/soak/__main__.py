"""The full counts and their log: `PYTHONPATH=tests python -m soak` writes docs/soak.md.

`--share 0.1` runs a tenth of each. Ends with 1 where a promise was not kept, or where the power cuts saw no loss
without the waiting for the disk that is to prevent it.
"""

import argparse
import importlib.metadata
import platform
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the processes that are killed import this file, too, and are to be there at once
    from soak.tally import Tally

LOG = Path(__file__).resolve().parents[2] / "docs" / "soak.md"
QUESTION_STEP_BYTES = 50
"""Cuts of the streamed question lie so far apart: each needs an interview of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way to break the program: how often in a full run, and by what. Where it `loses`, that is to be seen."""

    number: int
    run: "Callable[[int], Tally]"
    loses: bool = False


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    asked.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked.add_argument("--share", type=float, default=1.0, help="of the full counts")
    asked.add_argument("--log", type=Path, default=LOG)
    given = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    lines, kept = [], True
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        for row in _rows(folder, given.seed, stack):
            began = time.monotonic()
            tally = row.run(max(1, round(row.number * given.share)))
            good = bool(tally.faults) if row.loses else tally.kept
            kept = kept and good
            lines.append(_line(tally, row, good, time.monotonic() - began))
            print(lines[-1], flush=True)
            given.log.write_text(_document(lines, given.seed, given.share), encoding="utf-8")
    return int(not kept)


def _rows(folder: Path, seed: int, stack: ExitStack) -> "list[Row]":
    from conftest import ScriptedModel

    from soak import busy, cuts, disk, kills, power
    from soak.shim import compiled

    library = compiled(folder)
    model, cut = stack.enter_context(ScriptedModel()), stack.enter_context(cuts.CutModel())

    def made(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    return [
        Row(500, lambda number: power.power_cuts(made("power"), library, number, seed)),
        Row(50, lambda number: power.power_cuts(made("unsafe"), library, number, seed, power.UNSAFE), loses=True),
        Row(2_000, lambda number: disk.errors(library, made("errors"), number, seed)),
        Row(300, lambda number: disk.full(library, _settings(folder, "full", model.base_url), number, seed)),
        Row(1_000, lambda number: kills.worker_kills(made("workers"), number, seed)),
        Row(200, lambda number: kills.server_kills(_settings(folder, "server", model.base_url), number, seed)),
        Row(200, lambda number: kills.upgrade_kills(made("upgrades"), number, seed)),
        Row(3_702, lambda number: cuts.reply_cuts("structured", every=max(1, 3_702 // number))),
        Row(492, lambda number: cuts.reply_cuts("checkwise", checks=1, every=max(1, 492 // number))),
        Row(67, lambda number: cuts.question_cuts(_settings(folder, "question", cut.base_url), cut, 3_350 // number)),
        Row(10_000, lambda number: busy.writers(folder / "busy.db", 20, number)),
        Row(2, lambda _: busy.held_locks(folder, 4.0, 8.0)),
    ]


def _settings(folder: Path, name: str, address: str) -> dict[str, Any]:
    """The program's settings for a folder of its own with a ready index, and a model at that address."""
    from simulator.program import Program
    from simulator.settings import Settings

    ready = folder / "ready"
    if not ready.exists():
        program = Program(Settings(_env_file=None, data_dir=ready, cache_dir=ready))
        program.index()
        program.close()
    shutil.copytree(ready / "index", folder / name / "index")
    place = {"data_dir": folder / name, "cache_dir": folder / name}
    return place | {"model": "fake", "base_url": address, "call_timeout_seconds": 60}


def _line(tally: "Tally", row: Row, good: bool, seconds: float) -> str:
    counts = ", ".join(f"{what} {number:,}" for what, number in tally.counts.items())
    if row.loses:
        verdict = f"loses in {len(tally.faults)}, as it must" if good else "**saw no loss**"
    else:
        verdict = "kept" if good else "**broken**: " + "; ".join(tally.faults[:5])
    return f"| {tally.what} | {tally.broken:,} | {counts} | {seconds:,.0f} | {verdict} |"


def _document(lines: list[str], seed: int, share: float) -> str:
    return "\n".join(
        [
            "# Breaking it on purpose",
            "",
            "Written by `make soak` (tests/soak). Every row breaks the program in one way, and compares what it had",
            "acknowledged with what is there. 0 of n leaves room for a share of at most 3/n (95 %).",
            "",
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}, {share:g} of the full counts",
            f"- {platform.system()} {platform.release()}, Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {importlib.metadata.version('sqlalchemy')}, "
            f"openai {importlib.metadata.version('openai')}, "
            f"interview-simulator {importlib.metadata.version('interview-simulator')}",
            "",
            "| what | times | counted | seconds | promise |",
            "|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
