"""What cannot be true in a candidate's words, or changed between tellings; and that honest answers raise no alarm."""

import pytest

from evals.cases import answers
from simulator.claims.contradictions import Contradiction, between, in_telling
from simulator.claims.ledger import Told
from simulator.interview import Role

DELAYED_LAUNCH = (
    "In Q2 2023 our payments launch was slipping. I cut two reports, borrowed an engineer and we delivered on time. "
    "In the end we launched 8 days late instead of a month."
)
HONEST_MODEL_ANSWERS = {
    "blocked dependency": "The identity team could not give us their API for three weeks. I offered one of our "
    "engineers and told my manager on day two. It came nine days later, and we launched on time.",
    "what to cut": "By RICE the export scored 12 and the dashboard 40. I cut the export; 60% of the asks were for it "
    "and 55% for the dashboard. We shipped the core on time; the export came three weeks late.",
    "process improvement": "Release checks took us 3 days. With a checklist they went from 3 days to 1, 66% less, "
    "and hotfixes fell from 9 a month to 4.",
    "launch success": "Load time fell from 4.2 to 1.8 s, conversion rose 18.7%, and 12 of 14 markets "
    "were above target.",
    "failure": "I launched without a rollback. Errors rose from 0.4% to 3%, we were back after two hours, and since "
    "then errors have dropped from 3% to 0.2%.",
}


def in_one(text: str) -> list[Contradiction]:
    return in_telling([Told("story/1", "result", text)])


def told_twice(one: str, other: str, likeness: float = 1.0) -> list[Contradiction]:
    return between([[Told("a", "1", one)], [Told("b", "1", other)]], lambda *_: likeness, 0.5)


def test_on_time_and_eight_days_late_in_one_answer_is_shown_with_both_quotes() -> None:
    (found,) = in_one(DELAYED_LAUNCH)
    assert (found.kind, found.reason) == ("contradicts", "on-time-and-late")
    assert "on time" in found.first.text
    assert "8 days late" in found.second.text
    for quote in (found.first, found.second):
        assert DELAYED_LAUNCH[quote.start : quote.end] == quote.text


@pytest.mark.parametrize("text", HONEST_MODEL_ANSWERS.values(), ids=HONEST_MODEL_ANSWERS.keys())
def test_the_other_model_answers_raise_no_alarm(text: str) -> None:
    assert in_one(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("We shipped six weeks early. The release came out two weeks late because of the vendor.", "early-and-late"),
        ("Conversion rose from 41% to 37%.", "wrong-direction"),
        ("The wait increased from 40 to 30 minutes.", "wrong-direction"),
        ("Errors fell from 40 a day to 30 a day, a 50% drop.", "wrong-size"),
        ("We reduced latency from 1,200 ms to 380 ms (down 40%).", "wrong-size"),
        ("Tickets doubled from 30 to 90 a week.", "wrong-size"),
        ("60% of the budget went to mobile and the remaining 55% to web.", "parts-over-whole"),
        ("Traffic was split 50% to search, 40% to ads and 30% to mail.", "parts-over-whole"),
        ("12 of our 10 teams had adopted it.", "more-than-whole"),
        ("140% of our users opted in.", "more-than-whole"),
        ("It ran from Q3 2023 to Q1 2023.", "ends-before-start"),
    ],
)
def test_what_cannot_be_is_found(text: str, reason: str) -> None:
    assert [one.reason for one in in_one(text)] == [reason]


@pytest.mark.parametrize(
    "text",
    [
        "We launched two weeks late in Spain and on time in France.",
        "We were three weeks behind in May. I cut the loyalty points and we launched on time.",
        "We wanted to ship on time. We shipped eight days late.",
        "Without the cut we would have launched a month late. We launched on time.",
        "We launched on time for the revised date. It shipped eight days late against the first plan.",
        "p95 went from 1,200 to 380 ms and conversion rose 11.3%.",
        "Build time went from 30 minutes to 10, 200% faster.",
        "Errors fell from 4% to 1%, three points. Refunds fell from 4% to 1%, down 75%.",
        "To increase sign-ups we cut the form from 12 fields to 5.",
        "The drop-off went from 30% to 34%.",
        "We doubled the team, from 4 to 8, and tickets from 30 to 90.",
        "60% complained about the price, 55% about the delay. Revenue was 140% of target.",
        "Sales grew 50% on last year, from 20 shops to 22.",
    ],
)
def test_what_only_looks_impossible_raises_no_alarm(text: str) -> None:
    assert in_one(text) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Conversion went from 41% to 53% in six weeks.", "So I brought conversion from 41% up to 58%."),
        ("Refund time fell from 9 days to 4.", "Refund time: 9 days → 3 days"),
        (
            "I borrowed two engineers from the search team.",
            "The search team lent me five engineers I borrowed.",
        ),
        ("In Q3 2023 our checkout migration was stuck.", "In Q1 2023 our checkout migration was stuck."),
        ("We launched eight days late.", "It launched 14 days late because the vendor changed its API."),
        ("We shipped two weeks early.", "We shipped three weeks late in the end."),
    ],
)
def test_a_figure_that_changed_between_two_tellings_is_found(one: str, other: str) -> None:
    (found,) = told_twice(one, other)
    assert found.kind == "changed"
    assert (found.first.source, found.second.source) == ("a", "b")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Conversion went from 41% to 53%.", "Conversion went from 53% to 55% in the next quarter."),
        ("Failures fell from about 4% to 1%.", "Failures fell from 4.2% to 1.1%."),
        ("Failures in Spain fell from 4% to 1%.", "Failures in Italy fell from 6% to 2%."),
        ("We had five engineers.", "I borrowed two engineers from search."),
        ("In Q3 2023 our checkout migration was stuck.", "In August 2023 our checkout migration was stuck."),
        ("It cost 30,000 euros.", "It cost 31,000 euros."),
    ],
)
def test_another_part_a_later_step_or_a_rounding_is_no_change(one: str, other: str) -> None:
    assert told_twice(one, other) == []


def test_a_figure_that_is_told_twice_the_same_way_still_counts_against_another_telling() -> None:
    sheet = [Told("s", "result", "Failures fell from 4% to 1%."), Told("s", "measure 1", "Failures: 4% → 1%")]
    assert in_telling(sheet) == []
    assert between([sheet, [Told("i", "1", "We cut failures from 9% to 1%.")]], lambda *_: 1.0, 0.5)


def test_figures_of_different_stories_are_not_compared() -> None:
    one, other = "Refund time fell from 9 days to 4.", "Refund time fell from 7 days to 3."
    assert told_twice(one, other, 0.6)
    assert told_twice(one, other, 0.4) == []


def test_a_reply_that_changes_a_figure_of_the_answer_is_found() -> None:
    answer = Told("interview/1/0", "1", "Failures fell from 4% to 1% by June.")
    reply = Told("interview/1/0", "2", "As I said, failures fell from 6% to 1%.")
    (found,) = in_telling([answer, reply])
    assert (found.kind, found.first.place, found.second.place) == ("changed", "1", "2")


def test_a_contradiction_keeps_its_name_when_the_words_around_it_move() -> None:
    (here,), (there,) = in_one(DELAYED_LAUNCH), in_one(f"Well, let me see. {DELAYED_LAUNCH}")
    assert here.first.start != there.first.start
    assert here.id == there.id


def test_no_honest_train_answer_raises_an_alarm() -> None:
    alarms = []
    for answer in answers("train"):
        turns = enumerate(answer.exchange.turns)
        told = [Told(answer.id, str(at), turn.text) for at, turn in turns if turn.role is Role.CANDIDATE]
        alarms += in_telling(told)
    assert alarms == []
