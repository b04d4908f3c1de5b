"""The progress page: what a newcomer sees, what one and several interviews show, the filter, files and import."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

import pytest
import streamlit as st
from conftest import shipped
from past_interviews import ANSWER, DAY, PROVENANCE, REPLY, grade, held_round, keep, probe, said
from streamlit.testing.v1 import AppTest

from simulator.drills.drill import Ease, new_card, reviewed
from simulator.export import archive
from simulator.export.formats import anki_package
from simulator.interview import Segment
from simulator.pages import progress_files, shell
from simulator.records import Records
from simulator.rubric import DIMENSIONS
from simulator.settings import ROOT


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own; the page needs no index and no model."""
    for name in ("DATA_DIR", "CACHE_DIR"):
        monkeypatch.setenv(f"SIMULATOR_{name}", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def records(data_dir: Path) -> Iterator[Records]:
    records = Records(data_dir / "interviews.db")
    yield records
    records.close()


@pytest.fixture
def page(data_dir: Path) -> Iterator[Callable[[], AppTest]]:
    """A new visit to the page."""

    def draw() -> None:
        from simulator.pages import progress

        progress.page()

    st.cache_resource.clear()
    yield lambda: AppTest.from_function(draw, default_timeout=120).run()
    st.cache_resource.clear()


def told(app: AppTest) -> str:
    assert not app.exception
    parts = (*app.get("html"), *app.markdown, *app.caption, *app.info, *app.success, *app.subheader, *app.error)
    return "\n".join(str(one.value) for one in parts)


def charts(app: AppTest) -> list[str]:
    """What each chart says to who cannot see it."""
    return [one.proto.alt for one in app.get("vega_lite_chart")]


def downloads(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.get("download_button")]


def hold(
    records: Records, score: int, company: str = "stripe", met: Mapping[str, int] | None = None, **provenance: str
) -> str:
    turns = [said(ANSWER, 200.0), probe("action.risk", 210.0), said(REPLY, 400.0)]
    plan = [Segment("dive", "story", 300.0)]
    interview = held_round(turns, company, plan=plan, timed=True)
    keep(records, interview, grade(score, met or {}, provenance=PROVENANCE | provenance))
    return interview.id


def test_a_newcomer_is_told_what_will_be_here_and_can_import(page: Callable[[], AppTest]) -> None:
    app = page()
    assert "Nothing is graded yet" in told(app)
    assert charts(app) == []
    assert downloads(app) == ["Everything (JSON)"]
    assert len(app.get("file_uploader")) == 1


def test_one_interview_gives_scores_and_gaps_but_no_trend(page: Callable[[], AppTest], records: Records) -> None:
    hold(records, 3)
    app = page()
    assert "A trend needs two interviews with a score: 1 to go." in told(app)
    assert "Ownership: 3.0 (band 2.5–3.5)." in told(app)
    assert not re.search("rose|fell|ended where", " ".join([told(app), *charts(app)]))
    assert any("The surest gap is" in one for one in charts(app))


def test_every_chart_has_its_finding_in_words_and_its_table(page: Callable[[], AppTest], records: Records) -> None:
    first, second = hold(records, 2), hold(records, 4, met={"result.quantified": 2, "action.risk": 2})
    for interview, own in ((first, 4.0), (second, 3.0)):
        records.opinions.rate(interview, dict.fromkeys(DIMENSIONS, own))
    app = page()
    overall, *dimensions, weakest, companies, times, chases, own_rating = charts(app)
    assert "Overall rose from 2.0 to 4.0 over 2 interviews" in overall
    assert "1 of 2 reached the bar" in overall
    assert len(dimensions) == 5
    assert (
        dimensions[0] == "Ownership rose from 2.0 to 4.0 over 2 interviews, which is more than the bands allow for."
    )
    goal = shipped().rubric_for("story").check("context.goal").name
    assert f"“{goal}”: asked for in 2 of your answers and missed in 2" in weakest
    assert "34 % to 100 %" in weakest
    assert "3.0 (answers: 2)" in companies
    assert "6.7 of 5.0 minutes used on average" in times
    assert "your reply closed 1 and left 1 open" in chases
    assert "0.5 points higher" in own_rating
    assert all(one in told(app) for one in charts(app))
    assert len(app.expander) == 7  # the five dimensions share one
    assert len(app.dataframe) == 8
    assert "graded in the same way" not in told(app)


def test_the_filter_leaves_one_companys_interviews(page: Callable[[], AppTest], records: Records) -> None:
    hold(records, 2, "meta")
    hold(records, 3)
    hold(records, 4)
    app = page()
    assert "Overall rose from 2.0 to 4.0 over 3 interviews" in charts(app)[0]
    app.selectbox[0].set_value("stripe").run()
    assert "Overall rose from 3.0 to 4.0 over 2 interviews" in charts(app)[0]
    app.selectbox[0].set_value("meta").run()
    assert "1 to go" in told(app)


def test_another_grader_in_between_is_told(page: Callable[[], AppTest], records: Records) -> None:
    hold(records, 2)
    hold(records, 3, model="another")
    assert "not all graded in the same way" in told(page())


def test_the_files_are_offered_when_there_is_something_to_put_in_them(
    page: Callable[[], AppTest], records: Records
) -> None:
    interview = hold(records, 2)
    assert downloads(page()) == ["Everything (JSON)", "Scores (CSV)", "Drills (Anki)"]
    card = new_card("action.risk", "stripe", DAY)
    records.drills.keep(card.key, card.schedule, card.due.isoformat())
    records.opinions.contest(interview, 0, "context.goal", False)
    assert downloads(page())[3:] == ["Due drills (calendar)", "Contested findings (JSONL)"]


def test_the_deck_has_every_drill_of_a_company_with_the_words_of_the_last_time(
    page: Callable[[], AppTest], records: Records
) -> None:
    hold(records, 2)
    page()
    conductor = shell.conductor()
    company = conductor.library.company("stripe")
    before = {note.key: note for note in progress_files.drill_notes(conductor, [company])}
    risk = before["action.risk|stripe"]
    assert risk.claim in f"{ANSWER} {REPLY}"
    assert risk.good == shipped().rubric_for("story").check("action.risk").advice
    assert len(before) >= 20
    claim = progress_files.drill_room().material.claims(company)["action.risk"][0]
    asked = next(one for one in shipped().passages if one.check == "action.risk" and one.ask != risk.probe)
    card = reviewed(new_card("action.risk", "stripe", DAY), Ease.GOOD, DAY)
    payload = {"drill": "d", "claim": claim.id, "passage": asked.id, "card": card.schedule}
    records.drills.add_review(card.key, DAY.isoformat(), 3, payload)
    after = {note.key: note for note in progress_files.drill_notes(conductor, [company])}
    assert after["action.risk|stripe"].probe == asked.ask
    assert after.keys() == before.keys()
    assert zipfile.is_zipfile(BytesIO(anki_package(after.values(), "Drills", DAY)))


def upload(app: AppTest, text: str) -> AppTest:
    app.file_uploader[0].set_value(("all.json", text.encode(), "application/json")).run()
    return next(one for one in app.button if one.label == "Import it").click().run()


def test_an_import_tells_what_came_and_what_was_here_and_shows_it(
    page: Callable[[], AppTest], records: Records, tmp_path: Path
) -> None:
    other = Records(tmp_path / "other.db")
    hold(other, 2)
    hold(other, 4)
    text = archive.written(other.transfer.dump())
    other.close()
    app = upload(page(), text)
    assert "Imported: 2 interviews. Here already: nothing." in told(app)
    assert "over 2 interviews" in charts(app)[0]
    assert "Imported: nothing. Here already: 2 interviews." in told(upload(app, text))


def test_a_damaged_file_is_explained_as_text_and_changes_nothing(
    page: Callable[[], AppTest], records: Records
) -> None:
    hold(records, 2)
    found = json.loads(archive.written(records.transfer.dump()))
    found["interviews"][0] |= {"id": "new", "company": "<img src=x>"}
    app = upload(page(), json.dumps(found))
    assert "The file was not imported." in told(app)
    assert "interviews[0].company" in told(app)
    assert "&lt;img src=x&gt;" in told(app)
    assert "<img" not in told(app)
    assert len(records.interviews.summaries()) == 1


def test_nothing_heavy_is_imported_before_the_page_is_drawn() -> None:
    heavy = ("altair", "pandas", "genanki", "icalendar", "chromadb")
    code = f"import sys, simulator.pages.progress; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
