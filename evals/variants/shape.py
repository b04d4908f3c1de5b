"""The same story in another shape: longer by words that say nothing, as a list, with pictures, in other paragraphs,
two neighbouring sentences the other way round. Takes and gives the texts of a candidate's turns, in order."""

from random import Random

from evals.variants.lexicon import padding
from evals.variants.parts import joined, parted

Texts = list[str]
_PICTURES = "🚀✅📈🙏💡🔥👍🎯"


def padded(texts: Texts, chance: Random) -> Texts:
    """Twice as many words: sentences that say nothing, between those that were there."""
    told = []
    for text in texts:
        parts = parted(text)
        for more in padding(len(text.split()), chance):
            parts.insert(chance.randrange(1, len(parts) + 1), more)
        told.append(joined(parts))
    return told


def listed(texts: Texts) -> Texts:
    """Every sentence is an item of a list."""
    return ["\n".join(f"- {part}" for part in parted(text)) for text in texts]


def with_pictures(texts: Texts, chance: Random) -> Texts:
    """A picture after every second sentence."""
    return [
        joined([f"{part} {chance.choice(_PICTURES)}" if at % 2 else part for at, part in enumerate(parted(text))])
        for text in texts
    ]


def in_paragraphs(texts: Texts) -> Texts:
    """A new paragraph after every second sentence."""
    found = []
    for text in texts:
        parts = parted(text)
        found.append("\n\n".join(joined(parts[at : at + 2]) for at in range(0, len(parts), 2)))
    return found


def swapped(texts: Texts, chance: Random) -> Texts:
    """Two neighbours in the middle of the longest turn change places."""
    at = max(range(len(texts)), key=lambda one: len(texts[one]))
    parts = parted(texts[at])
    if len(parts) < 4:
        return texts
    first = chance.randrange(1, len(parts) - 2)
    parts[first], parts[first + 1] = parts[first + 1], parts[first]
    return [*texts[:at], joined(parts), *texts[at + 1 :]]
