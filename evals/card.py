"""The fairness card of a run: per model and rubric, what must not matter beside what must, with goals and verdicts.

Computes with `shifts`, holds to the goals as the gate does, and decides nothing of its own: a row passes where all
its goals pass, and what must be seen is seen; it fails where one of them fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from evals import shifts
from evals.gate import Line, State
from evals.metrics import mean_interval
from evals.runs import Result
from evals.shifts import Beside
from evals.suites import SUITES
from evals.suites.attacks import AttacksSuite
from evals.suites.fairness import EQUIVALENT, FairnessSuite, of_family
from evals.variants import FAMILIES, PAIRED, SEES
from simulator.rubric import DIMENSIONS

Card = dict[str, Any]


def card(
    split: str,
    results: Mapping[str, Mapping[str, Result]],
    figures: Mapping[str, Sequence[Card]],
    outcome: Sequence[Line],
) -> Card | None:
    """The card as plain values; None where the run has nothing of fairness and no attacks.

    `figures` are those of each suite, `outcome` what became of the goals."""
    fair = [one for name in results if isinstance(one := SUITES[name], FairnessSuite)]
    tried = [name for name in results if isinstance(SUITES[name], AttacksSuite)]
    if not fair and not tried:
        return None
    lines = {line.name: line for line in outcome}
    held = {name: [_held(one, lines) for one in figures[name]] for name in (*(one.name for one in fair), *tried)}
    return {
        "parts": [_part(one, split, results[one.name], held[one.name], lines) for one in fair],
        "attacks": [{"suite": name, "figures": held[name]} for name in tried],
    }


def _held(figure: Card, lines: Mapping[str, Line]) -> Card:
    line = lines.get(figure["name"])
    return figure | {"goal": line.goal.as_text() if line else "", "state": line.state if line else ""}


def _part(
    suite: FairnessSuite,
    split: str,
    results: Mapping[str, Result],
    figures: Sequence[Card],
    lines: Mapping[str, Line],
) -> Card:
    found = shifts.beside(suite.cases(split), results)
    noise = shifts.noise_of(found)
    seen = {name: [one for key, one in lines.items() if key == f"{suite.name}.sees.{name}"] for name in SEES}
    return {
        "suite": suite.name,
        "kind": suite.kind,
        "asked": suite.asked,
        "answers": len({one.base for one in found}),
        "again": {"n": len(noise), "flips": sum(one.flipped for one in noise)},
        "rows": [
            _row(
                family, of_family(found, family), noise, _of(f"{suite.name}.{family}.*", lines), seen[PAIRED[family]]
            )
            for family in FAMILIES
            if of_family(found, family)
        ],
        "seen": [one for one in figures if one["name"].startswith(f"{suite.name}.sees.")],
        "groups": [asdict(one) for one in shifts.standings(of_family(found, "person"))],
    }


def _of(pattern: str, lines: Mapping[str, Line]) -> list[Line]:
    return [line for name, line in lines.items() if fnmatchcase(name, pattern)]


def _row(
    family: str, found: Sequence[Beside], noise: Sequence[Beside], goals: Sequence[Line], seen: Sequence[Line]
) -> Card:
    bases = [one.base for one in found]
    return {
        "family": family,
        "n": len(found),
        "answers": len(set(bases)),
        "shift": asdict(mean_interval([one.shift for one in found], bases)),
        "dimensions": {name: asdict(mean_interval([one.moved(name) for one in found], bases)) for name in DIMENSIONS},
        "flips": asdict(shifts.excess(found, noise)),
        "equal": asdict(shifts.unmoved(found)),
        "equivalence": shifts.equivalence_p(found, EQUIVALENT),
        "goals": [
            {"name": one.name.rpartition(".")[2], "goal": one.goal.as_text(), "state": one.state} for one in goals
        ],
        "paired": PAIRED[family],
        "verdict": verdict([line.state for line in (*goals, *seen)]),
    }


def verdict(states: Sequence[State]) -> State:
    """All of them together."""
    if "failed" in states:
        return "failed"
    return "passed" if states and set(states) == {"passed"} else "inconclusive"
