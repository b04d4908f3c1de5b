"""The candidate's words cut into numbered sentences, and laid out for a prompt.

Evidence is one of these sentences, so every quote is verbatim and located by construction.
Pure: knows no model and no rubric.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.interview import Act, Role, Turn
from simulator.prompts import fenced
from simulator.rubric import Evidence

LONGEST_SENTENCE_WORDS = 40
SHORTEST_QUOTE = 8
"""Characters that a quote must have to point anywhere."""
_PLAIN = str.maketrans("‘’‚`´“”„«»‐‑‒–—―−", "'''''\"\"\"\"\"-------")
_END = re.compile(r"(?<=[.!?])([\"')\]]*)\s+(?=\S)|\n+")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|vs|approx|Mr|Ms|Dr|no|etc)|\b[A-Z])\.$")
_JOINT = re.compile(r"(?<=[,;:])\s+|\s+(?=(?:and|but|so|because|then)\s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Sentence `number` (from 1 over all answers): characters [start, end) of turn `turn`."""

    number: int
    turn: int
    start: int
    end: int
    text: str

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.turn, self.start, self.end, self.text)


def sentences(turns: Sequence[Turn]) -> list[Sentence]:
    """All sentences of the candidate's answers, numbered; a run-on is cut at its joints. What a candidate asks about
    a case is no answer."""
    found: list[Sentence] = []
    for index, turn in enumerate(turns):
        if turn.act is not Act.ANSWER:
            continue
        for start, end in _spans(turn.text):
            found.append(Sentence(len(found) + 1, index, start, end, turn.text[start:end]))
    return found


def as_prompt(turns: Sequence[Turn], numbered: Sequence[Sentence]) -> str:
    """The exchange as prompt text: every candidate turn fenced as data with its sentences numbered."""
    blocks = []
    for index, turn in enumerate(turns):
        if turn.role is Role.INTERVIEWER:
            blocks.append(f"Interviewer: {turn.text}")
            continue
        lines = [f"[{one.number}] {' '.join(one.text.split())}" for one in numbered if one.turn == index]
        blocks.append(fenced("candidate", "\n".join(lines or [" ".join(turn.text.split())])))
    return "\n".join(blocks)


def quoted(turns: Sequence[Turn], quote: str) -> Evidence | None:
    """Where the candidate said these words, or None. Case, spaces and typographic variants may differ."""
    wanted, _ = _folded(quote.strip(" \"'“”‘’.…"))
    if len(wanted) < SHORTEST_QUOTE:
        return None
    for index, turn in enumerate(turns):
        if turn.act is Act.ANSWER:
            text, places = _folded(turn.text)
            at = text.find(wanted)
            if at >= 0:
                start, end = places[at], places[at + len(wanted) - 1] + 1
                return Evidence(index, start, end, turn.text[start:end])
    return None


def _folded(text: str) -> tuple[str, list[int]]:
    """`text` without its case, runs of spaces and typography, and the place in `text` of each character."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in unicodedata.normalize("NFKC", character).casefold().translate(_PLAIN):
            if letter.isspace():
                if letters and letters[-1] == " ":
                    continue
                letter = " "
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def _spans(text: str) -> list[tuple[int, int]]:
    cuts, start = [], 0
    for match in _END.finditer(text):
        if "\n" in match[0] or not _ABBREVIATION.search(text[start : match.start()]):
            cuts.append((start, match.end(1) if match[1] else match.start()))
            start = match.end()
    cuts.append((start, len(text)))
    return [piece for cut in cuts for piece in _shortened(text, *cut)]


def _shortened(text: str, start: int, end: int) -> list[tuple[int, int]]:
    start, end = _trimmed(text, start, end)
    part = text[start:end]
    if len(part.split()) <= LONGEST_SENTENCE_WORDS:
        return [(start, end)] if part else []
    joints = [match.start() for match in _JOINT.finditer(part)] or [
        match.start() for match in re.finditer(r"\s+", part)
    ]
    middle = start + min(joints, key=lambda joint: abs(joint - len(part) / 2))
    return _shortened(text, start, middle) + _shortened(text, middle, end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
