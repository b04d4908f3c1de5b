"""Past interviews for tests: rounds that were held, with grades as told and no model in sight."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from conftest import shipped
from pydantic import TypeAdapter

from simulator.interview import Act, Interview, Question, Role, Segment, Turn, open_interview
from simulator.progress import Held
from simulator.records import Records, new_id
from simulator.rubric import DIMENSIONS, Evidence, Finding, Grade, Rating, State
from simulator.scorecard import score

DAY = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
QUESTION = Question("story/late", "Tell me about a late project.", invites=("result.quantified", "context.goal"))
ANSWER = "Our checkout was three weeks late, so I cut the export and told our director in the second week."
REPLY = "Failures fell from four percent to one percent by the end of June, and nobody asked for the export."
PROVENANCE = {"model": "m", "method": "checkwise", "rubric": "rubrics/story@1", "prompts": "p", "rule": "r"}


def said(text: str, at: float = 0.0) -> Turn:
    return Turn(new_id(), Role.CANDIDATE, text, at=at)


def probe(check: str, at: float = 0.0, act: Act = Act.PROBE) -> Turn:
    return Turn(new_id(), Role.INTERVIEWER, "What did that cost?", check, ("probes/x/y",), act, at)


def held_round(
    turns: Sequence[Turn],
    company: str = "stripe",
    question: Question = QUESTION,
    *,
    plan: Sequence[Segment] = (),
    timed: bool = False,
    retry_of: str = "",
) -> Interview:
    """A closed round of one question on which this was said."""
    options = {"plan": plan, "timed": timed, "retry_of": retry_of, "began": DAY.timestamp()}
    interview = open_interview(new_id(), company, "quick", [question], **options)  # type: ignore[arg-type]
    for turn in turns:
        candidate = turn.role is Role.CANDIDATE
        interview = interview.answer(turn.id, turn.text, turn.at, turn.act) if candidate else interview.reply(turn)
    return interview.close()


def grade(
    scores: Mapping[str, int] | int,
    met: Mapping[str, int] | Collection[str] = (),
    kind: str = "story",
    provenance: Mapping[str, str | float] = PROVENANCE,
    unknown: Collection[str] = (),
) -> Grade:
    """These scores, with bands half a point wide on either side; `met` are the checks that were met, each with the
    turn that shows it (the first where only names are given)."""
    places = met if isinstance(met, Mapping) else dict.fromkeys(met, 0)
    findings = {}
    for check in shipped().rubric_for(kind).checks:
        state = State.NOT_ASSESSED if check.id in unknown else State.NOT_MET
        findings[check.id] = Finding(check.id, state)
        if check.id in places:
            evidence = (Evidence(places[check.id], 0, 3, "Our"),)
            findings[check.id] = Finding(check.id, State.MET, 0.9, evidence)
    each = {name: scores if isinstance(scores, int) else scores[name] for name in DIMENSIONS}
    ratings = {n: Rating(n, value, float(value), value - 0.5, value + 0.5, ()) for n, value in each.items()}
    return Grade(findings, ratings, "", provenance)


def held(
    interview: Interview, graded: Grade | None, day: int = 0, self_rating: Mapping[str, float] | None = None
) -> Held:
    """The round as progress sees it, so many days after the first."""
    grades = {0: graded} if graded else {}
    company = shipped().company(interview.company)
    card = score(interview, shipped().rubric_for, company, grades)
    return Held(interview, DAY + timedelta(days=day), card, grades, self_rating or {})


def keep(records: Records, interview: Interview, graded: Grade | None) -> None:
    """Store a round as the program would: opened, moved on, closed, graded."""
    opened = open_interview(
        interview.id,
        interview.company,
        interview.length,
        interview.questions,
        plan=interview.plan,
        began=interview.began,
        timed=interview.timed,
        retry_of=interview.retry_of,
    )
    records.interviews.add(opened)
    records.interviews.save(opened, interview, grade=[0] if graded else [])
    if graded and (job := records.jobs.take("w")):
        records.jobs.finish(job, "w", TypeAdapter(Grade).dump_python(graded, mode="json"))
