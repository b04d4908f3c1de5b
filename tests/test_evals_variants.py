"""Answers changed by code: the same every time, in what they name alone, never of train."""

import re
from collections import Counter
from random import Random

import pytest

from evals import cases, variants
from evals.variants import SEES, SHARES_KEPT, Variant, lexicon, people, substance, wording
from evals.variants.lexicon import Group
from simulator.interview import Act, Role

WOMAN = Group(id="woman", pronouns="she/her", first=("Priya", "Anjali", "Deepika"), last=("Patel",))
MAN = Group(id="man", pronouns="he/him", first=("Jamal", "Tyrone", "Darnell"), last=("Banks",))
FIGURE = re.compile(r"\d+")


@pytest.fixture(scope="module")
def all_of_dev() -> list[Variant]:
    return [*variants.whole("dev", "story"), *variants.whole("dev", "case")]


def told_to(one: Variant | cases.Answer) -> list[str]:
    """What is no answer of the candidate: the interviewer's words, and what the candidate asked."""
    turns = one.exchange.turns
    return [turn.text for turn in turns if turn.role is Role.INTERVIEWER or turn.act is not Act.ANSWER]


def said_in(one: Variant | cases.Answer) -> str:
    turns = one.exchange.turns
    return " ".join(turn.text for turn in turns if turn.role is Role.CANDIDATE and turn.act is Act.ANSWER)


def test_the_same_variants_come_every_time_each_under_a_name_of_its_own(all_of_dev: list[Variant]) -> None:
    again = [one for base in cases.answers("dev")[:5] for one in variants.of_answer(base)]
    assert again == all_of_dev[: len(again)]
    assert len({one.id for one in all_of_dev}) == len(all_of_dev) > 2500
    told = {one.id.rpartition("@")[2] for one in all_of_dev if one.base.id == "dev-001" and one.family != "base"}
    assert len(told) > 35  # the digest of the words: no two alike


def test_train_has_no_variants() -> None:
    assert variants.whole("train", "story") == variants.part("train", "story", 9) == ()


def test_what_must_not_matter_leaves_every_figure_and_every_word_of_the_interviewer(
    all_of_dev: list[Variant],
) -> None:
    changed = [one for one in all_of_dev if one.family not in SEES]
    for one in changed:
        assert Counter(FIGURE.findall(said_in(one))) == Counter(FIGURE.findall(said_in(one.base))), one.id
        assert told_to(one) == told_to(one.base), one.id


def test_every_answer_is_told_by_twelve_groups_and_no_colleague_keeps_another_name(all_of_dev: list[Variant]) -> None:
    told = Counter((one.base.id, one.name) for one in all_of_dev if one.family == "person")
    assert len(told) == 12 * 80 and set(told.values()) == {1}
    foreign = lexicon.first_names() - {name for group in lexicon.groups() for name in group.first}
    persons = [said_in(one) for one in all_of_dev if one.family == "person"]
    kept = {word for said in persons for word in re.findall(r"[A-Z][a-z]+", said)}
    assert kept & foreign == set()


@pytest.mark.parametrize(
    ("group", "told"),
    [
        (WOMAN, "She said no, so I asked her lead; it was her call, and I told her."),
        (MAN, "He said no, so I asked his lead; it was his call, and I told him."),
    ],
)
def test_pronouns_follow_the_group(group: Group, told: str) -> None:
    for said in ("He said no, so I asked his lead; it was his call, and I told him.", told):
        text = people.named([said], group, Random(1))[0]
        assert text.endswith(told) and text.startswith("I am ") and group.pronouns in text


def test_a_colleague_who_is_told_of_by_role_gets_a_name_of_the_group() -> None:
    text = people.named(["My boss said no. I asked again."], WOMAN, Random(1))[0]
    assert re.search(r"My boss (Priya|Anjali|Deepika) said no\.", text)


def test_errors_of_a_second_language_are_few_or_many_and_lose_no_word_of_content() -> None:
    text = "We went to the plant and found the cause in the oven. It was a valve that the vendors had changed. " * 8
    light, strong = (wording.second_language([text], much, Random(2))[0].split() for much in (False, True))
    gone = [sum((Counter(text.split()) - Counter(words)).values()) for words in (light, strong)]
    assert 4 < gone[0] < gone[1] / 2
    assert {"plant", "cause", "oven.", "valve"} <= {*light} & {*strong}


def test_speech_to_text_has_no_marks_and_no_capitals_but_keeps_numbers() -> None:
    text = wording.dictated(["We cut it from 4.5% to 1,200 units. Then, well, we stopped: all of us!"], Random(1))[0]
    assert "4.5%" in text and "1,200" in text
    assert not re.search(r"[;:!?\"]|[.,](?!\d)|[A-Z](?!\b)", text)


def test_steps_take_away_more_of_the_same(all_of_dev: list[Variant]) -> None:
    thin = {one.name: one for one in all_of_dev if one.family == "thinning" and one.base.id == "dev-008"}
    words = [Counter(thin[f"{100 * kept:.0f}"].exchange.candidate_text.split()) for kept in SHARES_KEPT]
    whole = Counter(thin["75"].base.exchange.candidate_text.split())
    assert whole > words[0] > words[1] > words[2]
    half, full = (substance.shared(["I did it. My plan was mine. They asked me. I'm sure."] * 9, share, Random(3))
                  for share in (0.5, 1.0))  # fmt: skip
    assert full[0] == "We did it. Our plan was ours. They asked us. We're sure."
    assert 0 < sum(text.count("I") for text in half) < 9 * 2


def test_without_its_figures_an_answer_has_none(all_of_dev: list[Variant]) -> None:
    without = [one for one in all_of_dev if one.family == "facts"]
    assert len(without) > 15
    for one in without:
        assert not FIGURE.search(said_in(one))
        assert one.base.scores["data_use"] >= 3


def test_a_part_of_the_design_has_every_family_and_turns_through_the_groups() -> None:
    part = variants.part("test", "story", 6)
    by_base = {base: Counter(one.family for one in part if one.base.id == base) for base in {o.base.id for o in part}}
    assert len(by_base) == 6
    for families in by_base.values():
        assert families["person"] == 2 and all(families[name] == 1 for name in variants.FAMILIES if name != "person")
    assert len({one.name for one in part if one.family == "person"}) >= 10
