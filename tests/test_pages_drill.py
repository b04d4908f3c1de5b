"""The page of the drills: a session from the choice to its end, what goes wrong, and what a reload finds."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from conftest import ScriptedModel, Visit, judging, shipped
from fault_server import failure
from streamlit.testing.v1 import AppTest

from simulator.drills.drill import SECONDS, Drill
from simulator.pages.drill import SESSION, Session

RISK = shipped().rubric_for("story").check("action.risk")
GUARDED = "The risk was double charging, so we put a limit on retries and had a rollback ready."
VAGUE = "There was quite a lot of talking about it at the time."


@pytest.fixture
def visit(visiting: Callable[[str], Visit]) -> Visit:
    return visiting("drill")


@pytest.fixture
def model(scripted_model: ScriptedModel) -> ScriptedModel:
    scripted_model.reply = judging({"action.risk"}, sure=0.8)
    return scripted_model


def told(app: AppTest) -> str:
    """All words and HTML on the page."""
    assert not app.exception
    parts = (*app.get("html"), *app.caption, *app.error, *app.info, *app.success)
    return "\n".join(str(one.value) for one in parts)


def press(app: AppTest, label: str) -> AppTest:
    return next(one for one in app.button if one.label == label).click().run()


def start(app: AppTest) -> AppTest:
    return press(app, f"Start a session of {SESSION}")


def send(app: AppTest, text: str) -> AppTest:
    app.text_area[0].set_value(text)
    return press(app, "Send")


def session(app: AppTest) -> Session:
    found: Session = app.session_state["drill-session"]
    return found


def drill(app: AppTest) -> Drill:
    found = session(app).drill
    assert found
    return found


def test_a_drill_shows_who_asks_what_was_claimed_and_the_follow_up_and_then_what_closed_the_gap(
    visit: Visit, model: ScriptedModel
) -> None:
    app = visit(company="stripe", check="action.risk", kind="story")
    assert "No streak yet" in told(app) and "not drilled yet" in told(app)
    app = start(app)
    for text in ("Maeve, Stripe", drill(app).ask, drill(app).claim.text.partition("'")[0], "Drill 1 of 10, 0 met"):
        assert text in told(app)
    assert drill(app).check == "action.risk"
    assert "Met" not in told(app)
    app = send(app, f"Well. {GUARDED}")
    assert f"Met: {RISK.name}" in told(app)
    assert f"“{GUARDED}”" in told(app) and RISK.advice in told(app)
    assert "Days in a row: 1" in told(app)
    assert "This one comes again in 10 min." in told(app)
    app = press(app, "Next")
    assert "Drill 2 of 10, 1 met" in told(app) and app.text_area[0].value == ""


def test_an_open_gap_is_told_with_what_was_missing_and_the_same_drill_can_be_tried_again(
    visit: Visit, model: ScriptedModel
) -> None:
    model.reply = judging(())
    app = send(start(visit(check="action.risk", kind="story")), VAGUE)
    assert f"Not met: {RISK.name}" in told(app)
    assert RISK.missing in told(app) and "No sentence of yours showed it." in told(app)
    ask = drill(app).ask
    model.reply = judging({"action.risk"})
    app = press(app, "Again")
    assert drill(app).ask == ask
    assert f"Met: {RISK.name}" in told(send(app, GUARDED))


def test_left_to_the_record_no_check_comes_twice_in_a_row_and_ten_are_a_session(
    visit: Visit, model: ScriptedModel
) -> None:
    app, seen = start(visit(kind="story")), []
    for number in range(SESSION):
        seen.append(drill(app).check)
        app = send(app, GUARDED)
        if number < SESSION - 1:
            app = press(app, "Next")
    assert all(one != other for one, other in pairwise(seen))
    met = sum(session(app).met)
    assert f"Session over: {met} of {SESSION} met." in told(app)
    app = press(app, f"Another session of {SESSION}")
    assert f"Drill 1 of {SESSION}, 0 met" in told(app)
    assert [one.label for one in press(app, "End the session").button] == [f"Start a session of {SESSION}"]


def test_after_ninety_seconds_by_the_servers_clock_a_reply_counts_as_a_hard_one(
    visit: Visit, model: ScriptedModel
) -> None:
    model.reply = judging({"action.risk"}, sure=0.99)
    app = start(visit(check="action.risk", kind="story"))
    assert "ninety seconds are over" not in told(app)
    session(app).drill = replace(drill(app), began=drill(app).began - SECONDS - 1)
    assert "ninety seconds are over" in told(app.run())
    app = send(app, GUARDED)
    assert f"Met: {RISK.name}" in told(app) and "91 seconds" in told(app)
    result = session(app).result
    assert result and result.ease.name == "HARD"


@pytest.mark.parametrize("text", ["", "...", "word " * 2001])
def test_a_reply_that_cannot_be_taken_is_explained_and_stays_in_the_box(
    visit: Visit, model: ScriptedModel, text: str
) -> None:
    app = send(start(visit(check="action.risk", kind="story")), text)
    assert app.error[0].value
    assert app.text_area[0].value == text
    assert session(app).met == []


def test_a_model_that_fails_is_told_nothing_is_counted_and_the_reply_can_be_sent_again(
    visit: Visit, model: ScriptedModel, no_pause: None
) -> None:
    app = send(start(visit(check="action.risk", kind="story")), GUARDED)  # the model is loaded
    app = press(app, "Again")
    model.fault = lambda _: failure(503)
    app = send(app, GUARDED)
    assert "Nothing was counted" in app.error[0].value
    assert app.text_area[0].value == GUARDED
    first = session(app).seconds
    model.fault = lambda _: None
    app = press(app, "Send")
    assert f"Met: {RISK.name}" in told(app) and len(session(app).met) == 2
    result = session(app).result
    assert result and first is not None and result.seconds == round(first, 1)


def test_a_reload_finds_the_drill_that_is_under_way_and_an_old_address_is_explained(
    visit: Visit, model: ScriptedModel
) -> None:
    app = start(visit(check="action.risk", kind="story", company="uber"))
    before, address = drill(app), dict(app.query_params)
    assert address == {"check": "action.risk", "kind": "story", "company": "uber", "drill": before.id}
    app = visit(**address)
    assert drill(app) == before
    assert f"Met: {RISK.name}" in told(send(app, GUARDED))
    assert drill(press(app, "Next")).check == "action.risk"
    app = visit(**address)
    assert "That drill is over" in told(app)
    assert [one.label for one in app.button] == [f"Start a session of {SESSION}"]


def test_nothing_that_is_typed_can_act_on_the_page(visit: Visit, model: ScriptedModel) -> None:
    hostile = GUARDED.replace("retries", '<img src="http://evil.example/a.png" onerror="alert(1)"> retries')
    app = send(start(visit(check="action.risk", kind="story")), hostile)
    assert f"Met: {RISK.name}" in told(app)
    assert "<img" not in told(app) and "&lt;img" in told(app)


def test_an_address_with_an_unknown_company_or_check_shows_the_choice(visit: Visit, model: ScriptedModel) -> None:
    app = visit(company="initech", check="<b>", drill="nonsense")
    assert app.selectbox(key="drill-company").value == next(iter(shipped().companies))
    assert app.selectbox(key="drill-check").value == ""
    assert "<b>" not in told(app)
