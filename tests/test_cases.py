"""The labelled cases against the guideline: splits apart, labels whole, caps kept, marks and edits in place."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import shipped

from evals import cases
from evals.cases import MARKED, SPLITS, Answer, answers, lookalikes, marks, openings, pairs, queries, tricks
from simulator.errors import InputError
from simulator.grader import not_an_answer
from simulator.program import STORY_RUBRIC
from simulator.rubric import DIMENSIONS

RUBRIC = shipped().rubrics[STORY_RUBRIC]
CRITERIA = {check.id for check in RUBRIC.checks if check.is_criterion}
FLAGS = {check.id for check in RUBRIC.checks if check.is_flag}
FIGURE = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirty|forty|fifty|hundred|thousand)\b",
    re.IGNORECASE,
)
LABELLED = {one.id: one for split in SPLITS for one in (*answers(split), *lookalikes(split))}


def plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


# --- splits ----------------------------------------------------------------------------------------------


def test_there_are_cases_for_every_suite_and_split() -> None:
    assert len(answers("train")) > 300 and len(answers("dev")) == len(answers("test")) == 60
    for made in (tricks, lookalikes, openings, pairs, queries):
        assert len(made("train")) == 0
        assert min(len(made("dev")), len(made("test"))) >= 16, made.__name__


def test_no_question_is_in_two_splits() -> None:
    asked = {split: {plain(one.question) for one in answers(split)} for split in SPLITS}
    assert min(len(questions) for questions in asked.values()) >= 12
    for one in SPLITS:
        for other in SPLITS:
            assert one == other or not asked[one] & asked[other]


def test_no_answer_is_in_two_splits_and_no_id_is_there_twice() -> None:
    said = Counter(plain(one.exchange.candidate_text) for split in SPLITS for one in answers(split))
    assert [text[:80] for text, times in said.items() if times > 1] == []
    for made in (answers, tricks, lookalikes, openings, pairs, queries):
        ids = Counter(one.id for split in SPLITS for one in made(split))
        assert [one for one, times in ids.items() if times > 1] == [], made.__name__
    assert len(LABELLED) == sum(len(answers(split)) + len(lookalikes(split)) for split in SPLITS)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_what_is_no_labelled_answer_has_questions_of_its_split_or_of_none(split: str) -> None:
    others = {plain(one.question) for other in SPLITS if other != split for one in answers(other)}
    for case in (*tricks(split), *lookalikes(split), *openings(split)):
        assert plain(case.question) not in others, case.id


# --- labels ----------------------------------------------------------------------------------------------


def test_every_answer_has_all_criteria_all_flags_and_all_scores() -> None:
    for one in LABELLED.values():
        assert set(one.criteria) == CRITERIA, one.id
        assert set(one.flags) == FLAGS, one.id
        assert set(one.scores) == set(DIMENSIONS), one.id
        assert one.company in shipped().companies, one.id
        assert one.exchange.answered, one.id
        assert one.overall == round(sum(one.scores.values()) / 5, 1)


def broken_caps(one: Answer) -> Iterator[str]:
    """The guideline's caps that these scores break."""
    flagged = {name for name, met in one.flags.items() if met}
    limits = {
        "flag.hypothetical": dict.fromkeys(set(DIMENSIONS) - {"communication"}, 2),
        "flag.off_topic": dict.fromkeys(DIMENSIONS, 1),
        "flag.diffuse": {"ownership": 2},
        "flag.vague_result": {"data_use": 2 if FIGURE.search(one.exchange.candidate_text) else 1},
        "flag.buzzwords": {"prioritization": 2, "problem_solving": 2},
    }
    for flag in flagged & limits.keys():
        for name, highest in limits[flag].items():
            if one.scores[name] > highest:
                yield f"{one.id}: {flag}, but {name} is {one.scores[name]}"


def test_scores_keep_the_guideline_s_caps() -> None:
    assert [fault for one in LABELLED.values() for fault in broken_caps(one)] == []


def test_a_broken_cap_would_be_seen() -> None:
    good = next(one for one in answers("train") if min(one.scores.values()) >= 3)
    for flag in FLAGS - {"flag.vanity", "flag.flawless"}:
        flagged = good.model_copy(update={"flags": good.flags | {flag: True}})
        assert list(broken_caps(flagged)), flag


def test_scores_reach_the_top_and_every_level_of_every_dimension_is_there() -> None:
    for split in SPLITS:
        for name in DIMENSIONS:
            assert {one.scores[name] for one in answers(split)} == {1, 2, 3, 4}, (split, name)


def test_what_contradicts_itself_is_not_labelled() -> None:
    for one in LABELLED.values():
        assert one.criteria["escalation.who"] or not one.criteria["escalation.trigger"], one.id
        assert one.criteria["result.quantified"] or not one.flags["flag.vanity"], one.id
        assert one.criteria["action.ownership"] or one.scores["ownership"] < 3, one.id
        assert one.criteria["result.baseline"] or one.scores["data_use"] < 3, one.id


def test_every_test_answer_was_labelled_twice_and_settled_by_the_lower_score() -> None:
    for one in answers("test"):
        assert set(one.first) == set(one.second) == set(DIMENSIONS), one.id
        for name in DIMENSIONS:
            apart = abs(one.first[name] - one.second[name])
            if apart < 2:
                assert one.scores[name] == min(one.first[name], one.second[name]), (one.id, name)
            else:
                assert one.note, (one.id, name)  # the reason of what was settled by discussion
    different = sum(one.first != one.second for one in answers("test"))
    assert different > 0  # two labellers, not one copied


def test_no_labelled_answer_is_taken_for_no_answer_by_code_unless_it_is_off_topic() -> None:
    for one in LABELLED.values():
        if not one.flags["flag.off_topic"]:
            assert not_an_answer(one.exchange, RUBRIC) == "", one.id


# --- marks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", MARKED)
def test_marks_are_of_this_split_s_answers_and_point_to_sentences_that_exist(split: str) -> None:
    known = {check.id for check in RUBRIC.checks}
    found = marks(split)
    own = {one.id: one for one in answers(split)}
    assert set(found) == set(own)
    for answer_id, one in found.items():
        sentences = cases.sentences_of(own[answer_id])
        assert set(one.sentences) <= set(sentences), answer_id
        for number, shown in one.sentences.items():
            assert shown and set(shown) <= known, (answer_id, number)
            assert len(set(shown)) == len(shown), (answer_id, number)
        for number, (turn, start, end) in sentences.items():
            text = own[answer_id].exchange.turns[turn].text
            assert text[start:end] == text[start:end].strip() != "", (answer_id, number)


def test_a_test_answer_is_not_marked() -> None:
    assert "test" not in MARKED
    tested = {one.id for one in answers("test")}
    assert not any(tested & set(marks(split)) for split in MARKED)


@pytest.mark.parametrize("split", MARKED)
def test_a_criterion_is_marked_in_some_sentence_just_where_the_answer_has_it(split: str) -> None:
    own = {one.id: one for one in answers(split)}
    wrong = []
    for answer_id, one in marks(split).items():
        shown = {name for names in one.sentences.values() for name in names}
        for name in CRITERIA - {"answer.structure"}:
            met = own[answer_id].criteria[name]
            # One own deed is marked and not yet ownership, which takes two.
            if met != (name in shown) and (met or name != "action.ownership"):
                wrong.append((answer_id, name))
    assert wrong == []


# --- edits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["dev", "test"])
def test_every_edit_changes_an_answer_of_its_own_split(split: str) -> None:
    own = {one.id for one in answers(split)}
    for pair in pairs(split):
        assert pair.edit.base == pair.base.id in own
        assert pair.edit.split == pair.base.split == split
        assert pair.exchange.question.text == pair.base.exchange.question.text
        assert pair.exchange.candidate_text != pair.base.exchange.candidate_text, pair.id
        assert set(pair.edit.expect) <= set(DIMENSIONS), pair.id


def test_every_edit_has_a_base_and_what_must_change_can() -> None:
    path = cases.FOLDER / "edits" / "edits.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == sum(len(pairs(split)) for split in SPLITS)
    assert {line["split"] for line in lines} == {"dev", "test"}
    for split in SPLITS:
        for pair in pairs(split):
            for name, move in pair.edit.expect.items():
                limit = {"down": 1, "up": 4, "down-or-same": None}[move]
                assert pair.base.scores[name] != limit, (pair.id, name)


# --- tricks, openings, queries ---------------------------------------------------------------------------


def test_a_trick_s_highest_score_lies_in_the_scale_and_an_honest_look_alike_is_no_trick() -> None:
    for split in ("dev", "test"):
        assert all(1 <= one.highest < 3 for one in tricks(split))  # none may advance
        assert not {plain(one.exchange.candidate_text) for one in tricks(split)} & {
            plain(one.exchange.candidate_text) for one in lookalikes(split)
        }
        assert len({one.kind for one in tricks(split)}) >= 10


def test_the_best_checks_to_probe_are_two_that_are_open() -> None:
    for split in ("dev", "test"):
        for one in openings(split):
            assert set(one.open) <= CRITERIA, one.id
            assert len(set(one.best)) == 2 and set(one.best) <= set(one.open), one.id
            assert one.company in shipped().companies, one.id


def test_every_passage_that_answers_a_query_exists_and_passes_its_filters() -> None:
    passages = {one.id: one for one in shipped().passages}
    for split in ("dev", "test"):
        for one in queries(split):
            assert one.right, one.id
            for right in one.right:
                assert right in passages, (one.id, right)
                assert passages[right].company in (one.company, "general"), (one.id, right)
                assert one.kind in (None, passages[right].kind), (one.id, right)
                assert one.check in (None, passages[right].check), (one.id, right)


# --- reading ---------------------------------------------------------------------------------------------


def test_a_split_that_is_none_is_refused_with_those_that_are() -> None:
    for made in (answers, tricks, pairs):
        with pytest.raises(InputError, match="train, dev, test"):
            made("tests")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{half", r"test\.jsonl, line 2: .*Invalid JSON"),
        ('{"id": "a"}', r"test\.jsonl, line 2: split: Field required"),
        ("[]", r"test\.jsonl, line 2: "),
    ],
)
def test_a_record_that_is_wrong_is_told_by_file_line_and_field(
    line: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (cases.FOLDER / "answers" / "test.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "test.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
    monkeypatch.setattr(cases, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=told):
        answers("test")


@pytest.mark.parametrize(
    ("field", "value"), [("scores", {"ownership": 5}), ("split", "tests"), ("turns", []), ("unheard", 1), ("id", "")]
)
def test_a_field_that_is_none_of_the_record_s_or_out_of_its_scale_is_told(
    field: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads((cases.FOLDER / "answers" / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    (tmp_path / "answers").mkdir()
    path = tmp_path / "answers" / "test.jsonl"
    path.write_text(json.dumps(record | {field: value}) + "\n", encoding="utf-8")
    monkeypatch.setattr(cases, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=rf"line 1: {field}"):
        answers("test")
