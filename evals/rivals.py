"""The ways of asking that the interviewer is compared with: the same aim without a retrieved probe, any probe of the
bank, and the same three probes for everybody.
"""

import random
from collections.abc import Callable, Sequence
from typing import cast

from evals.cases import Sheet
from evals.workbench import Workbench
from simulator import markdown
from simulator.conduct import Conduct
from simulator.interview import Exchange, Role, Turn
from simulator.interviewer import Interviewer, Phrasing, turn_of
from simulator.library import GENERAL, Passage
from simulator.models import ChatModel

RIVALS = ("ours", "no_retrieval", "random", "fixed")
Ask = Callable[[Exchange, Sequence[str]], Turn | None]
"""What a rival asks next, given the ids of the passages that it has used; None when it asks no more."""


def interviewer_of(bench: Workbench, company: str, conduct: Conduct) -> Interviewer:
    """The program's own, speaking and judging through the journal."""
    library = bench.library
    return Interviewer(
        library.company(company),
        library.personas[company],
        conduct,
        library.prompts,
        bench.grader(),
        bench.index(),
        bench.embeddings,
        cast(ChatModel, bench.journal),  # no more is needed of it than to stream
    )


def rivals(bench: Workbench, case: Sheet, interviewer: Interviewer) -> dict[str, Ask]:
    """The ways of asking that are compared, in the order of RIVALS."""
    words = markdown.parse(bench.settings.content_dir / "prompts" / "evals" / "rivals.md")
    fixed = [_fixed(line) for line in words.section("the same for everybody").text.splitlines()]
    bank = [one for one in bench.library.passages if _may_ask(one, case.company)]
    ways: tuple[Ask, ...] = (
        lambda exchange, used: asked_by_program(interviewer, exchange, used),
        lambda exchange, used: asked_plainly(interviewer, words.section("plainly").text, exchange, used),
        lambda exchange, used: asked_at_random(bank, case.id, exchange, used),
        lambda exchange, used: Turn(_probe_id(exchange), Role.INTERVIEWER, *fixed[len(exchange.probes)]),
    )
    return dict(zip(RIVALS, ways, strict=True))


def asked_by_program(interviewer: Interviewer, exchange: Exchange, used: Sequence[str]) -> Turn | None:
    """The probe that the program would put."""
    aim = interviewer.aim(exchange, used)
    if aim is None:
        return None
    phrasing = Phrasing(aim)
    for _ in interviewer.say(exchange, aim, phrasing):
        pass
    return turn_of(_probe_id(exchange), phrasing)


def asked_plainly(interviewer: Interviewer, plain: str, exchange: Exchange, used: Sequence[str]) -> Turn | None:
    """What the program would go after, asked for by the check's name."""
    aim = interviewer.aim(exchange, used)
    if aim is None:
        return None
    name = aim.check.name[0].lower() + aim.check.name[1:]
    return Turn(_probe_id(exchange), Role.INTERVIEWER, plain.replace("{name}", name), aim.check.id, act=aim.act)


def asked_at_random(bank: Sequence[Passage], seed: str, exchange: Exchange, used: Sequence[str]) -> Turn:
    """Any probe of the company's that was not used yet; always the same one for this candidate."""
    left = [one for one in bank if one.id not in used]
    drawn = random.Random(f"{seed} {len(exchange.probes)}").choice(left)
    return Turn(_probe_id(exchange), Role.INTERVIEWER, drawn.ask, drawn.check, (drawn.id,))


def _may_ask(passage: Passage, company: str) -> bool:
    return (
        passage.kind == "probe"
        and passage.company in (GENERAL, company)
        and passage.question_kind in ("story", "both")
    )


def _fixed(line: str) -> tuple[str, str]:
    check, _, text = line.removeprefix("- ").partition(": ")
    return text, check


def _probe_id(exchange: Exchange) -> str:
    return f"{exchange.question.id}:probe {len(exchange.probes) + 1}"
