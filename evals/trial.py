"""A rubric tried on the labelled answers while the page server goes on: one run at a time, in a thread.

Every reply of the model is kept, and every graded answer is a synced line of the run, so that a trial which was
stopped, or whose server went away, goes on where it was. Knows no page.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from evals.compare import Comparison, compare_runs
from evals.journal import Journal, KeptEmbeddings, recording_of
from evals.runs import Run, begin, execute
from evals.suites.agreement import AGREEMENT
from evals.workbench import EMBEDDED_NAME, Workbench
from simulator.answer_file import LineFile
from simulator.embeddings import open_embeddings
from simulator.errors import InputError, ModelUnavailableError, SimulatorError
from simulator.evidence import Locator, load_sentence_model
from simulator.models import Lane, Message, YesNo
from simulator.program import STORY_RUBRIC, Program
from simulator.prompts import digest_of
from simulator.rubric import Rubric, ScoreRule
from simulator.settings import EMBEDDED

SPLIT = "dev"
REMOTE_WORKERS = 8
"""Answers at a time where the model is not on this machine; the embedded one has one slot for gradings."""
_PACE = 8
"""Answers whose pace tells the time left."""
_TRIED = "rubrics/tried"
T = TypeVar("T", bound=BaseModel)


class Stage(StrEnum):
    """Where a trial stands."""

    NEW = "new"
    WAITING = "waiting"
    RUNNING = "running"
    UNFINISHED = "unfinished"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a page shows of a trial. `seconds_left` is None while it is not known."""

    stage: Stage
    done: int
    of: int
    seconds_left: float | None = None
    asked: int = 0
    found: int = 0
    error: str = ""

    @property
    def active(self) -> bool:
        return self.stage in (Stage.WAITING, Stage.RUNNING)


class _Stopped(Exception):
    """The trial was told to stop."""


class _ProgramsModel:
    """The program's model, waited for at the first call that no recording answers; ends when told to stop."""

    def __init__(self, program: Program, name: str, stop: threading.Event) -> None:
        self.name = name
        self._program = program
        self._stop = stop

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.BACKGROUND, *, fresh: bool = False) -> YesNo:
        self.go_on()
        return self._program.model().yes_no(messages, lane, fresh=fresh)

    def typed(self, messages: Sequence[Message], kind: type[T], lane: Lane = Lane.BACKGROUND) -> T:
        self.go_on()
        return self._program.model().typed(messages, kind, lane)

    def go_on(self) -> None:
        if self._stop.is_set():
            raise _Stopped


class Laboratory:
    """One process's trials: the same rubric is always the same trial. Safe to use from several threads."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.folder = program.settings.data_dir / "lab"
        self.turn = threading.Lock()
        self._lock = threading.Lock()
        self._trials: dict[str, Trial] = {}
        self._comparisons: dict[tuple[Path, Path], Future[Comparison]] = {}
        # Python waits for the suite's threads before it ends, and calls `atexit` only after that.
        threading._register_atexit(self.stop)  # type: ignore[attr-defined]

    @property
    def model_name(self) -> str:
        """The model's own name, known before it is loaded."""
        return EMBEDDED_NAME if self.program.model_name == EMBEDDED else self.program.model_name

    def rule(self, rubric: Rubric) -> ScoreRule:
        """The rule that the program would grade with."""
        program = self.program
        return program.library.rule_for(
            rubric, self.model_name, program.settings.grading, program.locator(program.rubric).version
        )

    def trial(self, rubric: Rubric) -> "Trial":
        """The trial of this rubric with the model, rule, content and answers that are in use now."""
        program, library = self.program, self.program.library
        made_of = [
            *(self.model_name, program.settings.grading, program.locator(program.rubric).version, library.digest),
            repr(self.rule(rubric)),
            *sorted(prompt.digest for prompt in library.prompts.values()),
            *(repr(answer) for answer in AGREEMENT.cases(SPLIT)),
        ]
        name = f"{rubric.digest}-{digest_of(*made_of)[:6]}"
        with self._lock:
            if name not in self._trials:
                self._trials[name] = Trial(self, rubric, name)
            return self._trials[name]

    @property
    def under_way(self) -> list["Trial"]:
        with self._lock:
            return [trial for trial in self._trials.values() if trial.progress.active]

    def stop(self) -> None:
        """Stop all trials."""
        for trial in self.under_way:
            trial.stop()

    def comparison(self, one: "Trial", two: "Trial") -> "Future[Comparison]":
        """Two finished trials compared, worked out once in a thread: it takes a while."""
        key = (one.run.folder, two.run.folder)
        with self._lock:
            if key not in self._comparisons:
                self._comparisons[key] = Future()
                work = (self._comparisons[key], one.run, two.run)
                threading.Thread(target=_compare, args=work, name="compare", daemon=True).start()
            return self._comparisons[key]

    @cached_property
    def _sight(self) -> tuple[KeptEmbeddings, Locator]:
        settings = self.program.settings
        plain, embedding_id = open_embeddings(settings)
        kept = KeptEmbeddings(plain, self.folder / f"vectors-{digest_of(embedding_id)}.npz")
        trained = settings.content_dir / "prompts" / f"{STORY_RUBRIC}.sentences.npz"
        return kept, Locator(kept, embedding_id, load_sentence_model(trained) if trained.exists() else None)

    def bench(self, rubric: Rubric, stop: threading.Event) -> Workbench:
        """The suite's bench over the program's own model; what is recorded already is not asked again."""
        rubric = replace(rubric, id=_TRIED)  # the same checks under another name are the same run
        recording = recording_of(self.model_name)
        model = _ProgramsModel(self.program, self.model_name, stop)
        journal = Journal(self.folder / "replies" / recording.name, self.model_name, model, also=(recording,))
        return Workbench(self.program.settings, self.program.library, rubric, journal, *self._sight)


def _compare(future: "Future[Comparison]", one: Run, two: Run) -> None:
    try:
        future.set_result(compare_runs(one, two))
    except SimulatorError as error:
        future.set_exception(error)
    except BaseException:
        future.set_exception(InputError("The runs could not be compared.", "See the log."))
        raise


class Trial:
    """The run of one rubric: its folder, and the thread that fills it. Made by `Laboratory.trial`."""

    def __init__(self, laboratory: Laboratory, rubric: Rubric, name: str) -> None:
        self.rubric = rubric
        self.run = Run(laboratory.folder / "runs" / name)
        self._laboratory = laboratory
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._bench: Workbench | None = None
        self._times: deque[tuple[float, int]] = deque(maxlen=_PACE)
        self._error = ""
        self._done = len(LineFile(self.run.folder / f"{AGREEMENT.name}.jsonl", "result").done)

    @property
    def of(self) -> int:
        return len(AGREEMENT.cases(SPLIT))

    @property
    def progress(self) -> Progress:
        """Where it stands, also when another process began it."""
        if self._thread and self._thread.is_alive() and not self._stop.is_set():
            if not self._times or not self._bench:
                return Progress(Stage.WAITING, self._done, self.of)
            journal = self._bench.journal
            return Progress(Stage.RUNNING, self._done, self.of, self._seconds_left(), journal.asked, journal.replayed)
        if self._done >= self.of:
            return Progress(Stage.DONE, self._done, self.of)
        stage = Stage.FAILED if self._error else Stage.UNFINISHED if self._done else Stage.NEW
        return Progress(stage, self._done, self.of, error=self._error)

    def _seconds_left(self) -> float | None:
        (first, done_first), (last, done_last) = self._times[0], self._times[-1]
        if done_last == done_first:
            return None
        return (last - first) / (done_last - done_first) * (self.of - done_last)

    def start(self) -> None:
        """Begin, or go on. Starting what runs changes nothing."""
        with self._lock:
            before = self._thread
            if before and before.is_alive() and not self._stop.is_set():
                return
            self._stop, self._error, self._bench = threading.Event(), "", None
            self._times.clear()
            self._thread = threading.Thread(target=self._make, args=(self._stop, before), name="trial", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the call to the model that is under way; what was graded is kept."""
        self._stop.set()

    def _make(self, stop: threading.Event, before: threading.Thread | None) -> None:
        if before:
            before.join()  # it was stopped, and may still wait for one reply
        try:
            with self._laboratory.turn:
                self._grade(stop)
        except _Stopped:
            return
        except SimulatorError as error:
            self._error = str(error)
        except BaseException:
            self._error = str(ModelUnavailableError("The run failed unexpectedly.", "Try again; see the log."))
            raise

    def _grade(self, stop: threading.Event) -> None:
        def each(done: int, of: int) -> None:
            if stop.is_set():
                raise _Stopped
            self._done = done
            self._times.append((time.monotonic(), done))

        self._bench = bench = self._laboratory.bench(self.rubric, stop)
        run = begin(self.run.folder, bench, SPLIT)
        try:
            execute(run, AGREEMENT, bench, REMOTE_WORKERS if self._laboratory.program.host else 1, each)
        finally:
            bench.embeddings.save()
