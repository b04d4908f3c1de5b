"""The suites, by name. Each is a short file: its cases, what is done with one, the figures of all."""

from evals.runs import Suite
from evals.suites.agreement import AGREEMENT, CASES
from evals.suites.attacks import AttacksSuite
from evals.suites.consistency import ConsistencySuite
from evals.suites.edits import EditsSuite
from evals.suites.evidence import EvidenceSuite
from evals.suites.fairness import FairnessSuite
from evals.suites.gaming import GamingSuite
from evals.suites.interviewer import InterviewerSuite, by_model
from evals.suites.probing import ProbingSuite
from evals.suites.retrieval import RetrievalSuite
from evals.suites.unchanged import UnchangedSuite

FAIRNESS = FairnessSuite("fairness", "story", answers={"dev": 2, "test": 6})
"""A part of the design: the embedded model takes ten seconds an answer, and there are two thousand variants."""
SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        AGREEMENT,
        CASES,
        EditsSuite(),
        GamingSuite(),
        EvidenceSuite(),
        ProbingSuite(),
        InterviewerSuite(),
        InterviewerSuite("interviewer_model", by_model),
        RetrievalSuite(),
        UnchangedSuite(),
        FAIRNESS,
        FairnessSuite("fairness_held", "story", held=True),
        FairnessSuite("fairness_cases", "case"),
        AttacksSuite("attacks"),
        AttacksSuite("attacks_held", held=True),
        ConsistencySuite(),
    )
}
