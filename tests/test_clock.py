"""The round's clock, with the times handed in."""

import pytest

from simulator.clock import (
    ANNOUNCED_SECONDS,
    LEAST_FOR_A_PROBE_SECONDS,
    LONGEST_MINUTES,
    QUICK_MINUTES,
    SHORTEST_MINUTES,
    Pace,
    opening_seconds,
    pace,
    plan_for,
    spoken_seconds,
    uses,
)
from simulator.errors import InputError
from simulator.interview import Interview, Question, Segment, Turn, open_interview

ROUND = (
    Segment("warm-up", "opening", 300),
    Segment("deep dive", "story", 1200),
    Segment("scenario", "case", 600),
    Segment("yours", "questions", 600),
)


def opened(*, timed: bool = True) -> Interview:
    kinds = ("opening", "story", "case")
    questions = [Question(kind, f"A question of the kind {kind}", kind) for kind in kinds]
    return open_interview("i", "acme", "full", questions, plan=ROUND, began=1000.0, timed=timed)


def test_a_full_round_is_the_companys_own() -> None:
    assert plan_for(ROUND, "full") == ROUND


def test_a_quick_round_keeps_what_is_judged_in_its_proportions() -> None:
    quick = plan_for(ROUND, "quick")
    assert [one.kind for one in quick] == ["story", "case"]
    assert sum(one.seconds for one in quick) == QUICK_MINUTES * 60
    assert quick[0].seconds == 2 * quick[1].seconds


@pytest.mark.parametrize(("minutes", "parts"), [(20, 2), (33, 2), (40, 4), (90, 4)])
def test_a_custom_round_drops_what_is_not_judged_where_there_is_no_room(minutes: float, parts: int) -> None:
    plan = plan_for(ROUND, "custom", minutes)
    assert len(plan) == parts
    assert sum(one.seconds for one in plan) == pytest.approx(60 * minutes, abs=2)


def test_a_kind_makes_all_judged_parts_of_that_kind_and_leaves_the_rest() -> None:
    assert [one.kind for one in plan_for(ROUND, "full", kind="case")] == ["opening", "case", "case", "questions"]


@pytest.mark.parametrize("minutes", [0, SHORTEST_MINUTES - 1, LONGEST_MINUTES + 1, float("nan")])
def test_a_length_that_no_round_has_is_refused_with_the_limits(minutes: float) -> None:
    with pytest.raises(InputError, match=f"{SHORTEST_MINUTES} to {LONGEST_MINUTES}"):
        plan_for(ROUND, "custom", minutes)


def test_an_unknown_kind_of_question_is_refused() -> None:
    with pytest.raises(InputError, match="story, case"):
        plan_for(ROUND, "full", kind="opening")


@pytest.mark.parametrize(
    ("left", "stands"),
    [
        (ANNOUNCED_SECONDS + 1, Pace.OPEN),
        (ANNOUNCED_SECONDS, Pace.ENDING),
        (LEAST_FOR_A_PROBE_SECONDS, Pace.ENDING),
        (LEAST_FOR_A_PROBE_SECONDS - 1, Pace.TOO_LATE),
        (0, Pace.OVER),
        (-100, Pace.OVER),
    ],
)
def test_the_pace_is_told_by_what_is_left_of_the_part(left: float, stands: Pace) -> None:
    assert pace(opened(), 300 - left) is stands


def test_a_part_has_its_own_time_from_when_its_question_was_put() -> None:
    late = opened().answer("a", "I own the returns flow at a shop.", 400).advance(410)
    assert late.deadline == 410 + 1200
    assert pace(late, 500) is Pace.OPEN


def test_without_a_clock_there_is_no_deadline() -> None:
    assert opened(timed=False).deadline is None
    assert pace(opened(timed=False), 1e9) is Pace.OPEN


def test_typed_words_are_converted_to_the_time_that_saying_them_takes() -> None:
    assert spoken_seconds("word " * 140) == 60
    assert spoken_seconds("word " * 140, 70) == 120
    assert spoken_seconds("") == 0


def test_time_by_the_clock_as_speech_and_over_is_told_for_each_part_that_was_begun() -> None:
    interview = opened().answer("a", "we did it and then it held " * 10, 250).advance(360)
    interview = interview.answer("b", "we did it and then it held " * 40, 700).reply(Turn("p", *_probe(), at=720.0))
    interview = interview.answer("c", "we did it and then it held " * 4, 900)
    warm_up, dive = uses(interview)
    assert (warm_up.used, warm_up.spoken, warm_up.over) == (360, 30, 60)
    assert (dive.used, dive.spoken, dive.over) == (540, 132, 0)
    assert opening_seconds(interview.exchanges[1]) == 120
    assert uses(interview, 70)[1].spoken == 264


def _probe() -> tuple[object, str]:
    from simulator.interview import Role

    return Role.INTERVIEWER, "What did that cost?"
