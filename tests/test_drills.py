"""Drills: when a card comes again, which check is next, whose days count, and which words are drilled on."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from conftest import shipped

from simulator import markdown
from simulator.drills.drill import (
    LEAST_CLAIM_WORDS,
    Card,
    Ease,
    Past,
    Tally,
    bank_claims,
    choose,
    ease_of,
    least_used,
    new_card,
    own_claims,
    queue,
    reviewed,
    stored_card,
    streak,
    tallies,
)
from simulator.errors import ContentError, InputError
from simulator.interview import Act, Exchange, Question, Role, Turn
from simulator.library import GENERAL
from simulator.rubric import Check, Evidence, Finding, Grade, Rating, State
from simulator.settings import ROOT
from simulator.transcript import sentences

NOW = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
STRIPE = shipped().company("stripe")
STORY = shipped().rubric_for("story")
KNOWN = {check.id for kind in ("story", "case") for check in shipped().rubric_for(kind).checks if check.is_criterion}
BANK = ROOT / "prompts" / "drills" / "claims.md"


def finding(state: State = State.MET, probability: float | None = 0.8) -> Finding:
    return Finding("action.risk", state, probability)


def drilled(*eases: Ease, days_apart: float = 0.0) -> Card:
    """A card after these replies."""
    card, now = new_card("action.risk", "stripe", NOW), NOW
    for ease in eases:
        card = reviewed(card, ease, now)
        now += days_apart * DAY
    return card


# When a card comes again


@pytest.mark.parametrize(
    ("state", "probability", "seconds", "ease"),
    [
        (State.NOT_MET, 0.49, 20, Ease.AGAIN),
        (State.NOT_MET, None, 20, Ease.AGAIN),
        (State.MET, 0.69, 20, Ease.HARD),
        (State.MET, 0.99, 90.1, Ease.HARD),
        (State.MET, 0.7, 90, Ease.GOOD),
        (State.MET, 0.89, 20, Ease.GOOD),
        (State.MET, 0.9, 60.1, Ease.GOOD),
        (State.MET, 0.9, 60, Ease.EASY),
    ],
)
def test_how_a_reply_went_follows_from_its_finding_and_its_time(
    state: State, probability: float | None, seconds: float, ease: Ease
) -> None:
    assert ease_of(finding(state, probability), seconds) is ease


def test_a_card_comes_again_the_sooner_the_worse_the_reply_went() -> None:
    for before in ((), (Ease.GOOD,), (Ease.EASY,), (Ease.GOOD, Ease.GOOD)):
        dues = [drilled(*before, ease).due for ease in Ease]
        assert all(one <= other for one, other in pairwise(dues))
        assert dues[0] < dues[2] < dues[3]
    assert drilled(Ease.AGAIN).due - NOW < timedelta(minutes=15)
    assert drilled(Ease.EASY).due - NOW > DAY


def test_what_is_met_again_and_again_comes_at_longer_and_longer_intervals_and_one_miss_brings_it_back() -> None:
    card, now, gaps = new_card("action.risk", "stripe", NOW), NOW, []
    for _ in range(5):
        card = reviewed(card, Ease.GOOD, now)
        gaps.append(card.due - now)
        now = card.due
    assert gaps == sorted(gaps) and gaps[-1] > 7 * DAY
    assert reviewed(card, Ease.AGAIN, now).due - now < timedelta(hours=1)


def test_the_same_replies_always_give_the_same_card() -> None:
    replies = (Ease.GOOD, Ease.EASY, Ease.HARD, Ease.AGAIN, Ease.GOOD, Ease.GOOD)
    assert len({drilled(*replies, days_apart=3.0) for _ in range(20)}) == 1


def test_a_card_that_was_kept_and_read_goes_on_as_the_one_in_memory() -> None:
    card = drilled(Ease.GOOD, Ease.EASY)
    again = stored_card(card.key, card.schedule)
    assert again == card
    assert reviewed(again, Ease.GOOD, NOW + 9 * DAY) == reviewed(card, Ease.GOOD, NOW + 9 * DAY)


# What comes next


def checks(*ids: str) -> list[Check]:
    return [Check(one, one, f"{one}?") for one in ids]


def card_due(check: str, due: datetime, company: str = "stripe") -> Card:
    return Card(check, company, due, "")


def test_what_waited_longest_is_first_then_the_weakest_that_was_never_drilled_then_the_rest() -> None:
    told = {"d": Tally(4, 1), "e": Tally(4, 4)}
    cards = [
        card_due("a", NOW + DAY),
        card_due("b", NOW - timedelta(microseconds=1)),
        card_due("c", NOW - DAY),
        card_due("f", NOW + timedelta(minutes=1)),
        card_due("e", NOW - 9 * DAY, "meta"),
    ]
    places = queue(checks("a", "b", "c", "d", "e", "f"), cards, told, STRIPE, NOW)
    assert [one.check for one in places] == ["c", "b", "e", "d", "f", "a"]
    assert [one.due is None for one in places] == [False, False, True, True, False, False]


def test_how_weak_a_check_is_grows_with_the_share_missed_its_value_and_the_companys_weight() -> None:
    heavy = max(STRIPE.probe_weights, key=lambda one: STRIPE.probe_weights[one])
    one, other = Check(heavy, "", "?", value=1.0), Check("unweighted", "", "?", value=1.0)
    by_weight = {place.check: place.weakness for place in queue([one, other], [], {}, STRIPE, NOW)}
    assert by_weight[heavy] / by_weight["unweighted"] == pytest.approx(STRIPE.probe_weights[heavy])
    dear = queue([Check("unweighted", "", "?", value=3.0)], [], {}, STRIPE, NOW)[0].weakness
    assert dear == pytest.approx(3 * by_weight["unweighted"])
    shares = [Tally(8, 0), Tally(1, 0), Tally(), Tally(1, 1), Tally(8, 8)]
    assert [one.share for one in shares] == sorted({one.share for one in shares})


def test_no_check_is_drilled_twice_in_a_row_unless_it_is_the_only_one() -> None:
    places = queue(checks("a", "b"), [card_due("a", NOW - DAY)], {}, STRIPE, NOW)
    assert (choose(places), choose(places, "a"), choose(places, "b")) == ("a", "b", "a")
    assert choose(places[:1], "a") == "a"
    with pytest.raises(InputError):
        choose([])


def grade(states: Mapping[str, State], *, scored: bool = True, evidence: Collection[Evidence] = ()) -> Grade:
    findings = {check: Finding(check, state, evidence=tuple(evidence)) for check, state in states.items()}
    ratings = {"ownership": Rating("ownership", 2, 2.0, 1.0, 3.0, ())} if scored else {}
    return Grade(findings, ratings, "" if scored else "only 3 words were said")


def test_only_what_was_asked_for_and_could_be_graded_counts_as_weak() -> None:
    question = Question("story/q", "Tell me.", invites=("action.risk", "context.role"))
    probe = Turn("p", Role.INTERVIEWER, "Which risk?", "action.tools")
    exchange = Exchange(question, (Turn("a", Role.CANDIDATE, "I did it."), probe))
    states = {
        "action.risk": State.NOT_MET,
        "context.role": State.MET,
        "action.tools": State.NOT_ASSESSED,
        "result.baseline": State.NOT_MET,
    }
    past = [Past("i", 0, exchange, grade(states)), Past("i", 1, exchange, grade(states, scored=False))]
    assert tallies([*past, past[0]]) == {"action.risk": Tally(2, 2), "context.role": Tally(2, 0)}


# Days in a row


@pytest.mark.parametrize(
    ("days", "now", "count"),
    [
        ([], "2025-03-10 12:00", 0),
        (["2025-03-10 00:00"], "2025-03-10 23:59", 1),
        (["2025-03-09 23:59"], "2025-03-10 23:59", 1),
        (["2025-03-08 23:59"], "2025-03-10 00:00", 0),
        (["2025-03-09 23:59", "2025-03-10 00:01"], "2025-03-10 00:02", 2),
        (["2025-03-10 00:01", "2025-03-10 23:00"], "2025-03-10 23:30", 1),
        (["2025-03-06 12:00", "2025-03-08 12:00", "2025-03-09 12:00", "2025-03-10 12:00"], "2025-03-10 13:00", 3),
    ],
    ids=["none", "today", "yesterday still counts", "a day left out", "over midnight", "twice a day", "a gap before"],
)
def test_a_streak_counts_days_in_a_row_up_to_today(days: list[str], now: str, count: int) -> None:
    zone = ZoneInfo("Asia/Kolkata")

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=zone)

    assert streak([moment(one).astimezone(UTC) for one in days], zone, moment(now).astimezone(UTC)) == count


def test_the_same_replies_are_one_day_or_two_by_the_users_time_zone() -> None:
    replies = [datetime(2025, 3, 10, 6, 30, tzinfo=UTC), datetime(2025, 3, 10, 7, 30, tzinfo=UTC)]
    counts = {zone: streak(replies, ZoneInfo(zone), replies[-1]) for zone in ("America/Los_Angeles", "Europe/Rome")}
    assert counts == {"America/Los_Angeles": 2, "Europe/Rome": 1}  # midnight in Los Angeles is at seven in UTC


def test_a_day_of_23_hours_is_a_day_of_the_streak() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    days = [datetime(2025, 3, day, 23, 30, tzinfo=berlin) for day in (28, 29, 30, 31)]
    assert streak(days, berlin, days[-1]) == 4


# What is drilled on

OPENING = "Yes. I ran the move of 4,200 merchants to the new schedule. We looked at the logs every single morning."
DODGE = "Hm. We were all very careful with that one, believe me."
EXCHANGE = Exchange(
    Question("story/q", "Tell me about a migration."),
    (
        Turn("t1", Role.CANDIDATE, OPENING),
        Turn("t2", Role.INTERVIEWER, "What could have gone wrong?", "action.risk"),
        Turn("t3", Role.CANDIDATE, DODGE),
    ),
)
LOGS = next(one.evidence for one in sentences(EXCHANGE.turns) if "logs" in one.text)


def own(check: str, states: Mapping[str, State], exchange: Exchange = EXCHANGE, *, scored: bool = True) -> list[str]:
    past = Past("i", 3, exchange, grade(states, scored=scored, evidence=[LOGS]))
    claims = own_claims(past, [STORY.check(check)])
    for one in claims:
        assert (one.check, one.interview, one.exchange, one.question) == (check, "i", 3, exchange.question)
        assert one.text in " ".join(exchange.turns[one.turn].text.split())
        assert exchange.turns[one.turn].role is Role.CANDIDATE
    return [one.text for one in claims]


def test_the_claim_is_the_reply_that_dodged_the_probe_for_it() -> None:
    assert own("action.risk", {"action.risk": State.NOT_MET}) == [DODGE.removeprefix("Hm. ")]


def test_without_a_probe_the_claim_is_what_was_said_near_by_or_where_the_answer_began() -> None:
    near = STORY.check("action.tools").near[0]
    assert own("action.tools", {"action.tools": State.NOT_MET, near: State.MET}) == [LOGS.text]
    first = "I ran the move of 4,200 merchants to the new schedule."
    assert own("action.tools", {"action.tools": State.NOT_MET}) == [first]


@pytest.mark.parametrize("state", [State.MET, State.NOT_ASSESSED])
def test_what_was_shown_or_never_judged_is_not_drilled(state: State) -> None:
    assert own("action.risk", {"action.risk": state}) == []


def test_neither_what_was_no_answer_nor_a_question_of_the_candidates_is_a_claim() -> None:
    assert own("action.risk", {"action.risk": State.NOT_MET}, scored=False) == []
    asked = Turn("t1", Role.CANDIDATE, "How many merchants are there on the old schedule?", act=Act.CLARIFICATION)
    short = Turn("t2", Role.CANDIDATE, "I stopped it at once.")
    assert len(short.text.split()) < LEAST_CLAIM_WORDS
    exchange = Exchange(Question("case/q", "What now?", "case"), (asked, short))
    past = Past("i", 0, exchange, grade({"action.risk": State.NOT_MET}))
    assert own_claims(past, [STORY.check("action.risk")]) == []


def test_of_several_the_one_that_was_used_longest_ago_comes_next() -> None:
    assert least_used(["a", "b", "c"], []) == "a"
    assert least_used(["a", "b", "c"], ["a", "x", "c"]) == "b"
    assert least_used(["a", "b", "c"], ["b", "a", "c", "b"]) == "a"


# The bank of claims


def test_every_story_criterion_has_two_claims_of_a_question_that_any_company_may_ask() -> None:
    claims = bank_claims(markdown.parse(BANK), shipped().questions, KNOWN)
    stories = [claim.check for claim in claims if claim.question.kind == "story"]
    cases = [claim.check for claim in claims if claim.question.kind == "case"]
    assert all(stories.count(check.id) >= 2 for check in STORY.checks if check.is_criterion)
    assert {*cases} <= {check.id for check in shipped().rubric_for("case").checks}
    assert len({claim.text for claim in claims}) == len({claim.id for claim in claims}) == len(claims)
    assert {claim.question.company for claim in claims} == {GENERAL}
    assert all(1 <= len(sentences([Turn("t", Role.CANDIDATE, claim.text)])) <= 4 for claim in claims)


def test_all_faults_of_the_bank_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "claims.md"
    path.write_text(
        "---\nid: drills/claims\n---\n"
        "## one\n- check: action.luck\n- kind: story\n- question: story/project-off-track\n\nI was lucky.\n"
        "## two\n- check: action.risk\n- kind: case\n- question: story/project-off-track\n"
        "## three\n- check: action.risk\n- kind: story\n- question: story/nowhere\n\nI took a risk.\n",
        encoding="utf-8",
    )
    with pytest.raises(ContentError) as caught:
        bank_claims(markdown.parse(path), shipped().questions, KNOWN)
    faults = str(caught.value)
    for fault in (
        "one: check 'action.luck'",
        "two: its question",
        "two: it has no text",
        "three: question 'story/now",
    ):
        assert fault in faults
