"""An interviewer with the real index, embeddings and client, and exchanges to put to it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ScriptedModel, embeddings, grader_over, shipped

from simulator.conduct import Conduct
from simulator.embeddings import MODEL_ID
from simulator.index import PassageIndex
from simulator.interview import Exchange, Question, Role, Turn
from simulator.interviewer import (
    Interviewer,
    Phrasing,
)
from simulator.models import open_model
from simulator.program import STORY_RUBRIC
from simulator.rubric import ScoreRule, equal_rule
from simulator.settings import CHECKWISE, Settings
from simulator.strategy import Aim

QUESTION = Question("q1", "Tell me about a launch that ran late, and what you yourself did about it.")
REPLY = "We moved the vendor’s sandbox\nto our side. It held."
CRITERIA = {check.id for check in shipped().rubrics[STORY_RUBRIC].checks if check.is_criterion}
EQUAL = equal_rule(shipped().rubrics[STORY_RUBRIC])
Interviewers = Callable[..., Interviewer]


@pytest.fixture(scope="module")
def index(ready_index: Path) -> PassageIndex:
    return PassageIndex(ready_index, shipped().passages, embeddings(), MODEL_ID)


@pytest.fixture
def interviewer_of(index: PassageIndex, settings: Settings) -> Interviewers:
    library = shipped()
    model = open_model(settings)

    def _interviewer(company: str, method: str = CHECKWISE, rule: ScoreRule = EQUAL) -> Interviewer:
        conduct = Conduct.read(library.conduct)
        grader = grader_over(model, method, rule=rule)
        persona = library.personas[company]
        return Interviewer(
            library.company(company), persona, conduct, library.prompts, grader, index, embeddings(), model
        )

    return _interviewer


@pytest.fixture
def interviewer(interviewer_of: Interviewers) -> Interviewer:
    return interviewer_of("amazon")


def told(*texts: str, probed: tuple[str, ...] = (), question: Question = QUESTION) -> Exchange:
    """An exchange of these candidate's texts; `probed` are the checks that the probes between went after."""
    turns = []
    for number, text in enumerate(texts):
        if number:
            check = probed[number - 1]
            turns.append(Turn(f"p{number}", Role.INTERVIEWER, f"What of {check}, number {number}?", check))
        turns.append(Turn(f"t{number}", Role.CANDIDATE, text))
    return Exchange(question, tuple(turns))


def aimed(interviewer: Interviewer, exchange: Exchange, used: tuple[str, ...] = ()) -> Aim:
    aim = interviewer.aim(exchange, used)
    assert aim is not None
    return aim


def said(interviewer: Interviewer, exchange: Exchange, aim: Aim) -> tuple[Phrasing, list[str]]:
    phrasing = Phrasing(aim)
    pieces = list(interviewer.say(exchange, aim, phrasing))
    return phrasing, pieces


def checks_asked(model: ScriptedModel) -> int:
    return sum("logprobs" in request.body for request in model.requests)


def missing_only(check: str) -> set[str]:
    return CRITERIA - {check}
