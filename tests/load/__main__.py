"""The full load and its report: `PYTHONPATH=tests python -m load` writes docs/load.md.

`--soak-hours 8 --visitors 20` has visitors come and go for so long instead and writes docs/load-soak.md. Ends with 1
where a goal was missed.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from load import report
from load.crowd import Crowds, Met
from load.served import Served, make_ready, served
from load.visitor import Manner
from simulator.settings import ROOT

LOG, SOAK_LOG = (ROOT / "docs" / name for name in ("load.md", "load-soak.md"))
ANSWERS = ROOT / "evals" / "datasets" / "answers" / "dev.jsonl"


def main() -> int:
    given = _asked()
    folder = Path(tempfile.mkdtemp(prefix="load-"))
    try:
        make_ready(folder)
        speed = {"tokens_per_second": given.tokens_per_second}
        with served(folder, places=max(given.visitors, given.opening), **speed) as running:
            crowds = Crowds(running, answers(), Manner((given.think[0], given.think[1])))
            lines, met = asyncio.run(_soak(crowds, given) if given.soak_hours else _load(crowds, given))
            _tell(given.log or (SOAK_LOG if given.soak_hours else LOG), lines, met, running)
    finally:
        shutil.rmtree(folder)
    return int(not all(line.reached for part in lines for line in part))


def answers() -> list[str]:
    """What candidates said in the labelled answers that nothing is measured on here."""
    told = [json.loads(line)["turns"] for line in ANSWERS.read_text("utf-8").splitlines()]
    return [" ".join(turn["text"] for turn in turns if turn["role"] == "candidate") for turns in told]


def _asked() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    asked.add_argument("--visitors", type=int, default=100)
    asked.add_argument("--opening", type=int, default=50, help="how many open the page at once")
    asked.add_argument("--think", type=float, nargs=2, default=(20.0, 60.0), metavar="SECONDS")
    asked.add_argument("--tokens-per-second", type=float, default=20.0)
    asked.add_argument("--asks", type=int, default=30, help="of a long interview: two turns each")
    asked.add_argument("--soak-hours", type=float, default=0.0)
    asked.add_argument("--log", type=Path)
    return asked.parse_args()


async def _load(crowds: Crowds, given: argparse.Namespace) -> tuple[list[list[report.Line]], list[Met]]:
    await crowds.trying_out()
    at_once = await crowds.opening(given.opening)
    stays = await crowds.staying(3, given.asks)
    holds = await crowds.interviewing(given.visitors, given.think[0] / given.visitors)
    lines = [
        report.opening(at_once),
        report.staying(stays, given.asks),
        report.interviewing(holds, given.visitors),
    ]
    return lines, [at_once, stays, holds]


async def _soak(crowds: Crowds, given: argparse.Namespace) -> tuple[list[list[report.Line]], list[Met]]:
    await crowds.trying_out()
    met = await crowds.coming_and_going(given.visitors, 3600 * given.soak_hours)
    return [report.coming_and_going(met, given.visitors), report.interviewing(met, given.visitors)], [met]


def _tell(log: Path, lines: Sequence[Sequence[report.Line]], met: Sequence[Met], running: Served) -> None:
    wrong = [one for each in met for one in (*each.failures, *(f"in one call: {mixed}" for mixed in each.mixed))]
    text = report.document(lines, " ".join(["python -m load", *sys.argv[1:]]), running.troubles(), wrong)
    log.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
