"""The scorecard put together from grades that were made by hand."""

from dataclasses import replace

import pytest
from carding import (
    COMPANY,
    CUT,
    ERRORS,
    FIRST,
    INTERVIEW,
    NAMES,
    OPENING,
    OTHER,
    REPLY,
    RUBRIC,
    SECOND,
    card_of,
    check,
    evidence,
    findings,
    rated,
    rating,
)

from simulator.interview import Act, Exchange, Question, Role, Turn
from simulator.library import Company
from simulator.rubric import DIMENSIONS, Finding, Grade, Point, State
from simulator.scorecard import Scorecard, as_markdown, score

UNMEASURED = (replace(FIRST, errors=()), replace(SECOND, errors=()))


# --- numbers ---------------------------------------------------------------------------------------------


def test_a_dimension_is_the_mean_of_its_answers_and_its_band_narrows_with_their_number() -> None:
    card = card_of({0: FIRST, 1: SECOND})
    by_name = {one.dimension: one for one in card.dimensions}
    assert tuple(by_name) == DIMENSIONS
    # ownership: scores 3 and 2; centre (2.8 + 2.2) / 2; half sqrt(0.6^2 + 0.8^2) / 2 = 0.5
    assert (by_name["ownership"].score, by_name["ownership"].low, by_name["ownership"].high) == (2.5, 2.0, 3.0)
    # the rest: 4 and 4; centre 3.9; half sqrt(2 x 0.35^2) / 2 = 0.247, and nothing is above 4
    assert (by_name["data_use"].score, by_name["data_use"].low, by_name["data_use"].high) == (4.0, 3.7, 4.0)
    assert [one.score for one in by_name["ownership"].ratings] == [3, 2]
    # overall: (3 + 2 + 8 x 4) / 10; the errors of two answers, -0.3 and 0.3, shrink to 0.21
    assert (card.overall, card.low, card.high) == (3.7, 3.5, 3.9)
    # Acme counts ownership twice: (6 + 16) / 6 = 3.7 and (4 + 16) / 6 = 3.3
    assert card.lens == 3.5


def test_one_answer_keeps_its_own_band() -> None:
    card = card_of({0: FIRST})
    ownership = card.dimensions[0]
    assert (ownership.score, ownership.low, ownership.high) == (3.0, 2.2, 3.4)

    assert (card.overall, card.low, card.high) == (3.8, 3.5, 4.0)


@pytest.mark.parametrize(
    ("bar", "verdict", "firmness"),
    [
        (3.5, "above", 8),  # 3.7 and the error is 3.5 or more: all but -0.21 and -0.21
        (3.7, "borderline", 6),
        (3.9, "borderline", 2),  # 0.21 and 0.21
        (4.0, "below", 0),
        (2.0, "above", 10),
    ],
)
def test_a_band_that_crosses_the_bar_is_borderline_and_firmness_says_how_often_it_is_reached(
    bar: float, verdict: str, firmness: int
) -> None:
    card = card_of({0: FIRST, 1: SECOND}, replace(COMPANY, bar=bar))
    assert (card.verdict, card.firmness) == (verdict, firmness)


@pytest.mark.parametrize("grades", [UNMEASURED, (FIRST, UNMEASURED[1])], ids=["none", "of one answer only"])
def test_without_measured_errors_the_band_is_wide_and_there_is_no_firmness(grades: tuple[Grade, Grade]) -> None:
    card = card_of(dict(enumerate(grades)))
    assert (card.overall, card.low, card.high, card.firmness) == (3.7, 2.9, 4.0, None)
    assert "of 10" not in as_markdown(card, INTERVIEW, COMPANY, NAMES)


def test_a_lasting_error_does_not_shrink_with_the_number_of_answers() -> None:
    off = tuple(round(error - 0.5, 1) for error in ERRORS)  # the scores are half a point too high
    card = card_of({0: replace(FIRST, errors=off), 1: replace(SECOND, errors=off)})
    # the middle of the errors, -0.5, stays; about it -0.3 and 0.3 shrink to 0.21: -0.71 and, as a band, 0
    assert (card.overall, card.low, card.high) == (3.7, 3.0, 3.7)


def thirds(card: Company) -> Scorecard:
    """Three answers: four dimensions with 2, 2 and 3, the last with 2, 2 and 2."""
    everything = findings(*(one.id for one in RUBRIC.checks if not one.lowers))
    grades = {}
    for number in range(3):
        points = [3 if number == 2 and name != DIMENSIONS[-1] else 2 for name in DIMENSIONS]
        ratings = {name: rating(name, one, one, 1, 4) for name, one in zip(DIMENSIONS, points, strict=True)}
        grades[number] = Grade(everything, ratings)
    return card_of(grades, card)


def test_the_overall_score_is_of_the_scores_themselves_and_not_of_rounded_ones() -> None:
    card = thirds(COMPANY)
    assert [one.score for one in card.dimensions] == [2.3, 2.3, 2.3, 2.3, 2.0]
    assert card.overall == 2.3  # 34 / 15 = 2.27; of the rounded it were 11.2 / 5 = 2.24


def test_a_lens_that_weighs_all_alike_shows_the_overall_score() -> None:
    card = thirds(replace(COMPANY, lens={}))
    assert card.lens == card.overall


# --- shown, asked for, never asked -----------------------------------------------------------------------


def test_what_was_asked_and_not_shown_is_kept_apart_from_what_never_came_up() -> None:
    card = card_of({0: FIRST, 1: SECOND})
    # The first question invites a lesson, its probe went after the warning; the second question asked for neither.
    assert [(one.check, one.exchange) for one in card.not_shown] == [("do.warn", 0), ("do.learn", 0)]
    assert [(one.check, one.exchange) for one in card.never_asked] == [
        ("do.guard", 0),
        ("do.count", 0),
        ("do.warn", 1),
        ("do.guard", 1),
        ("do.learn", 1),
    ]
    assert card.not_shown[0].text == "Warn was missing."


def test_a_check_that_is_met_is_shown_with_its_words_and_the_points_that_it_earned() -> None:
    grade = replace(FIRST, ratings=rated(rating("ownership", 3, 2.8, 2.2, 3.4), Point("do.cut", 0.25)))
    (shown,) = card_of({0: grade}).shown
    assert (shown.check, shown.exchange, shown.evidence) == ("do.cut", 0, (CUT,))
    assert shown.points == 1.0  # a quarter in each of four dimensions


def test_flags_are_listed_apart_and_are_no_gaps() -> None:
    grade = replace(FIRST, findings=findings("do.cut", "flag.diffuse", "anchor.dull"))
    card = card_of({0: grade, 1: SECOND})
    assert [(one.check, one.exchange) for one in card.flags] == [("anchor.dull", 0), ("flag.diffuse", 0)]
    assert not any(one.check.startswith("flag.") for one in card.missing)


def test_an_anchor_is_shown_where_it_is_met_and_never_a_gap() -> None:
    bold = evidence("She moved the date.")
    grade = replace(FIRST, findings=findings("anchor.bold", cited={"anchor.bold": bold}))
    card = card_of({0: grade, 1: SECOND})
    assert [(one.check, one.evidence) for one in card.shown if one.exchange == 0] == [("anchor.bold", (bold,))]
    assert not any(one.check.startswith("anchor.") for one in (*card.missing, *card.improvements))


# --- improvements ----------------------------------------------------------------------------------------


def test_at_most_three_different_things_to_improve_the_dearest_first() -> None:
    card = card_of({0: FIRST, 1: SECOND})
    # do.warn 1.2 x 2 (ownership) x 1.5 (asked) = 3.6; do.count 1.5; do.guard 1.0; do.learn 0.5 x 1.5
    assert [(one.check, one.exchange) for one in card.improvements] == [
        ("do.warn", 0),
        ("do.count", 0),
        ("do.guard", 0),
    ]
    assert card.improvements[0].advice == "Add Warn."
    assert card.improvements[0].missing == "Warn was missing."


def test_a_company_s_own_weights_change_what_comes_first() -> None:
    company = replace(COMPANY, lens={}, probe_weights={"do.learn": 9.0})
    assert card_of({0: FIRST}, company).improvements[0].check == "do.learn"


def test_every_improvement_shows_a_moment_in_the_candidate_s_own_words() -> None:
    moments = {one.check: one.moment for one in card_of({0: FIRST}).improvements}
    assert moments == {
        "do.warn": REPLY,  # the reply to the probe that asked for it
        "do.count": OPENING,  # how the answer began
        "do.guard": CUT.text,  # the words that stand nearest
    }
    said = [" ".join(turn.text.split()) for turn in INTERVIEW.exchanges[0].turns if turn.role is Role.CANDIDATE]
    assert all(any(moment in text for text in said) for moment in moments.values())


def test_the_moment_is_the_answer_to_the_probe_and_not_what_was_asked_back() -> None:
    asked, *rest = INTERVIEW.exchanges[0].turns[1:]
    back = Turn("c1", Role.CANDIDATE, "Which week do you mean?", act=Act.CLARIFICATION)
    told = Turn("f1", Role.INTERVIEWER, "The second.", act=Act.FACT)
    turns = (INTERVIEW.exchanges[0].turns[0], asked, back, told, *rest)
    interview = replace(INTERVIEW, exchanges=(replace(INTERVIEW.exchanges[0], turns=turns),))
    card = score(interview, lambda kind: RUBRIC, COMPANY, {0: FIRST})
    assert card.improvements[0].moment == REPLY


def test_a_long_moment_is_cut_after_24_words_and_says_so() -> None:
    moment = card_of({1: SECOND}).improvements[0].moment
    assert moment == " ".join(OTHER.split()[:24]) + " …"


# --- without a score -------------------------------------------------------------------------------------

NO_VERDICT = Grade(
    {one.id: Finding(one.id, State.NOT_ASSESSED, note="neither word") for one in RUBRIC.checks},
    {},
    "the model gave no usable verdict on do.cut",
    {"model": "m"},
)
TOO_SHORT = Grade(findings(), {}, "only 2 words were said", {"model": "m"})


@pytest.mark.parametrize("grade", [NO_VERDICT, TOO_SHORT], ids=["no verdict", "too short"])
def test_no_score_shows_no_number_no_gap_and_no_advice_but_the_reason(grade: Grade) -> None:
    card = card_of({0: grade})
    assert (card.overall, card.low, card.high, card.lens, card.verdict) == (None, None, None, None, "no score")
    assert card.firmness is None
    assert (card.dimensions, card.shown, card.missing, card.flags, card.improvements) == ((), (), (), (), ())
    assert card.reasons == (f"Question 1: {grade.reason}",)
    text = as_markdown(card, INTERVIEW, COMPANY, NAMES)
    assert "**No score.**" in text
    assert grade.reason in text
    assert "Overall" not in text


def test_before_anything_is_graded_every_answered_question_is_named_as_ungraded() -> None:
    card = card_of({})
    assert card.ungraded == (0, 1)  # the third was never answered
    assert card.overall is None and card.provenance == {}
    assert "Not graded: question 1, question 2" in as_markdown(card, INTERVIEW, COMPANY, NAMES)


def test_a_score_from_some_of_the_answers_names_those_that_it_leaves_out() -> None:
    card = card_of({1: SECOND})
    assert (card.overall, card.ungraded) == (3.6, (0,))
    assert "Not graded: question 1." in as_markdown(card, INTERVIEW, COMPANY, NAMES)
    card = card_of({0: NO_VERDICT, 1: SECOND})
    assert (card.overall, card.ungraded) == (3.6, ())
    assert "Question 1: the model gave no usable verdict" in as_markdown(card, INTERVIEW, COMPANY, NAMES)


# --- openings, and two kinds of questions ------------------------------------------------------------------


def test_an_opening_is_neither_graded_nor_named_as_ungraded() -> None:
    opening = Exchange(Question("o1", "What do you work on?", "opening"), (Turn("t0", Role.CANDIDATE, OPENING),))
    interview = replace(INTERVIEW, exchanges=(opening, *INTERVIEW.exchanges))
    assert score(interview, lambda kind: RUBRIC, COMPANY, {}).ungraded == (1, 2)


def test_each_answer_is_read_by_the_rubric_of_its_kind_and_the_scores_go_over_both() -> None:
    case = replace(RUBRIC, kind="case", checks=(check("do.plan", "prioritization", 9.0), RUBRIC.check("do.cut")))
    story, other = INTERVIEW.exchanges[:2]
    of_case = replace(other, question=replace(other.question, kind="case", invites=("do.plan",)))
    interview = replace(INTERVIEW, exchanges=(story, of_case))
    known = {one.id: Finding(one.id, State.NOT_MET, 0.1) for one in case.checks}
    rubrics = {"story": RUBRIC, "case": case}
    card = score(interview, rubrics.__getitem__, COMPANY, {0: FIRST, 1: replace(SECOND, findings=known)})
    assert {one.check for one in card.missing if one.exchange == 1} == {"do.plan", "do.cut"}
    assert "do.plan" not in {one.check for one in card.missing if one.exchange == 0}
    assert (card.improvements[0].check, card.improvements[0].advice) == ("do.plan", "Add Plan.")
    assert [one.score for one in card.dimensions[0].ratings] == [3, 2]
