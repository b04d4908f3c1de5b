"""The words that variants are made of, as they stand in `evals/datasets/fairness`: names by group, places, schools,
employers, claims, padding, first names that colleagues may have. Decides nothing."""

from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evals import cases


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Record):
    """People of one origin and gender, by names that are read as theirs."""

    id: str
    pronouns: Literal["she/her", "he/him"]
    first: tuple[str, ...] = Field(min_length=2)
    last: tuple[str, ...] = Field(min_length=1)


class Background(_Record):
    """Where somebody comes from, studied or worked, of high or low standing; one sentence."""

    kind: Literal["place", "school", "employer"]
    standing: Literal["high", "low"]
    words: str


class Claim(_Record):
    """Something about the speaker, or of what others said of the answer, that is no part of the story."""

    kind: str
    words: str


class Phrase(_Record):
    """A first name, or a sentence that says nothing."""

    words: str


def groups() -> tuple[Group, ...]:
    return cases.records(Group, cases.FOLDER / "fairness" / "groups.jsonl")


def background(kind: str, standing: str, chance: Random) -> str:
    """One of the sentences of this kind and standing."""
    known = cases.records(Background, cases.FOLDER / "fairness" / "backgrounds.jsonl")
    fitting: list[str] = [one.words for one in known if (one.kind, one.standing) == (kind, standing)]
    return chance.choice(fitting)


def claim(kind: str, chance: Random) -> str:
    """One of the claims of this kind."""
    known = cases.records(Claim, cases.FOLDER / "fairness" / "claims.jsonl")
    fitting: list[str] = [one.words for one in known if one.kind == kind]
    return chance.choice(fitting)


def claim_kinds() -> list[str]:
    known = cases.records(Claim, cases.FOLDER / "fairness" / "claims.jsonl")
    return list(dict.fromkeys(one.kind for one in known))


def padding(words: int, chance: Random) -> list[str]:
    """Sentences that say nothing, of about so many words in all; each comes once, until all were used."""
    known = [one.words for one in cases.records(Phrase, cases.FOLDER / "fairness" / "padding.jsonl")]
    found: list[str] = []
    left: Sequence[str] = ()
    while sum(len(one.split()) for one in found) < words:
        left = left or chance.sample(known, len(known))
        found, left = [*found, left[0]], left[1:]
    return found


def first_names() -> frozenset[str]:
    return frozenset(one.words for one in cases.records(Phrase, cases.FOLDER / "fairness" / "colleagues.jsonl"))
