"""What is read out of a candidate's words: figures, changes, punctuality, dates, superlatives, each in its place."""

import pytest

from evals.cases import answers
from simulator.claims.changes import changes
from simulator.claims.figures import figures
from simulator.claims.ledger import Claim, Kind, Told, claims_of
from simulator.claims.timing import Date, Punctuality, Timing
from simulator.interview import Role

DAY = 86_400.0


def of_kind(kind: Kind, text: str) -> list[Claim]:
    return [claim for claim in claims_of(Told("story/1", "result", text)) if claim.kind is kind]


@pytest.mark.parametrize(
    ("text", "values", "units"),
    [
        ("from 1,200 to 380 ms", [1200, 0.38], ["", "second"]),
        ("thirty-four percent and a hundred and twenty", [34, 120], ["percent", ""]),
        ("ninety-nine, half a dozen, nineteen", [99, 6, 19], ["", "", ""]),
        ("$1.2m, €40k and 640 dollars", [1_200_000, 40_000, 640], ["usd", "eur", "usd"]),
        ("two and a half weeks, then a two-week sprint", [17.5 * DAY, 14 * DAY], ["second", "second"]),
        ("two thirds of the stores, cut by a third", [200 / 3, 100 / 3], ["percent", "percent"]),
        ("3x faster, 4 percentage points", [3, 4], ["times", "point"]),
        ("two to three weeks, 12-15 people", [17.5 * DAY, 13.5], ["second", ""]),
    ],
)
def test_a_figure_is_read_with_its_unit_in_digits_or_words(text: str, values: list[float], units: list[str]) -> None:
    found = figures(text)
    assert [one.value for one in found] == pytest.approx(values)
    assert [one.unit for one in found] == units


@pytest.mark.parametrize(
    "text",
    [
        "In Q3 2023, on 12 May 2022 and on the 10th of July",
        "P0 tickets, 5xx errors, phase 2, week 3, version 2.1.4, at 9:30, 24/7",
        "one of them said that one day",
    ],
)
def test_dates_labels_and_names_are_no_figures(text: str) -> None:
    assert figures(text) == []


def test_a_part_of_a_whole_is_one_figure_and_a_round_number_leaves_room() -> None:
    (part,) = figures("11 of 30 nights")
    assert (part.value, part.whole) == (11, 30)
    (exact, rounded, rough) = figures("12 shops, 30,000 homes, about 20 people")
    assert (exact.slack, rounded.slack) == (0.5, 500)
    assert rough.rough
    assert rough.high == 22


@pytest.mark.parametrize(
    ("text", "noun", "direction", "ends"),
    [
        ("Weekly use went from 11% to 21.", ("use", "weekly"), 0, (11, 21)),
        ("We cut refund time from nine days to four.", ("refund", "time"), -1, (9 * DAY, 4 * DAY)),
        ("Sign-ups went up from 40 to 55 a day.", ("sign-up",), 1, (40, 55)),
        ("Late nights fell from 11 of 30 to 1 of 30.", ("late", "night"), -1, (100 * 11 / 30, 100 / 30)),
        ("p95 1,200→380 ms", ("p95",), 0, (1.2, 0.38)),
    ],
)
def test_a_change_is_read_with_what_changed_and_which_way(
    text: str, noun: tuple[str, ...], direction: int, ends: tuple[float, float]
) -> None:
    (change,) = changes(text)
    assert (change.noun, change.direction) == (noun, direction)
    assert (change.before.value, change.after.value) == pytest.approx(ends)


def test_the_size_of_a_change_is_its_own_only_where_the_words_tie_it_to_it() -> None:
    sizes = [change.share and change.share.value for change in changes("Refunds fell by 25%, from 40 to 30.")]
    assert sizes == [25]
    assert changes("Refunds fell from 40 to 30, a 25% drop.")[0].share
    assert changes("p95 fell from 1,200 to 380 ms and conversion rose 11.3%.")[0].share is None
    assert changes("Load time fell from 4.2 to 1.8 s, +18.7% orders.")[0].share is None
    assert not changes("Our goal was to cut churn from 5% to 3%.")[0].real


@pytest.mark.parametrize(
    ("text", "timing", "days", "outcome"),
    [
        ("We went live on the 10th of July, ten days late.", Timing.LATE, 10, True),
        ("We delivered on 18 July, six weeks early.", Timing.EARLY, 42, True),
        ("We launched on time.", Timing.ON_TIME, None, True),
        ("The beta slipped by a month.", Timing.LATE, 365.25 / 12, False),
        ("In October we were ten weeks behind schedule.", Timing.LATE, 70, False),
        ("Otherwise it would have shipped two weeks late.", Timing.LATE, 14, False),
    ],
)
def test_being_late_is_told_apart_from_having_been_late_on_the_way(
    text: str, timing: Timing, days: float | None, outcome: bool
) -> None:
    (claim,) = of_kind(Kind.PUNCTUALITY, text)
    assert isinstance(claim.content, Punctuality)
    assert (claim.content.timing, claim.content.outcome) == (timing, outcome)
    amount = claim.content.amount
    assert (amount and amount.value) == (days and pytest.approx(days * DAY))


def test_telling_somebody_early_is_no_claim_of_being_early() -> None:
    assert of_kind(Kind.PUNCTUALITY, "I told legal early, and nobody had to stay late.") == []


def test_dates_and_spans_are_read_as_months() -> None:
    (quarter,) = of_kind(Kind.DATE, "In Q3 2023 we were behind.")
    assert isinstance(quarter.content, Date)
    assert (quarter.content.first, quarter.content.last) == (12 * 2023 + 6, 12 * 2023 + 8)
    (span,) = of_kind(Kind.DATE, "It ran from March 2022 to Q1 2023.")
    assert isinstance(span.content, Date)
    assert span.content.until == (12 * 2023, 12 * 2023 + 2)


def test_superlatives_and_counts_are_claims_with_what_they_count() -> None:
    (best,) = of_kind(Kind.SUPERLATIVE, "It was the best summer that we ever had, without a single complaint.")[:1]
    assert best.quote.text.startswith("best summer")
    assert [c.noun for c in of_kind(Kind.FIGURE, "Forty failing cases, 9 people and three other things.")] == [
        ("case", "failing"),
        (),
        (),
    ]


def test_every_claim_of_every_train_answer_stands_where_it_says() -> None:
    read = 0
    for answer in answers("train"):
        for number, turn in enumerate(answer.exchange.turns):
            if turn.role is Role.CANDIDATE:
                for claim in claims_of(Told(answer.id, str(number), turn.text)):
                    quote, sentence = claim.quote, claim.sentence
                    assert turn.text[quote.start : quote.end] == quote.text
                    assert turn.text[sentence.start : sentence.end] == sentence.text
                    assert quote.text in sentence.text
                    read += 1
    assert read > 4_000
