"""What leaves the program and comes back: the whole export, damaged ones, and the files for other programs."""

import csv
import io
import json
import sqlite3
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from conftest import shipped
from past_interviews import ANSWER, DAY, QUESTION, REPLY, grade, held, held_round, keep, probe, said
from pydantic import TypeAdapter
from typer.testing import CliRunner

from evals.cases import Answer
from simulator.cli import app
from simulator.drills.drill import Ease, new_card, reviewed
from simulator.errors import InputError
from simulator.export import archive, formats
from simulator.export.formats import DrillNote
from simulator.interview import Act, Question, Role, Segment, Turn, open_interview
from simulator.records import Guide, Opinion, Records, Taken
from simulator.rubric import DIMENSIONS, Finding, Grade, State

COMPANIES = shipped().companies
RUBRICS = {kind: shipped().rubric_for(kind) for kind in ("story", "case")}
ODD = '👨\u200d👩 e\u0301 \u202eabc 日本語 \U0010ffff it\'s "quoted" <b>\n\n\ttwo\r\n=1+1'
TABLES = ("interviews", "guides", "stories", "checklist", "drill_cards", "drill_reviews")
ONE_OF_EACH = {name: Taken(1, 0) for name in TABLES} | {"interviews": Taken(3, 0)}


def filled(path: Path) -> Records:
    """Records with something in every table: a graded round, one that waits for its grade, one under way."""
    records = Records(path)
    plan = [Segment("dive", "story", 300.0, "several guides")]
    turns = [said(ANSWER, 12.5), probe("action.risk", 20.0), said(f"{REPLY} {ODD}", 90.25)]
    done = held_round(turns, plan=plan, timed=True, retry_of="earlier")
    keep(records, done, grade(3, {"action.risk": 2}))
    records.opinions.rate(done.id, dict.fromkeys(DIMENSIONS, 2.5))
    records.opinions.contest(done.id, 0, "context.goal", False, ODD)
    waiting = held_round([said(ANSWER)], "meta")
    keep(records, waiting, None)
    going = open_interview("going", "uber", "quick", [Question("opening/x", "Who are you?", "opening"), QUESTION])
    records.interviews.add(going)
    moved = going.answer("t1", ANSWER).reply(Turn("t2", Role.INTERVIEWER, "And?", act=Act.FACT))
    records.interviews.save(going, moved)
    records.interviews.keep_draft("going", ODD)
    records.guides.add(Guide("g1", ODD, "general", ("one", ODD), "2026-01-01T00:00:00+00:00"))
    records.stories.save("s1", ODD, {"goal": ODD, "companies": ["meta"], "later": [1, 2.5, None, {"x": True}]})
    records.stories.tick("rest/sleep")
    card = reviewed(new_card("action.risk", "stripe", DAY), Ease.GOOD, DAY)
    records.drills.keep(card.key, card.schedule, card.due.isoformat())
    finding = TypeAdapter(Finding).dump_python(Finding("action.risk", State.MET, 0.8), mode="json")
    payload = {"drill": "d", "claim": "bank/x", "passage": "p", "seconds": 61.0, "finding": finding}
    records.drills.add_review(card.key, DAY.isoformat(), 3, payload | {"card": card.schedule})
    return records


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Records]:
    records = filled(tmp_path / "kept" / "interviews.db")
    yield records
    records.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Records]:
    records = Records(tmp_path / "empty" / "interviews.db")
    yield records
    records.close()


def document(records: Records) -> Any:
    return json.loads(archive.written(records.transfer.dump()))


def load(records: Records, found: Any) -> dict[str, Taken]:
    return records.transfer.load(archive.read(json.dumps(found), COMPANIES))


# The whole


def test_an_export_that_was_imported_elsewhere_is_the_same_to_the_byte(kept: Records, empty: Records) -> None:
    text = archive.written(kept.transfer.dump())
    assert empty.transfer.load(archive.read(text, COMPANIES)) == ONE_OF_EACH
    assert archive.written(empty.transfer.dump()) == text
    for summary in kept.interviews.summaries():
        assert empty.interviews.find(summary.id) == kept.interviews.find(summary.id)
        assert empty.jobs.grades(summary.id) == kept.jobs.grades(summary.id)
        assert empty.opinions.opinions(summary.id) == kept.opinions.opinions(summary.id)
    assert empty.interviews.draft("going") == ODD
    assert empty.drills.cards() == kept.drills.cards()
    assert all(json.loads(text)[name] for name in TABLES)


def test_what_is_there_already_stays_as_it_is_and_is_counted(kept: Records, empty: Records) -> None:
    text = archive.written(kept.transfer.dump())
    assert kept.transfer.load(archive.read(text, COMPANIES)) == {
        name: Taken(0, one.added) for name, one in ONE_OF_EACH.items()
    }
    assert archive.written(kept.transfer.dump()) == text
    empty.stories.save("s1", "My own", {})
    assert load(empty, document(kept)) == ONE_OF_EACH | {"stories": Taken(0, 1)}
    assert empty.stories.find("s1").title == "My own"


def test_a_grading_that_was_under_way_is_imported_as_one_that_waits(kept: Records, empty: Records) -> None:
    (waiting,) = [one for one in kept.interviews.summaries() if one.company == "meta"]
    kept.interviews.save(found := kept.interviews.find(waiting.id), found, grade=[0])
    assert kept.jobs.take("worker here")
    load(empty, document(kept))
    assert [job.state for job in empty.jobs.of(waiting.id)] == ["waiting"]
    assert empty.jobs.take("worker there")


# What is no export


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no export"),
        ("interview", "no export"),
        ("[]", "no export"),
        ('{"interviews": []}', "no export"),
        ('{"format": "other", "version": 1}', "no export"),
        ('{"format": "interview-simulator", "version": 2}', "another version"),
        ('{"format": "interview-simulator", "version": 1}', "damaged at interviews"),
        ("\ud800".encode("utf-8", "surrogatepass"), "no export"),
    ],
)
def test_a_foreign_file_is_refused_with_its_reason(text: str | bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        archive.read(text, COMPANIES)


DAMAGES: list[tuple[str, Any, str]] = [
    ("interviews.0.company", "<img>", "interviews[0].company"),
    ("interviews.0.started", "yesterday", "interviews[0].started"),
    ("interviews.0.started", "2026-01-01T00:00:00", "interviews[0].started"),
    ("interviews.0.asked", 9, "interviews[0]"),
    ("interviews.0.asked", "1", "interviews[0].asked"),
    ("interviews.0.id", "../x", "interviews[0].id"),
    ("interviews.0.surprise", 1, "interviews[0].surprise"),
    ("interviews.0.questions.0.kind", "riddle", "interviews[0].questions[0]"),
    ("interviews.0.questions.0.surprise", 1, "interviews[0].questions[0].surprise"),
    ("interviews.0.plan.0.seconds", 0.0, "interviews[0].plan[0]"),
    ("interviews.0.turns.0.role", "host", "interviews[0].turns[0].role"),
    ("interviews.0.turns.0.act", "probe", "interviews[0].turns[0]"),
    ("interviews.0.turns.0.text", None, "interviews[0].turns[0].text"),
    ("interviews.0.turns.0.exchange", 7, "interviews[0]"),
    ("interviews.0.turns.1.position", 7, "interviews[0]"),
    ("interviews.0.turns.0.at", float("nan"), "interviews[0].turns[0].at"),
    ("interviews.0.grades.0.exchange", 1, "interviews[0]"),
    ("interviews.0.grades.0.grade.ratings.ownership", None, "interviews[0].grades[0].grade.ratings.ownership"),
    ("interviews.0.grades.0.grade.findings.action.risk", None, "interviews[0].grades[0].grade.findings"),
    ("interviews.0.self_ratings.0.scores.ownership", 5, "interviews[0].self_ratings[0].scores.ownership"),
    ("guides.0.company", "nowhere", "guides[0].company"),
    ("stories.0.fields", [], "stories[0].fields"),
    ("stories.0.fields.lessons", "none", "stories[0]"),
    ("stories.0.fields.companies", ["nowhere"], "stories[0]"),
    ("drill_cards.0.card", "{}", "drill_cards[0]"),
    ("drill_cards.0.card", "no JSON", "drill_cards[0]"),
    ("drill_reviews.0.rating", 9, "drill_reviews[0].rating"),
    ("drill_reviews.0.payload.claim", None, "drill_reviews[0].payload.claim"),
]


@pytest.mark.parametrize(("place", "value", "told"), DAMAGES)
def test_damage_is_named_by_its_place_and_nothing_is_written(
    kept: Records, empty: Records, place: str, value: Any, told: str
) -> None:
    found = document(kept)
    found["interviews"].sort(key=lambda one: -len(one["grades"]))
    *way, last = place.replace("action.risk", "action/risk").split(".")
    part = found
    for step in way:
        part = part[int(step) if step.isdigit() else step]
    part[last.replace("/", ".")] = value
    with pytest.raises(InputError) as caught:
        load(empty, found)
    assert caught.value.problem.startswith(f"This export is damaged at {told}")
    assert not any(empty.transfer.dump().values())


@pytest.mark.parametrize("table", TABLES)
def test_the_same_row_twice_is_damage(kept: Records, table: str) -> None:
    found = document(kept)
    found[table].append(found[table][0])
    with pytest.raises(InputError, match="is there twice"):
        archive.read(json.dumps(found), COMPANIES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: one["grades"][0]["grade"]["ratings"].pop("ownership"),
        lambda one: one["turns"].pop(0),
        lambda one: one["turns"].clear(),
        lambda one: one["grades"].append(one["grades"][0]),
        lambda one: one["drafts"].extend([{"text": "a"}, {"text": "b"}]),
        lambda one: one.pop("plan"),
        lambda one: one["starts"].extend([1.0, 2.0]),
        lambda one: one["questions"][0].update(kind="opening"),
    ],
)
def test_an_interview_that_does_not_hold_together_is_damage(
    kept: Records, empty: Records, damage: Callable[[Any], None]
) -> None:
    found = document(kept)
    damage(next(one for one in found["interviews"] if one["grades"]))
    with pytest.raises(InputError, match="damaged at interviews"):
        load(empty, found)
    assert not any(empty.transfer.dump().values())


def test_a_turn_that_is_another_interviews_here_undoes_the_whole_import(kept: Records, empty: Records) -> None:
    mine = open_interview("mine", "uber", "quick", [QUESTION])
    empty.interviews.add(mine)
    empty.interviews.save(mine, mine.answer("t1", ANSWER))
    before = empty.transfer.dump()
    with pytest.raises(InputError, match="t1"):
        load(empty, document(kept))
    assert empty.transfer.dump() == before


# In a terminal


def test_the_terminal_exports_and_imports_what_is_kept(
    tmp_path: Path, kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, run = tmp_path / "all.json", CliRunner().invoke
    monkeypatch.setenv("SIMULATOR_DATA_DIR", str(tmp_path / "kept"))
    told = run(app, ["export", "--out", str(file), "--json"])
    assert json.loads(told.stdout) == {"out": str(file)} | {name: one.added for name, one in ONE_OF_EACH.items()}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run(app, ["export"]).stdout == file.read_text(encoding="utf-8")
    monkeypatch.setenv("SIMULATOR_DATA_DIR", str(tmp_path / "other"))
    taken = json.loads(run(app, ["import", str(file), "--json"]).stdout)
    assert taken["interviews"] == {"added": 3, "left": 0}
    assert "interviews: 0 added, 3 here already" in run(app, ["import", str(file)]).stdout
    assert run(app, ["export"]).stdout == file.read_text(encoding="utf-8")
    assert isinstance(run(app, ["import", str(tmp_path / "none.json")]).exception, InputError)
    assert not list(tmp_path.glob(".all.json*"))


# For other programs


def test_the_table_has_a_row_an_answer_with_scores_band_and_self_rating() -> None:
    first = held(held_round([said(ANSWER)]), grade(2), 1, {"ownership": 3.0})
    second = held(held_round([said(ANSWER)], "meta"), None, 0)
    unanswered = held(held_round([]), None, 2)
    text = formats.scores_csv([first, second, unanswered])
    assert text.startswith("\ufeff".encode())
    without, scored = csv.DictReader(io.StringIO(text.decode("utf-8-sig")))
    assert (scored["date"], scored["company"], scored["question"]) == (
        "2026-03-02T18:00+00:00",
        "stripe",
        QUESTION.text,
    )
    assert [scored[name] for name in DIMENSIONS] == ["2"] * 5
    assert (scored["overall"], scored["low"], scored["high"]) == ("2.0", "1.2", "2.8")
    assert (scored["self_ownership"], scored["self_data_use"]) == ("3.0", "")
    assert (without["company"], without["ownership"], without["overall"], without["low"]) == ("meta", "", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    question = replace(QUESTION, text=f"{start}HYPERLINK(1)")
    (row,) = csv.DictReader(
        io.StringIO(
            formats.scores_csv([held(held_round([said(ANSWER)], question=question), None)]).decode("utf-8-sig"),
            newline="",
        )
    )
    assert row["question"] == f"'{start}HYPERLINK(1)"


def notes_of(package: bytes, folder: Path) -> dict[str, list[str]]:
    """The fields of each note by its id, read as Anki does."""
    with zipfile.ZipFile(io.BytesIO(package)) as packed:
        assert packed.testzip() is None
        packed.extract("collection.anki2", folder)
    connection = sqlite3.connect(folder / "collection.anki2")
    try:
        assert connection.execute("SELECT COUNT(*) FROM cards").fetchone() == (2,)
        return {guid: fields.split("\x1f") for guid, fields in connection.execute("SELECT guid, flds FROM notes")}
    finally:
        connection.close()


def test_a_deck_opens_with_the_same_ids_each_time_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    notes = [
        DrillNote("action.risk|stripe", "We shipped it. <b>Bold</b>", "What if it broke?", "Name it & its guard."),
        DrillNote("action.risk|meta", "We shipped it.", "What if it broke?", "Name it & its guard."),
    ]
    first = notes_of(formats.anki_package(notes, "Drills", DAY), tmp_path)
    changed = [replace(note, claim="I cut it.") for note in notes]
    second = notes_of(formats.anki_package(changed, "Drills", DAY + timedelta(days=9)), tmp_path)
    assert len(first) == 2
    assert first.keys() == second.keys()
    assert ["We shipped it. &lt;b&gt;Bold&lt;/b&gt;", "What if it broke?", "Name it &amp; its guard."] in [
        *first.values()
    ]
    assert all(fields[0] == "I cut it." for fields in second.values())
    assert not list((tmp_path / "temporary").iterdir())


def test_a_calendar_has_one_entry_a_day_of_the_users_own_time() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    late = datetime(2026, 3, 12, 23, 30, tzinfo=UTC)  # the 13th already in Tokyo
    due = [now - timedelta(days=4), now + timedelta(minutes=10), late, late + timedelta(hours=2)]
    made = formats.due_calendar(due, ZoneInfo("Asia/Tokyo"), now, lambda cards: f"{cards} due")
    events = icalendar.Calendar.from_ical(made).walk("VEVENT")
    assert [(event.start, str(event["summary"])) for event in events] == [
        (date(2026, 3, 10), "2 due"),
        (date(2026, 3, 13), "2 due"),
    ]
    again = formats.due_calendar(due[2:], ZoneInfo("Asia/Tokyo"), now + timedelta(days=1), str)
    (event,) = icalendar.Calendar.from_ical(again).walk("VEVENT")
    assert event["uid"] == events[1]["uid"] != events[0]["uid"]


# Contested findings


def against(interview: str, check: str, *, agrees: bool = False, note: str = "") -> Opinion:
    return Opinion(interview, 0, check, agrees, note, DAY.isoformat())


def test_contested_findings_become_labels_that_the_evaluation_reads() -> None:
    turns = [said(ANSWER), probe("action.risk"), said(REPLY)]
    one = held(held_round(turns), grade(2, ["context.goal", "flag.vanity"]))
    untouched = held(held_round([said(ANSWER)]), grade(2), 1)
    opinions = [
        against(one.interview.id, "result.quantified", note="Four to\none percent is a number."),
        against(one.interview.id, "flag.vanity"),
        against(one.interview.id, "context.goal", agrees=True),
        against(one.interview.id, "anchor.fix"),
        against(untouched.interview.id, "context.goal", agrees=True),
    ]
    (line,) = formats.contested_lines([one, untouched], opinions, RUBRICS).splitlines()
    label = Answer.model_validate_json(line)
    assert {check for check, yes in label.checks.items() if yes} == {"context.goal", "result.quantified"}
    assert (len(label.criteria), len(label.flags)) == (20, 7)
    assert label.scores == dict.fromkeys(DIMENSIONS, 2)
    assert [turn.text for turn in label.turns] == [turn.text for turn in turns]
    assert (label.split, label.origin) == ("train", "contested by a user")
    assert "result.quantified: graded no (Four to one percent is a number.)" in label.note
    assert "flag.vanity: graded yes" in label.note


def test_what_a_case_was_asked_is_no_part_of_its_label() -> None:
    question = Question("case/drop", "Bookings fell by a tenth. What do you do?", "case")
    asks = Turn("c", Role.CANDIDATE, "How many bookings is that in a day?", act=Act.CLARIFICATION)
    fact = Turn("f", Role.INTERVIEWER, "About nine thousand.", act=Act.FACT)
    one = held(held_round([asks, fact, said(ANSWER)], question=question), grade(2, kind="case"))
    (line,) = formats.contested_lines([one], [against(one.interview.id, "case.segments")], RUBRICS).splitlines()
    record = json.loads(line)
    assert [turn["text"] for turn in record["turns"]] == [ANSWER]
    assert record["kind"] == "case"
    assert record["criteria"]["case.segments"]


@pytest.mark.parametrize(
    "graded",
    [
        None,
        Grade({}, {}, "only 3 words were said"),
        grade(2, unknown=["action.tools"]),
        replace(grade(2), findings={}),
    ],
)
def test_an_answer_that_is_not_judged_throughout_gives_no_label(graded: Grade | None) -> None:
    one = held(held_round([said(ANSWER)]), graded)
    assert formats.contested_lines([one], [against(one.interview.id, "context.goal")], RUBRICS) == ""
