"""What a candidate's words claim that can be held against other words of theirs: each claim with its place.

Pure: knows strings alone, reads English by patterns and leaves out what it is not sure of. Nothing is judged here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from simulator.claims.changes import Change, changes
from simulator.claims.figures import Figure, figures, stems
from simulator.claims.timing import Date, Punctuality, dates, timings
from simulator.interview import Role, Turn
from simulator.transcript import sentences


class Kind(StrEnum):
    FIGURE = "figure"
    CHANGE = "change"
    PUNCTUALITY = "punctuality"
    DATE = "date"
    SUPERLATIVE = "superlative"


@dataclass(frozen=True, slots=True)
class Told:
    """One text of one telling. `source` names the telling (a story, an exchange) and `place` a part of it (a field,
    a turn): ids of the caller's."""

    source: str
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters [start, end) of the text that `source` and `place` name."""

    source: str
    place: str
    start: int
    end: int
    text: str


Content = Figure | Change | Punctuality | Date | None


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim in one sentence; the places inside `content` count from the sentence's start. `noun` is what it is
    about, in stems; empty where that is not plain."""

    kind: Kind
    quote: Quote
    sentence: Quote
    noun: tuple[str, ...] = ()
    content: Content = None


_MOST_NOUN_WORDS = 3
_PLURALS = frozenset({"people", "staff", "men", "women", "children"})
_VAGUE = frozenset(
    re.findall(
        r"\w+",
        """thing time way other option point step kind part reason question minute hour day week month quarter year
        people term side type case idea number figure""",
    )
)
_QUALIFIED = re.compile(
    r"\b(?:other|more|new|extra|further|additional|fewer|less|such|first|last|next|another|of)\b", re.IGNORECASE
)
_SUPERLATIVE = re.compile(
    r"\b(?:(?:best|fastest|largest|biggest|highest|lowest|smoothest|cleanest|quickest|first|most \w+|least \w+)"
    r"(?: [\w'’-]+){0,4}? (?:ever|in (?:the )?(?:company|industry|market|country|world|history)|on the market)|"
    r"not (?:a single|one) (?:bug|hitch|problem|complaint|error|mistake|incident|outage|customer|bad \w+)|"
    r"without a single [\w-]+|flawless(?:ly)?|perfectly|(?:went|was|were|ran) (?:all )?perfect|seamless(?:ly)?|"
    r"zero (?:bugs|incidents|complaints|downtime|outages|errors|defects|rollbacks))\b",
    re.IGNORECASE,
)


def claims_of(told: Told) -> list[Claim]:
    """All claims of one text, in its order."""
    found: list[Claim] = []
    for sentence in sentences([Turn("", Role.CANDIDATE, told.text)]):
        whole = Quote(told.source, told.place, sentence.start, sentence.end, sentence.text)
        for kind, start, end, noun, content in _read(sentence.text):
            at = (sentence.start + start, sentence.start + end)
            quote = Quote(told.source, told.place, *at, told.text[at[0] : at[1]])
            found.append(Claim(kind, quote, whole, noun, content))
    return sorted(found, key=lambda one: one.quote.start)


Read = tuple[Kind, int, int, tuple[str, ...], Content]


def _read(text: str) -> Iterator[Read]:
    moved, late, when = changes(text), list(timings(text)), list(dates(text))
    yield from ((Kind.CHANGE, one.start, one.end, one.noun, one) for one in moved)
    yield from ((Kind.PUNCTUALITY, one.start, one.end, one.about, one) for one in late)
    yield from ((Kind.DATE, one.start, one.end, (), one) for one in when)
    spans: list[Change | Punctuality | Date] = [*moved, *late, *when]
    taken = [(one.start, one.end) for one in spans]
    for figure in figures(text):
        if not _inside(figure.start, taken):
            noun, end = _noun_after(text, figure)
            yield Kind.FIGURE, figure.start, end, noun, figure
    for match in _SUPERLATIVE.finditer(text):
        yield Kind.SUPERLATIVE, match.start(), match.end(), (), None


def _inside(place: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _noun_after(text: str, figure: Figure) -> tuple[tuple[str, ...], int]:
    """What a count counts: the words behind it up to the first plural, and where they end."""
    if figure.unit:
        return (), figure.end
    end = figure.end
    for _ in range(_MOST_NOUN_WORDS):
        word = re.match(r" ([a-z][\w'’-]*)", text[end:], re.IGNORECASE)
        if word is None or not stems(word[1]):
            break
        end += word.end()
        if word[1].lower() in _PLURALS or re.search(r"[^s'’]s$", word[1]):
            noun = text[figure.end : end]
            plain = not _QUALIFIED.search(noun) and not _VAGUE.issuperset(stems(noun))
            return stems(noun) if plain else (), end
    return (), figure.end
