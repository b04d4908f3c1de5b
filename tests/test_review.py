"""What an interview shows once it is over."""

from dataclasses import replace

import pytest

from simulator.interview import Act, Exchange, Interview, Question, Role, Turn
from simulator.library import Passage
from simulator.review import Distance, Outcome, distances, follow_ups, principles_named, second_tries
from simulator.rubric import DIMENSIONS, Check, Evidence, Finding, Grade, Rating, Rubric, State

CHECKS = (
    Check("action.cut", "The cut", "?", "prioritization"),
    Check("action.warn", "The warning", "?", "ownership"),
    Check("context.goal", "The goal", "?", "communication"),
    Check("flag.vague", "Adjectives", "?", lowers=True),
)
RUBRIC = Rubric("rubrics/small", "d1", CHECKS, (), 3.0)
QUESTION = Question("q1", "What was late?")
TURNS = (
    Turn("a0", Role.CANDIDATE, "We were late. I cut the report."),
    Turn("p1", Role.INTERVIEWER, "Whom did you warn?", "action.warn", ("probes/warn/one", "user/g/1", "gone")),
    Turn("a2", Role.CANDIDATE, "Nobody at first."),
    Turn("p3", Role.INTERVIEWER, "Nobody at all?", "action.warn", act=Act.PRESS, replaced="praise"),
    Turn("a4", Role.CANDIDATE, "In May I warned our director."),
)
EXCHANGE = Exchange(QUESTION, TURNS)
BANK = {
    "probes/warn/one": Passage("probes/warn/one", "probe", "Warned late", provenance="several guides"),
    "user/g/1": Passage("user/g/1", "guide", "Say it early.", provenance="user guide", guide="Mine"),
}


def words(turn: int, text: str) -> Evidence:
    start = TURNS[turn].text.index(text)
    return Evidence(turn, start, start + len(text), text)


def graded(*met: Finding, score: int = 2, reason: str = "") -> Grade:
    findings = {one.id: Finding(one.id, State.NOT_MET, 0.1) for one in CHECKS} | {one.check: one for one in met}
    ratings = {name: Rating(name, score, score, 1, 4, ()) for name in DIMENSIONS}
    return Grade(findings, {} if reason else ratings, reason)


def met(check: str, *evidence: Evidence) -> Finding:
    return Finding(check, State.MET, 0.9, evidence)


# --- follow-ups ------------------------------------------------------------------------------------------


def outcomes(grade: Grade | None) -> list[Outcome]:
    return [one.outcome for one in follow_ups(EXCHANGE, RUBRIC, grade, BANK).values()]


@pytest.mark.parametrize(
    ("grade", "expected"),
    [
        (graded(met("action.warn", words(4, "In May I warned our director."))), [Outcome.LATER, Outcome.CLOSED]),
        (graded(met("action.warn", words(2, "Nobody at first."))), [Outcome.CLOSED, Outcome.BEFORE]),
        (graded(met("action.warn", words(0, "We were late."))), [Outcome.BEFORE, Outcome.BEFORE]),
        (
            graded(met("action.warn", words(4, "In May"), words(0, "We were late."))),
            [Outcome.BEFORE, Outcome.BEFORE],
        ),
        (graded(), [Outcome.OPEN, Outcome.OPEN]),
        (graded(Finding("action.warn", State.NOT_ASSESSED)), [Outcome.UNKNOWN, Outcome.UNKNOWN]),
        (graded(reason="only 2 words were said"), [Outcome.UNKNOWN, Outcome.UNKNOWN]),
        (None, [Outcome.UNKNOWN, Outcome.UNKNOWN]),
    ],
    ids=["after", "between", "before", "before and after", "not met", "not asked", "no score", "no grade"],
)
def test_the_words_that_met_the_check_say_which_follow_up_closed_it(
    grade: Grade | None, expected: list[Outcome]
) -> None:
    assert outcomes(grade) == expected


@pytest.mark.parametrize(("flags", "expected"), [((met("flag.vague"),), Outcome.OPEN), ((), Outcome.CLOSED)])
def test_a_warning_is_closed_when_it_no_longer_holds(flags: tuple[Finding, ...], expected: Outcome) -> None:
    asked = replace(TURNS[1], check="flag.vague")
    exchange = replace(EXCHANGE, turns=(TURNS[0], asked, TURNS[2]))
    (found,) = follow_ups(exchange, RUBRIC, graded(*flags), BANK).values()
    assert (found.name, found.outcome) == ("Adjectives", expected)


def test_a_follow_up_tells_its_act_its_passages_and_the_rule_that_the_model_broke() -> None:
    found = follow_ups(EXCHANGE, RUBRIC, None, BANK)
    assert list(found) == [1, 3]
    assert (found[1].act, found[1].name, found[1].replaced) == (Act.PROBE, "The warning", "")
    assert found[1].passages == (BANK["probes/warn/one"], BANK["user/g/1"])  # the third is not kept any more
    assert (found[3].act, found[3].passages, found[3].replaced) == (Act.PRESS, (), "praise")


def test_facts_and_what_a_candidate_asks_are_no_follow_ups_and_another_story_goes_for_no_check() -> None:
    turns = (
        TURNS[0],
        Turn("r1", Role.INTERVIEWER, "Do you have another one?", act=Act.REDIRECT),
        Turn("c1", Role.CANDIDATE, "How many users?", act=Act.CLARIFICATION),
        Turn("f1", Role.INTERVIEWER, "Ten thousand.", act=Act.FACT),
    )
    found = follow_ups(replace(EXCHANGE, turns=turns), RUBRIC, graded(), BANK)
    assert list(found) == [1]
    assert (found[1].act, found[1].check, found[1].name, found[1].outcome) == (Act.REDIRECT, "", "", Outcome.UNKNOWN)


# --- a second try ----------------------------------------------------------------------------------------

FIRST = Interview("i1", "acme", "quick", (), (Exchange(Question("q0", "?")), EXCHANGE))
SECOND = Interview("i2", "acme", "again", (), (EXCHANGE,), retry_of="i1")
CUT, WARNED = words(0, "I cut the report."), words(4, "In May I warned our director.")


def test_a_second_try_tells_what_was_gained_and_lost_by_which_words_and_the_scores() -> None:
    before = graded(met("action.cut", CUT), met("flag.vague"), met("context.goal"))
    after = graded(met("action.warn", WARNED), met("context.goal"), score=3)
    (found,) = second_tries(SECOND, {0: after}, FIRST, {1: before}, lambda kind: RUBRIC)
    assert (found.exchange, found.first, found.overall) == (0, 1, (2.0, 3.0))
    assert found.scores == {name: (2, 3) for name in DIMENSIONS}
    assert [(one.check, one.met, one.better, one.evidence) for one in found.flips] == [
        ("action.cut", False, False, (CUT,)),
        ("action.warn", True, True, (WARNED,)),
        ("flag.vague", False, True, ()),
    ]


def test_what_was_not_assessed_in_one_of_two_tries_has_not_flipped() -> None:
    after = graded(Finding("action.cut", State.NOT_ASSESSED), met("flag.vague"))
    (found,) = second_tries(SECOND, {0: after}, FIRST, {1: graded(met("action.cut", CUT))}, lambda kind: RUBRIC)
    assert [(one.check, one.met, one.better) for one in found.flips] == [("flag.vague", True, False)]


@pytest.mark.parametrize(
    ("before", "after"), [({}, {0: graded()}), ({1: graded()}, {}), ({1: graded(reason="x")}, {0: graded()})]
)
def test_without_a_score_of_both_tries_nothing_is_compared(before: dict[int, Grade], after: dict[int, Grade]) -> None:
    assert second_tries(SECOND, after, FIRST, before, lambda kind: RUBRIC) == []


def test_another_question_is_no_second_try() -> None:
    other = replace(FIRST, exchanges=(Exchange(Question("q9", "?"), TURNS),))
    assert second_tries(SECOND, {0: graded()}, other, {0: graded()}, lambda kind: RUBRIC) == []


# --- a self-rating ---------------------------------------------------------------------------------------


def test_a_self_rating_is_off_by_its_distance_from_the_score_and_only_where_both_are_there() -> None:
    found = distances({"data_use": 4, "ownership": 2, "communication": 1}, {"ownership": 2.7, "data_use": 2.3})
    assert found == [Distance("ownership", 2, 2.7), Distance("data_use", 4, 2.3)]
    assert [one.off for one in found] == [-0.7, 1.7]


# --- principles ------------------------------------------------------------------------------------------

PRINCIPLES = ("Bias for Action", "Dive Deep")


Named = tuple[dict[str, int], tuple[str, ...], bool]


def naming(*texts: str, deed: str = "I cut the report", check: str = "action.cut") -> Named:
    turns = []
    for number, text in enumerate(texts):
        turns += [Turn(f"a{number}", Role.CANDIDATE, text), Turn(f"p{number}", Role.INTERVIEWER, "Bias for action?")]
    place = next((n for n, turn in enumerate(turns) if deed in turn.text), 0)
    start = turns[place].text.find(deed)
    cited = (Evidence(place, start, start + len(deed), deed),) if start >= 0 else ()
    interview = Interview("i", "acme", "quick", (), (Exchange(QUESTION, tuple(turns)), EXCHANGE))
    grades = {0: graded(met(check, *cited)), 1: graded()}
    (found,) = principles_named(interview, PRINCIPLES, grades)
    return dict(found.times), found.tied, found.recited


FAR = "We met on Monday. There were five of us. The room was small. "


def test_a_principle_is_tied_to_a_deed_in_its_sentence_or_beside_it() -> None:
    assert naming("With bias for action I cut the report.")[1] == ("Bias for Action",)
    assert naming("I cut the report. That was bias for action.")[1] == ("Bias for Action",)
    assert naming(f"I believe in bias for action. {FAR}I cut the report.")[1] == ()
    assert naming("I believe in bias for action.", "I cut the report.")[1] == ()  # said on another turn
    assert naming("With bias for action I cut the report.", check="context.goal")[1] == ()


def test_more_than_two_names_over_all_replies_are_recited_and_the_interviewer_s_do_not_count() -> None:
    assert naming("Bias for action. I cut the report.", "And we dive deep.")[0::2] == (
        {"Bias for Action": 1, "Dive Deep": 1},
        False,
    )
    told = naming("Bias for action, bias for action. I cut the report.", "Bias for action.")
    assert (told[0], told[2]) == ({"Bias for Action": 3}, True)
