"""What grading needs of a process, brought together: content, the settings' model and method, models of sentences.

Knows no record, no index and no user, so that it also serves where there are none.
"""

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.library import Library
from simulator.outbox import Outbox
from simulator.rubric import Rubric
from simulator.settings import CHECKWISE, Settings

if TYPE_CHECKING:  # heavy packages are imported where they are first used
    from langchain_core.embeddings import Embeddings

    from simulator.evidence import Locator
    from simulator.grader import Grader
    from simulator.models import ChatModel


def open_judge(settings: Settings, outbox: Outbox) -> "ChatModel":
    """The model that the settings name, able to do what their method needs; on another host, behind the outbox.

    Starts the embedded server where that is the one. Raises ConfigurationError where the model cannot do it: the
    other method is never used instead."""
    from simulator.models import open_model
    from simulator.outgoing import OutgoingModel

    model = open_model(settings)
    if model.host:
        model = OutgoingModel(model, outbox)
    try:
        if settings.grading == CHECKWISE:
            model.require_log_probabilities()
    except SimulatorError:
        model.close()
        raise
    return model


class Graders:
    """The graders of one process. Safe to use from several threads."""

    def __init__(self, settings: Settings, library: Library) -> None:
        self._settings = settings
        self._library = library
        self._lock = threading.RLock()
        self._locators: dict[str, Locator] = {}

    @cached_property
    def embeddings(self) -> "tuple[Embeddings, str]":
        """The embedding model and its id."""
        from simulator.embeddings import open_embeddings

        return open_embeddings(self._settings)

    def locator(self, rubric: Rubric) -> "Locator":
        """Finds evidence for a rubric, by the sentence model beside its file where there is one."""
        from simulator.evidence import Locator, load_sentence_model

        with self._lock:
            if rubric.id not in self._locators:
                path = self._settings.content_dir / "prompts" / f"{rubric.id}.sentences.npz"
                trained = load_sentence_model(path) if path.exists() else None
                self._locators[rubric.id] = Locator(*self.embeddings, trained)
            return self._locators[rubric.id]

    def of(self, kind: str, model: "ChatModel") -> "Grader":
        """The grader of a kind of question, with this model and the settings' method."""
        from simulator.grader import Grader
        from simulator.methods import method_of

        rubric = self._library.rubric_for(kind)
        method, locator = method_of(self._settings.grading, self._library.prompts, model), self.locator(rubric)
        rule = self._library.rule_for(rubric, model.name, method.name, locator.version)
        return Grader(self._library.prompts, rubric, rule, method, model.name, locator.locate)
