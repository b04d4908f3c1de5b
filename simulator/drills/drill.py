"""Drills: one claim, one follow-up, ninety seconds; which check is due, and on which words it is drilled.

Pure: knows no model, store, clock or page; moments are handed in, in UTC. The only module that imports fsrs, which
works out when a card comes again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import IntEnum

import fsrs

from simulator.errors import ContentError, InputError
from simulator.interview import Exchange, Question
from simulator.library import Company
from simulator.markdown import Document, Section
from simulator.rubric import Check, Evidence, Finding, Grade, State
from simulator.transcript import sentences

SECONDS = 90.0
"""What a drill lasts. A later reply is taken, and counts as a hard one."""
QUICK_SECONDS = 60.0
BARELY, CLEARLY = 0.7, 0.9
"""Calibrated chances that a check is met."""
LEAST_CLAIM_WORDS = 6
_SCHEDULER = fsrs.Scheduler(enable_fuzzing=False)  # the same answers always give the same days


class Ease(IntEnum):
    """How a reply went, in fsrs' own numbers."""

    AGAIN = 1
    HARD = 2
    GOOD = 3
    EASY = 4


@dataclass(frozen=True, slots=True)
class Card:
    """One check at one company. `schedule` is fsrs' own JSON text."""

    check: str
    company: str
    due: datetime
    schedule: str

    @property
    def key(self) -> str:
        return key_of(self.check, self.company)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a check was asked for in graded exchanges, and how often it was not met there."""

    asked: int = 0
    missed: int = 0

    @property
    def share(self) -> float:
        """Share missed, drawn to a half: once of once says less than eight times of eight, and never asked little."""
        return (self.missed + 1) / (self.asked + 2)


@dataclass(frozen=True, slots=True)
class Place:
    """A check's place in the queue: when it is due (None if it was never drilled), and how weak it is."""

    check: str
    due: datetime | None
    weakness: float


@dataclass(frozen=True, slots=True)
class Past:
    """One graded exchange of an interview, with its number there."""

    interview: str
    number: int
    exchange: Exchange
    grade: Grade


@dataclass(frozen=True, slots=True)
class Claim:
    """What is drilled on: words that leave a check out, said on a question. `interview` is empty for one of the bank;
    else they are the candidate's own, in that turn of that exchange."""

    id: str
    text: str
    check: str
    question: Question
    interview: str = ""
    exchange: int = 0
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Drill:
    """One follow-up to reply to: the claim, and the probe of a passage that goes after the check that it leaves out.
    `began` is in epoch seconds."""

    id: str
    claim: Claim
    check: str
    company: str
    passage: str
    ask: str
    began: float
    seconds: float = SECONDS

    @property
    def kind(self) -> str:
        return self.claim.question.kind

    @property
    def deadline(self) -> float:
        return self.began + self.seconds


# Cards


def key_of(check: str, company: str) -> str:
    return f"{check}|{company}"


def new_card(check: str, company: str, now: datetime) -> Card:
    return _card(check, company, fsrs.Card(card_id=0, due=now))


def stored_card(key: str, schedule: str) -> Card:
    """A card as it was kept."""
    check, _, company = key.partition("|")
    return _card(check, company, fsrs.Card.from_json(schedule))


def reviewed(card: Card, ease: Ease, now: datetime) -> Card:
    """The card after a reply: due again in minutes when it was missed, in days when it was met more than once."""
    after, _ = _SCHEDULER.review_card(fsrs.Card.from_json(card.schedule), fsrs.Rating(ease), now)
    return _card(card.check, card.company, after)


def _card(check: str, company: str, schedule: fsrs.Card) -> Card:
    return Card(check, company, schedule.due, schedule.to_json())


def ease_of(finding: Finding, seconds: float) -> Ease:
    """How a reply that took so long went, from the finding on its one check."""
    if finding.state is not State.MET:
        return Ease.AGAIN
    sure = finding.probability or 0.0
    if sure < BARELY or seconds > SECONDS:
        return Ease.HARD
    return Ease.EASY if sure >= CLEARLY and seconds <= QUICK_SECONDS else Ease.GOOD


# What comes next


def tallies(past: Iterable[Past]) -> dict[str, Tally]:
    """By check, over what could be graded."""
    counted: dict[str, Tally] = {}
    for one in past:
        for check in one.exchange.asked_for & one.grade.findings.keys() if one.grade.ratings else ():
            state, before = one.grade.findings[check].state, counted.get(check, Tally())
            if state is not State.NOT_ASSESSED:
                counted[check] = Tally(before.asked + 1, before.missed + (state is State.NOT_MET))
    return counted


def queue(
    checks: Iterable[Check], cards: Iterable[Card], told: Mapping[str, Tally], company: Company, now: datetime
) -> tuple[Place, ...]:
    """What is due at this company, the longest waiting first; then what was never drilled, the weakest first; then
    the rest as it comes due."""
    due = {card.check: card.due for card in cards if card.company == company.id}

    def weakness(check: Check) -> float:
        return told.get(check.id, Tally()).share * check.value * company.probe_weights.get(check.id, 1.0)

    def order(place: Place) -> tuple[int, float, float]:
        if place.due is None:
            return 1, -place.weakness, 0.0
        return 2 * (place.due > now), place.due.timestamp(), -place.weakness

    return tuple(sorted((Place(one.id, due.get(one.id), weakness(one)) for one in checks), key=order))


def choose(places: Sequence[Place], last: str = "") -> str:
    """The next check: the first of the queue that is not the last one drilled. Raises InputError where none is left
    at all."""
    if not places:
        raise InputError("There is nothing to drill here.", "Choose another kind of question or another company.")
    return next((one.check for one in places if one.check != last), places[0].check)


def streak(moments: Iterable[datetime], zone: tzinfo, now: datetime) -> int:
    """Days in a row with a reply, counted in the user's time zone and up to today; a day that is not over yet breaks
    nothing."""
    days = {moment.astimezone(zone).date() for moment in moments}
    day = now.astimezone(zone).date()
    if day not in days:
        day -= timedelta(days=1)
    count = 0
    while day in days:
        count, day = count + 1, day - timedelta(days=1)
    return count


# What it is drilled on


def own_claims(past: Past, checks: Iterable[Check]) -> list[Claim]:
    """The candidate's own words where these checks were missing: at most one sentence a check."""
    if past.grade.reason:
        return []
    turns, findings = past.exchange.turns, past.grade.findings
    said = [one.evidence for one in sentences(turns) if turns[one.turn] in past.exchange.answers]
    found = []
    for check in checks:
        if check.id in findings and findings[check.id].state is State.NOT_MET:
            claim_id = f"{past.interview}/{past.number}/{check.id}"
            for words in _moments(check, past, said):
                text = " ".join(words.text.split())
                if len(text.split()) >= LEAST_CLAIM_WORDS:
                    where = past.interview, past.number, words.turn
                    found.append(Claim(claim_id, text, check.id, past.exchange.question, *where))
                    break
    return found


def _moments(check: Check, past: Past, said: Sequence[Evidence]) -> Iterator[Evidence]:
    """Where the check would have been said, the likeliest place first: in reply to a probe for it, beside what is
    near it, or where the answer began."""
    replies = [at + 1 for at, turn in enumerate(past.exchange.turns) if turn.check == check.id]
    yield from (one for one in said if one.turn in replies)
    for other in check.near:
        if other in past.grade.findings:
            yield from past.grade.findings[other].evidence
    yield from said


def bank_claims(document: Document, questions: Iterable[Question], checks: Collection[str]) -> tuple[Claim, ...]:
    """The claims of the bank's file. Raises ContentError listing every fault found."""
    asked = {question.id: question for question in questions}
    faults = [fault for section in document.sections for fault in _faults(section, asked, checks)]
    if faults:
        listed = "\n- ".join(faults)
        raise ContentError(f"{document.path.name} has faults:\n- {listed}", "Correct them.")
    return tuple(
        Claim(f"bank/{one.slug}", one.text, one.one("check"), asked[one.one("question")]) for one in document.sections
    )


def _faults(section: Section, asked: Mapping[str, Question], checks: Collection[str]) -> list[str]:
    question = asked.get(section.one("question"))
    told = {
        f"check {section.one('check')!r} is not known": section.one("check") in checks,
        f"question {section.one('question')!r} is not known": question is not None,
        "its question is of another kind": question is None or question.kind == section.one("kind"),
        "it has no text": bool(section.text),
    }
    return [f"{section.slug}: {fault}" for fault, fine in told.items() if not fine]


def least_used(options: Sequence[str], used: Sequence[str]) -> str:
    """The first that was not used, or the one whose last use is longest ago; `used` begins with the oldest."""
    last = {one: at for at, one in enumerate(used)}
    return min(options, key=lambda one: last.get(one, -1))
