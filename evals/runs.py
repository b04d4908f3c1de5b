"""A run: one folder with what it was made of (about.json) and one line a case for each suite.

Lines are synced as they come, so a run that was killed goes on where it stopped; statistics are computed from
the lines at any later time, without a call.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evals.workbench import Workbench
from simulator.answer_file import LineFile
from simulator.errors import InputError
from simulator.rubric import LOWEST, Grade, State

FOLDER = Path(__file__).parent / "runs"
Result = dict[str, Any]
Each = Callable[[int, int], None]


class Case(Protocol):
    """Anything with an id that a suite can put to the grader, the interviewer or the index."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a suite reports, with its 95 % interval (not a number where it has none) and the cases it
    was taken from. `name` is what goals refer to."""

    name: str
    value: float
    low: float
    high: float
    n: int
    told: str = ""
    """What it says, in words."""


class Suite(Protocol):
    """One evaluation: its cases, what is done with one, and the figures of all results."""

    name: str

    def cases(self, split: str) -> Sequence[Any]: ...

    def result(self, bench: Workbench, case: Any) -> Result: ...

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]: ...


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder."""

    folder: Path

    @property
    def about(self) -> dict[str, str]:
        """What it was made of. Raises InputError where the folder is no run."""
        try:
            return dict(json.loads((self.folder / "about.json").read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder} is not a run.", "Make one: python -m evals run.") from error

    @property
    def split(self) -> str:
        return self.about["split"]

    def results(self, suite: str) -> dict[str, Result]:
        """What is there of one suite, by case."""
        path = self.folder / f"{suite}.jsonl"
        if not path.exists():
            return {}
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {line["id"]: line["result"] for line in lines}

    @property
    def suites(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))


def begin(folder: Path, bench: Workbench, split: str) -> Run:
    """A new run, or an earlier one that goes on. Raises InputError where it was made of something else."""
    folder.mkdir(parents=True, exist_ok=True)
    run, about = Run(folder), {**bench.about(), "split": split}
    if not (folder / "about.json").exists():
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    elif other := [name for name, value in about.items() if run.about.get(name) != value]:
        raise InputError(f"The run {folder.name} was made with another {', '.join(other)}.", "Name another --out.")
    return run


def execute(run: Run, suite: Suite, bench: Workbench, workers: int, each: Each = lambda done, of: None) -> None:
    """Put every case that has no line yet to the suite; `workers` at a time."""
    lines = LineFile(run.folder / f"{suite.name}.jsonl", "result")
    left = [case for case in suite.cases(run.split) if case.id not in lines.done]
    total = len(left) + len(lines.done)
    each(len(lines.done), total)
    with ThreadPoolExecutor(workers) as pool:
        waiting = {pool.submit(suite.result, bench, case): case for case in left}
        try:
            for done, future in enumerate(as_completed(waiting), total - len(left) + 1):
                lines.add({"id": waiting[future].id, "result": future.result()})
                each(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def with_progress(run: Run, suite: Suite, bench: Workbench, workers: int) -> float:
    """`execute` with a bar and the time left; the seconds that it took."""
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(suite.name, total=None)
        execute(run, suite, bench, workers, lambda done, of: progress.update(task, completed=done, total=of))
    return time.monotonic() - started


def told(grade: Grade, bar: float = 3.0) -> Result:
    """A grade as a run keeps it. What is no answer has the lowest scores and says why."""
    scores = {name: rating.score for name, rating in grade.ratings.items()}
    return {
        "scores": scores,
        "raw": {name: round(rating.raw, 3) for name, rating in grade.ratings.items()},
        "bands": {name: [round(r.low, 2), round(r.high, 2)] for name, r in grade.ratings.items()},
        "overall": grade.overall,
        "band": list(grade.band) if grade.band else None,
        "firmness": grade.firmness(bar),
        "reason": grade.reason,
        "chances": {
            key: round(one.probability, 4) for key, one in grade.findings.items() if one.probability is not None
        },
        "met": [key for key, one in grade.findings.items() if one.state is State.MET],
        "without_evidence": [key for key, one in grade.findings.items() if one.note and not grade.reason],
        "evidence": {
            key: [[e.turn, e.start, e.end, e.text] for e in one.evidence]
            for key, one in grade.findings.items()
            if one.evidence
        },
    }


def score_of(result: Result, dimension: str) -> int:
    """The score of a kept grade; without a score (it is no answer), the lowest."""
    return int(result["scores"].get(dimension, LOWEST))


def overall_of(result: Result) -> float:
    return float(result["overall"] if result["overall"] is not None else LOWEST)
