"""Remarks on a rubric's wording: what earns one, and what does not."""

from dataclasses import replace

import pytest
from conftest import shipped

from simulator.lint import MOST_WORDS, Kind, Remark, lint
from simulator.program import STORY_RUBRIC
from simulator.rubric import DIMENSIONS, Cap, Check, Rubric

ASK = "Does the candidate name a risk?"


def check(ask: str = ASK, **fields: object) -> Check:
    whole = {"missing": "None was named.", "advice": "Name one.", "like": ("The risk was double charging.",)}
    return replace(Check("action.risk", "A risk", ask, "ownership", **whole), **fields)  # type: ignore[arg-type]


def rubric(*checks: Check, caps: tuple[Cap, ...] = ()) -> Rubric:
    """With a check of its own for every dimension, so that only what a test adds is remarked on."""
    asks = ("Is a figure given?", "Was a supplier changed?", "Did a customer write back?", "Is there an ending?",
            "Does a date come up?")  # fmt: skip
    filling = [check(ask, id=f"own.{name}", dimension=name) for name, ask in zip(DIMENSIONS, asks, strict=True)]
    return Rubric("rubrics/test", "d", (*filling, *checks), caps, 3.0, {name: name for name in DIMENSIONS})


def on(one: Check) -> list[Remark]:
    return [remark for remark in lint(rubric(one)) if remark.check == one.id]


def kinds(ask: str) -> list[Kind]:
    return [remark.kind for remark in on(check(ask))]


def test_a_plain_check_earns_no_remark() -> None:
    assert lint(rubric(check())) == []


@pytest.mark.parametrize("word", ["good", "appropriate", "clearly", "effective", "well", "Sufficient", "strong"])
def test_a_word_that_is_another_thing_to_everyone_is_named(word: str) -> None:
    [remark] = on(check(f"Does the candidate give a {word} reason?"))
    assert remark.kind is Kind.VAGUE
    assert f"“{word.lower()}”" in remark.words


@pytest.mark.parametrize(
    "ask",
    [
        "Does the candidate make clear what their own role was?",
        "Did something in the process change for good?",
        "Is a second outcome measured as well?",
        'Does the candidate call a result "good" or "great"?',
    ],
)
def test_the_same_word_in_another_sense_or_in_quotes_is_left_alone(ask: str) -> None:
    assert kinds(ask) == []


@pytest.mark.parametrize(
    ("ask", "joined"),
    [
        ("Does the candidate name a risk and explain how it was met?", "risk and explain"),
        ("Did the candidate warn or ask someone above the team?", "warn or ask"),
        ("Did the candidate set up or run a routine?", "set up or run"),
        ("Was the choice changed or checked again?", "changed or checked"),
        ("Does the candidate say when or why they escalated?", "when or why"),
        ("Does the candidate say what failed and why?", "failed and why"),
        ("Was the cause found and was the fix tested?", "found and was"),
        ("Did they ask for help? Did they get it?", "Did they ask for help? Did they get it?"),
    ],
)
def test_two_questions_in_one_check_are_told_by_the_words_that_join_them(ask: str, joined: str) -> None:
    [remark] = on(check(ask))
    assert remark.kind is Kind.DOUBLE
    assert f"“{joined}”" in remark.words


@pytest.mark.parametrize(
    "ask",
    [
        "Does the candidate give a date, a quarter or a duration?",
        "Does the candidate name a tool and its owner?",
        "Does the answer have a plan and a test?",
        "Does the candidate name something that was given up or made worse?",
        "Did the candidate take a hard or unpopular decision?",
        "Was there a test group, a sample size or a limit set before?",
        "Did the candidate keep a list and a board?",
    ],
)
def test_a_list_of_nouns_or_what_hangs_on_a_relative_is_one_question(ask: str) -> None:
    assert kinds(ask) == []


@pytest.mark.parametrize("ask", ["Is there no figure?", "Does it end without a result?", "Didn't the candidate act?"])
def test_a_negation_is_remarked_on_and_the_way_round_it_is_named(ask: str) -> None:
    [remark] = on(check(ask))
    assert remark.kind is Kind.NEGATION
    assert "`- reverse: yes`" in remark.words


def test_a_contrast_is_no_negation() -> None:
    assert kinds("Does the candidate tell what they did, not what they would do?") == []


def test_an_ask_that_is_no_question_is_remarked_on() -> None:
    assert kinds("The candidate names a risk.") == [Kind.NO_QUESTION]


def test_only_an_ask_longer_than_the_limit_is_long() -> None:
    def asking(count: int) -> str:
        return " ".join(["Is", *["a"] * (count - 2), "risk?"])

    assert kinds(asking(MOST_WORDS)) == []
    assert kinds(asking(MOST_WORDS + 1)) == [Kind.LONG]


def test_two_asks_that_share_most_of_their_words_name_each_other() -> None:
    twin = check("Is a risk named by the candidate, such as a delay?", id="action.twin")
    [remark] = lint(rubric(check("Does the candidate name risks or delays?"), twin))
    assert (remark.check, remark.kind) == ("action.twin", Kind.OVERLAP)
    assert "action.risk" in remark.words
    assert "“risk”, “delay”" in remark.words


def test_asks_about_the_same_thing_that_differ_in_the_rest_do_not_overlap() -> None:
    cause = check("Does the candidate explain how the cause of the problem was found?", id="action.diagnosis")
    assert lint(rubric(check("Is it told what removed the cause of the problem?"), cause)) == []


def test_only_a_criterion_on_single_sentences_needs_examples() -> None:
    assert [remark.kind for remark in on(check(like=()))] == [Kind.NO_EXAMPLE]
    assert on(check(like=(), whole=True)) == []
    assert on(check(id="flag.vanity", like=())) == []
    assert on(check(id="anchor.choice", like=())) == []


@pytest.mark.parametrize("field", ["missing", "advice"])
def test_a_criterion_without_words_for_the_scorecard_is_remarked_on(field: str) -> None:
    [remark] = on(check(**{field: ""}))
    assert remark.kind is Kind.NO_WORDS
    assert f"`{field}`" in remark.words
    assert on(check(id="flag.vanity", **{field: ""})) == []


def test_a_cue_that_is_no_pattern_is_remarked_on() -> None:
    assert [remark.kind for remark in on(check(cue=r"(risk"))] == [Kind.PATTERN]
    assert on(check(cue=r"\brisk\b")) == []


def test_a_check_that_is_there_twice_is_remarked_on_once() -> None:
    remarks = lint(rubric(check(), check("Was a guard put up?")))
    assert [(one.check, one.kind) for one in remarks] == [("action.risk", Kind.TWICE)]


def test_a_dimension_without_checks_or_without_a_name_is_remarked_on() -> None:
    whole = rubric(check())
    left = tuple(one for one in whole.checks if one.dimension != "data_use")
    assert [(one.check, one.kind) for one in lint(replace(whole, checks=left))] == [("data_use", Kind.DIMENSION)]
    named = {name: name for name in DIMENSIONS[1:]}
    [remark] = lint(replace(whole, dimension_names=named))
    assert (remark.check, remark.kind) == (DIMENSIONS[0], Kind.DIMENSION)


def test_a_cap_on_a_flag_that_is_not_there_is_remarked_on() -> None:
    caps = (Cap("flag.vanity", "data_use", 2), Cap("flag.vanity", "ownership", 2))
    assert [(one.check, one.kind) for one in lint(rubric(check(), caps=caps))] == [("flag.vanity", Kind.CAP)]
    flag = check(id="flag.vanity", ask="Are the only numbers counts?", dimension="")
    assert lint(rubric(check(), flag, caps=caps)) == []


def test_the_shipped_rubric_earns_few_remarks_and_none_on_its_form() -> None:
    remarks = lint(shipped().rubrics[STORY_RUBRIC])
    assert {one.kind for one in remarks} <= {Kind.DOUBLE, Kind.NEGATION}
    assert len(remarks) < 10
