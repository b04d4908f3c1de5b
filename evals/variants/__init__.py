"""Labelled answers changed by code: in what must not matter, and in what must.

Every variant follows from the answer's id and its own name alone: the same on every machine, none is stored. Its id
ends in a digest of its words, so that a result of other words is never taken for its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from random import Random

from evals import cases
from evals.variants import people, shape, substance, wording
from evals.variants.lexicon import Group, claim_kinds, groups
from simulator.interview import Act, Exchange, Role
from simulator.prompts import digest_of

Texts = list[str]
Change = Callable[[Texts, Random], Texts]
AS_IT_IS, AGAIN = "as-it-is", "again"
FAMILIES = ("person", "background", "esl_light", "esl_strong", "wording", "length", "format", "claims")
"""What must not matter."""
SEES = ("facts", "owner", "thinning")
"""What must."""
PAIRED = {"person": "owner", "background": "owner", "claims": "owner", "esl_light": "facts", "esl_strong": "facts"}
PAIRED |= {"wording": "facts", "length": "thinning", "format": "thinning"}
"""What a grader must see beside what it must not: who sees nothing passes nothing."""
SHARES_KEPT = (0.75, 0.5, 0.25)
SHARED = {"half": 0.5, "whole": 1.0}
_TELLING = 3
"""The label from which on an answer has figures, or deeds of its own, to lose."""
_LEAST_WORDS = 15


@dataclass(frozen=True, slots=True)
class Variant:
    """A labelled answer, changed by one change of a family; `as-it-is` and `again` are not changed."""

    base: cases.Answer
    family: str
    name: str
    exchange: Exchange
    id: str

    @property
    def key(self) -> str:
        """Family and name."""
        return f"{self.family}.{self.name}"


def changes() -> dict[str, dict[str, Change]]:
    """All changes, by family and name."""
    return {
        "person": {group.id: partial(_named, group=group) for group in groups()},
        "background": {
            f"{kind}-{standing}": partial(_placed, kind=kind, standing=standing)
            for kind in ("place", "school", "employer")
            for standing in ("high", "low")
        },
        "esl_light": {"light": lambda texts, chance: wording.second_language(texts, False, chance)},
        "esl_strong": {"strong": lambda texts, chance: wording.second_language(texts, True, chance)},
        "wording": {"dialect": wording.dialect, "misspelt": wording.misspelt, "dictated": wording.dictated},
        "length": {"padded": shape.padded},
        "format": {
            "listed": lambda texts, chance: shape.listed(texts),
            "pictures": shape.with_pictures,
            "paragraphs": lambda texts, chance: shape.in_paragraphs(texts),
            "swapped": shape.swapped,
        },
        "claims": {kind: partial(_claiming, kind=kind) for kind in claim_kinds()},
        "facts": {"gone": lambda texts, chance: substance.without_figures(texts)},
        "owner": {name: partial(_shared, share=share) for name, share in SHARED.items()},
        "thinning": {f"{100 * kept:.0f}": partial(_thinned, kept=kept) for kept in SHARES_KEPT},
    }


def _named(texts: Texts, chance: Random, group: Group) -> Texts:
    return people.named(texts, group, chance)


def _placed(texts: Texts, chance: Random, kind: str, standing: str) -> Texts:
    return people.placed(texts, kind, standing, chance)


def _claiming(texts: Texts, chance: Random, kind: str) -> Texts:
    return people.claiming(texts, kind, chance)


def _shared(texts: Texts, chance: Random, share: float) -> Texts:
    return substance.shared(texts, share, chance)


def _thinned(texts: Texts, chance: Random, kept: float) -> Texts:
    return substance.thinned(texts, kept, chance)


def varied(base: cases.Answer, family: str, name: str, change: Change) -> Variant:
    """One change of an answer. What the candidate asked, and what the interviewer said, stays."""
    mine = [at for at, one in enumerate(base.turns) if one.role is Role.CANDIDATE and one.act is Act.ANSWER]
    # By the family alone for those in steps: a step then takes away more of the same.
    seed = digest_of(base.id, family, *([] if family in SEES else [name]))
    texts = change([base.turns[at].text for at in mine], Random(seed))
    turns = list(base.turns)
    for at, text in zip(mine, texts, strict=True):
        turns[at] = turns[at].model_copy(update={"text": text})
    # A turn that says nothing any more is none.
    kept = tuple(one for one in turns if one.role is not Role.CANDIDATE or one.text.strip())
    exchange = base.model_copy(update={"turns": kept}).exchange
    return Variant(base, family, name, exchange, f"{base.id}/{family}.{name}@{digest_of(*texts)[:8]}")


def original(base: cases.Answer, name: str = AS_IT_IS) -> Variant:
    return varied(base, "base", name, lambda texts, chance: texts)


def of_answer(base: cases.Answer) -> Iterator[Variant]:
    """The answer as it is, once more, and all its variants; those that take away what is not there are left out."""
    yield original(base)
    yield original(base, AGAIN)
    for family, named in changes().items():
        if _applies(base, family):
            for name, change in named.items():
                one = varied(base, family, name, change)
                if family not in SEES or len(one.exchange.candidate_text.split()) >= _LEAST_WORDS:
                    yield one


def _applies(base: cases.Answer, family: str) -> bool:
    """Whether there is something to be lost: of a weak answer there is not."""
    dimension = {"facts": "data_use", "owner": "ownership"}.get(family)
    if family == "thinning":
        return base.overall >= _TELLING - 0.5
    return dimension is None or base.scores[dimension] >= _TELLING


@cache
def whole(split: str, kind: str) -> tuple[Variant, ...]:
    """All variants of all answers of dev or test; train has none."""
    return tuple(one for base in _bases(split, kind) for one in of_answer(base))


@cache
def part(split: str, kind: str, answers: int) -> tuple[Variant, ...]:
    """Of some answers, chosen by their digest: all that takes something away, and of every other family one change
    (of people two), another one for each answer in turn."""
    found: list[Variant] = []
    for number, base in enumerate(sorted(_bases(split, kind), key=lambda one: digest_of(one.id))[:answers]):
        by_family: dict[str, list[Variant]] = {}
        for one in of_answer(base):
            by_family.setdefault(one.family, []).append(one)
        for family, ones in by_family.items():
            found += ones if family not in FAMILIES else _in_turn(ones, number, 2 if family == "person" else 1)
    return tuple(found)


def _in_turn(ones: Sequence[Variant], number: int, times: int) -> list[Variant]:
    """Groups stand as woman, man, woman, ...: one after half of them is of another origin and of the other gender."""
    step = len(ones) // 2 + 1
    return [ones[(number + at * step) % len(ones)] for at in range(times)]


def _bases(split: str, kind: str) -> list[cases.Answer]:
    return [] if split == "train" else cases.answers(split, kind)
