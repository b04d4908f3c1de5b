"""The report of runs whose results were made up: what stands in its page, its JSON and its JUnit file."""

import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from evals import cases, metrics, report
from evals.baselines import BASELINES
from evals.plots import Cell, Line, calibration_plot, heat_map, interval_dots, number
from evals.report import write_report
from evals.runs import Result, Run, told
from evals.suites.agreement import RIVALS
from simulator.errors import InputError, StorageError
from simulator.interview import Exchange
from simulator.rubric import DIMENSIONS, Evidence, Finding, Grade, Rating, State
from simulator.transcript import sentences

HOSTILE = '<script>alert("x")</script><img src=http://evil.example/x onerror=alert(1)>'
ERRORS = (-0.6, -0.4, -0.2, 0.0, 0.0, 0.0, 0.2, 0.2, 0.4, 0.6)
ANSWERS = 12


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "DRAWS", 20)
        yield


def graded(exchange: Exchange, scores: Mapping[str, int], checks: Mapping[str, bool]) -> Result:
    """A grade with these scores and findings, each citing the first sentence."""
    first = sentences(exchange.turns)[0]
    cited = (Evidence(first.turn, first.start, first.end, exchange.turns[first.turn].text[first.start : first.end]),)
    findings = {
        key: Finding(key, State.MET, 0.9, cited) if yes else Finding(key, State.NOT_MET, 0.1)
        for key, yes in checks.items()
    }
    ratings = {
        name: Rating(name, score, score, max(1, score - 0.5), min(4, score + 0.5), ())
        for name, score in scores.items()
    }
    return told(Grade(findings, ratings, errors=ERRORS))


def with_rivals(result: Result, raw: float = 2.0) -> Result:
    """With the sums of the rivals, as the agreement suite keeps them: the same for every dimension."""
    return result | {"rivals": {rival: dict.fromkeys(result["scores"], raw) for rival in RIVALS}}


def labelled(answer: cases.Answer) -> Result:
    """Graded just as it was labelled."""
    return with_rivals(graded(answer.exchange, answer.scores, answer.checks))


def run_of(folder: Path, **suites: Mapping[str, Result]) -> Run:
    folder.mkdir(exist_ok=True)
    about = {"model": "Small & Sons 1.5B", "method": "checkwise", "rubric": "rubrics/story@1", "split": "dev"}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    for name, results in suites.items():
        lines = [json.dumps({"id": key, "result": one}) + "\n" for key, one in results.items()]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return Run(folder)


def written(run: Run) -> tuple[BeautifulSoup, Any]:
    """The page and the JSON of a run."""
    page, data, _ = write_report(run, run.folder / "report")
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser"), strict(data.read_text(encoding="utf-8"))


def strict(text: str) -> Any:
    """JSON as the standard has it: NaN and Infinity are no JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def rows(page: BeautifulSoup, table: str) -> dict[str, list[str]]:
    """The cells of a table's rows, by the row's heading."""
    region = page.find(attrs={"aria-label": table})
    assert region is not None, table
    return {
        row.th.get_text(" ", strip=True): [cell.get_text(" ", strip=True) for cell in row.find_all("td")]
        for row in region.tbody.parent.find_all("tr")
        if row.th and row.td
    }


def pair_that(expects: str, skip: int = 0) -> cases.Pair:
    return [one for one in cases.pairs("dev") if list(one.edit.expect.values()) == [expects]][skip]


def put_in_place(patch: pytest.MonkeyPatch, folder: Path, *others: cases.Answer) -> None:
    """A data set that has these answers in place of those with the same id."""
    shutil.copytree(cases.FOLDER, folder / "datasets")
    path, instead = folder / "datasets" / "answers" / "dev.jsonl", {one.id: one for one in others}
    lines = [instead.get(one.id, one).model_dump_json() + "\n" for one in cases.answers("dev")]
    path.write_text("".join(lines), encoding="utf-8")
    patch.setattr(cases, "FOLDER", folder / "datasets")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[BeautifulSoup, Any]:
    """A run with all suites: answers graded as labelled but for one, one edit unmoved, one trick above its limit."""
    answers = cases.answers("dev")[:ANSWERS]
    agreement = {one.id: labelled(one) | {"seconds": 4.0, "calls": 20} for one in answers}
    off = answers[3]
    missed = graded(off.exchange, off.scores | {"ownership": 5 - off.scores["ownership"]}, off.checks)
    agreement[off.id] = with_rivals(missed) | {"seconds": 9.0, "calls": 20}
    moved, unmoved = pair_that("down"), pair_that("down", 1)
    still = next(one for one in cases.pairs("dev") if not one.edit.expect)
    (name,) = moved.edit.expect
    high = dict.fromkeys(DIMENSIONS, 3)
    edits = {
        one.edit.id: {"base": graded(one.base.exchange, high, {}), "edit": graded(one.exchange, after, {})}
        for one, after in ((moved, high | {name: 2}), (unmoved, high), (still, high))
    }
    trick, lame = cases.tricks("dev")[:2]
    honest = max(cases.lookalikes("dev"), key=lambda one: one.overall)
    gaming = {
        trick.id: graded(trick.exchange, high, {}),
        lame.id: told(Grade({}, {}, "only 7 words were said")),
        honest.id: graded(honest.exchange, dict.fromkeys(DIMENSIONS, 1), {}),
    }
    drop = {"check": "result.quantified", "before": 0.9, "after": 0.2, "met": False}
    evidence = {answers[0].id: {"cited": 4, "verbatim": 4, "without_evidence": [], "places": {}, "drops": [drop]}}
    opening, query = cases.openings("dev")[0], cases.queries("dev")[0]
    run = run_of(
        tmp_path_factory.mktemp("run"),
        agreement=agreement,
        edits=edits,
        gaming=gaming,
        evidence=evidence,
        unchanged={still.edit.id: edits[still.edit.id]},
        probing={opening.id: {"check": opening.best[0], "passages": []}},
        retrieval={query.id: {"mixed": [query.right[0]], "dense": ["other"], "lexical": []}},
    )
    return written(run)


def test_the_page_and_the_json_have_the_same_figures(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    shown = rows(page, "All figures")
    figures = {f"{one['told']} {one['name']}": one for suite in data["suites"].values() for one in suite["figures"]}
    assert shown.keys() == figures.keys() and len(figures) > 20
    for heading, one in figures.items():
        low, high = one["low"], one["high"]
        interval = "no interval" if low is None else f"{number(low)} to {number(high)}"
        assert shown[heading] == [number(one["value"]), interval, str(one["n"])]
    values = {one["name"]: one["value"] for one in figures.values()}
    assert values["qwk.data_use"] == 1 and values["retrieval.hit.mixed"] == 1 and values["gaming.highest"] == 3
    assert "Small & Sons 1.5B" in page.h1.get_text()
    assert f"agreement {ANSWERS} of {len(cases.answers('dev'))}" in page.get_text()


def test_agreement_is_told_by_dimension_with_baselines_and_errors(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    told_of = data["agreement"]["dimensions"]
    assert told_of["data_use"]["exact"] == 1 and told_of["data_use"]["bias"] == 0
    assert told_of["ownership"]["exact"] == pytest.approx((ANSWERS - 1) / ANSWERS)
    assert sum(map(sum, told_of["ownership"]["confusion"])) == ANSWERS
    assert set(data["agreement"]["against"]) == {*BASELINES, *RIVALS}
    beside = rows(page, "QWK of the grader and of what it is held against")
    assert beside["Data use"][0] == "1.00" and len(beside["Mean"]) == 2 + len(BASELINES) + len(RIVALS)
    assert {row["group"] for row in data["agreement"]["breakdowns"]["label"]} <= {"1", "2", "3", "4"}
    assert sum(row["n"] for row in data["agreement"]["breakdowns"]["company"]) == 5 * ANSWERS
    assert len(rows(page, "By style")) == len(data["agreement"]["breakdowns"]["style"])


def test_decision_checks_and_bands_are_told(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    decision = data["agreement"]["decision"]
    assert decision["sensitivity"]["n"] + decision["specificity"]["n"] == ANSWERS == sum(map(sum, decision["counts"]))
    assert rows(page, "The advance decision")["Right decisions"][0] == number(decision["right"]["value"])
    aucs = {row["check"]: row["auc"] for row in data["agreement"]["checks"]}
    assert len(aucs) == 27 and set(aucs.values()) <= {1.0, None}
    assert rows(page, "Checks").keys() == aucs.keys()
    covered = {row["band"]: row for row in data["agreement"]["bands"]}
    assert covered["data_use"]["value"] == 1 and covered["ownership"]["value"] < 1
    assert rows(page, "Coverage of the bands")["Ownership"][0] == number(covered["ownership"]["value"])


def test_an_edit_that_did_not_move_is_listed_and_one_that_did_is_not(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    unmoved, moved = pair_that("down", 1).edit, pair_that("down").edit
    assert [row["id"] for row in data["edits"]["strays"]] == [unmoved.id]
    assert list(rows(page, "Edits that did not move as expected")) == [f"{unmoved.id} of {unmoved.base}"]
    (name,) = moved.expect
    kind = next(row for row in data["edits"]["matrix"] if row["kind"] == moved.kind)
    assert kind["cells"][name]["must"] == kind["n"] and kind["cells"][name]["mean"] < 0
    leakage = page.find("svg", attrs={"aria-label": lambda words: words and words.startswith("Mean movement")})
    assert len(leakage.select("rect.must")) >= 1


def test_tricks_above_their_limit_and_punished_answers_are_listed(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    trick = cases.tricks("dev")[0]
    assert [one["id"] for one in data["gaming"]["above"]] == [trick.id]
    assert len(data["gaming"]["punished"]) == 1
    reached = rows(page, "Tricks by kind")[trick.kind]
    assert reached[1] == "3.0" and reached[3] == "1"
    assert any(one.get_text().startswith(trick.id) for one in page.select("#gaming ~ details summary"))


def test_every_answer_is_there_the_worst_first(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    assert len(data["answers"]) == ANSWERS
    assert data["answers"][0]["id"] == cases.answers("dev")[3].id and data["answers"][0]["gap"] > 0
    kept = page.select("#answers ~ details")
    assert len(kept) == ANSWERS and not any(one.has_attr("open") for one in kept)
    assert data["answers"][0]["turns"][0]["text"] in kept[0].get_text()
    assert "context.goal" in kept[0].get_text() or data["answers"][0]["evidence"] == {}


def test_cost_is_told_where_the_results_have_it(whole: tuple[BeautifulSoup, Any]) -> None:
    page, data = whole
    assert [row["suite"] for row in data["cost"]] == ["agreement"]
    assert data["cost"][0]["seconds"]["median"] == 4.0
    assert rows(page, "Cost")["agreement"][-1] == "20"


def test_the_page_asks_nothing_of_a_network_and_runs_no_script(whole: tuple[BeautifulSoup, Any]) -> None:
    page, _ = whole
    assert not page.find_all(["script", "link", "img", "iframe", "object"])
    assert all(link["href"].startswith("#") for link in page.find_all(href=True))
    assert not page.find_all(src=True)
    assert "url(" not in page.style.get_text() and "@import" not in page.style.get_text()
    assert not [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")]
    anchors = {link["href"][1:] for link in page.nav.find_all("a")}
    assert all(page.find(id=name) for name in anchors) and "agreement" in anchors


def test_every_plot_can_be_read_without_seeing_it(whole: tuple[BeautifulSoup, Any]) -> None:
    page, _ = whole
    plots = page.find_all("svg")
    assert len(plots) > 30
    assert all(one["role"] == "img" and len(one["aria-label"]) > 20 and one.find_parent("figure") for one in plots)
    assert "prefers-color-scheme: dark" in page.style.get_text() and page.html["lang"] == "en"


def test_what_a_case_or_a_model_says_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = cases.answers("dev")[0]
    turn = answer.turns[0].model_copy(update={"text": f"{answer.turns[0].text} {HOSTILE}"})
    answer = answer.model_copy(update={"turns": (turn,), "company": HOSTILE, "style": HOSTILE, "question": HOSTILE})
    put_in_place(monkeypatch, tmp_path, answer)
    result = labelled(answer)
    result["evidence"] = {HOSTILE: [[0, 0, 5, HOSTILE]]}
    run = run_of(tmp_path, agreement={answer.id: result | {"reason": HOSTILE, "without_evidence": [HOSTILE]}})
    page, data = written(run)
    assert not page.find_all(["script", "img"])
    assert page.get_text().count("<script>alert") >= 6
    assert data["answers"][0]["evidence"] == {HOSTILE: [HOSTILE]}


def test_a_ceiling_is_given_only_where_two_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = cases.answers("dev")[:ANSWERS]
    run = run_of(tmp_path, agreement={one.id: labelled(one) for one in once})
    page, data = written(run)
    assert data["agreement"]["ceiling"] is None and "No ceiling." in page.get_text()
    put_in_place(
        monkeypatch,
        tmp_path,
        *(one.model_copy(update={"first": one.scores, "second": one.scores}) for one in once[:6]),
    )
    page, data = written(run)
    assert data["agreement"]["ceiling"]["n"] == 6
    assert data["agreement"]["ceiling"]["dimensions"]["ownership"]["exact"] == 1
    assert "both to the same guideline" in page.get_text()
    assert rows(page, "QWK of the grader and of what it is held against")["Mean"][-1] == "1.00"


def test_goals_are_test_cases_with_their_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goals = tmp_path / "goals.yaml"
    goals.write_text("retrieval.hit.mixed: {exactly: 1}\nretrieval.mrr.mixed: {most: 0.1}\nqwk.mean: {least: 0.8}\n")
    monkeypatch.setattr(report, "GOALS", goals)
    results = {one.id: {way: [one.right[0]] for way in ("mixed", "dense", "lexical")} for one in cases.queries("dev")}
    _, _, junit = write_report(run_of(tmp_path / "run", retrieval=results), tmp_path / "report")
    suite = ET.parse(junit).getroot()
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
    }
    states = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert states == {"retrieval.hit.mixed": [], "retrieval.mrr.mixed": ["failure"], "qwk.mean": ["skipped"]}
    assert "at most 0.1" in str(suite.find("testcase/failure").get("message"))  # type: ignore[union-attr]


def test_a_run_of_one_suite_is_reported(tmp_path: Path) -> None:
    query = cases.queries("dev")[0]
    found = {"mixed": [query.right[0]], "dense": [], "lexical": []}
    page, data = written(run_of(tmp_path / "one", retrieval={query.id: found, "gone-001": found}))
    assert list(data["suites"]) == ["retrieval"] and data["suites"]["retrieval"]["done"] == 1
    assert data["agreement"] is data["edits"] is data["gaming"] is None and data["answers"] == []
    assert [one["id"] for one in page.find_all("h2")] == ["goals", "figures", "retrieval"]


def test_one_answer_makes_a_report_with_dashes_not_with_nan(tmp_path: Path) -> None:
    answer = cases.answers("dev")[0]
    page, data = written(run_of(tmp_path, agreement={answer.id: labelled(answer)}))
    assert "nan" not in page.get_text().lower().split()
    assert data["agreement"]["checks"][0]["auc"] is None


def test_an_answer_without_a_score_says_why(tmp_path: Path) -> None:
    one, two = cases.answers("dev")[:2]
    kept = {one.id: with_rivals(told(Grade({}, {}, "it is not in English"))), two.id: labelled(two)}
    page, data = written(run_of(tmp_path, agreement=kept))
    assert data["answers"][0]["overall"] is None
    assert "No score: it is not in English." in page.get_text()


def test_faults_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run"):
        write_report(Run(tmp_path), tmp_path)
    (tmp_path / "taken").write_text("")
    query = cases.queries("dev")[0]
    run = run_of(tmp_path / "run", retrieval={query.id: {"mixed": [], "dense": [], "lexical": []}})
    with pytest.raises(StorageError, match="could not be written"):
        write_report(run, tmp_path / "taken")


def test_numbers_are_written_for_people() -> None:
    assert [number(-0.5), number(0.001, 2, True), number(1.25, 1, True), number(float("nan")), number(None)] == [
        "−0.50",
        "0.00",
        "+1.2",
        "–",
        "–",
    ]
    assert number(-0.001) == "0.00"


def test_plots_hold_their_values_inside_the_picture() -> None:
    nan = float("nan")
    dots = BeautifulSoup(
        interval_dots([Line("a", 1.4, -0.7, 1.4, {"b": -1.0}), Line("<c>", nan, nan, nan)], "two"), "html.parser"
    )
    assert len(dots.select(".dot")) == 1 and len(dots.select(".interval")) == 1
    width = float(dots.svg["viewbox"].split()[2])
    assert all(0 <= float(one["cx"]) <= width for one in dots.select("circle"))
    assert "a 1.40 (−0.70 to 1.40), b −1.00" in dots.svg["aria-label"] and "<c> –" in dots.svg["aria-label"]
    curve = BeautifulSoup(calibration_plot("<x>", [(0.0, 0.0), (1.0, 1.0)], 0.5), "html.parser")
    assert [(one["cx"], one["cy"]) for one in curve.select("circle")] == [("22.0", "126.0"), ("126.0", "22.0")]
    cells = [[Cell(-2.0, "<b>", "must"), Cell(0.0, "0")]]
    heat = BeautifulSoup(heat_map(["r"], ["one", "two"], cells, "heat"), "html.parser")
    assert heat.select("rect.down")[0]["fill-opacity"] == "0.75" and "<b>" in heat.get_text()
