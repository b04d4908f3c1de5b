"""The interviewer evaluated: candidates who tell what they are asked for, its rivals, and what is counted."""

import math
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import ScriptedModel, embeddings, judging, shipped
from langchain_core.embeddings import Embeddings

from evals import metrics
from evals.candidates import Candidate, PlayedByCode, PlayedByModel, Reply, asked_for, contents, holds, question_of
from evals.cases import SPLITS, Fact, Sheet, answers, asked, recounted, sheets, ways
from evals.journal import Journal, KeptEmbeddings
from evals.rivals import RIVALS
from evals.suites import SUITES
from evals.suites.interviewer import PROBES, InterviewerSuite, hints
from evals.workbench import Workbench, open_workbench
from simulator import markdown
from simulator.interview import Exchange, Role, Turn
from simulator.models import open_model
from simulator.program import STORY_RUBRIC
from simulator.settings import ROOT, Settings

ROLE = Fact(
    check="context.role",
    words="I was the shift lead for the ovens, and the recipes were not mine to change.",
    asks=("your role", "your job", "what were you responsible for", "your part"),
)
RESULT = Fact(
    check="result.quantified",
    words="In June we threw away 31 loaves a day.",
    asks=("how many", "number", "result", "figure", "how much less"),
)
BOSS = Fact(
    check="escalation.who",
    words="I went to the owner's daughter, who keeps the accounts.",
    asks=("who did you tell", "your boss", "escalate", "who above you"),
)
FACTS = (ROLE, RESULT, BOSS)
OPENING = (
    "We had far too much bread left in the evening, and that hurt, because it is good bread. So we looked into it as "
    "a team, tried a few things with the ovens, and after a while there was a lot less of it. Everybody was glad."
)
ABOUT_ROLE, ABOUT_RESULT = "What was your own role in it?", "What was the result, in numbers?"
ABOUT_BOSS, ABOUT_NOTHING = "Whom did you escalate to?", "Do you like croissants?"
EVERY = [sheet for split in SPLITS for sheet in sheets(split)]


@cache
def kept() -> Embeddings:
    """The real ones, which make no vector twice."""
    return KeptEmbeddings(embeddings(), Path("nowhere"))


def sheet_of(kind: str = "terse", key: str = "bakery", question: str = "Tell me about waste.") -> Sheet:
    return Sheet(
        id=key,
        split="dev",
        company="amazon",
        kind=kind,
        question=question,
        opening=OPENING,
        facts=FACTS,
        dodges=("It was a long time ago.", "That's bread for you."),
    )


def replies(candidate: Candidate, sheet: Sheet, *probes: str) -> list[Reply]:
    """What the candidate says to these probes, one after the other."""
    exchange, said = sheet.exchange, []
    for number, probe in enumerate(probes):
        turns = (*exchange.turns, Turn(f"p{number}", Role.INTERVIEWER, probe))
        said.append(candidate.reply(Exchange(exchange.question, turns)))
        exchange = Exchange(exchange.question, (*turns, Turn(f"r{number}", Role.CANDIDATE, said[-1].text)))
    return said


def played(kind: str, *probes: str) -> list[Reply]:
    return replies(PlayedByCode(sheet_of(kind), kept()), sheet_of(kind), *probes)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 60)


# --- a candidate played by code --------------------------------------------------------------------------


def test_a_fact_comes_out_when_it_is_asked_for_once_and_no_other_with_it() -> None:
    said = played("terse", ABOUT_RESULT, ABOUT_RESULT, ABOUT_NOTHING, ABOUT_ROLE, ABOUT_BOSS)
    assert said[0] == Reply(RESULT.words, ("result.quantified",))
    assert [one.text for one in said[1:3]] == ["It was a long time ago.", "That's bread for you."]
    assert [one.told for one in said[1:3]] == [(), ()]
    assert said[3:] == [Reply(ROLE.words, ("context.role",)), Reply(BOSS.words, ("escalation.who",))]


def test_the_words_that_a_probe_takes_up_ask_for_nothing() -> None:
    taken_up = "You said “the number of our results, how many, that was my role”. Do you like croissants?"
    assert question_of(taken_up) == ABOUT_NOTHING
    assert played("terse", taken_up)[0].told == ()
    assert played("terse", f"Back to “it is good bread”. {ABOUT_RESULT}")[0].told == ("result.quantified",)


def test_an_evasive_one_dodges_first_and_yields_when_pressed_for_the_same() -> None:
    said = played("evasive", ABOUT_RESULT, ABOUT_ROLE, "How many was that in the end?", "What exactly was your job?")
    assert [one.told for one in said] == [(), (), ("result.quantified",), ("context.role",)]
    assert said[2].text == RESULT.words


def test_one_who_over_claims_boasts_before_the_fact() -> None:
    (said,) = played("over-claiming", ABOUT_ROLE)
    assert said == Reply(f"It was a long time ago. {ROLE.words}", ("context.role",))


@pytest.mark.parametrize("kind", ["evasive", "terse", "over-claiming"])
def test_the_same_probes_always_get_the_same_replies(kind: str) -> None:
    probes = (ABOUT_BOSS, ABOUT_NOTHING, ABOUT_BOSS, ABOUT_ROLE)
    assert played(kind, *probes) == played(kind, *probes)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_what_asks_for_a_fact_is_judged_as_people_judged_it(split: str) -> None:
    by_id = {sheet.id: sheet for sheet in sheets(split)}
    cases = asked(split)
    found = [any(fact.check == one.check for fact in asked_for(by_id[one.sheet], one.probe, kept())) for one in cases]
    right = sum(one.asked == so for one, so in zip(cases, found, strict=True)) / len(cases)
    assert len(cases) > 200
    assert right >= 0.78
    # It is believed to be asked for about as often as it is, or a rival would be favoured.
    assert abs(sum(found) - sum(one.asked for one in cases)) <= 0.06 * len(cases)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_reply_holds_a_fact_in_whatever_words(split: str) -> None:
    by_id = {sheet.id: sheet for sheet in sheets(split)}
    wrong = [
        one.reply
        for one in recounted(split)
        if holds(one.reply, by_id[one.sheet].fact(one.check), kept()) != one.told
    ]
    assert wrong == []


# --- a candidate played by a model -----------------------------------------------------------------------


@pytest.fixture
def speaking(settings: Settings, scripted_model: ScriptedModel, tmp_path: Path) -> Callable[..., Journal]:
    def _speaking(says: str = "", replay: bool = False) -> Journal:
        scripted_model.reply = lambda messages, parameters: says
        return Journal(tmp_path / "said.jsonl", "fake", None if replay else open_model(settings))

    return _speaking


def by_model(journal: Journal, kind: str = "terse") -> Candidate:
    prompt = shipped().prompts["evals/candidate"]
    manners = markdown.parse(ROOT / "prompts" / "evals" / "candidate.md")
    return PlayedByModel(sheet_of(kind), prompt, manners, journal, kept())


def test_a_model_is_told_the_sheet_and_a_fact_counts_when_its_reply_holds_it(
    speaking: Callable[..., Journal], scripted_model: ScriptedModel
) -> None:
    says = "Well. In June it was only 31 loaves a day that we threw away."
    (said,) = replies(by_model(speaking(says)), sheet_of(), ABOUT_RESULT)
    assert said == Reply(says, ("result.quantified",))
    told, *rest = scripted_model.requests[-1].body["messages"]
    assert all(fact.words in told["content"] for fact in FACTS)
    assert "as few words as you can" in told["content"]
    assert [one["content"] for one in rest] == [sheet_of().question, OPENING, ABOUT_RESULT]
    assert [one["role"] for one in rest] == ["user", "assistant", "user"]


def test_a_model_s_candidate_is_the_same_again_without_the_model(speaking: Callable[..., Journal]) -> None:
    probes = (ABOUT_ROLE, ABOUT_NOTHING)
    first = replies(
        by_model(speaking("I was the shift lead for the ovens; recipes weren't mine.")), sheet_of(), *probes
    )
    assert [one.told for one in first] == [("context.role",), ()]  # told once
    again = replies(by_model(speaking(replay=True)), sheet_of(), *probes)
    assert again == first


def test_every_kind_of_candidate_has_a_manner() -> None:
    manners = markdown.parse(ROOT / "prompts" / "evals" / "candidate.md")
    assert {sheet.kind for sheet in EVERY} == {section.slug for section in manners.sections}


# --- the rivals ------------------------------------------------------------------------------------------


@pytest.fixture
def bench(settings: Settings, ready_index: Path, tmp_path: Path) -> Iterator[Workbench]:
    shutil.copytree(ready_index, settings.cache_dir / "evals" / "index")
    opened = open_workbench(settings, replay=False, journal=tmp_path / "journal.jsonl")
    yield opened
    opened.close()


def test_each_rival_asks_in_its_own_way_and_the_same_again(bench: Workbench, scripted_model: ScriptedModel) -> None:
    scripted_model.reply = judging(())
    sheet = sheet_of()
    result = InterviewerSuite().result(bench, sheet)
    assert tuple(result) == RIVALS
    texts = {rival: [probe["text"] for probe in result[rival]] for rival in RIVALS}
    asks = {passage.ask for passage in bench.library.passages if passage.company in ("general", "amazon")} - {""}
    assert {question_of(text) for text in texts["ours"]} <= asks  # the model says the passage's words here
    assert set(texts["random"]) <= asks and len(set(texts["random"])) == PROBES
    assert texts["fixed"][:2] == [ABOUT_RESULT, ABOUT_ROLE]
    first = bench.rubric.check(result["ours"][0]["check"])
    assert texts["no_retrieval"][0] == f"Could you tell me more about {first.name[0].lower()}{first.name[1:]}?"
    assert [probe["told"] for probe in result["fixed"][:2]] == [("result.quantified",), ("context.role",)]
    assert all(probe["fault"] == "" for probe in result["ours"])
    other = InterviewerSuite().result(bench, sheet_of(key="another"))
    assert [probe["text"] for probe in other["random"]] != texts["random"]
    assert [probe["text"] for probe in other["fixed"]] == texts["fixed"]
    asked_before = bench.journal.asked
    assert InterviewerSuite().result(bench, sheet) == result
    assert bench.journal.asked == asked_before


def test_a_wording_that_breaks_a_rule_is_replaced_and_counted(
    bench: Workbench, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging((), says="Great answer! What did the 77 bakers of Dresden say?")
    probes = InterviewerSuite().result(bench, sheet_of())["ours"]
    assert all(probe["replaced"] and not probe["fault"] for probe in probes)


def test_with_nothing_worth_a_probe_ours_asks_no_more(bench: Workbench, scripted_model: ScriptedModel) -> None:
    every = {check.id for check in bench.rubric.checks if check.is_criterion}
    scripted_model.reply = judging(every, sure=0.999)
    result = InterviewerSuite().result(bench, sheet_of())
    assert len(result["ours"]) < PROBES
    assert len(result["random"]) == len(result["fixed"]) == PROBES


@pytest.mark.parametrize(
    ("question", "hint"),
    [
        ("Was it 31?", True),
        ("Did you throw away loaves in June?", False),  # no two words of it side by side
        ("Was it the owner's daughter?", True),
        ("How many loaves were left over in the evening?", False),
    ],
)
def test_a_figure_or_a_pair_of_words_of_what_was_not_said_is_a_hint(question: str, hint: bool) -> None:
    assert any(hints(question, fact.words, OPENING) for fact in FACTS) == hint
    assert not any(hints(question, fact.words, f"{OPENING} {RESULT.words} {BOSS.words}") for fact in FACTS)


# --- the figures -----------------------------------------------------------------------------------------


def probed(told: int = 0, **other: Any) -> dict[str, Any]:
    """A probe of 7 words, and a reply of 7: 6 seconds of speaking, and twice five to begin."""
    plain = {"text": "a b c d e f g", "check": "context.role", "reply": "h i j k l m n", "open": False}
    plain |= {"repeated": False, "fault": "", "replaced": "", "leaked": False}
    return plain | {"told": ["context.role"] * told} | other


def test_the_figures_are_counts_over_candidates_probes_and_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [sheet_of(key="one", question="First?"), sheet_of(key="two", question="Second?")]
    monkeypatch.setattr(InterviewerSuite, "cases", lambda self, split: kept)
    quiet = [probed(), probed(), probed()]
    ours_one = [probed(1, open=True), probed(1, open=True), probed(1, leaked=True)]
    ours_two = [probed(1, open=True, replaced="praise"), probed(fault="praise")]
    results = {
        "one": {"ours": ours_one, "no_retrieval": [probed(1), probed(1), probed()], "random": quiet, "fixed": quiet},
        "two": {"ours": ours_two, "no_retrieval": quiet, "random": quiet, "fixed": [probed(1), probed(), probed()]},
    }
    found = {one.name: one for one in InterviewerSuite().figures("dev", results)}
    values = {name.removeprefix("interviewer."): figure.value for name, figure in found.items()}
    assert values["elicited.ours"] == pytest.approx(4 / 2)
    assert values["per_probe.ours"] == pytest.approx(4 / 5)
    assert values["per_minute.ours"] == pytest.approx(4 / (5 * 16 / 60))
    assert values["open.ours"] == pytest.approx(3 / 5)
    assert values["leaked.ours"] == values["replaced.ours"] == values["violations.ours"] == pytest.approx(1 / 5)
    assert values["repeated.ours"] == 0
    assert values["over.no_retrieval"] == pytest.approx(4 / 2)
    assert values["over.fixed"] == pytest.approx(4 / 1)
    assert math.isnan(values["over.random"])
    # Redrawn by question: from only the first (3 over 2) to only the second (1 over nothing, which tells nothing).
    assert found["interviewer.over.no_retrieval"].low == pytest.approx(3 / 2)
    assert (found["interviewer.elicited.ours"].low, found["interviewer.elicited.ours"].high) == (1, 3)
    assert "replaced.fixed" not in values


def test_both_kinds_of_candidates_are_suites_whose_figures_are_told_apart() -> None:
    assert {"interviewer", "interviewer_model"} <= SUITES.keys()
    assert SUITES["interviewer_model"].figures("dev", {}) == []


# --- the sheets ------------------------------------------------------------------------------------------


def test_there_are_as_many_of_each_company_and_kind_and_no_question_is_in_two_splits() -> None:
    assert len(EVERY) == 42
    assert set(Counter(sheet.company for sheet in EVERY).values()) == {7}
    assert set(Counter(sheet.kind for sheet in EVERY).values()) == {6}
    assert Counter((sheet.kind, sheet.split) for sheet in EVERY).most_common()[-1][1] == 3
    questions = [sheet.question for sheet in EVERY]
    assert len(set(questions)) == len(questions)
    assert not {one.question for split in SPLITS for one in answers(split)} & set(questions)


@pytest.mark.parametrize("sheet", EVERY, ids=[sheet.id for sheet in EVERY])
def test_an_opening_leaves_out_what_the_sheet_holds(sheet: Sheet) -> None:
    assert 60 <= len(sheet.opening.split()) <= 160
    assert 6 <= len(sheet.facts) <= 10 and 3 <= len(sheet.dodges) <= 4
    criteria = {check.id for check in shipped().rubrics[STORY_RUBRIC].checks if check.is_criterion}
    checks = [fact.check for fact in sheet.facts]
    assert len(set(checks)) == len(checks) and set(checks) <= criteria
    for fact in sheet.facts:
        assert 4 <= len(fact.asks) <= 8
        said, words = contents(sheet.opening), contents(fact.words)
        assert len(words & said) <= 0.5 * len(words), fact.words
        assert not re.search(r"[—<>]", fact.words)
    assert not any(holds(sheet.opening, fact, kept()) for fact in sheet.facts)


def test_there_are_ways_of_asking_for_all_that_the_sheets_hold() -> None:
    known = Counter(one.check for one in ways())
    assert min(known[fact.check] for sheet in EVERY for fact in sheet.facts) >= 10
