"""Candidates who know more than they say at first, played from a sealed fact sheet.

Two kinds behind one interface: played by code, where a fact comes out only if the probe asks for it, and by a model
that is told to do the same. Neither knows which check a probe goes for: both judge by its words alone.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from langchain_core.embeddings import Embeddings

from evals.cases import Fact, Sheet, ways
from evals.journal import Journal
from evals.metrics import Array
from simulator.errors import ModelRefusedError, UnusableReplyError
from simulator.interview import Exchange, Role, Turn
from simulator.markdown import Document
from simulator.models import Lane, Message
from simulator.prompts import Prompt, clean
from simulator.transcript import sentences

EVASIVE, BOASTFUL = "evasive", "over-claiming"
MOST_TOKENS = 110
WORD_WEIGHT, MOST_WORDS = 0.165, 2
"""What a word that a probe shares with what asks for a fact adds to their likeness, and how many of them count."""
ELSEWHERE_WEIGHT, AS_NEAR = 1.56, 0.05
"""What it takes away that a probe is more like a way of asking for something else, by more than this."""
ASKS = 0.206
"""A fact is asked for from this sum on. Fitted on the dev pairs of datasets/candidates/asked.jsonl by logistic
regression; AS_NEAR so that probes of the bank and plain ones are believed to ask as often as they do."""
HOLDS, SHARED_WEIGHT = 0.9, 0.5
"""A reply holds a fact when its likeness to the fact's words and half the share of those words in it sum up to this.
It lies between the dev replies of datasets/candidates/told.jsonl that do and those that don't."""
_TAKEN_UP = re.compile(r"^[^“”?]*“[^”]*”\.\s+")
_WORD = re.compile(r"[a-z]+|\d[\d.,]*\d|\d")
_ENDING = re.compile(r"(?:ing|ed|es|s|ly)$")
_EMPTY_WORDS = """a an the of to in on at for and or but it its is are was were be been did do does you your yours me
my i we us they them that this those these with from by as so not no had has have could would should tell more about
can what which who whom how when where why if than then there one"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


@dataclass(frozen=True, slots=True)
class Reply:
    """What the candidate says to a probe, and the checks of the facts that come out with it."""

    text: str
    told: tuple[str, ...] = ()


class Candidate(Protocol):
    """One candidate in one exchange."""

    def reply(self, exchange: Exchange) -> Reply:
        """What is said to the last probe of the exchange."""
        ...


class PlayedByCode:
    """A candidate who tells the one fact that a probe asks for, in the sheet's words. Always the same.

    An evasive one dodges the first probe for a fact and yields to the next; one who over-claims boasts first.
    """

    def __init__(self, sheet: Sheet, embeddings: Embeddings) -> None:
        self._sheet = sheet
        self._embeddings = embeddings
        self._told: set[str] = set()
        self._dodged: set[str] = set()
        self._evasions = 0

    def reply(self, exchange: Exchange) -> Reply:
        asked = asked_for(self._sheet, exchange.probes[-1].text, self._embeddings)
        new = [one for one in asked if one.check not in self._told]
        if self._sheet.kind == EVASIVE and new:
            pressed = [one for one in new if one.check in self._dodged]
            self._dodged.add(new[0].check)
            new = pressed
        if not new:
            return Reply(self._evasion())
        fact = new[0]
        self._told.add(fact.check)
        boast = self._evasion() + " " if self._sheet.kind == BOASTFUL else ""
        return Reply(boast + fact.words, (fact.check,))

    def _evasion(self) -> str:
        self._evasions += 1
        return self._sheet.dodges[(self._evasions - 1) % len(self._sheet.dodges)]


class PlayedByModel:
    """A candidate whose words are a model's, which is told the sheet and how this kind of candidate talks. A fact
    counts as told when a reply holds it."""

    def __init__(
        self, sheet: Sheet, prompt: Prompt, manners: Document, speaker: Journal, embeddings: Embeddings
    ) -> None:
        self._sheet = sheet
        self._speaker = speaker
        self._embeddings = embeddings
        self._told: set[str] = set()
        self._part = prompt.render(
            manner=manners.section(sheet.kind).text,
            question=sheet.question,
            facts=[fact.words for fact in sheet.facts],
            dodges=sheet.dodges,
        )

    def reply(self, exchange: Exchange) -> Reply:
        said = ""
        with suppress(UnusableReplyError, ModelRefusedError):  # what was said before it was cut stands
            for piece in self._speaker.stream(self._messages(exchange), MOST_TOKENS, Lane.BACKGROUND):
                said += piece
        text = clean(said).strip() or self._sheet.dodges[0]
        new = [one for one in self._sheet.facts if one.check not in self._told and holds(text, one, self._embeddings)]
        self._told |= {one.check for one in new}
        return Reply(text, tuple(one.check for one in new))

    def _messages(self, exchange: Exchange) -> list[Message]:
        said = [("user" if one.role is Role.INTERVIEWER else "assistant", one.text) for one in exchange.turns]
        return [("system", self._part), ("user", exchange.question.text), *said]


def asked_for(sheet: Sheet, probe: str, embeddings: Embeddings) -> list[Fact]:
    """The facts that this probe asks for, the best first: by its likeness to what would ask for them, by the words
    that it shares with that, and unless it is more like a way of asking for something else. The candidate's own words
    that it takes up don't count."""
    question = question_of(probe)
    asks = ["; ".join(fact.asks) for fact in sheet.facts]
    vectors = np.array(embeddings.embed_documents([question, *asks]))
    words = contents(question)
    shared = np.array([min(MOST_WORDS, len(words & contents(one))) for one in asks])
    likeness = (
        vectors[1:] @ vectors[0] + WORD_WEIGHT * shared - ELSEWHERE_WEIGHT * _elsewhere(sheet, question, embeddings)
    )
    return [sheet.facts[at] for at in np.argsort(-likeness, kind="stable") if likeness[at] >= ASKS]


def _elsewhere(sheet: Sheet, question: str, embeddings: Embeddings) -> Array:
    """By how much a question is nearer to a way of asking for something else than to one for each fact's check."""
    known = ways()
    vectors = np.array(embeddings.embed_documents([question, *(one.words for one in known)]))
    likeness, checks = vectors[1:] @ vectors[0], np.array([one.check for one in known])
    own = [likeness[checks == fact.check].max(initial=0.0) for fact in sheet.facts]
    other = [likeness[checks != fact.check].max() for fact in sheet.facts]
    margins: Array = np.maximum(0.0, np.array(other) - np.array(own) - AS_NEAR)
    return margins


def holds(reply: str, fact: Fact, embeddings: Embeddings) -> bool:
    """Whether a reply tells this fact, in whatever words."""
    if not reply:
        return False
    cut = sentences([Turn("reply", Role.CANDIDATE, reply)])
    vectors = np.array(embeddings.embed_documents([fact.words, reply, *(one.text for one in cut)]))
    words = contents(fact.words)
    shared = len(words & contents(reply)) / max(1, len(words))
    return float((vectors[1:] @ vectors[0]).max()) + SHARED_WEIGHT * shared >= HOLDS


def question_of(probe: str) -> str:
    """A probe without the line before it that takes up the candidate's words."""
    return _TAKEN_UP.sub("", probe)


def contents(text: str) -> set[str]:
    """The figures and the words that say something, without their endings."""
    return set(stems(text))


def stems(text: str) -> list[str]:
    """The same in the order of the text."""
    return [_ENDING.sub("", one) if len(one) > 4 else one for one in _WORD.findall(text.lower()) if one not in _EMPTY]
