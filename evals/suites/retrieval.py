"""Does a search find the passages that answer it, and is the mixture better than its parts?"""

from collections.abc import Mapping, Sequence

from evals.cases import Query, queries
from evals.metrics import bootstrap, share
from evals.runs import Figure, Result
from evals.workbench import Workbench

DEPTH = 5
WAYS = ("mixed", "dense", "lexical")


class RetrievalSuite:
    """Queries with their filters; the five best passages as the program searches, and by each half alone."""

    name = "retrieval"

    def cases(self, split: str) -> Sequence[Query]:
        return queries(split)

    def result(self, bench: Workbench, case: Query) -> Result:
        index = bench.index()
        narrow = (case.check or "", case.kind or "")
        mixed = index.search(case.query, case.company, DEPTH, check=narrow[0], kind=narrow[1])
        dense = index.nearest(case.query, case.company, DEPTH, *narrow)
        lexical = index.matching(case.query, case.company, DEPTH, *narrow)
        ways = zip(WAYS, (mixed, dense, lexical), strict=True)
        return {way: [hit.passage.id for hit in hits] for way, hits in ways}

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        queries = [one for one in self.cases(split) if one.id in results]
        ids = [one.id for one in queries]
        found = []
        for way in WAYS:
            hit = share(sum(rank_of(one, results[one.id][way]) > 0 for one in queries), len(queries))
            words = f"right passage among the first {DEPTH}, {way}"
            found.append(Figure(f"retrieval.hit.{way}", hit.value, hit.low, hit.high, hit.n, words))
            ranks = [rank_of(one, results[one.id][way]) for one in queries]
            reciprocal = [1 / rank if rank else 0.0 for rank in ranks]
            mean = bootstrap(lambda rows, r=reciprocal: float(sum(r[i] for i in rows) / len(rows)), ids)  # type: ignore[misc]
            found.append(
                Figure(f"retrieval.mrr.{way}", mean.value, mean.low, mean.high, mean.n, f"reciprocal rank, {way}")
            )
        return found


def rank_of(query: Query, ids: Sequence[str]) -> int:
    """Place of the first right passage, from 1; 0 where there is none."""
    return next((rank for rank, one in enumerate(ids, 1) if one in query.right), 0)
