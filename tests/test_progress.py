"""What practice adds up to, summed by hand: trends, weak checks, companies, time, follow-ups, self-ratings."""

from collections.abc import Mapping

import pytest
from conftest import shipped
from past_interviews import ANSWER, DAY, PROVENANCE, REPLY, grade, held, held_round, probe, said

from simulator.clock import WORDS_PER_MINUTE
from simulator.interview import Act, Question, Segment
from simulator.progress import Chase, Held, Progress, TimeUse, progress_of, wilson
from simulator.rubric import DIMENSIONS, Grade

CHECKS = {check.id: check for kind in ("case", "story") for check in shipped().rubric_for(kind).checks}


def progress(*past: Held, drilled: Mapping[str, int] | None = None) -> Progress:
    return progress_of(past, CHECKS, drilled or {})


def scored(scores: Mapping[str, int] | int, day: int, company: str = "stripe", retry_of: str = "") -> Held:
    return held(held_round([said(ANSWER)], company, retry_of=retry_of), grade(scores), day)


def test_one_interview_is_no_trend_and_says_how_many_are_missing() -> None:
    assert progress().overall.needed == 2
    one = progress(scored(3, 0))
    assert (one.overall.needed, one.overall.change) == (1, None)
    ungraded = held(held_round([said(ANSWER)]), None, 1)
    assert progress(scored(3, 0), ungraded).overall.needed == 1
    assert progress(scored(3, 0), scored(3, 1)).overall.needed == 0


def test_a_trend_runs_from_the_oldest_to_the_newest_in_every_dimension() -> None:
    low = dict.fromkeys(DIMENSIONS, 2)
    found = progress(scored(low | {"ownership": 4}, 5), scored(low | {"ownership": 1}, 0, "meta", retry_of="x"))
    ownership, prioritization = found.dimensions[:2]
    assert [(point.score, point.company, point.again) for point in ownership.points] == [
        (1.0, "meta", True),
        (4.0, "stripe", False),
    ]
    assert [(point.low, point.high) for point in ownership.points] == [(1.0, 1.5), (3.5, 4.0)]
    assert (ownership.change, ownership.clear) == (3.0, True)
    assert (prioritization.change, prioritization.clear) == (0.0, False)
    assert [point.score for point in found.overall.points] == [1.8, 2.4]
    assert found.overall.change == 0.6
    assert not found.overall.clear  # nothing was measured for these: their bands are 0.8 wide on either side
    assert found.overall.points[0].bar == shipped().company("meta").bar


def test_a_fall_beyond_the_bands_is_as_clear_as_a_rise() -> None:
    fall = progress(scored(4, 0), scored(1, 1)).overall
    assert (fall.change, fall.clear) == (-3.0, True)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 1, 0.0, 0.793), (1, 1, 0.207, 1.0), (8, 10, 0.490, 0.943), (5, 5, 0.566, 1.0)]
)
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=0.001)


def test_only_what_was_asked_for_is_weak_and_the_surest_gap_stands_first() -> None:
    asked_often = [held(held_round([said(ANSWER)]), grade(2, ["context.goal"]), day) for day in range(4)]
    turns = [said(ANSWER), probe("action.risk"), said(REPLY)]
    once = held(held_round(turns), grade(2, ["result.quantified"]), 9)
    found = progress(*asked_often, once, drilled={"action.risk": 3})
    assert [(one.check, one.not_met, one.asked, one.drilled) for one in found.weakest] == [
        ("result.quantified", 4, 5, 0),
        ("action.risk", 1, 1, 3),
        ("context.goal", 1, 5, 0),
    ]
    assert found.weakest[0].share == 0.8
    assert (found.weakest[0].low, found.weakest[0].high) == wilson(4, 5)


def test_what_could_not_be_judged_and_what_is_no_criterion_is_no_weakness() -> None:
    turns = [said(ANSWER), probe("flag.diffuse"), said(REPLY)]
    known = held(held_round(turns), grade(2, ["context.goal"], unknown=["result.quantified"]))
    no_answer = held(held_round([said(ANSWER)]), Grade(grade(1).findings, {}, "only 3 words were said"))
    assert progress(known, no_answer).weakest == ()


def test_the_means_of_a_company_are_over_its_answers() -> None:
    found = progress(
        scored(2, 0), scored({name: 3 for name in DIMENSIONS} | {"data_use": 4}, 1), scored(1, 2, "meta")
    )
    cells = {(one.company, one.dimension): (one.mean, one.answers) for one in found.companies}
    assert cells["stripe", "ownership"] == (2.5, 2)
    assert cells["stripe", "data_use"] == (3.0, 2)
    assert cells["meta", "data_use"] == (1.0, 1)
    assert len(cells) == 10


def test_time_is_summed_by_kind_over_timed_rounds_alone() -> None:
    plan = [Segment("dive", "story", 300.0)]
    turns = [said(f"{ANSWER} {ANSWER}", 200.0), probe("action.risk", 210.0), said(REPLY, 400.0)]
    long = held(held_round(turns, plan=plan, timed=True), None)
    short = held(held_round([said(ANSWER, 120.0)], plan=plan, timed=True), None, 1)
    untimed = held(held_round([said(ANSWER, 90_000.0)], plan=plan), None, 2)
    (found,) = progress(long, short, untimed).times
    assert (len(ANSWER.split()), len(REPLY.split()), WORDS_PER_MINUTE) == (19, 19, 140)
    spoken = 4 * 19 * 60 / 140
    assert found == TimeUse("story", 2, 600.0, 520.0, pytest.approx(spoken), 100.0)


def test_a_follow_up_is_told_by_what_its_own_reply_did() -> None:
    turns = [said(ANSWER), probe("action.risk"), said(REPLY), probe("action.risk", act=Act.PRESS), said(REPLY)]

    def chase(where: Mapping[str, int], said_so_far: int = 5) -> Chase:
        (found,) = progress(held(held_round(turns[:said_so_far]), grade(2, where))).chases
        return found

    assert chase({"action.risk": 2}) == Chase("action.risk", closed=1, already=1)
    assert chase({"action.risk": 4}) == Chase("action.risk", closed=1, dodged=1)
    assert chase({"action.risk": 0}) == Chase("action.risk", already=2)
    assert chase({}) == Chase("action.risk", dodged=2)
    assert chase({}, said_so_far=4) == Chase("action.risk", dodged=1, unanswered=1)


def test_a_challenge_goes_after_no_gap_and_a_warning_is_closed_when_it_no_longer_holds() -> None:
    turns = [said(ANSWER), probe("action.risk", act=Act.CHALLENGE), said(REPLY), probe("flag.diffuse"), said(REPLY)]
    assert progress(held(held_round(turns), grade(2))).chases == (Chase("flag.diffuse", closed=1),)
    still = progress(held(held_round(turns), grade(2, ["flag.diffuse"])))
    assert still.chases == (Chase("flag.diffuse", dodged=1),)


def test_most_dodged_comes_first() -> None:
    once = held(held_round([said(ANSWER), probe("action.risk"), said(REPLY)]), grade(2, {"action.risk": 2}))
    twice = held(held_round([said(ANSWER), probe("action.tools"), said(REPLY)]), grade(2), 1)
    assert [one.check for one in progress(once, twice).chases] == ["action.tools", "action.risk"]


def test_self_ratings_are_set_against_the_grades_with_sign_and_size() -> None:
    first = held(held_round([said(ANSWER)]), grade(2), 0, {"ownership": 4, "data_use": 1, "charm": 4})
    second = held(held_round([said(ANSWER)]), grade(3), 1, {"ownership": 3})
    found = progress(first, second, scored(2, 2))
    ownership, data_use = found.self_estimates
    assert ownership.gaps == ((DAY, 2.0), (second.at, 0.0))
    assert (ownership.bias, ownership.distance) == (1.0, 1.0)
    assert (data_use.dimension, data_use.bias, data_use.distance) == ("data_use", -1.0, 1.0)
    assert found.ratings_needed == 0
    assert progress(first).ratings_needed == 1


@pytest.mark.parametrize("name", ["model", "method", "rubric", "prompts", "rule"])
def test_a_change_of_the_grader_is_told(name: str) -> None:
    other = held(held_round([said(ANSWER)]), grade(2, provenance=PROVENANCE | {name: "rubrics/story@2"}), 1)
    assert progress(scored(2, 0), other).mixed
    assert not progress(scored(2, 0), scored(3, 1)).mixed


def test_stories_and_cases_in_one_record_are_not_two_graders() -> None:
    question = Question("case/drop", "Bookings fell by a tenth. What do you do?", "case")
    case = grade(2, kind="case", provenance=PROVENANCE | {"rubric": "rubrics/case@1"})
    assert not progress(scored(2, 0), held(held_round([said(ANSWER)], question=question), case, 1)).mixed
