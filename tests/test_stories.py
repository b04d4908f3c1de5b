"""Stories: what is missing in one, a draft from an interview in the candidate's own words, and which serves where."""

from dataclasses import replace

import pytest

from simulator.errors import StorageError
from simulator.interview import Exchange, Question, Role, Turn
from simulator.rubric import Evidence, Finding, Grade, State
from simulator.stories.matrix import Telling, TooOften, matrix, uses_of
from simulator.stories.story import (
    Measure,
    Story,
    completeness,
    excess,
    fields_of,
    from_exchange,
    lines_of,
    story_from,
    told_by,
)

ANSWER = (
    "In Q2 2023 our checkout was three weeks late. I was its product manager. I cut the loyalty points. "
    "Failures fell from 4% to 1%. My desk was blue."
)
REPLY = "I told our director in week two, because only she could move the date. Now I ask vendors sooner."
WHOLE = Story(
    id="1",
    title="Checkout",
    goal="Ship by May",
    role="Product manager",
    stakeholders="Payments team",
    timeline="Q2 2023",
    action="I cut the loyalty points.",
    result="Failures fell from 4% to 1%.",
    escalation="I told our director in week two.",
    measures=(Measure("Failures", "4%", "1%", "of payments"), Measure("Days late", "21", "0")),
    artefacts=("launch checklist",),
    lessons=("Ask vendors sooner", "Name the owner"),
    principles={"amazon": ("Dive Deep",)},
    kinds=("recovery",),
    companies=("amazon",),
    told=("abc/0",),
)


@pytest.fixture
def exchange() -> Exchange:
    question = Question("story/late", "Tell me about a late project.", topic="recovery")
    turns = (
        Turn("1", Role.CANDIDATE, ANSWER),
        Turn("2", Role.INTERVIEWER, "Who knew?", "escalation.who"),
        Turn("3", Role.CANDIDATE, REPLY),
    )
    return Exchange(question, turns)


def grade_of(exchange: Exchange, cited: dict[str, str], state: State = State.MET) -> Grade:
    """A grade that cites, for each check, the sentence that holds these words."""
    findings = {}
    for check, words in cited.items():
        turn = next(n for n, one in enumerate(exchange.turns) if words in one.text)
        start = exchange.turns[turn].text.index(words)
        findings[check] = Finding(check, state, 0.9, (Evidence(turn, start, start + len(words), words),))
    return Grade(findings)


def test_a_draft_sorts_the_sentences_by_what_was_found_in_them_and_adds_nothing(exchange: Exchange) -> None:
    cited = {
        "context.goal": "three weeks late",
        "context.timeline": "Q2 2023",
        "context.role": "product manager",
        "action.prioritisation": "I cut the loyalty points.",
        "result.baseline": "Failures fell",
        "escalation.who": "our director",
        "result.reflection": "Now I ask vendors sooner.",
        "answer.structure": "My desk",
    }
    draft = from_exchange(exchange, grade_of(exchange, cited))
    assert draft.goal == draft.timeline == "In Q2 2023 our checkout was three weeks late."
    assert draft.role == "I was its product manager."
    assert draft.action == "I cut the loyalty points."
    assert draft.result == "Failures fell from 4% to 1%."
    assert draft.escalation == "I told our director in week two, because only she could move the date."
    assert draft.lessons == ("Now I ask vendors sooner.",)
    assert draft.notes == "My desk was blue."
    assert draft.measures == (Measure("Failures", "4%", "1%"),)
    assert (draft.stakeholders, draft.kinds) == ("", ("recovery",))
    for part in fields_of(replace(draft, kinds=())).values():
        for text in part if isinstance(part, list) else [part]:
            assert not isinstance(text, str) or text in f"{ANSWER} {REPLY}"


def test_what_was_not_met_or_not_graded_sorts_nothing_and_loses_nothing(exchange: Exchange) -> None:
    not_met = grade_of(exchange, {"context.goal": "three weeks late"}, State.NOT_MET)
    for draft in (from_exchange(exchange, not_met), from_exchange(exchange)):
        assert draft.notes == f"{ANSWER} {REPLY}"
        assert draft.title == "In Q2 2023 our checkout was three weeks …"
        assert draft.goal == draft.action == ""


def test_a_whole_story_lacks_nothing_and_an_empty_one_everything() -> None:
    assert completeness(WHOLE) == ()
    assert set(completeness(Story())) >= {"title", "goal", "action", "result", "escalation", "measures", "lessons"}


@pytest.mark.parametrize(
    ("changed", "slug"),
    [
        (replace(WHOLE, escalation="  "), "escalation"),
        (replace(WHOLE, measures=WHOLE.measures[:1]), "measures"),
        (replace(WHOLE, measures=(*WHOLE.measures, Measure("Cost", after="9"))), "baselines"),
        (replace(WHOLE, lessons=("One",)), "lessons"),
        (replace(WHOLE, companies=("amazon", "meta")), "principles"),
        (replace(WHOLE, principles={}), "principles"),
        (replace(WHOLE, artefacts=()), "artefacts"),
        (replace(WHOLE, kinds=()), "kinds"),
    ],
)
def test_what_is_missing_is_named(changed: Story, slug: str) -> None:
    assert completeness(changed) == (slug,)


def test_too_much_of_a_good_thing_is_named() -> None:
    assert excess(WHOLE) == ()
    full = replace(
        WHOLE, measures=WHOLE.measures * 2, principles={"amazon": ("Dive Deep", "Ownership", "Earn Trust")}
    )
    assert excess(full) == ("measures", "principles")


def test_a_story_comes_back_as_it_was_kept() -> None:
    kept = fields_of(WHOLE)
    assert story_from("1", "Checkout", kept, "2026-01-01") == replace(WHOLE, changed="2026-01-01")
    assert story_from("1", "Old", {"goal": "Ship", "unknown": 1}, "").goal == "Ship"
    with pytest.raises(StorageError, match="cannot be read"):
        story_from("1", "Broken", {"measures": "none"}, "")


def test_a_story_is_told_by_its_parts_and_its_measures_as_said() -> None:
    told = {one.place: one.text for one in told_by(WHOLE)}
    assert told["measure 1"] == "Failures: 4% → 1% of payments"
    assert told["lesson 2"] == "Name the owner"
    assert {one.source for one in told_by(WHOLE)} == {"story/1"}
    assert told_by(Story(id="2", measures=(Measure(),))) == []


def test_a_list_is_typed_one_a_line() -> None:
    assert lines_of("- launch checklist\n\n* burndown \nre-plan") == ("launch checklist", "burndown", "re-plan")


# Which story serves where

COVERED = replace(WHOLE, id="a", kinds=("recovery", "launch"), companies=("amazon",), told=())
ANYWHERE = replace(WHOLE, id="b", kinds=("process",), companies=(), told=())


def telling(interview: str, number: int = 0, company: str = "amazon", topic: str = "recovery") -> Telling:
    return Telling(interview, number, company, topic, f"text of {interview}/{number}")


def test_the_matrix_names_the_topics_that_no_story_serves_and_where() -> None:
    found = matrix([COVERED, ANYWHERE], [], ["recovery", "process", "conflict"], ["amazon", "meta"])
    assert [(one.topic, one.companies) for one in found.holes] == [
        ("recovery", ("meta",)),
        ("conflict", ("amazon", "meta")),
    ]
    assert {(one.story, one.topic, one.company) for one in found.cells if one.fits} == {
        ("a", "recovery", "amazon"),
        ("b", "process", "amazon"),
        ("b", "process", "meta"),
    }


def uses(*tellings: Telling) -> list:
    story = replace(COVERED, told=tuple(one.key for one in tellings))
    return uses_of([story], tellings, lambda *_: 0.0, 0.5)


def test_a_story_told_twice_in_one_round_is_overused_and_once_in_each_of_two_is_not() -> None:
    twice = uses(telling("one", 0), telling("one", 1, topic="launch"))
    (over,) = matrix([COVERED], twice, ["recovery"], ["amazon"]).overuse
    assert (over.how, len(over.tellings)) == (TooOften.ONE_ROUND, 2)
    assert matrix([COVERED], uses(telling("one"), telling("two")), [], []).overuse == ()


def test_a_third_round_is_too_many_but_not_where_it_tries_the_first_again() -> None:
    tellings = [telling("one"), telling("two"), telling("three")]
    (over,) = matrix([COVERED], uses(*tellings), ["recovery"], ["amazon"]).overuse
    assert over.how is TooOften.MANY_ROUNDS
    again = replace(tellings[2], again=True)
    found = matrix([COVERED], uses(*tellings[:2], again), ["recovery"], ["amazon"])
    assert found.overuse == ()
    assert [one.told for one in found.cells] == [3]


def test_an_answer_belongs_to_the_story_taken_from_it_else_to_the_one_most_alike_unless_denied() -> None:
    owner = replace(COVERED, told=("one/0",))
    other = replace(ANYWHERE, action="Checks by hand took days.")
    alike = {("a", "two"): 0.6, ("b", "two"): 0.7, ("b", "one"): 0.9, ("a", "three"): 0.2, ("b", "three"): 0.3}

    def likeness(story: str, text: str) -> float:
        return alike[("b" if "by hand" in story else "a", text.split()[-1].partition("/")[0])]

    tellings = [telling("one"), telling("two"), telling("three")]
    found = uses_of([owner, other], tellings, likeness, 0.5)
    assert [(one.story, one.telling.key, one.sure) for one in found] == [("a", "one/0", True), ("b", "two/0", False)]
    denied = uses_of([owner, other], tellings, likeness, 0.5, {"b/two/0"})
    assert [(one.story, one.telling.key) for one in denied] == [("a", "one/0"), ("a", "two/0")]
