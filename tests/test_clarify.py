"""Questions about a case, over the shipped cases and the real embeddings."""

import pytest
from conftest import embeddings, shipped

from simulator.clarify import fact_for, is_clarification
from simulator.interview import Question

CASE = next(one for one in shipped().questions if one.id.endswith("sign-up-completion-overnight"))


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("How many people start signing up on a normal day?", True),
        ("Is it both platforms? And since when exactly?", True),
        ("Is it more than 2.5 percent of sign-ups?", True),
        ("Is it iPhone vs. Android, e.g. only the older ones?", True),
        ("Which step is it (roughly?)", True),
        ("I'd look at the funnel first. Which step lost people?", False),
        ("I'd look at the funnel first.", False),
        ("?", False),
        ("", False),
        ("What " + "if " * 60 + "?", False),
    ],
)
def test_only_a_short_text_of_nothing_but_questions_asks(text: str, asks: bool) -> None:
    assert is_clarification(text, CASE) is asks


def test_a_story_has_nothing_to_ask_for() -> None:
    assert not is_clarification("Do you mean my last job?", Question("q", "Tell me about a launch."))


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("How many people start to sign up on a normal weekday?", "9,000"),
        ("Which step of the sign-up lost the people?", "identity document"),
        ("Is it Android or iPhone, or both?", "Android"),
        ("When did our last app release go out?", "22:00"),
        ("How many engineers do I have?", "four engineers"),
    ],
)
def test_what_is_asked_is_answered_by_the_fact_that_holds_it_every_time(asked: str, word: str) -> None:
    found = {fact_for(asked, CASE.facts, embeddings()) for _ in range(3)}
    assert len(found) == 1
    assert word in found.pop()


@pytest.mark.parametrize("asked", ["What is the weather in Lisbon?", "Who won the cup final last year?"])
def test_where_no_fact_answers_nothing_is_made_up(asked: str) -> None:
    assert fact_for(asked, CASE.facts, embeddings()) == ""
    assert fact_for("How many engineers do I have?", (), embeddings()) == ""
