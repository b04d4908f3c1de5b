"""Many writers on one file, and an outside program that holds its lock: waited for, and told if it takes long."""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from keeping import answered

from simulator.errors import StorageError
from simulator.records import Records
from soak.tally import Tally


def writers(path: Path, number: int, writes: int) -> Tally:
    """Let so many threads share so many writes, two an answered interview."""
    tally, records, lock = Tally(f"{number} writers at once"), Records(path), threading.Lock()
    seconds: list[float] = []

    def write(_: int) -> str:
        began = time.perf_counter()
        kept = answered(records).id
        with lock:
            seconds.append((time.perf_counter() - began) / 2)
        return kept

    with ThreadPoolExecutor(number) as pool:
        ids = set()
        for one in [pool.submit(write, each) for each in range(writes // 2)]:
            try:
                ids.add(one.result())
            except StorageError as error:
                tally.faults.append(str(error))
    kept = {one.id for one in records.interviews.summaries() if one.answers == 1}
    tally.expect(ids <= kept, f"{len(ids - kept)} acknowledged answers lost")
    records.close()
    tally.broken = writes
    tally.counts["answers"] = len(ids)
    tally.counts["p99 of a write, ms"] = math.ceil(1000 * sorted(seconds)[int(len(seconds) * 0.99)])
    return tally


def held_locks(folder: Path, shorter: float, longer: float) -> Tally:
    """Write while an outside program holds the write lock, for less and for more seconds than the program waits."""
    tally = Tally("write lock held by another program")
    for seconds in (shorter, longer):
        path = folder / f"held-{seconds:g}.db"
        with closing(Records(path)) as records:
            with _held(path, seconds) as released:
                try:
                    answered(records)
                except StorageError as error:
                    tally.counts["told"] += 1
                    tally.expect(seconds == longer, f"given up after {seconds} seconds")
                    tally.expect("locked" in error.problem and "try again" in error.fix, str(error))
                else:
                    tally.counts["waited for"] += 1
                    tally.expect(seconds == shorter and released.is_set(), "wrote through a lock")
            tally.broken += 1
            tally.expect(bool(answered(records)), "does not work afterwards")
    return tally


@contextmanager
def _held(path: Path, seconds: float) -> Iterator[threading.Event]:
    """Hold the lock for so long from now on, on a connection that is not the program's; set once it is released."""
    holds, released = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            holds.set()
            time.sleep(seconds)
            released.set()
            other.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    yield released
    thread.join()
