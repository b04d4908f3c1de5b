"""Ratios and memory of the running program, measured in one run on the embedded model: `make bench`.

Times are only ever compared within the run. Each line says what was divided by what, and its goal.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator.interview import Exchange, Role, Turn
from simulator.interviewer import Interviewer, Phrasing, turn_of
from simulator.models import ChatModel
from simulator.program import Program
from simulator.settings import ROOT, Settings, load_settings

ANSWERS = ROOT / "evals" / "datasets" / "answers" / "dev.jsonl"
_MIB = 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One measured figure. `goal` is the most that it should be; 0 means that it is only told."""

    what: str
    value: float
    unit: str
    goal: float
    n: int

    def text(self) -> str:
        verdict = "" if not self.goal else (" reached" if self.value <= self.goal else " NOT reached")
        goal = f"(goal at most {self.goal:g}:{verdict})" if self.goal else ""
        return f"{self.what:74} {self.value:8.2f} {self.unit:6} n={self.n} {goal}"


def main() -> None:
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings().model_copy(update={"data_dir": Path(folder)})
        lines += _start(settings)
        program = Program(settings)
        model = program.model()
        lines += _retrieval(program)
        lines += _follow_ups(program, model)
        lines += _page(program)
        lines += _memory(program, model)
        program.close()
    for line in lines:
        print(line.text())
    print(f"\nmodel {model.name}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")


def _exchanges(program: Program, count: int) -> list[Exchange]:
    from evals.cases import answers

    single = [one.exchange for one in answers("dev") if len(one.turns) == 1]
    return sorted(single, key=lambda one: abs(len(one.candidate_text.split()) - 180))[:count]


def _follow_ups(program: Program, model: ChatModel) -> list[Line]:
    """First token of a follow-up against the bare model's time for the same new tokens."""
    interviewer = program.interviewer("amazon")
    against_bare, second_against_first = [], []
    for exchange in _exchanges(program, 5):
        first, aim, follow_up = _first_token(interviewer, exchange)
        bare = _bare_first_token(interviewer, model, exchange, aim)
        against_bare.append(first / bare)
        reply = Turn(
            "reply", Role.CANDIDATE, "I asked them to decide by Friday, and I told them what it would cost to wait."
        )
        longer = Exchange(exchange.question, (*exchange.turns, follow_up, reply))
        # The bare call above has read the same beginning, as the first follow-up had.
        again, _, _ = _first_token(interviewer, longer)
        second_against_first.append(again / first)
    return [
        Line(
            "first words of the model in a follow-up / bare model on the same new tokens",
            statistics.median(against_bare),
            "x",
            1.5,
            len(against_bare),
        ),
        Line(
            "second follow-up / first follow-up (the beginning is cached)",
            statistics.median(second_against_first),
            "x",
            1.0,
            len(second_against_first),
        ),
    ]


def _first_token(interviewer: Interviewer, exchange: Exchange) -> tuple[float, Any, Turn]:
    """Seconds from the answer to the model's first own words, and what was asked."""
    started = time.monotonic()
    aim = interviewer.aim(exchange)
    assert aim is not None, "the bench needs answers that leave something out"
    phrasing = Phrasing(aim)
    heard = None
    for number, _ in enumerate(interviewer.say(exchange, aim, phrasing)):
        if number == 1:
            heard = time.monotonic() - started
    return heard or time.monotonic() - started, aim, turn_of("probe", phrasing)


def _bare_first_token(interviewer: Interviewer, model: ChatModel, exchange: Exchange, aim: Any) -> float:
    """Seconds of the model alone for the follow-up's prompt; of what it has read only the system text is kept."""
    messages = interviewer.request(exchange, aim)
    model.reply([messages[0], ("user", "Say yes.")], 8)
    started = time.monotonic()
    next(iter(model.stream(messages, 8)))
    return time.monotonic() - started


def _retrieval(program: Program) -> list[Line]:
    """Chroma against the same search done by multiplying all vectors, and whether both find the same."""
    from simulator.embeddings import open_embeddings

    embeddings, _ = open_embeddings(program.settings)
    index = program.index()
    rows = [n for n, one in enumerate(index.passages.values()) if one.company in ("stripe", "general")]
    with (index.path / "complete").open("rb") as file:  # where each passage lies, as it was put there
        vectors = np.load(file)[rows]
    ids = [list(index.passages)[row] for row in rows]
    ratios, same, wanted = [], 0, 0
    for exchange in _exchanges(program, 20):
        text = exchange.candidate_text
        started = time.monotonic()
        found = {hit.passage.id for hit in index.nearest(text, "stripe", 5)}
        chroma = time.monotonic() - started
        started = time.monotonic()
        order = np.argsort(-(vectors @ np.array(embeddings.embed_query(text))))[:5]
        ratios.append(chroma / (time.monotonic() - started))
        same += len(found & {ids[i] for i in order})
        wanted += 5
    return [
        Line("Chroma query / brute force over the same vectors", statistics.median(ratios), "x", 0, len(ratios)),
        Line("share of brute force's five that Chroma finds too", same / wanted, "", 0, wanted),
    ]


def _start(settings: Settings) -> list[Line]:
    """From process start to the first question, against starting Python and importing Streamlit alone."""
    ours = "import streamlit; from simulator.conductor import Conductor; from simulator.program import Program; "
    ours += "from simulator.settings import load_settings; "
    ours += "Conductor(Program(load_settings())).start('amazon', 'quick')"
    environment = os.environ | {"SIMULATOR_DATA_DIR": str(settings.data_dir)}

    def seconds(code: str) -> float:
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)
        return time.monotonic() - started

    pairs = [(seconds(ours), seconds("import streamlit")) for _ in range(3)]
    ratio = statistics.median(one / other for one, other in pairs)
    return [Line("start to first question / starting Python with Streamlit alone", ratio, "x", 0, len(pairs))]


def _page(program: Program) -> list[Line]:
    """A whole interview in Chromium: rerun time, and the most memory of the page's process."""
    from evals.browser import interview_in_browser

    seen = interview_in_browser(program.settings, answers=2)
    return [
        Line(
            "page rerun after typing / rerun of a one-line page",
            seen.rerun_seconds / seen.bare_rerun_seconds,
            "x",
            0,
            1,
        ),
        Line("page rerun after typing", seen.rerun_seconds, "s", 0, 1),
        Line("server start to first question in the browser", seen.first_question_seconds, "s", 0, 1),
        Line("peak memory of the page process", seen.peak_mib, "MiB", 450, 1),
    ]


def _memory(program: Program, model: ChatModel) -> list[Line]:
    """Peak memory of the model process after a long interview: 12 exchanges, one of them of 2,000 words."""
    from simulator.models import Lane

    grader = program.grader()
    exchanges = _exchanges(program, 11)
    long = " ".join(exchange.candidate_text for exchange in exchanges).split()[:2000]
    exchanges.append(Exchange(exchanges[0].question, (Turn("long", Role.CANDIDATE, " ".join(long)),)))
    for exchange in exchanges:
        reading = grader.read(exchange)
        checks = [check for check in grader.rubric.checks if grader.asks(check)][:2]
        for lane in Lane:
            list(grader.findings(reading, checks, lane))
    assert model.process_id
    return [Line("peak memory of the model process", peak_mib(model.process_id) / 1024, "GiB", 2.2, len(exchanges))]


def peak_mib(process: int) -> float:
    """The most resident memory that a process has had, in MiB."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / _MIB


if __name__ == "__main__":
    main()
