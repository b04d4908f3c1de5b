"""Where a company's principles are named."""

import pytest

from simulator.library import load_library
from simulator.principles import named, namings
from simulator.settings import ROOT

AMAZON = ("Ownership", "Bias for Action", "Deliver Results", "Have Backbone; Disagree and Commit")


def words(text: str, principles: tuple[str, ...] = AMAZON) -> dict[str, list[str]]:
    return {one: [text[start:end] for start, end in spans] for one, spans in named(text, principles).items()}


def test_every_place_of_a_name_is_given_whatever_its_case_dashes_and_line_breaks() -> None:
    text = "With bias for action I shipped. That BIAS-FOR-ACTION paid off; bias for\naction always does."
    assert words(text) == {"Bias for Action": ["bias for action", "BIAS-FOR-ACTION", "bias for\naction"]}
    assert namings(named(text, AMAZON)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "We delivered results for action teams.",
        "His bias for actions was plain.",
        "We had to deliver. Results came later.",
        "Unbiased: a prebias for action.",
        "",
    ],
)
def test_parts_of_a_name_and_names_inside_other_words_do_not_count(text: str) -> None:
    assert words(text) == {}


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("I took ownership of the queue.", 0),
        ("Ownership of the queue was mine.", 0),
        ("It slipped. Ownership was unclear. “Ownership was unclear”", 0),
        ("That is what Ownership means.", 1),
        ("I showed “Ownership” there, as Ownership asks.", 2),
    ],
)
def test_an_everyday_word_is_a_name_only_with_a_capital_inside_a_sentence(text: str, counted: int) -> None:
    assert namings(named(text, AMAZON)) == counted


def test_one_side_of_a_name_with_a_semicolon_is_the_name_and_the_whole_is_counted_once() -> None:
    text = "I had to disagree and commit. We say have backbone, disagree and commit. I have backbone."
    assert [len(spans) for spans in named(text, AMAZON).values()] == [3]


def test_a_name_inside_a_longer_name_is_the_longer_one() -> None:
    assert words("We live Extreme Ownership here.", ("Ownership", "Extreme Ownership")) == {
        "Extreme Ownership": ["Extreme Ownership"]
    }


def test_every_published_name_is_found_in_a_sentence_that_quotes_it() -> None:
    for company in load_library(ROOT).companies.values():
        for principle in company.principles:
            quoted = f"Here I thought of {principle}, and acted on it."
            assert list(named(quoted, company.principles)) == [principle]
