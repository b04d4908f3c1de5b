"""What is kept, in a real SQLite file and in a real PostgreSQL database: interviews, drafts and guides."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from keeping import ODD, QUESTIONS, answered, anywhere, moved_on, opened, probe

from simulator.errors import InputError, OutOfTurnError, StorageError
from simulator.interview import Act, Interview, Question, Role, Segment, Turn, open_interview
from simulator.records import (
    Guide,
    Records,
    new_id,
    passages_of,
)

place = anywhere()

# Interviews


def test_an_interview_is_the_same_after_every_move_and_after_a_restart(place: Path | str) -> None:
    first, second = Records(place), Records(place)
    before = opened(first)
    moves = 0
    while not before.closed:
        after = moved_on(before)
        first.interviews.save(before, after)
        assert first.interviews.find(after.id) == second.interviews.find(after.id) == after
        before, moves = after, moves + 1
    assert moves == 2 * 8
    first.close()
    second.close()
    assert Records(place).interviews.find(before.id) == before


def test_a_round_with_a_plan_and_a_clock_comes_back_to_the_last_digit(place: Path | str) -> None:
    records = Records(place)
    questions = (
        Question("opening/you", "Tell me about yourself.", "opening"),
        Question("case/fall", "Orders fall by a tenth.", "case", facts=("On Android only.", "Since the 3rd.")),
    )
    plan = (Segment("opening", "opening", 180.1), Segment("case", "case", 0.1 + 0.2, "several guides"))
    before = open_interview(
        new_id(), "uber", "custom", questions, plan=plan, began=1767323045.1234567, timed=True, retry_of="before"
    )
    records.interviews.add(before)
    moves: list[Callable[[Interview], Interview]] = [
        lambda one: one.answer("a1", "I run payments.", at=41.3),
        lambda one: one.advance(at=1 / 3),
        lambda one: one.answer("a2", "Which platform is it?", at=99.9, act=Act.CLARIFICATION),
        lambda one: one.reply(Turn("f1", Role.INTERVIEWER, "On Android only.", act=Act.FACT, at=100.5)),
        lambda one: one.answer("a3", "Then I would look at the release.", at=140.25),
        lambda one: one.reply(
            Turn("p1", Role.INTERVIEWER, "Why that?", "case.decision", ("probes/a/b",), Act.PRESS, 150.0, "praise")
        ),
    ]
    for move in moves:
        after = move(before)
        records.interviews.save(before, after)
        assert Records(place).interviews.find(before.id) == after
        before = after
    assert [one.answers for one in records.interviews.summaries()] == [2], "a question to the interviewer is none"


@pytest.mark.parametrize("text", ODD)
def test_any_text_comes_back_as_it_was_said(place: Path | str, text: str) -> None:
    records = Records(place)
    question = Question("q", text, topic=text, invites=(text,))
    before = opened(records, (question,))
    turns = (Turn("a1", Role.CANDIDATE, text), probe(text))
    after = replace(before, exchanges=(replace(before.current, turns=turns),))
    records.interviews.save(before, after, grade=[0])
    records.interviews.keep_draft(after.id, text)
    job = records.jobs.take("w")
    assert job is not None
    assert records.jobs.finish(job, "w", {"note": text, "spans": [{"text": text}], "overall": 2.8, "band": None})
    guide = Guide("g1", text, "meta", (text, text), "2026-01-01")
    assert records.guides.add(guide)
    records.close()
    again = Records(place)
    assert again.interviews.find(after.id) == after
    assert again.interviews.draft(after.id) == text
    assert again.jobs.grades(after.id) == {0: {"note": text, "spans": [{"text": text}], "overall": 2.8, "band": None}}
    assert again.guides.all() == [guide]


def test_an_unknown_interview_is_an_input_error(kept: Records) -> None:
    with pytest.raises(InputError):
        kept.interviews.find("nowhere")
    ghost = open_interview("ghost", "meta", "full", QUESTIONS)
    with pytest.raises(InputError):
        kept.interviews.save(ghost, ghost.answer("a", "I cut it."))


def test_a_move_from_a_stale_interview_is_refused_and_leaves_no_trace(kept: Records) -> None:
    stale = opened(kept)
    current = stale.answer("first", "I cut the export.")
    kept.interviews.save(stale, current)
    kept.interviews.keep_draft(stale.id, "half a sentence")
    for after in (stale.answer("second", "I did not."), stale.advance(), stale.close()):
        with pytest.raises(OutOfTurnError):
            kept.interviews.save(stale, after, grade=[0])
    assert kept.interviews.find(stale.id) == current
    assert kept.jobs.of(stale.id) == []
    assert kept.interviews.draft(stale.id) == "half a sentence"


def test_a_failure_in_the_middle_of_a_move_keeps_nothing_of_it(kept: Records) -> None:
    other, before = answered(kept), opened(kept)
    taken = other.current.turns[0].id
    after = before.answer("fresh", "I cut it.").reply(Turn(taken, Role.INTERVIEWER, "Why?"))
    with pytest.raises(StorageError):
        kept.interviews.save(before, after, grade=[0])
    assert kept.interviews.find(before.id) == before
    assert kept.jobs.of(before.id) == []
    kept.interviews.save(before, before.answer("fresh", "I cut it."))


def test_the_list_shows_the_newest_first_with_its_answers(kept: Records) -> None:
    first = answered(kept)
    second = opened(kept)
    kept.interviews.save(first, first.reply(probe()))
    kept.interviews.save(second, second.close())
    told = [(one.id, one.company, one.length, one.closed, one.answers) for one in kept.interviews.summaries()]
    assert told == [(second.id, "meta", "full", True, 0), (first.id, "meta", "full", False, 1)]


def test_a_removed_interview_takes_all_that_belongs_to_it_along(place: Path | str) -> None:
    records = Records(place)
    gone, stays = answered(records, "A zebra crossed.", grade=(0,)), answered(records, grade=(0,))
    records.interviews.keep_draft(gone.id, "zebra draft")
    job = next(job for job in (records.jobs.take("w"), records.jobs.take("w")) if job and job.interview == gone.id)
    assert records.jobs.finish(job, "w", {"quote": "zebra"})
    records.interviews.remove(gone.id)
    assert (records.jobs.of(gone.id), records.jobs.grades(gone.id), records.interviews.draft(gone.id)) == ([], {}, "")
    assert [one.id for one in records.interviews.summaries()] == [stays.id]
    with pytest.raises(InputError):
        records.interviews.find(gone.id)
    if isinstance(place, Path):  # not in the file, and not in the log beside it while the program goes on
        assert b"zebra" not in b"".join(file.read_bytes() for file in place.parent.iterdir())


# Several at once


def test_of_two_answers_sent_at_once_exactly_one_is_kept_and_whole(place: Path | str) -> None:
    tabs = [Records(place), Records(place)]
    interview = opened(tabs[0], QUESTIONS * 10)
    acknowledged = []
    barrier = Barrier(2)

    def send(tab: int, before: Interview) -> str:
        after = before.answer(new_id(), f"Tab {tab} says so.")
        barrier.wait(timeout=120)
        try:
            tabs[tab].interviews.save(before, after, grade=[len(before.exchanges) - 1])
        except OutOfTurnError:
            return ""
        return after.current.turns[-1].id

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            sent = list(pool.map(send, (0, 1), (interview, interview)))
            winners = [turn for turn in sent if turn]
            assert len(winners) == 1
            acknowledged += winners
            answer = tabs[0].interviews.find(interview.id)
            interview = answer.advance()
            tabs[0].interviews.save(answer, interview)
    told = [turn.id for exchange in interview.exchanges for turn in exchange.turns]
    assert told == acknowledged
    assert len(tabs[1].jobs.of(interview.id)) == 20


def test_many_interviews_going_on_at_once_lose_nothing(kept: Records) -> None:
    def whole_interview(_: int) -> Interview:
        interview = opened(kept)
        while not interview.closed:
            after = moved_on(interview)
            kept.interviews.save(interview, after)
            interview = after
        return interview

    with ThreadPoolExecutor(8) as pool:
        finished = list(pool.map(whole_interview, range(8)))
    assert [kept.interviews.find(one.id) for one in finished] == finished


def test_a_new_database_can_be_opened_by_several_at_once(place: Path | str) -> None:
    barrier = Barrier(8)

    def first_start(_: int) -> str:
        barrier.wait(timeout=120)
        records = Records(place)
        return opened(records).id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(first_start, range(8)))
    assert sorted(one.id for one in Records(place).interviews.summaries()) == sorted(ids)


# Drafts


def test_a_draft_is_kept_until_the_answer_is_sent(place: Path | str) -> None:
    records = Records(place)
    before, other = opened(records), opened(records)
    assert records.interviews.draft(before.id) == ""
    records.interviews.keep_draft(before.id, "I cut")
    records.interviews.keep_draft(before.id, "I cut the export")
    records.interviews.keep_draft(other.id, "another")
    assert Records(place).interviews.draft(before.id) == "I cut the export"
    after = before.answer("a1", "I cut the export.")
    records.interviews.save(before, after)
    assert (records.interviews.draft(before.id), records.interviews.draft(other.id)) == ("", "another")


def test_the_interviewers_moves_leave_the_draft_alone(kept: Records) -> None:
    after = answered(kept)
    kept.interviews.keep_draft(after.id, "next thought")
    kept.interviews.save(after, after.reply(probe()))
    assert kept.interviews.draft(after.id) == "next thought"


# Guides


def test_a_guide_is_kept_once_and_its_passages_carry_its_title(kept: Records) -> None:
    guide = Guide("d1", "My notes", "stripe", ("First.", "Second."), "2026-01-01")
    assert kept.guides.add(guide)
    assert not kept.guides.add(guide)
    assert kept.guides.all() == [guide]
    told = [(one.id, one.text, one.company, one.kind, one.provenance, one.guide) for one in passages_of(guide)]
    assert told == [
        ("user/d1/1", "First.", "stripe", "guide", "user guide", "My notes"),
        ("user/d1/2", "Second.", "stripe", "guide", "user guide", "My notes"),
    ]
    assert kept.guides.remove("d1")
    assert not kept.guides.remove("d1")
    assert kept.guides.all() == []
