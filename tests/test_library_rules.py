"""Which fitted rule grades, and what it says of itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import shipped
from pydantic import TypeAdapter
from small_content import content

from simulator.library import load_library
from simulator.rubric import ANY_MODEL, DIMENSIONS, Calibration, DimensionRule, ScoreRule
from simulator.settings import CHECKWISE, STRUCTURED


def rule(name: str, **changed: object) -> ScoreRule:
    """A rule that can be told by its name."""
    dimensions = dict.fromkeys(DIMENSIONS, DimensionRule(1.0, {"action.risk": 1.0}, (1.5, 2.5, 3.5), 0.5))
    plain = ScoreRule("fake", "", {}, dimensions, name, CHECKWISE, "marks@1")
    return replace(plain, **changed)  # type: ignore[arg-type]  # fields by name


def ruled(folder: Path, *rules: ScoreRule) -> str:
    """What the rule says of itself that a library with these ones takes for the model `fake`, asked check by
    check, with the sightings `marks@1`. An empty digest stands for the rubric's own."""
    library = load_library(content(folder))
    rubric = library.rubrics["rubrics/story"]
    for number, one in enumerate(rules):
        kept = replace(one, rubric=one.rubric or rubric.digest)
        path = folder / "prompts" / "rubrics" / f"story.{number}.json"
        path.write_bytes(TypeAdapter(ScoreRule).dump_json(kept))
    found = load_library(folder).rule_for(rubric, "fake", CHECKWISE, "marks@1")
    return f"{found.model}: {found.fitted_on}"


ANY = rule("of labels", model=ANY_MODEL, method="", sightings="")


def test_the_rule_of_the_model_the_method_and_the_sightings_is_taken(tmp_path: Path) -> None:
    others = [
        rule("another model", model="other"),
        rule("another method", method=STRUCTURED),
        rule("other sightings", sightings="examples@x"),
        rule("an old version", rubric="old"),
    ]
    assert ruled(tmp_path, ANY, *others, rule("own")) == "fake: own"


def test_a_rule_for_another_version_of_the_rubric_is_taken_before_that_of_no_model_and_says_so(
    tmp_path: Path,
) -> None:
    told = ruled(tmp_path, ANY, rule("an old version", rubric="old"))
    assert told == "fake: an old version, for another version of the rubric"


@pytest.mark.parametrize(
    "other",
    [
        rule("another model", model="other"),
        rule("another method", method=STRUCTURED),
        rule("other sightings", sightings="examples@x"),
        rule("of more checks", calibrations={"action.gone": Calibration()}),
    ],
    ids=lambda one: one.fitted_on,
)
def test_a_rule_for_anything_else_is_never_taken_but_that_of_no_model_or_equal_weights(
    other: ScoreRule, tmp_path: Path
) -> None:
    assert ruled(tmp_path / "a", other, ANY) == "any: of labels"
    assert ruled(tmp_path / "b", other) == "any: equal weights, not fitted"


def test_a_rule_of_no_model_for_another_version_of_the_rubric_says_so_too(tmp_path: Path) -> None:
    assert ruled(tmp_path, replace(ANY, rubric="old")) == "any: of labels, for another version of the rubric"


def test_a_rule_survives_its_file(tmp_path: Path) -> None:
    kept = rule("own", calibrations={"action.risk": Calibration(0.0, 1.0, 0.5, 2.0, 3.0)}, errors=(0.1,) * 10)
    folder = content(tmp_path)
    (folder / "prompts/rubrics/story.fake.json").write_bytes(TypeAdapter(ScoreRule).dump_json(kept))
    assert load_library(folder).rules == (kept,)


def test_every_shipped_rule_is_for_the_shipped_rubric() -> None:
    library = shipped()
    rubrics = {rubric.digest: rubric for rubric in library.rubrics.values()}
    assert {one.rubric for one in library.rules} == rubrics.keys()
    for one in library.rules:
        lowering = {check.id for check in rubrics[one.rubric].checks if check.lowers}
        assert set(one.dimensions) == set(DIMENSIONS)
        for dimension in one.dimensions.values():
            assert all(
                (weight <= 0) if check in lowering else (weight >= 0) for check, weight in dimension.weights.items()
            )
            assert list(dimension.cuts) == sorted(dimension.cuts)
        assert len(one.errors) == (0 if one.model == ANY_MODEL else 10)
        assert list(one.errors) == sorted(one.errors)
        assert all(min(c.slope, c.peak, c.mean) >= 0 for c in one.calibrations.values())
