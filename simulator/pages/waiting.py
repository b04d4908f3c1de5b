"""How a page says what a turn waits for. Knows no queue."""

import math

from simulator.move import Wait
from simulator.pages.shell import words

_STEP_SECONDS = 5
_LONG_SECONDS = 100


def in_line(wait: Wait) -> str:
    """So many before you, and about how long that takes where it is known: rounded up, in steps of five seconds or in
    minutes."""
    if wait.seconds is None:
        return words("in line", before=wait.before)
    if wait.seconds > _LONG_SECONDS:
        about = words("in minutes", minutes=math.ceil(wait.seconds / 60))
    else:
        about = words("in seconds", seconds=_STEP_SECONDS * max(1, math.ceil(wait.seconds / _STEP_SECONDS)))
    return words("in line about", before=wait.before, about=about)
