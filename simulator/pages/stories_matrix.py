"""Which story serves which question at which company: holes and what is told too often in words, then the table."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.pages.stories_parts import labels_of, title_of, topic_of, words
from simulator.stories.bank import StoryBank
from simulator.stories.matrix import Matrix, Use
from simulator.stories.story import Story


def coverage(bank: StoryBank) -> None:
    stories = bank.stories()
    if not stories:
        st.info(words("empty"))
        return
    companies = bank.conductor.library.companies
    chosen = st.selectbox(
        words("company"),
        ["", *companies],
        format_func=lambda one: companies[one].name if one else words("all companies"),
        key="stories-company",
    )
    asked = [chosen] if chosen else list(companies)
    with st.spinner(words("reading")):
        found, uses = bank.matrix(asked), bank.uses()
    _holes(bank, found, asked)
    _overuse(bank, found, stories)
    st.subheader(words("table"))
    st.caption(words("table note"))
    st.dataframe(_rows(bank, found, stories), hide_index=True)
    _told(bank, uses, stories)


def _holes(bank: StoryBank, found: Matrix, asked: Sequence[str]) -> None:
    st.subheader(words("holes"))
    if not found.holes:
        st.success(words("holes none"))
        return
    lines = []
    for hole in found.holes:
        everywhere = len(hole.companies) == len(asked)
        names = ", ".join(bank.conductor.library.company(one).name for one in hole.companies)
        where = "" if everywhere else f" <small>({escape(words('not at', companies=names))})</small>"
        lines.append(f"<li>{escape(topic_of(hole.topic))}{where}</li>")
    st.write(words("holes note"))
    st.html(f"<ul>{''.join(lines)}</ul>")


def _overuse(bank: StoryBank, found: Matrix, stories: Sequence[Story]) -> None:
    st.subheader(words("overuse"))
    if not found.overuse:
        st.caption(words("overuse none"))
        return
    names, titles = labels_of(bank), {one.id: title_of(one) for one in stories}
    for one in found.overuse:
        where = "; ".join(names.get(f"interview/{told.key}", told.company) for told in one.tellings)
        topics = ", ".join(dict.fromkeys(topic_of(told.topic) for told in one.tellings if told.topic))
        told = words(
            f"overuse {one.how}", title=titles[one.story], topics=topics or words("no topic"), count=len(one.tellings)
        )
        with st.container(border=True):
            st.html(f'<div class="said">{escape(told)}</div><div class="aside">{escape(where)}</div>')
    st.caption(words("another focus"))


def _rows(bank: StoryBank, found: Matrix, stories: Sequence[Story]) -> list[dict[str, str]]:
    """A row a topic, a column a story: whether it fits at any of these companies, and how often it was told there."""
    rows = []
    for topic in bank.topics:
        row = {words("topic"): topic_of(topic)}
        for number, story in enumerate(stories, 1):
            cells = [one for one in found.cells if (one.story, one.topic) == (story.id, topic)]
            told = sum(one.told for one in cells)
            fits = words("fits") if any(one.fits for one in cells) else ""
            count = words("told", count=told) if told else ""
            row[f"{number}. {title_of(story)}"] = " · ".join(part for part in (fits, count) if part)
        rows.append(row)
    return rows


def _told(bank: StoryBank, uses: Sequence[Use], stories: Sequence[Story]) -> None:
    """Where each story was told; what was only found to be alike can be taken back."""
    if not uses:
        return
    names, titles = labels_of(bank), {one.id: title_of(one) for one in stories}
    with st.expander(words("where told", count=len(uses))):
        for use in uses:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(
                    f"<div>{escape(titles[use.story])}</div>"
                    f'<div class="aside">{escape(names.get(f"interview/{use.telling.key}", ""))}</div>'
                )
                if not use.sure and st.button(words("not this story"), key=f"deny-{use.slug}", type="tertiary"):
                    bank.deny(use)
                    st.rerun()
