"""What one user can make the program do is bounded: length of a text, calls, tokens, follow-ups, gradings."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from conducting import REPLY, followed, graded, until
from conftest import START_UP, ScriptedModel, judging, shipped
from fault_server import Request, Step, failure
from telling import ANSWER, OTHER

from simulator.conductor import Conductor
from simulator.drills.room import DrillRoom
from simulator.errors import InputError, OutOfTurnError
from simulator.interview import (
    MOST_CHARACTERS,
    MOST_PROBES,
    MOST_PROBES_TIMED,
    MOST_WORDS,
    Act,
    Role,
    Turn,
    checked_answer,
    open_interview,
)
from simulator.interviewer import MOST_TOKENS
from simulator.models.chat import MOST_ATTEMPTS
from simulator.records.jobs import MOST_ATTEMPTS as MOST_GRADINGS

CHECKS = shipped().rubrics["rubrics/story"].checks
CRITERIA = {check.id for check in CHECKS if check.is_criterion}
WORDINGS = 2
CALLS_PER_ANSWER = len(CRITERIA) + 1 + WORDINGS
"""Each criterion once, the one that is pressed, and two wordings."""
SUBMITS = 1_000
OVERLONG = {
    "28,000 words": ("word " * 28_000, "28,000 words; the most that fits is 2,000"),
    "one word too many": ("word " * (MOST_WORDS + 1), "2,001 words"),
    "a megabyte without a space": ("a" * 1_000_000, "1,000,000 characters; the most that fits is 20,000"),
    "one character too many": ("I was there. " + "a" * (MOST_CHARACTERS - 12), "20,001 characters"),
}


def calls_of(model: ScriptedModel, since: int = 0) -> list[Request]:
    """The requests, but for the one at start-up."""
    return [one for one in model.requests[since:] if one.messages[-1]["content"] != START_UP]


@pytest.mark.parametrize("text", OVERLONG)
def test_a_text_that_is_too_long_is_told_with_its_length_and_nothing_of_it_is_sent_or_kept(
    text: str, conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    typed, told = OVERLONG[text]
    interview, room = conductor.start("stripe", "quick", 1, kind="story"), DrillRoom(conductor)
    drill = room.next("stripe", kind="story")
    for send in (
        lambda: conductor.answer(interview.id, "t1", typed),
        lambda: room.reply(drill, typed, 20),
    ):
        with pytest.raises(InputError, match=told):
            send()
    assert conductor.records.interviews.find(interview.id) == interview
    assert not conductor.records.drills.reviews() and not calls_of(scripted_model)


def test_a_text_of_the_greatest_length_is_taken_whole() -> None:
    for text in ("I cut it and " * (MOST_WORDS // 4), "I was there. " + "a" * (MOST_CHARACTERS - 13)):
        assert checked_answer(text) == text


def all_shown(model: ScriptedModel, says: str) -> None:
    """The dearest model: it finds everything, so that all is looked at, and words no follow-up that may be said."""
    model.reply = judging(CRITERIA, says=says)


def test_one_answer_asks_each_check_once_and_for_two_wordings(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    all_shown(scripted_model, "What a great answer, I love it.")
    interview = conductor.start("stripe", "quick", 1, kind="story")
    conductor.model()
    counts = []
    for number, text in enumerate((ANSWER, REPLY, OTHER, REPLY)):
        before = len(scripted_model.requests)
        followed(conductor.answer(interview.id, f"t{number}", text))
        if conductor.records.interviews.find(interview.id).closed:
            break  # from here on it is graded, too
        counts.append(len(calls_of(scripted_model, before)))
    assert counts[0] == len(CRITERIA) + WORDINGS
    assert max(counts) <= CALLS_PER_ANSWER


@pytest.mark.usefixtures("no_pause")
def test_one_answer_costs_five_requests_a_call_where_the_server_fails_again_and_again(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    all_shown(scripted_model, "What a great answer, I love it.")
    interview = conductor.start("stripe", "quick", 1, kind="story")
    conductor.model()
    scripted_model.fault = failing_four_times()
    before = len(scripted_model.requests)
    followed(conductor.answer(interview.id, "t1", ANSWER))
    assert len(calls_of(scripted_model, before)) == MOST_ATTEMPTS * (len(CRITERIA) + WORDINGS)


def failing_four_times() -> Callable[[Request], Step | None]:
    """A server that is overloaded at the first four tries of each call."""
    tries = Counter[str]()

    def fault(request: Request) -> Step | None:
        key = str(sorted(request.body.items()))
        tries[key] += 1
        return failure(503) if tries[key] % MOST_ATTEMPTS else None

    return fault


def test_no_request_of_a_whole_interview_asks_for_more_tokens_than_a_follow_up_has(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick", 1, kind="story")
    for number, text in enumerate((ANSWER, REPLY)):
        followed(conductor.answer(interview.id, f"t{number}", text))
    conductor.finish(interview.id)
    until(lambda: graded(conductor, interview.id))
    room = DrillRoom(conductor)
    room.reply(room.next("stripe", kind="story"), REPLY, 20)
    limits = Counter(
        (bool(one.body.get("logprobs")), one.body.get("max_tokens") or one.body.get("max_completion_tokens"))
        for one in scripted_model.requests
    )
    assert {*limits} == {(True, 1), (False, MOST_TOKENS)} and MOST_TOKENS == 70
    assert limits[False, MOST_TOKENS] <= 2 * WORDINGS


@pytest.mark.parametrize(("timed", "most"), [(False, MOST_PROBES), (True, MOST_PROBES_TIMED)])
@pytest.mark.parametrize("act", [Act.PROBE, Act.PRESS, Act.CHALLENGE, Act.REDIRECT])
def test_a_question_has_so_many_follow_ups_and_no_more(timed: bool, most: int, act: Act) -> None:
    question = next(one for one in shipped().questions if one.kind == "story")
    interview = open_interview("i", "stripe", "quick", [question], timed=timed)
    for number in range(most):
        interview = interview.answer(f"t{number}", f"{REPLY} {number}")
        interview = interview.reply(
            Turn(f"p{number}", Role.INTERVIEWER, "What did that cost?", "action.risk", act=act)
        )
    interview = interview.answer("last", REPLY)
    assert not interview.may_probe
    with pytest.raises(OutOfTurnError, match="all its follow-ups"):
        interview.reply(Turn("one more", Role.INTERVIEWER, "And what else?", "action.risk", act=act))


def test_facts_that_are_asked_for_cost_no_call(conductor: Conductor, scripted_model: ScriptedModel) -> None:
    interview = conductor.start("uber", "quick", 1, kind="case")
    conductor.model()
    for number in range(12):
        asked = f"How many drivers are hit in region {number}?"
        assert followed(conductor.answer(interview.id, f"t{number}", asked, asks=True))
    assert not calls_of(scripted_model)


def test_a_thousand_answers_at_once_are_one_answer_and_one_follow_up(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    judge, go_on = scripted_model.reply, threading.Event()

    def held(messages: list[dict[str, object]], parameters: dict[str, object]) -> str | float:
        assert messages[-1]["content"] == START_UP or go_on.wait(60)
        return judge(messages, parameters)

    scripted_model.reply = held
    interview = conductor.start("stripe", "quick", 1, kind="story")

    def submit(number: int) -> bool:
        try:
            conductor.answer(interview.id, f"t{number}", ANSWER)
        except OutOfTurnError:
            return False
        return True

    with ThreadPoolExecutor(8) as clients:
        taken = sum(clients.map(submit, range(SUBMITS)))
    go_on.set()
    assert taken == 1
    followed(conductor.move_under_way(interview.id) or pytest.fail("no move was made"))
    assert len(conductor.records.interviews.find(interview.id).current.turns) == 2
    assert len(calls_of(scripted_model)) <= CALLS_PER_ANSWER


@pytest.mark.usefixtures("no_pause")
def test_a_question_is_graded_once_and_a_grading_that_fails_costs_fifteen_requests(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick", 1, kind="story")
    followed(conductor.answer(interview.id, "t1", ANSWER))
    before = len(scripted_model.requests)
    scripted_model.fault = lambda request: failure(503)
    for _ in range(20):
        conductor.finish(interview.id)
    until(lambda: conductor.records.jobs.of(interview.id)[0].state == "failed")
    assert len(calls_of(scripted_model, before)) == MOST_GRADINGS * MOST_ATTEMPTS == 15
    scripted_model.fault = lambda request: None
    before = len(scripted_model.requests)
    for _ in range(20):
        conductor.retry_grading(interview.id)
    until(lambda: graded(conductor, interview.id))
    for _ in range(20):
        conductor.retry_grading(interview.id)
        conductor.finish(interview.id)
    assert [job.exchange for job in conductor.records.jobs.of(interview.id)] == [0]
    assert len(calls_of(scripted_model, before)) == len(CHECKS)


def test_an_interview_that_the_model_cannot_read_at_once_has_no_score_and_the_card_says_so(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick", 1, kind="story")
    followed(conductor.answer(interview.id, "t1", ANSWER))
    long = failure(400, "the request exceeds the available context size")
    scripted_model.fault = lambda request: long if request.messages[-1]["content"] != START_UP else None
    conductor.finish(interview.id)
    until(lambda: graded(conductor, interview.id))
    card = conductor.scorecard(interview.id)
    assert card.overall is None
    assert "cannot read so much at once: the request exceeds the available context size" in card.reasons[0]
    assert conductor.records.interviews.find(interview.id).exchanges[0].answers[0].text == ANSWER
