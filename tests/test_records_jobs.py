"""Grading jobs in a real SQLite file and a real PostgreSQL database: one lease at a time, and none tried for ever."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from conducting import until
from keeping import answered, anywhere

from simulator.records import (
    LEASE_SECONDS,
    MOST_ATTEMPTS,
    Job,
    Records,
    worker_name,
)
from simulator.settings import ROOT

place = anywhere()


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


def test_many_workers_give_every_job_exactly_one_grade(place: Path | str) -> None:
    records = [Records(place) for _ in range(4)]
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


# Several owners


def test_owners_take_turns_however_many_jobs_one_has(kept: Records) -> None:
    greedy, polite, late = kept.of("greedy"), kept.of("polite"), kept.of("late")
    for _ in range(6):
        answered(greedy, grade=(0,))
    first = [leased(kept, "w").owner for _ in range(2)]
    for one in (polite, polite, late):
        answered(one, grade=(0,))
    answered(greedy, grade=(0,))
    then = [leased(kept, "w").owner for _ in range(8)]
    assert first == ["greedy"] * 2
    assert sorted(then[:2]) == ["late", "polite"] and then[2:] == ["greedy", "polite", *["greedy"] * 4]
    assert kept.jobs.take("w") is None


def test_an_owners_jobs_are_taken_in_the_order_in_which_they_were_asked_for_the_least_tried_first(
    kept: Records, clock: Callable[[float], None]
) -> None:
    interviews = []
    for _ in range(4):
        interviews.append(answered(kept.of("anna"), grade=(0,)).id)
        clock(1)
    job = leased(kept, "w")
    kept.jobs.fail(job, "w", "busy", final=False)
    assert [job.interview, *(leased(kept, "w").interview for _ in range(4))] == [*interviews, interviews[0]]


def test_whoever_was_served_last_waits_even_where_that_job_is_done_and_the_clock_was_set_back(
    kept: Records, clock: Callable[[float], None]
) -> None:
    for owner in ("anna", "ben") * 2:
        answered(kept.of(owner), grade=(0,))
    order = []
    for _ in range(4):
        job = leased(kept, "w")
        order.append(job.owner)
        assert kept.jobs.finish(job, "w", {})
        clock(-3600)
    assert order[:2] == order[2:] and set(order) == {"anna", "ben"}


WORKER = """
import sys, time
from pathlib import Path
from simulator.records import Records, jobs, worker_name

jobs.LEASE_SECONDS = 5
place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
records, name = Records(place), worker_name()
print("ready", flush=True)
sys.stdin.readline()
while True:
    job = records.jobs.take(name)
    if job is None:
        print("idle", flush=True)
        time.sleep(0.1)
        continue
    print("took", job.interview, flush=True)
    exchange = records.of(job.owner).interviews.find(job.interview).exchanges[job.exchange]
    assert exchange.turns[0].text == f"I am {job.owner}."
    time.sleep(0.1)
    if records.jobs.finish(job, name, {"by": name}):
        print("graded", job.interview, flush=True)
"""


def test_workers_in_processes_of_their_own_grade_each_job_once_though_some_are_killed(
    place: Path | str,
) -> None:
    records = Records(place)
    owners = [f"owner{number}" for number in range(5)]
    asked = {answered(records.of(one), f"I am {one}.", grade=(0,)).id: one for _ in range(6) for one in owners}
    command, environment = [sys.executable, "-c", WORKER, str(place)], os.environ | {"PYTHONPATH": str(ROOT)}
    told: list[str] = []
    with ExitStack() as stack:

        def start() -> "subprocess.Popen[str]":
            worker = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.callback(worker.wait)
            stack.callback(worker.kill)
            return worker

        steady, *doomed = (start() for _ in range(4))
        for one in (steady, *doomed):
            assert one.stdout and one.stdout.readline() == "ready\n"
        for one in (steady, *doomed):
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        for one, most in zip(doomed, (1, 3, 5), strict=True):
            assert one.stdout
            lines: list[str] = []
            while "idle\n" not in lines and sum(line.startswith("took") for line in lines) < most:
                lines.append(one.stdout.readline())
            one.send_signal(signal.SIGKILL)
            told += [*lines, *one.stdout.readlines()]
        until(lambda: all(records.of(owner).jobs.of(one)[0].state == "done" for one, owner in asked.items()))
        steady.kill()
        assert steady.stdout
        told += steady.stdout.readlines()
    graded = Counter(line.split()[1] for line in told if line.startswith("graded"))
    taken = Counter(line.split()[1] for line in told if line.startswith("took"))
    assert set(graded.values()) == {1}, "graded twice"
    assert set(taken) == set(asked) and len(asked) - 3 <= len(graded) <= len(asked)
    assert len(asked) < sum(taken.values()) <= len(asked) + 3, "of the killed workers' jobs alone"
    records.close()
