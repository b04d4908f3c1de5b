"""What a file of ours does in the hands of whoever opens it: it shows what was said, and nothing acts."""

import csv
import io
import json
import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
from bs4 import BeautifulSoup
from conftest import shipped
from markdown_it import MarkdownIt
from past_interviews import ANSWER, DAY, QUESTION, REPLY, grade, held, held_round, probe, said
from test_exports import notes_of

from simulator.export import archive, formats
from simulator.export.formats import DrillNote
from simulator.records import Records
from simulator.scorecard import as_json, as_markdown

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
"""What a spreadsheet may take for the beginning of a formula; the last four are the wide forms of East Asia."""
CELLS = [f"{start}HYPERLINK(\"http://evil.example\")" for start in STARTS] + [
    "=cmd|' /C calc'!A0", "=1+1", "-2+3", "@SUM(1,1)", "=IMPORTXML(A1)", "+A1;B2", "\t=1+1", "==1"
]  # fmt: skip
ACTS = [
    "![x](http://evil.example/a.png)", "\\![x](http://evil.example/b.png)", "!\\[x](http://evil.example/c.png)",
    "<img src=http://evil.example/d.png>", "<script>alert(1)</script>", "<iframe src=http://evil.example></iframe>",
    "&lt;img src=x&gt;", "![x][m]\n\n[m]: http://evil.example/e.png", "<!-- --><svg onload=alert(1)>",
    "[sound:http://evil.example/f.mp3]", "[latex]\\input{/etc/passwd}[/latex]", "{{c1::x}} {{FrontSide}}",
    "```\n<img src=x>\n```", "javascript:alert(1)", "a | b\n---|---\n<b>1</b> | 2", "[x]: http://evil.example 'y'",
    "<style>@import 'http://evil.example'</style>", "<link rel=stylesheet href=//evil.example>", "\x1b[2J\x1b]0;x\a",
    "BEGIN:VALARM\r\nACTION:AUDIO\r\nATTACH:http://evil.example\r\nEND:VALARM",
]  # fmt: skip

MARKDOWN_TAGS = {"h1", "h2", "h3", "p", "strong", "em", "hr", "ul", "ol", "li", "blockquote", "a", "br", "code"}
MARKDOWN_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("text", CELLS, ids=ascii)
def test_no_cell_of_the_table_begins_as_a_formula(text: str) -> None:
    table = formats.scores_csv([held(held_round([said(ANSWER)], question=replace(QUESTION, text=text)), None)])
    (row,) = csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline=""))
    assert row["question"] == f"'{text}"


def test_a_plain_question_is_a_cell_as_it_stands() -> None:
    table = formats.scores_csv([held(held_round([said(ANSWER)]), None)])
    (row,) = csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline=""))
    assert row["question"] == QUESTION.text


@pytest.mark.parametrize("text", ACTS, ids=ascii)
def test_a_scorecard_as_markdown_shows_what_was_said_and_fetches_and_runs_nothing(text: str) -> None:
    question = replace(QUESTION, text=f"{text} {QUESTION.text}")
    turns = [said(f"{text} {ANSWER}"), replace(probe("action.risk"), text=text), said(f"{REPLY} {text}")]
    one = held(held_round(turns, question=question), grade(2, {"action.risk": 0}))
    names = shipped().rubric_for("story").dimension_names
    contested = {(0, "action.risk"): text}
    written = as_markdown(one.card, one.interview, shipped().company("stripe"), names, contested)
    for parser in (
        MarkdownIt("commonmark", {"html": True}),
        MarkdownIt("gfm-like", {"html": True, "linkify": False}),
    ):
        page = BeautifulSoup(parser.render(written), "html.parser")
        assert {tag.name for tag in page.find_all()} <= MARKDOWN_TAGS
        assert not [tag for tag in page.find_all("a") if not str(tag.get("href")).startswith("http")]
    assert len(page.find_all("h3")) == 1


def test_a_scorecard_as_json_and_the_whole_export_hold_every_text_to_the_letter(tmp_path: Path) -> None:
    for text in (*CELLS, *ACTS):
        one = held(held_round([said(f"{ANSWER} {text}")], question=replace(QUESTION, text=text)), grade(2))
        told = json.loads(json.dumps(as_json(one.card, one.interview)))
        assert told["interview"]["questions"][0]["text"] == text
        assert told["interview"]["exchanges"][0]["turns"][0]["text"] == f"{ANSWER} {text}"
    with closing(Records(tmp_path / "a" / "i.db")) as here, closing(Records(tmp_path / "b" / "i.db")) as there:
        for number, text in enumerate((*CELLS, *ACTS)):
            here.stories.save(f"s{number:02}", text, {"goal": text})
        whole = archive.written(here.transfer.dump())
        there.transfer.load(archive.read(whole, shipped().companies))
        assert archive.written(there.transfer.dump()) == whole
        assert sorted(one.title for one in there.stories.all()) == sorted((*CELLS, *ACTS))


def test_a_deck_shows_what_was_said_and_plays_fetches_and_runs_nothing(tmp_path: Path) -> None:
    ids = ("stripe", "meta")
    for text in (*CELLS, *ACTS):
        notes = [DrillNote(f"action.risk|{one}", text, text, text) for one in ids]
        for fields in notes_of(formats.anki_package(notes, "Drills", DAY), tmp_path).values():
            for field in fields:
                page = BeautifulSoup(field, "html.parser")
                assert page.find_all() == []
                assert page.get_text().split() == text.split()
                assert not re.search(r"\[(?:sound|anki|latex|\$)|\{\{", field)


def test_a_calendar_holds_nothing_but_days_counts_and_fixed_words() -> None:
    made = formats.due_calendar(
        [DAY], ZoneInfo("UTC"), datetime(2026, 3, 1, tzinfo=UTC), lambda cards: f"{cards} due"
    )
    (event,) = icalendar.Calendar.from_ical(made).walk("VEVENT")
    assert set(event) == {"UID", "DTSTAMP", "DTSTART", "SUMMARY", "TRANSP"}
    assert event.subcomponents == []
    assert str(event["summary"]) == "1 due"
