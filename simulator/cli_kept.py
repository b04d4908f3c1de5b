"""Everything that is kept: out to a file and in again, copied and put back, and deleted for good."""

import json
import os
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from simulator.errors import InputError, StorageError
from simulator.export import archive
from simulator.forgetting import forget_everything
from simulator.program import Program
from simulator.records.backup import back_up
from simulator.records.backup import restore as put_back
from simulator.settings import load_settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def export(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Instead of standard output.")] = None,
    json_: Json = False,
) -> None:
    """Write everything that is kept as one JSON document: interviews, grades, drills, stories, guides."""
    with closing(Program(load_settings())) as program:
        tables = program.records.transfer.dump()
    document = archive.written(tables)
    if out is None:
        print(document, end="")
        return
    _write(out, document)
    counts = {table: len(rows) for table, rows in tables.items()}
    told = ", ".join(f"{count} {_named(table)}" for table, count in counts.items())
    print(json.dumps({"out": str(out)} | counts) if json_ else f"Written to {out}: {told}.")


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `simulator export` wrote.")],
    json_: Json = False,
) -> None:
    """Take in an export, all of it or nothing; what is here already stays as it is."""
    try:
        document = source.read_bytes()
    except OSError as error:
        raise InputError(
            f"{source} cannot be read: {error.strerror}.", "Give a file of `simulator export`."
        ) from error
    with closing(Program(load_settings())) as program:
        taken = program.records.transfer.load(archive.read(document, program.library.companies))
    told = [f"{_named(table)}: {one.added} added, {one.left} here already" for table, one in taken.items()]
    print(json.dumps({table: asdict(one) for table, one in taken.items()}) if json_ else "\n".join(told))


def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")], json_: Json = False) -> None:
    """Copy everything that is kept into one file, while the program goes on."""
    copied = back_up(load_settings().database, file)
    data = {"out": str(file), "interviews": copied.interviews, "bytes": copied.size_bytes}
    print(json.dumps(data) if json_ else f"{copied.interviews} interviews in {file}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `simulator backup` wrote.")], json_: Json = False
) -> None:
    """Put a backup in the place of what is kept; what was there stays beside it."""
    copied = put_back(file, load_settings().database)
    data = {"interviews": copied.interviews, "aside": str(copied.aside) if copied.aside else None}
    told = f"{copied.interviews} interviews restored. What was there before: {copied.aside or 'nothing'}"
    print(json.dumps(data) if json_ else told)


def forget(
    all_: Annotated[bool, typer.Option("--all", help="Interviews, stories, drills, guides: everything.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_: Json = False,
) -> None:
    """Delete everything that is kept of you on this machine, for good."""
    if not all_:
        raise InputError("Nothing is deleted without --all.", "A single interview is deleted on its page.")
    if not yes and not typer.confirm("Delete everything for good? There is no way back.", err=True):
        raise typer.Exit(1)
    with closing(Program(load_settings())) as program:
        forget_everything(program)
    told = "Everything is deleted. What you exported or backed up stays where it is."
    print(json.dumps({"deleted": True}) if json_ else told)


def _named(table: str) -> str:
    return "ticks" if table == "checklist" else table.replace("_", " ")


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and readable by the owner alone: it holds all that the candidate said."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.", "Choose another --out.") from error
