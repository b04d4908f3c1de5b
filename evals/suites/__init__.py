"""The suites, by name. Each is a short file: its cases, what is done with one, the figures of all."""

from evals.runs import Suite
from evals.suites.agreement import AgreementSuite
from evals.suites.consistency import ConsistencySuite
from evals.suites.edits import EditsSuite
from evals.suites.evidence import EvidenceSuite
from evals.suites.fairness import FairnessSuite
from evals.suites.gaming import GamingSuite
from evals.suites.probing import ProbingSuite
from evals.suites.retrieval import RetrievalSuite

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        AgreementSuite(),
        EditsSuite(),
        GamingSuite(),
        EvidenceSuite(),
        ProbingSuite(),
        RetrievalSuite(),
        FairnessSuite(),
        ConsistencySuite(),
    )
}
