"""What crowds met as a table of Markdown: figures with how many they stand for, and goals beside them."""

import importlib.metadata
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from load.crowd import Met

SETTLED = 1 / 8
"""The share of a long run after which memory should be level: the first of eight hours."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `goal` is the most that it should be; without one it is only told."""

    what: str
    figure: str
    n: int
    goal: str = ""
    reached: bool = True

    def __str__(self) -> str:
        return f"| {self.what} | {self.figure} | {self.n:,} | {self.goal} | {'' if self.reached else '**missed**'} |"


def at_most(what: str, value: float, unit: str, n: int, goal: float) -> Line:
    """A figure with the most that it should be."""
    return Line(what, f"{value:,.2f} {unit}", n, f"at most {goal:g}", n > 0 and value <= goal)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many (0-1) are no greater than; NaN of none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def failures(met: Met, what: str) -> Line:
    """What went wrong, and whose words were seen where they do not belong."""
    wrong = len(met.failures) + len(met.mixed)
    return Line(f"{what}: failed", str(wrong), met.interviews + len(met.failures), "0", not wrong)


def opening(met: Met) -> list[Line]:
    return [
        failures(met, f"{len(met.opened)} open the page and start an interview at once"),
        Line("first question, p50", f"{percentile(met.opened, 0.5):.2f} s", len(met.opened)),
        at_most("first question, p95", percentile(met.opened, 0.95), "s", len(met.opened), 6.0),
    ]


def interviewing(met: Met, visitors: int) -> list[Line]:
    """The turns beside what the model took of them, what came over the wire, and what it took of the machine."""
    model, n = met.model_seconds, len(met.took)
    took = [one.seconds for one in met.took]
    beyond = [one.seconds - model[one.visitor, one.turn] for one in met.took]
    gaps = met.between_calls
    first, last, peak = met.samples[0][1], met.samples[-1][1], max(one.mib for _, one in met.samples)
    worked = (last.worked_seconds - first.worked_seconds) / met.seconds
    return [
        failures(met, f"{visitors} at a time hold interviews"),
        Line("from the click to the next box, p50, p95", _both(took), n),
        Line("of that the model, p50, p95", _both(list(model.values())), n),
        Line("beyond the model, p50", f"{percentile(beyond, 0.5):.2f} s", n),
        at_most("beyond the model, p95", percentile(beyond, 0.95), "s", n, 1.0),
        Line("first words, p50, p95", _both([one.first_words_seconds for one in met.took]), n),
        Line("messages a turn", f"{_mean([one.messages for one in met.took]):,.0f}", n),
        Line("kB a turn", f"{_mean([one.bytes / 1000 for one in met.took]):,.0f}", n),
        Line("between two calls of the model, p50, p95", _both(gaps), len(gaps)),
        at_most("memory a visitor", (peak - first.mib) / visitors, "MiB", visitors, 2.0),
        Line("memory before, at most", f"{first.mib:,.0f}, {peak:,.0f} MiB", 1),
        Line("threads before, at most", f"{first.threads}, {max(one.threads for _, one in met.samples)}", 1),
        Line("open files before, at most", f"{first.handles}, {max(one.handles for _, one in met.samples)}", 1),
        Line("cores at work: the program, the visitors", f"{worked:.2f}, {met.own_seconds / met.seconds:.2f}", 1),
    ]


def staying(met: Met, asks: int) -> list[Line]:
    """The page alone early and late in long interviews: two turns an exchange, so the third ends with the sixth."""

    def page(numbers: range) -> list[float]:
        return [one.rerun_seconds for one in met.took if one.turn in numbers]

    early, late = page(range(1, 4)), page(range(asks - 3, asks))
    ratio = median(late) / median(early) if early and late else math.nan
    return [
        failures(met, f"{asks} facts of one case asked, one interview after the other"),
        Line(f"page drawn anew at turn 5, at turn {2 * asks}", f"{_each(early)}, {_each(late)}", len(early)),
        at_most(f"turn {2 * asks} / turn 5", ratio, "x", len(late), 1.3),
        at_most(f"page drawn anew at turn {2 * asks}, median", median(late or [math.nan]), "s", len(late), 0.1),
    ]


def coming_and_going(met: Met, visitors: int) -> list[Line]:
    """Whether anything grows once the first eighth is over: the middle of what follows it against the end."""
    settled = [one for at, one in met.samples if at >= SETTLED * met.seconds]
    part = max(1, len(settled) // 8)
    early, late = settled[:part], settled[-part:]
    memory = median(one.mib for one in late) / median(one.mib for one in early)
    threads = median(one.threads for one in late) - median(one.threads for one in early)
    handles = median(one.handles for one in late) - median(one.handles for one in early)
    told = f"{visitors} at a time for {met.seconds / 3600:.2g} hours, {met.interviews:,} interviews"
    return [
        failures(met, told),
        at_most("memory at the end / after the first eighth", memory, "x", len(settled), 1.05),
        at_most("threads more", threads, "", len(settled), 2.0),
        at_most("open files more", handles, "", len(settled), 2.0),
    ]


def document(parts: Sequence[Sequence[Line]], command: str, troubles: Sequence[str], wrong: Sequence[str]) -> str:
    """The whole report. `troubles` are lines of the program's log, `wrong` is what visitors met."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("streamlit", "interview-simulator")
    )
    lines = [line for part in parts for line in part]
    return "\n".join(
        [
            "# Many at once",
            "",
            "Written by `make load` (tests/load): visitors over the page's own web socket, each a user of their own,",
            "one page process, and a model of fixed speed however many ask. A visitor types, sends, reads the",
            "follow-up, comes back to the interview in another tab and waits for the scorecard. Failed is what is",
            "not there in time, an error or a warning, an own text missing, or a word of anybody else's.",
            "",
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `{command}`",
            f"- {platform.system()} {platform.release()}, {os.cpu_count()} cores ({_processor()}) that the visitors "
            f"and the model share, Python {platform.python_version()}, {versions}",
            f"- lines of trouble in the program's log: {len(troubles)}",
            "",
            "| what | figure | n | goal | |",
            "|---|---|---|---|---|",
            *(str(line) for line in lines),
            "",
            *(f"- {one}" for one in [*wrong[:20], *troubles[:20]]),
        ]
    )


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    names = [line for line in told.read_text("utf-8").splitlines() if "model name" in line] if told.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _both(values: Sequence[float]) -> str:
    return f"{percentile(values, 0.5):.2f}, {percentile(values, 0.95):.2f} s"


def _each(values: Sequence[float]) -> str:
    return f"{median(values):.3f} s" if values else "-"
