"""A reply of the model is cut at every byte: no grade is made from half a reply, and no half question is kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conftest import ScriptedModel, grader_over, shipped
from fault_server import Request, Step
from interviewing import REPLY, told
from telling import ANSWER as STORY

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.interview import Next
from simulator.models import open_model
from simulator.program import STORY_RUBRIC, Program
from simulator.rubric import Calibration, ScoreRule
from simulator.settings import Settings
from soak.tally import Tally


class CutModel(ScriptedModel):
    """A scripted model whose connection closes after so many bytes of a body, as if that were all."""

    def __init__(self) -> None:
        self.cut: int | None = None
        self.cuts: Callable[[Request], bool] = lambda request: True
        self.longest = 0
        super().__init__()

    def step(self, request: Request) -> Step:
        step = super().step(request)
        if not self.cuts(request):
            return step
        self.longest = max(self.longest, len(step.body))
        return replace(step, cut=self.cut, sized=False)


def _asking(checks: int | None) -> ScoreRule | None:
    """A rule that has the model asked about so many checks alone, so that its reply is short."""
    if checks is None:
        return None
    rubric = shipped().rubrics[STORY_RUBRIC]
    silent = {check.id: Calibration(slope=0.0) for check in rubric.checks[checks:]}
    rule = shipped().rule_for(rubric, "fake", "checkwise", "")
    return replace(
        rule, calibrations={**rule.calibrations, **silent, **{c.id: Calibration() for c in rubric.checks[:checks]}}
    )


def reply_cuts(method: str, checks: int | None = None, every: int = 1) -> Tally:
    """Cut the replies that a grade is made of after each `every`-th byte, with so many checks asked about."""
    tally, exchange = Tally(f"{method} reply cut"), told(STORY, REPLY, probed=("x",))
    with CutModel() as model:
        opened = open_model(Settings(_env_file=None, model="fake", base_url=model.base_url))
        grader = grader_over(opened, method, rule=_asking(checks))
        tally.expect(grader.grade(exchange).overall is not None, "not even the whole reply makes a grade")
        whole = model.longest
        for cut in range(0, whole, every):
            model.cut = cut
            tally.broken += 1
            try:
                grade = grader.grade(exchange)
            except SimulatorError:
                tally.counts["failed with a reason"] += 1
            else:
                tally.counts["no score, with a reason"] += 1
                tally.expect(grade.overall is None and bool(grade.reason), f"a score from {cut} of {whole} bytes")
    tally.counts["bytes of a reply"] = whole
    return tally


def question_cuts(settings: dict[str, Any], model: CutModel, every: int) -> Tally:
    """Cut the interviewer's question, which is streamed, after each `every`-th byte, in a new interview each."""
    tally, conductor = Tally("streamed question cut"), Conductor(Program(Settings(_env_file=None, **settings)))
    model.cuts = lambda request: bool(request.body.get("stream"))
    asks = tuple(passage.ask for passage in shipped().passages if passage.ask)
    cut = 0
    while not tally.broken or cut < model.longest:
        model.cut = cut
        interview = conductor.start("stripe", "quick", 1, kind="story")
        move = conductor.answer(interview.id, f"t{cut}", STORY)
        heard = "".join(move.tail())
        after = conductor.records.interviews.find(interview.id)
        tally.broken += 1
        if move.error:
            tally.counts["told, and asked again"] += 1
            tally.expect([one.text for one in after.current.turns] == [STORY], f"half a question is kept: {heard!r}")
            tally.expect(after.next is Next.INTERVIEWER, "it is not the interviewer's turn")
            model.cut = None
            for _ in conductor.move(interview.id).tail():
                pass
            after = conductor.records.interviews.find(interview.id)
        said = after.current.turns[-1].text
        tally.expect(said.endswith(asks), f"no whole question: {said!r}")  # an opener may stand before it
        cut += every
    conductor.program.close()
    tally.counts["bytes of a reply"] = model.longest
    return tally
