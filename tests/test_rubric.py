"""The arithmetic between findings and scorecard, with the shipped rubric and with sums done by hand."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating import SHARE, findings_of, generous, lowering, probabilities, said, scores, story

from simulator.rubric import (
    ANY_MODEL,
    DIMENSIONS,
    Calibration,
    DimensionRule,
    Finding,
    Grade,
    Rubric,
    ScoreRule,
    State,
    equal_rule,
    rate,
    without_empty_talk,
)

CRITERIA = [
    "context.goal",
    "context.stakeholders",
    "context.role",
    "context.timeline",
    "action.ownership",
    "action.mechanism",
    "action.diagnosis",
    "action.prioritisation",
    "action.tradeoff",
    "action.tools",
    "action.unblocking",
    "action.risk",
    "result.quantified",
    "result.baseline",
    "result.rigour",
    "result.multiple",
    "result.reflection",
    "escalation.who",
    "escalation.trigger",
    "answer.structure",
]
FLAGS = [
    f"flag.{name}"
    for name in ["hypothetical", "diffuse", "vague_result", "vanity", "flawless", "buzzwords", "off_topic"]
]
ANCHORS = {
    "ownership": ["hard_decision", "mistake", "decided_by_others"],
    "prioritization": ["choice", "alternatives", "revisit"],
    "problem_solving": ["fix", "verified", "lasting"],
    "communication": ["ending", "needless"],
    "data_use": ["figure_decides", "threshold"],
}
GUIDELINE_CAPS = {
    "flag.hypothetical": {"ownership": 2, "prioritization": 2, "problem_solving": 2, "data_use": 2},
    "flag.off_topic": dict.fromkeys(DIMENSIONS, 1),
    "flag.diffuse": {"ownership": 2},
    "flag.vague_result": {"data_use": 2},
    "flag.buzzwords": {"prioritization": 2, "problem_solving": 2},
    "flag.vanity": {},
    "flag.flawless": {},
}
VERDICTS = ("below", "borderline", "above")


def everything_met(**overrides: float) -> dict[str, Finding]:
    probabilities = {check.id: 0.0 if check.lowers else 1.0 for check in story().checks}
    return findings_of(probabilities | {name.replace("__", "."): value for name, value in overrides.items()})


# The shipped rubric against the guideline


def test_the_story_rubric_has_the_guidelines_twenty_criteria_and_seven_flags() -> None:
    assert [check.id for check in story().checks if check.is_criterion] == CRITERIA
    assert sorted(check.id for check in story().checks if check.is_flag) == sorted(FLAGS)
    assert story().bar == 3.0


def test_every_other_check_is_an_anchor_of_one_dimension_and_two_of_them_lower() -> None:
    anchors = [check for check in story().checks if check.is_anchor]
    expected = {(name, f"anchor.{one}") for name, own in ANCHORS.items() for one in own}
    assert {(check.dimension, check.id) for check in anchors} == expected
    assert len(anchors) == len(expected) == len(story().checks) - len(CRITERIA) - len(FLAGS)
    assert lowering() == {*FLAGS, "anchor.decided_by_others", "anchor.needless"}
    assert not any(check.is_criterion or check.is_flag for check in anchors)
    assert all(check.like for check in anchors)  # so that their sentences are found


def test_every_criterion_belongs_to_a_dimension_and_can_be_explained_to_the_candidate() -> None:
    for check in story().checks:
        assert check.is_flag or check.dimension in DIMENSIONS, check.id
        if check.is_criterion:
            assert check.missing and check.advice and check.value > 0, check.id


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_met_flag_caps_the_dimensions_that_the_guideline_names_and_no_other(flag: str) -> None:
    assert scores(everything_met()) == dict.fromkeys(DIMENSIONS, 4)
    flagged = everything_met() | {flag: said(flag, 0.9)}
    assert scores(flagged) == dict.fromkeys(DIMENSIONS, 4) | GUIDELINE_CAPS[flag]


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_cap_is_named_in_the_rating_and_holds_the_raw_sum_down_too(flag: str) -> None:
    ratings = rate(story(), generous(), everything_met() | {flag: said(flag, 0.9)})
    for name, rating in ratings.items():
        capped = name in GUIDELINE_CAPS[flag]
        assert rating.capped_by == (flag if capped else "")
        assert rating.raw == pytest.approx(GUIDELINE_CAPS[flag][name] if capped else 4.0)


def test_with_no_fitted_rule_every_check_of_a_dimension_counts_the_same() -> None:
    rule = equal_rule(story())
    assert scores({}, rule) == dict.fromkeys(DIMENSIONS, 1)
    assert scores(everything_met(), rule) == dict.fromkeys(DIMENSIONS, 4)
    assert rule.model == ANY_MODEL and "not fitted" in rule.fitted_on
    own = [check.id for check in story().checks if check.dimension == "data_use" and check.is_criterion]
    assert set(rule.dimensions["data_use"].weights) == set(own)
    half = findings_of(dict.fromkeys(own, 0.5))
    assert rate(story(), rule, half)["data_use"].raw == pytest.approx(2.5)


@pytest.mark.parametrize("flag", GUIDELINE_CAPS)
def test_a_flag_that_is_unlikely_caps_nothing(flag: str) -> None:
    assert scores(everything_met() | {flag: said(flag, 0.49)}) == dict.fromkeys(DIMENSIONS, 4)


def test_the_lowest_of_two_caps_holds() -> None:
    both = everything_met() | {flag: said(flag, 0.9) for flag in ("flag.diffuse", "flag.off_topic")}
    assert scores(both) == dict.fromkeys(DIMENSIONS, 1)


def test_a_vague_result_without_any_figure_leaves_data_use_at_one() -> None:
    own = [check for check in story().checks if check.dimension == "data_use"]
    figures = [check.id for check in own if check.is_criterion]
    without = everything_met() | {check.id: said(check.id, 0.1) for check in own}
    vague = without | {"flag.vague_result": said("flag.vague_result", 0.9)}
    high = generous(base=3.0)
    assert scores(without, high)["data_use"] == 3
    assert scores(vague, high)["data_use"] == 1
    for figure in figures:
        assert scores(vague | {figure: said(figure, 0.9)}, high)["data_use"] == 2, figure


# Evidence


def test_a_check_that_is_met_without_evidence_earns_nothing() -> None:
    with_words = everything_met()
    without = with_words | {"action.ownership": replace(with_words["action.ownership"], evidence=())}
    earned, nothing = rate(story(), generous(), with_words), rate(story(), generous(), without)
    lost = generous().dimensions["ownership"].weights["action.ownership"]
    assert earned["ownership"].raw - nothing["ownership"].raw == pytest.approx(lost)
    assert "action.ownership" not in [point.check for point in nothing["ownership"].ledger]


def test_a_likely_yes_for_which_no_sentence_was_found_earns_nothing() -> None:
    unsupported = Finding("action.ownership", State.NOT_MET, 0.95, note="no sentence was found for it")
    ratings = rate(story(), generous(), everything_met() | {"action.ownership": unsupported})
    assert "action.ownership" not in [point.check for point in ratings["ownership"].ledger]


def test_the_threshold_of_a_check_decides_what_counts_as_a_likely_yes() -> None:
    rule = replace(generous(), calibrations={"action.ownership": Calibration(threshold=0.8)})
    unlikely = Finding("action.ownership", State.NOT_MET, 0.7)
    ledger = rate(story(), rule, everything_met() | {"action.ownership": unlikely})["ownership"].ledger
    share = rule.dimensions["ownership"].weights["action.ownership"] * 0.7
    assert {point.check: point.points for point in ledger}["action.ownership"] == pytest.approx(share)


@pytest.mark.parametrize("lowers", ["flag.vanity", "anchor.decided_by_others"])
def test_what_lowers_needs_no_evidence_to_count(lowers: str) -> None:
    rule = generous()
    ownership = rule.dimensions["ownership"]
    weighed = replace(ownership, weights={**ownership.weights, lowers: -1.0})
    rule = replace(rule, dimensions={**rule.dimensions, "ownership": weighed})
    for probability in (0.4, 0.9):
        raw = rate(story(), rule, everything_met() | {lowers: said(lowers, probability)})["ownership"].raw
        assert raw == pytest.approx(4 - probability)


def test_a_check_that_was_not_assessed_earns_nothing_and_takes_nothing() -> None:
    unknown = {check.id: Finding(check.id, State.NOT_ASSESSED) for check in story().checks}
    assert scores(unknown) == scores({}) == dict.fromkeys(DIMENSIONS, 1)


# Empty talk

DEEDS = [check for check in CRITERIA if check.startswith(("action.", "result.", "escalation."))]
SETTING = {"context.goal": 0.9, "context.timeline": 0.9, "answer.structure": 0.9, "anchor.ending": 0.9}


def talk(**also: float) -> dict[str, Finding]:
    """An answer that tells its setting, and what `also` names (`__` for the dot)."""
    plain = dict.fromkeys((check.id for check in story().checks), 0.1) | SETTING
    return findings_of(plain | {name.replace("__", "."): chance for name, chance in also.items()})


def test_a_setting_without_anything_done_or_come_of_it_is_off_topic_and_says_why() -> None:
    after = without_empty_talk(talk())
    assert after["flag.off_topic"].state is State.MET
    assert after["flag.off_topic"].probability == 0.1 and "nothing that was done" in after["flag.off_topic"].note
    assert {key: one for key, one in after.items() if key != "flag.off_topic"} == {
        key: one for key, one in talk().items() if key != "flag.off_topic"
    }
    assert scores(after) == dict.fromkeys(DIMENSIONS, 1)


@pytest.mark.parametrize("deed", [*DEEDS, "flag.hypothetical"])
def test_one_deed_one_result_or_what_one_would_do_is_no_empty_talk(deed: str) -> None:
    told = talk() | {deed: said(deed, 0.9)}
    assert without_empty_talk(told) == told


def test_where_off_topic_was_not_asked_about_nothing_changes() -> None:
    told = talk()
    del told["flag.off_topic"]
    assert without_empty_talk(told) == told


# Monotone


@st.composite
def rules(draw: st.DrawFn) -> ScoreRule:
    ids = [check.id for check in story().checks]
    dimensions = {}
    for name in DIMENSIONS:
        chosen = draw(st.lists(st.sampled_from(ids), unique=True, min_size=3, max_size=12))
        weights = {check: (-1 if check in lowering() else 1) * draw(SHARE) * 2 for check in chosen}
        cuts = sorted(draw(st.lists(st.integers(10, 40), min_size=3, max_size=3)))
        base = draw(st.integers(0, 12)) / 4
        dimensions[name] = DimensionRule(base, weights, tuple(cut / 10 for cut in cuts), draw(SHARE))
    errors = tuple(sorted(draw(st.lists(st.integers(-15, 15), min_size=10, max_size=10))))
    return ScoreRule("a model", story().digest, {}, dimensions, errors=tuple(error / 10 for error in errors))


def _standing(rubric: Rubric, rule: ScoreRule, probabilities: Mapping[str, float]) -> dict[str, float]:
    """Every figure that the candidate sees and that may not move the wrong way."""
    ratings = rate(rubric, rule, findings_of(probabilities))
    grade = Grade({}, ratings, errors=rule.errors)
    assert grade.overall is not None and grade.band is not None
    figures: dict[str, float] = {"overall": grade.overall, "low": grade.band[0], "high": grade.band[1]}
    figures["firmness"] = grade.firmness(rubric.bar) or 0
    figures["verdict"] = VERDICTS.index(grade.verdict(rubric.bar))
    for name, rating in ratings.items():
        figures |= {name: rating.score, f"{name} raw": rating.raw, f"{name} low": rating.low}
        figures |= {f"{name} high": rating.high}
    return figures


@given(rules(), probabilities(), st.data())
@settings(max_examples=250, deadline=None, database=None)
def test_more_of_what_raises_never_lowers_and_more_of_what_lowers_never_raises_any_figure(
    rule: ScoreRule, before: dict[str, float], data: st.DataObject
) -> None:
    # Half of the draws raise what carries weight in some dimension, or most would show nothing.
    weighted = sorted({check for one in rule.dimensions.values() for check in one.weights})
    check = data.draw(st.sampled_from(weighted) | st.sampled_from(sorted(before)))
    after = before | {check: min(1.0, before[check] + data.draw(SHARE))}
    old, new = _standing(story(), rule, before), _standing(story(), rule, after)
    sign = -1 if check in lowering() else 1
    wrong = {name: (old[name], new[name]) for name in old if sign * (new[name] - old[name]) < -1e-9}
    assert not wrong, f"{check} {before[check]} -> {after[check]}"


def test_a_criterion_that_lifts_a_score_into_its_cap_does_not_lower_the_band() -> None:
    rule = replace(
        generous(),
        dimensions=dict.fromkeys(DIMENSIONS, DimensionRule(2.4, {"action.ownership": 0.4}, (1.5, 2.5, 3.5), 0.1)),
    )
    flagged = {"flag.diffuse": 1.0, "action.ownership": 0.0}
    before, after = _standing(story(), rule, flagged), _standing(story(), rule, flagged | {"action.ownership": 1.0})
    assert after["ownership"] == before["ownership"] == 2
    assert after["ownership raw"] >= before["ownership raw"]
