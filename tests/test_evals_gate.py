"""Runs held to goals: the figures are those of the real suites, on made results of the real dev cases."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evals import metrics, rivals
from evals.cases import Pair, answers, lookalikes, openings, pairs, queries, sheets, tricks
from evals.gate import GOALS, Goal, Line, Outcome, judged, load_goals
from evals.runs import Figure, Run
from evals.suites import SUITES
from evals.suites.agreement import RIVALS
from evals.variants import Variant
from simulator.errors import InputError
from simulator.rubric import DIMENSIONS

Results = Mapping[str, Mapping[str, Any]]
MakeRun = Callable[..., Run]
SHIFTS = {"down": -1, "up": 1, "down-or-same": 0}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DRAWS", 40)


@pytest.fixture
def made(tmp_path: Path) -> MakeRun:
    """Keeps these results as a dev run, by suite."""

    def run(**suites: Results) -> Run:
        (tmp_path / "about.json").write_text(json.dumps({"split": "dev"}))
        for name, results in suites.items():
            lines = [json.dumps({"id": key, "result": one}) for key, one in results.items()]
            (tmp_path / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))
        return Run(tmp_path)

    return run


def graded(scores: Mapping[str, int]) -> dict[str, Any]:
    overall = round(sum(scores.values()) / len(scores), 1)
    rivals = {name: {key: float(score) for key, score in scores.items()} for name in RIVALS}
    return {
        "scores": scores,
        "overall": overall,
        "band": None,
        "bands": {},
        "rivals": rivals,
        "raw": {name: float(score) for name, score in scores.items()},
    }


def level(score: int) -> dict[str, Any]:
    return graded(dict.fromkeys(DIMENSIONS, score))


def found(right: int) -> Results:
    """Retrieval that finds the right passage first for that many queries, and nothing for the others."""
    return {
        one.id: dict.fromkeys(("mixed", "dense", "lexical"), list(one.right) if at < right else [])
        for at, one in enumerate(queries("dev"))
    }


def gamed(above: int = 0) -> Results:
    """Grades of tricks, all lowest but for that many, and of honest answers as labelled."""
    limited = [one for one in tricks("dev") if one.highest < 4]
    results = {one.id: level(1) for one in tricks("dev")} | {one.id: level(4) for one in limited[:above]}
    return results | {one.id: graded(one.scores) for one in lookalikes("dev")}


def shifted(pair: Pair) -> dict[str, Any]:
    """Scores of 2, and of the edit as they should be."""
    expect = pair.edit.expect
    after = {name: 2 + (SHIFTS[expect[name]] if name in expect else 0) for name in DIMENSIONS}
    return {"base": level(2), "edit": graded(after)}


def as_labelled(variant: Variant) -> dict[str, Any]:
    """As the answer that it was made of is labelled, less what was taken from it."""
    scores = {name: float(score) for name, score in variant.base.scores.items()}
    left = {"75": 0.75, "50": 0.5, "25": 0.25, "half": 0.5}.get(variant.name, 0.0)
    lost = {"facts": ("data_use",), "owner": ("ownership",), "thinning": DIMENSIONS}.get(variant.family, ())
    raw = scores | {name: 1 + (scores[name] - 1) * left for name in lost}
    return graded({name: round(score) for name, score in raw.items()}) | {"raw": raw}


def asking(rival: str) -> list[dict[str, Any]]:
    """Three probes, each of which gets something out of the candidate if it is ours, and the first if not."""
    plain = {"text": "What?", "check": "context.role", "reply": "That.", "open": True}
    plain |= {"repeated": False, "fault": "", "replaced": "", "leaked": False}
    return [plain | {"told": ["context.role"] if rival == "ours" or at == 0 else []} for at in range(3)]


def faultless() -> dict[str, Results]:
    """What a perfect grader, interviewer and search would leave behind."""
    cited = {"cited": 2, "verbatim": 2, "places": {}, "drops": [{"before": 0.9, "after": 0.1, "met": False}] * 2}
    return {
        "agreement": {one.id: graded(one.scores) for one in answers("dev")},
        "edits": {one.id: shifted(one) for one in pairs("dev")},
        "gaming": gamed(),
        "evidence": {one.id: cited for one in answers("dev")},
        "probing": {one.id: {"check": one.best[0], "passages": []} for one in openings("dev")},
        "interviewer": {one.id: {rival: asking(rival) for rival in rivals.RIVALS} for one in sheets("dev")},
        "retrieval": found(len(queries("dev"))),
        "fairness": {one.id: as_labelled(one) for one in SUITES["fairness"].cases("dev")},
        "attacks": {one.id: level(1) for one in SUITES["attacks"].cases("dev")},
        "consistency": {one.id: {"chances": {}, "scores": {}} for one in SUITES["consistency"].cases("dev")},
    }


def line_of(run: Run, name: str, **bound: float) -> Line:
    (line,) = judged(run, {name: Goal(**bound)}).lines
    return line


# One goal


@pytest.mark.parametrize(
    ("right", "least", "state"),
    # Wilson of 55 of 55 begins at 0.935, of 46 spans 0.717 to 0.912, of 0 ends at 0.065.
    [(55, 0.8, "passed"), (46, 0.8, "inconclusive"), (46, 0.7, "passed"), (46, 0.92, "failed"), (0, 0.8, "failed")],
)
def test_a_least_is_passed_or_failed_only_by_the_whole_interval(
    made: MakeRun, right: int, least: float, state: str
) -> None:
    line = line_of(made(retrieval=found(right)), "retrieval.hit.mixed", least=least)
    assert line.figure is not None
    assert line.figure.value == pytest.approx(right / 55)
    assert line.state == state


@pytest.mark.parametrize(("most", "state"), [(0.92, "passed"), (0.8, "inconclusive"), (0.7, "failed")])
def test_a_most_is_passed_or_failed_only_by_the_whole_interval(made: MakeRun, most: float, state: str) -> None:
    assert line_of(made(retrieval=found(46)), "retrieval.hit.mixed", most=most).state == state


@pytest.mark.parametrize(("within", "state"), [(0.02, "failed"), (0.08, "inconclusive"), (0.2, "passed")])
def test_within_holds_the_interval_to_both_sides_of_nothing(within: float, state: str) -> None:
    for low, value, high in ((0.03, 0.06, 0.09), (-0.09, -0.06, -0.03)):
        assert Goal(within=within).state(Figure("shift", value, low, high, 60)) == state
    assert Goal(within=0.05).state(Figure("shift", 0.0, -0.1, 0.1, 60)) == "inconclusive"


def test_one_goal_with_a_star_holds_every_figure_of_that_name(made: MakeRun) -> None:
    lines = judged(made(retrieval=found(46)), {"retrieval.hit.*": Goal(least=0.5)}).lines
    assert [line.name for line in lines] == [f"retrieval.hit.{way}" for way in ("mixed", "dense", "lexical")]
    assert [line.state for line in lines] == ["passed"] * 3
    (none,) = judged(made(retrieval=found(46)), {"nothing*": Goal(least=0.5)}).lines
    assert (none.name, none.state) == ("nothing*", "inconclusive")


def test_an_end_of_the_interval_on_the_goal_passes(made: MakeRun) -> None:
    run = made(retrieval=found(46))
    figure = line_of(run, "retrieval.hit.mixed", least=0).figure
    assert figure is not None
    assert line_of(run, "retrieval.hit.mixed", least=figure.low).state == "passed"
    assert line_of(run, "retrieval.hit.mixed", most=figure.high).state == "passed"


def test_an_exact_goal_without_exception_passes_and_says_how_much_that_proves(made: MakeRun) -> None:
    line = line_of(made(gaming=gamed()), "gaming.above_limit", exactly=0)
    assert line.state == "passed"
    # Wilson of 0 of 65: z^2 / (65 + z^2) = 3.84 / 68.84
    assert line.why == "proves no more than at most 0.056"
    right = line_of(made(retrieval=found(55)), "retrieval.hit.mixed", exactly=1)
    assert (right.state, right.why) == ("passed", "proves no more than at least 0.935")


def test_an_exact_goal_fails_by_a_single_exception(made: MakeRun) -> None:
    line = line_of(made(gaming=gamed(above=1)), "gaming.above_limit", exactly=0)
    assert (line.state, line.why) == ("failed", "")
    assert line.figure is not None
    assert line.figure.value == pytest.approx(1 / len(tricks("dev")))
    assert line_of(made(retrieval=found(54)), "retrieval.hit.mixed", exactly=1).state == "failed"


@pytest.mark.parametrize(("most", "state"), [(1.0, "passed"), (0.9, "failed")])
def test_a_figure_without_interval_is_judged_by_its_value(made: MakeRun, most: float, state: str) -> None:
    assert line_of(made(gaming=gamed()), "gaming.highest", most=most).state == state


def test_a_figure_that_no_suite_of_the_run_reports_is_inconclusive_and_says_so(made: MakeRun) -> None:
    line = line_of(made(gaming=gamed()), "qwk.mean", least=0.8)
    assert (line.state, line.figure) == ("inconclusive", None)
    assert "no suite of this run reports it" in line.as_text()


def test_a_figure_of_no_cases_is_inconclusive_and_says_so(made: MakeRun) -> None:
    nothing_cited = {one.id: {"cited": 0, "verbatim": 0, "places": {}, "drops": []} for one in answers("dev")}
    line = line_of(made(evidence=nothing_cited), "evidence.verbatim", exactly=1)
    assert (line.state, line.why) == ("inconclusive", "nothing was measured")


def test_a_suite_that_was_not_finished_cannot_pass_but_can_fail(made: MakeRun) -> None:
    honest = {one.id for one in lookalikes("dev")}
    unfinished = {key: one for key, one in gamed().items() if key not in honest}
    line = line_of(made(gaming=unfinished), "gaming.above_limit", exactly=0)
    assert (line.state, line.why) == ("inconclusive", f"{len(honest)} cases of gaming are not done")
    unfinished = {key: one for key, one in gamed(above=1).items() if key not in honest}
    assert line_of(made(gaming=unfinished), "gaming.above_limit", exactly=0).state == "failed"


# All goals of a run


def outcome_of(*states: str) -> Outcome:
    return Outcome("a run", tuple(Line("x", Goal(least=1), None, state) for state in states))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["passed", "passed"], 0),
        (["passed", "inconclusive"], 3),
        (["inconclusive", "failed", "passed"], 1),
        (["failed"], 1),
    ],
)
def test_the_exit_code_is_one_for_a_failure_and_three_for_a_doubt(states: list[str], code: int) -> None:
    assert outcome_of(*states).exit_code == code


def test_the_outcome_tells_state_figure_interval_and_goal_of_each_line_and_counts_them(made: MakeRun) -> None:
    goals = {"retrieval.hit.mixed": Goal(least=0.8), "gaming.punished": Goal(exactly=0), "qwk.mean": Goal(least=0.8)}
    told = judged(made(retrieval=found(0), gaming=gamed()), goals).as_text().splitlines()
    assert told[0].startswith("failed ")
    assert told[0].endswith("retrieval.hit.mixed    0.000 (0.000 to 0.065), n = 55; goal: at least 0.8")
    assert told[1].split()[:3] == ["passed", "gaming.punished", "0.000"]
    assert told[2].startswith("inconclusive")
    assert told[3].endswith(": 1 passed, 1 failed, 1 inconclusive")


def test_a_faultless_run_fails_no_shipped_goal_and_every_goal_names_a_figure(made: MakeRun) -> None:
    outcome = judged(made(**faultless()), load_goals(GOALS))
    assert [line.name for line in outcome.lines if line.figure is None] == []
    # So few cases without a fault don't show 0.95: forty-two show 0.916 at least, fifty-five 0.935.
    unproven = [line.name for line in outcome.lines if line.state != "passed"]
    written = [name for name in unproven if not name.startswith(("fairness", "attacks"))]
    assert written == ["edits.unchanged_whole", "probing.open", "retrieval.hit.mixed"]
    assert outcome.exit_code == 3


def test_a_run_that_gives_everything_the_same_scores_fails(made: MakeRun) -> None:
    blind = faultless() | {
        "agreement": {one.id: level(2) for one in answers("dev")},
        "edits": {one.id: {"base": level(2), "edit": level(2)} for one in pairs("dev")},
    }
    outcome = judged(made(**blind), load_goals(GOALS))
    failed = {line.name for line in outcome.lines if line.state == "failed"}
    assert {f"qwk.{name}" for name in ("mean", "lift", *DIMENSIONS)} | {"advance.right", "edits.moved"} == failed
    assert outcome.exit_code == 1


# The file


def test_the_shipped_goals_hold_every_dimension_and_allow_no_trick() -> None:
    goals = load_goals(GOALS)
    assert goals["qwk.mean"] == Goal(least=0.8)
    assert {goals[f"qwk.{name}"] for name in DIMENSIONS} == {Goal(least=0.7)}
    assert goals["gaming.above_limit"] == goals["gaming.punished"] == Goal(exactly=0)
    assert goals["edits.off_target"] == Goal(most=0.25)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("qwk.mean: {least: 0.8, most: 0.9}", "qwk.mean.*one of least, most, within and exactly"),
        ("qwk.mean: {}", "qwk.mean.*one of least, most, within and exactly"),
        ("qwk.mean: {within: -0.1}", "qwk.mean.within"),
        ("qwk.mean: {at_least: 0.8}", "qwk.mean.at_least"),
        ("qwk.mean: {least: high}", "qwk.mean.least"),
        ("qwk.mean: {least: .nan}", "qwk.mean.least"),
        ("", "own.yaml: the file"),
        ("{}", "own.yaml: the file"),
        ("qwk.mean: {least: 0.8", "own.yaml is not YAML"),
    ],
)
def test_a_file_of_goals_that_cannot_be_used_is_refused_by_name_and_goal(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        load_goals(path)


def test_a_file_of_goals_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.yaml cannot be read"):
        load_goals(tmp_path / "none.yaml")
