"""What other programs take: scores as CSV, drills for Anki, due days for a calendar, contested findings as labels.

Pure: is handed values and gives bytes or text; reads and writes no file, and adds no word to what was said or graded.
"""

import csv
import io
import itertools
import json
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape
from typing import Any

from simulator.interview import Act, Exchange
from simulator.progress import Held
from simulator.records import Opinion
from simulator.rubric import DIMENSIONS, Grade, Rubric, State

ORIGIN = "contested by a user"
PROGRAM = "interview-simulator"
_DECK_ID, _MODEL_ID = 1_734_902_511, 1_734_902_512
"""Made up once: Anki knows a deck and its notes' shape by these."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a formula begins; the last four are the wide signs that East Asian spreadsheets take for the first four."""


@dataclass(frozen=True, slots=True)
class DrillNote:
    """One drill on paper: what was claimed, the probe that goes after the gap, and what a good reply holds."""

    key: str
    claim: str
    probe: str
    good: str


# Scores


def scores_csv(held: Iterable[Held]) -> bytes:
    """One row an answered question, the oldest first, in UTF-8 with the mark that spreadsheets look for. A question
    without a score has empty cells."""
    text = io.StringIO()
    table = csv.writer(text)
    own = [f"self_{name}" for name in DIMENSIONS]
    table.writerow(["date", "company", "question", *DIMENSIONS, "overall", "low", "high", *own])
    for one in sorted(held, key=lambda one: one.at):
        for number, exchange in enumerate(one.interview.exchanges):
            if exchange.graded:
                table.writerow(_cells(one, exchange, one.grades.get(number, Grade({}))))
    return text.getvalue().encode("utf-8-sig")


def _cells(one: Held, exchange: Exchange, grade: Grade) -> list[object]:
    scores = [grade.ratings[name].score if grade.ratings else "" for name in DIMENSIONS]
    low, high = grade.band or ("", "")
    own = [one.self_rating.get(name, "") for name in DIMENSIONS]
    overall = "" if grade.overall is None else grade.overall
    told = [one.at.isoformat(timespec="minutes"), _plain(one.interview.company), _plain(exchange.question.text)]
    return [*told, *scores, overall, low, high, *own]


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# Drills


def anki_package(notes: Iterable[DrillNote], title: str, now: datetime) -> bytes:
    """A deck of these notes. A note has the same id in every package, so that Anki brings it up to date."""
    import genanki

    fields = [{"name": name} for name in ("Claim", "Probe", "Good")]
    front = "<blockquote>{{Claim}}</blockquote><p>{{Probe}}</p>"
    sides = [{"name": title, "qfmt": front, "afmt": "{{FrontSide}}<hr id=answer>{{Good}}"}]
    model = genanki.Model(_MODEL_ID, title, fields=fields, templates=sides)
    deck = genanki.Deck(_DECK_ID, title)
    for note in notes:
        # Anki plays and renders what stands in brackets and braces.
        told = [
            escape(text).replace("[", "&#91;").replace("{", "&#123;") for text in (note.claim, note.probe, note.good)
        ]
        tags = note.key.split("|")
        deck.add_note(genanki.Note(model, told, tags=tags, guid=genanki.guid_for(PROGRAM, note.key)))
    # Not `write_to_file`: it leaves the candidate's words behind in a temporary file.
    connection = sqlite3.connect(":memory:")
    try:
        moment = now.timestamp()
        genanki.Package(deck).write_to_db(connection.cursor(), moment, itertools.count(int(moment * 1000)))
        connection.commit()
        collection = connection.serialize()
    finally:
        connection.close()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("collection.anki2", collection)
        package.writestr("media", "{}")
    return packed.getvalue()


def due_calendar(due: Iterable[datetime], zone: tzinfo, now: datetime, summary: Callable[[int], str]) -> bytes:
    """One all-day event a day on which cards are due in this time zone; what is overdue is due today. `summary` words
    an event for so many cards. A day has the same id in every calendar."""
    import icalendar

    today = now.astimezone(zone).date()
    days = Counter(max(today, moment.astimezone(zone).date()) for moment in due)
    calendar = icalendar.Calendar()
    calendar.add("prodid", f"-//{PROGRAM}//")
    calendar.add("version", "2.0")
    for day, cards in sorted(days.items()):
        event = icalendar.Event()
        event.add("uid", f"due-{day.isoformat()}@{PROGRAM}")
        event.add("dtstamp", now)
        event.add("dtstart", day)
        event.add("summary", summary(cards))
        event.add("transp", "TRANSPARENT")  # it blocks nobody's day
        calendar.add_component(event)
    return bytes(calendar.to_ical())


# Contested findings


def contested_lines(held: Iterable[Held], opinions: Iterable[Opinion], rubrics: Mapping[str, Rubric]) -> str:
    """The labelling guideline's records, one JSON object a line, of the answers in which a finding was contested:
    criteria and flags as graded, the contested ones turned round. `rubrics` are by kind of question.

    An answer without a score, or with a finding that is missing or was not assessed, cannot be told in that form and
    is left out; so is an opinion on what is neither a criterion nor a flag.
    """
    against: dict[tuple[str, int], list[Opinion]] = {}
    for opinion in opinions:
        if not opinion.agrees:
            against.setdefault((opinion.interview, opinion.exchange), []).append(opinion)
    found = (
        _record(one, number, exchange, against[one.interview.id, number], rubrics[exchange.question.kind])
        for one in held
        for number, exchange in enumerate(one.interview.exchanges)
        if (one.interview.id, number) in against and exchange.question.kind in rubrics
    )
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in found if record)


def _record(
    one: Held, number: int, exchange: Exchange, against: Sequence[Opinion], rubric: Rubric
) -> dict[str, Any] | None:
    grade = one.grades.get(number, Grade({}))
    labels = {check.id: check for check in rubric.checks if check.is_criterion or check.is_flag}
    contested = {opinion.check_id: opinion.note for opinion in against if opinion.check_id in labels}
    states = {check: grade.findings[check].state for check in labels if check in grade.findings}
    if not grade.ratings or not contested or len(states) < len(labels) or State.NOT_ASSESSED in states.values():
        return None
    met = {check: (state is State.MET) != (check in contested) for check, state in states.items()}
    return {
        "id": f"contested-{one.interview.id}-{number}",
        "company": one.interview.company,
        "question": exchange.question.text,
        "turns": list(_turns(exchange)),
        "criteria": {check: yes for check, yes in met.items() if labels[check].is_criterion},
        "flags": {check: yes for check, yes in met.items() if labels[check].is_flag},
        "scores": {name: grade.ratings[name].score for name in DIMENSIONS},
        "split": "train",
        "origin": ORIGIN,
        "note": _note(contested, met, grade),
    } | ({} if rubric.kind == "story" else {"kind": rubric.kind})


def _turns(exchange: Exchange) -> Iterator[dict[str, str]]:
    """Without what the candidate asked of a case and was told: it is not judged, and a record has no place."""
    for turn in exchange.turns:
        if turn.act not in (Act.CLARIFICATION, Act.FACT):
            yield {"role": turn.role.value, "text": turn.text}


def _note(contested: Mapping[str, str], met: Mapping[str, bool], grade: Grade) -> str:
    told = [
        f"{check}: graded {'no' if met[check] else 'yes'}" + (f" ({' '.join(note.split())})" if note.strip() else "")
        for check, note in sorted(contested.items())
    ]
    model = grade.provenance.get("model", "a model")
    return f"{'; '.join(told)}. All else, scores included, is as {model} graded it."
