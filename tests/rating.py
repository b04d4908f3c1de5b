"""Findings, rules and grades that tests of the rubric's arithmetic are made of."""

from collections.abc import Mapping
from functools import cache

from hypothesis import strategies as st

from simulator.library import load_library
from simulator.rubric import (
    DIMENSIONS,
    DimensionRule,
    Evidence,
    Finding,
    Rubric,
    ScoreRule,
    State,
    rate,
)
from simulator.settings import ROOT

QUOTE = (Evidence(0, 0, 8, "I cut it"),)


@cache
def story() -> Rubric:
    return load_library(ROOT).rubrics["rubrics/story"]


@cache
def lowering() -> frozenset[str]:
    return frozenset(check.id for check in story().checks if check.lowers)


def said(check: str, probability: float) -> Finding:
    """The finding that a grader makes of a probability: yes from one half on, with a quote."""
    met = probability >= 0.5
    quoted = met and check not in lowering()
    return Finding(check, State.MET if met else State.NOT_MET, probability, QUOTE if quoted else ())


def findings_of(probabilities: Mapping[str, float]) -> dict[str, Finding]:
    return {check: said(check, probability) for check, probability in probabilities.items()}


def generous(base: float = 1.0) -> ScoreRule:
    """A rule under which every check of a dimension met gives 4, and none met gives `base`."""
    dimensions = {}
    for name in DIMENSIONS:
        own = [check.id for check in story().checks if check.dimension == name and not check.lowers]
        weights = {check: (4 - base) / len(own) for check in own}
        dimensions[name] = DimensionRule(base, weights, (1.5, 2.5, 3.5), 0.4)
    return ScoreRule("a model", story().digest, {}, dimensions)


def scores(findings: Mapping[str, Finding], rule: ScoreRule | None = None) -> dict[str, int]:
    return {name: rating.score for name, rating in rate(story(), rule or generous(), findings).items()}


SHARE = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def probabilities(draw: st.DrawFn) -> dict[str, float]:
    flagged = draw(st.booleans())  # with every flag drawn freely, nearly everything would be capped at 1
    return {check.id: 0.0 if check.lowers and not flagged else draw(SHARE) for check in story().checks}
