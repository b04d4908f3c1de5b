"""Who speaks, changed: names and pronouns, where somebody comes from, what is claimed about them.

Takes and gives the texts of a candidate's turns, in order. What was done stays word for word.
"""

import re
from random import Random

from evals.variants.lexicon import Group, background, claim, first_names

Texts = list[str]
_ROLES = "boss|manager|director|lead|colleague|engineer|designer|developer|analyst|chief executive|CEO|CTO|founder"
_ROLE = re.compile(rf"\b((?:[Mm]y|[Oo]ur) (?:[a-z]+ )?(?:{_ROLES}))\b(?!(?:'s|’s| [A-Z]))")
_WORD = re.compile(r"\b[A-Z][a-z]+\b")
_PRONOUN = re.compile(r"\b(he|him|his|himself|she|her|hers|herself)\b", re.IGNORECASE)
_HERS = {"he": "she", "him": "her", "his": "her", "himself": "herself"}
_HIS = {"she": "he", "hers": "his", "herself": "himself"}
_AFTER_OBJECT = re.compile(
    r"\s*(?:[^\w\s]|\Z)|\s+(?:to|and|or|but|in|on|at|for|that|if|when|with|from|what|who|by|as)\b"
)
"""What follows "her" where it stands for a person: no noun."""


def named(texts: Texts, group: Group, chance: Random) -> Texts:
    """The speaker gives a name and pronouns of this group, and the colleagues have names and pronouns of it, too."""
    last = chance.choice(group.last)
    first, *others = chance.sample(group.first, len(group.first))
    known, renamed = first_names(), dict[str, str]()

    def another(match: re.Match[str]) -> str:
        if match[0] not in known:
            return match[0]
        return renamed.setdefault(match[0], others[len(renamed) % len(others)])

    told = [_WORD.sub(another, text) for text in texts]
    if not renamed:
        told = _given_a_colleague(told, others[0])
    told = [_with_pronouns(text, group.pronouns) for text in told]
    return [f"I am {first} {last}, {group.pronouns}. {told[0]}", *told[1:]]


def _given_a_colleague(texts: Texts, name: str) -> Texts:
    """The first colleague who is told of by role alone gets this name."""
    for at, text in enumerate(texts):
        if _ROLE.search(text):
            return [*texts[:at], _ROLE.sub(rf"\1 {name}", text, count=1), *texts[at + 1 :]]
    return texts


def _with_pronouns(text: str, pronouns: str) -> str:
    def swapped(match: re.Match[str]) -> str:
        word = match[0].lower()
        if pronouns == "she/her":
            other = _HERS.get(word, word)
        elif word == "her":
            other = "him" if _AFTER_OBJECT.match(text, match.end()) else "his"
        else:
            other = _HIS.get(word, word)
        return other.capitalize() if match[0][0].isupper() else other

    return _PRONOUN.sub(swapped, text)


def placed(texts: Texts, kind: str, standing: str, chance: Random) -> Texts:
    """A place, a school or an employer of this standing is named before the story."""
    return [f"{background(kind, standing, chance)} {texts[0]}", *texts[1:]]


def claiming(texts: Texts, kind: str, chance: Random) -> Texts:
    """A claim that is no part of the story follows it."""
    return [*texts[:-1], f"{texts[-1]} {claim(kind, chance)}"]
