"""What tests of the whole program share: a scripted model, a data folder with a ready index, the settings."""

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path

import pytest
from fault_server import FaultServer, Messages, Reply, Request, Step
from langchain_core.embeddings import Embeddings

from simulator.conductor import STORY_RUBRIC, Conductor
from simulator.embeddings import open_embeddings
from simulator.library import Library, load_library
from simulator.settings import ROOT, Settings

SHOWN = frozenset({"context.goal", "context.role", "context.timeline", "result.quantified", "result.baseline"})
"""What the scripted model finds in every answer, unless a test tells it otherwise."""
_OWN = ("CONTENT_DIR", "EMBEDDINGS", "MODEL_FILE", "API_KEY", "CALL_TIMEOUT_SECONDS")


@cache
def shipped() -> Library:
    return load_library(ROOT)


@cache
def embeddings() -> Embeddings:
    return open_embeddings(Settings(_env_file=None))[0]


def judging(met: Collection[str] = SHOWN, *, says: str = "", sure: float = 0.9) -> Reply:
    """A model that finds exactly the checks `met` and phrases every probe as `says`, or in the passage's words."""
    checks = {check.ask: check for check in shipped().rubrics[STORY_RUBRIC].checks}
    asks = [passage.ask for passage in shipped().passages if passage.ask]

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        asked = str(messages[-1]["content"])
        if not parameters.get("logprobs"):
            return says or max(asks, key=asked.rfind)  # the transcript before it holds what was asked earlier
        check = next(check for ask, check in checks.items() if asked.endswith(f"{ask} Yes or No?"))
        return sure if (check.id in met) != check.reverse else 1 - sure

    return reply


class ScriptedModel(FaultServer):
    """A model on the loopback. What it replies, and the fault of a request, can be replaced at any time."""

    def __init__(self) -> None:
        self.reply = judging()
        self.fault: Callable[[Request], Step | None] = lambda request: None
        super().__init__(reply=lambda messages, parameters: self.reply(messages, parameters))

    def step(self, request: Request) -> Step:
        if fault := self.fault(request):
            self.requests.append(request)
            return fault
        return super().step(request)


@pytest.fixture
def scripted_model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr("tenacity.wait_random_exponential", lambda **_: lambda _state: 0.0)


@pytest.fixture(scope="session")
def ready_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the shipped knowledge, built once: it takes twenty seconds."""
    folder = tmp_path_factory.mktemp("ready")
    Conductor(Settings(_env_file=None, data_dir=folder, cache_dir=folder)).index()
    return folder / "index"


@pytest.fixture
def data_dir(tmp_path: Path, ready_index: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(ready_index, folder / "index")
    return folder


@pytest.fixture
def settings(data_dir: Path, scripted_model: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in _OWN:
        monkeypatch.delenv(f"SIMULATOR_{name}", raising=False)
    return Settings(
        _env_file=None,
        model="fake",
        base_url=scripted_model.base_url,
        data_dir=data_dir,
        cache_dir=data_dir / "cache",
        call_timeout_seconds=20,
    )


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The same settings for a process of its own; nothing of Python's or the user's settings reaches it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIMULATOR_"))}
    return plain | {
        "PYTHONPATH": str(ROOT),
        "SIMULATOR_MODEL": settings.model,
        "SIMULATOR_BASE_URL": settings.base_url,
        "SIMULATOR_DATA_DIR": str(settings.data_dir),
        "SIMULATOR_CACHE_DIR": str(settings.cache_dir),
    }
