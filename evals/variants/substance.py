"""What does matter, taken away: facts, the owner of the deeds, one sentence after another.

The counterpart of the changes that must not matter: who sees none of these sees nothing. Takes and gives the texts of
a candidate's turns, in order.
"""

import re
from random import Random

from evals.variants.parts import joined, parted

Texts = list[str]
_COUNTS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|eighteen|twenty"
)
_COUNTS += "|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|third|quarter|percent|twice"
_FIGURE = re.compile(rf"\d|%|\b(?:{_COUNTS})\b", re.IGNORECASE)
_OURS = {"I am": "we are", "I'm": "we're", "I’m": "we’re", "I was": "we were", "I wasn't": "we weren't"}
_OURS |= {"I": "we", "me": "us", "my": "our", "mine": "ours", "myself": "ourselves"}
_MINE = re.compile(r"\b(?:I am|I'm|I’m|I wasn't|I was|I|me|my|mine|myself)\b", re.IGNORECASE)
_OPENS = re.compile(r"(?:\A|[.!?]\s+|\n)\Z")


def without_figures(texts: Texts) -> Texts:
    """Every sentence that holds a figure is gone; a turn that had no other says nothing."""
    return [joined([part for part in parted(text) if not _FIGURE.search(part)]) for text in texts]


def shared(texts: Texts, share: float, chance: Random) -> Texts:
    """`We` did it: in this share of the sentences."""
    return [
        joined([_ours(part) if share == 1 or chance.random() < share else part for part in parted(text)])
        for text in texts
    ]


def _ours(sentence: str) -> str:
    def other(match: re.Match[str]) -> str:
        said = {key.lower(): value for key, value in _OURS.items()}[match[0].lower()]
        return said.capitalize() if _OPENS.search(sentence[: match.start()]) else said

    return _MINE.sub(other, sentence)


def thinned(texts: Texts, kept: float, chance: Random) -> Texts:
    """Only this share of the sentences, chosen by chance; with the same chance, the smaller is part of the larger."""
    places = [(turn, at) for turn, text in enumerate(texts) for at in range(len(parted(text)))]
    chance.shuffle(places)
    stay = set(places[: max(1, round(kept * len(places)))])
    return [
        joined([part for at, part in enumerate(parted(text)) if (turn, at) in stay])
        for turn, text in enumerate(texts)
    ]
