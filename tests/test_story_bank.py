"""The story bank over a real database: drafts, where stories were told, the ledger, and the checklist's counts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import embeddings
from past_interviews import ANSWER, QUESTION, REPLY, grade, held_round, keep, probe, said

from simulator.conductor import Conductor
from simulator.errors import InputError
from simulator.interview import Interview, Question
from simulator.program import Program
from simulator.settings import Settings
from simulator.stories.bank import StoryBank, likeness_by
from simulator.stories.story import Measure

OTHER = (
    "I cut search latency from 1,200 to 380 ms by moving the index to memory. The platform team reviewed the plan, "
    "and I watched the error rate for a week before the last region went over."
)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[StoryBank]:
    conductor = Conductor(Program(Settings(_env_file=None, data_dir=tmp_path, cache_dir=tmp_path)))
    yield StoryBank(conductor, likeness_by(embeddings))
    conductor.program.close()


def told(bank: StoryBank, text: str, company: str = "stripe", met: tuple[str, ...] = ()) -> Interview:
    """A graded round in which this was answered."""
    interview = held_round([said(text)], company)
    keep(bank.conductor.records, interview, grade(3, met))
    return interview


def test_a_draft_is_kept_with_the_answer_that_it_was_taken_from(bank: StoryBank) -> None:
    interview = told(bank, ANSWER, met=("context.goal",))
    draft = bank.draft(interview.id, 0)
    assert draft.goal == ANSWER  # the only sentence
    assert bank.stories() == [replace(draft, changed=bank.find(draft.id).changed)]
    (use,) = bank.uses()
    assert (use.story, use.telling.key, use.sure) == (draft.id, f"{interview.id}/0", True)


def test_a_question_without_an_answer_makes_no_story_and_says_so(bank: StoryBank) -> None:
    interview = told(bank, ANSWER)
    with pytest.raises(InputError, match="no answer"):
        bank.draft(interview.id, 1)
    assert bank.stories() == []


def test_the_same_story_in_other_words_is_found_another_one_is_not_and_a_denial_is_kept(bank: StoryBank) -> None:
    interview = told(bank, ANSWER)
    draft = bank.draft(interview.id, 0)
    retold = "Our checkout was running three weeks late. So I cut the export and told the director in week two."
    again, other = told(bank, retold, "amazon"), told(bank, OTHER, "amazon")
    found = {use.telling.interview: use for use in bank.uses()}
    assert found.keys() == {interview.id, again.id}
    assert other.id not in found
    bank.deny(found[again.id])
    assert [use.telling.interview for use in bank.uses()] == [interview.id]
    assert bank.matrix(["stripe"]).overuse == ()
    assert draft.id in {use.story for use in bank.uses()}


def test_only_answers_to_story_questions_are_tellings(bank: StoryBank) -> None:
    case = Question("case/drop", "Orders fell. What do you do?", kind="case", topic="metric-drop")
    keep(bank.conductor.records, held_round([said(ANSWER)], question=case), None)
    told(bank, ANSWER)
    assert [one.topic for one in bank.tellings()] == [QUESTION.topic]


def test_a_figure_that_changed_between_two_rounds_is_in_the_ledger_until_it_is_dismissed(bank: StoryBank) -> None:
    told(bank, f"{ANSWER} Failures fell from 4% to 1%.")
    told(bank, f"{ANSWER} Failures fell from 9% to 1%.")
    (found,) = bank.ledger().open
    assert {found.first.text, found.second.text} == {"Failures fell from 4% to 1%.", "Failures fell from 9% to 1%."}
    assert not {item.id: item for item in bank.checklist()}["consistency"].ticked
    bank.dismiss(found)
    assert (bank.ledger().open, bank.ledger().dismissed) == ((), (found,))
    bank.restore(found)
    assert bank.ledger().open == (found,)


def test_a_contradiction_in_an_answer_and_in_the_story_taken_from_it_is_told_once(bank: StoryBank) -> None:
    interview = told(bank, "Conversion rose from 41% to 37%.", met=("result.quantified",))
    bank.draft(interview.id, 0)
    assert [one.reason for one in bank.ledger().open] == ["wrong-direction"]


def test_a_measure_that_says_something_else_than_the_answer_is_found(bank: StoryBank) -> None:
    interview = told(bank, f"{ANSWER} {REPLY}")
    draft = bank.draft(interview.id, 0)
    bank.save(replace(draft, measures=(Measure("Failures", "7 percent", "1 percent"),)))
    (found,) = bank.ledger().open
    assert "measure 1" in (found.first.place, found.second.place)
    assert REPLY in (found.first.text, found.second.text)


def test_the_checklist_counts_what_was_held_and_for_whom(bank: StoryBank) -> None:
    told(bank, ANSWER, "stripe")
    told(bank, OTHER, "amazon")
    keep(bank.conductor.records, held_round([said(ANSWER), probe("context.goal")], "meta"), None)
    bank.want(["amazon", "meta"])
    found = {item.id: item for item in bank.checklist()}
    assert (found["mocks"].done, found["dry run"].done, found["dry run"].of) == (2, 1, 2)
    bank.want(["amazon"])
    assert bank.wanted() == ["amazon"]
    assert {item.id: item for item in bank.checklist()}["dry run"].ticked


def test_topics_come_from_the_questions_those_asked_most_in_front(bank: StoryBank) -> None:
    asked = [question for question in bank.conductor.library.questions if question.kind == "story"]
    assert set(bank.topics) == {question.topic for question in asked}
    weights = [sum(one.weight for one in asked if one.topic == topic) for topic in bank.topics]
    assert weights == sorted(weights, reverse=True)
