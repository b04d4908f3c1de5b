"""The conductor: the only place where things are wired and where the order of one answer is decided.

An answer is committed before anything else happens. The interviewer's move runs in a thread that owns its
text and writes the records, so a page that is reloaded or closed loses nothing; finished exchanges are
graded by a worker thread from the job table.
"""

import random
import threading
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from simulator.errors import (
    ConfigurationError,
    InputError,
    ModelUnavailableError,
    OutOfTurnError,
    SimulatorError,
    StorageError,
)
from simulator.interview import Interview, Next, Question, open_interview
from simulator.library import Company, Library, Passage, load_library
from simulator.prompts import clean
from simulator.records import Job, Records, new_id, passages_of, worker_name
from simulator.rubric import Grade, Rubric
from simulator.scorecard import Scorecard, score
from simulator.settings import CHECKWISE, EMBEDDED, Settings

if TYPE_CHECKING:  # heavy packages are imported where they are first used: the page is there at once
    from langchain_core.embeddings import Embeddings

    from simulator.evidence import Locator
    from simulator.grader import Grader
    from simulator.index import PassageIndex
    from simulator.interviewer import Interviewer
    from simulator.models import ChatModel

LENGTHS = ("quick", "full")
QUICK_QUESTIONS = 2
STORY_RUBRIC = "rubrics/story"
_WORKER_POLL_SECONDS = 5.0
_GRADES = TypeAdapter(Grade)


class Loading(StrEnum):
    """What is known of the model."""

    NOT_STARTED = "not started"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Move:
    """The interviewer's move after one answer, while it is being made. Any number of readers may follow."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: list[str] = []
        self._done = False
        self.error: SimulatorError | None = None

    def add(self, piece: str) -> None:
        with self._changed:
            self._pieces.append(piece)
            self._changed.notify_all()

    def end(self, error: SimulatorError | None = None) -> None:
        with self._changed:
            self.error = error
            self._done = True
            self._changed.notify_all()

    @property
    def done(self) -> bool:
        return self._done

    def tail(self, timeout_seconds: float = 600.0) -> Iterator[str]:
        """All pieces from the beginning, as they come; ends with the move."""
        at = 0
        while True:
            with self._changed:
                if not self._done and len(self._pieces) == at and not self._changed.wait(timeout_seconds):
                    return
                new, at, done = self._pieces[at:], len(self._pieces), self._done
            yield from new
            if done:
                return


class Conductor:
    """One process's program: settings in, interviews out. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.library: Library = load_library(settings.content_dir)
        self.records = Records(settings.data_dir / "interviews.db")
        self.loading = Loading.NOT_STARTED
        self.loading_error: SimulatorError | None = None
        self._loaded = threading.Event()
        self._model: ChatModel | None = None
        self._index: PassageIndex | None = None
        self._lock = threading.RLock()
        self._index_lock = threading.Lock()  # held while an index is built, which nobody else should wait for
        self._moves: dict[str, Move] = {}
        self._work = threading.Event()
        self._closing = threading.Event()
        self._worker: threading.Thread | None = None
        self._grading: dict[tuple[str, int], float] = {}

    # Starting and loading

    @property
    def rubric(self) -> Rubric:
        return self.library.rubrics[STORY_RUBRIC]

    def warm_up(self) -> None:
        """Load the index and the model in the background, and start the grading worker. Returns at once."""
        with self._lock:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._grade_jobs, name="grading", daemon=True)
                self._worker.start()
            alive = self._model is not None and self._model.alive
            if self.loading is Loading.LOADING or (self.loading is Loading.READY and alive):
                return
            self._model = None
            self.loading, self.loading_error = Loading.LOADING, None
            self._loaded.clear()
        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        from simulator.models import open_model

        try:
            self.index()
            model = open_model(self.settings)
            if self.settings.grading == CHECKWISE:
                model.require_log_probabilities()
        except SimulatorError as error:
            with self._lock:
                self.loading, self.loading_error = Loading.FAILED, error
        except BaseException:
            with self._lock:
                self.loading, self.loading_error = Loading.FAILED, None
            raise
        else:
            with self._lock:
                self._model, self.loading = model, Loading.READY
        finally:
            self._loaded.set()
            self._work.set()

    def model(self) -> "ChatModel":
        """The model, once it is loaded. Raises what its loading raised."""
        self.warm_up()
        self._loaded.wait()
        if self._model is None:
            raise self.loading_error or ModelUnavailableError("The model is not loaded.", "Try again.")
        return self._model

    @property
    def model_name(self) -> str:
        """The model's name for the page, known before it is loaded."""
        if self._model is not None:
            return self._model.name
        file = self.settings.model_file
        return file.stem if file else self.settings.model

    @property
    def host(self) -> str:
        """Where the candidate's words are sent; empty when they stay on this machine."""
        if self.settings.base_url:
            return urlsplit(self.settings.base_url).netloc
        return "" if self.settings.model == EMBEDDED else self.settings.model.partition(":")[0]

    @cached_property
    def _embeddings(self) -> "tuple[Embeddings, str]":
        from simulator.embeddings import open_embeddings

        return open_embeddings(self.settings)

    def index(self) -> "PassageIndex":
        """The passages of knowledge/ and the user's guides; opened anew when a guide came or went."""
        from simulator.index import PassageIndex

        passages: list[Passage] = [*self.library.passages]
        for guide in self.records.guides():
            passages += passages_of(guide)
        with self._index_lock:
            if self._index is None or list(self._index.passages) != [passage.id for passage in passages]:
                embeddings, model_id = self._embeddings
                folder = self.settings.data_dir / "index"
                self._index = PassageIndex(folder, passages, embeddings, model_id)
            return self._index

    @cached_property
    def locator(self) -> "Locator":
        from simulator.evidence import Locator, load_sentence_model

        path = self.settings.content_dir / "prompts" / f"{STORY_RUBRIC}.sentences.npz"
        return Locator(*self._embeddings, load_sentence_model(path) if path.exists() else None)

    def grader(self) -> "Grader":
        """The grader of the settings' model and method. Raises ConfigurationError where the model cannot do what
        the method needs: the other method is never used instead."""
        from simulator.grader import Grader
        from simulator.methods import method_of

        model = self.model()
        method = method_of(self.settings.grading, self.library.prompts, model)
        rule = self.library.rule_for(self.rubric, model.name, method.name, self.locator.version)
        return Grader(self.library.prompts, self.rubric, rule, method, model.name, self.locator.locate)

    # The interview

    def start(self, company_id: str, length: str, questions: int | None = None) -> Interview:
        """A new interview with its first question asked; needs no model. Raises InputError."""
        company = self.library.company(company_id)
        if length not in LENGTHS:
            raise InputError(f"There is no length called {length!r}.", f"Choose one of: {', '.join(LENGTHS)}.")
        count = questions or (QUICK_QUESTIONS if length == "quick" else company.questions)
        interview_id = new_id()
        chosen = choose_questions(self.library, company, count, random.Random(interview_id))
        interview = open_interview(interview_id, company_id, length, chosen)
        self.records.add(interview)
        return interview

    def answer(self, interview_id: str, turn_id: str, text: str) -> Move:
        """Commit the candidate's words, then let the interviewer make its move.

        The same turn sent again changes nothing, and is given the last move where none is due.
        """
        with self._lock:
            before = self.records.interview(interview_id)
            after = before.answer(turn_id, clean(text))
            if after is not before:
                self.records.save(before, after)
            elif after.next is not Next.INTERVIEWER and interview_id in self._moves:
                return self._moves[interview_id]
            return self.move(interview_id)

    def move(self, interview_id: str) -> Move:
        """The interviewer's move on this interview: the one under way, or a new one where it is due."""
        with self._lock:
            under_way = self._moves.get(interview_id)
            if under_way and not under_way.done:
                return under_way
            if self.records.interview(interview_id).next is not Next.INTERVIEWER:
                raise OutOfTurnError("It is the candidate's turn.")
            move = self._moves[interview_id] = Move()
        threading.Thread(target=self._make, args=(interview_id, move), name="move", daemon=True).start()
        return move

    def move_under_way(self, interview_id: str) -> Move | None:
        with self._lock:
            return self._moves.get(interview_id)

    def _make(self, interview_id: str, move: Move) -> None:
        try:
            self._probe_or_advance(interview_id, move)
        except SimulatorError as error:
            move.end(error)
        except BaseException:
            move.end(ModelUnavailableError("The interviewer failed unexpectedly.", "Try again; see the log."))
            raise
        else:
            move.end()

    def _probe_or_advance(self, interview_id: str, move: Move) -> None:
        from simulator.interviewer import Phrasing, turn_of

        before = self.records.interview(interview_id)
        if before.current.may_probe:
            interviewer = self.interviewer(before.company)
            with self.model().gate.live():
                aim = interviewer.aim(before.current, _used(before))
                if aim is not None:
                    phrasing = Phrasing(aim)
                    for piece in interviewer.say(before.current, aim, phrasing):
                        move.add(piece)
                    self.records.save(before, before.probe(turn_of(new_id(), phrasing)))
                    return
        self._advance(before)

    def _advance(self, before: Interview) -> None:
        finished = [len(before.exchanges) - 1] if before.current.answered else []
        self.records.save(before, before.advance(), grade=finished)
        self._work.set()

    def finish(self, interview_id: str) -> Interview:
        """Finish now: what was answered is graded, the rest is not held against anyone."""
        before = self.records.interview(interview_id)
        if not before.closed:
            finished = [len(before.exchanges) - 1] if before.current.answered else []
            self.records.save(before, before.close(), grade=finished)
            self._work.set()
        return self.records.interview(interview_id)

    def interviewer(self, company_id: str) -> "Interviewer":
        from simulator.interviewer import Conduct, Interviewer

        return Interviewer(
            self.library.company(company_id),
            self.library.personas[company_id],
            Conduct.read(self.library.conduct),
            self.library.prompts,
            self.grader(),
            self.index(),
            self._embeddings[0],
            self.model(),
        )

    # Grading

    def scorecard(self, interview_id: str) -> Scorecard:
        """The scorecard from the grades that are there so far."""
        interview = self.records.interview(interview_id)
        company = self.library.company(interview.company)
        grades = {n: _GRADES.validate_python(raw) for n, raw in self.records.grades(interview_id).items()}
        return score(interview, self.rubric, company, grades)

    def grading_progress(self, interview_id: str) -> Mapping[int, float]:
        """The share done, 0-1, of each exchange that is being graded in this process."""
        return {number: share for (one, number), share in self._grading.items() if one == interview_id}

    def retry_grading(self, interview_id: str) -> None:
        """Try failed gradings again."""
        self.records.retry_jobs(interview_id)
        self.warm_up()
        self._work.set()

    def _grade_jobs(self) -> None:
        worker = worker_name()
        while not self._closing.is_set():
            try:
                job = self.records.take_job(worker) if self._model is not None else None
                if job is None:
                    self._work.wait(_WORKER_POLL_SECONDS)
                    self._work.clear()
                else:
                    self._grade(job, worker)
            except StorageError:
                # The disk is full or locked: the job keeps its lease and is taken again after it.
                self._closing.wait(_WORKER_POLL_SECONDS)

    def _grade(self, job: Job, worker: str) -> None:
        key = (job.interview, job.exchange)

        def each(done: int, of: int) -> None:
            self._grading[key] = done / of
            if done % 10 == 0:
                self.records.renew(job, worker)

        try:
            exchange = self.records.interview(job.interview).exchanges[job.exchange]
            grade = self.grader().grade(exchange, each=each)
            self.records.finish_job(job, worker, _GRADES.dump_python(grade, mode="json"))
        except StorageError:
            raise
        except SimulatorError as error:
            self.records.fail_job(job, worker, str(error), final=isinstance(error, ConfigurationError))
        except BaseException:
            self.records.fail_job(job, worker, "The grading failed unexpectedly; see the log.", final=True)
            raise
        finally:
            self._grading.pop(key, None)

    def close(self) -> None:
        """Stop the worker and the embedded server."""
        self._closing.set()
        self._work.set()
        if self._model is not None:
            self._model.close()
        self.records.close()


def choose_questions(library: Library, company: Company, count: int, rng: random.Random) -> list[Question]:
    """Story questions for a round: at least one of the company's own, no topic twice, drawn by weight."""
    pool = library.questions_for(company.id)
    chosen: list[Question] = []
    own = [question for question in pool if question.company == company.id]
    if own and count > 1:
        chosen.append(rng.choices(own, [question.weight for question in own])[0])
    while len(chosen) < count:
        topics = {question.topic for question in chosen}
        left = [question for question in pool if question not in chosen]
        fresh = [question for question in left if question.topic not in topics] or left
        if not fresh:
            break
        chosen.insert(0, rng.choices(fresh, [question.weight for question in fresh])[0])
    return chosen


def _used(interview: Interview) -> list[str]:
    return [passage for exchange in interview.exchanges for turn in exchange.turns for passage in turn.passages]
