"""Processes killed with SIGKILL: the grading worker, the server, an upgrade; at random and at named points."""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from keeping import answered
from test_records_upgrade import CONTENT, FIRST, held

from simulator.records import SCHEMA_VERSION, Records
from soak.crew import (
    CHECK_SECONDS,
    CHECKS,
    GRADING_POINTS,
    LEASE_SECONDS,
    SERVER_POINTS,
    grade_for_ever,
    serve_for_ever,
    upgrade,
)
from soak.history import History, audited, unfinished
from soak.tally import Tally

BATCH = 25
"""Kills on one file."""
PATIENCE_SECONDS = 60.0
UPGRADE_WRITES = 22
"""Writes of an upgrade, the commit among them."""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "pytest",
        "simulator.conductor",
        "simulator.index",
        "simulator.models",
        "simulator.interviewer",
        "alembic.command",
    ]
)


class Member:
    """One process of the crew and what it has told."""

    def __init__(self, work: Callable[..., None], target: object, *rest: object) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._pipe, theirs = _context.Pipe(duplex=False)
        self.process: BaseProcess = _context.Process(target=work, args=(target, theirs, *rest), daemon=True)
        self.process.start()
        theirs.close()

    def hears(self, word: str) -> bool:
        """Listen until it says that word; False when it ends before."""
        with suppress(EOFError, OSError):
            while self._pipe.poll(PATIENCE_SECONDS):
                self.told.append(self._pipe.recv())
                if self.told[-1][0] == word:
                    return True
        return False

    def listen(self) -> None:
        """Take in what it has said so far, so that it never has to wait for us."""
        with suppress(EOFError, OSError):
            while self._pipe.poll():
                self.told.append(self._pipe.recv())

    def kill(self) -> None:
        self.process.kill()
        self.process.join(PATIENCE_SECONDS)
        self.hears("nothing more")

    def freeze(self, seconds: float) -> None:
        """Let it stand still for so long, as a machine that sleeps does."""
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.process.pid, signal.SIGCONT)

    def comes_to_its_point(self, meanwhile: Callable[[], object] = lambda: None) -> bool:
        """Wait until it has ended itself, in a minute at most."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.process.is_alive() and time.monotonic() < until:
            meanwhile()
            self.process.join(0.05)
        there = self.process.exitcode == -signal.SIGKILL
        self.kill()
        return there


def worker_kills(folder: Path, kills: int, seed: int) -> Tally:
    """Kill one of two grading workers again and again. A fifth of them die at named points; another fifth stand still
    for longer than their lease first, and may go on after they were relieved. 25 kills on a file.
    """
    chance, tally = random.Random(seed), Tally("grading worker killed")
    for number in range(0, kills, BATCH):
        path = audited(folder / f"workers-{number}.db")
        with closing(Records(path)) as records:
            _kill_workers(records, path, min(BATCH, kills - number), chance, tally)
    return tally


def _kill_workers(records: Records, path: Path, kills: int, chance: random.Random, tally: Tally) -> None:
    history = History()
    crew = [Member(grade_for_ever, path, None)]
    for number in range(kills):
        _top_up(records, path, history)
        point = chance.choice(GRADING_POINTS) if number % 5 == 4 else None
        crew.append(Member(grade_for_ever, path, point))
        if point:
            victim = crew.pop()
            came = victim.comes_to_its_point(lambda: _top_up(records, path, history))
            tally.expect(came, f"a worker never came to {point}")
            tally.counts["at a named point"] += 1
        else:
            crew[-1].hears("ready")
            victim = crew.pop(chance.randrange(2))
            time.sleep(chance.uniform(0, 4 * CHECKS * CHECK_SECONDS))
            if number % 5 == 2:
                victim.freeze(2 * LEASE_SECONDS)
                time.sleep(chance.uniform(0, 4 * CHECKS * CHECK_SECONDS))
                tally.counts["after it stood still for two leases"] += 1
            victim.kill()
        tally.broken += 1
        _hear(victim, history)
    _finish(crew[0], records, path, history, tally)
    history.check(path, tally)
    tally.counts["answers"] += len(history.answers)
    tally.counts["grades acknowledged"] += len(history.grades)


def _top_up(records: Records, path: Path, history: History) -> None:
    """See that there is work."""
    for _ in range(6 - list(unfinished(path).values()).count("waiting")):
        turn = answered(records, f"I cut the export. {len(history.answers)}", grade=(0,))
        history.answers[turn.current.turns[0].id] = (turn.id, turn.current.turns[0].text)


def _finish(last: Member, records: Records, path: Path, history: History, tally: Tally) -> None:
    """Let one worker finish all that is left; the user asks again for what was given up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (left := unfinished(path)) and time.monotonic() < until:
        for interview in [one for one, state in left.items() if state == "failed"]:
            records.jobs.retry(interview)
            tally.counts["given up after three deaths, asked for again"] += 1
        time.sleep(LEASE_SECONDS / 4)
    tally.expect(not left, f"stuck gradings: {left}")
    last.kill()
    _hear(last, history)


def _hear(member: Member, history: History) -> None:
    for told in member.told:
        history.hear(told)
    member.told.clear()


def server_kills(settings: dict[str, Any], kills: int, seed: int) -> Tally:
    """Kill a server that holds interviews, start it again on the same folder; at the end let it finish them all.

    `settings` are those of the program, with a model and a folder that has an index.
    """
    chance, tally, history = random.Random(seed), Tally("server killed"), History()
    path = audited(settings["data_dir"] / "interviews.db")
    for number in range(kills):
        point = chance.choice(SERVER_POINTS) if number % 4 == 3 else None
        server = Member(serve_for_ever, settings, point, True)
        if point:
            tally.expect(server.comes_to_its_point(server.listen), f"a server never came to {point}")
            tally.counts["at a named point"] += 1
        elif number % 10 == 9:
            time.sleep(chance.uniform(0, 2))
            tally.counts["while it started"] += 1
        else:
            for _ in range(chance.randint(1, 4)):
                tally.expect(server.hears("answered"), "a server ended by itself")
            time.sleep(chance.uniform(0, 0.15))
        server.kill()
        tally.broken += 1
        _hear(server, history)
        history.check(path, tally)
    last = Member(serve_for_ever, settings, None, False)
    tally.expect(last.hears("done"), "not all interviews came to their end")
    last.kill()
    _hear(last, history)
    history.check(path, tally)
    tally.expect(not unfinished(path), f"stuck gradings: {unfinished(path)}")
    tally.counts["interviews"] = len(history.opened)
    tally.counts["answers acknowledged"] = len(history.answers)
    tally.counts["grades acknowledged"] = len(history.grades)
    return tally


def upgrade_kills(folder: Path, kills: int, seed: int) -> Tally:
    """Kill the upgrade of a file of the first program after any of its writes: the file is the old one or the new."""
    chance, tally = random.Random(seed), Tally("upgrade killed")
    for number in range(kills):
        path = folder / f"old-{number}.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(FIRST + CONTENT)
        before = held(path)
        member = Member(upgrade, path, chance.randint(1, UPGRADE_WRITES))
        tally.expect(member.comes_to_its_point(), "an upgrade never came to its point")
        tally.broken += 1
        after = held(path)
        new = after["revision"] == [(SCHEMA_VERSION,)]
        tally.counts["new" if new else "old"] += 1
        tally.expect(new or after == before, f"{path} is neither the old nor the new")
        with closing(Records(path)) as records:
            tally.expect(len(records.interviews.find("i1").exchanges[0].turns) == 3, f"{path} lost turns")
    return tally
