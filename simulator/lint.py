"""What an author would want to know about a rubric before a model is asked: remarks on its wording.

Pure: reads a rubric that is already valid and looks at words alone. A remark is advice, never a fault; the
rules are lists of words and a few patterns, so that each can be read and argued with.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from simulator.rubric import DIMENSIONS, Check, Rubric

MOST_WORDS = 25
"""Words of a question that a small model still reads as one."""
MOST_SHARED = 0.5
"""Two questions overlap when they share more than this of all their content words."""

_VAGUE = re.compile(
    r"\b(?:good|better|best|great|nice|excellent|bad|badly|poor|poorly|appropriate|appropriately|adequate|adequately|"
    r"proper|properly|suitable|reasonable|reasonably|satisfactory|sufficient|sufficiently|enough|clear|clearly|"
    r"effective|effectively|efficient|efficiently|successful|successfully|strong|strongly|solid|robust|deep|deeply|"
    r"thorough|thoroughly|meaningful|meaningfully|significant|significantly|relevant|compelling|convincing|"
    r"convincingly|impressive|impactful|high-quality|well|very|quite|really)\b",
    re.IGNORECASE,
)
_NOT_VAGUE = re.compile(r"\b(?:mak(?:e|es|ing)|made) (?:it )?clear\b|\bas well\b|\bfor good\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|lack(?:s|ing|ed)?|fail(?:s|ed|ing)? to|cannot)\b|"
    r"\b\w+n['’]t\b",
    re.IGNORECASE,
)
_NOT_NEGATION = re.compile(r", not\b|\bnot only\b|\bno more than\b", re.IGNORECASE)
"""A contrast ("what they did, not what they would do") says plainly what is asked for."""
_QUOTED = re.compile(r"[\"“][^\"”]*[\"”]")
_WORD = re.compile(r"[a-z0-9]+(?:[-'’][a-z0-9]+)*", re.IGNORECASE)
_ASKING = "what|when|why|how|who|whom|whose|where|which|whether"
_TWO_ASKED = re.compile(rf"\b(?:and|or) (?:(?:for|in|at|by|to|with) )?(?:{_ASKING})\b", re.IGNORECASE)
_RELATIVE = re.compile(rf"\b(?:that|{_ASKING})\b", re.IGNORECASE)
_AUXILIARY = "is|are|was|were|has|have|had|did|does|do|can|could"
_JOINT = re.compile(
    r"(?P<noun>\b(?:a|an|the|their|its|any|by|of|in|for) )?\b(?P<left>\w+)(?: (?:up|out|down|off|on))?,? "
    r"(?:and|or) (?:(?:then|also|later) )?(?P<right>\w+)",
    re.IGNORECASE,
)
_SECOND_CLAUSE = re.compile(
    rf"\b(?:and|or) (?:(?:the|a|an|this|its|their|it|they|there) (?:\w+ ){{0,2}}?)?(?:{_AUXILIARY})\b",
    re.IGNORECASE,
)
_VERBS = frozenset(
    _WORD.findall(
        "admit apply avoid bring build choose compare convince decide define deliver demonstrate describe discuss "
        "escalate explain find fix get give identify include involve justify keep learn make measure mention "
        "persuade prevent prioritise prioritize prove provide quantify quote recognise recognize reduce "
        "reflect say show solve state suggest take tell understand verify warn weigh write"
    )
)
"""Verbs that are hardly ever a noun: one after "and" or "or" asks a second thing."""
_EITHER = frozenset(
    _WORD.findall(
        "act answer ask challenge change check claim cut display launch limit list move name note plan point present "
        "question raise rank release report review run set ship start stop support tackle talk test track trade use"
    )
)
"""Words that are verbs only beside another verb ("cut or run")."""
_PARTICIPLES = frozenset(
    _WORD.findall(
        "brought built chosen cut done found given held kept learnt led left lost made met put run said sent set "
        "shown taken told won written"
    )
)
_PASSIVE = re.compile(r"(?:is|are|was|were|has|have|had|been)\b(?! there\b)", re.IGNORECASE)
_COMMON = frozenset(
    _WORD.findall(
        "a about above after again all among an and answer answers any are as at be because been before being "
        "besides between by can candidate candidates could describe describes did do does done each explain "
        "explains for from give given gives had has have how if in into is it its least make makes mention "
        "mentions more most name named names of off on one or other out over own person say says show shows so "
        "some someone something state states such tell tells than that the their them then there these they thing "
        "things this those to told two up was were what when where whether which while who whom whose why will "
        "with within would"
    )
)


class Kind(StrEnum):
    """What a remark is about."""

    VAGUE = "vague word"
    DOUBLE = "two questions"
    NEGATION = "negation"
    NO_QUESTION = "no question"
    LONG = "long"
    OVERLAP = "overlap"
    NO_EXAMPLE = "no example"
    NO_WORDS = "nothing to say"
    TWICE = "twice"
    PATTERN = "pattern"
    DIMENSION = "dimension"
    CAP = "cap"


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark. `check` is the check, flag or dimension that it is about."""

    check: str
    kind: Kind
    words: str


def lint(rubric: Rubric) -> list[Remark]:
    """All remarks, check by check in the order of the file, then those on the file as a whole."""
    remarks = [Remark(check.id, kind, words) for check in rubric.checks for kind, words in _on_check(check)]
    return [*remarks, *_overlaps(rubric), *_on_whole(rubric)]


def _on_check(check: Check) -> Iterator[tuple[Kind, str]]:
    used = _QUOTED.sub(" ", check.ask)  # a quoted word is spoken of, not meant
    yield from _on_words(used)
    if joined := _two_questions(used):
        both = "with one of them met there is no right answer" if " and " in joined else "a yes does not say which"
        yield Kind.DOUBLE, f"“{joined}” asks two things: {both}. Make two checks, or keep one."
    if not check.ask.rstrip().endswith("?"):
        yield Kind.NO_QUESTION, "The question does not end in a question mark. Ask for a yes or a no."
    if (count := len(check.ask.split())) > MOST_WORDS:
        yield Kind.LONG, f"The question has {count} words. Keep it to {MOST_WORDS}, or put the examples into `like`."
    if check.is_criterion and not check.whole and not check.like:
        yield Kind.NO_EXAMPLE, "There is no example. Add two or three `- like:` sentences that would show it."
    lacking = [f"`{name}`" for name in ("missing", "advice") if not getattr(check, name)]
    if check.is_criterion and lacking:
        yield Kind.NO_WORDS, f"The scorecard has nothing to say when it is not met. Add {' and '.join(lacking)}."
    try:
        re.compile(check.cue)
    except re.error as error:
        yield Kind.PATTERN, f"The `cue` is not a pattern that can be searched for ({error}). Correct or remove it."


def _on_words(used: str) -> Iterator[tuple[Kind, str]]:
    for word in _distinct(_VAGUE.findall(_NOT_VAGUE.sub(" ", used))):
        yield (
            Kind.VAGUE,
            f"“{word}” is another thing to everyone. Say what can be seen: an act, a name, a number.",
        )
    for word in _distinct(_NEGATION.findall(_NOT_NEGATION.sub(" ", used))):
        yield (
            Kind.NEGATION,
            f"“{word}” turns the question round, and small models read that the wrong way. "
            "Ask for what should be there and, if it counts against the candidate, add `- reverse: yes`.",
        )


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(word.lower() for word in words))


def _two_questions(ask: str) -> str:
    """The words that join two questions, or nothing. What hangs on "that" or "which" is part of one question."""
    if ask.count("?") > 1:
        return ask.strip()
    for pattern in (_TWO_ASKED, _SECOND_CLAUSE):
        if found := pattern.search(ask):
            return _from(ask, found)
    relative = _RELATIVE.search(ask)
    main = ask[: relative.start()] if relative else ask
    passive = bool(_PASSIVE.match(main.strip()))
    for found in _JOINT.finditer(main):
        left, right = found["left"].lower(), found["right"].lower()
        if passive:
            joins = _is_participle(left) and _is_participle(right)
        else:
            joins = right in _VERBS or (right in _EITHER and left in _VERBS | _EITHER and not found["noun"])
        if joins:
            return found[0].removeprefix(found["noun"] or "")
    return ""


def _from(ask: str, found: re.Match[str]) -> str:
    """The match with the word before it, as it is written."""
    before = ask[: found.start()].split()
    return " ".join([*before[-1:], found[0]])


def _is_participle(word: str) -> bool:
    return word in _PARTICIPLES or (word.endswith("ed") and len(word) > 4)


def _overlaps(rubric: Rubric) -> Iterator[Remark]:
    contents = {check.id: _content(check.ask) for check in rubric.checks}
    for one, two in combinations(contents, 2):
        shared = contents[one].keys() & contents[two].keys()
        if len(shared) > MOST_SHARED * len(contents[one].keys() | contents[two].keys()):
            told = ", ".join(f"“{contents[two][stem]}”" for stem in contents[two] if stem in shared)
            words = f"Asks nearly the same as {one}: both speak of {told}. A candidate is paid twice for one thing."
            yield Remark(two, Kind.OVERLAP, words)


def _content(ask: str) -> dict[str, str]:
    """The content words of a question as they are written, by their stem."""
    words = [word.lower() for word in _WORD.findall(ask)]
    return {_stem(word): word for word in words if word not in _COMMON}


def _stem(word: str) -> str:
    single = word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word
    for ending in ("ation", "ing", "ie", "ed", "e", "y"):
        if single.endswith(ending) and len(single) - len(ending) >= 3:
            return single.removesuffix(ending)
    return single


def _on_whole(rubric: Rubric) -> Iterator[Remark]:
    ids = [check.id for check in rubric.checks]
    for check_id in dict.fromkeys(ids):
        if ids.count(check_id) > 1:
            yield Remark(check_id, Kind.TWICE, "There are two checks with this name. Rename or remove one.")
    for dimension in DIMENSIONS:
        if not any(check.dimension == dimension for check in rubric.checks):
            yield Remark(dimension, Kind.DIMENSION, "No check belongs to this dimension, so its score says nothing.")
        if dimension not in rubric.dimension_names:
            yield Remark(dimension, Kind.DIMENSION, "It has no name. Add one to `dimensions` at the top.")
    for flag in dict.fromkeys(cap.flag for cap in rubric.caps if cap.flag not in ids):
        yield Remark(flag, Kind.CAP, "A cap names this flag, and there is no such flag. Add it, or remove the cap.")
