"""What the interviewer goes after next, decided by code from what is known of the answer.

A gap that was asked for and left open is pressed once, deeper. A story told before is noticed. Else the gap that this
company values most is probed; with none worth it, what was well told is challenged. Phrases nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.evidence import CUE_BONUS
from simulator.grader import Grader
from simulator.index import Hit, PassageIndex
from simulator.interview import Act, Exchange, Turn
from simulator.library import Company
from simulator.methods import Reading
from simulator.models import Lane
from simulator.principles import MOST_NAMED, named, namings
from simulator.rubric import Check, Finding
from simulator.transcript import Sentence, sentences

MOST_CHECKS_ASKED = 6
"""Checks put to the model before a probe, unless all of them are shown: each costs about 0.4 s of waiting."""
MOST_LIKELY_SHOWN = 0.65
"""A check that is more likely shown than this is not probed."""
STILL_OPEN = 0.4
"""A check that was asked for and is no more likely shown than this was dodged."""
SURENESS = 2
"""Power of the chance that a check is open: a probe for what was said costs more than one for the second-best gap. On
dev openings 0.86 of the probes hit an open check with 2, 0.79 with 1, 0.88 with 3, which hits the best less often."""
LEAST_PROBE_VALUE = 0.25
"""Below this (value of the check times that power) there is nothing worth a probe."""
MOST_CHALLENGES = 1
SAME_STORY = 0.42
"""Likeness, sentence by sentence both ways, from which on two answers tell one story. Of 6,000 pairs of different
train answers one reaches it."""
MOST_PASSAGES = 60
"""More than any check has: which of them fit is seen of all."""
FITS = 0.5
"""Score of the search from which on the scene that a probe presupposes is taken to be the story's. Below it only
plain probes are put. With it 47 facts came out of the simulated candidates of dev, with 0.45 45."""
TECHNICAL = "technical"
TECHNICAL_BONUS = 0.2
"""What a technical probe gains in the search at a company that asks for depth, until one was asked. Elsewhere, and
after it, also a plain one is put only where it fits."""
RECITED = "flag.buzzwords"
LONGEST_QUOTE_WORDS = 18
_DEEDS, _OUTCOMES = ("anchor.choice", "anchor.fix"), ("anchor.ending", "result.quantified")
_INVITED = 1.3
_GOOD_ENOUGH = 0.8
_CLAUSE = re.compile(r"[,;:–—]\s+|\s+(?=(?:and|but|so|because|which|when|while)\s)")
_LEADING = re.compile(r"^(?:and|but|so|because|then|which)\s+", re.IGNORECASE)
_STOPS = ' .,;:!?"“”'


@dataclass(frozen=True, slots=True)
class Aim:
    """What the next follow-up goes after: the check, the passages found for it, the words it takes up, and whether
    it probes, presses or challenges."""

    check: Check
    hits: tuple[Hit, ...]
    quote: str
    act: Act = Act.PROBE

    @property
    def ask(self) -> str:
        return self.hits[0].passage.ask


@dataclass(slots=True)
class Strategy:
    """One company's way of following up. Holds no state of the interview; counts the checks that it asked about."""

    company: Company
    grader: Grader
    index: PassageIndex
    embeddings: Embeddings
    asked_checks: int = field(default=0)

    def aim(self, exchange: Exchange, used: Sequence[str] = ()) -> Aim | None:
        """The next thing to go after, or None when nothing is worth a follow-up. `used` are the ids of passages that
        this interview has used already."""
        reading = self.grader.read(exchange)
        for check, act in self._candidates(exchange, reading):
            hits = self._passages(exchange, check, act, used)
            if hits:
                return Aim(check, hits, self._quote(reading, check, hits[0], exchange), act)
        return None

    def _candidates(self, exchange: Exchange, reading: Reading) -> Iterator[tuple[Check, Act]]:
        """What could come next, the best first. The model is asked no further than is looked."""
        tried = {turn.check for turn in exchange.probes}
        pressable = self._pressable(exchange)
        ranked = self._ranked(exchange, tried)
        findings = self.grader.findings(reading, [*pressable, *ranked], Lane.LIVE)
        for check in pressable:
            chance = self._chance(check, findings)
            if chance is not None and chance <= STILL_OPEN:
                yield check, Act.PRESS
        if RECITED not in tried and namings(named(exchange.candidate_text, self.company.principles)) > MOST_NAMED:
            yield self.grader.rubric.check(RECITED), Act.PROBE
        gap, shown = self._gap(exchange, ranked, findings)
        if gap:
            yield gap, Act.PROBE
        elif shown and sum(turn.act is Act.CHALLENGE for turn in exchange.probes) < MOST_CHALLENGES:
            yield shown, Act.CHALLENGE

    def _pressable(self, exchange: Exchange) -> list[Check]:
        """The check that the last follow-up went for, if that was the first time: a gap is pressed once."""
        last = exchange.probes[-1] if exchange.probes else None
        criteria = [one for one in self.grader.rubric.checks if one.is_criterion]
        return [one for one in criteria if last and last.act is Act.PROBE and one.id == last.check]

    def _ranked(self, exchange: Exchange, tried: set[str]) -> list[Check]:
        """The criteria that no follow-up went for yet, the most valuable first."""
        criteria = [one for one in self.grader.rubric.checks if one.is_criterion and one.id not in tried]
        return sorted(criteria, key=lambda check: -self._value(check, exchange))

    def _chance(self, check: Check, findings: Iterator[Finding]) -> float | None:
        self.asked_checks += self.grader.asks(check)
        return next(findings).probability

    def _gap(
        self, exchange: Exchange, ranked: Sequence[Check], findings: Iterator[Finding]
    ) -> tuple[Check | None, Check | None]:
        """The most valuable open check, and the most valuable one that is shown. It is looked no further when none
        of the rest can be worth more."""
        best, best_worth, shown, before = None, LEAST_PROBE_VALUE, None, self.asked_checks
        for check in ranked:
            value = self._value(check, exchange)
            if best is not None and (
                best_worth >= _GOOD_ENOUGH * value or self.asked_checks - before >= MOST_CHECKS_ASKED
            ):
                break
            chance = self._chance(check, findings)
            if chance is None:
                continue
            if chance > MOST_LIKELY_SHOWN:
                shown = shown or check
            elif value * (1 - chance) ** SURENESS > best_worth:
                best, best_worth = check, value * (1 - chance) ** SURENESS
        return best, shown

    def _value(self, check: Check, exchange: Exchange) -> float:
        weight = self.company.probe_weights.get(check.id, 1.0)
        lens = self.company.lens.get(check.dimension, 1.0)
        invited = _INVITED if check.id in exchange.question.invites else 1.0
        return float(check.value * weight * lens**0.5 * invited)

    def _passages(self, exchange: Exchange, check: Check, act: Act, used: Sequence[str]) -> tuple[Hit, ...]:
        """The fresh probes of this check, the best first: of the depth that the act calls for, if there are any."""
        said = exchange.answers[-1].text if exchange.answers else ""
        scene = exchange.question.text if exchange.question.kind == "case" else ""  # a story brings its own
        found = self.index.search(
            " ".join(f"{check.name}. {scene} {said}".split()),
            self.company.id,
            MOST_PASSAGES,
            check=check.id,
            kind="probe",
            question_kind=exchange.question.kind,
        )
        fresh = [hit for hit in found if hit.passage.id not in used]
        deep = self.company.technical and not any("/technical/" in one for one in used)
        plain = [hit for hit in fresh if hit.passage.plain and (deep or hit.passage.topic != TECHNICAL)]
        fitting = [hit for hit in fresh if hit in plain or hit.score >= FITS] or fresh
        if deep:
            fitting.sort(key=lambda hit: -hit.score - TECHNICAL_BONUS * (hit.passage.topic == TECHNICAL))
        depth = {Act.PRESS: "pressing", Act.CHALLENGE: "challenging"}.get(act, "opening")
        meant = [hit for hit in fitting if hit.passage.depth == depth]
        return tuple((meant or ([] if act is Act.CHALLENGE else fitting))[:5])

    def told_before(self, exchange: Exchange, earlier: Sequence[Exchange]) -> bool:
        """Whether this answer tells a story that an earlier exchange has told."""
        now = self._vectors(exchange.turns)
        return any(likeness(now, self._vectors(one.turns)) >= SAME_STORY for one in earlier if one.answered)

    def _vectors(self, turns: Sequence[Turn]) -> np.ndarray:
        texts = [" ".join(sentence.text.split()) for sentence in sentences(turns)]
        return np.array(self.embeddings.embed_documents(texts), np.float32)

    def _quote(self, reading: Reading, check: Check, hit: Hit, exchange: Exchange) -> str:
        """The words that the probe takes up, cut to a clause: of a plain one a deed or an outcome, of another those
        where its scene is and the check would have been shown. What an earlier probe has quoted is not quoted again.
        """
        quoted = " ".join(turn.text for turn in exchange.probes)
        fresh = [one for one in reading.sentences if quotable(_joined(one)) not in quoted] or reading.sentences
        likely = [one for one in fresh if len(one.text.split()) >= 4] or fresh
        if not likely:
            return ""
        taken = self._told(check, likely) if hit.passage.plain else ""
        return quotable(taken or self._nearest(check, hit, [_joined(one) for one in likely]))

    def _told(self, check: Check, fresh: Sequence[Sentence]) -> str:
        """A sentence of the outcome for a check of results, of what was done for any other; empty without one."""
        wanted = _OUTCOMES if check.id.startswith("result.") else _DEEDS
        looked_for = (one for one in self.grader.rubric.checks if one.id in wanted)
        shown = (self.grader.shown_in(one, fresh) for one in looked_for)
        return " ".join(next(filter(None, shown), "").split())

    def _nearest(self, check: Check, hit: Hit, texts: Sequence[str]) -> str:
        said = np.array(self.embeddings.embed_documents(list(texts)))
        wanted = np.array(self.embeddings.embed_documents([hit.passage.text, *check.like]))
        cues = np.array([bool(check.cue and re.search(check.cue, text)) for text in texts])
        nearness = 0.5 * said @ wanted[0] + (said @ wanted[1:].T).max(axis=1, initial=0.0) + CUE_BONUS * cues
        return texts[int(np.argmax(nearness))]


def _joined(sentence: Sentence) -> str:
    return " ".join(sentence.text.split())


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """How alike two texts are, given unit vectors of their sentences (one a row): the mean over the sentences of each
    of the nearest in the other."""
    if not len(one) or not len(other):
        return 0.0
    cosines = one @ other.T
    return float((cosines.max(axis=0).mean() + cosines.max(axis=1).mean()) / 2)


def quotable(sentence: str) -> str:
    """A clause of at most 18 words, verbatim from the sentence, without its closing stop."""
    if len(sentence.split()) <= LONGEST_QUOTE_WORDS:
        return sentence.strip(_STOPS)
    clauses = [_LEADING.sub("", clause.strip()) for clause in _CLAUSE.split(sentence) if clause.strip()]
    short = [clause for clause in clauses if len(clause.split()) <= LONGEST_QUOTE_WORDS]
    best = max(short or clauses, key=lambda clause: len(clause.split()), default=sentence)
    return " ".join(best.split()[:LONGEST_QUOTE_WORDS]).strip(_STOPS)
