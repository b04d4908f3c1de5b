"""The guide: what is known about a company, and the craft of the round, each passage with where it comes from.

Draws and decides nothing. A passage may be from a user's own guide, so each is shown as text and nothing else. The
index is asked only when something is searched for.
"""

import re
from collections.abc import Iterable
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.library import GENERAL, Company, Passage
from simulator.pages import shell
from simulator.pages.shell import literal, said, words_of
from simulator.pages.shell import words as shared_words
from simulator.pages.stories_parts import topic_of
from simulator.records.guides import passages_of

MOST_HITS = 12
MOST_CHARACTERS = 200
"""Of what is searched for."""
_KINDS = ("guide", "company")
_WRAP = re.compile(r"(?<!\n)\n(?!\n)")
words = partial(words_of, Path(__file__).parent / "guide.words.md")


def page() -> None:
    st.title(words("title"))
    st.write(words("tagline"))
    parts = {"company": _about, "craft": _craft}
    try:
        part = st.segmented_control(
            words("part"),
            list(parts),
            default="company",
            format_func=lambda one: words(f"part {one}"),
            required=True,
            label_visibility="collapsed",
            key="guide-part",
        )
        parts[part or "company"](shell.conductor())
    except SimulatorError as error:
        st.error(literal(error))


# About the company


def _about(conductor: Conductor) -> None:
    companies, named = conductor.library.companies, st.query_params.get("company", "")
    chosen = st.selectbox(
        words("company"),
        list(companies),
        index=list(companies).index(named) if named in companies else 0,
        format_func=lambda one: companies[one].name,
        key="guide-company",
    )
    st.query_params["company"] = chosen
    company = companies[chosen]
    _round(company)
    _lens(conductor, company)
    st.subheader(words("principles"))
    _list(escape(one) for one in company.principles)
    st.subheader(words("passages"))
    found = [one for one in conductor.library.passages if (one.kind, one.company) == ("company", chosen)]
    _by_topic(conductor, found, opened=True)


def _round(company: Company) -> None:
    st.subheader(words("round"))
    st.write(words("round note", minutes=f"{company.minutes:g}"))
    _list(
        f"{escape(part.name.capitalize())}, {escape(words('minutes', minutes=f'{part.seconds / 60:g}'))} "
        f"{_tag(shared_words(part.provenance))}"
        for part in company.segments
    )


def _lens(conductor: Conductor, company: Company) -> None:
    st.subheader(words("lens"))
    st.write(words("lens note", company=company.name))
    names = conductor.program.rubric.dimension_names
    _list(
        f"{escape(names[one])} {escape(words('weight', weight=weight))} "
        f"{_tag(shared_words(company.lens_provenance[one]))}"
        for one, weight in company.lens.items()
    )


# Craft


def _craft(conductor: Conductor) -> None:
    text = st.text_input(
        words("search"),
        max_chars=MOST_CHARACTERS,
        icon=":material/search:",
        key="guide-search",
    )
    st.caption(words("search note"))
    if text.strip():
        _hits(conductor, text)
        return
    shipped = [one for one in conductor.library.passages if one.kind == "guide"]
    added = [one for guide in conductor.records.guides.all() for one in passages_of(guide)]
    _by_topic(conductor, shipped + added, opened=False)


def _hits(conductor: Conductor, text: str) -> None:
    with st.spinner(words("searching")):
        found = _found(conductor, text)
    if not found:
        st.info(words("none"))
        return
    st.caption(words("hits"))
    for passage in found:
        with st.container(border=True):
            st.html(f'<div class="who">{escape(_heading(passage))}</div>{_shown(conductor, passage)}')


def _found(conductor: Conductor, text: str) -> list[Passage]:
    """The nearest of all companies' passages and of the craft, best first: the index is asked company by company."""
    index, best = conductor.index(), dict[str, tuple[float, Passage]]()
    for company in conductor.library.companies:
        for kind in _KINDS:
            for hit in index.search(text, company, MOST_HITS, kind=kind):
                best[hit.passage.id] = (hit.score, hit.passage)
    ranked = sorted(best.values(), key=lambda one: (-one[0], one[1].id))
    return [passage for _, passage in ranked[:MOST_HITS]]


# Passages


def _by_topic(conductor: Conductor, passages: Iterable[Passage], *, opened: bool) -> None:
    """A block to fold for each topic, in the files' order; a guide that the user added is a topic of its own."""
    topics: dict[tuple[str, str], list[Passage]] = {}
    for passage in passages:
        topics.setdefault((passage.guide, passage.topic), []).append(passage)
    for found in topics.values():
        summary = words("topic", topic=_heading(found[0]), count=len(found))
        st.html(
            f"<details{' open' if opened else ''}><summary><b>{escape(summary)}</b></summary>"
            f"{''.join(_shown(conductor, one) for one in found)}</details>"
        )


def _heading(passage: Passage) -> str:
    return passage.guide or topic_of(passage.topic)


def _shown(conductor: Conductor, passage: Passage) -> str:
    """A passage as HTML: where it comes from, whom it is about where it is about one company, and its text."""
    own = passage.provenance == "user guide"
    tags = _tag(words("user guide", title=passage.guide) if own else shared_words(passage.provenance))
    if passage.company != GENERAL:
        tags += f" {_tag(conductor.library.company(passage.company).name)}"
    # A file's lines end where its editor wrapped them; in a guide that was read in, an end of line means something.
    text = passage.text if own else _WRAP.sub(" ", passage.text)
    return f'<article style="margin: .9rem 0">{said(text)}{tags}</article>'


def _tag(text: str) -> str:
    return f'<span class="tag" style="padding: .05rem .5rem; overflow-wrap: anywhere">{escape(text)}</span>'


def _list(items: Iterable[str]) -> None:
    """Items of HTML, which the caller has escaped."""
    st.html(f"<ul>{''.join(f'<li>{one}</li>' for one in items)}</ul>")
