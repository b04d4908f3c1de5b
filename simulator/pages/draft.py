"""What is typed and not sent: in the browser at once, on the server every few seconds, back in the box after a crash.

Knows which turn each window's box is for and whether another window has gone on, or typed other words, since. Never
sends an answer, and never writes over words that its own window has not seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import streamlit as st

from simulator.errors import SimulatorError
from simulator.interview import Interview, Role
from simulator.records import new_id
from simulator.records.interviews import Interviews

BEHIND, APART = "draft behind", "draft apart"
"""What stands in the way of keeping a text, named as the words that say so: the interview went on in another window;
another window keeps other words for the same answer."""
_HERE = Path(__file__).parent
_ONE_AT_A_TIME = Lock()  # between seeing what is kept and writing over it
_component = st.components.v2.component(
    "draft",
    html='<div class="back" role="status"></div>',
    css=(_HERE / "draft.css").read_text(encoding="utf-8"),
    js=(_HERE / "draft.js").read_text(encoding="utf-8"),
)


@dataclass(slots=True)
class Box:
    """One window's box for one turn: exchange and turn by number, what it began with, what this window has seen kept.

    The answer's id is made with it, once, so that sending twice is sending once.
    """

    interview: str
    exchanges: int
    turns: int
    began_with: str
    known: str
    under_way: tuple[str, ...] = ()
    """The interviews whose copies in the browser are still of use: those that were not over when the box was made."""
    renewed: int = 0
    turn_id: str = field(default_factory=new_id)
    text: str = ""
    taken: int = 0
    trouble: str = ""
    """BEHIND, APART, the error that kept the text from being kept, or nothing."""
    drawn: bool = False

    @property
    def turn(self) -> str:
        return f"{self.exchanges}-{self.turns}"

    @property
    def key(self) -> str:
        """The widget's: the same after a restart, so that a page that was open all the while keeps its box."""
        return f"answer-{self.interview}-{self.turn}" + (f"-{self.renewed}" if self.renewed else "")

    def stands_at(self, interview: Interview) -> bool:
        """Whether the interview still waits for this box's turn."""
        here = (len(interview.exchanges), len(interview.current.turns))
        return here == (self.exchanges, self.turns) and not interview.closed

    def was_sent(self, interview: Interview) -> bool:
        return self.turn_id in sent(interview)

    def keep(self, interviews: Interviews, text: str, number: int = 0) -> None:
        """Keep the text on the server, or say in `trouble` why not; `number` is that of the browser's message."""
        self.text = text
        try:
            with _ONE_AT_A_TIME:
                interview, kept = interviews.find(self.interview), interviews.draft(self.interview)
                if self.was_sent(interview):
                    return
                if not self.stands_at(interview):
                    self.trouble = BEHIND
                elif kept not in ("", self.known) and kept not in text:
                    self.trouble = APART
                else:
                    interviews.keep_draft(self.interview, text)
                    self.known, self.trouble = text, ""
        except SimulatorError as error:
            self.trouble = str(error)
        else:
            self.taken = max(self.taken, number)


def box_for(interviews: Interviews, interview: Interview) -> Box:
    """This window's box for the turn that the interview waits for. A new one begins with what is kept, and with what
    this window's last box holds that is kept nowhere. Raises StorageError."""
    box = _box(interview)
    waits = box is not None and box.stands_at(interview)
    if box and waits and (is_drawn(box) or not box.drawn):
        return box
    if box and waits and box.trouble:
        st.session_state[_unsent(interview)] = box.text
    leave(interview)
    return _new_box(interviews, interview, unsent(interview))


def together(interviews: Interviews, interview: Interview) -> None:
    """Begin a new box for the turn with the words of both windows. Raises StorageError."""
    if old := _box(interview):
        _new_box(interviews, interview, old.text, old.renewed + 1)


def left_behind(interview: Interview) -> Box | None:
    """This window's box, if the interview has gone on without it and it holds words that were never said."""
    box = _box(interview)
    if box is None or box.stands_at(interview) or box.was_sent(interview):
        return None
    said = (turn.text for exchange in interview.exchanges for turn in exchange.turns)
    return None if any(box.text.strip() in text for text in said) else box


def is_drawn(box: Box) -> bool:
    """Whether the box was on the page when the user last did something."""
    return box.drawn and box.key in st.session_state


def as_seen(interview: Interview, box: Box) -> Interview:
    """The interview as it was when the box was drawn."""
    before = interview.exchanges[: box.exchanges]
    current = replace(before[-1], turns=before[-1].turns[: box.turns])
    return replace(interview, exchanges=(*before[:-1], current), closed=False)


def leave(interview: Interview) -> None:
    """Forget this window's box: its turn is over. What is in a box that was left behind goes to the next one."""
    if box := left_behind(interview):
        st.session_state[_unsent(interview)] = box.text
    st.session_state.pop(_name(interview), None)


def unsent(interview: Interview) -> str:
    """The words of a box that was left behind, which no other box has taken up yet."""
    return str(st.session_state.get(_unsent(interview), ""))


def sent(interview: Interview) -> list[str]:
    """The ids of all that the candidate has said."""
    return [turn.id for exchange in interview.exchanges for turn in exchange.turns if turn.role is Role.CANDIDATE]


def joined(kept: str, typed: str) -> str:
    """Both texts, without saying twice what one holds of the other."""
    if typed in kept:
        return kept
    return typed if kept in typed else f"{kept}\n\n{typed}"


def keeper(interviews: Interviews, interview: Interview, box: Box, back: str) -> None:
    """Watch the box in the browser. `back` is said of words that were put back into it."""
    data = {
        "interview": interview.id,
        "turn": box.turn,
        "id": box.turn_id,
        "box": box.key,
        "draft": box.began_with,
        "back": back,
        "open": [*box.under_way, interview.id],
        "sent": sent(interview),
    }
    box.drawn = True
    _watch(interviews, box, data, box.trouble)


@st.fragment
def _watch(interviews: Interviews, box: Box, data: Mapping[str, object], shown: str) -> None:
    """What the browser hands on redraws nothing but this, unless there is now something else to say of it."""
    key = f"keeper-{box.key}"

    def keep() -> None:
        if typed := st.session_state[key].get("typed"):
            box.keep(interviews, typed["text"], typed["number"])

    _component(key=key, data={**data, "taken": box.taken}, on_typed_change=keep)
    if box.trouble != shown:
        st.rerun()


def forget(interviews: Interviews) -> None:
    """Have the browser forget all that was typed for interviews that are over or deleted."""
    _component(key="keeper", data={"open": _open(interviews)})


def _open(interviews: Interviews) -> list[str]:
    return [one.id for one in interviews.summaries() if not one.closed]


def _new_box(interviews: Interviews, interview: Interview, typed: str, renewed: int = 0) -> Box:
    kept = interviews.draft(interview.id)
    text = joined(kept, typed)
    here = (len(interview.exchanges), len(interview.current.turns))
    box = Box(interview.id, *here, text, kept, tuple(_open(interviews)), renewed, text=text)
    if text != kept:
        box.keep(interviews, text)
    st.session_state[_name(interview)] = box
    st.session_state.pop(_unsent(interview), None)
    return box


def _box(interview: Interview) -> Box | None:
    found: Box | None = st.session_state.get(_name(interview))
    return found


def _name(interview: Interview) -> str:
    return f"box-{interview.id}"


def _unsent(interview: Interview) -> str:
    return f"unsent-{interview.id}"
