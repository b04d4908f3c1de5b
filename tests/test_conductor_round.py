"""A company's round through the conductor: its clock, its cases and their facts, stories told twice, second tries."""

import sqlite3
import time
from contextlib import closing

import pytest
from conducting import REPLY, Starts, followed, graded, until
from conftest import ScriptedModel, judging, shipped
from telling import ANSWER, OTHER, RETOLD

from simulator.clock import ANNOUNCED_SECONDS, GRADED, LEAST_FOR_A_PROBE_SECONDS
from simulator.conductor import Conductor
from simulator.errors import OutOfTurnError
from simulator.interview import FOLLOW_UPS, Act, Interview, Next, Question, Role, Segment, open_interview
from simulator.records import new_id
from simulator.settings import Settings

STORY, SECOND_STORY = shipped().questions_for("stripe", "story")[:2]
CASE = next(one for one in shipped().questions if one.id.endswith("sign-up-completion-overnight"))
OPENING = shipped().questions_for("stripe", "opening")[0]
CRITERIA = {check.id for rubric in shipped().rubrics.values() for check in rubric.checks if check.is_criterion}
ASKED = "How many people start to sign up on a normal weekday?"
INTRODUCED = "I look after the returns flow of a shop, with five engineers and a designer around me."
PLANNED = (
    "On Monday at nine I would sit down with Priya from billing and pull the hourly charts for the weekend, iPhones "
    "apart from Android. If one screen lost them, its newest switch goes off before lunch, and support gets three "
    "lines to paste into replies. Marketing's Thursday newsletter waits. Should fewer than sixty in a hundred come "
    "through by noon, I ring our director, because she alone can push the press date back."
)
PART_SECONDS = 600.0


@pytest.fixture
def nothing_open(scripted_model: ScriptedModel) -> None:
    """The model finds all that is looked for in every answer."""
    scripted_model.reply = judging(CRITERIA, sure=0.99)


def opened(conductor: Conductor, *questions: Question, timed: bool = False) -> Interview:
    """A round of these questions, ten minutes each."""
    plan = [Segment(f"part {number}", one.kind, PART_SECONDS) for number, one in enumerate(questions, 1)]
    round_ = open_interview(new_id(), "stripe", "full", questions, plan=plan, began=time.time(), timed=timed)
    conductor.records.interviews.add(round_)
    return round_


def now(conductor: Conductor, interview: Interview) -> Interview:
    return conductor.records.interviews.find(interview.id)


def acts(conductor: Conductor, interview: Interview) -> list[Act]:
    return [turn.act for turn in now(conductor, interview).current.turns]


def answer_to(interview: Interview) -> str:
    """What a candidate says next: no story twice."""
    if interview.current.turns:
        return f"{REPLY} That was {len(interview.current.turns)} months ago."
    told = [exchange.question.kind for exchange in interview.exchanges]
    return {"opening": INTRODUCED, "case": PLANNED, "story": (ANSWER, OTHER)[told.count("story") - 1]}[told[-1]]


def wait(settings: Settings, interview: Interview, seconds: float) -> None:
    """Let so much time go by, as if the round had begun so much earlier."""
    with closing(sqlite3.connect(settings.data_dir / "interviews.db")) as database, database:
        database.execute("UPDATE interviews SET began = began - ? WHERE id = ?", (seconds, interview.id))


# --- a case and its facts --------------------------------------------------------------------------------


def test_what_is_asked_about_a_case_gets_its_fact_the_same_every_time_and_is_no_answer(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = opened(conductor, CASE)
    told = [followed(conductor.answer(interview.id, f"t{number}", ASKED)) for number in range(2)]
    assert told[0] == told[1] and told[0] in CASE.facts and "9,000" in told[0]
    assert acts(conductor, interview) == [Act.CLARIFICATION, Act.FACT] * 2
    after = now(conductor, interview)
    assert (after.next, after.current.answered, len(after.current.probes)) == (Next.CANDIDATE, False, 0)
    assert scripted_model.requests == []
    assert conductor.finish(interview.id).closed
    assert conductor.records.jobs.of(interview.id) == []


def test_what_was_asked_about_a_case_is_not_graded_with_the_answer(conductor: Conductor) -> None:
    interview = opened(conductor, CASE)
    followed(conductor.answer(interview.id, "t1", ASKED))
    assert followed(conductor.answer(interview.id, "t2", PLANNED)).endswith("?")
    conductor.finish(interview.id)
    until(lambda: graded(conductor, interview.id))
    turns = now(conductor, interview).exchanges[0].turns
    assert [turn.act for turn in turns[:3]] == [Act.CLARIFICATION, Act.FACT, Act.ANSWER]
    card = conductor.scorecard(interview.id)
    assert card.overall is not None
    assert str(card.provenance["rubric"]).startswith("rubrics/case@")
    cited = [turns[words.turn] for one in card.shown for words in one.evidence]
    assert cited and all(turn.text == PLANNED for turn in cited)


def test_what_no_fact_of_the_case_answers_is_told_so_and_nothing_is_made_up(conductor: Conductor) -> None:
    interview = opened(conductor, CASE)
    told = followed(conductor.answer(interview.id, "t1", "Who won the cup final last year?"))
    assert told in conductor.program.conduct.no_fact
    assert acts(conductor, interview) == [Act.CLARIFICATION, Act.FACT]


def test_a_candidate_can_say_that_they_ask_in_a_case_and_not_in_a_story(conductor: Conductor) -> None:
    plain = "I need to know how many people start to sign up on a normal weekday."
    case, story = opened(conductor, CASE), opened(conductor, STORY)
    assert "9,000" in followed(conductor.answer(case.id, "t1", plain, asks=True))
    followed(conductor.answer(story.id, "t2", ANSWER, asks=True))
    assert acts(conductor, case) == [Act.CLARIFICATION, Act.FACT]
    assert acts(conductor, story) == [Act.ANSWER, Act.PROBE]


# --- a story told again ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_open")
@pytest.mark.parametrize("then", [OTHER, RETOLD], ids=["another story", "the same one again"])
def test_a_story_told_again_is_sent_back_once_and_then_the_round_goes_on(then: str, conductor: Conductor) -> None:
    interview = opened(conductor, STORY, SECOND_STORY)
    followed(conductor.answer(interview.id, "t1", ANSWER))
    assert followed(conductor.answer(interview.id, "t2", REPLY)) == ""
    told = followed(conductor.answer(interview.id, "t3", RETOLD))
    assert told in conductor.program.conduct.another_story
    assert acts(conductor, interview) == [Act.ANSWER, Act.REDIRECT]
    assert followed(conductor.answer(interview.id, "t4", then)).endswith("?")
    assert acts(conductor, interview) == [Act.ANSWER, Act.REDIRECT, Act.ANSWER, Act.CHALLENGE]
    assert followed(conductor.answer(interview.id, "t5", f"{REPLY} Nobody asked for the points again.")) == ""
    assert now(conductor, interview).closed


@pytest.mark.usefixtures("nothing_open")
def test_another_story_in_the_second_question_is_not_sent_back(conductor: Conductor) -> None:
    interview = opened(conductor, STORY, SECOND_STORY)
    followed(conductor.answer(interview.id, "t1", ANSWER))
    followed(conductor.answer(interview.id, "t2", REPLY))
    followed(conductor.answer(interview.id, "t3", OTHER))
    assert acts(conductor, interview) == [Act.ANSWER, Act.CHALLENGE]


# --- the clock -------------------------------------------------------------------------------------------


def test_time_that_is_not_up_changes_nothing(conductor: Conductor, settings: Settings) -> None:
    interview = opened(conductor, STORY, CASE, timed=True)
    wait(settings, interview, PART_SECONDS - 30)
    before = now(conductor, interview)
    assert conductor.time_up(interview.id, "t1", ANSWER) == before == now(conductor, interview)
    calm = opened(conductor, STORY, CASE)
    wait(settings, calm, 10 * PART_SECONDS)
    assert conductor.time_up(calm.id, "t1", ANSWER) == now(conductor, calm)
    assert now(conductor, calm).current.turns == ()


def test_when_the_time_is_up_what_is_typed_is_the_answer_and_the_next_question_is_put(
    conductor: Conductor, settings: Settings
) -> None:
    interview = opened(conductor, STORY, CASE, timed=True)
    wait(settings, interview, PART_SECONDS + 1)
    after = conductor.time_up(interview.id, "t1", ANSWER)
    (turn,) = after.exchanges[0].turns
    assert (turn.text, turn.act, turn.role) == (ANSWER, Act.ANSWER, Role.CANDIDATE)
    assert turn.at >= PART_SECONDS
    assert (len(after.exchanges), after.closed, after.current.turns) == (2, False, ())
    assert after.current.started >= turn.at
    assert after.deadline == after.current.started + PART_SECONDS
    assert conductor.time_up(interview.id, "t1", ANSWER) == after == now(conductor, interview)
    conductor.program.warm_up()
    until(lambda: graded(conductor, interview.id))
    assert [job.exchange for job in conductor.records.jobs.of(interview.id)] == [0]


@pytest.mark.parametrize("typed", ["", " \n", "???"])
def test_when_the_time_is_up_and_nothing_is_typed_the_round_goes_on_and_closes_after_its_last_question(
    typed: str, conductor: Conductor, settings: Settings, scripted_model: ScriptedModel
) -> None:
    interview = opened(conductor, STORY, CASE, timed=True)
    wait(settings, interview, PART_SECONDS + 1)
    assert len(conductor.time_up(interview.id, "t1", typed).exchanges) == 2
    wait(settings, interview, PART_SECONDS + 1)
    after = conductor.time_up(interview.id, "t2", typed)
    assert after.closed
    assert conductor.time_up(interview.id, "t3", typed) == after
    assert [exchange.turns for exchange in after.exchanges] == [(), ()]
    assert conductor.records.jobs.of(interview.id) == []
    assert scripted_model.requests == []


def test_an_answer_that_comes_when_the_time_is_up_is_kept_and_not_followed_up(
    conductor: Conductor, settings: Settings
) -> None:
    interview = opened(conductor, STORY, CASE, timed=True)
    wait(settings, interview, PART_SECONDS + 1)
    assert followed(conductor.answer(interview.id, "t1", ANSWER)) == ""
    after = now(conductor, interview)
    assert [turn.text for turn in after.exchanges[0].turns] == [ANSWER]
    assert len(after.exchanges) == 2


def test_with_too_little_time_left_there_is_no_follow_up_but_the_next_question(
    conductor: Conductor, settings: Settings, scripted_model: ScriptedModel
) -> None:
    interview = opened(conductor, STORY, CASE, timed=True)
    wait(settings, interview, PART_SECONDS - LEAST_FOR_A_PROBE_SECONDS + 1)
    assert followed(conductor.answer(interview.id, "t1", ANSWER)) == ""
    assert len(now(conductor, interview).exchanges) == 2
    assert not any(request.body.get("stream") for request in scripted_model.requests)


def test_that_the_time_is_nearly_up_is_said_once(conductor: Conductor, settings: Settings) -> None:
    interview = opened(conductor, STORY, CASE, timed=True)
    early = followed(conductor.answer(interview.id, "t1", ANSWER))
    spent = now(conductor, interview).current.turns[-1].at
    wait(settings, interview, PART_SECONDS - ANNOUNCED_SECONDS - spent)
    late = [followed(conductor.answer(interview.id, f"t{n}", f"{REPLY} {n}")) for n in (2, 3)]
    said = [any(line in text for line in conductor.program.conduct.announce) for text in (early, *late)]
    assert said == [False, True, False]
    assert late[0].startswith(conductor.program.conduct.announce)
    assert [text.endswith("?") for text in late] == [True, True]
    assert now(conductor, interview).current.turns[3].text == late[0]


# --- a whole round ---------------------------------------------------------------------------------------


def test_the_opening_of_a_round_is_neither_followed_up_nor_graded(
    conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = opened(conductor, OPENING, STORY)
    assert followed(conductor.answer(interview.id, "t1", INTRODUCED)) == ""
    after = now(conductor, interview)
    assert ([one.text for one in after.exchanges[0].turns], len(after.exchanges)) == ([INTRODUCED], 2)
    assert scripted_model.requests == []
    conductor.finish(interview.id)
    assert conductor.records.jobs.of(interview.id) == []
    assert conductor.scorecard(interview.id).ungraded == ()


@pytest.mark.parametrize("company_id", sorted(shipped().companies))
def test_a_timed_round_of_each_company_ends_with_grades_for_its_stories_and_cases_alone(
    company_id: str, conductor: Conductor, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(CRITERIA - {"action.risk"}, sure=0.99)
    interview = conductor.start(company_id, "full", timed=True)
    assert interview.plan == shipped().company(company_id).segments
    number = 0
    while not (interview := now(conductor, interview)).closed:
        number += 1
        followed(conductor.answer(interview.id, f"t{number}", answer_to(interview)))
    until(lambda: graded(conductor, interview.id))
    kinds = [exchange.question.kind for exchange in interview.exchanges]
    assert kinds == [part.kind for part in interview.plan if part.kind != "questions"]
    judged = [number for number, kind in enumerate(kinds) if kind in GRADED]
    assert sorted(conductor.grades(interview.id)) == judged
    card = conductor.scorecard(interview.id)
    assert card.overall is not None and (card.ungraded, card.reasons) == ((), ())
    for exchange in interview.exchanges:
        followups = [turn.act for turn in exchange.turns if turn.act in FOLLOW_UPS]
        assert followups == ([Act.PROBE, Act.PRESS, Act.CHALLENGE] if exchange.graded else [])
    times = [at for one in interview.exchanges for at in (one.started, *(turn.at for turn in one.turns))]
    assert times == sorted(times)


def test_questions_of_the_last_rounds_are_not_put_again(conductor: Conductor) -> None:
    rounds = [conductor.start("stripe", "full").questions for _ in range(3)]
    judged = [one.id for questions in rounds for one in questions if one.kind in GRADED]
    assert len(set(judged)) == len(judged) == 6
    openings = [one.id for questions in rounds for one in questions if one.kind == "opening"]
    assert openings[0] != openings[1]


def test_a_long_round_asks_no_question_twice(conductor: Conductor) -> None:
    interview = conductor.start("uber", "quick", 10)
    assert len({question.id for question in interview.questions}) == 10


def test_a_question_can_be_tried_again_in_a_round_of_its_own(conductor: Conductor) -> None:
    before = conductor.start("stripe", "full", timed=True)
    followed(conductor.answer(before.id, "t1", INTRODUCED))
    followed(conductor.answer(before.id, "t2", ANSWER))
    conductor.finish(before.id)
    again = conductor.retry(before.id, 1)
    assert again == now(conductor, again)
    assert (again.retry_of, again.company, again.timed) == (before.id, "stripe", True)
    assert again.questions == (before.questions[1],)
    assert [(part.kind, part.seconds) for part in again.plan] == [("story", before.plan[1].seconds)]
    assert followed(conductor.answer(again.id, "t3", RETOLD)).endswith("?")
    assert acts(conductor, again) == [Act.ANSWER, Act.PROBE]  # told in another round: no story told twice
    conductor.finish(again.id)
    until(lambda: graded(conductor, again.id) and graded(conductor, before.id))
    assert conductor.scorecard(again.id).overall is not None


def test_a_restart_in_the_middle_of_a_round_keeps_its_plan_its_times_and_what_each_turn_does(
    conductors: Starts, settings: Settings, scripted_model: ScriptedModel
) -> None:
    first = conductors()
    interview = opened(first, OPENING, STORY, CASE, timed=True)
    wait(settings, interview, 40)
    followed(first.answer(interview.id, "t1", INTRODUCED))
    for number in range(2, 4):
        followed(first.answer(interview.id, f"t{number}", f"{ANSWER} {number}"))
    wait(settings, interview, PART_SECONDS - 30)
    followed(first.answer(interview.id, "t4", REPLY))
    followed(first.answer(interview.id, "t5", ASKED))
    before = now(first, interview)
    first.program.close()
    scripted_model.requests.clear()
    second = conductors()
    assert now(second, interview) == before
    assert [round(part.seconds) for part in before.plan] == [600, 600, 600]
    assert [turn.act for turn in before.exchanges[1].turns[:4]] == [Act.ANSWER, Act.PROBE, Act.ANSWER, Act.PRESS]
    assert acts(second, interview) == [Act.CLARIFICATION, Act.FACT]
    starts = [exchange.started for exchange in before.exchanges]
    assert starts[0] == 0 and 40 <= starts[1] < starts[2] - (PART_SECONDS - 30)
    assert before.deadline == starts[2] + PART_SECONDS
    assert followed(second.answer(interview.id, "t6", PLANNED)).endswith("?")
    wait(settings, interview, PART_SECONDS + 1)
    assert second.time_up(interview.id, "t7", "").closed
    with pytest.raises(OutOfTurnError):
        second.answer(interview.id, "t8", REPLY)
