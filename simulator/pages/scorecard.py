"""The scorecard: the score with its bands, what to do about it, and downloads. Its other parts are files beside this.

Decides only the order: the candidate rates the interview first, then sees the card.
"""

import json
from html import escape
from pathlib import Path

import streamlit as st

from simulator.errors import SimulatorError
from simulator.pages import scorecard_rating as rating
from simulator.pages import shell
from simulator.pages.scorecard_advice import lenses, what_a_4_would_add
from simulator.pages.scorecard_findings import gaps, points, principles
from simulator.pages.scorecard_review import second_try, transcript
from simulator.pages.scorecard_subject import Subject, subject_of
from simulator.pages.scorecard_time import overtime, time_use
from simulator.pages.shell import go, literal, words
from simulator.records import Job
from simulator.scorecard import PURPOSE, DimensionScore, as_json, as_markdown

_STYLE = Path(__file__).with_name("scorecard.css").read_text(encoding="utf-8")


def page() -> None:
    try:
        conductor = shell.conductor()
        interview_id = st.query_params.get("id", "")
        if not interview_id:
            st.info(words("no interview"))
            return
        _draw(subject_of(conductor, interview_id))
    except SimulatorError as error:
        st.error(literal(error))


def _draw(subject: Subject) -> None:
    st.html(f"<style>{_STYLE}</style>")
    st.title(f"{subject.company.name}: scorecard")
    if not any(exchange.graded for exchange in subject.interview.exchanges):
        st.info(words("nothing answered"))
        return
    jobs = subject.conductor.records.jobs.of(subject.interview.id)
    if any(_is_open(job) for job in jobs):
        _grading(subject.interview.id)
    _failures(subject, [job for job in jobs if job.state == "failed"])
    if rating.comes_first(subject):
        rating.ask(subject)
    else:
        _card(subject)


def _card(subject: Subject) -> None:
    card = subject.card
    if card.dimensions:
        _overall(subject)
        rating.compared(subject)
    elif card.reasons:
        st.warning(f"{words('no score')}. " + literal("; ".join(card.reasons)))
    second_try(subject)
    if card.dimensions:
        _dimensions(subject)
    _improvements(subject)
    if card.dimensions:
        what_a_4_would_add(subject)
        lenses(subject)
    points(subject)
    gaps(subject)
    principles(subject)
    time_use(subject)
    transcript(subject)
    _downloads(subject)


def _is_open(job: Job) -> bool:
    return job.state in ("waiting", "running")


@st.fragment(run_every=1.0)
def _grading(interview_id: str) -> None:
    conductor = shell.conductor()
    jobs = conductor.records.jobs.of(interview_id)
    if not any(_is_open(job) for job in jobs):
        st.rerun()
    if conductor.program.loading_error:
        st.error(literal(conductor.program.loading_error))
    shares = conductor.grading_progress(interview_id)
    if not shares:
        st.info(words("grading waits"))
    for number, share in shares.items():
        st.progress(share, words("grading", number=number + 1, of=len(jobs)))


def _failures(subject: Subject, failed: list[Job]) -> None:
    for job in failed:
        st.error(words("failed grade", number=job.exchange + 1, error=literal(job.error)))
    if failed and st.button(words("try again"), type="primary"):
        subject.conductor.retry_grading(subject.interview.id)
        st.rerun()


def _overall(subject: Subject) -> None:
    card, bar = subject.card, f"{subject.card.bar:.1f}"
    st.html(
        f'<div class="overall"><span class="number">{card.overall:.1f}</span>'
        f'<span><span class="verdict">{escape(words(card.verdict))}</span><br>'
        f"{words('overall')}, {card.low:.1f}–{card.high:.1f}</span></div>"
    )
    if card.firmness is not None:
        st.caption(words("firmness", firmness=card.firmness, bar=bar))
    st.caption(words("bar", company=subject.company.name, bar=bar))
    overtime(subject)


def _dimensions(subject: Subject) -> None:
    st.subheader(words("dimensions"))
    rows = [_row(subject.names[one.dimension], one, subject.card.bar) for one in subject.card.dimensions]
    ticks = "".join(f"<span>{tick}</span>" for tick in (1, 2, 3, 4))
    st.html(f'{"".join(rows)}<div class="scale"><span></span><span class="ticks">{ticks}</span><span></span></div>')


def _row(name: str, one: DimensionScore, bar: float) -> str:
    def at(score: float) -> str:
        return f"{(score - 1) / 3 * 100:.1f}%"

    width = f"{(one.high - one.low) / 3 * 100:.1f}%"
    label = f"{name}: {one.score:.1f} of 4, band {one.low:.1f} to {one.high:.1f}, bar {bar:.1f}"
    return (
        f'<div class="dimension" role="img" aria-label="{escape(label)}"><span>{escape(name)}</span>'
        f'<span class="track"><span class="band" style="left:{at(one.low)};width:{width}"></span>'
        f'<span class="bar" style="left:{at(bar)}"></span>'
        f'<span class="dot" style="left:{at(one.score)}"></span></span>'
        f'<span class="value">{one.score:.1f}</span></div>'
    )


def _improvements(subject: Subject) -> None:
    if not subject.card.improvements:
        return
    st.subheader(words("improve"))
    st.caption(words("improve meaning"))
    for number, one in enumerate(subject.card.improvements, 1):
        with st.container(border=True):
            st.html(
                f"<b>{number}. {escape(one.name)}</b> · {words('in question', number=one.exchange + 1)}"
                f"<br>{escape(one.missing)} {escape(one.advice)}"
                f'<div class="aside">{words("improve moment")}</div><div class="moment">{escape(one.moment)}</div>'
            )


def _downloads(subject: Subject) -> None:
    card, interview, contested = subject.card, subject.interview, subject.contested
    if card.provenance:
        names = ("model", "method", "rubric", "prompts", "rule")
        made = {name: literal(card.provenance.get(name, "")) for name in names}
        st.caption(words("made by", purpose=PURPOSE, **made))
    markdown = as_markdown(card, interview, subject.company, subject.names, contested)
    data = json.dumps(as_json(card, interview, contested), ensure_ascii=False, indent=2)
    with st.container(horizontal=True):
        st.download_button(words("download markdown"), markdown, f"{interview.id}.md", on_click="ignore")
        st.download_button(words("download json"), data, f"{interview.id}.json", on_click="ignore")
        if st.button(words("home"), key="again"):
            go("practise")
