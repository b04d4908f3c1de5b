"""The same story in other English: with the errors of those who learned it later, in dialect, misspelt, as a machine
writes down what it hears.

Rules of our own, drawn from what teachers list (articles, agreement, tense, prepositions, plurals); no model writes
anything. Takes and gives the texts of a candidate's turns, in order.
"""

import re
from collections.abc import Callable, Mapping
from random import Random

Texts = list[str]
_ARTICLE = re.compile(r"\b(?:the|a|an) (?=[a-z])")
_AGREEMENT = {
    "was": "were",
    "were": "was",
    "has": "have",
    "have": "has",
    "is": "are",
    "does": "do",
    "doesn't": "don't",
}
_TENSES = {
    "went": "go",
    "came": "come",
    "took": "take",
    "made": "make",
    "saw": "see",
    "found": "find",
    "gave": "give",
}
_TENSES |= {
    "wrote": "write",
    "told": "tell",
    "said": "say",
    "knew": "know",
    "got": "get",
    "kept": "keep",
    "ran": "run",
}
_TENSES |= {"chose": "choose", "began": "begin", "built": "build", "bought": "buy", "sent": "send", "held": "hold"}
_REGULAR = re.compile(r"\b([a-z]{3,}[^aeiou\W])ed\b")
_PREPOSITIONS = {
    "in": "on",
    "on": "in",
    "at": "in",
    "for": "to",
    "of": "from",
    "to": "for",
    "by": "with",
    "with": "by",
}
_PREPOSITION = re.compile(r"\b(?:in|on|at|for|of|by|with)\b(?= [a-z])")
_PLURAL = re.compile(r"\b(?!always|perhaps)([a-z]{3,}[^aeisu\W])s\b(?!['’])")
_WORD = re.compile(r"[^\W\d_]+(?:['’][a-z]+)?")
_DIALECT = {"going to": "gonna", "want to": "wanna", "have to": "gotta", "isn't": "ain't", "wasn't": "weren't"}
_DIALECT |= {"aren't": "ain't", "haven't": "ain't", "hasn't": "ain't", "we were": "we was", "they were": "they was"}
_DIALECT |= {"those": "them", "doesn't": "don't", "because": "cause", "very": "proper", "anything": "nothing"}
_DIALECT |= {
    "came": "come",
    "did": "done",
    "saw": "seen",
    "isn’t": "ain't",
    "wasn’t": "weren't",
    "something": "summat",
}
_ING = re.compile(r"\b([a-z]{3,})ing\b")
_SPOKEN = re.compile(r"[.,](?!\d)|(?<!\d)[.,]|[;:!?()\"“”—–]|(?<=\w)-(?=\w)")
_FILLERS = ("um", "uh", "like", "you know")
_TYPO_EVERY, _LONG = 0.12, 5


def _some(
    pattern: re.Pattern[str], to: Callable[[re.Match[str]], str], share: float, chance: Random
) -> Callable[[str], str]:
    """Replaces this share of what the pattern finds, each by its own throw."""
    return lambda text: pattern.sub(lambda match: to(match) if chance.random() < share else match[0], text)


def _among(words: Mapping[str, str]) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    """Finds any of these words, whatever its case, and gives the other."""
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r")\b", re.I)

    def other(match: re.Match[str]) -> str:
        said = words[match[0].lower()]
        return said.capitalize() if match[0][0].isupper() else said

    return pattern, other


def second_language(texts: Texts, strong: bool, chance: Random) -> Texts:
    """Light: about every third article gone, some agreement and prepositions wrong. Strong: most of them, tenses and
    plurals, too."""
    articles, agreement, prepositions = (0.75, 0.6, 0.4) if strong else (0.3, 0.2, 0.1)
    changes = [
        _some(_ARTICLE, lambda match: "", articles, chance),
        _some(*_among(_AGREEMENT), agreement, chance),
        _some(_PREPOSITION, lambda match: _PREPOSITIONS[match[0]], prepositions, chance),
    ]
    if strong:
        changes += [
            _some(*_among(_TENSES), 0.5, chance),
            _some(_REGULAR, lambda match: match[1], 0.5, chance),
            _some(_PLURAL, lambda match: match[1], 0.3, chance),
        ]
    return [_after(text, changes) for text in texts]


def dialect(texts: Texts, chance: Random) -> Texts:
    """As people speak who don't speak as they write."""
    changes = [
        _some(*_among(_DIALECT), 0.8, chance),
        _some(_ING, lambda match: f"{match[1]}in'", 0.6, chance),
    ]
    return [_after(text, changes) for text in texts]


def misspelt(texts: Texts, chance: Random) -> Texts:
    """Two neighbouring letters change places in every eighth longer word."""

    def typo(match: re.Match[str]) -> str:
        word = match[0]
        if len(word) < _LONG or word[0].isupper():
            return word
        at = chance.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    return [_some(_WORD, typo, _TYPO_EVERY, chance)(text) for text in texts]


def dictated(texts: Texts, chance: Random) -> Texts:
    """As it comes from speech to text: no capitals, no marks, fillers."""
    told = []
    for text in texts:
        words = _SPOKEN.sub(" ", text).lower().replace(" i ", " I ").split()
        for _ in range(len(words) // 25):
            words.insert(chance.randrange(len(words)), chance.choice(_FILLERS))
        told.append(" ".join(words))
    return told


def _after(text: str, changes: list[Callable[[str], str]]) -> str:
    for change in changes:
        text = change(text)
    return text
