"""What a gap costs with each company, and the sentences that would close one."""

import re
from dataclasses import replace

import pytest
from conftest import shipped

from simulator.gaps import blanks, lens, missing_from, rule_behind
from simulator.interview import Exchange, Interview, Question, Role, Turn
from simulator.library import Company
from simulator.rubric import (
    DIMENSIONS,
    Calibration,
    Check,
    DimensionRule,
    Evidence,
    Finding,
    Grade,
    Rubric,
    ScoreRule,
    State,
    equal_rule,
    rate,
)

TEXT = "We were late. I cut the report."


def check(check_id: str, dimension: str, value: float = 1.0, blank: str = "I ___.", lowers: bool = False) -> Check:
    name = check_id.partition(".")[2].title()
    return Check(
        check_id, name, f"{name}?", dimension, f"No {name}.", f"Add {name}.", value, lowers=lowers, blank=blank
    )


RUBRIC = Rubric(
    "rubrics/small",
    "d1",
    (
        check("do.cut", "prioritization", 1.0, "I cut ___."),
        check("do.warn", "ownership", 1.0, "I warned ___."),
        check("do.count", "data_use", 1.0, "It was ___."),
        check("do.tell", "communication", 1.0, ""),
        check("anchor.bold", "ownership", 0.0, "I said no to ___."),
        check("flag.vague", "", 0.0, "", lowers=True),
    ),
    (),
    3.0,
)
CUTS = (1.5, 2.5, 3.5)
RULE = ScoreRule(
    "m",
    "d1",
    {},
    {
        "ownership": DimensionRule(1.0, {"do.warn": 0.5, "anchor.bold": 1.5, "do.cut": 1.0}, CUTS, 0.5),
        "prioritization": DimensionRule(1.0, {"do.cut": 3.0}, CUTS, 0.5),
        "problem_solving": DimensionRule(1.0, {"do.count": 0.2}, CUTS, 0.5),
        "communication": DimensionRule(1.0, {"do.tell": 3.0}, CUTS, 0.5),
        "data_use": DimensionRule(1.0, {"do.count": 3.0}, CUTS, 0.5),
    },
    "480 train answers",
)  # fmt: skip


def grade(*met: str, rule: ScoreRule = RULE) -> Grade:
    words = (Evidence(0, 14, len(TEXT), TEXT[14:]),)
    findings = {
        one.id: Finding(one.id, State.MET, 1.0, words) if one.id in met else Finding(one.id, State.NOT_MET, 0.0)
        for one in RUBRIC.checks
    }
    named = f"{rule.model} {rule.fitted_on}".strip()
    return Grade(findings, rate(RUBRIC, rule, findings), provenance={"rule": named})


def interview(answers: int) -> Interview:
    questions = tuple(Question(f"q{number}", "What was late?") for number in range(answers))
    said = tuple(Exchange(one, (Turn(f"t{one.id}", Role.CANDIDATE, TEXT),)) for one in questions)
    return Interview("i1", "acme", "quick", questions, said)


def company(name: str, weights: dict[str, float], probes: dict[str, float] | None = None) -> Company:
    return Company(name, name.title(), 3.0, 45, (), weights, {}, probes or {}, ())


def seen(one: Company, grades: dict[int, Grade], *, equal: bool = False) -> tuple[float, str]:
    held = interview(len(grades))
    missing = [gap for n, each in grades.items() for gap in missing_from(held.exchanges[n], n, RUBRIC, each)]
    found = lens(held, lambda kind: RUBRIC, one, missing, grades, equal=equal)
    return found.score, found.gap.check if found.gap else ""


# --- one answer, six lenses ------------------------------------------------------------------------------

OWNERS = company("owners", {"ownership": 3.0})
COUNTERS = company("counters", {"data_use": 3.0}, {"do.warn": 5.0})


def test_the_same_scores_give_each_company_its_own_overall_and_its_own_dearest_gap() -> None:
    grades = {0: grade("do.cut", "do.tell")}  # 2 for ownership, 4, 1, 4, 1
    assert [grades[0].ratings[name].score for name in DIMENSIONS] == [2, 4, 1, 4, 1]
    assert seen(OWNERS, grades) == (2.3, "do.warn")  # (2 x 3 + 10) / 7
    assert seen(company("counters", {"data_use": 3.0}), grades) == (2.0, "do.count")  # (1 x 3 + 11) / 7


def test_with_equal_weights_the_scores_agree_and_what_a_company_asks_about_still_counts() -> None:
    grades = {0: grade("do.cut", "do.tell")}
    assert seen(OWNERS, grades, equal=True)[0] == seen(COUNTERS, grades, equal=True)[0] == 2.4
    assert seen(COUNTERS, grades, equal=True)[1] == "do.warn"


def test_a_lens_on_one_answer_looks_at_that_answer_alone() -> None:
    everything = grade(*(one.id for one in RUBRIC.checks if not one.lowers))
    first, held = grade("do.cut"), interview(2)
    gaps = missing_from(held.exchanges[0], 0, RUBRIC, first)
    whole = lens(held, lambda kind: RUBRIC, OWNERS, gaps, {0: first, 1: everything})
    alone = lens(held, lambda kind: RUBRIC, OWNERS, gaps, {1: everything})
    assert (whole.score, whole.gap and whole.gap.exchange) == (2.7, 0)  # 3, 4, 1, 2.5, 2.5: (9 + 10) / 7
    assert (alone.score, alone.gap) == (3.6, None)  # problem-solving hardly counts here


# --- what a 4 would add ----------------------------------------------------------------------------------


def test_the_sentences_that_add_most_by_the_rule_come_first_and_only_for_what_is_not_met() -> None:
    found = blanks(interview(1), lambda kind: RUBRIC, [RULE], {0: grade("do.cut")})
    assert [(one.check, one.text, one.points) for one in found["ownership"]] == [
        ("anchor.bold", "I said no to ___.", 1.5),
        ("do.warn", "I warned ___.", 0.5),
    ]
    assert "prioritization" not in found  # a 4 already
    assert "communication" not in found  # its one check has no sentence to fill in
    assert [one.check for one in found["data_use"]] == ["do.count"]


def test_of_several_answers_a_check_is_offered_once_where_it_adds_most() -> None:
    nearly = grade()
    counted = Finding("do.count", State.NOT_MET, 0.4)
    findings = {**nearly.findings, "do.count": counted}
    nearly = replace(nearly, findings=findings, ratings=rate(RUBRIC, RULE, findings))
    found = blanks(interview(2), lambda kind: RUBRIC, [RULE], {0: nearly, 1: grade()})
    assert [(one.check, one.exchange, round(one.points, 2)) for one in found["data_use"]] == [("do.count", 1, 3.0)]
    assert len(found["ownership"]) == 2


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("m 480 train answers", "480 train answers"),
        ("m 480 train answers, for another version of the rubric", "480 train answers"),
        ("m 470 train answers", "470 train answers"),
        ("gone 480 train answers", equal_rule(RUBRIC).fitted_on),
    ],
)
def test_the_rule_is_known_by_the_name_that_the_grade_keeps_and_else_all_count_alike(
    named: str, expected: str
) -> None:
    rules = [RULE, replace(RULE, fitted_on=""), replace(RULE, fitted_on="470 train answers")]
    foreign = replace(RULE, fitted_on=expected, calibrations={"not.here": Calibration()})
    found = rule_behind(replace(grade(), provenance={"rule": named}), RUBRIC, [foreign, *rules])
    assert found.fitted_on == expected


def test_every_shipped_criterion_and_helpful_anchor_has_a_sentence_of_blanks_that_states_no_figure() -> None:
    for rubric in shipped().rubrics.values():
        for one in rubric.checks:
            if one.lowers:
                assert not one.blank, f"{rubric.id} {one.id}"
            else:
                assert "___" in one.blank, f"{rubric.id} {one.id}"
                assert not re.search(r"\d", one.blank)
                assert one.blank.endswith((".", "?"))


def test_every_shipped_rule_is_found_again_by_the_grades_that_it_makes() -> None:
    for rule in shipped().rules:
        rubric = next(one for one in shipped().rubrics.values() if one.digest == rule.rubric)
        made = Grade({}, provenance={"rule": f"{rule.model} {rule.fitted_on}".strip()})
        assert rule_behind(made, rubric, shipped().rules) is rule
