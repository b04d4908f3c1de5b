"""Short runs of what tests/soak counts in full: kills, power cuts, full disks, cut replies, jumping clocks."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import ScriptedModel
from keeping import answered, moved_on, opened
from soak import busy, cuts, disk, kills, power
from soak.history import History, audited
from soak.shim import WHERE, compiled
from soak.tally import Tally

from simulator.interview import Next
from simulator.records import LEASE_SECONDS, Records
from simulator.records import interviews as kept_interviews
from simulator.settings import CHECKWISE, STRUCTURED

HOUR, DAY = 3_600.0, 86_400.0
SEED = 1


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not WHERE:
        pytest.skip("only Linux lets a library stand between a program and its disk")
    return compiled(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def given(data_dir: Path, scripted_model: ScriptedModel) -> dict[str, Any]:
    place = {"data_dir": data_dir, "cache_dir": data_dir}
    return place | {"model": "fake", "base_url": scripted_model.base_url, "call_timeout_seconds": 60}


def assert_kept(tally: Tally, times: int) -> None:
    assert tally.faults == []
    assert tally.broken == times


# Kills


@pytest.fixture(autouse=True)
def _own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    # A page drawn by an earlier test leaves its script as the main module, and every child would begin by running it.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))


def test_worker_kills_lose_nothing_grade_nothing_twice_and_leave_nothing_stuck(tmp_path: Path) -> None:
    tally = kills.worker_kills(tmp_path, 30, SEED)
    assert_kept(tally, 30)
    assert tally.counts["at a named point"] == 6
    assert tally.counts["grades acknowledged"] > 30


def test_server_kills_lose_no_answer_and_every_interview_comes_to_its_scorecard(given: dict[str, Any]) -> None:
    tally = kills.server_kills(given, 4, SEED)
    assert_kept(tally, 4)
    assert tally.counts["answers acknowledged"] > 4


@pytest.mark.parametrize("harm", ["a lost answer", "a second grade", "a lost grade", "a lost draft"])
def test_the_history_sees(harm: str, tmp_path: Path) -> None:
    path = audited(tmp_path / "interviews.db")
    history, tally = History(), Tally("")
    with closing(Records(path)) as records:
        one = answered(records, grade=(0,))
        job = records.jobs.take("w")
        assert job and records.jobs.finish(job, "w", {"token": "t"})
        records.interviews.keep_draft(one.id, "At the launch")
    history.hear(("answered", one.id, one.current.turns[0].id, one.current.turns[0].text))
    history.hear(("graded", one.id, 0, "t"))
    history.hear(("draft", one.id, "not yet sent", "At the launch"))
    history.check(path, tally)
    assert tally.faults == []
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(HARM[harm])
    history.check(path, tally)
    assert len(tally.faults) == 1 and harm.split()[-1] in tally.faults[0]


HARM = {
    "a lost answer": "UPDATE turns SET text = 'I cut'",
    "a second grade": 'UPDATE grades SET grade = \'{"token": "u"}\'',
    "a lost grade": "DELETE FROM audit",
    "a lost draft": "DELETE FROM drafts",
}


# Power cuts


def test_a_power_cut_takes_nothing_that_was_acknowledged(library: Path, tmp_path: Path) -> None:
    tally = power.power_cuts(tmp_path, library, 60, SEED)
    assert_kept(tally, 60)
    assert tally.counts["acknowledged"] > 600
    assert tally.counts["acknowledged and lost"] == 0


def test_without_waiting_for_the_disk_power_cuts_are_seen_to_take_what_was_acknowledged(
    library: Path, tmp_path: Path
) -> None:
    tally = power.power_cuts(tmp_path, library, 10, SEED, power.UNSAFE)
    assert tally.broken == 10
    assert tally.counts["acknowledged and lost"] > 0
    assert any("lost" in fault for fault in tally.faults)


# Disks


def test_a_disk_that_is_full_at_any_write_of_an_interview_is_told_and_loses_nothing(
    library: Path, given: dict[str, Any]
) -> None:
    tally = disk.full(library, given, 30, SEED)
    assert_kept(tally, 30)
    assert tally.counts["points with a write that failed"] > 25
    assert tally.counts["refused while answering"] > 0


def test_what_was_acknowledged_between_i_o_errors_is_there(library: Path, tmp_path: Path) -> None:
    tally = disk.errors(library, tmp_path, 1_000, SEED)
    assert tally.faults == []
    assert tally.broken > 20 and tally.counts["errors raised"] > 20 and tally.counts["acknowledged"] > 100


# Cut replies


@pytest.mark.parametrize("method", [STRUCTURED, CHECKWISE])
def test_a_reply_that_is_cut_at_any_byte_makes_no_score(method: str) -> None:
    tally = cuts.reply_cuts(method, checks=1)
    assert_kept(tally, tally.counts["bytes of a reply"])
    assert tally.broken > 400


def test_a_question_that_is_cut_while_it_is_streamed_is_never_kept_in_part(given: dict[str, Any]) -> None:
    with cuts.CutModel() as model:
        tally = cuts.question_cuts(
            given | {"base_url": model.base_url}, model, 500
        )  # the shortest question is a stream of some 2,400 bytes
    assert tally.faults == []
    assert tally.broken >= 4 and tally.counts["told, and asked again"] >= 2


# Many at once


def test_twenty_writers_at_once_are_never_told_of_a_lock_and_lose_nothing(tmp_path: Path) -> None:
    assert_kept(busy.writers(tmp_path / "busy.db", 20, 600), 600)


def test_a_lock_of_another_program_is_waited_for_and_told_when_it_takes_too_long(tmp_path: Path) -> None:
    tally = busy.held_locks(tmp_path, 1.0, 6.0)
    assert_kept(tally, 2)
    assert tally.counts == {"waited for": 1, "told": 1}


# Clocks


@pytest.mark.parametrize("jump", [-HOUR, DAY, -1_000_000.0, 2**31 - 1_000_000.0])
def test_a_clock_that_jumps_strands_no_job_and_lets_none_be_graded_twice(
    jump: float, kept: Records, clock: Callable[[float], None]
) -> None:
    interview = answered(kept, grade=(0,))
    dead = kept.jobs.take("w1")
    assert dead
    clock(jump)
    clock(LEASE_SECONDS + 1)
    job = kept.jobs.take("w2")
    assert job and job.attempts == 2, "the job of a dead worker waits for a time that is long gone"
    assert not kept.jobs.finish(dead, "w1", {"by": "w1"})
    assert kept.jobs.renew(job, "w2")
    assert kept.jobs.take("w3") is None
    assert kept.jobs.finish(job, "w2", {"by": "w2"})
    assert kept.jobs.grades(interview.id) == {0: {"by": "w2"}}


def test_turns_keep_their_order_whatever_the_clock_does(kept: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    interview = opened(kept)
    while interview.next is not Next.NOBODY:
        year = 2038 - 5 * sum(len(exchange.turns) for exchange in interview.exchanges)
        monkeypatch.setattr(kept_interviews, "now", lambda year=year: f"{year}-01-19T03:14:07.000000+00:00")
        after = moved_on(interview)
        kept.interviews.save(interview, after)
        assert kept.interviews.find(interview.id) == after
        interview = after
