"""A countdown that runs in the browser, so that it does not stand still while a text streams in.

It shows; it decides nothing: what is too late is told by the server's clock. Says "time's up" to the page once.
"""

import time
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "countdown",
    html='<div class="countdown" role="timer" aria-live="off"></div><div class="told" aria-live="polite"></div>',
    css=(_HERE / "countdown.css").read_text(encoding="utf-8"),
    js=(_HERE / "countdown.js").read_text(encoding="utf-8"),
)


def countdown(deadline_epoch_seconds: float, key: str, label: str) -> bool:
    """Show the time left until the deadline, with a label. True in the one run that its end has set off.

    Every run tells the browser the seconds that are left, not a moment: its clock may be wrong, its seconds are not.
    """
    left = max(0.0, deadline_epoch_seconds - time.time())
    found = _component(
        key=key,
        data={"left": left, "deadline": deadline_epoch_seconds, "label": label},
        on_over_change=lambda: None,
    )
    return bool(getattr(found, "over", None))
