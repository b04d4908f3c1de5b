"""The numbers in an English text, as digits or words, with their units and what rounding leaves open.

Pure: knows strings alone. What a number is about, and whether two agree, is known elsewhere. Years, dates, labels
("phase 2", "P0", "Q3") and ordinals are no figures.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

PERCENT, POINT, TIMES, SECOND = "percent", "point", "times", "second"
_SMALL = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"]
_TEENS += ["nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORTH = {word: number for number, word in enumerate([*_SMALL, *_TEENS], 1)}
_WORTH |= {word: 10 * number for number, word in enumerate(_TENS, 2)} | {"zero": 0, "a": 1, "dozen": 12}
_SCALE = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
_HOUR, _DAY = 3600.0, 86_400.0
_UNITS = {
    PERCENT: (1.0, r"%|per ?cent\b|percent\b"),
    POINT: (1.0, r"percentage[ -]points?\b|points?\b|pp\b|pts?\b"),
    TIMES: (1.0, r"times\b|x\b|fold\b"),
    "millisecond": (0.001, r"ms\b|milliseconds?\b"),
    SECOND: (1.0, r"s\b|secs?\b|seconds?\b"),
    "minute": (60.0, r"mins?\b|minutes?\b"),
    "hour": (_HOUR, r"h\b|hrs?\b|hours?\b"),
    "day": (_DAY, r"(?:working |calendar |business )?days?\b"),
    "week": (7 * _DAY, r"weeks?\b|fortnights?\b"),
    "month": (365.25 / 12 * _DAY, r"months?\b"),
    "year": (365.25 * _DAY, r"years?\b"),
    "usd": (1.0, r"dollars?\b|usd\b"),
    "eur": (1.0, r"euros?\b|eur\b"),
    "gbp": (1.0, r"pounds?\b|gbp\b"),
}
_DURATIONS = ("millisecond", SECOND, "minute", "hour", "day", "week", "month", "year")
_CURRENCIES = {"$": "usd", "€": "eur", "£": "gbp"}
_MONTHS = ["january", "february", "march", "april", "may", "june", "july"]
_MONTHS += ["august", "september", "october", "november", "december"]
MONTH = rf"(?:{'|'.join(dict.fromkeys(form for name in _MONTHS for form in (name, name[:3])))}|sept)\b\.?"
"""A month's name, in full or short; `month_number` says which."""
_UNDER_HUNDRED = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_SMALL)}))?|{'|'.join(reversed(_TEENS + _SMALL))})"
_WORDS = (
    rf"(?:(?:(?:{_UNDER_HUNDRED}|a) )?hundred(?: and {_UNDER_HUNDRED})?|(?:half )?a dozen|zero|{_UNDER_HUNDRED})"
    r"(?![\w-]*teen)"
)
_NUMBER = re.compile(
    r"(?:(?<![\w.,:/#&'’-])|(?<=\d-))[+−-]?(?P<currency>[$€£] ?)?"
    r"(?:(?P<digits>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<decimals>\.\d+)?|(?<!\d)\b(?P<words>" + _WORDS + r")\b)"
    r"(?:(?P<letter>k|m|bn)(?!\w)| ?(?P<scale>thousand|million|billion)\b)?(?P<half> and a half\b)?",
    re.IGNORECASE,
)
_UNIT = re.compile(r"[ -]?(?:" + "|".join(f"(?P<{name}>{form})" for name, (_, form) in _UNITS.items()) + ")", re.I)
_ROUGH = re.compile(
    r"\b(?:about|around|roughly|approximately|approx\.?|circa|ca\.?|nearly|almost|some|over|under|above|below|"
    r"more than|less than|fewer than|at least|at most|(?<![%\d] )up to|just|maybe|perhaps|like|say|or so)"
    r"[,\s]*(?:an? )?[~≈<>]?$|[~≈<>]$",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\b(?:phase|level|step|version|option|day|week|month|sprint|question|number|no\.|top|tier|stage|round|room|line|"
    r"part|chapter|page|iteration|release|build|version|ticket|priority|severity|sev|gate|wave|cohort|platform)[ -]$",
    re.IGNORECASE,
)
_AFTER_ONE = re.compile(r"\b(?:to|from|in|within|under|only|just|than|over|for|by) $", re.IGNORECASE)
_RANGE = re.compile(r" ?[-–] ?| (?:to|or) ")
_OF = re.compile(r"(?: out)? of (?:the |our |my |all |those |these |every )*$| in (?:every )?$", re.IGNORECASE)
_PART = re.compile(
    r"\b(?:(?P<by>by (?:a |one )?)?|(?P<many>two |three )|(?:a |one )?)(?P<part>half|thirds?|quarters?)\b"
    r"(?P<of> of\b| the\b| our\b| as\b| fewer\b| less\b| more\b)?",
    re.IGNORECASE,
)
_PARTS = {"half": 50.0, "third": 100 / 3, "quarter": 25.0}


_STOP = frozenset(
    re.findall(
        r"\w+",
        """a an the this that these those it its they them their he she we our my i me you your his her us who which
        what and or but so of for in on at by to from with as per was were is are be been had has have did do got then
        also now still only just even really finally actually already um uh like okay well there here all each every
        any some both about around roughly nearly almost over under more less up down back out first again later few
        better""",
    )
)
_WORD = re.compile(r"(?<!\w)[a-z][\w'’-]*\w", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Figure:
    """Characters [start, end) of a text. Durations are in seconds, shares in percent; `unit` is "" for a count.

    The number meant lies within `value` ± `slack`. `whole` is the 30 of "11 of 30". `rough` was said to be.
    """

    start: int
    end: int
    value: float
    slack: float
    unit: str = ""
    rough: bool = False
    whole: float | None = None

    @property
    def low(self) -> float:
        return self.value - self.slack

    @property
    def high(self) -> float:
        return self.value + self.slack

    def agrees(self, other: "Figure") -> bool:
        """Whether both may stand for the same number."""
        return self.low < other.high and other.low < self.high


def figures(text: str) -> list[Figure]:
    """All figures of a text, in order; "11 of 30" is one."""
    found = sorted([*_numbers(text), *_parts(text)], key=lambda one: (one.start, -one.end))
    merged: list[Figure] = []
    for one in found:
        before = merged[-1] if merged else None
        if before and one.start < before.end:
            continue
        if before and _is_whole(text, before, one):
            merged[-1] = replace(before, end=one.end, whole=one.value, rough=before.rough or one.rough)
        elif before and _is_range(text, before, one):
            scale = one.value / _bare(text, one) if not before.unit and one.unit == SECOND else 1.0
            low, high = before.value * scale, one.value
            merged[-1] = replace(one, start=before.start, value=(low + high) / 2, slack=(high - low) / 2, rough=True)
        else:
            merged.append(one)
    return merged


def _bare(text: str, figure: Figure) -> float:
    """The number of a duration as it was said, before it was turned into seconds."""
    match = _NUMBER.match(text, figure.start)
    return _value(match)[0] if match else figure.value


def _is_range(text: str, low: Figure, high: Figure) -> bool:
    """Two bounds of one figure, "12-15 people"; after "from" they are a change."""
    if not _RANGE.fullmatch(text[low.end : high.start]) or low.unit not in ("", high.unit) or low.whole or high.whole:
        return False
    change = "to" in text[low.end : high.start] and re.search(r"\bfrom (?:\w+ )?$", text[: low.start], re.IGNORECASE)
    return low.value < high.value and not change


def month_number(name: str) -> int:
    """1-12 for what `MONTH` matches."""
    return 1 + [month[:3] for month in _MONTHS].index(name[:3].lower())


def in_unit_of(text: str, bare: Figure, other: Figure) -> Figure:
    """A bare number read in the unit of its neighbour: the "4" of "9 days to 4"."""
    if bare.whole or other.whole or not other.unit:
        return bare
    scale = other.value / (_bare(text, other) or 1.0) if other.unit == SECOND else 1.0
    return replace(bare, value=bare.value * scale, slack=bare.slack * scale, unit=other.unit)


def stems(text: str) -> tuple[str, ...]:
    """The words of a text that carry meaning, sorted, without the ending of a plural."""
    words = {word.lower().replace("’", "'") for word in _WORD.findall(text)} - _STOP
    return tuple(sorted(word[:-1] if word.endswith("s") and not word.endswith("ss") else word for word in words))


def _is_whole(text: str, part: Figure, whole: Figure) -> bool:
    joined = text[part.end : whole.start]
    if part.whole or part.unit or whole.unit or whole.value < 2 or not _OF.fullmatch(joined):
        return False
    return "of" in joined or whole.value in (5, 10, 20, 50, 100, 1000)


def _numbers(text: str) -> Iterator[Figure]:
    for match in _NUMBER.finditer(text):
        before, rest = text[: match.start()], text[match.end() :]
        unit_match = _UNIT.match(rest)
        currency = (match["currency"] or "").strip()
        if not (currency or unit_match) and _is_no_figure(match, before, rest):
            continue
        if (match["words"] or "").lower() == "one" and not _AFTER_ONE.search(before):
            continue  # "one of them", "one day"
        value, slack = _value(match)
        unit = _CURRENCIES.get(currency, "")
        end = match.end()
        if unit_match and not currency:
            name = str(unit_match.lastgroup)
            factor = 2.0 if "fortnight" in unit_match[0].lower() else 1.0
            factor *= _UNITS[name][0]
            value, slack, end = value * factor, slack * factor, end + unit_match.end()
            unit = SECOND if name in _DURATIONS else name
        rough = bool(_ROUGH.search(before)) or text[end : end + 6].startswith((" or so", "-ish", "+"))
        slack = max(slack, 0.1 * abs(value)) if rough else slack
        yield Figure(match.start(), end, value, slack, unit, rough)


def _is_no_figure(match: re.Match[str], before: str, rest: str) -> bool:
    """A year, a date, a time of day, a label, an ordinal or a part of a name."""
    if re.match(rf"\w|[:/]\d|\.\d|(?:st|nd|rd|th)\b| ?[ap]\.?m\b| o'clock| (?:of )?{MONTH}", rest, re.IGNORECASE):
        return True
    if re.search(rf"{MONTH} (?:the )?$|\d{{4}}-(?:\d\d-)?$", before, re.IGNORECASE) or _LABEL.search(before):
        return True
    if match["words"]:
        return False
    return len(match["digits"]) == 4 and not match["decimals"] and 1990 <= int(match["digits"]) <= 2040


def _value(match: re.Match[str]) -> tuple[float, float]:
    scale = _SCALE.get((match["letter"] or match["scale"] or "").lower(), 1.0)
    if match["words"]:
        return (_worth(match["words"].lower()) + (0.5 if match["half"] else 0.0)) * scale, scale / 2
    digits, decimals = match["digits"].replace(",", ""), (match["decimals"] or ".")[1:]
    zeros = len(digits) - len(digits.rstrip("0")) if not decimals else 0
    last_place = 10.0 ** (-len(decimals) if decimals else max(0, min(zeros, len(digits) - 2)))
    half = 0.5 if match["half"] else 0.0
    return (float(f"{digits}.{decimals or 0}") + half) * scale, last_place / 2 * scale


def _worth(words: str) -> float:
    if words.startswith("half a dozen"):
        return 6.0
    total = 0.0
    for word in re.split(r"[ -]", words.replace(" and ", " ")):
        total = max(total, 1) * 100 if word == "hundred" else total + _WORTH[word]
    return 12.0 if "dozen" in words else total


def _parts(text: str) -> Iterator[Figure]:
    """Halves, thirds and quarters of something: "by a third", "half of the stores"."""
    for match in _PART.finditer(text):
        if match["by"] or match["of"] or match["many"]:
            value = _PARTS[match["part"].lower().rstrip("s")] * {"two": 2, "three": 3}.get(
                (match["many"] or "")[:-1], 1
            )
            yield Figure(match.start(), match.end("part"), value, 4.0, PERCENT, True)
