"""Two runs beside each other, on made scores of the real dev answers."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from evals import metrics
from evals.cases import Answer, answers
from evals.compare import Comparison, compare_runs
from evals.runs import Run
from simulator.errors import InputError
from simulator.rubric import DIMENSIONS

DEV = answers("dev")
GOLD = {one.id: dict(one.scores) for one in DEV}
QUESTIONS = sorted({one.question for one in DEV})
Scores = Mapping[str, Mapping[str, int]]
MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 40)


@pytest.fixture
def made(tmp_path: Path) -> MakeRun:
    """Keeps these scores as a run of the agreement suite."""

    def run(name: str, scores: Scores, split: str = "dev") -> Run:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "about.json").write_text(json.dumps({"split": split}))
        lines = [json.dumps({"id": key, "result": result_of(one)}) for key, one in scores.items()]
        (folder / "agreement.jsonl").write_text("".join(line + "\n" for line in lines))
        return Run(folder)

    return run


def result_of(scores: Mapping[str, int]) -> dict[str, object]:
    """As a run keeps it; without scores, what is no answer."""
    overall = round(sum(scores.values()) / len(scores), 1) if scores else None
    return {"scores": scores, "overall": overall}


def shuffled() -> Scores:
    """Every answer with the scores of another one, to another question."""
    order = np.random.default_rng(4).permutation(len(DEV))
    return {one.id: GOLD[DEV[at].id] for one, at in zip(DEV, order, strict=True)}


def changed(which: Callable[[Answer], bool], change: Callable[[str, int], int]) -> Scores:
    """The labels, where `which` holds with every score changed."""
    return {
        one.id: {name: change(name, score) if which(one) else score for name, score in one.scores.items()}
        for one in DEV
    }


def off_by_one(score: int) -> int:
    return score + 1 if score < 4 else 3


@pytest.fixture
def gold_after_shuffled(made: MakeRun) -> Comparison:
    return compare_runs(made("shuffled", shuffled()), made("gold", GOLD))


def test_identical_runs_cannot_be_told_apart_and_differ_by_nothing(made: MakeRun) -> None:
    found = compare_runs(made("one", shuffled()), made("two", shuffled()))
    assert found.verdict == "cannot tell"
    assert found.needed is None
    assert found.changed == ()
    for one in (*found.dimensions, found.mean):
        assert one.one == one.two
        assert (one.gain.value, one.gain.low, one.gain.high) == (0, 0, 0)
        assert (one.error_fall, one.p, one.adjusted) == (0, 1, 1)
    assert (found.advance.only_one, found.advance.only_two, found.advance.p) == (0, 0, 1)
    assert found.same
    assert "no difference" in found.why


def test_the_labels_themselves_are_better_than_shuffled_scores(gold_after_shuffled: Comparison) -> None:
    found = gold_after_shuffled
    assert found.verdict == "better"
    assert [one.name for one in found.dimensions] == list(DIMENSIONS)
    assert [one.two for one in (*found.dimensions, found.mean)] == pytest.approx([1] * 6)
    assert found.mean.one == pytest.approx(np.mean([one.one for one in found.dimensions]))
    assert found.mean.gain.value == pytest.approx(1 - found.mean.one)
    assert 0 < found.mean.gain.low <= found.mean.gain.value <= found.mean.gain.high
    assert found.mean.error_fall > 0
    assert found.mean.p < 0.01
    assert {one.nearer for one in found.changed} == {"two"}
    assert found.not_worse and not found.same
    assert (found.n, found.questions, found.only_one, found.only_two) == (len(DEV), len(QUESTIONS), 0, 0)
    assert found.as_text().startswith("Run TWO (gold) is better than run ONE (shuffled).")


def test_shuffled_scores_are_worse_than_the_labels_by_just_as_much(
    made: MakeRun, gold_after_shuffled: Comparison
) -> None:
    found = compare_runs(made("one", GOLD), made("two", shuffled()))
    assert found.verdict == "worse"
    better, worse = gold_after_shuffled.mean, found.mean
    assert worse.gain.value == pytest.approx(-better.gain.value)
    assert [worse.gain.low, worse.gain.high] == pytest.approx([-better.gain.high, -better.gain.low])
    assert worse.p == pytest.approx(better.p)
    assert not found.not_worse and not found.same
    assert {one.nearer for one in found.changed} == {"one"}
    assert "worse by no more than 0.05: not shown" in found.as_text()


def test_one_score_off_by_one_cannot_be_told_and_would_take_more_answers(made: MakeRun) -> None:
    first = DEV[0]
    one_off = changed(
        lambda one: one is first, lambda name, score: off_by_one(score) if name == "data_use" else score
    )
    found = compare_runs(made("one", one_off), made("two", GOLD))
    assert found.verdict == "cannot tell"
    assert 0 < found.mean.gain.value < 0.01
    assert found.mean.gain.low <= 0
    assert found.needed is not None and found.needed > len(DEV)
    assert f"It would take about {found.needed} labelled answers" in found.why
    assert found.same and found.detectable < 0.05
    (case,) = found.changed
    at, label = DIMENSIONS.index("data_use"), first.scores["data_use"]
    assert (case.id, case.nearer) == (first.id, "two")
    assert (case.one[at], case.two[at], case.label[at]) == (off_by_one(label), label, label)
    assert (
        f"{first.id}: data use {off_by_one(label)} -> {label} (label {label}); run TWO is nearer" in found.as_text()
    )


def test_p_flips_whole_questions_and_is_adjusted_for_five_looks(made: MakeRun) -> None:
    # Ownership is off by one in all answers to eight of twelve questions; errors fall by 1 in those, by 0 in four.
    # All eight must keep or all must change their sign: 2 of 2^8 ways, whatever the four do; five looks: times 5.
    wrong = changed(
        lambda one: one.question in QUESTIONS[:8],
        lambda name, score: off_by_one(score) if name == "ownership" else score,
    )
    found = compare_runs(made("one", wrong), made("two", GOLD))
    ownership, *rest = found.dimensions
    assert ownership.error_fall == pytest.approx(8 / 12)
    assert ownership.p == pytest.approx(2 / 2**8)
    assert ownership.adjusted == pytest.approx(10 / 2**8)
    assert [one.adjusted for one in rest] == [1, 1, 1, 1]
    assert found.mean.error_fall == pytest.approx(8 / 12 / 5)
    assert found.mean.p == found.mean.adjusted == pytest.approx(2 / 2**8)
    assert found.verdict == "better"


def test_five_questions_are_too_few_for_a_verdict_however_large_the_difference(made: MakeRun) -> None:
    # 2 of 2^5 ways to flip: p = 0.0625
    few = {one.id for one in DEV if one.question in QUESTIONS[:5]}
    gold = {key: scores for key, scores in GOLD.items() if key in few}
    wrong = {key: {name: 1 + score % 4 for name, score in scores.items()} for key, scores in gold.items()}
    found = compare_runs(made("one", wrong), made("two", gold))
    assert found.mean.gain.low > 0
    assert found.mean.p == pytest.approx(2 / 2**5)
    assert found.verdict == "cannot tell"
    assert "squared errors may do so by chance" in found.why


def test_kappa_and_squared_errors_that_point_opposite_ways_give_no_verdict(made: MakeRun) -> None:
    # Stretched scores keep the order and double the distances: more kappa than a constant, and larger errors.
    constant = changed(lambda one: True, lambda name, score: 2)
    stretched = changed(lambda one: True, lambda name, score: 1 if score == 1 else 4)
    found = compare_runs(made("one", constant), made("two", stretched))
    assert found.mean.gain.low > 0
    assert found.mean.p < 0.05 and found.mean.error_fall < 0
    assert found.verdict == "cannot tell"
    assert "squared errors say the opposite" in found.why


def test_the_advance_decision_is_compared_by_the_answers_that_one_run_alone_decided_right(made: MakeRun) -> None:
    # All lowest: wrong for those labelled 3.0 or more. Nobody else changes sides.
    advancing = sum(one.overall >= 3.0 for one in DEV)
    found = compare_runs(made("one", {key: {} for key in GOLD}), made("two", GOLD))
    assert (found.advance.one, found.advance.two) == (len(DEV) - advancing, len(DEV))
    assert (found.advance.only_one, found.advance.only_two) == (0, advancing)
    assert found.advance.p == pytest.approx(2 / 2**advancing)


def test_what_is_no_answer_counts_as_the_lowest_scores(made: MakeRun) -> None:
    lowest = {key: dict.fromkeys(DIMENSIONS, 1) for key in GOLD}
    found = compare_runs(made("one", {key: {} for key in GOLD}), made("two", lowest))
    assert found.changed == ()


def test_answers_in_one_run_only_are_counted_and_left_out(made: MakeRun) -> None:
    one = {key: scores for at, (key, scores) in enumerate(GOLD.items()) if at >= 3}
    two = {key: scores for at, (key, scores) in enumerate(shuffled().items()) if at < 50}
    found = compare_runs(made("one", one | {"not-of-this-split": {}}), made("two", two))
    assert (found.n, found.only_one, found.only_two) == (47, len(DEV) - 50, 3)
    assert all(DEV[3].id <= case.id <= DEV[49].id for case in found.changed)
    assert "10 that are only in ONE, 3 only in TWO" in found.as_text()


def test_runs_of_different_splits_are_refused(made: MakeRun) -> None:
    with pytest.raises(InputError, match=r"dev.*test"):
        compare_runs(made("one", GOLD), made("two", GOLD, split="test"))


@pytest.mark.parametrize("shared", [0, 1])
def test_runs_that_share_no_answer_or_those_to_one_question_are_refused(made: MakeRun, shared: int) -> None:
    asked = QUESTIONS[:shared]
    one = {case.id: GOLD[case.id] for case in DEV if case.question in asked}
    with pytest.raises(InputError, match=f"{len(one)} answers to {shared} questions"):
        compare_runs(made("one", one), made("two", GOLD))
