"""How an interviewer speaks: the lines around a probe, and what a probe must never be.

The rules and lines are read from prompts/interviewer/conduct.md; no sentence stands here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.language import runs
from simulator.markdown import Document

MOST_WORDS = 45
REPEATED_WORDS = 8
"""So many words in a row of what the model was told are taken for a repetition of it, and not for chance."""
_SAME_WORDS = 0.8
_WORD = re.compile(r"\w+")
_FIGURE = re.compile(r"\d[\d,.]*")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w'’]+")
_NOBODY = re.compile(r"(?:I(?:['’]\w+)?|OK|PM|Q[1-4])")


@dataclass(frozen=True, slots=True)
class Conduct:
    """The rules of what an interviewer says. `to the work` ends the opening of a round, `announce` and `cut in` are
    for the clock, `another story` for one that was told before, `no fact` for what a case's facts do not answer."""

    taking_up: tuple[str, ...]
    praise: tuple[str, ...]
    preface: tuple[str, ...]
    to_the_work: tuple[str, ...]
    announce: tuple[str, ...]
    cut_in: tuple[str, ...]
    another_story: tuple[str, ...]
    no_fact: tuple[str, ...]

    @classmethod
    def read(cls, document: Document) -> "Conduct":
        def words(slug: str) -> tuple[str, ...]:
            return tuple(word.strip() for word in document.section(slug).text.split(",") if word.strip())

        def lines(slug: str) -> tuple[str, ...]:
            told = document.section(slug).text.splitlines()
            return tuple(line.removeprefix("- ").strip() for line in told if line.strip())

        return cls(
            lines("taking up"),
            words("praise"),
            words("preface"),
            lines("to the work"),
            lines("announce"),
            lines("cut in"),
            lines("another story"),
            lines("no fact"),
        )

    def fault(self, question: str, asked: Sequence[str] = (), known: str = "", told: str = "") -> str:
        """Which rule this breaks, or nothing. `asked` are the probes so far; `known` is all that was said and asked:
        a figure or a name from anywhere else would be a hint or an invention. `told` are the model's instructions,
        which it must not read out."""
        lower = question.lower()
        if question.count("?") != 1 or not question.rstrip(" \"”'").endswith("?"):
            return "not one question"
        if len(question.split()) > MOST_WORDS:
            return f"over {MOST_WORDS} words"
        if any(re.search(rf"\b{re.escape(word)}\b", lower) for word in self.praise):
            return "praise"
        if any(lower.startswith(word) for word in self.preface):
            return "a preface"
        size = len(question.split())
        if any(same(question, " ".join(earlier.split()[-size:])) for earlier in asked):  # without its opener
            return "asked before"
        if repeats(question, told, known):
            return "instructions read out"
        return "a figure or a name that nobody said" if known and invented(question, known) else ""


def invented(question: str, known: str) -> list[str]:
    """The figures and names of a question that are not among what is known."""
    words = {word.lower() for word in _WORD.findall(known)}
    figures = [one.rstrip(".,") for one in _FIGURE.findall(question)]
    new = [one for one in figures if one not in known]
    names = [one for one in _NAME.findall(question) if not _NOBODY.fullmatch(one)]
    return new + [one for one in names if not words.issuperset(word.lower() for word in _WORD.findall(one))]


def repeats(question: str, told: str, known: str) -> bool:
    """Whether a question reads out what the model was told, but for what is known anyway."""
    return bool(runs(question, REPEATED_WORDS) & runs(told, REPEATED_WORDS) - runs(known, REPEATED_WORDS))


def same(one: str, other: str) -> bool:
    """Whether two questions have nearly the same words."""
    left, right = (set(_WORD.findall(text.lower())) for text in (one, other))
    return len(left & right) > _SAME_WORDS * len(left | right)
