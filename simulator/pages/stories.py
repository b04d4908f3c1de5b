"""The stories page: the bank, which story serves which question, what was claimed, and the checklist.

Draws and decides nothing. A story that is open has its id in the address, so that a reload finds it.
"""

from html import escape

import streamlit as st

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.pages import shell
from simulator.pages.shell import literal
from simulator.pages.stories_checklist import preparation
from simulator.pages.stories_claims import claims
from simulator.pages.stories_form import form
from simulator.pages.stories_matrix import coverage
from simulator.pages.stories_parts import STORY, labels_of, missing_words, title_of, topic_of, words
from simulator.stories.bank import StoryBank
from simulator.stories.story import Story

MOST_BANKS = 100
"""Users whose texts' places are remembered: some megabytes each."""


@st.cache_resource(show_spinner=False, max_entries=MOST_BANKS)
def _bank(owner: str) -> StoryBank:
    return StoryBank(Conductor(shell.program(), owner))


def story_bank() -> StoryBank:
    """The user's bank in this process: it remembers which texts it has read for their likeness."""
    return _bank(shell.conductor().owner)


def page() -> None:
    st.title(words("title"))
    st.write(words("tagline"))
    try:
        bank = story_bank()
        if story_id := st.query_params.get(STORY, ""):
            form(bank, story_id)
            return
        sections = {"bank": _stories, "matrix": coverage, "claims": claims, "checklist": preparation}
        section = st.segmented_control(
            words("section"),
            list(sections),
            default="bank",
            format_func=lambda one: words(f"section {one}"),
            required=True,
            label_visibility="collapsed",
            key="stories-section",
        )
        sections[section or "bank"](bank)
    except SimulatorError as error:
        st.error(literal(error))


def _stories(bank: StoryBank) -> None:
    stories = bank.stories()
    if not stories:
        st.info(words("empty"))
    for story in stories:
        _story(bank, story)
    if st.button(words("write"), type="primary", icon=":material/edit:"):
        _open(bank.new().id)
    _from_interview(bank)


def _story(bank: StoryBank, story: Story) -> None:
    with st.container(border=True):
        kinds = ", ".join(topic_of(kind) for kind in story.kinds)
        st.html(
            f'<b>{escape(title_of(story))}</b><div class="aside">{escape(kinds)}</div>'
            f'<div class="aside">{escape(missing_words(story))}</div>'
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(words("open"), key=f"open-{story.id}"):
                _open(story.id)
            with st.popover("", icon=":material/delete:", help=words("remove"), type="tertiary"):
                st.write(words("remove sure"))
                if st.button(words("remove"), key=f"remove-{story.id}"):
                    bank.conductor.records.stories.remove(story.id)
                    st.rerun()


def _open(story_id: str) -> None:
    st.query_params[STORY] = story_id
    st.rerun()


def _from_interview(bank: StoryBank) -> None:
    """A draft in one's own words from an interview: which one, which question."""
    st.subheader(words("from interview"))
    tellings = bank.tellings()
    if not tellings:
        st.caption(words("from interview none"))
        return
    st.caption(words("from interview note"))
    names = labels_of(bank)
    chosen = st.selectbox(
        words("interview"),
        list(dict.fromkeys(one.interview for one in tellings)),
        format_func=lambda one: names[f"interview/{one}"],
        key="draft-interview",
    )
    exchanges = bank.conductor.records.interviews.find(chosen).exchanges
    number = st.selectbox(
        words("question"),
        [one.exchange for one in tellings if one.interview == chosen],
        format_func=lambda one: f"{one + 1}. {exchanges[one].question.text}",
        key=f"draft-question-{chosen}",
    )
    if number not in bank.conductor.grades(chosen):
        st.caption(words("not graded"))
    if st.button(words("draft"), key="draft"):
        _open(bank.draft(chosen, number).id)
