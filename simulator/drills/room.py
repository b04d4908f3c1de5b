"""Where drills are held: finds the claim and the probe, has the reply judged on one check, keeps card and review.

The order of things is decided here, the arithmetic in `drills`. Nothing is kept of a reply that could not be judged.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from simulator.conductor import Conductor
from simulator.drills.drill import (
    Card,
    Claim,
    Drill,
    Ease,
    Place,
    choose,
    ease_of,
    key_of,
    new_card,
    queue,
    reviewed,
    stored_card,
    streak,
    tallies,
)
from simulator.drills.material import Material
from simulator.errors import InputError, UnusableReplyError
from simulator.interview import Act, Exchange, Question, Role, Turn, checked_answer
from simulator.library import Company
from simulator.move import Wait
from simulator.prompts import clean
from simulator.records import ReviewRow, new_id
from simulator.rubric import Check, Finding, State

if TYPE_CHECKING:  # heavy, and imported where it is first used: the page is there at once
    from simulator.grader import Grader

MOST_HANDED = 100
"""Drills that were begun and are remembered until they are replied to, so that a reload finds them."""
_FEW_WORDS = 20
"""A shorter reply may be all that is needed; a longer one is held to what an answer is held to."""
_LEAST_NEW_WORDS = 2
ECHO = "it only repeats what was said and asked"
_REPLY = 2  # its place among the turns of the exchange: claim, probe, reply
_WORD = re.compile(r"\w+")
_FINDING = TypeAdapter(Finding)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a reply: the finding with its evidence in the reply (turn 2), what the rubric says of the gap, and
    when the card is due again (UTC)."""

    drill: str
    check: Check
    finding: Finding
    ease: Ease
    seconds: float
    due: datetime

    @property
    def met(self) -> bool:
        return self.finding.state is State.MET

    @property
    def gap(self) -> str:
        """What was missing, and why that is known where the reply was none; empty when it was met."""
        if self.met:
            return ""
        return f"{self.check.missing} ({self.finding.note})" if self.finding.note else self.check.missing


class DrillRoom:
    """The drills of one user. Safe to use from several threads."""

    def __init__(self, conductor: Conductor, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self.material = Material(conductor)
        self._conductor = conductor
        self._clock = clock
        self._lock = threading.RLock()
        self._handed: dict[str, Drill] = {}
        self._handed_last = ""
        self._used: dict[str, list[tuple[str, str]]] = {}

    # What comes next

    def next(self, company_id: str, check: str = "", kind: str = "") -> Drill:
        """A drill on the check that is named, or on the one whose turn it is; its clock has begun.

        Raises InputError where there is nothing to drill, ContentError for a company that is not known.
        """
        company = self._conductor.library.company(company_id)
        with self._lock:
            claims = self.material.claims(company, kind)
            if check and check not in claims:
                raise InputError(f"There is no drill for {check!r} here.", f"Choose one of: {', '.join(claims)}.")
            chosen = check or choose(self._places(company, claims), self._last())
            before = self._before(chosen, company_id)
            times = Counter(claim for claim, _ in before)
            fewest = min(times[one.id] for one in claims[chosen])
            options = [one for one in claims[chosen] if times[one.id] == fewest]
            claim, probe = self.material.pair(company, options, [passage for _, passage in before])
            return self._hand(Drill(new_id(), claim, chosen, company_id, probe.id, probe.ask, self._clock()))

    def again(self, drill: Drill) -> Drill:
        """The same claim and probe once more; the clock begins anew."""
        with self._lock:
            return self._hand(replace(drill, id=new_id(), began=self._clock()))

    def find(self, drill_id: str) -> Drill | None:
        """A drill that was begun in this process and not yet replied to."""
        return self._handed.get(drill_id)

    def queue(self, company_id: str, kind: str = "") -> tuple[Place, ...]:
        """Every check that can be drilled at this company, in the order of `drills.queue`."""
        company = self._conductor.library.company(company_id)
        return self._places(company, self.material.claims(company, kind))

    def streak(self, zone: tzinfo) -> int:
        """Days in a row with a reply, in the user's time zone."""
        return streak((datetime.fromisoformat(one.at) for one in self._reviews()), zone, self._now())

    # The reply

    def reply(
        self, drill: Drill, text: str, seconds: float, told: Callable[[Wait | None], None] = lambda wait: None
    ) -> Result:
        """Judge a reply that took so long, and keep it. The same drill again changes nothing and gives the first
        result. `told` hears what the reply waits for while its turn has not come, and None when it has.

        Raises InputError for a text that cannot be taken, and what the model raises; nothing is kept then.
        """
        with self._lock:
            for row in self._reviews():
                if row.payload["drill"] == drill.id:
                    return self._kept(drill, row)
            finding = self._finding(drill, checked_answer(clean(text)), told)
            if finding.state is State.NOT_ASSESSED:
                raise UnusableReplyError(f"Your reply was not judged: {finding.note}.", "Send it again.")
            return self._keep(drill, finding, round(seconds, 1))

    def _finding(self, drill: Drill, text: str, told: Callable[[Wait | None], None]) -> Finding:
        grader = self._conductor.grader(drill.kind)
        check = grader.rubric.check(drill.check)
        turns = (
            Turn("claim", Role.CANDIDATE, drill.claim.text),
            Turn("probe", Role.INTERVIEWER, drill.ask, drill.check, (drill.passage,), Act.PROBE),
            Turn("reply", Role.CANDIDATE, text),
        )
        if reason := _empty(drill, turns[_REPLY], grader):
            return Finding(check.id, State.NOT_MET, 0.0, note=reason)
        exchange = Exchange(drill.claim.question, turns)
        if not grader.asks(check):
            return _judged(grader, exchange, check)
        with self._conductor.model().turns.live(self._conductor.owner or drill.id, told):
            return _judged(grader, exchange, check)

    def _keep(self, drill: Drill, finding: Finding, seconds: float) -> Result:
        now, ease = self._now(), ease_of(finding, seconds)
        key = key_of(drill.check, drill.company)
        row = self._conductor.records.drills.cards().get(key)
        card = stored_card(key, row.card_json) if row else new_card(drill.check, drill.company, now)
        card = reviewed(card, ease, now)
        payload = {
            "drill": drill.id,
            "claim": drill.claim.id,
            "passage": drill.passage,
            "seconds": seconds,
            "finding": _FINDING.dump_python(finding, mode="json"),
            "card": card.schedule,
        }
        # The review first: a card that did not follow it is mended from it when the reply is sent again.
        self._conductor.records.drills.add_review(key, now.isoformat(timespec="microseconds"), int(ease), payload)
        self._keep_card(card)
        self._handed.pop(drill.id, None)
        return Result(drill.id, self.material.check(drill.check, drill.kind), finding, ease, seconds, card.due)

    def _kept(self, drill: Drill, row: ReviewRow) -> Result:
        card = stored_card(row.key, row.payload["card"])
        if [one.id for one in self._reviews() if one.key == row.key][-1] == row.id:
            self._keep_card(card)
        finding = _FINDING.validate_python(row.payload["finding"])
        check = self.material.check(drill.check, drill.kind)
        return Result(drill.id, check, finding, Ease(row.rating), row.payload["seconds"], card.due)

    def _keep_card(self, card: Card) -> None:
        self._conductor.records.drills.keep(card.key, card.schedule, card.due.isoformat(timespec="microseconds"))

    def _places(self, company: Company, claims: Mapping[str, Sequence[Claim]]) -> tuple[Place, ...]:
        cards = [stored_card(row.key, row.card_json) for row in self._conductor.records.drills.cards().values()]
        checks = [self.material.check(check, found[0].question.kind) for check, found in claims.items()]
        return queue(checks, cards, tallies(self.material.past()), company, self._now())

    def _reviews(self) -> list[ReviewRow]:
        return self._conductor.records.drills.reviews()

    def _last(self) -> str:
        """The check that was drilled last, whether or not a reply came."""
        newest = next(reversed(self._reviews()), None)
        return self._handed_last or (newest.key.partition("|")[0] if newest else "")

    def _before(self, check: str, company_id: str) -> list[tuple[str, str]]:
        """The claims and passages of a card's drills, the oldest first, whether or not a reply came."""
        key = key_of(check, company_id)
        if key not in self._used:
            self._used[key] = [
                (one.payload["claim"], one.payload["passage"]) for one in self._reviews() if one.key == key
            ]
        return self._used[key]

    def _hand(self, drill: Drill) -> Drill:
        self._before(drill.check, drill.company).append((drill.claim.id, drill.passage))
        self._handed_last = drill.check
        self._handed[drill.id] = drill
        for old in list(self._handed)[:-MOST_HANDED]:
            del self._handed[old]
        return drill

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _judged(grader: "Grader", exchange: Exchange, check: Check) -> Finding:
    """The finding on one check, with evidence in the reply alone: what the claim says counts for nothing.

    So only the reply's sentences are looked at; where the model is not asked, also in their place behind the claim,
    as the sentence model reads a sentence with its neighbours.
    """
    from simulator.models import Lane

    whole = grader.read(exchange)
    alone = replace(whole, sentences=tuple(one for one in whole.sentences if one.turn == _REPLY))
    readings = [alone] if grader.asks(check) else [alone, whole]
    found = [_in_reply(next(grader.findings(reading, [check], Lane.LIVE))) for reading in readings]
    return max(found, key=lambda one: (one.state is State.MET, one.probability or 0.0))


def _in_reply(finding: Finding) -> Finding:
    if finding.state is State.MET and any(words.turn != _REPLY for words in finding.evidence):
        return replace(finding, state=State.NOT_MET, evidence=(), probability=None)
    return finding


def _empty(drill: Drill, reply: Turn, grader: "Grader") -> str:
    """Why this is no reply at all, or nothing; the claim and the probe said again are none."""
    from simulator.grader import not_an_answer

    heard = f"{drill.claim.text} {drill.ask}"
    new = {*_WORD.findall(reply.text.lower())} - {*_WORD.findall(heard.lower())}
    if len(new) < _LEAST_NEW_WORDS:
        return ECHO
    if len(reply.text.split()) < _FEW_WORDS:
        return ""
    return not_an_answer(Exchange(Question("heard", heard), (reply,)), grader.rubric)
