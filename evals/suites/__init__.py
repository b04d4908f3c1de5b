"""The suites, by name. Each is a short file: its cases, what is done with one, the figures of all."""

from evals.runs import Suite
from evals.suites.agreement import AGREEMENT, CASES
from evals.suites.consistency import ConsistencySuite
from evals.suites.edits import EditsSuite
from evals.suites.evidence import EvidenceSuite
from evals.suites.fairness import FairnessSuite
from evals.suites.gaming import GamingSuite
from evals.suites.interviewer import InterviewerSuite, by_model
from evals.suites.probing import ProbingSuite
from evals.suites.retrieval import RetrievalSuite

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
        FairnessSuite(),
        ConsistencySuite(),
    )
}
