"""Does the interviewer get out of a candidate what was left unsaid, and more of it than simpler ways of asking?

Every candidate of a split is interviewed by each rival, with three probes. What can come out is known: it is on the
sheet.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from evals.candidates import Candidate, PlayedByCode, PlayedByModel, contents, question_of, stems
from evals.cases import Sheet, sheets
from evals.metrics import Array, Interval, bootstrap, share
from evals.rivals import RIVALS, Ask, interviewer_of, rivals
from evals.runs import Figure, Result
from evals.workbench import Workbench
from simulator import markdown
from simulator.conduct import Conduct
from simulator.interview import Role, Turn

PROBES = 3
WORDS_A_MINUTE = 140.0
TURN_SECONDS = 5.0
"""What it takes to begin to speak, each time."""
SAME_QUESTION = 0.9
"""Likeness from which on a probe asks what an earlier one has asked."""
Play = Callable[[Workbench, Sheet], Candidate]


@dataclass(frozen=True, slots=True)
class Probed:
    """One probe with its reply, as a run keeps it: the facts that came out, and what was wrong with the probe."""

    text: str
    check: str
    reply: str
    told: tuple[str, ...]
    open: bool
    repeated: bool
    fault: str
    replaced: str
    leaked: bool

    @property
    def seconds(self) -> float:
        """Speaking time of both."""
        words = len(self.text.split()) + len(self.reply.split())
        return words / WORDS_A_MINUTE * 60 + 2 * TURN_SECONDS


def by_code(bench: Workbench, sheet: Sheet) -> Candidate:
    return PlayedByCode(sheet, bench.embeddings)


def by_model(bench: Workbench, sheet: Sheet) -> Candidate:
    manners = markdown.parse(bench.settings.content_dir / "prompts" / "evals" / "candidate.md")
    prompt = bench.library.prompts["evals/candidate"]
    return PlayedByModel(sheet, prompt, manners, bench.journal, bench.embeddings)


@dataclass(slots=True)
class InterviewerSuite:
    """Candidates, and the facts that each rival gets out of them."""

    name: str = "interviewer"
    play: Play = by_code

    def cases(self, split: str) -> Sequence[Sheet]:
        return sheets(split)

    def result(self, bench: Workbench, case: Sheet) -> Result:
        conduct = Conduct.read(bench.library.conduct)
        asking = rivals(bench, case, interviewer_of(bench, case.company, conduct))
        return {name: interviewed(bench, case, ask, self.play(bench, case), conduct) for name, ask in asking.items()}

    def figures(self, split: str, results: Mapping[str, Result]) -> list[Figure]:
        done = [one for one in self.cases(split) if one.id in results]
        if not done:
            return []
        questions = [one.question for one in done]
        told = {rival: [results[one.id][rival] for one in done] for rival in RIVALS}
        found = [figure for rival in RIVALS for figure in _figures_of(told[rival], questions, rival)]
        found += [_over(told["ours"], told[rival], questions, rival) for rival in RIVALS[1:]]
        return [replace(figure, name=f"{self.name}.{figure.name}") for figure in found]


def interviewed(
    bench: Workbench, case: Sheet, ask: Ask, candidate: Candidate, conduct: Conduct
) -> list[dict[str, object]]:
    """The probes of one rival to one candidate, with what came out."""
    exchange, used, told, record = case.exchange, list[str](), set[str](), list[dict[str, object]]()
    while len(exchange.probes) < PROBES and (turn := ask(exchange, used)):
        before, exchange = exchange, replace(exchange, turns=(*exchange.turns, turn))
        used += turn.passages
        reply = candidate.reply(exchange)
        hidden = [fact for fact in case.facts if fact.check not in told]
        earlier = [question_of(one.text) for one in before.probes]
        question = question_of(turn.text)
        known = " ".join([case.question, *(one.text for one in before.turns), *_bank_words(bench, turn)])
        probed = Probed(
            turn.text,
            turn.check,
            reply.text,
            reply.told,
            turn.check in {fact.check for fact in hidden},
            _repeats(bench, question, earlier),
            conduct.fault(question, earlier, known),
            turn.replaced,
            any(hints(question, fact.words, known) for fact in hidden),
        )
        record.append(asdict(probed))
        told |= set(reply.told)
        said = Turn(f"{turn.id}:reply", Role.CANDIDATE, reply.text)
        exchange = replace(exchange, turns=(*exchange.turns, said))
    return record


def hints(question: str, words: str, known: str) -> bool:
    """Whether a question gives away a figure, or two words that say something side by side, of what was not said."""
    pairs = _pairs(question) & _pairs(words) - _pairs(known)
    figures = {one for one in contents(question) & contents(words) - contents(known) if one[0].isdigit()}
    return bool(pairs or figures)


def _pairs(text: str) -> set[tuple[str, str]]:
    said = stems(text)
    return set(itertools.pairwise(said))


def _repeats(bench: Workbench, question: str, earlier: Sequence[str]) -> bool:
    if not earlier:
        return False
    vectors = np.array(bench.embeddings.embed_documents([question, *earlier]))
    return bool((vectors[1:] @ vectors[0]).max() >= SAME_QUESTION)


def _bank_words(bench: Workbench, turn: Turn) -> list[str]:
    """What the bank itself asks in, which gives away nothing of a candidate, and the companies' names."""
    asks = [one.ask for one in bench.library.passages if one.id in turn.passages]
    return asks + [company.name for company in bench.library.companies.values()]


# --- figures ---------------------------------------------------------------------------------------------


Interviews = Sequence[Sequence[Mapping[str, object]]]
"""The kept probes of one rival, by candidate."""


def _figures_of(interviews: Interviews, questions: Sequence[str], rival: str) -> list[Figure]:
    told, probes = _facts(interviews), np.array([len(one) for one in interviews], float)
    minutes = np.array([sum(_probed(probe).seconds for probe in one) for one in interviews]) / 60
    sheet = bootstrap(lambda rows: float(told[rows].mean()), questions)
    per_probe = bootstrap(lambda rows: _ratio(told[rows], probes[rows]), questions)
    per_minute = bootstrap(lambda rows: _ratio(told[rows], minutes[rows]), questions)
    opened = np.array([sum(_probed(probe).open for probe in one) for one in interviews], float)
    figures = [
        _figure(f"elicited.{rival}", sheet, f"facts that came out a candidate, {rival}"),
        _figure(f"per_probe.{rival}", per_probe, f"facts a probe, {rival}"),
        _figure(f"per_minute.{rival}", per_minute, f"facts a minute of speaking, {rival}"),
        _figure(
            f"open.{rival}",
            bootstrap(lambda rows: _ratio(opened[rows], probes[rows]), questions),
            f"probes for something that was left unsaid, {rival}",
        ),
    ]
    every = [_probed(probe) for one in interviews for probe in one]
    counts = {
        "repeated": [one.repeated for one in every],
        "violations": [bool(one.fault) for one in every],
        "leaked": [one.leaked for one in every],
    } | ({"replaced": [bool(one.replaced) for one in every]} if rival == "ours" else {})
    words = {
        "repeated": "probes that ask what was asked",
        "violations": "probes shown that break a rule of conduct",
        "leaked": "probes that give away something unsaid",
        "replaced": "wordings of the model that gave way to the passage's",
    }
    return figures + [
        _figure(f"{name}.{rival}", share(sum(so), len(so)), f"{words[name]}, {rival}") for name, so in counts.items()
    ]


def _over(ours: Interviews, other: Interviews, questions: Sequence[str], rival: str) -> Figure:
    """How many times as many facts ours got from the same candidates."""
    one, two = _facts(ours), _facts(other)
    paired = bootstrap(lambda rows: _ratio(one[rows], two[rows]), questions)
    return _figure(f"over.{rival}", paired, f"facts of ours for one of {rival}, same candidates")


def _facts(interviews: Interviews) -> Array:
    return np.array([sum(len(_probed(probe).told) for probe in one) for one in interviews], float)


def _probed(probe: Mapping[str, object]) -> Probed:
    return Probed(**probe)  # type: ignore[arg-type]  # as `asdict` laid it out


def _ratio(one: Array, other: Array) -> float:
    return float(one.sum() / other.sum()) if other.sum() else math.nan


def _figure(name: str, interval: Interval, told: str) -> Figure:
    return Figure(name, interval.value, interval.low, interval.high, interval.n, told)
