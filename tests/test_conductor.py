"""Whole interviews through the conductor: what is kept, in which order, and what survives a failure."""

import socket
import sqlite3
import threading
from contextlib import closing

import pytest
from conducting import REPLY, SECONDS, failed, followed, graded, until
from conftest import SHOWN, ScriptedModel, judging, shipped
from fault_server import Messages, events, failure, streamed
from filelock import FileLock
from telling import ANSWER, OTHER

from simulator.conductor import Conductor
from simulator.errors import (
    InputError,
    ModelUnavailableError,
    OutOfTurnError,
    SimulatorError,
)
from simulator.interview import MOST_PROBES, Act, Next, Role
from simulator.move import Move
from simulator.program import Loading, Program
from simulator.rubric import DIMENSIONS
from simulator.settings import Settings

# --- a whole interview -----------------------------------------------------------------------------------


def test_an_interview_goes_from_the_first_question_over_its_probes_to_a_scorecard(conductor: Conductor) -> None:
    interview = conductor.start("stripe", "quick", 2, kind="story")
    assert (interview.next, len(interview.questions), len(interview.exchanges)) == (Next.CANDIDATE, 2, 1)
    number = 0
    while (interview := conductor.records.interviews.find(interview.id)).next is Next.CANDIDATE:
        number += 1
        first = (ANSWER, OTHER)[len(interview.exchanges) - 1]
        answer = f"{REPLY} {number}" if interview.current.answered else first
        told = followed(conductor.answer(interview.id, f"t{number}", answer))
        last = conductor.records.interviews.find(interview.id).current.turns
        assert told == (last[-1].text if told else "")
    assert interview.closed
    assert number == 2 * (1 + MOST_PROBES)
    probes = [turn for exchange in interview.exchanges for turn in exchange.probes]
    assert [len(exchange.probes) for exchange in interview.exchanges] == [MOST_PROBES, MOST_PROBES]
    assert all(turn.text.endswith("?") and turn.check and turn.passages for turn in probes)
    used = [passage for turn in probes for passage in turn.passages]
    assert len(set(used)) == len(used)
    for exchange in interview.exchanges:
        probe, press, another = exchange.probes
        assert (probe.act, press.act, another.act) == (Act.PROBE, Act.PRESS, Act.PROBE)
        assert probe.check == press.check != another.check
    until(lambda: graded(conductor, interview.id))
    card = conductor.scorecard(interview.id)
    assert [one.dimension for one in card.dimensions] == list(DIMENSIONS)
    assert card.overall and card.low and card.high and 1 <= card.low <= card.overall <= card.high <= 4
    assert {one.check for one in card.shown} == SHOWN
    for shown in card.shown:
        for words in shown.evidence:
            turn = interview.exchanges[shown.exchange].turns[words.turn]
            assert turn.role is Role.CANDIDATE and turn.text[words.start : words.end] == words.text
    assert {one.check for one in card.not_shown} >= {turn.check for turn in probes}
    assert (card.ungraded, card.reasons, len(card.improvements)) == ((), (), 3)
    assert conductor.grading_progress(interview.id) == {}


def test_an_interview_starts_without_a_model(settings: Settings) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        conductor = Conductor(Program(settings.model_copy(update={"base_url": address})))
        for company in shipped().companies:
            interview = conductor.start(company, "full")
            assert interview.current.question.text
            assert conductor.records.interviews.find(interview.id) == interview
        assert conductor.program.loading is Loading.NOT_STARTED
        conductor.program.close()


def test_an_unknown_length_or_company_starts_nothing(conductor: Conductor) -> None:
    with pytest.raises(InputError, match="quick, full, custom"):
        conductor.start("stripe", "endless")
    with pytest.raises(SimulatorError, match="initech"):
        conductor.start("initech", "quick")
    assert conductor.records.interviews.summaries() == []


# --- one answer ------------------------------------------------------------------------------------------


def test_the_answer_is_on_disk_before_the_model_hears_of_it(
    conductor: Conductor, settings: Settings, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick")
    kept: list[list[tuple[str, str]]] = []
    judge = judging()

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        with closing(sqlite3.connect(settings.data_dir / "interviews.db")) as database:
            kept.append(database.execute("SELECT id, text FROM turns").fetchall())
        return judge(messages, parameters)

    scripted_model.reply = reply
    followed(conductor.answer(interview.id, "t1", ANSWER))
    assert kept[0] == [("t1", ANSWER)]


def test_a_model_that_fails_leaves_the_answer_and_the_move_can_be_made_again(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick")
    half = streamed(events("What did that cost your team in the end?"), cut=600)
    scripted_model.fault = lambda request: half if request.body.get("stream") else None
    error = failed(conductor.answer(interview.id, "t1", ANSWER))
    assert isinstance(error, ModelUnavailableError)
    after = conductor.records.interviews.find(interview.id)
    assert after.next is Next.INTERVIEWER
    assert [turn.text for turn in after.current.turns] == [ANSWER]
    scripted_model.fault = lambda request: None
    probe = followed(conductor.move(interview.id))
    turns = conductor.records.interviews.find(interview.id).current.turns
    assert [turn.text for turn in turns] == [ANSWER, probe]
    with pytest.raises(OutOfTurnError):
        conductor.move(interview.id)


@pytest.mark.usefixtures("no_pause")
def test_a_model_that_is_down_is_told_and_sending_the_answer_again_is_another_try(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick")
    scripted_model.fault = lambda request: failure(503)
    assert "overloaded" in str(failed(conductor.answer(interview.id, "t1", ANSWER)))
    scripted_model.fault = lambda request: None
    assert followed(conductor.answer(interview.id, "t1", ANSWER)).endswith("?")
    assert len(conductor.records.interviews.find(interview.id).current.turns) == 2


def test_an_answer_sent_twice_at_once_is_one_turn_and_one_move(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick")
    conductor.model()
    together = threading.Barrier(2)
    outcomes: list[Move | SimulatorError] = []

    def send() -> None:
        together.wait(SECONDS)
        try:
            outcomes.append(conductor.answer(interview.id, "t1", ANSWER))
        except SimulatorError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    first, second = outcomes
    assert isinstance(first, Move) and first is second
    followed(first)
    turns = conductor.records.interviews.find(interview.id).current.turns
    assert [turn.role for turn in turns] == [Role.CANDIDATE, Role.INTERVIEWER]
    assert sum(bool(request.body.get("stream")) for request in scripted_model.requests) == 1


def test_an_answer_sent_again_after_its_probe_came_changes_nothing(conductor: Conductor) -> None:
    interview = conductor.start("stripe", "quick")
    probe = followed(conductor.answer(interview.id, "t1", ANSWER))
    before = conductor.records.interviews.find(interview.id)
    assert followed(conductor.answer(interview.id, "t1", ANSWER)) == probe
    assert conductor.records.interviews.find(interview.id) == before


def test_a_second_reader_of_a_move_hears_all_of_it(conductor: Conductor) -> None:
    interview = conductor.start("stripe", "quick")
    move = conductor.answer(interview.id, "t1", ANSWER)
    assert followed(move) == followed(move) == conductor.records.interviews.find(interview.id).current.turns[-1].text
    assert conductor.move_under_way(interview.id) is move


def test_answering_does_not_wait_for_the_index(conductor: Conductor, settings: Settings) -> None:
    with FileLock(settings.data_dir / "index" / "build.lock"):  # as another process holds it while it builds
        conductor.program.warm_up()
        interview = conductor.start("stripe", "quick")
        moves: list[Move] = []

        def visit() -> None:
            conductor.program.warm_up()
            moves.append(conductor.answer(interview.id, "t1", ANSWER))
            assert conductor.move_under_way(interview.id) is moves[0]
            moves.append(moves[0])

        visitor = threading.Thread(target=visit, daemon=True)
        visitor.start()
        visitor.join(5)
        assert len(moves) == 2
        assert conductor.program.loading is Loading.LOADING
    assert followed(moves[0]).endswith("?")


# --- finishing and grading -------------------------------------------------------------------------------


def test_finishing_in_the_middle_of_a_question_grades_what_was_said(conductor: Conductor) -> None:
    interview = conductor.start("stripe", "quick")
    followed(conductor.answer(interview.id, "t1", ANSWER))
    assert conductor.finish(interview.id).closed
    assert conductor.finish(interview.id).closed
    until(lambda: graded(conductor, interview.id))
    assert [job.exchange for job in conductor.records.jobs.of(interview.id)] == [0]
    card = conductor.scorecard(interview.id)
    assert card.overall is not None
    assert card.ungraded == ()
    with pytest.raises(OutOfTurnError):
        conductor.answer(interview.id, "t2", REPLY)


def test_finishing_before_an_answer_grades_nothing(conductor: Conductor, scripted_model: ScriptedModel) -> None:
    interview = conductor.start("stripe", "quick")
    assert conductor.finish(interview.id).closed
    assert conductor.records.jobs.of(interview.id) == []
    card = conductor.scorecard(interview.id)
    assert (card.overall, card.ungraded, card.dimensions) == (None, (), ())
    assert scripted_model.requests == []


def nothing_open(model: ScriptedModel) -> None:
    model.reply = judging({check.id for check in shipped().rubrics["rubrics/story"].checks if check.is_criterion})


def test_the_first_question_is_graded_while_the_second_is_open(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    nothing_open(scripted_model)
    interview = conductor.start("stripe", "quick", 2, kind="story")
    assert followed(conductor.answer(interview.id, "t1", ANSWER)).endswith("?")
    challenge = conductor.records.interviews.find(interview.id).current.turns[-1]
    assert challenge.act is Act.CHALLENGE
    assert followed(conductor.answer(interview.id, "t2", REPLY)) == ""
    until(lambda: graded(conductor, interview.id))
    now = conductor.records.interviews.find(interview.id)
    assert (len(now.exchanges), now.next, now.closed) == (2, Next.CANDIDATE, False)
    assert conductor.scorecard(interview.id).overall is not None


def test_grading_waits_while_an_interviewer_s_move_is_on(conductor: Conductor, scripted_model: ScriptedModel) -> None:
    nothing_open(scripted_model)
    judge = scripted_model.reply
    interview = conductor.start("stripe", "quick", 2, kind="story")
    first, second = (question.text for question in interview.questions)
    grading, live, again = threading.Event(), threading.Event(), threading.Event()
    go_on_grading, go_on_live = threading.Event(), threading.Event()
    seen: list[str] = []

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if second in messages[-1]["content"]:
            live.set()
            assert go_on_live.wait(SECONDS)
        elif len(conductor.records.interviews.find(interview.id).exchanges) == 2:
            assert first in messages[-1]["content"]
            seen.append("grading")
            (again if grading.is_set() else grading).set()
            assert go_on_grading.wait(SECONDS)
        return judge(messages, parameters)

    scripted_model.reply = reply
    followed(conductor.answer(interview.id, "t1", ANSWER))
    assert followed(conductor.answer(interview.id, "t2", REPLY)) == ""
    assert grading.wait(SECONDS)
    move = conductor.answer(interview.id, "t3", OTHER)
    assert live.wait(SECONDS)
    go_on_grading.set()
    assert not again.wait(0.5)
    assert seen == ["grading"]
    go_on_live.set()
    followed(move)
    assert again.wait(SECONDS)
    until(lambda: graded(conductor, interview.id))


@pytest.mark.parametrize("fault", ["wrong key", "down"])
@pytest.mark.usefixtures("no_pause")
def test_a_grading_that_fails_is_failed_with_its_reason_has_no_number_and_can_be_tried_again(
    fault: str, conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick")
    followed(conductor.answer(interview.id, "t1", ANSWER))
    scripted_model.fault = lambda request: failure(401 if fault == "wrong key" else 503)
    conductor.finish(interview.id)
    until(lambda: conductor.records.jobs.of(interview.id)[0].state == "failed")
    (job,) = conductor.records.jobs.of(interview.id)
    assert ("refused the key" if fault == "wrong key" else "overloaded") in job.error
    assert job.attempts == (1 if fault == "wrong key" else 3)
    card = conductor.scorecard(interview.id)
    assert (card.overall, card.verdict, card.ungraded) == (None, "no score", (0,))
    scripted_model.fault = lambda request: None
    conductor.retry_grading(interview.id)
    until(lambda: graded(conductor, interview.id))
    assert conductor.scorecard(interview.id).overall is not None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_grading_that_breaks_in_a_way_nobody_thought_of_is_failed_too_and_can_be_tried_again(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no error of ours")

    interview = conductor.start("stripe", "quick")
    followed(conductor.answer(interview.id, "t1", ANSWER))
    with monkeypatch.context() as patch:
        patch.setattr("simulator.evidence.Locator.locate", broken)
        conductor.finish(interview.id)
        until(lambda: conductor.records.jobs.of(interview.id)[0].state == "failed")
    assert "unexpectedly" in conductor.records.jobs.of(interview.id)[0].error
    conductor.retry_grading(interview.id)
    until(lambda: graded(conductor, interview.id))


def test_a_judge_without_verdicts_ends_in_a_reason_and_no_number(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = conductor.start("stripe", "quick")
    followed(conductor.answer(interview.id, "t1", ANSWER))
    scripted_model.reply = lambda messages, parameters: "Perhaps"
    conductor.finish(interview.id)
    until(lambda: graded(conductor, interview.id))
    card = conductor.scorecard(interview.id)
    assert card.overall is None
    assert card.reasons[0].startswith("Question 1: the model gave no usable verdict on")
