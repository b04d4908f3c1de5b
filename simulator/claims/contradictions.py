"""Claims that cannot both be true, cannot be true at all, or changed from one telling of a story to the next.

Pure: knows claims alone. A false alarm on an honest answer is worse than a miss, so what is told roughly, as a goal
or about something else is left alone. Nothing of this enters a score.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from simulator.claims.changes import Change
from simulator.claims.figures import PERCENT, POINT, Figure, figures, stems
from simulator.claims.ledger import Claim, Quote, Told, claims_of
from simulator.claims.timing import Date, Punctuality, Timing, dates
from simulator.prompts import digest_of

LEAST_CHANGE = 0.04
"""Figures that differ by less, as a share of the larger one, may be the same one rounded."""
LEAST_SHARED_WORDS = 2
SAME_SENTENCE = 0.6
"""From this share of common words on, two sentences say the same and may differ in their figures only."""
_REST = re.compile(r"\bthe (?:rest|remaining|remainder|other)\b", re.IGNORECASE)
_SPLIT = re.compile(r"\b(?:split|divided|broke down|breakdown|made up of|consisted of)\b", re.IGNORECASE)
_PEOPLE = re.compile(
    r" of (?:the |our |all |my )*(?:users|customers|people|teams|engineers|stores|drivers|sellers|hosts|guests)\b"
    r"(?! (?:as|that we had|before|last|in the previous))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two quotes that do not go together; `kind` is `contradicts`, `impossible` or `changed`, `reason` a slug."""

    kind: str
    reason: str
    first: Quote
    second: Quote

    @property
    def id(self) -> str:
        """The same for the same words, wherever and in whichever order they stand."""
        return digest_of(self.reason, *sorted((self.first.text, self.second.text)))


def in_telling(texts: Sequence[Told]) -> list[Contradiction]:
    """What is wrong inside one telling: in a sentence, between two, and between an answer and a later reply."""
    claims = [claim for text in texts for claim in claims_of(text)]
    found = [one for claim in claims for one in _impossible(claim)]
    found += [one for text in texts for one in _over_the_whole(text, claims)]
    found += _timings(claims, "contradicts")
    for one, other in combinations(dict.fromkeys(text.place for text in texts), 2):
        found += _changed([c for c in claims if c.quote.place == one], [c for c in claims if c.quote.place == other])
    return _once(found)


def between(
    tellings: Sequence[Sequence[Told]], likeness: Callable[[str, str], float], same_story: float
) -> list[Contradiction]:
    """What changed from one telling to another of the same story. Which those are, `likeness` says of the texts of
    two whole tellings: from `same_story` on they tell one."""
    read = [("\n".join(text.text for text in texts), [c for t in texts for c in claims_of(t)]) for texts in tellings]
    found: list[Contradiction] = []
    for (one_text, one), (other_text, other) in combinations(read, 2):
        if one and other and likeness(one_text, other_text) >= same_story:
            found += [*_changed(one, other), *_timings(one, "changed", other)]
    return _once(found)


def _once(found: Sequence[Contradiction]) -> list[Contradiction]:
    """One alarm for two sentences, the first that was found."""
    kept: dict[tuple[Quote, Quote], Contradiction] = {}
    for one in found:
        kept.setdefault((one.first, one.second), one)
    return list(kept.values())


def _impossible(claim: Claim) -> Iterator[Contradiction]:
    content, reason = claim.content, ""
    if isinstance(content, Change) and content.real:
        if content.direction * (content.after.value - content.before.value) < 0 and _differ(
            content.before, content.after
        ):
            reason = "wrong-direction"
        elif not _size_fits(content):
            reason = "wrong-size"
    elif isinstance(content, Figure):
        over = content.whole is not None and content.value > content.whole and not content.rough
        behind = claim.sentence.text[content.end :]
        many = content.unit == PERCENT and content.low > 100 and _PEOPLE.match(behind)
        if (over and re.search(r"\bof\b", claim.quote.text)) or many:
            reason = "more-than-whole"
    elif isinstance(content, Date) and content.until and content.until[1] < content.first:
        reason = "ends-before-start"
    if reason:
        yield Contradiction("impossible", reason, claim.sentence, claim.quote)


def _size_fits(change: Change) -> bool:
    """Whether the size that is told can be had from the two figures, by any usual way of reckoning."""
    before, after, size = change.before, change.after, change.share
    if change.factor and not (before.rough or after.rough):
        reached = after.value / before.value if before.value else 0.0
        return abs(reached / change.factor - 1) <= 0.25
    if size is None:
        return True
    return any(low - size.slack - 1 <= size.value <= high + size.slack + 1 for low, high in _sizes(before, after))


def _sizes(before: Figure, after: Figure) -> Iterator[tuple[float, float]]:
    """The ranges of percentages that may be meant: of the start, of the end, or the difference in points."""
    corners = [(b, a) for b in (before.low, before.value, before.high) for a in (after.low, after.value, after.high)]
    for of_start in (True, False):
        shares = [100 * abs(b - a) / abs(b if of_start else a) for b, a in corners if (b if of_start else a)]
        if shares:
            yield min(shares), max(shares)
    if before.unit in (PERCENT, POINT):
        points = [abs(b - a) for b, a in corners]
        yield min(points), max(points)


def _over_the_whole(told: Told, claims: Sequence[Claim]) -> Iterator[Contradiction]:
    """Parts of one whole that exceed 100 %, where the words say that they are such parts."""
    own = [c for c in claims if c.quote.place == told.place and isinstance(c.content, Figure)]
    for sentence in dict.fromkeys(claim.sentence for claim in own):
        parts = [c for c in own if c.sentence == sentence and isinstance(c.content, Figure)]
        shares = [c for c in parts if isinstance(c.content, Figure) and c.content.unit == PERCENT]
        if len(shares) < 2:
            continue
        joined = sentence.text[shares[-2].quote.end - sentence.start : shares[-1].quote.start - sentence.start]
        least = sum(c.content.low for c in shares if isinstance(c.content, Figure))
        if least > 100 and (_REST.search(joined) or _SPLIT.search(sentence.text)):
            yield Contradiction("impossible", "parts-over-whole", sentence, shares[-1].quote)


def _timings(claims: Sequence[Claim], kind: str, others: Sequence[Claim] = ()) -> list[Contradiction]:
    """Late and not late, said of the outcome of the same thing; of two tellings also late by another length."""
    pairs = [(a, b) for a in claims for b in others] if others else list(combinations(claims, 2))
    found = []
    for one, other in pairs:
        first, second = one.content, other.content
        if not (isinstance(first, Punctuality) and isinstance(second, Punctuality)):
            continue
        if not (first.outcome and second.outcome) or first.about != second.about:
            continue
        if (first.timing is Timing.LATE) != (second.timing is Timing.LATE):
            reason = "on-time-and-late" if Timing.ON_TIME in (first.timing, second.timing) else "early-and-late"
            found.append(Contradiction(kind, reason, one.sentence, other.sentence))
        elif others and first.timing == second.timing and _lengths_differ(first, second):
            found.append(Contradiction(kind, "figure-changed", one.sentence, other.sentence))
    return found


def _lengths_differ(one: Punctuality, other: Punctuality) -> bool:
    return one.amount is not None and other.amount is not None and _differ(one.amount, other.amount)


def _differ(one: Figure, other: Figure) -> bool:
    larger = max(abs(one.value), abs(other.value))
    return not one.agrees(other) and abs(one.value - other.value) > LEAST_CHANGE * larger


def _changed(one: Sequence[Claim], other: Sequence[Claim]) -> list[Contradiction]:
    return [*_changes_changed(one, other), *_counts_changed(one, other), *_sentences_changed(one, other)]


def _changes_changed(one: Sequence[Claim], other: Sequence[Claim]) -> Iterator[Contradiction]:
    """The one change that each tells of a measure, with another start or another end."""
    for first, a in _lone_changes(one):
        for second, b in _lone_changes(other):
            chained = a.after.agrees(b.before) or b.after.agrees(a.before)
            if first.noun == second.noun and not chained and _moves_differ(a, b):
                yield Contradiction("changed", "figure-changed", first.sentence, second.sentence)


def _lone_changes(claims: Sequence[Claim]) -> list[tuple[Claim, Change]]:
    """Changes of measures of which nothing else is told; the same once more is no other."""
    found = [(c, c.content) for c in claims if isinstance(c.content, Change) and c.content.real and c.noun]
    mixed = {c.noun for c, a in found for d, b in found if c.noun == d.noun and _moves_differ(a, b)}
    return list({c.noun: (c, a) for c, a in reversed(found) if c.noun not in mixed}.values())


def _moves_differ(one: Change, other: Change) -> bool:
    same_unit = one.before.unit == other.before.unit
    return same_unit and (_differ(one.before, other.before) or _differ(one.after, other.after))


def _counts_changed(one: Sequence[Claim], other: Sequence[Claim]) -> Iterator[Contradiction]:
    """The one count that each tells of a kind of thing, in sentences that have more words in common."""
    for first, a in _lone_counts(one):
        for second, b in _lone_counts(other):
            shared = (set(stems(first.sentence.text)) & set(stems(second.sentence.text))) - set(first.noun)
            if first.noun == second.noun and len(shared) >= LEAST_SHARED_WORDS and _differ(a, b):
                yield Contradiction("changed", "figure-changed", first.sentence, second.sentence)


def _lone_counts(claims: Sequence[Claim]) -> list[tuple[Claim, Figure]]:
    """Counts of things of which no other count is told."""
    found = [(c, c.content) for c in claims if isinstance(c.content, Figure) and c.noun and not c.content.whole]
    mixed = {c.noun for c, a in found for d, b in found if c.noun == d.noun and _differ(a, b)}
    return list({c.noun: (c, a) for c, a in reversed(found) if c.noun not in mixed}.values())


def _sentences_changed(one: Sequence[Claim], other: Sequence[Claim]) -> Iterator[Contradiction]:
    """Sentences that are the same but for a figure or a date."""
    for first in dict.fromkeys(claim.sentence for claim in one):
        for second in dict.fromkeys(claim.sentence for claim in other):
            words, others = set(stems(first.text)), set(stems(second.text))
            alike = len(words & others) >= SAME_SENTENCE * len(words | others)
            if alike and len(words & others) > LEAST_SHARED_WORDS and _figures_differ(first.text, second.text):
                yield Contradiction("changed", "figure-changed", first, second)


def _figures_differ(one: str, other: str) -> bool:
    first, second = figures(one), figures(other)
    if [figure.unit for figure in first] != [figure.unit for figure in second]:
        return False
    if any(_differ(a, b) for a, b in zip(first, second, strict=True)):
        return True
    when, then = list(dates(one)), list(dates(other))
    return len(when) == len(then) and any(
        a.last < b.first or b.last < a.first for a, b in zip(when, then, strict=True)
    )
