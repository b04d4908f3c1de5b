"""A run as one page for people, one JSON file for programs, one JUnit file for CI: the same figures in each.

The page stands alone: its style and its plots are in it, and it asks nothing of any network.
"""

import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evals import cases, tables
from evals.card import card
from evals.gate import GOALS, judged, load_goals
from evals.metrics import LEVELS
from evals.plots import Cell, Line, calibration_plot, heat_map, interval_dots, number
from evals.runs import Result, Run
from evals.suites import SUITES
from simulator.errors import StorageError
from simulator.rubric import DIMENSIONS

PAGE, CARD = "report.html.j2", "card.md.j2"
HEADLINES = ("qwk.mean", "qwk.lift", "advance.right", "edits.moved", "gaming.above_limit", "probing.best")
"""Figures that stand large at the head of the page, where the run has them."""
LABELLERS = "two labellers"
"""The ceiling, in the plot's words."""
Contents = dict[str, Any]


def write_report(run: Run, folder: Path) -> list[Path]:
    """Write report.html, report.json, report.xml and, of fairness and attacks, card.md into the folder; statistics
    are computed anew from the run's lines. Raises InputError where the run or the goals cannot be read, StorageError
    where nothing can be written."""
    told = contents(run)
    written = {"report.html": as_html(told), "report.json": as_json(told), "report.xml": as_junit(told)}
    if told["card"]:
        written["card.md"] = as_card(told)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{folder}: the report could not be written: {error.strerror}.", "Name another."
        ) from error
    return [folder / name for name in written]


def contents(run: Run) -> Contents:
    """All that the report says, as plain values; a part that the run has no results for is None."""
    split, results = run.split, {name: kept for name in SUITES if (kept := _known(run, name))}
    answers = [one for one in cases.answers(split) if one.id in results.get("agreement", {})]
    edits, gaming = results.get("edits", {}), results.get("gaming", {})
    tricks = [one for one in cases.tricks(split) if one.id in gaming]
    honest = [one for one in cases.lookalikes(split) if one.id in gaming]
    pairs = [one for one in cases.pairs(split) if one.id in edits]
    outcome = judged(run, load_goals(GOALS))
    figures = {name: [asdict(one) for one in SUITES[name].figures(split, kept)] for name, kept in results.items()}
    return {
        "about": run.about,
        "goals": [
            {"name": one.name, "state": one.state, "goal": one.goal.as_text(), "why": one.why}
            | {"figure": one.figure and asdict(one.figure)}
            for one in outcome.lines
        ],
        "suites": {
            name: {
                "done": len(kept),
                "cases": len(SUITES[name].cases(split)),
                "figures": figures[name],
            }
            for name, kept in results.items()
        },
        "agreement": tables.agreement_tables(answers, results["agreement"]) if answers else None,
        "edits": tables.edit_tables(pairs, edits) if pairs else None,
        "gaming": tables.gaming_tables(tricks, honest, gaming) if gaming else None,
        "card": card(split, results, figures, outcome.lines),
        "cost": tables.cost_rows(results),
        "answers": tables.answer_rows(answers, results.get("agreement", {})),
    }


def _known(run: Run, suite: str) -> dict[str, Result]:
    """The results whose cases are still in the data set."""
    known = {one.id for one in SUITES[suite].cases(run.split)}
    return {key: one for key, one in run.results(suite).items() if key in known}


def as_json(told: Contents) -> str:
    """The contents, with null for what is not a number."""
    return json.dumps(_without_nan(told), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_junit(told: Contents) -> str:
    """One test case a goal; what the cases are too few for is skipped, not passed."""
    goals = told["goals"]
    counts = {state: sum(goal["state"] == state for goal in goals) for state in ("failed", "inconclusive")}
    suite = ET.Element(
        "testsuite",
        name=f"goals on {told['about']['split']}, {told['about']['model']}",
        tests=str(len(goals)),
        failures=str(counts["failed"]),
        errors="0",
        skipped=str(counts["inconclusive"]),
    )
    for goal in goals:
        case = ET.SubElement(suite, "testcase", classname="evals.goals", name=goal["name"])
        if goal["state"] == "failed":
            ET.SubElement(case, "failure", message=_message(goal))
        elif goal["state"] == "inconclusive":
            ET.SubElement(case, "skipped", message=_message(goal))
    ET.indent(suite)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _message(goal: Contents) -> str:
    figure = goal["figure"]
    found = f"{number(figure['value'], 3)} ({_interval(figure, 3)}), n = {figure['n']}" if figure else "no figure"
    return f"{found}; goal: {goal['goal']}{'; ' if goal['why'] else ''}{goal['why']}"


def _interval(figure: Contents, digits: int = 2) -> str:
    if math.isnan(figure["low"]):
        return "no interval"
    return f"{number(figure['low'], digits)} to {number(figure['high'], digits)}"


def _environment() -> Environment:
    """Escapes what goes into the page; markdown has no need of it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=lambda name: name == PAGE,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "signed": lambda value: number(value, signed=True),
        "interval": _interval,
        "in_words": in_words,
        "told": _told,
    }
    return environment


def as_html(told: Contents) -> str:
    """The page. Everything that comes from a case or a model is escaped."""
    environment = _environment()
    figures = {one["name"]: one for suite in told["suites"].values() for one in suite["figures"]}
    more = {"figures": figures, "headlines": [figures[name] for name in HEADLINES if name in figures]}
    scale = {"levels": LEVELS, "dimensions": DIMENSIONS}
    return environment.get_template(PAGE).render(**told, **more, **scale, plots=_plots(told, figures))


def as_card(told: Contents) -> str:
    """The fairness card alone, as markdown."""
    return _environment().get_template(CARD).render(about=told["about"], card=told["card"], dimensions=DIMENSIONS)


def _told(figure: Contents, digits: int = 2) -> str:
    """A value with its interval in brackets, where it has one."""
    value = number(figure["value"], digits)
    if math.isnan(figure["low"]):
        return value
    return f"{value} [{number(figure['low'], digits)}, {number(figure['high'], digits)}]"


def in_words(name: str) -> str:
    """As people read it."""
    return name.replace("_", " ").capitalize()


def _plots(told: Contents, figures: Mapping[str, Contents]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "suites": {name: Markup(svg) for name, suite in told["suites"].items() if (svg := _dots(suite["figures"]))}
    }
    if told["agreement"]:
        each = told["agreement"]["dimensions"]
        found["rivals"] = Markup(_rivals(told["agreement"], figures["qwk.mean"]))
        found["confusion"] = {name: Markup(_confusion(name, one["confusion"])) for name, one in each.items()}
        found["checks"] = [
            Markup(calibration_plot(one["check"], one["curve"], one["auc"])) for one in told["agreement"]["checks"]
        ]
    if told["edits"]:
        found["leakage"] = Markup(_leakage(told["edits"]["matrix"]))
    return found


def _dots(figures: Sequence[Contents]) -> str:
    """The figures that have an interval; shares keep the whole scale, and shifts one around nothing."""
    lines = [
        Line(one["name"], one["value"], one["low"], one["high"]) for one in figures if not math.isnan(one["low"])
    ]
    shifts = all(".shift." in one.name for one in lines)
    return interval_dots(lines, "Figures with 95 % intervals", (-0.2, 0.2) if shifts else (0.0, 1.0)) if lines else ""


def _line(name: str, figure: Contents, rivals: Mapping[str, float] | None = None) -> Line:
    return Line(name, figure["value"], figure["low"], figure["high"], rivals or {})


def _rivals(table: Contents, mean: Contents) -> str:
    """QWK of every dimension beside what it is held against and, where there is one, the ceiling."""
    against, ceiling = table["against"], table["ceiling"]
    lines = []
    for name, one in table["dimensions"].items():
        beside = {rival: each["dimensions"][name]["qwk"] for rival, each in against.items()}
        beside |= {LABELLERS: ceiling["dimensions"][name]["qwk"]["value"]} if ceiling else {}
        lines.append(_line(in_words(name), one["qwk"], beside))
    beside = {rival: each["mean"] for rival, each in against.items()}
    beside |= {LABELLERS: ceiling["mean"]} if ceiling else {}
    lines.append(_line("Mean", mean, beside))
    return interval_dots(lines, "Quadratic weighted kappa with 95 % intervals, beside what it is held against")


def _confusion(name: str, counts: Sequence[Sequence[int]]) -> str:
    """Shaded by the share of the row: of the answers with this label, how many got this score."""
    cells = [
        [Cell(n / max(1, sum(row)), str(n), "may" if at == label else "") for at, n in enumerate(row)]
        for label, row in enumerate(counts)
    ]
    words = "; ".join(f"label {level}: {', '.join(map(str, row))}" for level, row in zip(LEVELS, counts, strict=True))
    names = [str(level) for level in LEVELS]
    return heat_map(names, names, cells, f"{in_words(name)}: labels against scores 1 to 4: {words}")


def _leakage(matrix: Sequence[Contents]) -> str:
    largest = max(abs(cell["mean"]) for row in matrix for cell in row["cells"].values()) or 1.0
    cells = [
        [
            Cell(cell["mean"] / largest, number(cell["mean"], 1, signed=True), _mark(cell, row["n"]))
            for cell in row["cells"].values()
        ]
        for row in matrix
    ]
    told = "Mean movement in points by kind of edit and dimension; the table below has the same numbers"
    return heat_map([row["kind"] for row in matrix], [in_words(name) for name in DIMENSIONS], cells, told)


def _mark(cell: Contents, n: int) -> str:
    """A whole frame where at least half of the edits must move, a broken one where some must or may."""
    if 2 * cell["must"] >= n:
        return "must"
    return "may" if cell["must"] + cell["may"] else ""
