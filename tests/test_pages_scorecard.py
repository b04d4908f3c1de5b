"""The page of the scorecard: the candidate's own rating, the lenses, contested findings, second tries, time."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from conftest import shipped
from streamlit.testing.v1 import AppTest

from simulator.grading import GRADES
from simulator.interview import Act, Interview, Question, Role, Segment, Turn, open_interview
from simulator.records import Guide, Records, new_id
from simulator.rubric import DIMENSIONS, Evidence, Finding, Grade, State, equal_rule, rate

RUBRIC = shipped().rubric_for("story")
TEXT = (
    "With Ownership we were late. In Q2 I cut the <b>report</b> because nobody paid for it. That is Ownership to me."
)
CUT = "In Q2 I cut the <b>report</b> because nobody paid for it."
REPLY = "I warned our director in May."
PASSAGE = next(one for one in shipped().passages if one.check == "escalation.who")
STORY = Question("s1", "What was late?", invites=("result.quantified",))
OPENING = Question("o1", "What do you work on?", "opening")
MET = {"action.tradeoff": (CUT, 0), "escalation.who": (REPLY, 2)}
Visit = Callable[..., AppTest]
Held = Callable[..., Interview]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    """What the page reads, on a server of its own."""
    for name in ("DATA_DIR", "CACHE_DIR"):
        monkeypatch.setenv(f"SIMULATOR_{name}", str(tmp_path))
    st.cache_resource.clear()
    kept = Records(tmp_path / "interviews.db")
    yield kept
    kept.close()
    st.cache_resource.clear()


@pytest.fixture
def visit(records: Records) -> Visit:
    """A new visit to the page of one interview."""

    def draw() -> None:
        from simulator.pages import scorecard

        scorecard.page()

    def _visit(interview: Interview, **address: str) -> AppTest:
        app = AppTest.from_function(draw, default_timeout=60)
        app.query_params.update({"id": interview.id} | address)
        return app.run()

    return _visit


def graded(*met: str, reason: str = "") -> Grade:
    """A grade by equal weights in which these checks are met."""
    findings = {one.id: Finding(one.id, State.NOT_MET, 0.1) for one in RUBRIC.checks}
    for check in met:
        text, turn = MET.get(check, (CUT, 0))
        said = (TEXT, "", REPLY)[turn]
        start = said.index(text)
        evidence = (Evidence(turn, start, start + len(text), text),)
        findings[check] = Finding(check, State.MET, 0.9, () if check.startswith("flag.") else evidence)
    ratings = {} if reason else rate(RUBRIC, equal_rule(RUBRIC), findings)
    return Grade(findings, ratings, reason, {"model": "m", "rule": "any equal weights, not fitted"})


@pytest.fixture
def held(records: Records) -> Held:
    """An interview that was held and closed: an opening that ran over, then one story with a follow-up."""

    def _held(
        grade: Grade | None = None, *, rated: bool = True, passage: str = PASSAGE.id, **fields: object
    ) -> Interview:
        plan = (Segment("warm-up", "opening", 60.0), Segment("deep dive", "story", 600.0))
        options = {"plan": plan, "began": 1_000.0, "timed": True} | fields
        interview = open_interview(new_id(), "amazon", "quick", (OPENING, STORY), **options)  # type: ignore[arg-type]
        records.interviews.add(interview)
        told = interview.answer(new_id(), "I work on payments for a bank.", 30.0).advance(150.0)
        asked = told.answer(new_id(), TEXT, 300.0).reply(
            Turn(
                new_id(),
                Role.INTERVIEWER,
                "Whom did you warn?",
                "escalation.who",
                (passage,),
                Act.PRESS,
                310.0,
                "praise",
            )
        )
        over = asked.answer(new_id(), REPLY, 400.0).close()
        records.interviews.save(interview, over, grade=[1])
        if grade:
            job = records.jobs.take("w")
            assert job
            records.jobs.finish(job, "w", GRADES.dump_python(grade, mode="json"))
        if rated:
            records.opinions.rate(over.id, {})
        return over

    return _held


def told(app: AppTest) -> str:
    """All words and HTML on the page."""
    assert not app.exception
    parts = (*app.get("html"), *app.title, *app.subheader, *app.caption, *app.error, *app.info, *app.warning)
    return "\n".join(str(one.value) for one in parts)


def press(app: AppTest, label: str) -> AppTest:
    return next(one for one in app.button if one.label == label).click().run()


SHOWN = graded("action.tradeoff", "escalation.who")
SCORE = '<div class="overall">'


# --- the candidate's own rating --------------------------------------------------------------------------


def test_the_candidate_rates_first_and_is_then_told_how_far_off_that_was(
    visit: Visit, held: Held, records: Records
) -> None:
    interview = held(SHOWN, rated=False)
    app = visit(interview)
    assert SCORE not in told(app) and "mark>" not in told(app)
    app = press(app, "Keep my rating and show the scorecard")
    assert "Rate all five" in told(app)
    for name in DIMENSIONS:
        app.radio(key=f"rate-{name}").set_value(4 if name == "ownership" else 1)
    app = press(app, "Keep my rating and show the scorecard")
    kept = records.opinions.self_rating(interview.id)
    assert kept and kept.scores == {name: 4 if name == "ownership" else 1 for name in DIMENSIONS}
    score = SHOWN.ratings["ownership"].score
    assert SCORE in told(app)
    assert f"Ownership: you said 4, the card says {score}.0. You thought better of it by {4 - score}.0." in told(app)
    assert "Data use: you said 1, the card says 1.0. You saw it as it was." in told(app)
    assert "How you saw it" in told(visit(interview))


def test_a_skipped_rating_is_not_asked_for_again(visit: Visit, held: Held) -> None:
    interview = held(SHOWN, rated=False)
    app = press(visit(interview), "Show me the scorecard")
    assert SCORE in told(app) and "How you saw it" not in told(app)
    assert SCORE in told(visit(interview))


def test_the_rating_can_be_given_while_the_grading_goes_on(visit: Visit, held: Held) -> None:
    app = visit(held(rated=False))
    assert "Waiting for the model to grade" in told(app)
    assert [one.label for one in app.button][-1] == "Show me the scorecard"


@pytest.mark.parametrize(
    ("grade", "fields"),
    [(graded(reason="only 2 words were said"), {}), (SHOWN, {"began": 0.0, "timed": False, "plan": ()})],
    ids=["no score", "of an older program"],
)
def test_there_is_nothing_to_rate_without_a_score_or_after_it_was_seen(
    visit: Visit, held: Held, grade: Grade, fields: dict[str, object]
) -> None:
    app = visit(held(grade, rated=False, **fields))
    assert not app.radio
    assert "Your words" in told(app)


# --- why this question -----------------------------------------------------------------------------------


def test_every_follow_up_tells_what_it_was_where_it_came_from_and_what_the_reply_did(
    visit: Visit, held: Held
) -> None:
    page = told(visit(held(SHOWN)))
    why = page[page.index('<details class="why">') : page.index("</details>")]
    assert "It pressed the same gap again · Whom you escalated to · your reply closed it" in why
    assert f"It came from {PASSAGE.id} ({PASSAGE.provenance}):" in why
    assert PASSAGE.ask.replace("'", "&#x27;") in why
    assert "broke a rule of this interviewer (praise)" in why
    assert page.count("<details") == 1


def test_a_passage_of_the_user_s_guide_is_shown_as_text_and_one_that_is_gone_is_told(
    visit: Visit, held: Held, records: Records
) -> None:
    records.guides.add(
        Guide("g1", "My <i>guide</i>", "general", ("Ask <img src=x> whom.",), "2026-01-01T00:00:00+00:00")
    )
    page = told(visit(held(graded(), passage="user/g1/1")))
    assert "Ask &lt;img src=x&gt; whom." in page and "My &lt;i&gt;guide&lt;/i&gt;" in page
    assert "your reply left it open" in page
    assert "<img" not in page and "<i>" not in page
    assert "not kept any more" in told(visit(held(SHOWN, passage="gone/one/x")))


# --- six lenses and what a 4 would add -------------------------------------------------------------------


def test_six_companies_weigh_the_same_scores_and_each_names_its_dearest_gap(visit: Visit, held: Held) -> None:
    app = visit(held(SHOWN))
    rows = [str(one.value) for one in app.get("html") if 'class="lens"' in str(one.value)]
    assert len(rows) == 6
    assert all("What costs most here" in row and "(own judgement)" in row for row in rows)
    assert "Ownership × 1.4" in rows[0]
    assert len({row[row.index("What costs most here") :] for row in rows}) > 1
    app = app.toggle(key="lenses-equal").set_value(True).run()
    even = [str(one.value) for one in app.get("html") if 'class="lens"' in str(one.value)]
    assert len({row[row.index('class="value">') :][:17] for row in even}) == 1
    assert not any("×" in row for row in even)


def test_a_dimension_below_4_offers_sentences_to_fill_in(visit: Visit, held: Held) -> None:
    strong = ("action.ownership", "context.role", "escalation.trigger", "escalation.who")
    page = told(visit(held(graded("flag.hypothetical", *strong))))
    assert "Before, ___ took ___; after, ___." in page
    assert "Question 2 is held down to 2 by a warning sign: What you would do, not what you did." in page
    blank = RUBRIC.check("escalation.who").blank
    assert blank not in page.replace("&#x27;", "'")  # it was met


# --- opinions --------------------------------------------------------------------------------------------


def test_a_finding_is_contested_at_once_with_a_note_and_the_score_stays(
    visit: Visit, held: Held, records: Records
) -> None:
    interview = held(SHOWN)
    app = visit(interview)
    key = f"opinion-{interview.id}-1-result.quantified"
    app = app.segmented_control(key=key).set_value("disagree").run()
    app = app.text_input(key=f"{key}-note").set_value("I <b>did</b>.").run()
    app = app.segmented_control(key=f"opinion-{interview.id}-1-action.tradeoff").set_value("agree").run()
    kept = [(one.exchange, one.check_id, one.agrees, one.note) for one in records.opinions.opinions(interview.id)]
    assert kept == [(1, "action.tradeoff", True, ""), (1, "result.quantified", False, "I <b>did</b>.")]
    assert told(app).count("contested by you") == 1
    again = visit(interview)
    assert told(again).count("contested by you") == 1
    assert again.text_input(key=f"{key}-note").value == "I <b>did</b>."
    score = [str(one.value) for one in app.get("html") if SCORE in str(one.value)]
    assert score == [str(one.value) for one in again.get("html") if SCORE in str(one.value)]


def test_every_shown_and_missing_check_and_warning_can_be_contested(visit: Visit, held: Held) -> None:
    app = visit(held(graded("action.tradeoff", "anchor.choice", "flag.vanity")))
    criteria = [one for one in RUBRIC.checks if one.is_criterion]
    assert len(app.segmented_control) == len(criteria) + 2


# --- a second try ----------------------------------------------------------------------------------------


def test_the_page_of_a_second_try_tells_what_came_and_went_with_the_words(visit: Visit, held: Held) -> None:
    first = held(graded("action.tradeoff", "flag.vanity"))
    second = held(graded("escalation.who", "flag.vague_result"), retry_of=first.id)
    page = told(visit(second))
    gained, lost = page.index("<b>Gained</b>"), page.index("<b>Lost</b>")
    assert gained < page.index("Whom you escalated to <small>(shown now)") < lost
    assert gained < page.index("Vanity figures <small>(a warning that is gone)") < lost
    assert lost < page.index("What was given up <small>(no longer shown)")
    assert f"“{REPLY}”" in page[gained:lost] and "“In Q2 I cut the &lt;b&gt;report" in page[lost:]
    assert "Against your first try" not in told(visit(first))


def test_a_deleted_first_try_is_told(visit: Visit, held: Held, records: Records) -> None:
    first = held(SHOWN)
    second = held(SHOWN, retry_of=first.id)
    records.interviews.remove(first.id)
    assert "the first one was deleted" in told(visit(second))


def test_a_question_can_be_tried_again_and_the_opening_cannot(
    visit: Visit, held: Held, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[tuple[str, ...]] = []
    monkeypatch.setattr("simulator.pages.scorecard_review.go", lambda *where: went.append(where))
    interview = held(SHOWN)
    app = visit(interview)
    assert [one.key for one in app.button if one.label == "Try this question again"] == ["again-1"]
    press(app, "Try this question again")
    ((page, new),) = went
    again = records.interviews.find(new)
    assert (page, again.retry_of, again.questions) == ("interview", interview.id, (STORY,))


# --- time and principles ---------------------------------------------------------------------------------


def test_overtime_is_named_beside_the_score_and_speech_follows_the_speed(visit: Visit, held: Held) -> None:
    app = visit(held(SHOWN))
    assert "Over the planned time: warm-up by 1:30. It is not part of the score." in told(app)
    words = len(TEXT.split()) + len(REPLY.split())
    row = "<td>deep dive</td><td>10:00</td><td>4:10</td><td>0:{:02d}</td><td>–</td>"
    assert row.format(round(words * 60 / 140)) in told(app)
    app = app.slider(key="words-per-minute").set_value(80).run()
    assert row.format(round(words * 60 / 80)) in told(app)
    assert f"Question 2: your opening answer takes 0:{round(len(TEXT.split()) * 60 / 80):02d} to say" in told(app)


def test_without_a_clock_nothing_is_over_and_without_a_plan_there_is_no_time(visit: Visit, held: Held) -> None:
    page = told(visit(held(SHOWN, timed=False)))
    assert "Over the planned time" not in page
    assert "<td>warm-up</td><td>1:00</td><td>2:30</td><td>0:03</td><td>–</td>" in page
    assert "Your time" not in told(visit(held(SHOWN, plan=())))


def test_a_principle_beside_a_deed_helps_and_a_bare_or_repeated_one_is_named_as_such(
    visit: Visit, held: Held
) -> None:
    assert "Question 2: Ownership (2 times). Named beside something that you did" in told(visit(held(SHOWN)))
    assert "Question 2: Ownership (2 times). Named with nothing that you did beside it" in told(visit(held(graded())))


# --- states ----------------------------------------------------------------------------------------------


def test_a_failed_grading_is_told_with_its_reason_and_the_page_stands_still(
    visit: Visit, held: Held, records: Records
) -> None:
    interview = held()
    job = records.jobs.take("w")
    assert job
    records.jobs.fail(job, "w", "The model cannot be reached.", final=True)
    page = told(visit(interview))
    assert "Question 2 could not be graded: The model cannot be reached." in page


def test_both_downloads_hold_what_is_contested(
    visit: Visit, held: Held, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, str] = {}
    monkeypatch.setattr(
        st, "download_button", lambda _label, data, name, **_: files.update({name.split(".")[-1]: data})
    )
    interview = held(SHOWN)
    records.opinions.contest(interview.id, 1, "result.quantified", False, "I said 6 %.")
    records.opinions.contest(interview.id, 1, "escalation.who", True)
    visit(interview)
    assert files["md"].count("contested by the candidate") == 1
    assert json.loads(files["json"])["contested"] == [
        {"exchange": 1, "check": "result.quantified", "note": "I said 6 %."}
    ]


def test_page_and_downloads_say_what_a_grade_is_for_and_how_it_was_made(
    visit: Visit, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, str] = {}
    monkeypatch.setattr(
        st, "download_button", lambda _label, data, name, **_: files.update({name.split(".")[-1]: data})
    )
    page = told(visit(held(SHOWN)))
    for text in (page, files["md"]):
        assert "Practice feedback by a model; do not use it to select people." in text
    assert json.loads(files["json"])["purpose"] == "Practice feedback by a model; do not use it to select people."
    card = json.loads(files["json"])["scorecard"]
    assert card["provenance"] and all(str(one) in files["md"] for one in card["provenance"].values())
    assert all(quote["text"] for one in card["shown"] for quote in one["evidence"])
