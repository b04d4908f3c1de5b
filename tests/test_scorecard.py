"""The scorecard put together from grades that were made by hand."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from simulator.interview import Act, Exchange, Interview, Question, Role, Turn
from simulator.library import Company
from simulator.rubric import DIMENSIONS, Check, Evidence, Finding, Grade, Point, Rating, Rubric, State
from simulator.scorecard import Scorecard, as_json, as_markdown, score

OPENING = "We were two weeks late. I cut the report because nobody paid for it. Failures fell from 6% to 0.8%."
REPLY = "I told our director in the second week. She moved the date."
OTHER = " ".join(f"word{number}" for number in range(1, 40))
NAMES = {name: name.title() for name in DIMENSIONS}


ERRORS = (-0.3, -0.3, -0.1, -0.1, 0.0, 0.0, 0.1, 0.1, 0.3, 0.3)


def check(
    check_id: str,
    dimension: str = "ownership",
    value: float = 1.0,
    near: tuple[str, ...] = (),
    lowers: bool = False,
) -> Check:
    name = check_id.partition(".")[2].title()
    texts = (f"{name} was missing.", f"Add {name}.")
    return Check(check_id, name, f"{name}?", dimension, *texts, value, near=near, lowers=lowers)


RUBRIC = Rubric(
    "rubrics/small",
    "d1",
    (
        check("do.cut", "prioritization", 1.4),
        check("do.warn", "ownership", 1.2),
        check("do.guard", "problem_solving", 1.0, near=("do.cut",)),
        check("do.count", "data_use", 1.5),
        check("do.learn", "problem_solving", 0.5),
        check("anchor.bold", "ownership"),
        check("anchor.dull", "communication", lowers=True),
        check("flag.vague", "", lowers=True),
        check("flag.diffuse", "", lowers=True),
    ),
    (),
    3.0,
)
COMPANY = Company("acme", "Acme", 3.0, 45, (), {"ownership": 2.0}, {}, {}, ())
INTERVIEW = Interview(
    "i1",
    "acme",
    "quick",
    (
        Question("q1", "What was late?", invites=("do.cut", "do.learn")),
        Question("q2", "What broke?"),
        Question("q3", "?"),
    ),
    (
        Exchange(
            Question("q1", "What was late?", invites=("do.cut", "do.learn")),
            (
                Turn("t1", Role.CANDIDATE, OPENING),
                Turn("p1", Role.INTERVIEWER, "Whom did you warn?", "do.warn"),
                Turn("t2", Role.CANDIDATE, REPLY),
            ),
        ),
        Exchange(Question("q2", "What broke?"), (Turn("t3", Role.CANDIDATE, OTHER),)),
        Exchange(Question("q3", "?")),
    ),
    closed=True,
)


def evidence(text: str) -> Evidence:
    turns = INTERVIEW.exchanges[0].turns
    turn = next(number for number, one in enumerate(turns) if text in one.text)
    start = turns[turn].text.index(text)
    return Evidence(turn, start, start + len(text), text)


CUT = evidence("I cut the report because nobody paid for it.")


def findings(*met: str, cited: Mapping[str, Evidence] | None = None) -> dict[str, Finding]:
    cited = cited or {}
    return {
        one.id: Finding(one.id, State.MET, 0.9, (cited[one.id],) if one.id in cited else ())
        if one.id in met
        else Finding(one.id, State.NOT_MET, 0.1)
        for one in RUBRIC.checks
    }


def rating(name: str, points: int, raw: float, low: float, high: float, *ledger: Point) -> Rating:
    return Rating(name, points, raw, low, high, ledger)


def rated(ownership: Rating, *ledger: Point) -> dict[str, Rating]:
    others = [rating(name, 4, 3.9, 3.3, 4.0, *ledger) for name in DIMENSIONS if name != "ownership"]
    return {one.dimension: one for one in (ownership, *others)}


FIRST = Grade(
    findings("do.cut", cited={"do.cut": CUT}),
    rated(rating("ownership", 3, 2.8, 2.2, 3.4)),
    "",
    {"model": "m", "method": "w", "rubric": "r", "prompts": "p", "rule": "any equal weights", "seconds": 1.5},
    ERRORS,
)
SECOND = Grade(
    findings("do.cut", "do.count"), rated(rating("ownership", 2, 2.2, 1.4, 3.0)), "", {"model": "m"}, ERRORS
)
UNMEASURED = (replace(FIRST, errors=()), replace(SECOND, errors=()))


def card_of(grades: Mapping[int, Grade], company: Company = COMPANY) -> Scorecard:
    return score(INTERVIEW, lambda kind: RUBRIC, company, grades)


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


# --- what the candidate contests --------------------------------------------------------------------------


def test_a_contested_finding_says_so_in_both_downloads_and_changes_no_score() -> None:
    flagged = replace(FIRST, findings=findings("do.cut", "flag.vague", cited={"do.cut": CUT}))
    card = card_of({0: flagged, 1: SECOND})
    contested = {
        (0, "do.warn"): "I <b>did</b> warn\n# her",
        (0, "do.cut"): "",
        (0, "flag.vague"): "",
        (1, "do.warn"): "x",
    }
    text = as_markdown(card, INTERVIEW, COMPANY, NAMES, contested)
    assert "Warn was missing. _(contested by the candidate: I &lt;b>did&lt;/b> warn # her)_\n" in text
    assert f"“{CUT.text}” _(contested by the candidate)_\n" in text
    assert "- Vague (question 1) _(contested by the candidate)_\n" in text
    assert "- Warn (question 2) _(contested by the candidate: x)_\n" in text
    assert text.count("contested") == 4
    plain = as_json(card, INTERVIEW, contested)
    assert plain["contested"][0] == {"exchange": 0, "check": "do.warn", "note": "I <b>did</b> warn\n# her"}
    assert plain["scorecard"] == as_json(card, INTERVIEW)["scorecard"]


# --- documents -------------------------------------------------------------------------------------------


def test_the_markdown_tells_the_whole_card() -> None:
    text = as_markdown(card_of({0: FIRST, 1: SECOND}), INTERVIEW, COMPANY, NAMES)
    told = "**Overall 3.7** (band 3.5–3.9), bar 3.0: above (reaches the bar in 10 of 10). With Acme's weights: 3.5."
    assert told in text
    assert "| Ownership | 2.5 | 2.0–3.0 |" in text
    assert "1. **Warn** (question 1). Warn was missing. Add Warn." in text
    assert f"> {REPLY}" in text
    assert f"- **Cut** (question 1): “{CUT.text}”" in text
    asked, never = text.index("## Asked for, not shown"), text.index("## Never asked")
    assert asked < text.index("- **Learn** (question 1)") < never < text.index("- Learn (question 2)")
    assert f"**You:** {OPENING}" in text
    assert "**Interviewer:** Whom did you warn?" in text
    assert "Made by m, method w, rubric r, prompts p, rule any equal weights." in text
    assert "Not graded" not in text


def test_what_a_candidate_typed_cannot_act_in_the_markdown() -> None:
    hostile = "<script>alert(1)</script> ![x](http://a.example) | a | b |\n# Overall 4.0\n\n- one\n<!-- gone"
    turns = (Turn("t1", Role.CANDIDATE, hostile),)
    exchange = Exchange(Question("q1", "<b>What</b>\n| was late?"), turns)
    interview = replace(INTERVIEW, exchanges=(exchange,))
    cited = findings("do.cut", cited={"do.cut": Evidence(0, 0, len(hostile), hostile)})
    card = score(interview, lambda kind: RUBRIC, COMPANY, {0: replace(FIRST, findings=cited)})
    text = as_markdown(card, interview, COMPANY, NAMES)
    typed = [line for line in text.splitlines() if "alert" in line or "Overall 4.0" in line]
    assert len(typed) == 5  # three moments, the evidence and the turn, each on one line
    assert "<" not in text.replace("&lt;", "")
    assert "![x]" not in text
    assert all("\\| a \\| b \\|" in line and "# Overall 4.0 " in line for line in typed)
    assert not any(line.startswith(("# Overall", "| a", "- one")) for line in text.splitlines())


def test_the_json_survives_a_round_trip_and_holds_card_and_transcript() -> None:
    card = card_of({0: FIRST, 1: SECOND})
    plain = as_json(card, INTERVIEW)
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again == plain
    assert again["scorecard"]["overall"] == 3.7
    assert again["scorecard"]["dimensions"][0]["ratings"][0]["score"] == 3
    (cited,) = again["scorecard"]["shown"][0]["evidence"]
    turn = again["interview"]["exchanges"][0]["turns"][cited["turn"]]
    assert turn["role"] == "candidate"
    assert turn["text"][cited["start"] : cited["end"]] == cited["text"] == CUT.text
    assert json.loads(json.dumps(as_json(card_of({}), INTERVIEW)))["scorecard"]["overall"] is None
