"""What the interviewer says, and never says, over the real index, embeddings and client."""

import re
from collections.abc import Callable

import pytest
from conftest import ScriptedModel, judging, shipped
from fault_server import Messages, Request, Step, failure, refusal
from interviewing import QUESTION, REPLY, aimed, said, told
from telling import ANSWER

from simulator.conduct import Conduct, invented
from simulator.errors import ModelUnavailableError
from simulator.interview import Exchange, Role, Turn
from simulator.interviewer import (
    LEAST_KEPT,
    Interviewer,
    kept,
    turn_of,
)

# --- what it says ----------------------------------------------------------------------------------------


def test_words_that_keep_the_rules_are_streamed_and_kept_as_they_are(
    interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    aim = aimed(interviewer, told(ANSWER))
    scripted_model.reply = judging((), says=f"{aim.ask} And why that?")
    phrasing, pieces = said(interviewer, told(ANSWER), aim)
    assert phrasing.replaced == ""
    assert "".join(pieces) == phrasing.text
    assert len(pieces) > 5
    assert phrasing.text.endswith(f"”. {aim.ask}")  # the second question was never let through
    turn = turn_of("p1", phrasing)
    assert (turn.role, turn.check, turn.text) == (Role.INTERVIEWER, aim.check.id, phrasing.text)
    asked = str(scripted_model.requests[-1].messages[-1]["content"])
    assert ANSWER.split(".")[0] in asked and aim.ask in asked and aim.quote in asked
    assert interviewer.persona.interviewer in asked


FAULTS = {
    "praise": ("How did this excellent decision of yours change {ask}", "praise"),
    "praise at the start": ("Great answer! {ask}", "a preface instead of a question"),
    "a preface": ("Sure, here is the follow-up question: {ask}", "a preface instead of a question"),
    "a preface of a model": ("As an AI, I would ask you this: {ask}", "a preface instead of a question"),
    "a list": ("1. {ask}", "a preface instead of a question"),
    "over 45 words": (f"When {'you and your team and the others ' * 8} did it, {{ask}}", "over 45 words"),
    "drift": ("Which colours are there in a rainbow?", "another question than the passage's"),
    "repetition": ("{earlier}", "asked before"),
    "repetition with a twist": ("So {earlier}", "asked before"),
    "nothing": (" ", "The model's reply was empty or broke off."),
    "no question mark": ("Tell me what you decided that week.", "no question"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_words_that_break_a_rule_give_way_to_the_passage_s_own_and_the_rule_is_noted(
    case: str, interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    first = aimed(interviewer, told(ANSWER))
    before, _ = said(interviewer, told(ANSWER), first)
    turns = (*told(ANSWER).turns, turn_of("p1", before), Turn("t2", Role.CANDIDATE, REPLY))
    exchange = Exchange(QUESTION, turns)
    aim = aimed(interviewer, exchange, (first.hits[0].passage.id,))
    words, rule = FAULTS[case]
    ask = aim.ask.rpartition(". ")[2]
    scripted_model.reply = judging((), says=words.format(ask=ask[0].lower() + ask[1:], earlier=first.ask))
    phrasing, _ = said(interviewer, exchange, aim)
    assert phrasing.replaced == rule
    assert phrasing.text.endswith(f"”. {aim.ask}")


@pytest.mark.parametrize("opening", ["Sure, here is", "Of course.", "Great answer!", "Okay, so,"])
def test_nothing_of_a_preface_or_of_praise_at_the_start_is_streamed(
    opening: str, interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    aim = aimed(interviewer, told(ANSWER))
    scripted_model.reply = judging((), says=f"{opening} {aim.ask}")
    phrasing, pieces = said(interviewer, told(ANSWER), aim)
    assert phrasing.replaced
    assert "".join(pieces) == phrasing.text and phrasing.text.endswith(aim.ask)
    assert opening not in "".join(pieces)


def test_a_second_wording_is_asked_for_and_told_what_was_wrong(
    interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    aim = aimed(interviewer, told(ANSWER))
    good = judging((), says=aim.ask)

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        first = "could not be used" not in str(messages[-1]["content"])
        return f"Great answer! {aim.ask}" if first else good(messages, parameters)

    scripted_model.reply = reply
    before = len(scripted_model.requests)
    phrasing, _ = said(interviewer, told(ANSWER), aim)
    assert phrasing.replaced == "" and phrasing.text.endswith(aim.ask)
    assert len(scripted_model.requests) - before == 2
    assert "a preface instead of a question" in str(scripted_model.requests[-1].messages[-1]["content"])


@pytest.mark.parametrize(
    ("ask", "question", "keeps"),
    [
        (
            "What did keeping that date cost you?",
            "What did keeping the fifteenth of May cost?",
            True,
        ),
        (
            "How much notice did they get?",
            "How much notice did the operations team get?",
            True,
        ),
        ("Say two are equally quick. What decides between them?", "What was the request that was quick?", False),
        (
            "What do you ask both before you choose?",
            "What request did you make before choosing?",
            False,
        ),
        ("How long was it open?", "What was the time between the disagreement and its end?", False),
    ],
)
def test_a_phrasing_keeps_more_than_half_of_the_words_that_matter_in_the_passages_question(
    ask: str, question: str, keeps: bool
) -> None:
    assert (kept(question, ask) > LEAST_KEPT) is keeps


@pytest.mark.parametrize(
    ("question", "invents"),
    [
        ("What did the payments team do in Q2 2023?", []),
        ("How did you bring the error rate down to 4 percent?", ["4"]),
        ("What did Priya say when you cut it?", ["Priya"]),
        ("What did the team want, and what did you want?", []),
        ("What would you have done without Jira?", ["Jira"]),
    ],
)
def test_a_figure_or_a_name_that_nobody_said_is_an_invention(question: str, invents: list[str]) -> None:
    assert invented(question, ANSWER) == invents


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ("What did it cost? And whom?", "not one question"),
        ("Tell me what it cost.", "not one question"),
        ("What did it cost? Tell me.", "not one question"),
        (f"What {'very ' * 44}?", "over 45 words"),
        (f"What {'very ' * 43}long?", ""),
        ("What made it such a perfect week?", "praise"),
        ("What made you a perfectionist that week?", ""),
        ("Certainly, what did it cost?", "a preface"),
        ("What did the cut cost the customers of the report?", "asked before"),
        ("What did it cost?", ""),
    ],
)
def test_the_rules_of_conduct(question: str, fault: str) -> None:
    conduct = Conduct.read(shipped().conduct)
    assert conduct.fault(question, ["You said “I cut it”. What did the cut cost customers of the report?"]) == fault


def test_every_opener_of_the_house_takes_up_the_quote() -> None:
    openers = Conduct.read(shipped().conduct).taking_up
    assert len(openers) > 1
    assert all(re.search("“{quote}”", opener) for opener in openers)


# --- a model that fails ----------------------------------------------------------------------------------


def streaming(step: Step) -> Callable[[Request], Step | None]:
    return lambda request: step if request.body.get("stream") else None


def test_a_model_that_declines_to_phrase_a_probe_leaves_the_passage_s_own(
    interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    aim = aimed(interviewer, told(ANSWER))
    filtered = Step(
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"fake","choices":'
        b'[{"index":0,"delta":{},"finish_reason":"content_filter"}]}\n\ndata: [DONE]\n\n',
        content_type="text/event-stream",
    )
    scripted_model.fault = streaming(filtered)
    phrasing, _ = said(interviewer, told(ANSWER), aim)
    assert phrasing.replaced == "The model declined to reply."
    assert phrasing.text.endswith(aim.ask)


def test_a_model_that_declines_a_check_leaves_the_others_to_aim_at(
    interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    ask = next(check.ask for check in interviewer.grader.rubric.checks if check.id == "action.ownership")
    scripted_model.fault = lambda request: refusal() if ask in request.messages[-1]["content"] else None
    assert aimed(interviewer, told(ANSWER)).check.id != "action.ownership"


@pytest.mark.usefixtures("no_pause")
def test_a_model_that_is_gone_is_told_and_never_covered_by_the_bank(
    interviewer: Interviewer, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging(())
    aim = aimed(interviewer, told(ANSWER))
    scripted_model.fault = streaming(failure(503))
    with pytest.raises(ModelUnavailableError):
        said(interviewer, told(ANSWER), aim)
