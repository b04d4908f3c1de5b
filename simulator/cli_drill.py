"""Drills in a terminal: `simulator drill`, one claim and one follow-up after another until you stop."""

import json
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from simulator.conductor import Conductor
from simulator.drills.drill import Drill
from simulator.drills.room import DrillRoom, Result
from simulator.errors import InputError
from simulator.program import Program
from simulator.settings import load_settings

console = Console(stderr=True, highlight=False)


def drill(
    company: Annotated[str, typer.Option(help="amazon, google, meta, uber, stripe or airbnb.")] = "amazon",
    check: Annotated[
        str, typer.Option(help="What to drill, such as result.baseline; else your record chooses.")
    ] = "",
    kind: Annotated[str, typer.Option(help="story or case; else either.")] = "",
    count: Annotated[int, typer.Option(min=1, max=100, help="How many drills.")] = 10,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Drill follow-ups here; an empty line sends a reply, Ctrl-D ends."""
    with closing(Program(load_settings())) as program:
        room = DrillRoom(Conductor(program))
        program.library.company(company)
        program.warm_up()
        results = []
        for number in range(1, count + 1):
            current = room.next(company, check, kind)
            _ask(program, current, number, count)
            result = _replied(room, current)
            if result is None:
                break
            _tell(result)
            results.append(_line(current, result))
        if json_:
            print(json.dumps(results, ensure_ascii=False, indent=2))
        else:
            print(f"{sum(one['met'] for one in results)} of {len(results)} met")


def _ask(program: Program, current: Drill, number: int, of: int) -> None:
    name = program.library.personas[current.company].interviewer
    _say(f"{number}/{of}", f"{current.claim.question.text}", "dim")
    _say("You said", current.claim.text, "bold")
    _say(name, current.ask, "bold")
    console.print(f"[dim]{current.seconds:g} seconds; an empty line sends, Ctrl-D ends.[/]")


def _replied(room: DrillRoom, current: Drill) -> Result | None:
    """What came of the reply; one that cannot be taken is asked for again. None at the end of the input."""
    while (text := _typed()) is not None:
        seconds = time.time() - current.began
        try:
            with console.status("Reading your reply ..."):
                return room.reply(current, text, seconds)
        except InputError as error:
            _say("Not sent", str(error), "yellow")
    return None


def _typed() -> str | None:
    """Lines up to an empty one. None at the end of the input."""
    lines: list[str] = []
    for line in sys.stdin:
        if not line.strip() and lines:
            return "\n".join(lines)
        if line.strip():
            lines.append(line.rstrip("\n"))
    return "\n".join(lines) or None


def _tell(result: Result) -> None:
    _say("Met" if result.met else "Not met", result.check.name, "green" if result.met else "red")
    for words in result.finding.evidence:
        _say("Your words", f"“{words.text}”", "dim")
    if result.gap:
        _say("Missing", result.gap, "dim")
    _say("Next time", result.check.advice, "dim")
    minutes = (result.due - datetime.now(UTC)).total_seconds() / 60
    _say("Comes again", f"in {minutes:.0f} minutes" if minutes < 120 else f"in {minutes / 1440:.1f} days", "dim")


def _say(who: str, text: str, style: str) -> None:
    console.print(Text.assemble((f"{who}: ", style), text), soft_wrap=True)


def _line(current: Drill, result: Result) -> dict[str, Any]:
    return {
        "check": current.check,
        "company": current.company,
        "kind": current.kind,
        "claim": current.claim.text,
        "probe": current.ask,
        "passage": current.passage,
        "met": result.met,
        "probability": result.finding.probability,
        "evidence": [one.text for one in result.finding.evidence],
        "rating": result.ease.name.lower(),
        "seconds": result.seconds,
        "due": result.due.isoformat(),
    }
