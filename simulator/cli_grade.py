"""Files of answers in a terminal: `simulator grade` and `simulator probe`, one output line an answer."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from simulator.answer_file import AnswerRecord, LineFile, grade_line, read_answers
from simulator.errors import InputError
from simulator.library import load_library
from simulator.program import Program
from simulator.settings import load_settings

console = Console(stderr=True, highlight=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
In = Annotated[Path, typer.Argument(metavar="IN.jsonl", help="Answers, one JSON record a line.")]
Out = Annotated[Path, typer.Option("--out", metavar="OUT.jsonl", help="Appended to; a second run goes on.")]
Line = dict[str, Any]
Tick = Callable[[float], None]
"""Told how many answers are done; of one answer, the share."""


class Engine(StrEnum):
    """Where answers are graded."""

    HERE = "here"
    RAY = "ray"


def grade(
    source: In,
    out: Out,
    engine: Annotated[Engine, typer.Option(help="This process, or workers of a Ray cluster.")] = Engine.HERE,
    address: Annotated[str, typer.Option(help="Of the Ray cluster, as host:port; else one on this machine.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=1000, help="Ray workers; each has one answer at a time.")] = 2,
    json_: Json = False,
) -> None:
    """Grade answers: one output line an answer."""
    if engine is Engine.RAY:
        from simulator.cluster import grade_on_cluster

        settings = load_settings()
        records, lines = _left(source, out, "findings", load_library(settings.content_dir).companies)
        with closing(grade_on_cluster(records, settings, address, workers)) as done:
            _write(len(records), lines, lambda _: done, json_, out)
        return
    if address:
        raise InputError("--address is a Ray cluster's.", "Add --engine ray.")
    with closing(Program(load_settings())) as program:
        records, lines = _left(source, out, "findings", program.library.companies)

        def graded(record: AnswerRecord, tick: Tick) -> Line:
            grader = program.grader(record.exchange.question.kind)
            given = grader.grade(record.exchange, each=lambda checked, of: tick(checked / of))
            return grade_line(record, given, program.library.company(record.company).bar)

        _write(len(records), lines, lambda tick: _one_by_one(records, graded, tick), json_, out)


def probe(source: In, out: Out, json_: Json = False) -> None:
    """Ask for each answer the follow-up that the interviewer would ask: one output line an answer."""
    from simulator.interviewer import Phrasing

    with closing(Program(load_settings())) as program:
        records, lines = _left(source, out, "probe", program.library.companies)

        def probed(record: AnswerRecord, _: Tick) -> Line:
            started = time.monotonic()
            interviewer = program.interviewer(record.company)
            aim = interviewer.aim(record.exchange)
            line: Line = {"id": record.id, "probe": "", "check": "", "passages": []}
            if aim is not None:
                phrasing = Phrasing(aim)
                for _piece in interviewer.say(record.exchange, aim, phrasing):
                    pass
                found = [hit.passage.id for hit in aim.hits]
                line |= {"probe": phrasing.text, "check": aim.check.id, "passages": found}
            return line | {"seconds": round(time.monotonic() - started, 2)}

        _write(len(records), lines, lambda tick: _one_by_one(records, probed, tick), json_, out)


def _left(source: Path, out: Path, key: str, companies: Iterable[str]) -> tuple[list[AnswerRecord], LineFile]:
    """The answers that are not in `out` yet; every line there has the field `key`."""
    records = read_answers(source, companies)
    lines = LineFile(out, key)
    left = [record for record in records if record.id not in lines.done]
    if len(left) < len(records):
        console.print(Text(f"{len(records) - len(left)} of {len(records)} are in {out} already; going on."))
    return left, lines


def _one_by_one(
    records: Sequence[AnswerRecord], one: Callable[[AnswerRecord, Tick], Line], tick: Tick
) -> Iterator[Line]:
    for number, record in enumerate(records):
        yield one(record, lambda share, number=number: tick(number + share))  # type: ignore[misc]


def _write(count: int, lines: LineFile, begin: Callable[[Tick], Iterator[Line]], json_: bool, out: Path) -> None:
    """Append the lines as they come."""
    written = 0
    with progress() as bar:
        task = bar.add_task("Answers", total=count)
        for line in begin(lambda done: bar.update(task, completed=done)):
            lines.add(line)
            written += 1
            bar.update(task, completed=written)
    told = {"written": written, "out": str(out)}
    print(json.dumps(told, ensure_ascii=False, indent=2) if json_ else f"{written} written to {out}")


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar
