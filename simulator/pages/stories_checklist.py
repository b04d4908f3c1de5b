"""The preparation checklist: what was done ticks itself, the rest is ticked by hand."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.pages.stories_parts import words
from simulator.stories.bank import StoryBank
from simulator.stories.checklist import Item


def preparation(bank: StoryBank) -> None:
    st.write(words("checklist note"))
    _wanted(bank)
    with st.spinner(words("reading")):
        items = bank.checklist()
    done = sum(item.ticked for item in items)
    st.progress(done / len(items), words("checklist progress", done=done, of=len(items)))
    _counted([item for item in items if not item.by_hand])
    st.subheader(words("by hand"))
    for item in items:
        if item.by_hand:
            _by_hand(bank, item)


def _wanted(bank: StoryBank) -> None:
    companies = bank.conductor.library.companies
    key = "stories-wanted"
    st.session_state.setdefault(key, bank.wanted())
    chosen = st.multiselect(
        words("wanted"),
        list(companies),
        format_func=lambda one: companies[one].name,
        key=key,
        help=words("wanted help"),
    )
    if set(chosen) != set(bank.wanted()):
        bank.want(chosen)


def _counted(items: Sequence[Item]) -> None:
    st.subheader(words("by doing"))
    lines = []
    for item in items:
        mark = "✓" if item.ticked else "○"
        count = f" <small>{escape(words('count', done=item.done, of=item.of))}</small>" if item.of > 1 else ""
        state = words("done" if item.ticked else "open item")
        lines.append(
            f'<li><span class="tag" role="img" aria-label="{escape(state)}">{mark}</span> '
            f"{escape(words(f'item {item.id}'))}{count}</li>"
        )
    st.html(f'<ul style="list-style: none; padding-left: 0">{"".join(lines)}</ul>')


def _by_hand(bank: StoryBank, item: Item) -> None:
    ticks = bank.conductor.records.stories
    ticked = st.checkbox(words(f"item {item.id}"), value=item.ticked, key=f"tick-{item.id}")
    if ticked != item.ticked:
        (ticks.tick if ticked else ticks.untick)(item.id)
        st.rerun()
