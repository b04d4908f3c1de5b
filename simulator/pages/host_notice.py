"""Before an answer goes to another host: which one it is, what it would be sent, and the user's word on it.

Asks once a host, and shows from then on what was sent last. Sends nothing itself.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.interview import Exchange, Question, Role, Turn
from simulator.pages.shell import literal, said, words_of
from simulator.prompts import Message
from simulator.settings import stays_here

words = partial(words_of, Path(__file__).parent / "host_notice.words.md")


def agreed(conductor: Conductor) -> bool:
    """Whether answers may be sent where the settings say; draws the question, or what was sent last."""
    host = conductor.program.host
    if stays_here(host):
        return True
    if conductor.records.consents.given(host):
        _show(words("sent", host=f"`{host}`"), conductor.outbox.last)
        return True
    with st.container(border=True):
        st.write(words("ask", host=f"`{host}`"))
        st.caption(words("masked" if conductor.program.settings.mask else "unmasked"))
        _show(words("sample"), _sample(conductor))
        if st.button(words("allow", host=host), type="primary", key="allow-host"):
            _allow(conductor, host)
    return False


def _allow(conductor: Conductor, host: str) -> None:
    try:
        conductor.records.consents.give(host)
    except SimulatorError as error:
        st.error(literal(error))
        return
    st.rerun()


def _show(title: str, messages: Sequence[Message]) -> None:
    with st.expander(title):
        if not messages:
            st.caption(words("nothing sent"))
            return
        st.caption(words("sent note"))
        st.html(said("\n\n".join(f"{role}: {text}" for role, text in messages)))


def _sample(conductor: Conductor) -> list[Message]:
    """The request that every question about an answer begins with, for an example."""
    from simulator.methods import read  # heavy: needed on this page only, and only where it asks

    answer = Turn("example", Role.CANDIDATE, words("example answer"))
    reading = read(conductor.library.prompts, Exchange(Question("example", words("example question")), (answer,)))
    return conductor.outbox.sample([*reading.head, ("user", reading.body)])
