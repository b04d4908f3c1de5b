"""Does a run reach the goals? By intervals: a goal is passed or failed only where the cases show it.

Computes nothing of its own: the figures are those that the suites report.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from evals.runs import Figure, Run
from evals.suites import SUITES
from simulator.errors import InputError

GOALS = Path(__file__).parent / "goals.yaml"
State = Literal["passed", "failed", "inconclusive"]
EXIT_FAILED, EXIT_INCONCLUSIVE = 1, 3


class Goal(BaseModel):
    """One bound on a figure. `within` is one to both sides of nothing; `exactly` is a count that allows no exception,
    whatever its interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    least: float | None = None
    most: float | None = None
    within: float | None = Field(None, gt=0)
    exactly: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "Goal":
        if sum(bound is not None for bound in (self.least, self.most, self.within, self.exactly)) != 1:
            raise ValueError("give one of least, most, within and exactly")
        return self

    def as_text(self) -> str:
        """In words: `at least 0.8`."""
        if self.exactly is not None:
            return f"exactly {self.exactly:g}"
        if self.within is not None:
            return f"within {self.within:g}"
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"

    def state(self, figure: Figure) -> State:
        """Judged by the whole interval; by the value where there is none, or where it must be met exactly."""
        if self.exactly is not None:
            return "passed" if math.isclose(figure.value, self.exactly, abs_tol=1e-9) else "failed"
        low, high = (figure.value, figure.value) if math.isnan(figure.low) else (figure.low, figure.high)
        least, most = self._bounds()
        if low >= least and high <= most:
            return "passed"
        return "failed" if high < least or low > most else "inconclusive"

    def _bounds(self) -> tuple[float, float]:
        if self.within is not None:
            return -self.within, self.within
        return -math.inf if self.least is None else self.least, math.inf if self.most is None else self.most


@dataclass(frozen=True, slots=True)
class Line:
    """One goal and what became of it. `figure` is None where no suite of the run reports it."""

    name: str
    goal: Goal
    figure: Figure | None
    state: State
    why: str = ""

    def as_text(self) -> str:
        """State, name, figure, goal, and a reason where one is needed."""
        told = f"{self.state:<13} {self.name:<22} {_figure(self.figure)}; goal: {self.goal.as_text()}"
        return f"{told}; {self.why}" if self.why else told


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run held to its goals, one line a goal."""

    run: str
    lines: tuple[Line, ...]

    @property
    def exit_code(self) -> int:
        """0: all passed; 1: one failed at least; 3: none failed, but one is inconclusive at least."""
        states = {line.state for line in self.lines}
        if "failed" in states:
            return EXIT_FAILED
        return EXIT_INCONCLUSIVE if "inconclusive" in states else 0

    def as_text(self) -> str:
        """A line a goal, and a count."""
        states = [line.state for line in self.lines]
        count = ", ".join(f"{states.count(state)} {state}" for state in ("passed", "failed", "inconclusive"))
        return "\n".join([*(line.as_text() for line in self.lines), f"{self.run}: {count}"])


_GOALS = TypeAdapter(Annotated[dict[str, Goal], Field(min_length=1)])


def load_goals(path: Path) -> dict[str, Goal]:
    """The goals of a file, by the name of the figure; a `*` in it stands for anything: one goal then holds several.
    Raises InputError that names the file and the goal."""
    try:
        return _GOALS.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"The goals {path} cannot be read.", "Name another file with --goals.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path.name} is not YAML: {error}.", f"Write it as {GOALS.name} is written.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path.name}: {where}: {first['msg']}.", "Write NAME: {least: NUMBER}.") from None


def judged(run: Run, goals: Mapping[str, Goal]) -> Outcome:
    """Hold the figures of a run to the goals; what the run did not measure, or not to the end, cannot pass."""
    figures: dict[str, Figure] = {}
    undone: dict[str, str] = {}
    for suite in SUITES.values():
        if results := run.results(suite.name):
            found = suite.figures(run.split, results)
            figures |= {figure.name: figure for figure in found}
            if left := sum(case.id not in results for case in suite.cases(run.split)):
                reason = f"{left} cases of {suite.name} are not done"
                undone |= {figure.name: reason for figure in found}
    lines = (
        _line(name, goal, figures.get(name), undone.get(name, ""))
        for pattern, goal in goals.items()
        for name in [one for one in figures if fnmatchcase(one, pattern)] or [pattern]
    )
    return Outcome(run.folder.name, tuple(lines))


def _line(name: str, goal: Goal, figure: Figure | None, undone: str) -> Line:
    if figure is None:
        return Line(name, goal, None, "inconclusive", "no suite of this run reports it")
    if math.isnan(figure.value):
        return Line(name, goal, figure, "inconclusive", "nothing was measured")
    state = goal.state(figure)
    if undone and state == "passed":
        return Line(name, goal, figure, "inconclusive", undone)
    why = {"passed": _proven(goal, figure), "failed": "", "inconclusive": "too few cases to tell"}
    return Line(name, goal, figure, state, why[state])


def _proven(goal: Goal, figure: Figure) -> str:
    """What a count without an exception shows: not that there is none elsewhere."""
    if goal.exactly is None or math.isnan(figure.low):
        return ""
    if figure.high - figure.value > figure.value - figure.low:
        return f"proves no more than at most {figure.high:.3f}"
    return f"proves no more than at least {figure.low:.3f}"


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "no figure"
    interval = "" if math.isnan(figure.low) else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.3f}{interval}, n = {figure.n}"
