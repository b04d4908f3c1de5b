"""What every suite works with: the library, one rubric, one rule, one method, one judge behind a journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evals.cases import FOLDER
from evals.journal import Journal, KeptEmbeddings, recording_of
from simulator.embeddings import open_embeddings
from simulator.evidence import Locator, load_sentence_model
from simulator.grader import Grader
from simulator.index import PassageIndex
from simulator.library import Library, load_library, read_rubric
from simulator.local_model import FILE_NAME
from simulator.methods import Judge, method_of
from simulator.models import ChatModel, open_model
from simulator.program import STORY_RUBRIC
from simulator.prompts import digest_of
from simulator.rubric import Rubric, ScoreRule
from simulator.settings import EMBEDDED, Settings

EMBEDDED_NAME = FILE_NAME.removesuffix(".gguf")


@dataclass(slots=True)
class Workbench:
    """Open with `open_workbench`, end with `close`. `model` is None in a replay."""

    settings: Settings
    library: Library
    rubric: Rubric
    journal: Journal
    embeddings: KeptEmbeddings
    locator: Locator
    model: ChatModel | None = None
    _index: PassageIndex | None = None
    _others: dict[str, "Workbench"] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.settings.grading

    def of_kind(self, kind: str) -> "Workbench":
        """The same bench for questions of another kind; a tried rubric stands in for those of its own kind alone."""
        if self.rubric.kind == kind:
            return self
        if kind not in self._others:
            rubric = self.library.rubric_for(kind)
            locator = _locator(self.settings, kind, self.library, self.embeddings, self.locator.embedding)
            self._others[kind] = replace(self, rubric=rubric, locator=locator)
        return self._others[kind]

    def rule(self) -> ScoreRule:
        """The rule that the program would use."""
        return self.library.rule_for(self.rubric, self.journal.name, self.method, self.locator.version)

    def grader(self, rule: ScoreRule | None = None, judge: Judge | None = None) -> Grader:
        """The program's own grader, over the journal."""
        method = method_of(self.method, self.library.prompts, judge or self.journal)
        return Grader(
            self.library.prompts, self.rubric, rule or self.rule(), method, self.journal.name, self.locator.locate
        )

    def index(self) -> PassageIndex:
        """The passages of knowledge/, as the program searches them."""
        if self._index is None:
            folder = self.settings.cache_dir / "evals" / "index"
            self._index = PassageIndex(folder, self.library.passages, self.embeddings, self.locator.embedding)
        return self._index

    def about(self) -> Mapping[str, str]:
        """All that can change a grade, by name."""
        rule = self.rule()
        return {
            "model": self.journal.name,
            "method": self.method,
            "rubric": f"{self.rubric.id}@{self.rubric.digest}",
            "rule": f"{rule.model} {rule.fitted_on} ({digest_of(repr(rule))})",
            "prompts": digest_of(*sorted(prompt.digest for prompt in self.library.prompts.values())),
            "cases": digest_of(*(path.read_text("utf-8") for path in sorted(FOLDER.rglob("*.jsonl")))),
            "sightings": self.locator.version,
            "knowledge": self.library.digest,
        }

    def close(self) -> None:
        self.embeddings.save()
        if self.model:
            self.model.close()


def open_workbench(
    settings: Settings, *, replay: bool, rubric_file: Path | None = None, journal: Path | None = None
) -> Workbench:
    """Open it for the model that the settings name; in a replay no model is started."""
    library = load_library(settings.content_dir)
    rubric = read_rubric(rubric_file) if rubric_file else library.rubrics[STORY_RUBRIC]
    model = None if replay else open_model(settings)
    name = model.name if model else (EMBEDDED_NAME if settings.model == EMBEDDED else settings.model)
    plain, embedding_id = open_embeddings(settings)
    kept = KeptEmbeddings(plain, settings.cache_dir / "evals" / f"vectors-{embedding_id.replace('/', '-')}.npz")
    locator = _locator(settings, rubric.kind, library, kept, embedding_id)
    return Workbench(
        settings, library, rubric, Journal(journal or recording_of(name), name, model), kept, locator, model
    )


def _locator(settings: Settings, kind: str, library: Library, kept: KeptEmbeddings, embedding_id: str) -> Locator:
    """As the program finds evidence for a kind of question."""
    trained = settings.content_dir / "prompts" / f"{library.rubric_for(kind).id}.sentences.npz"
    return Locator(kept, embedding_id, load_sentence_model(trained) if trained.exists() else None)
