"""Where a company's published principles are named in a text, and what is too often.

Pure: knows strings and characters alone. Whether a principle was lived is for the checks of the rubric; here only its
name is looked for.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

MOST_NAMED = 2
"""More names than that in one answer read as recited (a guide's claim, without a source)."""
Span = tuple[int, int]
_BETWEEN = r"[\s,;:\-\u2010-\u2014\"“”]+"
_SENTENCE_START = re.compile(r"(?:^|[.!?:…\n])[\s\"'“‘(\[*\-]*$")


def named(text: str, principles: Sequence[str]) -> Mapping[str, tuple[Span, ...]]:
    """Each principle that is named, with its places as characters [start, end), in the order of `principles`.

    The whole name in any case counts, or one side of a name with a semicolon. A name of one word is an everyday word,
    too: it counts only with a capital inside a sentence.
    """
    found: dict[str, list[Span]] = {}
    taken: list[Span] = []
    for principle in sorted(principles, key=len, reverse=True):  # a name inside a longer one is the longer one
        for match in _pattern(principle).finditer(text):
            start, end = match.span()
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            if match[0].isalnum() and (not match[0][0].isupper() or _SENTENCE_START.search(text[:start])):
                continue
            taken.append((start, end))
            found.setdefault(principle, []).append((start, end))
    return {principle: tuple(found[principle]) for principle in principles if principle in found}


def namings(places: Mapping[str, tuple[Span, ...]]) -> int:
    """How often a principle was named in all."""
    return sum(len(spans) for spans in places.values())


@cache
def _pattern(principle: str) -> re.Pattern[str]:
    sides = [principle, *principle.split(";")] if ";" in principle else [principle]
    forms = [_BETWEEN.join(_word(word) for word in re.findall(r"[\w'’]+", side)) for side in sides]
    return re.compile(rf"(?<![\w'’])(?:{'|'.join(forms)})(?!\w)", re.IGNORECASE)


def _word(word: str) -> str:
    return re.sub("['’]", "['’]", re.escape(word))
