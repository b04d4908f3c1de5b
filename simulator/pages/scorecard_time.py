"""What was made of the time, beside the score and never in it."""

from html import escape

import streamlit as st

from simulator.clock import FASTEST_WORDS, SLOWEST_WORDS, WORDS_PER_MINUTE, Use, opening_seconds, uses
from simulator.interview import Interview
from simulator.pages.scorecard_subject import Subject, tell

_STEP = 5


def overtime(subject: Subject) -> None:
    """Names the parts that ran over; nothing where none did, or no clock ran."""
    over = [use for use in uses(subject.interview) if use.over >= 1] if subject.interview.timed else []
    if over:
        parts = [tell("time overtime part", name=use.segment.name, length=_length(use.over)) for use in over]
        st.caption(tell("time overtime", parts=", ".join(parts)))


def time_use(subject: Subject) -> None:
    """Each part as planned, by the clock and as speech; nothing for an interview without a plan."""
    interview = subject.interview
    if not uses(interview):
        return
    st.subheader(tell("time"))
    speed = st.slider(
        tell("time speed"),
        SLOWEST_WORDS,
        FASTEST_WORDS,
        WORDS_PER_MINUTE,
        _STEP,
        key="words-per-minute",
        bind="query-params",
    )
    heads = "".join(
        f"<th>{escape(tell(f'time {slug}'))}</th>" for slug in ("part", "planned", "used", "spoken", "over")
    )
    rows = "".join(_row(use, interview) for use in uses(interview, speed))
    st.html(f'<table class="time"><tr>{heads}</tr>{rows}</table>')
    st.caption(tell("time note", speed=speed))
    st.html("".join(f"<p>{escape(line)}</p>" for line in _openings(interview, speed)))


def _row(use: Use, interview: Interview) -> str:
    """Without a clock a page may lie open for days: then nothing is over."""
    over = _length(use.over) if interview.timed and use.over >= 1 else "–"
    cells = (_length(use.segment.seconds), _length(use.used), _length(use.spoken), over)
    return f"<tr><td>{escape(use.segment.name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _openings(interview: Interview, speed: float) -> list[str]:
    return [
        tell(
            "time opening",
            number=number + 1,
            length=_length(opening_seconds(exchange, speed)),
        )
        for number, exchange in enumerate(interview.exchanges)
        if exchange.graded
    ]


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
