"""Does the interviewer go for the thing that the answer left out, and for the one that matters most?"""

from collections.abc import Mapping, Sequence
from typing import cast

from evals.cases import Opening, openings
from evals.metrics import share
from evals.runs import Figure, Result
from evals.workbench import Workbench
from simulator.conduct import Conduct
from simulator.interviewer import Interviewer
from simulator.models import ChatModel


class ProbingSuite:
    """Opening answers; what is chosen to be probed beside what labellers would probe."""

    name = "probing"

    def cases(self, split: str) -> Sequence[Opening]:
        return openings(split)

    def result(self, bench: Workbench, case: Opening) -> Result:
        library = bench.library
        interviewer = Interviewer(
            library.company(case.company),
            library.personas[case.company],
            Conduct.read(library.conduct),
            library.prompts,
            bench.grader(),
            bench.index(),
            bench.embeddings,
            cast(ChatModel, None),  # nothing is phrased here
        )
        aim = interviewer.aim(case.exchange)
        if aim is None:
            return {"check": None, "passages": []}
        return {"check": aim.check.id, "passages": [hit.passage.id for hit in aim.hits]}

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        openings = [one for one in self.cases(split) if one.id in results]
        chosen = {one.id: results[one.id]["check"] for one in openings}
        best = share(sum(chosen[one.id] in one.best for one in openings), len(openings))
        open_ = share(sum(chosen[one.id] in one.open for one in openings), len(openings))
        constant = max((sum(check in one.best for one in openings) for check in _all_checks(openings)), default=0)
        rival = share(constant, len(openings))
        return [
            Figure("probing.best", best.value, best.low, best.high, best.n, "probes for one of the two best"),
            Figure("probing.open", open_.value, open_.low, open_.high, open_.n, "probes for something left out"),
            Figure(
                "probing.constant", rival.value, rival.low, rival.high, rival.n, "best if always the same was probed"
            ),
        ]


def _all_checks(openings: Sequence[Opening]) -> set[str]:
    return {check for one in openings for check in one.best}
