"""Interview + open checks + passages -> the next probe, phrased by the model and streamed.

Code decides what to go after and checks what the model says; the model only fits a retrieved probe to the
candidate's words. A phrasing that breaks the rules of conduct is replaced by the passage's own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.errors import ModelRefusedError, UnusableReplyError
from simulator.evidence import CUE_BONUS
from simulator.grader import Grader
from simulator.index import Hit, PassageIndex
from simulator.interview import Exchange, Role, Turn
from simulator.library import Company, Persona
from simulator.markdown import Document
from simulator.methods import Reading
from simulator.models import ChatModel, Lane, Message
from simulator.prompts import Prompt, clean
from simulator.rubric import Check

MOST_CHECKS_ASKED = 6
"""Checks put to the model before a probe, unless all of them are shown: each costs about 0.4 s of waiting."""
MOST_LIKELY_SHOWN = 0.65
"""A check that is more likely shown than this is not probed."""
MOST_WORDS = 45
MOST_TOKENS = 70
LONGEST_QUOTE_WORDS = 18
LEAST_PROBE_VALUE = 0.25
"""Below this (value of the check times the chance that it is open) there is nothing worth a probe."""
LEAST_LIKENESS = 0.4
"""Cosine similarity that a phrasing must keep to the passage's own probe."""
_INVITED = 1.3
_GOOD_ENOUGH = 0.8
_HELD_WORDS = 4
_CLAUSE = re.compile(r"[,;:–—]\s+|\s+(?=(?:and|but|so|because|which|when|while)\s)")
_LEADING = re.compile(r"^(?:and|but|so|because|then|which)\s+", re.IGNORECASE)
_SECOND = re.compile(r"\band (?:who|whom|what|how|why|when|where|which)\b", re.IGNORECASE)
_STOPS = ' .,;:!?"“”'
_QUESTION_START = re.compile(r"^[\"“'(]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Aim:
    """What the next probe goes after: the check, the passages found for it, and the words it takes up."""

    check: Check
    hits: tuple[Hit, ...]
    quote: str

    @property
    def ask(self) -> str:
        return self.hits[0].passage.ask


@dataclass(slots=True)
class Phrasing:
    """A probe being said. `text` is final once the stream has ended; `replaced` says that the model's own
    words broke a rule of conduct and the passage's stand instead."""

    aim: Aim
    text: str = ""
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class Conduct:
    """The rules of what an interviewer says, from prompts/interviewer/conduct.md."""

    taking_up: tuple[str, ...]
    praise: tuple[str, ...]
    preface: tuple[str, ...]

    @classmethod
    def read(cls, document: Document) -> "Conduct":
        def words(slug: str) -> tuple[str, ...]:
            return tuple(word.strip() for word in document.section(slug).text.split(",") if word.strip())

        lines = document.section("taking up").text.splitlines()
        return cls(tuple(line.removeprefix("- ") for line in lines), words("praise"), words("preface"))

    def fault(self, question: str, asked: Sequence[str] = ()) -> str:
        """Which rule this breaks, or nothing."""
        lower = question.lower()
        if question.count("?") != 1 or not question.rstrip(" \"”'").endswith("?"):
            return "not one question"
        if len(question.split()) > MOST_WORDS:
            return f"over {MOST_WORDS} words"
        if any(re.search(rf"\b{re.escape(word)}\b", lower) for word in self.praise):
            return "praise"
        if any(lower.startswith(word) for word in self.preface):
            return "a preface"
        size = len(question.split())
        if any(_same(question, " ".join(earlier.split()[-size:])) for earlier in asked):  # without its opener
            return "asked before"
        return ""


@dataclass(slots=True)
class Interviewer:
    """One company's interviewer. Holds no state of the interview."""

    company: Company
    persona: Persona
    conduct: Conduct
    prompts: Mapping[str, Prompt]
    grader: Grader
    index: PassageIndex
    embeddings: Embeddings
    model: ChatModel
    asked_checks: int = field(default=0)

    def aim(self, exchange: Exchange, used: Sequence[str] = ()) -> Aim | None:
        """The most valuable thing that this exchange leaves out, or None when nothing is worth a probe.

        `used` are the ids of passages that this interview has used already.
        """
        reading = self.grader.read(exchange)
        tried = [turn.check for turn in exchange.probes]
        check = self._most_valuable_open(exchange, reading, tried)
        if check is None:
            return None
        said = next((turn.text for turn in reversed(exchange.turns) if turn.role is Role.CANDIDATE), "")
        hits = self.index.search(
            f"{check.name}. {said}",
            self.company.id,
            5 + len(used),
            check=check.id,
            kind="probe",
            question_kind=exchange.question.kind,
        )
        fresh = tuple(hit for hit in hits if hit.passage.id not in used)[:5]
        if not fresh:
            return None
        return Aim(check, fresh, self._quote(reading, check, fresh[0], exchange))

    def say(self, exchange: Exchange, aim: Aim, phrasing: Phrasing) -> Iterator[str]:
        """Stream the probe. When the iterator ends, `phrasing.text` is what was asked."""
        opener = self._opener(exchange, aim.quote)
        if opener:
            yield opener + " "
        question = ""
        asked = [turn.text for turn in exchange.probes]
        try:
            for piece in self._question(self.request(exchange, aim)):
                question += piece
                yield piece
            fault = self.conduct.fault(question, asked) or self._drifted(question, aim)
        except (UnusableReplyError, ModelRefusedError) as error:
            fault = error.problem
        if fault:
            phrasing.replaced = fault
            question = aim.ask
        phrasing.text = f"{opener} {question}".strip()

    def request(self, exchange: Exchange, aim: Aim) -> list[Message]:
        """The messages that ask the model to phrase this probe."""
        prompt = self.prompts["interviewer/probe"].render(
            interviewer=self.persona.interviewer,
            company=self.company.name,
            manner=self.persona.manner,
            quote=aim.quote,
            ask=aim.ask,
        )
        return self.grader.read(exchange).asking(prompt)

    def _most_valuable_open(self, exchange: Exchange, reading: Reading, tried: Sequence[str]) -> Check | None:
        """Ask the model about the most valuable checks first, and stop as soon as none can be better."""
        ranked = sorted(
            (check for check in self.grader.rubric.checks if check.is_criterion and check.id not in tried),
            key=lambda check: -self._value(check, exchange),
        )
        best, best_worth = None, LEAST_PROBE_VALUE
        findings = self.grader.findings(reading, ranked, Lane.LIVE)
        for number, check in enumerate(ranked):
            value = self._value(check, exchange)
            if best is not None and (best_worth >= _GOOD_ENOUGH * value or number >= MOST_CHECKS_ASKED):
                break
            finding = next(findings)
            self.asked_checks += 1
            if finding.probability is not None and finding.probability <= MOST_LIKELY_SHOWN:
                worth = value * (1 - finding.probability)
                if worth > best_worth:
                    best, best_worth = check, worth
        return best

    def _value(self, check: Check, exchange: Exchange) -> float:
        weight = self.company.probe_weights.get(check.id, 1.0)
        lens = self.company.lens.get(check.dimension, 1.0)
        invited = _INVITED if check.id in exchange.question.invites else 1.0
        return float(check.value * weight * lens**0.5 * invited)

    def _quote(self, reading: Reading, check: Check, hit: Hit, exchange: Exchange) -> str:
        """The words where the check would have been shown and the probe fits, cut to a clause.

        What an earlier probe has quoted is not quoted again.
        """
        texts = [" ".join(sentence.text.split()) for sentence in reading.sentences]
        quoted = " ".join(turn.text for turn in exchange.probes)
        fresh = [text for text in texts if quotable(text) not in quoted] or texts
        likely = [text for text in fresh if len(text.split()) >= 4] or fresh
        if not likely:
            return ""
        said = np.array(self.embeddings.embed_documents(likely))
        wanted = np.array(self.embeddings.embed_documents([hit.passage.text, *check.like]))
        cues = np.array([bool(check.cue and re.search(check.cue, text)) for text in likely])
        nearness = 0.5 * said @ wanted[0] + (said @ wanted[1:].T).max(axis=1, initial=0.0) + CUE_BONUS * cues
        return quotable(likely[int(np.argmax(nearness))])

    def _opener(self, exchange: Exchange, quote: str) -> str:
        lines = self.conduct.taking_up
        return lines[len(exchange.probes) % len(lines)].replace("{quote}", quote) if quote else ""

    def _question(self, messages: Sequence[Message]) -> Iterator[str]:
        """The model's words up to the first question mark; the first few are held back until they can be
        seen to be a question and not a preface."""
        held, said = "", 0
        for piece in self.model.stream(messages, MOST_TOKENS, Lane.LIVE):
            held += clean(piece).replace("\n", " ")
            ends = "?" in held
            if not said:
                held = held.lstrip(" \"“'")
                if len(held.split()) <= _HELD_WORDS and not ends:
                    continue
                openings = (*self.conduct.preface, *self.conduct.praise)
                fault = any(held.lower().startswith(word) for word in openings)
                if fault or not _QUESTION_START.match(held):
                    raise UnusableReplyError("a preface instead of a question")
            out = held[: held.index("?") + 1] if ends else held
            said += len(out.split())
            yield out
            if ends:
                return
            held = ""
        raise UnusableReplyError("no question")

    def _drifted(self, question: str, aim: Aim) -> str:
        """What the phrasing made of the passage's probe, if it is no longer that probe."""
        if _SECOND.search(question) and not _SECOND.search(aim.ask):
            return "a second question that the passage's has not"
        one, other = np.array(self.embeddings.embed_documents([question, aim.ask]))
        return "" if float(one @ other) >= LEAST_LIKENESS else "another question than the passage's"


def quotable(sentence: str) -> str:
    """A clause of at most 18 words, verbatim from the sentence, without its closing stop."""
    if len(sentence.split()) <= LONGEST_QUOTE_WORDS:
        return sentence.strip(_STOPS)
    clauses = [_LEADING.sub("", clause.strip()) for clause in _CLAUSE.split(sentence) if clause.strip()]
    short = [clause for clause in clauses if len(clause.split()) <= LONGEST_QUOTE_WORDS]
    best = max(short or clauses, key=lambda clause: len(clause.split()), default=sentence)
    return " ".join(best.split()[:LONGEST_QUOTE_WORDS]).strip(_STOPS)


def _same(one: str, other: str) -> bool:
    left, right = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(left & right) > 0.8 * len(left | right)


def turn_of(turn_id: str, phrasing: Phrasing) -> Turn:
    """The turn that is kept: what was asked, the check it went for, and the passages behind it."""
    passages = tuple(hit.passage.id for hit in phrasing.aim.hits[:1])
    return Turn(turn_id, Role.INTERVIEWER, phrasing.text, phrasing.aim.check.id, passages)
