"""A turn's text as its sentences, and back."""

from collections.abc import Sequence

from simulator.interview import Role, Turn
from simulator.transcript import sentences

_ENDS = tuple(".!?…\"”')")


def parted(text: str) -> list[str]:
    """The sentences of a text, at least one. What the program cuts for its length alone stays together."""
    parts: list[str] = []
    for one in sentences([Turn("part", Role.CANDIDATE, text)]):
        if parts and not parts[-1].endswith(_ENDS):
            parts[-1] += f" {one.text}"
        else:
            parts.append(one.text)
    return parts or [text]


def joined(parts: Sequence[str]) -> str:
    return " ".join(parts)
