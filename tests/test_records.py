"""What is kept, in real SQLite files: moves, drafts, grading jobs, crashes, full disks and newer files."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from simulator.errors import InputError, OutOfTurnError, StorageError
from simulator.interview import Act, Interview, Next, Question, Role, Segment, Turn, open_interview
from simulator.records import (
    LEASE_SECONDS,
    MOST_ATTEMPTS,
    SCHEMA_VERSION,
    Guide,
    Job,
    Records,
    new_id,
    passages_of,
    worker_name,
)
from simulator.records import jobs as module
from simulator.settings import ROOT

QUESTIONS = (
    Question(
        "story/off-track",
        "Tell me about a project.",
        "case",
        "meta",
        "recovery",
        ("a", "b"),
        2.3,
        "several guides",
    ),
    Question("story/launch", "Pick a launch.", invites=()),
)
ODD = [
    "👨\u200d👩\u200d👧 👍🏽 🇩🇪 ❤\ufe0f 🙂",
    "e\u0301 é Zażółć \u202eabc\u202c \u200b\u2060 \ufeff",
    "日本語 العربية हिन्दी 𝔘𝔫𝔦 \U0010ffff \ue000 \ufffe",
    'it\'s "quoted"; DROP TABLE turns; -- %s :name {x} ?1 \\ \\n `back` $1',
    "one\n\n\ttwo\r\nthree\u2028four\x0b\x7f ",
    "word " * 1_999,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "interviews.db"


@pytest.fixture
def kept(path: Path) -> Iterator[Records]:
    records = Records(path)
    yield records
    records.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the records' clock on by so many seconds."""
    now = [1_000_000.0]
    monkeypatch.setattr(module.time, "time", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def opened(records: Records, questions: tuple[Question, ...] = QUESTIONS) -> Interview:
    interview = open_interview(new_id(), "meta", "full", questions)
    records.interviews.add(interview)
    return interview


def probe(text: str = "What did that cost?") -> Turn:
    return Turn(new_id(), Role.INTERVIEWER, text, "action.tradeoff", ("probes/a/b", "probes/c/d"))


def answered(records: Records, text: str = "I cut the export.", grade: tuple[int, ...] = ()) -> Interview:
    before = opened(records)
    after = before.answer(new_id(), text)
    records.interviews.save(before, after, grade)
    return after


def moved_on(interview: Interview) -> Interview:
    """The next legal move: an answer, a probe, or the next question."""
    if interview.next is Next.CANDIDATE:
        return interview.answer(new_id(), f"I did {new_id()}.")
    return interview.reply(probe()) if interview.may_probe else interview.advance()


# Interviews


def test_an_interview_is_the_same_after_every_move_and_after_a_restart(path: Path) -> None:
    first, second = Records(path), Records(path)
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
    assert Records(path).interviews.find(before.id) == before


def test_a_round_with_a_plan_and_a_clock_comes_back_to_the_last_digit(path: Path) -> None:
    records = Records(path)
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
        assert Records(path).interviews.find(before.id) == after
        before = after
    assert [one.answers for one in records.interviews.summaries()] == [2], "a question to the interviewer is none"


@pytest.mark.parametrize("text", ODD)
def test_any_text_comes_back_as_it_was_said(path: Path, text: str) -> None:
    records = Records(path)
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
    again = Records(path)
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


def test_a_removed_interview_takes_all_that_belongs_to_it_along(path: Path) -> None:
    records = Records(path)
    gone, stays = answered(records, "A zebra crossed.", grade=(0,)), answered(records, grade=(0,))
    records.interviews.keep_draft(gone.id, "zebra draft")
    job = next(job for job in (records.jobs.take("w"), records.jobs.take("w")) if job and job.interview == gone.id)
    assert records.jobs.finish(job, "w", {"quote": "zebra"})
    records.interviews.remove(gone.id)
    assert (records.jobs.of(gone.id), records.jobs.grades(gone.id), records.interviews.draft(gone.id)) == ([], {}, "")
    assert [one.id for one in records.interviews.summaries()] == [stays.id]
    with pytest.raises(InputError):
        records.interviews.find(gone.id)
    # Not in the file, and not in the log beside it while the program goes on.
    assert b"zebra" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


# Several at once


def test_of_two_answers_sent_at_once_exactly_one_is_kept_and_whole(path: Path) -> None:
    tabs = [Records(path), Records(path)]
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


def test_a_new_file_can_be_opened_by_several_at_once(path: Path) -> None:
    barrier = Barrier(8)

    def first_start(_: int) -> str:
        barrier.wait(timeout=120)
        records = Records(path)
        return opened(records).id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(first_start, range(8)))
    assert sorted(one.id for one in Records(path).interviews.summaries()) == sorted(ids)


# Drafts


def test_a_draft_is_kept_until_the_answer_is_sent(path: Path) -> None:
    records = Records(path)
    before, other = opened(records), opened(records)
    assert records.interviews.draft(before.id) == ""
    records.interviews.keep_draft(before.id, "I cut")
    records.interviews.keep_draft(before.id, "I cut the export")
    records.interviews.keep_draft(other.id, "another")
    assert Records(path).interviews.draft(before.id) == "I cut the export"
    after = before.answer("a1", "I cut the export.")
    records.interviews.save(before, after)
    assert (records.interviews.draft(before.id), records.interviews.draft(other.id)) == ("", "another")


def test_the_interviewers_moves_leave_the_draft_alone(kept: Records) -> None:
    after = answered(kept)
    kept.interviews.keep_draft(after.id, "next thought")
    kept.interviews.save(after, after.reply(probe()))
    assert kept.interviews.draft(after.id) == "next thought"


# Grading jobs


def leased(records: Records, worker: str) -> Job:
    job = records.jobs.take(worker)
    assert job is not None
    return job


def test_a_job_goes_to_one_worker_and_its_grade_is_kept_once(kept: Records, clock: Callable[[float], None]) -> None:
    interview = answered(kept, grade=(0,))
    job = leased(kept, "w1")
    assert (job.interview, job.exchange, job.state, job.attempts) == (interview.id, 0, "running", 1)
    assert kept.jobs.take("w2") is None
    assert kept.jobs.finish(job, "w1", {"overall": 2.8})
    assert not kept.jobs.finish(job, "w1", {"overall": 4.0})
    assert kept.jobs.grades(interview.id) == {0: {"overall": 2.8}}
    clock(10 * LEASE_SECONDS)
    assert kept.jobs.take("w2") is None
    assert [one.state for one in kept.jobs.of(interview.id)] == ["done"]


def test_asking_for_the_same_grade_again_makes_no_second_job(kept: Records) -> None:
    before = answered(kept, grade=(0,))
    job = leased(kept, "w1")
    kept.jobs.finish(job, "w1", {"overall": 2.8})
    after = before.advance()
    kept.interviews.save(before, after, grade=[0])
    assert [(one.exchange, one.state) for one in kept.jobs.of(before.id)] == [(0, "done")]


def test_a_silent_workers_job_is_taken_over_and_its_late_grade_refused(
    kept: Records, clock: Callable[[float], None]
) -> None:
    interview = answered(kept, grade=(0,))
    late = leased(kept, "w1")
    clock(LEASE_SECONDS - 1)
    assert kept.jobs.take("w2") is None
    clock(2)
    job = leased(kept, "w2")
    assert job.attempts == 2
    assert not kept.jobs.renew(late, "w1")
    assert not kept.jobs.finish(late, "w1", {"by": "w1"})
    kept.jobs.fail(late, "w1", "I was slow", final=True)
    assert [(one.state, one.error) for one in kept.jobs.of(interview.id)] == [("running", "")]
    assert kept.jobs.grades(interview.id) == {}
    assert kept.jobs.finish(job, "w2", {"by": "w2"})
    assert not kept.jobs.finish(late, "w1", {"by": "w1"})
    assert kept.jobs.grades(interview.id) == {0: {"by": "w2"}}


def test_a_renewed_lease_holds_for_its_whole_length_again(kept: Records, clock: Callable[[float], None]) -> None:
    answered(kept, grade=(0,))
    job = leased(kept, "w1")
    for _ in range(5):
        assert kept.jobs.renew(job, "w1")
        clock(LEASE_SECONDS - 1)
        assert kept.jobs.take("w2") is None
    clock(LEASE_SECONDS + 1)
    assert kept.jobs.take("w2") is not None


def test_a_worker_cannot_touch_a_job_that_is_not_its_own(kept: Records) -> None:
    interview = answered(kept, grade=(0,))
    job = leased(kept, "w1")
    assert not kept.jobs.renew(job, "w2")
    assert not kept.jobs.finish(job, "w2", {})
    kept.jobs.fail(job, "w2", "not mine", final=True)
    assert [one.state for one in kept.jobs.of(interview.id)] == ["running"]


def test_many_workers_give_every_job_exactly_one_grade(path: Path) -> None:
    records = [Records(path) for _ in range(4)]
    interviews = [answered(records[0], grade=(0,)) for _ in range(12)]
    taken: list[str] = []

    def work(number: int) -> None:
        while job := records[number].jobs.take(f"w{number}"):
            taken.append(job.interview)
            assert records[number].jobs.finish(job, f"w{number}", {"by": number})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(taken) == sorted(one.id for one in interviews)
    assert all(len(records[0].jobs.grades(one.id)) == 1 for one in interviews)


def test_a_failed_job_is_tried_three_times_then_waits_for_the_user(kept: Records) -> None:
    interview = answered(kept, grade=(0,))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        job = leased(kept, "w1")
        assert job.attempts == attempt
        kept.jobs.fail(job, "w1", f"failure {attempt}", final=False)
    assert kept.jobs.take("w1") is None
    assert [(one.state, one.error) for one in kept.jobs.of(interview.id)] == [("failed", "failure 3")]
    kept.jobs.retry(interview.id)
    assert [(one.state, one.attempts, one.error) for one in kept.jobs.of(interview.id)] == [("waiting", 0, "")]
    assert kept.jobs.finish(leased(kept, "w1"), "w1", {"overall": 3.0})
    assert kept.jobs.grades(interview.id) == {0: {"overall": 3.0}}


def test_a_job_that_ends_every_worker_is_given_up_and_can_be_asked_for_again(
    kept: Records, clock: Callable[[float], None]
) -> None:
    deadly, other = answered(kept, grade=(0,)), answered(kept, grade=(0,))
    ended = 0
    while job := kept.jobs.take(f"w{ended}"):
        if job.interview == other.id:
            assert kept.jobs.finish(job, f"w{ended}", {})
            continue
        ended += 1  # this worker is never heard of again
        assert ended <= MOST_ATTEMPTS, "tried for ever"
        clock(LEASE_SECONDS + 1)
    assert ended == MOST_ATTEMPTS
    (given_up,) = kept.jobs.of(deadly.id)
    assert (given_up.state, given_up.attempts) == ("failed", MOST_ATTEMPTS)
    assert f"{MOST_ATTEMPTS} times" in given_up.error and "try again" in given_up.error
    assert [one.state for one in kept.jobs.of(other.id)] == ["done"]
    kept.jobs.retry(deadly.id)
    assert kept.jobs.finish(leased(kept, "w9"), "w9", {"overall": 3.0})
    assert [(one.state, one.error) for one in kept.jobs.of(deadly.id)] == [("done", "")]


def test_the_last_attempt_may_take_as_long_as_its_lease_is_renewed(
    kept: Records, clock: Callable[[float], None]
) -> None:
    interview = answered(kept, grade=(0,))
    for attempt in range(MOST_ATTEMPTS):
        job = leased(kept, f"w{attempt}")
        clock(LEASE_SECONDS - 1 if job.attempts == MOST_ATTEMPTS else LEASE_SECONDS + 1)
    assert kept.jobs.renew(job, job_worker := f"w{MOST_ATTEMPTS - 1}")
    clock(LEASE_SECONDS - 1)
    assert kept.jobs.take("other") is None
    assert kept.jobs.finish(job, job_worker, {"overall": 3.0})
    assert kept.jobs.grades(interview.id) == {0: {"overall": 3.0}}


def test_a_final_failure_is_not_tried_again_and_a_retry_leaves_other_jobs_alone(kept: Records) -> None:
    failed, done, other = (answered(kept, grade=(0,)) for _ in range(3))
    for _ in range(3):
        job = leased(kept, "w1")
        if job.interview == done.id:
            kept.jobs.finish(job, "w1", {})
        else:
            kept.jobs.fail(job, "w1", "declined", final=True)
    assert kept.jobs.take("w1") is None
    for interview in (failed, done):
        kept.jobs.retry(interview.id)
    states = [kept.jobs.of(one.id)[0].state for one in (failed, done, other)]
    assert states == ["waiting", "done", "failed"]


def test_a_grade_that_comes_after_its_interview_was_removed_is_refused(kept: Records) -> None:
    interview = answered(kept, grade=(0,))
    job = leased(kept, "w1")
    kept.interviews.remove(interview.id)
    assert not kept.jobs.finish(job, "w1", {"overall": 3.0})
    assert kept.jobs.grades(interview.id) == {}


def test_no_two_workers_have_the_same_name() -> None:
    assert len({worker_name() for _ in range(100)}) == 100


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


# The file


def test_every_connection_writes_ahead_and_waits_for_the_disk(kept: Records) -> None:
    def pragmas(_: int) -> tuple[object, ...]:
        with kept._database.engine.connect() as connection:
            barrier.wait(timeout=120)  # so that each thread has a connection of its own
            names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "user_version")
            return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names)

    barrier = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(pragmas, range(3))) == {("wal", 2, 1, 1, SCHEMA_VERSION)}  # 2 is FULL


def test_only_the_owner_can_read_the_files(path: Path) -> None:
    before = os.umask(0o000)
    try:
        records = Records(path)
        answered(records)
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    records = Records(path)
    interview = answered(records)
    records.close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        database.execute("ALTER TABLE turns RENAME TO turns_of_the_future")
    database.close()
    with pytest.raises(StorageError, match="newer") as told:
        Records(path)
    assert str(path) in told.value.problem and "Update" in told.value.fix
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
        assert database.execute("SELECT interview FROM turns_of_the_future").fetchall() == [(interview.id,)]
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'turns'").fetchall()


@pytest.mark.parametrize("name", ["a b", "what?mode=memory", "50%41#x", "ü&é", "c:d"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "interviews.db"
    interview = answered(Records(path))
    assert path.stat().st_size > 0
    assert Records(path).interviews.find(interview.id) == interview
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are somebody's notes, not a database\n" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Records(path)
    assert path.read_bytes().startswith(b"these are")


def test_a_folder_that_cannot_be_made_is_a_storage_error_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as told:
        Records(tmp_path / "file" / "kept" / "interviews.db")
    assert "SIMULATOR_DATA_DIR" in told.value.fix


# Crashes and full disks

WRITER = """
import sys
from pathlib import Path
from simulator.interview import Question, Role, Turn, open_interview
from simulator.records import Records, new_id

records = Records(Path(sys.argv[1]))
while True:
    interview = open_interview(new_id(), "meta", "full", [Question("q", "Tell me.")])
    records.interviews.add(interview)
    for _ in range(3):
        after = interview.answer(new_id(), "I cut the export. " * 40)
        records.interviews.save(interview, after, grade=[0])
        print(interview.id, after.current.turns[-1].id, flush=True)
        interview = after.reply(Turn(new_id(), Role.INTERVIEWER, "What did that cost?"))
        records.interviews.save(after, interview)
"""


def killed(writer: subprocess.Popen[str], after: int) -> set[tuple[str, ...]]:
    """Kill a writer once it has acknowledged so many answers; all that it acknowledged."""
    assert writer.stdout is not None
    with writer.stdout as told:
        lines = [told.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        lines += told.readlines()
    assert writer.wait(timeout=120) == -signal.SIGKILL, "it ended by itself"
    return {tuple(line.split()) for line in lines if line.endswith("\n")}


def test_every_acknowledged_answer_survives_twenty_kills(tmp_path: Path) -> None:
    chance = random.Random(1)
    paths = [tmp_path / f"{number}.db" for number in range(5)]
    acknowledged: dict[Path, set[tuple[str, ...]]] = {path: set() for path in paths}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for _ in range(4):
        commands = [[sys.executable, "-c", WRITER, str(path)] for path in paths]
        writers = [subprocess.Popen(one, stdout=subprocess.PIPE, env=environment, text=True) for one in commands]
        try:
            for path, writer in zip(paths, writers, strict=True):
                acknowledged[path] |= killed(writer, after=chance.randint(1, 12))
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        for path, told in acknowledged.items():
            records = Records(path)
            kept = {
                (one.id, turn.id)
                for one in records.interviews.summaries()
                for exchange in records.interviews.find(one.id).exchanges
                for turn in exchange.turns
            }
            assert told and told <= kept
            records.close()
    for path in paths:
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            ungraded = "SELECT 1 FROM turns WHERE interview NOT IN (SELECT interview FROM grading_jobs)"
            assert database.execute(ungraded).fetchall() == [], "an answer was kept without its grading job"
        database.close()


def fill(records: Records) -> list[Interview]:
    """Save answers until the disk is full; what was acknowledged until then."""
    kept = []
    with pytest.raises(StorageError, match="Not saved: the disk is full") as told:
        for _ in range(400):
            kept.append(answered(records, "I cut the export. " * 400, grade=(0,)))
    assert "Free some space" in told.value.fix
    assert kept, "nothing fitted at all"
    return kept


def test_a_full_database_says_so_and_keeps_what_was_there(kept: Records) -> None:
    with kept._database.engine.connect() as connection:  # the pool's one connection, used again below
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")
    interviews = fill(kept)
    assert [kept.interviews.find(one.id) for one in interviews] == interviews
    with kept._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
    interviews.append(answered(kept))
    assert [kept.interviews.find(one.id) for one in interviews] == interviews


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, with half of it taken by a file `ballast`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done:  # SQLite meets a full database the same way (the test before); only the file system is not the real one
        pytest.skip("a file system can be mounted by root alone")
    (disk / "ballast").write_bytes(bytes(512 * 1024))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_says_so_and_the_next_answer_fits_once_there_is_room(small_disk: Path) -> None:
    records = Records(small_disk / "interviews.db")
    interviews = fill(records)
    assert [records.interviews.find(one.id) for one in interviews] == interviews
    (small_disk / "ballast").unlink()
    interviews.append(answered(records))
    assert [records.interviews.find(one.id) for one in interviews] == interviews
    records.close()
    again = Records(small_disk / "interviews.db")
    assert [again.interviews.find(one.id) for one in interviews] == interviews
    assert len(again.interviews.summaries()) <= len(interviews) + 1  # one may have been opened and not answered
    again.close()
