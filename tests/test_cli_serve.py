"""`simulator serve` for those beyond this machine, and `simulator work`, a worker by itself."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conducting import SECONDS, Starts, followed, graded, until
from conftest import START_UP, ScriptedModel, judging
from fault_server import Messages
from telling import ANSWER
from test_threats_socket import UPGRADE, spoken_to

from evals.browser import free_port, wait_until_up
from simulator.conductor import Conductor
from simulator.settings import ROOT

MAIN = [sys.executable, "-c", "from simulator.cli import main; main()"]


@contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [*MAIN, *arguments]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_name_of_a_proxy_is_let_in_and_no_other(environment: dict[str, str]) -> None:
    port = free_port()
    with running(environment | {"SIMULATOR_PUBLIC_HOST": "rounds.example"}, "serve", "--port", str(port)):
        wait_until_up(port)

        def status(host: str, origin: str) -> int:
            return spoken_to(port, "/_stcore/stream", host, f"Origin: {origin}", *UPGRADE)[0]

        own = f"127.0.0.1:{port}"
        assert status("rounds.example", "https://rounds.example") == 101
        assert status(own, "https://rounds.example") == 101
        assert status(own, f"http://{own}") == 101
        assert status("evil.example", "https://evil.example") == 403
        assert status("rounds.example", "https://evil.example") == 403
        assert status("evil.rounds.example", "https://rounds.example") == 403


def test_without_a_sign_in_the_page_is_served_to_this_machine_alone(environment: dict[str, str]) -> None:
    port = str(free_port())
    done = subprocess.run(
        [*MAIN, "serve", "--host", "0.0.0.0", "--port", port],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("SIMULATOR_SIGN_IN")) == (1, 1)
    signed = environment | {"SIMULATOR_SIGN_IN": "header", "SIMULATOR_PROXY_SECRET": "x" * 16}
    with running(signed, "serve", "--host", "0.0.0.0", "--port", port):
        wait_until_up(int(port))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_grades_for_all_users_and_told_to_stop_ends_after_the_job_in_hand(
    conductors: Starts, environment: dict[str, str], scripted_model: ScriptedModel
) -> None:
    program = conductors(grade_here=False).program
    ann, ben = Conductor(program, "ann"), Conductor(program, "ben")
    program.warm_up()
    begun = {one.owner: one.start("stripe", "quick", kind="story").id for one in (ann, ben)}
    for one in (ann, ben):
        followed(one.answer(begun[one.owner], "t1", ANSWER))
        one.finish(begun[one.owner])
    assert [one.records.jobs.of(begun[one.owner])[0].state for one in (ann, ben)] == ["waiting"] * 2
    judge, in_hand, go_on = judging(), threading.Event(), threading.Event()

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if messages[-1]["content"] != START_UP:
            in_hand.set()
            assert go_on.wait(SECONDS)
        return judge(messages, parameters)

    scripted_model.reply = reply
    with running(environment, "work") as process:
        assert in_hand.wait(SECONDS)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        go_on.set()
        assert process.wait(SECONDS) == 0
    states = [one.records.jobs.of(begun[one.owner])[0].state for one in (ann, ben)]
    assert sorted(states) == ["done", "waiting"]
    with running(environment, "work") as process:
        until(lambda: graded(ann, begun["ann"]) and graded(ben, begun["ben"]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
