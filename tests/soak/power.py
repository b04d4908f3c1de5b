"""The power is cut: what was not synced is gone, or comes through in part.

A writer on our tables runs on a disk that keeps what was synced apart. It is stopped at a random moment, and a disk
is made of what a power cut would leave: the synced copies alone, or those with any of the sectors written since. What
was acknowledged must be on it. Names of files are as they were; the log's shared index is
never there, as SQLite makes it anew.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import event

from simulator.errors import StorageError
from simulator.interview import Question, open_interview
from simulator.records import Records, new_id
from soak.shim import environment
from soak.tally import Tally

NAME = "interviews.db"
SECTOR_BYTES = 512
CUTS_A_WRITER = 5
SAFE, UNSAFE = "FULL", "NORMAL"


def write(path: Path, synchronous: str) -> None:
    """Answer, grade, type, remove for ever, and acknowledge each on standard output."""
    records = Records(path)
    if synchronous != SAFE:
        _weaken(records, synchronous)
    chance = random.Random()
    while True:
        before = open_interview(new_id(), "meta", "full", [Question("q", "Tell me.")])
        records.interviews.add(before)
        after = before.answer(new_id(), "I cut the export. " * chance.randint(1, 450))
        records.interviews.save(before, after, grade=[0])
        print("turn", after.id, after.current.turns[0].id, flush=True)
        job = records.jobs.take("w")
        if job and records.jobs.finish(job, "w", {"overall": 2.8}):
            print("grade", job.interview, job.exchange, flush=True)
        records.interviews.keep_draft(before.id, after.id[:8])
        print("draft", after.id, after.id[:8], flush=True)
        if chance.random() < 0.1:
            print("removing", after.id, "", flush=True)
            records.interviews.remove(after.id)
            print("removed", after.id, "", flush=True)


def _weaken(records: Records, synchronous: str) -> None:
    """Another `synchronous` than the program's, on every connection."""
    engine = records._database.engine
    event.listen(engine, "connect", lambda connection, _: connection.execute(f"PRAGMA synchronous={synchronous}"))
    engine.dispose()


class _Heard:
    """What a writer has acknowledged: its whole lines."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._file = pipe.fileno()
        self._bytes = b""

    @property
    def lines(self) -> list[list[str]]:
        return [line.split() for line in self._bytes.decode().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, more: int) -> None:
        """Hear so many more lines."""
        until = self._bytes.count(b"\n") + more
        os.set_blocking(self._file, True)
        while self._bytes.count(b"\n") < until:
            got = os.read(self._file, 1 << 16)
            assert got, "a writer ended by itself"
            self._bytes += got

    def drain(self) -> None:
        """Hear what has been said already."""
        os.set_blocking(self._file, False)
        with suppress(BlockingIOError):
            while got := os.read(self._file, 1 << 16):
                self._bytes += got


def power_cuts(folder: Path, library: Path, cuts: int, seed: int, synchronous: str = SAFE) -> Tally:
    """Cut the power so often, at five moments of each writer's life. `library` is the compiled `faults.c`."""
    chance, tally = random.Random(seed), Tally(f"power cut, synchronous={synchronous}")
    for start in range(0, cuts, CUTS_A_WRITER):
        disk, synced = folder / f"disk-{start}", folder / f"synced-{start}"
        disk.mkdir()
        synced.mkdir()
        command = [sys.executable, "-m", "soak.power", str(disk / NAME), synchronous]
        given = environment(library, disk, synced)
        with subprocess.Popen(command, env=given, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            heard = _Heard(writer.stdout)
            for _ in range(min(CUTS_A_WRITER, cuts - start)):
                heard.wait_for(chance.randint(1, 60))
                time.sleep(chance.uniform(0, 0.005))
                os.kill(writer.pid, signal.SIGSTOP)
                os.waitid(os.P_PID, writer.pid, os.WSTOPPED | os.WNOWAIT)
                heard.drain()
                _cut_once(folder / "after", disk, synced, chance, heard.lines, tally)
                os.kill(writer.pid, signal.SIGCONT)
            writer.kill()
        shutil.rmtree(disk)
        shutil.rmtree(synced)
    return tally


def _cut_once(
    after: Path, disk: Path, synced: Path, chance: random.Random, told: list[list[str]], tally: Tally
) -> None:
    after.mkdir()
    names = {one.name for one in disk.iterdir() if not one.name.endswith("-shm")}
    for name in names:
        sure, written = _bytes(synced / name), _bytes(disk / name)
        if tally.broken % 2 or (synced / name).exists():
            (after / name).write_bytes(_mixed(sure, written, chance) if tally.broken % 2 else sure)
    tally.counts["with part of what was not synced" if tally.broken % 2 else "with nothing but what was synced"] += 1
    tally.broken += 1
    check(after / NAME, told, tally)
    shutil.rmtree(after)


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _mixed(sure: bytes, written: bytes, chance: random.Random) -> bytes:
    """Each sector that was written since is the old one or the new, and so is the length, or something between."""
    share, shortest, longest = chance.random(), *sorted((len(sure), len(written)))
    length = chance.choice([len(sure), len(written), chance.randint(shortest, longest)])
    mixed = bytearray(sure.ljust(longest, b"\0"))
    for start in range(0, len(written), SECTOR_BYTES):
        if chance.random() < share:
            sector = written[start : start + SECTOR_BYTES]
            mixed[start : start + len(sector)] = sector
    return bytes(mixed[:length])


def check(path: Path, told: list[list[str]], tally: Tally) -> None:
    """Open the file as the program does, and look for all that was acknowledged."""
    leaving = {line[1] for line in told if line[0] in ("removing", "removed")}
    removed = {line[1] for line in told if line[0] == "removed"}
    try:
        Records(path).close()
    except StorageError as error:
        tally.faults.append(f"unusable: {error.problem}")
        return
    with closing(sqlite3.connect(path)) as database:
        ask = database.execute
        tally.expect(ask("PRAGMA integrity_check").fetchall() == [("ok",)], "damaged")
        kept = {("turn", *row) for row in ask("SELECT interview, id FROM turns")}
        kept |= {
            ("grade", interview, str(number)) for interview, number in ask("SELECT interview, exchange FROM grades")
        }
        kept |= {("draft", *row) for row in ask("SELECT interview, text FROM drafts")}
        there = {one for (one,) in ask("SELECT id FROM interviews")}
    told_of = {tuple(line) for line in told if line[1] not in leaving}
    lost = told_of - kept
    tally.counts["acknowledged"] += len(told_of) + len(removed)
    tally.counts["acknowledged and lost"] += len(lost) + len(removed & there)
    tally.expect(not lost, f"{len(lost)} of {len(told_of)} lost")
    tally.expect(not removed & there, f"{len(removed & there)} of {len(removed)} removed ones are back")


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
