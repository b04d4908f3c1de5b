"""The disk is full, or fails: whole interviews through the conductor, and thousands of operations on the tables.

Runs in a process with `faults.c` loaded (`python -m soak.disk`). What the program raises is met as a page meets it:
shown, what was typed kept, and sent again. An error of any other kind than its own for the disk is a fault, and so is
a traceback in any thread.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from simulator.conductor import Conductor
from simulator.errors import StorageError
from simulator.interview import Next, Question, open_interview
from simulator.program import Program
from simulator.records import Records, new_id
from simulator.settings import Settings
from soak.crew import ANSWER, LEASE_SECONDS, hurry, tell_grades
from soak.history import History, audited
from soak.power import check
from soak.shim import Disk, environment
from soak.tally import Tally

PATIENCE_SECONDS = 60.0
ERRORS_PER_MILLE = 20
T = TypeVar("T")


class _Candidate:
    """Somebody at a page: tries again what was refused, first with the disk as full as it is, then with room."""

    def __init__(self, conductor: Conductor, disk: Disk, tally: Tally) -> None:
        self.history = History()
        self._conductor = conductor
        self._disk = disk
        self._tally = tally

    def hold(self) -> None:
        """One interview from its start to its grade."""
        conductor, interviews = self._conductor, self._conductor.records.interviews
        interview = self._until_done("starting", lambda: conductor.start("stripe", "quick", 1, kind="story"))
        self.history.hear(("opened", interview.id))
        while (now := interviews.find(interview.id)).next is Next.CANDIDATE and len(now.current.answers) < 2:
            turn = new_id()
            text = f"{ANSWER} In the end {turn} customers stayed."
            self._until_done("typing", lambda text=text: interviews.keep_draft(interview.id, text))  # type: ignore[misc]
            self.history.hear(("draft", interview.id, turn, text))
            self._until_done("answering", lambda turn=turn, text=text: self._answer(interview.id, turn, text))  # type: ignore[misc]
            self.history.hear(("answered", interview.id, turn, text))
        self._until_done("finishing", lambda: conductor.finish(interview.id))
        self._await_grade(interview.id)

    def _answer(self, interview: str, turn: str, text: str) -> None:
        move = self._conductor.answer(interview, turn, text)
        for _ in move.tail():
            pass
        if move.error:
            raise move.error

    def _until_done(self, what: str, act: Callable[[], T]) -> T:
        for tried in range(3):
            try:
                return act()
            except StorageError as error:
                self._tally.counts[f"refused while {what}"] += 1
                advised = "the disk is full" in error.problem and "Free some space" in error.fix
                self._tally.expect(advised, f"{what} says: {error}")
                self._read_all()
                if tried:
                    self._disk.make_room()
        raise AssertionError(f"{what} does not work with room again")

    def _read_all(self) -> None:
        """What was acknowledged can be read as long as the disk is full."""
        kept = {one.id for one in self._conductor.records.interviews.summaries()}
        self._tally.expect(self.history.opened <= kept, "interviews cannot be read while the disk is full")
        for turn, (interview, text) in list(self.history.answers.items())[-3:]:
            turns = [one for x in self._conductor.records.interviews.find(interview).exchanges for one in x.turns]
            self._tally.expect((turn, text) in [(one.id, one.text) for one in turns], "an answer cannot be read")

    def _await_grade(self, interview: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while (job := self._conductor.records.jobs.of(interview)[0]).state != "done":
            if job.state == "failed":
                self._tally.counts["gradings given up, asked for again"] += 1
                self._until_done("asking again", lambda: self._conductor.retry_grading(interview))
            if time.monotonic() > until:
                self._tally.faults.append(f"a grading is stuck: {job}")
                return
            time.sleep(LEASE_SECONDS / 8)
            if until - time.monotonic() < PATIENCE_SECONDS - LEASE_SECONDS:
                self._disk.make_room()
        self._tally.expect(self._conductor.scorecard(interview).overall is not None, "a scorecard has no number")


def fill(settings: Settings, points: int, seed: int) -> Tally:
    """Let the disk be full from a random write of an interview on, as often as said."""
    hurry()
    chance, tally, disk = random.Random(seed), Tally("disk full"), Disk()
    threading.excepthook = lambda hook: tally.faults.append(f"traceback: {hook.exc_type}: {hook.exc_value}")
    path = audited(settings.data_dir / "interviews.db")
    conductor = Conductor(Program(settings))
    candidate = _Candidate(conductor, disk, tally)
    tell_grades(candidate.history.hear)
    conductor.model()
    before = disk.writes
    candidate.hold()
    whole = disk.writes - before
    for _ in range(points):
        failed = disk.failures
        disk.fill(chance.randrange(whole))
        candidate.hold()
        disk.make_room()
        tally.broken += 1
        tally.counts["points with a write that failed"] += disk.failures > failed
    conductor.program.close()
    candidate.history.check(path, tally)
    tally.counts["answers"] = len(candidate.history.answers)
    tally.counts["writes of an interview"] = whole
    return tally


def err(path: Path, operations: int, seed: int) -> Tally:
    """Let one in fifty writes and syncs fail, and look for what was acknowledged all the same."""
    tally, disk, told = Tally("I/O errors"), Disk(), list[list[str]]()
    records = Records(path)

    def once(number: int) -> None:
        before = open_interview(new_id(), "meta", "full", [Question("q", "Tell me.")])
        records.interviews.add(before)
        after = before.answer(new_id(), f"I cut the export. {number}")
        records.interviews.save(before, after, grade=[0])
        told.append(["turn", after.id, after.current.turns[0].id])
        if job := records.jobs.take("w"):
            records.jobs.finish(job, "w", {"overall": 2.8})
            told.append(["grade", job.interview, str(job.exchange)])

    disk.fail(ERRORS_PER_MILLE, seed)
    for number in range(operations // 4):
        try:
            once(number)
        except StorageError as error:
            tally.counts["errors raised"] += 1
            tally.expect(bool(error.fix), f"no advice: {error}")
    disk.fail(0, seed)
    tally.broken = disk.failures
    records.close()
    check(path, told, tally)
    return tally


def full(library: Path, settings: dict[str, Any], points: int, seed: int) -> Tally:
    """`fill` in a process with the shim. The folder of these settings has an index."""
    return _in_a_process_of_its_own(library, settings["data_dir"], "full", settings["base_url"], points, seed)


def errors(library: Path, disk: Path, operations: int, seed: int) -> Tally:
    """`err` in a process with the shim, on a new file in that folder."""
    return _in_a_process_of_its_own(library, disk, "errors", operations, seed)


def _in_a_process_of_its_own(library: Path, disk: Path, *arguments: object) -> Tally:
    command = [sys.executable, "-m", "soak.disk", str(disk), *map(str, arguments)]
    done = subprocess.run(command, env=environment(library, disk), stdout=subprocess.PIPE, check=True, text=True)
    what, broken, counts, faults = json.loads(done.stdout)
    return Tally(what, broken, Counter(counts), faults)


def _main(disk: Path, what: str, *rest: str) -> None:
    *address, number, seed = rest
    if what == "full":
        settings = Settings(
            _env_file=None, model="fake", base_url=address[0], data_dir=disk, cache_dir=disk, call_timeout_seconds=60
        )
        tally = fill(settings, int(number), int(seed))
    else:
        tally = err(disk / "interviews.db", int(number), int(seed))
    print(json.dumps([tally.what, tally.broken, tally.counts, tally.faults]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *sys.argv[2:])
