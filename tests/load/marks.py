"""Words that tell whose a text is: one a turn, in letters only, so that no rule takes it for a figure.

A mark may be quoted, cut out of its sentence and put to a model; seen anywhere it names the visitor who said it.
"""

import re

_PATTERN = re.compile(r"Quill([a-p]{4})([a-p]{2})")
_LETTERS = "abcdefghijklmnop"


def mark(visitor: int, turn: int) -> str:
    """The word of one visitor's turn; 65,536 visitors and 256 turns can be told apart."""
    return f"Quill{_spelled(visitor, 4)}{_spelled(turn, 2)}"


def marks_in(text: str) -> set[tuple[int, int]]:
    """Visitor and turn of every mark in a text."""
    return {(_number(visitor), _number(turn)) for visitor, turn in _PATTERN.findall(text)}


def _spelled(number: int, letters: int) -> str:
    return "".join(_LETTERS[number >> 4 * place & 15] for place in reversed(range(letters)))


def _number(letters: str) -> int:
    return sum(_LETTERS.index(letter) << 4 * place for place, letter in enumerate(reversed(letters)))
