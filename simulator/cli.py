"""The same jobs from a terminal, as `simulator ...`; every command takes `--json`."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from simulator import cli_drill, cli_grade, cli_kept, cli_serve, local_model
from simulator.conductor import Conductor
from simulator.errors import InputError, SimulatorError
from simulator.interview import Interview, Next
from simulator.program import Program
from simulator.records import new_id
from simulator.scorecard import as_json, as_markdown
from simulator.settings import EMBEDDED, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
model_app = typer.Typer(no_args_is_help=True, help="The embedded model: is it there, fetch it.")
app.add_typer(model_app, name="model")
console = Console(stderr=True, highlight=False)
_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
CompanyOption = Annotated[str, typer.Option("--company", help="amazon, google, meta, uber, stripe or airbnb.")]


@contextmanager
def _conductor() -> Iterator[Conductor]:
    with closing(Program(load_settings())) as program:
        yield Conductor(program)


def _tell(who: str, style: str, text: object, end: str = "\n\n") -> None:
    """Print what somebody says; nothing in it is taken for markup."""
    console.print(Text.assemble((f"{who}: ", style), str(text)), end=end, soft_wrap=True)


def _emit(as_json_wanted: bool, data: Any, text: str) -> None:
    print(json.dumps(data, ensure_ascii=False, indent=2) if as_json_wanted else text)


# Interviewing


@app.command()
def interview(
    company: CompanyOption = "amazon",
    questions: Annotated[int | None, typer.Option(min=1, max=10, help="How many, instead of the length's.")] = None,
    length: Annotated[str, typer.Option(help="quick, full or custom.")] = "quick",
    minutes: Annotated[float, typer.Option(help="Of a custom length.")] = 0.0,
    kind: Annotated[str, typer.Option(help="story or case, instead of the company's mix.")] = "",
    answers: Annotated[Path | None, typer.Option(help="A text file: one paragraph an answer, in order.")] = None,
    json_: Json = False,
) -> None:
    """Hold an interview here; ends with the scorecard."""
    with _conductor() as conductor:
        told = _paragraphs(answers) if answers else None
        conductor.library.company(company)
        conductor.program.warm_up()
        current = conductor.start(company, length, questions, minutes=minutes, kind=kind)
        persona = conductor.library.personas[company]
        _tell(persona.interviewer, "bold", persona.greeting)
        _converse(conductor, current, told)
        current = conductor.finish(current.id)
        _tell(persona.interviewer, "bold", persona.closing)
        _await_grades(conductor, current)
        card = conductor.scorecard(current.id)
        names = conductor.program.rubric.dimension_names
        markdown = as_markdown(card, current, conductor.library.company(company), names)
        _emit(json_, as_json(card, current), markdown)
        failed = [job for job in conductor.records.jobs.of(current.id) if job.state == "failed"]
        for job in failed:
            _tell("Error", "red", f"Question {job.exchange + 1} was not graded: {job.error}", end="\n")
        if failed:
            raise typer.Exit(1)


def _paragraphs(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text.", "Give a UTF-8 text file.") from error
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    if not paragraphs:
        raise InputError(f"{path} holds no answers.", "Write one paragraph an answer, with empty lines between.")
    return iter(paragraphs)


def _converse(conductor: Conductor, current: Interview, told: Iterator[str] | None) -> None:
    name = conductor.library.personas[current.company].interviewer
    shown = -1
    while current.next is Next.CANDIDATE:
        if shown != len(current.exchanges):
            shown = len(current.exchanges)
            _tell(f"{name} (question {shown} of {len(current.questions)})", "bold", current.current.question.text)
        answer = next(told, None) if told is not None else _typed()
        if answer is None:
            return
        try:
            move = conductor.answer(current.id, new_id(), answer)
        except InputError as error:
            if told is not None:
                raise
            _tell("Not sent", "yellow", error)
            continue
        with console.status("The interviewer is reading..."):
            pieces = move.tail()
            first = next(pieces, None)
        if first is not None:
            _tell(name, "bold", first, end="")
            for piece in pieces:
                console.print(Text(piece), end="", soft_wrap=True)
            console.print("\n")
        if move.error:
            raise move.error
        current = conductor.records.interviews.find(current.id)


def _typed() -> str | None:
    """An answer from the keyboard: lines up to an empty one. None at the end of the input."""
    console.print("[dim]Your answer; an empty line sends it, Ctrl-D finishes the interview.[/]")
    lines: list[str] = []
    for line in sys.stdin:
        if not line.strip() and lines:
            return "\n".join(lines)
        if line.strip():
            lines.append(line.rstrip("\n"))
    return "\n".join(lines) or None


def _await_grades(conductor: Conductor, current: Interview) -> None:
    jobs = conductor.records.jobs.of(current.id)
    with cli_grade.progress() as progress:
        task = progress.add_task("Grading your answers", total=len(jobs))
        while True:
            jobs = conductor.records.jobs.of(current.id)
            ended = sum(job.state in ("done", "failed") for job in jobs)
            progress.update(task, completed=ended + sum(conductor.grading_progress(current.id).values()))
            if conductor.program.loading_error:
                raise conductor.program.loading_error
            if ended == len(jobs):
                return
            time.sleep(0.2)


# Passages


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What to look for.")],
    company: CompanyOption = "amazon",
    k: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 5,
    json_: Json = False,
) -> None:
    """Search the passages for one company (and the general ones)."""
    with _conductor() as conductor:
        conductor.library.company(company)
        hits = conductor.index().search(text, company, k)
        data = [
            {
                "id": hit.passage.id,
                "text": hit.passage.text,
                "metadata": hit.passage.metadata,
                "score": round(hit.score, 4),
            }
            for hit in hits
        ]
        lines = [f"{hit.score:.3f}  {hit.passage.id}\n       {hit.passage.text.splitlines()[0]}" for hit in hits]
        _emit(json_, data, "\n".join(lines) or "Nothing found.")


@app.command()
def index(json_: Json = False) -> None:
    """Build the passage index where it is missing or damaged; the program does so by itself when it starts."""
    with _conductor() as conductor:
        found = conductor.index()
        data = {"passages": len(found.passages), "path": str(found.path)}
        _emit(json_, data, f"{len(found.passages)} passages in {found.path}")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Markdown, text, PDF or HTML files.")],
    company: Annotated[str, typer.Option(help="The company it is about, or general.")] = "general",
    json_: Json = False,
) -> None:
    """Add guides of your own to the passages."""
    from simulator.guides import older_editions, read_guide

    with _conductor() as conductor:
        if company != "general":
            conductor.library.company(company)
        guides = [read_guide(path, company) for path in paths]
        kept = conductor.records.guides
        added = [(guide, older_editions(guide, kept.all()), kept.add(guide)) for guide in guides]
        for old in {old.id for _, before, _ in added for old in before}:
            kept.remove(old)
        conductor.index()
        data = [
            {
                "id": g.id,
                "title": g.title,
                "passages": len(g.passages),
                "new": new,
                "replaces": [o.id for o in before],
            }
            for g, before, new in added
        ]
        lines = [
            f"{g.id[:8]}  {g.title}: {len(g.passages)} passages"
            + ("" if new else " (was there already)")
            + "".join(f" (in place of {old.id[:8]}, an older edition)" for old in before)
            for g, before, new in added
        ]
        _emit(json_, data, "\n".join(lines))


@app.command()
def guides(
    remove: Annotated[str, typer.Option(metavar="ID", help="Remove the guide whose id begins so.")] = "",
    json_: Json = False,
) -> None:
    """List your guides, or remove one."""
    with _conductor() as conductor:
        kept = conductor.records.guides.all()
        if remove:
            chosen = [guide for guide in kept if guide.id.startswith(remove)]
            if len(chosen) != 1:
                raise InputError(f"{len(chosen)} guides have an id that begins with {remove!r}.", "Give more of it.")
            conductor.records.guides.remove(chosen[0].id)
            kept = [guide for guide in kept if guide.id != chosen[0].id]
        data = [
            {
                "id": g.id,
                "title": g.title,
                "company": g.company,
                "passages": len(g.passages),
                "added": g.added,
            }
            for g in kept
        ]
        lines = [f"{g.id[:8]}  {g.title} ({g.company}, {len(g.passages)} passages)" for g in kept]
        _emit(
            json_,
            data,
            "\n".join(lines) or "No guides of your own yet; add one with `simulator ingest FILE`.",
        )


# The model


@model_app.command()
def status(json_: Json = False) -> None:
    """Say which model is set and whether it is ready to be loaded."""
    settings = load_settings()
    embedded = settings.model == EMBEDDED and not settings.base_url
    path = settings.model_file or local_model.default_path(settings.cache_dir)
    present = local_model.is_present(settings.cache_dir) if not settings.model_file else path.is_file()
    data = {"model": settings.model, "base_url": settings.base_url, "embedded": embedded}
    text = f"Model: {settings.model} {settings.base_url}".strip()
    if embedded:
        data |= {"file": str(path), "present": present}
        text += f"\nFile: {path} ({'verified' if present else 'missing: run `simulator model fetch`'})"
    _emit(json_, data, text)


@model_app.command()
def fetch(json_: Json = False) -> None:
    """Fetch and verify the embedded model (1.1 GB); goes on where it was stopped."""
    settings = load_settings()
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console) as progress:
        task = progress.add_task("Looking for the model", total=1.0)
        path = local_model.fetch(
            settings.cache_dir, lambda what, share: progress.update(task, description=what, completed=share)
        )
        progress.update(task, description="The model is there", completed=1.0)
    _emit(json_, {"file": str(path), "sha256": local_model.FILE_SHA256}, str(path))


for _command in (
    cli_serve.serve,
    cli_serve.work,
    cli_grade.grade,
    cli_grade.probe,
    cli_kept.backup,
    cli_kept.restore,
    cli_kept.forget,
):
    app.command()(_command)
app.command("export")(cli_kept.export)
app.command("import")(cli_kept.import_)
app.command("drill")(cli_drill.drill)


def main() -> None:
    """Entry point: runs a command; an error of ours is one clear line and exit status 1."""
    try:
        app()
    except SimulatorError as error:
        _tell("Error", "red", error, end="\n")
        _leave(1)
    except SystemExit as end:
        if end.code != _INTERRUPTED:
            raise
        console.print("Stopped. Run the same command again to go on.")
        _leave(_INTERRUPTED)


def _leave(status: int) -> NoReturn:
    """End at once: a thread that is still loading or phrasing in native code would crash an ordinary exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
