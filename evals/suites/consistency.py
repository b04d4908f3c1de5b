"""Is the same answer given the same grade, every time and with another number of threads?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.cases import Answer, answers
from evals.metrics import share
from evals.runs import Figure, Result, told
from evals.workbench import Workbench
from simulator.errors import ConfigurationError
from simulator.models import open_model
from simulator.prompts import digest_of

ANSWERS = 2
TIMES = 10


@dataclass(frozen=True, slots=True)
class _Case:
    id: str
    answer: Answer
    one_thread: bool


class ConsistencySuite:
    """Two answers graded ten times over, past the journal; then each once by a model on one thread."""

    name = "consistency"

    def cases(self, split: str) -> Sequence[_Case]:
        chosen = sorted(answers(split), key=lambda one: digest_of(one.id))[:ANSWERS]
        again = [_Case(f"{one.id}#{number}", one, False) for one in chosen for number in range(1, TIMES + 1)]
        return [*again, *(_Case(f"{one.id}#one-thread", one, True) for one in chosen)]

    def result(self, bench: Workbench, case: _Case) -> Result:
        if bench.model is None:
            raise ConfigurationError("Consistency cannot be replayed.", "Run it with the model.")
        if not case.one_thread:
            return told(bench.grader(judge=bench.model).grade(case.answer.exchange))
        single = open_model(bench.settings.model_copy(update={"threads": 1}))
        try:
            return told(bench.grader(judge=single).grade(case.answer.exchange))
        finally:
            single.close()

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        by_answer: dict[str, list[Result]] = {}
        threads: list[bool] = []
        for key, one in results.items():
            answer, _, which = key.partition("#")
            if which == "one-thread":
                threads.append(one["scores"] == results.get(f"{answer}#1", one)["scores"])
            else:
                by_answer.setdefault(answer, []).append(one)
        same = [one["chances"] == many[0]["chances"] for many in by_answer.values() for one in many[1:]]
        repeat, other = share(sum(same), len(same)), share(sum(threads), len(threads))
        return [
            Figure(
                "consistency.identical", repeat.value, repeat.low, repeat.high, repeat.n, "repeats alike to the digit"
            ),
            Figure("consistency.threads", other.value, other.low, other.high, other.n, "same scores on one thread"),
        ]
