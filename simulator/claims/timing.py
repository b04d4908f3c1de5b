"""Punctuality and dates in an English sentence: "we shipped two weeks late", "from March to Q4 2023".

Pure: knows one sentence alone. Whether two such statements can both be true is known elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from simulator.claims.figures import MONTH, SECOND, Figure, figures, month_number, stems


class Timing(StrEnum):
    EARLY = "early"
    ON_TIME = "on time"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Punctuality:
    """Characters [start, end) of a sentence that say early, on time or late, by `amount` where that is told.

    `outcome`: told of how it ended, as a fact, not of how things stood on the way or might have. `about` are the
    stems of what was delivered; none for the whole of it.
    """

    start: int
    end: int
    timing: Timing
    amount: Figure | None
    outcome: bool
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Date:
    """A month, quarter or year, as its first and last month counted from year 0; `until` is the end of a span."""

    start: int
    end: int
    first: int
    last: int
    until: tuple[int, int] | None = None


_LENGTH = r"[\w.,-]+(?: and a half)? (?:working |calendar )?(?:minute|hour|day|week|fortnight|month|quarter|year)s?"
_DATE_WORD = r"(?:the|our|my) (?:date|deadline)"
_THEN = r"[,.;!?)]|$| (?:in|and|but|against|instead|because|due|after|with|on|when|as|since|by|than|thanks)\b"
_TIMING = re.compile(
    r"\b(?:(?P<on_time>on (?:time|schedule)|(?:on|to) the (?:day|hour)(?=[,.;!]|$)|"
    rf"(?:hit|met|made|kept) {_DATE_WORD})|"
    rf"(?P<early>(?:{_LENGTH} )?(?:early(?={_THEN})|ahead of (?:schedule|time|plan|the (?:date|deadline|plan)))|"
    r"before the deadline)|"
    rf"(?P<late>(?:{_LENGTH} )?(?:late(?={_THEN})|behind schedule|overdue|"
    rf"after the deadline|later than (?:planned|promised))|missed {_DATE_WORD}|"
    rf"(?:slipped|slid|overran) (?:(?:by )?(?:an? )?{_LENGTH}|to {MONTH})))(?!\w)",
    re.IGNORECASE,
)
_A = re.compile(r"\ban? (?=(?:hour|day|week|fortnight|month|quarter|year)\b)", re.IGNORECASE)
_DELIVERED = re.compile(
    r"\b(?:launch(?:ed)?|shipp?(?:ed)?|deliver(?:ed|y)|released?|rolled out|(?:went|gone|were|was) live|came out|"
    r"went out|finish(?:ed)?|completed?|landed|arrived|opened|ended(?: up)?|in the end|hit|met|made|kept|missed|"
    r"result|outcome|go-live|on the market)\b",
    re.IGNORECASE,
)
_UNREAL = re.compile(
    r"\b(?:would|could|should|might|may|must|will|not|never|if|whether|unless|nearly|almost|to (?:ship|launch|"
    r"deliver|be|finish|release|go|hit|meet|make|keep|land|get)|want(?:ed)?|need(?:ed)?|plan(?:ned)?|expect(?:ed)?|promised?|"
    r"aim(?:ed)?|goal|target|hop(?:ed|ing)|risk(?:ed)?|usually|always|often|each|every|second|revised|new|moved|"
    r"otherwise|instead|without|than|else|nobody|no|nothing|others?)\b|n['’]t\b|['’]d\b|['’]ll\b",
    re.IGNORECASE,
)
_RESTRICTED = re.compile(
    r"\s+(?:for\b|(?:with|in|at|to|on|by|against) (?:the |our |my )?(?:new|revised|second|agreed|moved|later)\b)",
    re.IGNORECASE,
)
_WHOLE = frozenset(
    re.findall(
        r"[\w-]+",
        """launch launched ship shipped deliver delivered delivery release released rolled went gone go live came
        finish finished complete completed landed arrived opened ended end result outcome hit met made kept missed
        date deadline product project feature app team everything thing whole full migration programme day hour
        time schedule late early behind ahead final overall overdue spite version go-live plan planned market""",
    )
)
"""Words that name the whole of what was delivered, or only that it was."""
_PIECE = re.compile(
    r"[,;:()–—]|\b(?:and|but|so|while|whereas|because|although|though|which|since|then)\b", re.IGNORECASE
)
_YEAR = r"(?:19|20)\d\d"
_SEASON = r"(?:early |late |mid-?|the )*(?:spring|summer|autumn|fall|winter)"
_DATE = re.compile(
    rf"\b(?:(?:q(?P<quarter>[1-4])|(?P<month>{MONTH})|{_SEASON})(?: \d{{1,2}}(?:st|nd|rd|th)?,?)?(?: of)?[ ,/’']*)?"
    rf"(?P<year>{_YEAR})\b(?![,.]?\d)",
    re.IGNORECASE,
)
_UNTIL = re.compile(
    r"\s*(?:to|until|till|through|and|–|-|—)\s*(?:the )?(?:\d{1,2}(?:st|nd|rd|th)? (?:of )?)?", re.IGNORECASE
)
_SINCE = re.compile(r"\b(?:from|between)(?: the)?(?: \d{1,2}(?:st|nd|rd|th)?)?(?: of)?\s*$", re.IGNORECASE)


def timings(text: str) -> Iterator[Punctuality]:
    """What a sentence says of being early, on time or late with a delivery."""
    for match in _TIMING.finditer(text):
        clause = text[_clause_start(text, match.start()) : match.end()]
        amount = next((one for one in figures(_A.sub("1 ", match[0])) if one.unit == SECOND), None)
        delivered = bool(_DELIVERED.search(clause))
        if match[0].lower() in ("early", "late") and not delivered:
            continue  # "told them early", "stayed late"
        head = _plain(clause[: len(clause) - len(match[0])])
        about = tuple(word for word in stems(head) if word not in _WHOLE)
        outcome = delivered and not _UNREAL.search(clause) and not _RESTRICTED.match(text[match.end() :])
        timing = Timing[(match.lastgroup or "").upper()]
        yield Punctuality(match.start(), match.end(), timing, amount, outcome, about)


def _clause_start(text: str, end: int) -> int:
    """Where the clause begins that ends there; in "we shipped, ten days late" it is the one before the comma."""
    pieces = [0, *(match.end() for match in _PIECE.finditer(text, 0, end))]
    if re.search(r"\w", text[pieces[-1] : end]):
        return pieces[-1]
    return pieces[-2] if len(pieces) > 1 else 0


def _plain(clause: str) -> str:
    """A clause without its figures and dates."""
    for one in reversed(figures(clause)):
        clause = f"{clause[: one.start]} {clause[one.end :]}"
    return re.sub(rf"\b{MONTH}|\b{_YEAR}\b|\b\d+(?:st|nd|rd|th)?\b|\bq[1-4]\b", " ", clause, flags=re.IGNORECASE)


def dates(text: str) -> Iterator[Date]:
    """The months, quarters and years of a sentence; "from one to another" is a span."""
    found = list(_DATE.finditer(text))
    skip = False
    for number, match in enumerate(found):
        later = found[number + 1] if number + 1 < len(found) else None
        if skip:
            skip = False
        elif later and _is_span(text, match, later):
            yield Date(match.start(), later.end(), *_months(match), until=_months(later))
            skip = True
        else:
            yield Date(match.start(), match.end(), *_months(match))


def _is_span(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    joined = _UNTIL.fullmatch(text[one.end() : other.start()])
    return joined is not None and _SINCE.search(text[: one.start()]) is not None


def _months(match: re.Match[str]) -> tuple[int, int]:
    january = 12 * int(match["year"])
    if match["quarter"]:
        first = january + 3 * (int(match["quarter"]) - 1)
        return first, first + 2
    if match["month"]:
        month = january + month_number(match["month"]) - 1
        return month, month
    return january, january + 11
