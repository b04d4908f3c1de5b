"""Changes of a measure in an English sentence: "refunds fell from 9 days to 4, a drop of 55 %".

Pure: knows one sentence and its figures. Whether what it says can be true is known elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.claims.figures import PERCENT, Figure, figures, in_unit_of, stems

FACTORS = {"halved": 0.5, "halving": 0.5, "doubled": 2.0, "tripled": 3.0, "trebled": 3.0, "quadrupled": 4.0}
_UP = "rose|risen|rises?|raised?|raising|grew|grown|grows?|climbed|increase[ds]?|increasing|gained|lift(?:ed|ing)?"
_DOWN = (
    "fell|fallen|falls?|dropped|drops?|dropping|decrease[ds]?|decreasing|declined?|shrank|shrunk|sank|sunk|cut|cuts|"
    "cutting|reduce[ds]?|reducing|lower(?:ed|ing)|shortened"
)
_FLAT = (
    "went|gone|go|goes|going|moved?|moving|came|come|coming|changed?|was|were|is|are|been|got|bring|brought|bringing|"
    "took|taken|take|stood|ran|improved?|improving|pushed|pulled|jumped|slipped|made|had|has|have|got"
)
_VERB = re.compile(
    rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN})|(?P<by>{'|'.join(FACTORS)})|(?P<flat>{_FLAT}))\b(?!-)", re.IGNORECASE
)
_HEDGE = r"(?:about|around|roughly|nearly|over|some|almost|just|under|only|below|an?|the|maybe|something like)"
_FROM = re.compile(rf"\bfrom(?:\s+{_HEDGE}){{0,2}}\s*$", re.IGNORECASE)
_TO = re.compile(rf"(?:[\s,-]+[\w'’-]+){{0,4}}?[\s,]+to(?:\s+{_HEDGE}){{0,2}}\s*|\s*(?:→|->|=>)\s*", re.IGNORECASE)
_ARROW = re.compile(r"\s*(?:→|->|=>)\s*")
_BOUNDARY = re.compile(
    r"[,;()–—]|\b(?:and|but|so|while|whereas|because|since|when|once|after|before|that|which|where|by|then|if)\b",
    re.I,
)
_SIZE = r"(?:drop|fall|cut|reduction|decrease|decline|rise|increase|gain|growth|improvement|uplift|jump)"
_THEN_SHARE = re.compile(
    rf"(?: (?:an?|per) \w+)?\s*(?:,|\(|–|—|-|=)?\s*(?:which is |that is |so )?(?:an? )?"
    rf"(?P<sure>{_SIZE} of |{_SIZE} by |down |up |minus |plus )?(?:by )?(?:{_HEDGE} )?\(?[+−-]?",
    re.IGNORECASE,
)
_AFTER_SHARE = re.compile(
    rf"\s*(?:{_SIZE}|less|fewer|more|higher|lower|faster|slower|shorter|longer)\b|\s*\)", re.IGNORECASE
)
_OTHER_BASE = re.compile(r"\s*(?:on|against|compared|over|than|versus|vs|year|below|above|of)\b", re.IGNORECASE)
_UNREAL = re.compile(
    r"\b(?:would|could|should|might|not|never|if|instead|wanted|meant|aim|goal|target)\b|n['’]t\b", re.IGNORECASE
)
_NEARLY = re.compile(r"\b(?:nearly|almost|more than)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Change:
    """Characters [start, end) of a sentence. Both figures have the same unit; "11 of 30" is a share in percent.

    `subject` is what changed, verbatim, and `noun` its stems; both may be empty. `direction` is what the verb says:
    1 up, -1 down, 0 neither.
    `share` (percent) or `factor` is the size of the change, where the same words tell it.
    """

    start: int
    end: int
    before: Figure
    after: Figure
    subject: str = ""
    direction: int = 0
    share: Figure | None = None
    factor: float | None = None
    real: bool = True
    """Told as a fact, not as a wish, a goal or a possibility."""

    @property
    def noun(self) -> tuple[str, ...]:
        return stems(_without_figures(self.subject))


def changes(text: str) -> list[Change]:
    """All changes of a sentence."""
    found = figures(text)
    made = (_change(text, found, number) for number in range(len(found) - 1))
    return [one for one in made if one]


def _change(text: str, found: Sequence[Figure], number: int) -> Change | None:
    before, after = found[number], found[number + 1]
    gap, head = text[before.end : after.start], text[: before.start]
    opened = _FROM.search(head)
    if not _TO.fullmatch(gap) or not (opened or _ARROW.fullmatch(gap)):
        return None
    if not before.unit:
        before = in_unit_of(text, before, after)
    elif not after.unit:
        after = in_unit_of(text, after, before)
    before, after = _as_shares(before, after)
    if before.unit != after.unit:
        return None
    head = head[: opened.start()] if opened else head
    size = found[number - 1] if number and _is_size(head, found[number - 1]) else None
    head = re.sub(r"\bby\s*$", "", head[: size.start]) if size else head
    verb = _last_verb(head)
    start = opened.start() if opened else before.start
    clause = head[_clause_start(head, verb.start() if verb else len(head)) :]
    return Change(
        start,
        after.end,
        before,
        after,
        subject=_subject(head, verb),
        direction=_direction(head, verb),
        share=size or _size_after(text, found, number + 1),
        factor=_factor(head, verb),
        real=not _UNREAL.search(clause),
    )


def _as_shares(before: Figure, after: Figure) -> tuple[Figure, Figure]:
    if not (before.whole or after.whole):
        return before, after
    whole_before, whole_after = before.whole or after.whole, after.whole or before.whole
    if before.unit or after.unit or not whole_before or not whole_after:
        return before, replace(after, unit="mixed")
    return _percent(before, whole_before), _percent(after, whole_after)


def _percent(part: Figure, whole: float) -> Figure:
    return replace(part, value=100 * part.value / whole, slack=100 * part.slack / whole, unit=PERCENT, whole=None)


def _last_verb(head: str) -> re.Match[str] | None:
    verbs = list(_VERB.finditer(head))
    return verbs[-1] if verbs and not re.search(r"[;:!?]", head[verbs[-1].end() :]) else None


def _clause_start(head: str, end: int) -> int:
    return max((match.end() for match in _BOUNDARY.finditer(head, 0, end)), default=0)


def _direction(head: str, verb: re.Match[str] | None) -> int:
    tail = head[verb.end() :] if verb else head
    if verb and (_BOUNDARY.search(tail.rstrip(" ,")) or verb["by"]):
        return 0
    if verb and (verb["up"] or verb["down"]):
        return 1 if verb["up"] else -1
    drift = re.search(r"^\s*(up|down)\b|\b(up|down)\s*$", tail, re.IGNORECASE)
    way = ((drift[1] or drift[2]) if drift else "").lower()
    return {"up": 1, "down": -1}.get(way, 0)


def _factor(head: str, verb: re.Match[str] | None) -> float | None:
    if not verb or not verb["by"] or _NEARLY.search(head[: verb.start()]):
        return None
    return None if _BOUNDARY.search(head[verb.end() :].rstrip(" ,")) else FACTORS[verb["by"].lower()]


def _subject(head: str, verb: re.Match[str] | None) -> str:
    """The object of the verb, or else its subject: "I cut refunds from", "refunds fell from"."""
    if verb:
        tail = head[verb.end() :]
        if _BOUNDARY.search(tail.rstrip(" ,")):
            return ""
        if stems(_without_figures(tail)):
            return tail.strip(" ,:")
        head = head[: verb.start()]
    return head[_clause_start(head, len(head)) :].strip(" ,:")


def _without_figures(text: str) -> str:
    for one in reversed(figures(text)):
        text = f"{text[: one.start]} {text[one.end :]}"
    return text


def _is_size(head: str, figure: Figure) -> bool:
    """Whether a percentage stands right before a change: "fell by 25 %, from"."""
    beside = re.fullmatch(r",?\s*", head[figure.end :]) is not None
    return figure.unit == PERCENT and beside and _last_verb(head[: figure.start]) is not None


def _size_after(text: str, found: Sequence[Figure], after: int) -> Figure | None:
    """A percentage right behind a change: ", down 25 %", "(-25 %)", ", a 25 % drop"."""
    size = found[after + 1] if after + 1 < len(found) else None
    if size is None or size.unit != PERCENT:
        return None
    joined, behind = _THEN_SHARE.fullmatch(text[found[after].end : size.start]), text[size.end :]
    sure = joined and (joined["sure"] or "(" in joined[0] or _AFTER_SHARE.match(behind))
    return size if sure and not _OTHER_BASE.match(behind) else None
