"""What tests of the whole program share: a scripted model, a data folder with a ready index, the settings."""

import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from fault_server import FaultServer, Messages, Reply, Request, Step
from langchain_core.embeddings import Embeddings
from streamlit.testing.v1 import AppTest

from simulator.conductor import Conductor
from simulator.embeddings import MODEL_ID, open_embeddings
from simulator.evidence import Locator, load_sentence_model
from simulator.grader import Grader, Locate
from simulator.library import Library, load_library
from simulator.methods import Judge, method_of
from simulator.program import STORY_RUBRIC, Program
from simulator.rubric import Check, Rubric, ScoreRule
from simulator.settings import CHECKWISE, ROOT, Settings

pytest_plugins = ["browsing", "commanding", "interviewing", "keeping", "postgres"]
Visit = Callable[..., AppTest]
SHOWN = frozenset({"context.goal", "context.role", "context.timeline", "result.quantified", "result.baseline"})
"""What the scripted model finds in every answer, unless a test tells it otherwise."""
START_UP = "Is water wet? Answer Yes or No."
"""What a model is asked once at start-up, to see whether it gives log-probabilities."""
_OWN = ("CONTENT_DIR", "EMBEDDINGS", "MODEL_FILE", "API_KEY", "CALL_TIMEOUT_SECONDS", "GRADING")
_NUMBERED = re.compile(r"^\[\d+\] (.+)$", re.MULTILINE)


@cache
def shipped() -> Library:
    return load_library(ROOT)


@cache
def embeddings() -> Embeddings:
    return open_embeddings(Settings(_env_file=None))[0]


@cache
def locator() -> Locator:
    """As the program finds evidence: with the fitted sentence model where there is one."""
    path = ROOT / "prompts" / f"{STORY_RUBRIC}.sentences.npz"
    return Locator(embeddings(), MODEL_ID, load_sentence_model(path) if path.exists() else None)


def grader_over(
    model: Judge,
    method: str = CHECKWISE,
    rubric: Rubric | None = None,
    rule: ScoreRule | None = None,
    locate: Locate | None = None,
) -> Grader:
    """A grader as the program makes it; what is not given is what ships."""
    rubric = rubric or shipped().rubrics[STORY_RUBRIC]
    rule = rule or shipped().rule_for(rubric, model.name, method, locator().version)
    way = method_of(method, shipped().prompts, model)
    return Grader(shipped().prompts, rubric, rule, way, model.name, locate or locator().locate)


def judging(met: Collection[str] = SHOWN, *, says: str = "", sure: float = 0.9) -> Reply:
    """A model that finds exactly the checks `met` and phrases every probe as `says`, or in the passage's words.

    Asked for all verdicts in one reply, it quotes the candidate's longest sentence for each check that it finds.
    """
    checks = [check for rubric in shipped().rubrics.values() for check in rubric.checks]
    asks = [passage.ask for passage in shipped().passages if passage.ask]

    def says_yes(check: Check) -> bool:
        return (check.id in met) != check.reverse

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        asked = str(messages[-1]["content"])
        if parameters.get("response_format"):
            quote = max(_NUMBERED.findall(asked), key=len, default="")
            found = [check for check in checks if f"\n{check.id}: {check.ask}" in asked]
            return structured({check.id: (says_yes(check), quote if says_yes(check) else "") for check in found})
        if not parameters.get("logprobs"):
            return says or max(asks, key=asked.rfind)  # the transcript before it holds what was asked earlier
        if asked == START_UP:
            return sure
        check = next(check for check in checks if asked.endswith(f"\n{check.ask} Yes or No?"))
        return sure if says_yes(check) else 1 - sure

    return reply


def structured(verdicts: Mapping[str, tuple[bool, str]]) -> str:
    """The typed reply that gives these checks a verdict and a quote each."""
    told = [{"check": check, "met": met, "quote": quote} for check, (met, quote) in verdicts.items()]
    return json.dumps({"verdicts": told})


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
    """Retries follow at once, unless the server itself asks to wait."""
    monkeypatch.setattr("tenacity.wait_random_exponential", lambda **_: lambda _state: 0.0)


@pytest.fixture(scope="session")
def ready_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the shipped knowledge, built once: it takes twenty seconds."""
    folder = tmp_path_factory.mktemp("ready")
    Program(Settings(_env_file=None, data_dir=folder, cache_dir=folder)).index()
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
def conductors(settings: Settings) -> Iterator[Callable[..., Conductor]]:
    """Starts the program on the same data folder, as often as wanted, with other settings where some are given."""
    started: list[Conductor] = []

    def _start(**changes: object) -> Conductor:
        started.append(Conductor(Program(settings.model_copy(update=changes))))
        return started[-1]

    yield _start
    for one in started:
        one.program.close()


@pytest.fixture
def conductor(conductors: Callable[..., Conductor]) -> Conductor:
    return conductors()


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


@pytest.fixture
def visiting(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Visit]]:
    """New visits to a page of simulator.pages on one server, with an address."""
    for name, value in environment.items():
        if name.startswith("SIMULATOR_"):
            monkeypatch.setenv(name, value)

    def draw(page: str) -> None:
        import importlib

        importlib.import_module(f"simulator.pages.{page}").page()

    def _to(page: str) -> Visit:
        def _visit(**address: str) -> AppTest:
            app = AppTest.from_function(draw, default_timeout=120, kwargs={"page": page})
            app.query_params.update(address)
            return app.run()

        return _visit

    st.cache_resource.clear()
    yield _to
    st.cache_resource.clear()
