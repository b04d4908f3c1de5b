"""Every finding with its words, what was missing, and the candidate's own opinion of each."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.errors import SimulatorError
from simulator.gaps import Missing
from simulator.pages.scorecard_subject import Subject, tell
from simulator.pages.shell import literal, words
from simulator.principles import MOST_NAMED
from simulator.prompts import clean
from simulator.review import Naming, principles_named
from simulator.scorecard import Shown

MOST_NOTE_CHARACTERS = 500
_AGREE, _DISAGREE = "agree", "disagree"


def points(subject: Subject) -> None:
    """What was shown, by dimension, with the numbers that mark it in the transcript."""
    st.subheader(words("points"))
    if not subject.card.shown:
        st.write(words("nothing shown"))
        return
    st.caption(words("evidence numbers"))
    st.caption(tell("opinions"))
    for dimension, name in subject.names.items():
        own = [(number, one) for number, one in enumerate(subject.card.shown, 1) if one.dimension == dimension]
        if own:
            with st.expander(f"{name} ({len(own)})"):
                for number, one in own:
                    _finding(subject, one, _shown(number, one))


def _shown(number: int, one: Shown) -> str:
    quotes = " ".join(f"“{escape(words_.text)}”" for words_ in one.evidence)
    points = f' <span class="points">+{one.points:.1f}</span>' if one.points >= 0.05 else ""
    return (
        f'<span class="tag">{number}</span> <span><b>{escape(one.name)}</b>{points}'
        f'<br><span class="quote">{quotes}</span></span>'
    )


def gaps(subject: Subject) -> None:
    """Warnings, then what was asked for and not shown, then what never came up."""
    card = subject.card
    st.subheader(words("gaps"))
    if card.flags:
        st.warning(f"{words('warnings')}: " + "; ".join(sorted({one.name for one in card.flags})))
        _missing(subject, words("warnings"), card.flags)
    _missing(subject, words("not shown"), card.not_shown)
    _missing(subject, words("never asked"), card.never_asked, words("never asked note"))


def _missing(subject: Subject, title: str, found: tuple[Missing, ...], note: str = "") -> None:
    with st.expander(f"{title} ({len(found)})"):
        if note:
            st.caption(note)
        for one in found:
            where = escape(words("in question", number=one.exchange + 1))
            text = f"<br><small>{escape(one.text)}</small>" if one.asked else ""
            _finding(subject, one, f"<span>{escape(one.name)} <small>({where})</small>{text}</span>")


def _finding(subject: Subject, one: Shown | Missing, line: str) -> None:
    """One line, and beside it whether the candidate agrees."""
    kept = subject.opinions.get((one.exchange, one.check))
    mark = f'<span class="tag">{escape(tell("contested"))}</span>' if kept and not kept.agrees else ""
    key = f"opinion-{subject.interview.id}-{one.exchange}-{one.check}"
    finding = tell("line", name=one.name, number=one.exchange + 1)

    def keep() -> None:
        note = clean(st.session_state.get(f"{key}-note", kept.note if kept else ""))
        agrees = st.session_state[key] == _AGREE
        try:
            opinions = subject.conductor.records.opinions
            opinions.contest(subject.interview.id, one.exchange, one.check, agrees, note)
        except SimulatorError as error:
            st.error(literal(error))

    with st.container(horizontal=True, vertical_alignment="center", key=f"finding-{key}"):
        st.html(f'<div class="finding">{line} {mark}</div>')
        st.segmented_control(
            tell("opinion", finding=finding),
            (_AGREE, _DISAGREE),
            default=(_AGREE if kept.agrees else _DISAGREE) if kept else None,
            required=True,
            format_func=tell,
            key=key,
            on_change=keep,
            label_visibility="collapsed",
        )
        if kept:
            note, limit = tell("opinion note"), MOST_NOTE_CHARACTERS
            st.text_input(
                f"{note}: {finding}",
                kept.note,
                max_chars=limit,
                placeholder=note,
                key=f"{key}-note",
                on_change=keep,
                label_visibility="collapsed",
            )


def principles(subject: Subject) -> None:
    """The company's principles where an answer names them; nothing where none does."""
    found = principles_named(subject.interview, subject.company.principles, subject.rated)
    if found:
        st.subheader(tell("principles"))
        st.html("".join(f"<p>{escape(line)}</p>" for one in found for line in _named(one)))


def _named(one: Naming) -> list[str]:
    """Too many of them, or which of them stand beside a deed and which do not."""
    bare = tuple(name for name in one.times if name not in one.tied)
    lines = (("tied", one.tied), ("bare", bare)) if not one.recited else (("recited", tuple(one.times)),)
    return [
        tell(f"principles {slug}", number=one.exchange + 1, names=_with_times(one, names), most=MOST_NAMED)
        for slug, names in lines
        if names
    ]


def _with_times(one: Naming, names: Sequence[str]) -> str:
    return ", ".join(
        tell("principles times", name=name, times=one.times[name]) if one.times[name] > 1 else name for name in names
    )
