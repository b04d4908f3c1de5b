"""The candidate's own rating: asked for before the score is seen, compared with it afterwards."""

from html import escape

import streamlit as st

from simulator.errors import SimulatorError
from simulator.pages.scorecard_subject import Subject, tell
from simulator.pages.shell import literal
from simulator.review import Distance, distances
from simulator.rubric import DIMENSIONS, HIGHEST, LOWEST

_CLOSE = 0.5
"""A rating that is off by less than this is called right: a card's own bands are no narrower."""


def comes_first(subject: Subject) -> bool:
    """Whether the candidate is still to rate an interview that a score is there for, or on its way. An interview of
    before there was a self-rating, which noted no beginning, was seen long ago."""
    interview = subject.interview
    if not interview.closed or not interview.began or not (subject.card.dimensions or subject.card.ungraded):
        return False
    return subject.conductor.records.opinions.self_rating(interview.id) is None


def ask(subject: Subject) -> None:
    """The form; keeps the rating, or that it was skipped, and draws the page anew."""
    st.subheader(tell("rate"))
    st.write(tell("rate intro"))
    scores: dict[str, float] = {}
    with st.form("self-rating"):
        for name in DIMENSIONS:
            chosen = st.radio(
                f"**{subject.names[name]}**: {tell(f'rate {name}')}",
                range(LOWEST, HIGHEST + 1),
                index=None,
                horizontal=True,
                key=f"rate-{name}",
            )
            if chosen is not None:
                scores[name] = chosen
        with st.container(horizontal=True):
            rates = st.form_submit_button(tell("rate keep"), type="primary")
            skips = st.form_submit_button(tell("rate skip"))
    if rates and len(scores) < len(DIMENSIONS):
        st.error(tell("rate all"))
    elif rates or skips:
        try:
            subject.conductor.records.opinions.rate(subject.interview.id, scores if rates else {})
        except SimulatorError as error:
            st.error(literal(error))
            return
        st.rerun()


def compared(subject: Subject) -> None:
    """How far the candidate's rating was off, in words; nothing without one."""
    own = subject.conductor.records.opinions.self_rating(subject.interview.id)
    scored = {one.dimension: one.score for one in subject.card.dimensions}
    found = distances(own.scores, scored) if own else []
    if found:
        st.subheader(tell("rated"))
        lines = "".join(f"<li>{escape(_in_words(subject, one))}</li>" for one in found)
        st.html(f'<ul class="rated">{lines}</ul>')


def _in_words(subject: Subject, one: Distance) -> str:
    slug = "rated same" if abs(one.off) < _CLOSE else "rated above" if one.off > 0 else "rated below"
    return tell(
        slug,
        name=subject.names[one.dimension],
        own=f"{one.own:g}",
        scored=f"{one.scored:.1f}",
        off=f"{abs(one.off):.1f}",
    )
