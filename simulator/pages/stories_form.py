"""The sheet of one story. Every change is kept at once, so that nothing is lost by leaving the page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import streamlit as st

from simulator.library import Company
from simulator.pages.stories_parts import STORY, labels_of, missing_words, topic_of, words
from simulator.stories.bank import StoryBank
from simulator.stories.story import MOST_MEASURES, PARTS, Measure, Story, lines_of

_TALL = ("action", "result")
_COLUMNS = ("name", "before", "after", "period")


def form(bank: StoryBank, story_id: str) -> None:
    """Draw the sheet of a story and keep what is changed in it."""
    if st.button(words("back"), icon=":material/arrow_back:", type="tertiary"):
        del st.query_params[STORY]
        st.rerun()
    story = bank.find(story_id)
    state = st.container()
    title = _line("title", story_id, story.title)
    told = {part: _text(part, story_id, getattr(story, part), 150 if part in _TALL else 80) for part in PARTS}
    measures = _measures(story)
    artefacts = _text("artefacts", story_id, "\n".join(story.artefacts), 80)
    lessons = _text("lessons", story_id, "\n".join(story.lessons), 100)
    kinds = _chosen("kinds", story_id, story.kinds, {one: topic_of(one) for one in bank.topics})
    companies = bank.conductor.library.companies
    chosen = _chosen("companies", story_id, story.companies, {one: companies[one].name for one in companies})
    principles = _principles(story, [companies[one] for one in chosen])
    has_notes = bool(story.notes) or _key("notes", story_id) in st.session_state  # it stays when it is emptied
    notes = _text("notes", story_id, story.notes, 100) if has_notes else ""
    changed = replace(
        story,
        title=title,
        goal=told["goal"],
        role=told["role"],
        stakeholders=told["stakeholders"],
        timeline=told["timeline"],
        action=told["action"],
        result=told["result"],
        escalation=told["escalation"],
        measures=measures,
        artefacts=lines_of(artefacts),
        lessons=lines_of(lessons),
        kinds=kinds,
        companies=chosen,
        principles=principles,
        notes=notes,
    )
    if changed != story:
        bank.save(changed)
    with state:
        st.subheader(words("sheet"))
        st.caption(missing_words(changed))
        st.caption(words("kept"))
    _where(bank, changed)


def _key(name: str, story_id: str) -> str:
    return f"story-{name}-{story_id}"


def _line(name: str, story_id: str, value: str) -> str:
    key = _key(name, story_id)
    st.session_state.setdefault(key, value)
    return st.text_input(words(f"part {name}").capitalize(), key=key, help=words(f"help {name}"))


def _text(name: str, story_id: str, value: str, height: int) -> str:
    key = _key(name, story_id)
    st.session_state.setdefault(key, value)
    label = words(f"part {name}").capitalize()
    return st.text_area(label, key=key, height=height, placeholder=words(f"help {name}"))


def _chosen(name: str, story_id: str, value: Sequence[str], options: Mapping[str, str]) -> tuple[str, ...]:
    key = _key(name, story_id)
    st.session_state.setdefault(key, [one for one in value if one in options])
    label = words(f"part {name}").capitalize()
    return tuple(
        st.multiselect(
            label, list(options), format_func=lambda one: options[one], key=key, help=words(f"help {name}")
        )
    )


def _principles(story: Story, companies: Sequence[Company]) -> dict[str, tuple[str, ...]]:
    """The principles of the companies that it is meant for; those of others are kept as they were."""
    found = dict(story.principles)
    if not companies:
        st.caption(words("principles for whom"))
    for company in companies:
        key = _key(f"principles-{company.id}", story.id)
        st.session_state.setdefault(key, [one for one in found.get(company.id, ()) if one in company.principles])
        label = words("principles of", company=company.name)
        found[company.id] = tuple(
            st.multiselect(label, list(company.principles), key=key, help=words("help principles"))
        )
    return found


def _measures(story: Story) -> tuple[Measure, ...]:
    st.markdown(f"**{words('part measures').capitalize()}**")
    st.caption(words("help measures"))
    key = _key("measures", story.id)
    base = f"{key}-rows"
    if key not in st.session_state or base not in st.session_state:
        # The editor keeps what changed against these rows, so they must stay as they were while it is open.
        blank = [Measure()] * max(0, MOST_MEASURES - len(story.measures))
        st.session_state[base] = [asdict(one) for one in (*story.measures, *blank)]
    edited = st.data_editor(
        st.session_state[base],
        key=key,
        hide_index=True,
        column_config={name: st.column_config.TextColumn(words(f"measure {name}")) for name in _COLUMNS},
    )
    return measures_of(edited)


def measures_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Measure, ...]:
    """The measures of an edited table; rows in which nothing is typed are none."""
    typed = (Measure(*(str(row.get(name) or "").strip() for name in _COLUMNS)) for row in rows)
    return tuple(one for one in typed if one != Measure())


def _where(bank: StoryBank, story: Story) -> None:
    """Which answers it was taken from."""
    names = labels_of(bank)
    taken = [names[f"interview/{one}"] for one in story.told if f"interview/{one}" in names]
    if taken:
        st.caption(words("taken from", where="; ".join(taken)))
