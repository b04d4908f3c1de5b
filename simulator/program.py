"""What one process has once, for all its users: content, records, model, indexes, graders, the grading worker.

The only place where things are wired. What hangs on a user takes the owner; which round stands where is the
conductor's business, and nothing here reads an interview.
"""

import threading
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simulator.conduct import Conduct
from simulator.errors import ConfigurationError, ModelUnavailableError, SimulatorError
from simulator.graders import Graders, open_judge
from simulator.grading import GradingWorker
from simulator.library import Library, load_library
from simulator.move import Moves
from simulator.operations import log
from simulator.operations.events import MODEL_LOADED
from simulator.outbox import Outbox, known_words
from simulator.records import LOCAL, Records, passages_of
from simulator.rubric import Rubric
from simulator.settings import EMBEDDED, Settings, stays_here
from simulator.shelves import Shelves

if TYPE_CHECKING:  # heavy packages are imported where they are first used: the page is there at once
    from langchain_core.embeddings import Embeddings

    from simulator.evidence import Locator
    from simulator.grader import Grader
    from simulator.index import PassageIndex
    from simulator.interviewer import Interviewer
    from simulator.models import ChatModel

STORY_RUBRIC = "rubrics/story"
MOST_OUTBOXES = 1_000
"""Users whose last request is remembered; those who sent one longest ago make room."""


class Loading(StrEnum):
    """What is known of the model."""

    NOT_STARTED = "not started"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Program:
    """One process's program, for the one user of a machine (LOCAL) or for many. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        log.begin(settings.log)
        self.settings = settings
        self.library: Library = load_library(settings.content_dir)
        self.records = Records(settings.place)
        self.moves = Moves()
        self.loading = Loading.NOT_STARTED
        self.loading_error: SimulatorError | None = None
        self._loaded = threading.Event()
        self._model: ChatModel | None = None
        self._lock = threading.RLock()
        self._graders = Graders(settings, self.library)
        self._shelves = Shelves(settings.data_dir, self.library.passages, lambda: self.embeddings)
        known = known_words(self.library) if settings.mask else None
        self._outbox = lru_cache(MOST_OUTBOXES)(lambda owner: Outbox(known))

    @property
    def rubric(self) -> Rubric:
        return self.library.rubrics[STORY_RUBRIC]

    @cached_property
    def conduct(self) -> Conduct:
        """How interviewers speak."""
        return Conduct.read(self.library.conduct)

    # The model

    def warm_up(self) -> None:
        """Load the index and the model in the background, and start the grading worker where it is to grade here.
        Returns at once."""
        with self._lock:
            if self.settings.grade_here:
                self.grading.start()
            if self.loading is Loading.LOADING or (self.loading is Loading.READY and self.alive):
                return
            self._model = None
            self.loading, self.loading_error = Loading.LOADING, None
            self._loaded.clear()
        import numpy as np  # noqa: F401  by one thread: its modules import each other in a ring

        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        try:
            with MODEL_LOADED.timed():
                self._shelves.shipped()
                model = open_judge(self.settings, self.outbox())
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
            self.grading.wake()

    def model(self, owner: str = LOCAL) -> "ChatModel":
        """The model, once it is loaded, with the owner's outbox before it. Raises what its loading raised."""
        from simulator.outgoing import OutgoingModel

        self.warm_up()
        self._loaded.wait()
        model = self._model
        if model is None:
            raise self.loading_error or ModelUnavailableError("The model is not loaded.", "Try again.")
        return model.by(self.outbox(owner)) if isinstance(model, OutgoingModel) else model

    def outbox(self, owner: str = LOCAL) -> Outbox:
        """What goes to another host for this owner, whom alone it may be shown to."""
        return self._outbox(owner)

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
        elsewhere = [one for one in (self.settings.model, self.settings.embeddings) if one != EMBEDDED]
        return ", ".join(dict.fromkeys(one.partition(":")[0] for one in elsewhere))

    @property
    def alive(self) -> bool:
        """Whether the model is loaded, and its process, where it has one, runs."""
        model = self._model
        return model is not None and model.alive

    def may_send(self, owner: str) -> bool:
        """Whether the owner's words may go where the model is: that is this machine, or the owner has said so."""
        return stays_here(self.host) or self.records.of(owner).consents.given(self.host)

    # What is found, who judges and who asks

    @property
    def embeddings(self) -> "tuple[Embeddings, str]":
        """The embedding model and its id."""
        return self._graders.embeddings

    def index(self, owner: str = LOCAL) -> "PassageIndex":
        """The passages of knowledge/ and those of the owner's guides, never another's."""
        guides = self.records.of(owner).guides.all()
        return self._shelves.of(owner, [passage for guide in guides for passage in passages_of(guide)])

    @property
    def indexed(self) -> bool:
        """Whether the shipped passages can be searched without a wait."""
        return self._shelves.is_open

    def forget_index(self, owner: str) -> None:
        """Remove what was built of the owner's guides. Raises OSError."""
        self._shelves.forget(owner)

    def locator(self, rubric: Rubric) -> "Locator":
        """Finds evidence for a rubric, by the sentence model beside its file where there is one."""
        return self._graders.locator(rubric)

    def grader(self, kind: str = "story", owner: str = LOCAL) -> "Grader":
        """The grader of a kind of question, with the settings' model and method. Raises ConfigurationError where the
        model cannot do what the method needs: the other method is never used instead."""
        return self._graders.of(kind, self.model(owner))

    def interviewer(self, company_id: str, kind: str = "story", owner: str = LOCAL) -> "Interviewer":
        """A company's interviewer for a kind of question. Raises as `grader` does."""
        from simulator.interviewer import Interviewer

        return Interviewer(
            self.library.company(company_id),
            self.library.personas[company_id],
            self.conduct,
            self.library.prompts,
            self.grader(kind, owner),
            self.index(owner),
            self.embeddings[0],
            self.model(owner),
        )

    @cached_property
    def grading(self) -> GradingWorker:
        """The worker of this process; it grades once it is started."""
        return GradingWorker(self.records, self._grader_for, lambda: self._model is not None, self.settings.keep_days)

    def _grader_for(self, kind: str, owner: str) -> "Grader":
        """As `grader`; who signs in has to have allowed the host, which may be another than when they answered."""
        if owner != LOCAL and not self.may_send(owner):
            raise ConfigurationError(f"Your answers may not be sent to {self.host} yet.", "Allow it, then try again.")
        return self.grader(kind, owner)

    def close(self) -> None:
        """Stop the worker and the embedded server."""
        self.grading.close()
        if self._model is not None:
            self._model.close()
        self.records.close()
