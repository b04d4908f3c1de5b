"""Is what is cited verbatim, and is it the reason? Without the cited sentence the finding should fall."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evals.cases import MARKED, Answer, answers, marks, sentences_of
from evals.metrics import share
from evals.runs import Figure, Result
from evals.workbench import Workbench
from simulator.interview import Exchange
from simulator.models import Lane
from simulator.prompts import digest_of
from simulator.rubric import Check, Finding, Rubric, State

CITED_PER_ANSWER = 2


@dataclass(frozen=True, slots=True)
class _Case:
    id: str
    answer: Answer


class EvidenceSuite:
    """Two met checks of each answer, picked by a digest: found again without the sentence that they cite."""

    name = "evidence"

    def cases(self, split: str) -> Sequence[_Case]:
        return [_Case(one.id, one) for one in answers(split)]

    def result(self, bench: Workbench, case: _Case) -> Result:
        grader = bench.grader()
        exchange = case.answer.exchange
        grade = grader.grade(exchange)
        met = [one for one in grade.findings.values() if one.state is State.MET]
        verbatim = [stands(exchange, one) for one in met if one.evidence]
        chosen = sorted(
            (one for one in met if _droppable(bench.rubric, one)), key=lambda one: digest_of(case.id, one.check)
        )
        drops = []
        for finding in chosen[:CITED_PER_ANSWER]:
            check = bench.rubric.check(finding.check)
            (after,) = grader.findings(grader.read(without(exchange, finding)), [check], Lane.BACKGROUND, fresh=True)
            drops.append(
                {
                    "check": check.id,
                    "before": round(finding.probability or 0.0, 4),
                    "after": round(after.probability or 0.0, 4),
                    "met": after.state is State.MET,
                }
            )
        return {
            "cited": len(verbatim),
            "verbatim": sum(verbatim),
            "without_evidence": [one.check for one in grade.findings.values() if one.note and not grade.reason],
            "places": {one.check: [[e.turn, e.start, e.end] for e in one.evidence] for one in met if one.evidence},
            "drops": drops,
        }

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        drops = [drop for one in results.values() for drop in one["drops"]]
        cited = sum(one["cited"] for one in results.values())
        verbatim = share(sum(one["verbatim"] for one in results.values()), cited)
        fell = share(sum(drop["after"] < drop["before"] for drop in drops), len(drops))
        gone = share(sum(not drop["met"] for drop in drops), len(drops))
        words = ("quotes that stand in the answer", "findings less likely without it", "findings gone without it")
        names = ("evidence.verbatim", "evidence.drop_falls", "evidence.drop_gone")
        found = [
            Figure(name, one.value, one.low, one.high, one.n, said)
            for name, one, said in zip(names, (verbatim, fell, gone), words, strict=True)
        ]
        right = share(*right_sentences(split, results))
        return [
            *found,
            Figure("evidence.right", right.value, right.low, right.high, right.n, "quotes that were marked, too"),
        ]


def right_sentences(split: str, results: Mapping[str, Result]) -> tuple[int, int]:
    """Of the quotes for criteria that the labels have, too: how many lie in a sentence marked for it."""
    if split not in MARKED:
        return 0, 0
    marked, hits, n = marks(split), 0, 0
    for answer in answers(split):
        places = results.get(answer.id, {}).get("places", {})
        numbered = sentences_of(answer)
        for check, found in places.items():
            if answer.checks.get(check) and check in {m for s in marked[answer.id].sentences.values() for m in s}:
                shown = {
                    at for number, at in numbered.items() if check in marked[answer.id].sentences.get(number, ())
                }
                hits += any((turn, start, end) in shown for turn, start, end in found)
                n += 1
    return hits, n


def stands(exchange: Exchange, finding: Finding) -> bool:
    """Whether all that is cited is there, letter for letter, where it is said to be."""
    return all(exchange.turns[e.turn].text[e.start : e.end] == e.text for e in finding.evidence)


def without(exchange: Exchange, finding: Finding) -> Exchange:
    """The exchange without the sentence that the finding cites."""
    cited = finding.evidence[0]
    turns = list(exchange.turns)
    text = turns[cited.turn].text
    turns[cited.turn] = replace(turns[cited.turn], text=(text[: cited.start] + text[cited.end :]).strip())
    return replace(exchange, turns=tuple(turns))


def _droppable(rubric: Rubric, finding: Finding) -> bool:
    check: Check = rubric.check(finding.check)
    return check.is_criterion and not check.whole and len(finding.evidence) == 1
