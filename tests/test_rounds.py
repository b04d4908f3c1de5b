"""Which parts and questions a round has, over the shipped companies."""

import random
from collections import Counter

import pytest
from conftest import shipped

from simulator.errors import InputError
from simulator.interview import Segment
from simulator.rounds import QUESTIONS, again, choose_questions, fitting, planned

COMPANIES = sorted(shipped().companies)


@pytest.mark.parametrize("company_id", COMPANIES)
@pytest.mark.parametrize(("length", "kind"), [("quick", ""), ("full", ""), ("full", "story"), ("full", "case")])
def test_every_part_gets_a_question_of_its_kind_for_this_company_and_no_topic_comes_twice(
    company_id: str, length: str, kind: str
) -> None:
    library = shipped()
    company = library.company(company_id)
    plan = planned(company, length, kind=kind)
    for seed in range(25):
        chosen = choose_questions(library, company, plan, random.Random(seed))
        assert [one.kind for one in chosen] == [one.kind for one in plan if one.kind != QUESTIONS]
        assert {one.company for one in chosen} <= {"general", company_id}
        assert len({one.topic for one in chosen}) == len({one.id for one in chosen}) == len(chosen)
        assert fitting(plan, chosen) == plan


@pytest.mark.parametrize("company_id", COMPANIES)
def test_of_several_questions_of_a_kind_one_is_the_companys_own(company_id: str) -> None:
    library = shipped()
    company = library.company(company_id)
    plan = planned(company, "quick", kind="story", count=2)
    for seed in range(25):
        chosen = choose_questions(library, company, plan, random.Random(seed))
        assert chosen[-1].company == company_id


def test_the_same_seed_gives_the_same_round_and_weights_are_respected() -> None:
    library, company = shipped(), shipped().company("uber")
    plan = planned(company, "quick", kind="story", count=1)

    def drawn(seed: int) -> str:
        return choose_questions(library, company, plan, random.Random(seed))[0].id

    assert drawn(7) == drawn(7)
    counts = Counter(drawn(seed) for seed in range(4000))
    stories = library.questions_for("uber", "story")
    total = sum(one.weight for one in stories)
    heaviest = max(stories, key=lambda one: one.weight)
    assert counts[heaviest.id] / 4000 == pytest.approx(heaviest.weight / total, abs=0.02)


def test_questions_that_were_asked_lately_come_last() -> None:
    library, company = shipped(), shipped().company("meta")
    plan = planned(company, "full")
    asked: list[str] = []
    stories = len(library.questions_for("meta", "story"))
    for seed in range(stories // 2):
        chosen = choose_questions(library, company, plan, random.Random(seed), asked)
        assert not {one.id for one in chosen} & set(asked)
        asked += [one.id for one in chosen]
    assert choose_questions(library, company, plan, random.Random(1), [one.id for one in library.questions])


def test_a_number_of_questions_repeats_the_judged_parts() -> None:
    plan = planned(shipped().company("stripe"), "quick", count=5)
    assert [one.kind for one in plan] == ["story", "case", "story", "case", "story"]


def test_an_unknown_length_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="quick, full, custom"):
        planned(shipped().company("stripe"), "endless")


def test_a_part_that_no_question_was_found_for_is_left_out() -> None:
    plan = (Segment("a", "story", 60), Segment("b", "case", 60), Segment("c", QUESTIONS, 60))
    stories = shipped().questions_for("uber", "story")[:1]
    assert [one.name for one in fitting(plan, stories)] == ["a", "c"]
    assert again(stories[0], 90)[0].seconds == 90
