"""The stories page: its first step, the sheet of a story, drafts, the matrix, the ledger and the checklist."""

from collections.abc import Callable, Iterator

import pytest
from conftest import Visit
from past_interviews import ANSWER, REPLY, grade, held_round, keep, probe, said
from streamlit.testing.v1 import AppTest

from simulator.conductor import Conductor
from simulator.interview import Interview
from simulator.pages.stories_form import measures_of
from simulator.program import Program
from simulator.records import new_id
from simulator.settings import Settings
from simulator.stories.bank import StoryBank
from simulator.stories.story import Measure, Story, fields_of

HOSTILE = '<img src="http://evil.example/a.png"> ![x](http://evil.example/b.png) **bold** [y](http://evil.example)'


@pytest.fixture
def conductor(settings: Settings) -> Iterator[Conductor]:
    """What is kept, seen from beside the page."""
    found = Conductor(Program(settings))
    yield found
    found.program.close()


@pytest.fixture
def visit(visiting: Callable[[str], Visit]) -> Visit:
    return visiting("stories")


def told(app: AppTest) -> str:
    """All words and HTML on the page."""
    assert not app.exception
    parts = (*app.get("html"), *app.caption, *app.error, *app.info, *app.success, *app.markdown)
    return "\n".join(str(one.value) for one in parts)


def press(app: AppTest, label: str) -> AppTest:
    return next(one for one in app.button if one.label == label).click().run()


def section(app: AppTest, name: str) -> AppTest:
    app.segmented_control[0].set_value(name)
    return app.run()


def field(app: AppTest, label: str) -> object:
    found = (*app.text_input, *app.text_area, *app.multiselect, *app.selectbox)
    return next(one for one in found if one.label == label)


def held(conductor: Conductor, *texts: str, company: str = "stripe", met: tuple[str, ...] = ()) -> Interview:
    """A graded round: an answer, and replies to probes."""
    turns = [said(texts[0])]
    for text in texts[1:]:
        turns += [probe("result.quantified"), said(text)]
    interview = held_round(turns, company)
    keep(conductor.records, interview, grade(3, met))
    return interview


def kept(conductor: Conductor, **values: object) -> Story:
    story = Story(id=new_id(), **values)  # type: ignore[arg-type]
    conductor.records.stories.save(story.id, story.title, fields_of(story))
    return story


def test_without_a_story_there_is_a_first_step_and_every_section_can_be_opened(visit: Visit) -> None:
    app = visit()
    assert "No story yet" in told(app)
    assert "you can make a story of your own words here" in told(app)
    for name in ("matrix", "claims", "checklist"):
        section(app, name)
        assert told(app)
    assert "0 of 20 done" in app.get("progress")[0].proto.text


def test_a_new_story_is_kept_field_by_field_and_a_reload_finds_its_sheet(visit: Visit, conductor: Conductor) -> None:
    app = press(visit(), "Write a story")
    field(app, "Title").set_value("Checkout")
    field(app, "Action").set_value("I cut the export.")
    field(app, "Lessons").set_value("- Ask sooner\n- Name the owner")
    field(app, "Kinds of question").set_value(["recovery"])
    field(app, "Companies").set_value(["amazon"])
    app.run()
    field(app, "Principles of Amazon that it shows").set_value(["Dive Deep"])
    app.run()
    (story,) = StoryBank(conductor).stories()
    assert (story.title, story.action, story.lessons) == (
        "Checkout",
        "I cut the export.",
        ("Ask sooner", "Name the owner"),
    )
    assert (story.kinds, story.principles) == (("recovery",), {"amazon": ("Dive Deep",)})
    again = visit(story=story.id)
    assert field(again, "Action").value == "I cut the export."
    assert "Still missing: goal" in told(again)
    assert "lessons" not in told(again).partition("Still missing:")[2].partition(".")[0]
    overview = press(again, "All stories")
    assert "<b>Checkout</b>" in told(overview)


def test_a_table_of_measures_gives_the_rows_in_which_something_is_typed() -> None:
    rows = [
        {"name": " Failures ", "before": "4%", "after": "1%", "period": None},
        {"name": "", "before": None, "after": "", "period": ""},
        {"name": "Days late"},
    ]
    assert measures_of(rows) == (Measure("Failures", "4%", "1%"), Measure("Days late"))


def test_a_draft_from_an_interview_holds_the_candidates_sentences(visit: Visit, conductor: Conductor) -> None:
    held(conductor, ANSWER, REPLY, met=("action.prioritisation",))
    app = press(visit(), "Make a draft")
    (story,) = StoryBank(conductor).stories()
    assert story.action == ANSWER
    assert story.notes == REPLY
    assert field(app, "Notes").value == REPLY
    assert "Taken from: Stripe" in told(app)


def test_the_matrix_names_holes_and_a_story_told_too_often_in_words(visit: Visit, conductor: Conductor) -> None:
    rounds = [held(conductor, ANSWER, company="stripe") for _ in range(3)]
    first = tuple(f"{one.id}/0" for one in rounds)
    kept(conductor, title="Checkout", kinds=("recovery",), companies=("stripe",), told=first)
    app = section(visit(), "matrix")
    words = told(app)
    assert "<li>Launch</li>" in words
    assert "Recovery <small>(at" in words
    assert "“Checkout” was told in 3 answers" in words
    table = app.dataframe[0].value
    assert list(table[table["Question"] == "Recovery"]["1. Checkout"]) == ["fits"]
    field(app, "Company").set_value("stripe")
    assert "Recovery" not in told(app.run()).partition("Told too often")[0]


def test_an_answer_that_was_another_story_can_be_taken_back(visit: Visit, conductor: Conductor) -> None:
    held(conductor, ANSWER)
    kept(conductor, title="Checkout", action=ANSWER)
    app = section(visit(), "matrix")
    assert [one.label for one in app.expander] == ["Where they were told (1)"]
    assert not press(app, "Not this story").expander


def test_a_contradiction_is_shown_with_both_quotes_until_it_is_dismissed_for_good(
    visit: Visit, conductor: Conductor
) -> None:
    held(conductor, "Failures fell from 4% to 1% by June.", "Well, failures fell from 6% to 1%.")
    app = section(visit(), "claims")
    words = told(app)
    assert "The same thing with another figure" in words
    assert "“Failures fell from 4% to 1% by June.”" in words
    assert "question 1, reply 1" in words
    kinds = list(app.dataframe[0].value["Kind"])
    assert kinds == ["change", "change"]
    assert "Nothing here contradicts itself" in told(press(app, "Not a contradiction"))
    later = section(visit(), "claims")
    assert [one.label for one in later.expander] == ["Dismissed (1)", "All that you claimed (2)"]
    assert "The same thing with another figure" in told(press(later, "Hold against me again"))


def test_the_checklist_ticks_itself_by_what_was_done_and_by_hand(visit: Visit, conductor: Conductor) -> None:
    for _ in range(3):
        held(conductor, ANSWER, company="stripe")
    app = section(visit(), "checklist")
    assert "Three interviews with a scorecard <small>3 of 3</small>" in told(app)
    assert "1 of 20 done" in app.get("progress")[0].proto.text
    field(app, "Which companies do you have interviews with?").set_value(["stripe", "meta"])
    app.run()
    assert "A dry run of each company that you will meet <small>1 of 2</small>" in told(app)
    app.checkbox[0].check()
    app.run()
    assert "2 of 20 done" in app.get("progress")[0].proto.text
    again = section(visit(), "checklist")
    assert again.checkbox[0].value
    assert field(again, "Which companies do you have interviews with?").value == ["meta", "stripe"]


def test_what_is_typed_reaches_the_page_as_text_alone(visit: Visit, conductor: Conductor) -> None:
    text = f"{HOSTILE} Conversion rose from 41% to 37%."
    held(conductor, text)
    story = kept(conductor, title=HOSTILE, action=text, kinds=("launch",), artefacts=(HOSTILE,))
    held(conductor, text)
    app = visit()
    for name in ("bank", "matrix", "claims", "checklist"):
        section(app, name)
        assert not app.exception
        assert "<img" not in "".join(str(one.value) for one in app.get("html"))
        loose = (*app.markdown, *app.caption, *app.info, *app.success, *app.error)
        assert "evil" not in "".join(str(one.value) for one in loose)
        assert "evil" not in "".join(one.label for one in (*app.button, *app.expander, *app.checkbox))
    assert not visit(story=story.id).exception


def test_a_story_that_is_gone_is_explained_and_one_can_be_deleted(visit: Visit, conductor: Conductor) -> None:
    assert "There is no such story any more." in told(visit(story="nonsense"))
    kept(conductor, title="Old")
    app = visit()
    next(one for one in app.button if one.key and one.key.startswith("remove-")).click().run()
    assert conductor.records.stories.all() == []
