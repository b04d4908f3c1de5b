"""What was claimed in stories and answers: what does not go together, two quotes side by side, then every claim."""

from collections.abc import Mapping
from html import escape

import streamlit as st

from simulator.claims.contradictions import Contradiction
from simulator.claims.ledger import Quote
from simulator.pages.shell import said
from simulator.pages.stories_parts import labels_of, words
from simulator.stories.bank import Ledger, StoryBank


def claims(bank: StoryBank) -> None:
    with st.spinner(words("reading")):
        ledger = bank.ledger()
    if not ledger.claims:
        st.info(words("no claims"))
        return
    names = labels_of(bank)
    st.write(words("claims note"))
    if not ledger.open:
        st.success(words("consistent"))
    for one in ledger.open:
        with st.container(border=True):
            _pair(one, names)
            if st.button(words("dismiss"), key=f"dismiss-{one.id}"):
                bank.dismiss(one)
                st.rerun()
    _dismissed(bank, ledger, names)
    _all(ledger, names)


def _pair(one: Contradiction, names: Mapping[str, str]) -> None:
    st.html(f"<b>{escape(words(f'reason {one.reason}'))}</b>")
    for column, quote in zip(st.columns(2), (one.first, one.second), strict=True):
        with column:
            st.html(f'<div class="who">{escape(_place(quote, names))}</div>{said(f"“{quote.text}”")}')


def _place(quote: Quote, names: Mapping[str, str]) -> str:
    """Where a quote stands, in words: the story and its part, or the interview, the question and the answer to it."""
    source = names.get(quote.source, "")
    if quote.source.startswith("story/"):
        name, _, number = quote.place.partition(" ")
        return f"{source}, {words(f'part {name}' if not number else f'numbered {name}', number=number)}"
    return source if quote.place == "1" else words("reply", source=source, number=int(quote.place) - 1)


def _dismissed(bank: StoryBank, ledger: Ledger, names: Mapping[str, str]) -> None:
    if not ledger.dismissed:
        return
    with st.expander(words("dismissed", count=len(ledger.dismissed))):
        for one in ledger.dismissed:
            _pair(one, names)
            if st.button(words("restore"), key=f"restore-{one.id}"):
                bank.restore(one)
                st.rerun()


def _all(ledger: Ledger, names: Mapping[str, str]) -> None:
    with st.expander(words("all claims", count=len(ledger.claims))):
        st.dataframe(
            [
                {
                    words("claim kind"): words(f"kind {claim.kind}"),
                    words("claim"): claim.quote.text,
                    words("sentence"): claim.sentence.text,
                    words("place"): _place(claim.quote, names),
                }
                for claim in ledger.claims
            ],
            hide_index=True,
        )
