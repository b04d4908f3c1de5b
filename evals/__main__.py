"""`python -m evals`: run, compare, report, gate, record, replay, fit."""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from evals import cases, fit
from evals.compare import compare_runs
from evals.gate import GOALS, judged, load_goals
from evals.journal import MissingRecordingError, recording_of
from evals.report import write_report
from evals.runs import FOLDER, Figure, Run, begin, with_progress
from evals.suites import SUITES
from evals.workbench import Workbench, open_workbench
from simulator.errors import InputError, SimulatorError
from simulator.evidence import Locator
from simulator.methods import method_of
from simulator.prompts import digest_of
from simulator.rubric import ScoreRule
from simulator.settings import CHECKWISE, ROOT, Settings, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False)
RECORDED = ("agreement", "edits", "gaming", "evidence", "probing", "unchanged")
"""Suites that ask the model and can be replayed."""
HELD = ("fairness_held", "attacks_held")

SuiteOption = Annotated[list[str] | None, typer.Option("--suite", help=f"One of {', '.join(SUITES)}; repeatable.")]
SplitOption = Annotated[str, typer.Option(help="train, dev or test. Never choose anything on test.")]
RubricOption = Annotated[Path | None, typer.Option(help="Another rubric file, e.g. a new version.")]
ModelOption = Annotated[str, typer.Option(help="As SIMULATOR_MODEL; `embedded` is the default.")]
OutOption = Annotated[str, typer.Option(help="Name of the run's folder under evals/runs.")]
RunArgument = Annotated[str, typer.Argument(help="A run: a folder, or its name under evals/runs.")]


def _settings(model: str, method: str = "") -> Settings:
    settings = load_settings()
    changes = {"model": model} if model else {}
    return settings.model_copy(update=changes | ({"grading": method} if method else {}))


def _suites(names: list[str] | None, default: tuple[str, ...]) -> list[str]:
    for name in names or ():
        if name not in SUITES:
            raise InputError(f"There is no suite {name!r}.", f"Choose of: {', '.join(SUITES)}.")
    return list(names or default)


def _run_of(name: str) -> Run:
    folder = Path(name) if Path(name).is_dir() else FOLDER / name
    run = Run(folder)
    _ = run.about
    return run


@app.command()
def run(
    suite: SuiteOption = None,
    split: SplitOption = "dev",
    rubric: RubricOption = None,
    model: ModelOption = "",
    method: Annotated[str, typer.Option(help="checkwise or structured; the setting decides by default.")] = "",
    out: OutOption = "",
    workers: Annotated[int, typer.Option(min=0, help="Cases at a time; 0: as the endpoint allows.")] = 0,
    replay_only: Annotated[bool, typer.Option("--replay", help="Only from the recordings; no model.")] = False,
) -> None:
    """Put the cases of a split to the suites; a run that was stopped goes on."""
    bench = open_workbench(_settings(model, method), replay=replay_only, rubric_file=rubric)
    try:
        # Named after all that can change a grade: the same run goes on, another one is another folder.
        name = out or f"{split}-{digest_of(*bench.about().values())[:8]}"
        current = begin(FOLDER / name, bench, split)
        for one in _suites(suite, RECORDED if replay_only else _all_of(bench.method)):
            _carried_out(current, one, bench, workers)
        console.print(f"Run {name}: python -m evals report {name}")
    finally:
        bench.close()


def _all_of(method: str) -> tuple[str, ...]:
    """Every suite that this way of grading has: a word can be held only where checks are asked one by one."""
    return tuple(name for name in SUITES if method == CHECKWISE or name not in HELD)


def _carried_out(current: Run, name: str, bench: Workbench, workers: int) -> None:
    suite = SUITES[name]
    before = bench.journal.seconds, bench.journal.asked
    # One slot of the embedded server is for gradings; an endpoint takes several calls at once.
    at_once = workers or (1 if bench.model is None or bench.model.process_id else 8)
    seconds = with_progress(current, suite, bench, at_once)
    asked, busy = bench.journal.asked - before[1], bench.journal.seconds - before[0]
    _print_figures(suite.figures(current.split, current.results(name)))
    told = f"{name}: {seconds:.1f} s, {asked} calls to the model"
    if asked and at_once == 1:
        told += f" that took {busy:.1f} s: {100 * (seconds - busy) / busy:.1f} % are the suite's own"
    console.print(told)


def _print_figures(figures: list[Figure]) -> None:
    table = Table("figure", "value", "95 % interval", "n", "what it is")
    for one in figures:
        interval = f"{one.low:.3f} to {one.high:.3f}" if one.low == one.low else ""
        table.add_row(one.name, f"{one.value:.3f}", interval, str(one.n), one.told)
    console.print(table)


@app.command()
def record(
    suite: SuiteOption = None, split: SplitOption = "dev", model: ModelOption = "", rubric: RubricOption = None
) -> None:
    """Ask the model whatever the recording lacks for these suites, and keep its replies in the repository."""
    run(_suites(suite, RECORDED), split, rubric, model, "", "", 0, False)


@app.command()
def replay(
    suite: SuiteOption = None, split: SplitOption = "dev", model: ModelOption = "", out: OutOption = ""
) -> None:
    """Grade again from the recordings alone; fails where a prompt has changed and was not recorded anew."""
    run(suite, split, None, model, "", out, 1, True)


@app.command()
def compare(one: RunArgument, two: RunArgument) -> None:
    """Is run TWO better than run ONE on the same answers? Says better, worse or cannot tell."""
    console.print(compare_runs(_run_of(one), _run_of(two)).as_text(), soft_wrap=True)


@app.command()
def report(name: RunArgument, out: Annotated[Path | None, typer.Option(help="Folder for the files.")] = None) -> None:
    """One HTML page, JSON and JUnit of a run."""
    current = _run_of(name)
    for path in write_report(current, out or current.folder):
        console.print(str(path))


@app.command()
def gate(name: RunArgument, goals: Annotated[Path, typer.Option(help="File of goals.")] = GOALS) -> None:
    """Hold a run to the goals: exit 0 passed, 1 failed, 3 inconclusive, by intervals."""
    outcome = judged(_run_of(name), load_goals(goals))
    console.print(outcome.as_text(), soft_wrap=True)
    raise typer.Exit(outcome.exit_code)


@app.command(name="fit")
def fit_(
    recorded: Annotated[bool, typer.Option("--recorded", help="Only from the recordings; no model.")] = False,
    rubric: RubricOption = None,
    model: ModelOption = "",
) -> None:
    """Fit sentence models and score rules on train, and write them beside the rubrics: all, or the one given."""
    bench = open_workbench(_settings(model), replay=recorded, rubric_file=rubric)
    try:
        kinds = {bench.rubric.kind} if rubric else {one.kind for one in bench.library.rubrics.values()}
        fitted = {kind: _fit(bench.of_kind(kind), rubric.stem if rubric else kind) for kind in sorted(kinds)}
        path = recording_of(bench.journal.name).with_suffix(".offsets.json")
        before = json.loads(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(json.dumps(before | fitted) + "\n", "utf-8")
    finally:
        bench.close()


def _fit(bench: Workbench, stem: str) -> dict[str, float]:
    """Fits for one rubric and writes all but what the simplest rival needs, which it gives back."""
    kind, folder = bench.rubric.kind, ROOT / "prompts" / "rubrics"
    answers, marks = cases.answers("train", kind), cases.marks("train", kind)
    told = fit.marked(answers, marks)
    gold = fit.gold_of(answers, marks, bench.rubric)
    seen, arranged = fit.left_out_sightings(
        answers, told, gold, bench.rubric, bench.embeddings, bench.locator.embedding
    )
    trained = fit.fit_sentences(told, bench.embeddings, bench.locator.embedding)
    trained = fit.fit_wholes(trained, arranged, gold, bench.rubric)
    trained.save(folder / f"{stem}.sentences.npz")
    locator = Locator(bench.embeddings, bench.locator.embedding, trained)
    console.print(f"{stem}.sentences.npz: {trained.fitted_on}, {len(trained.vocabulary)} words and pairs")
    method = method_of(bench.method, bench.library.prompts, bench.journal)
    odds: dict[str, Mapping[str, float]] = {}
    for answer in answers:
        with suppress(MissingRecordingError):  # the rest of the rule does without the model's word on it
            odds |= fit.odds_of([answer], bench.library.prompts, bench.rubric, method, fit.ASKED[kind])
    rule, offsets = fit.fit_rule(
        answers,
        gold,
        odds,
        seen,
        bench.rubric,
        model=bench.journal.name,
        method=bench.method,
        version=locator.version,
    )
    _write_rule(rule, folder / f"{stem}.{bench.journal.name}.json")
    _write_rule(fit.fit_any(answers, gold, bench.rubric), folder / f"{stem}.any.json")
    return offsets


def _write_rule(rule: ScoreRule, path: Path) -> None:
    path.write_bytes(TypeAdapter(ScoreRule).dump_json(rule, indent=1) + b"\n")
    console.print(f"{path.name}: {rule.fitted_on}")


def main() -> None:
    try:
        app()
    except SimulatorError as error:
        console.print(f"[red]Error:[/] {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
