"""The first page: choose a company and a length, go on with what is under way, open what is past."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from simulator import clock
from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.interview import Segment
from simulator.pages import host_notice, shell
from simulator.pages.shell import go, literal, words
from simulator.records import Summary
from simulator.rounds import LENGTHS, planned


def page() -> None:
    st.title(words("title"))
    st.write(words("tagline"))
    try:
        conductor = shell.conductor()
        past = conductor.records.interviews.summaries()
    except SimulatorError as error:
        st.error(literal(error))
        return
    if host_notice.agreed(conductor):
        under_way = next((one for one in past if not one.closed and one.answers), None)
        if under_way:
            _resume(conductor, under_way)
        _choose(conductor)
    _list(conductor, past)


def _resume(conductor: Conductor, summary: Summary) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.write(words("resume"))
        if st.button(words("go on", company=conductor.library.company(summary.company).name), key="resume"):
            go("interview", summary.id)


def _choose(conductor: Conductor) -> None:
    companies = conductor.library.companies
    company_id = st.segmented_control(
        words("choose company"),
        list(companies),
        default="amazon" if "amazon" in companies else next(iter(companies)),
        format_func=lambda one: companies[one].name,
        required=True,
        key="company",
    )
    company = companies[company_id or "amazon"]
    persona = conductor.library.personas[company.id]
    length = st.radio(
        words("choose length"),
        LENGTHS,
        format_func=lambda one: words(one, minutes=f"{company.minutes:g}"),
        key="length",
    )
    minutes = 0.0
    if length == "custom":
        shortest, longest = clock.SHORTEST_MINUTES, clock.LONGEST_MINUTES
        minutes = float(st.slider(words("minutes"), shortest, longest, 30, key="minutes"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            words("choose kind"),
            ("", *clock.GRADED),
            default="",
            format_func=lambda one: words(f"kind {one}".strip()),
            required=True,
            key="kind",
        )
        timed = st.toggle(words("timed"), value=length != "quick", key=f"timed-{length}")
    try:
        plan = planned(company, length or LENGTHS[0], minutes, kind or "")
    except SimulatorError as error:
        st.error(literal(error))
        return
    st.caption(_plan(plan))
    st.caption(f"{persona.interviewer}: “{persona.greeting}”")
    if st.button(words("start"), type="primary"):
        try:
            interview = conductor.start(
                company.id, length or LENGTHS[0], minutes=minutes, kind=kind or "", timed=timed
            )
        except SimulatorError as error:
            st.error(literal(error))
            return
        go("interview", interview.id)


def _plan(plan: Sequence[Segment]) -> str:
    """The parts with their minutes, and where those come from."""
    parts = " · ".join(f"{one.name} ({one.seconds / 60:.0f} min)" for one in plan)
    sources = "; ".join(words(one) for one in dict.fromkeys(one.provenance for one in plan))
    return words("plan", parts=parts, sources=sources)


def _list(conductor: Conductor, past: list[Summary]) -> None:
    st.subheader(words("past"))
    if not past:
        st.caption(words("none yet"))
    for one in past:
        with st.container(horizontal=True, vertical_alignment="center", key=f"past-{one.id}"):
            when = datetime.fromisoformat(one.started).astimezone().strftime("%d %b %Y, %H:%M")
            state = _state(conductor, one)
            label = f"{conductor.library.company(one.company).name} · {when} · {state}"
            if st.button(label, key=f"open-{one.id}", type="tertiary"):
                go("scorecard" if one.closed else "interview", one.id)
            with st.popover("", icon=":material/delete:", help=words("remove"), type="tertiary"):
                st.write(words("remove sure"))
                if st.button(words("remove"), key=f"remove-{one.id}"):
                    conductor.records.interviews.remove(one.id)
                    st.rerun()


def _state(conductor: Conductor, one: Summary) -> str:
    """How an interview stands; its score is told once the candidate has rated it themselves, or would not."""
    if not one.closed:
        return words("state under way", answers=one.answers)
    overall = conductor.scorecard(one.id).overall
    if overall is None:
        return words("state no score")
    seen = conductor.records.opinions.self_rating(one.id) is not None
    return words("state scored", overall=f"{overall:.1f}") if seen else words("state unseen")
