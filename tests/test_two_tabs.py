"""Several windows on one interview, in any order: what was acknowledged stays, what is refused leaves no trace.

SOAK_COUNT=10000 tries so many orders; 40 where it is not set.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from keeping import QUESTIONS, moved_on

from simulator.errors import OutOfTurnError
from simulator.interview import Interview, Next, Role, Turn, open_interview
from simulator.pages.draft import APART, BEHIND, Box, joined
from simulator.records import Records, new_id

ORDERS = int(os.environ.get("SOAK_COUNT", "40"))
WINDOWS = 3
windows = st.integers(0, WINDOWS - 1)
pieces = st.sampled_from(("I cut it. ", "She moved the date. ", "It held. "))


@dataclass
class Window:
    """What one window has read last, its box, what is typed in it, and the kept words that it has seen."""

    records: Records
    interview: Interview
    box: Box
    seen: str
    typed: str = ""


class Windows(RuleBasedStateMachine):
    """`said` and `kept` are what a person who watched all windows would expect."""

    @initialize()
    def open_all(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "interviews.db"
        self.said: list[Turn] = []
        self.kept = ""
        interview = open_interview(new_id(), "meta", "full", QUESTIONS * 4)
        Records(self.path).interviews.add(interview)
        self.windows = [self.opened(interview.id) for _ in range(WINDOWS)]

    def opened(self, interview_id: str) -> Window:
        records = Records(self.path)
        interview = records.interviews.find(interview_id)
        kept = records.interviews.draft(interview_id)
        box = Box(interview_id, len(interview.exchanges), len(interview.current.turns), kept, kept, text=kept)
        return Window(records, interview, box, kept, kept)

    @rule(number=windows)
    def reload(self, number: int) -> None:
        """Read the newest state, as a page does that is drawn anew."""
        old = self.windows[number]
        self.windows[number] = self.opened(old.interview.id)
        old.records.close()
        assert self.windows[number].typed == self.kept

    @rule(number=windows, piece=pieces, wipes=st.booleans())
    def type(self, number: int, piece: str, wipes: bool) -> None:
        window = self.windows[number]
        window.typed = piece if wipes else window.typed + piece
        self.hand_on(window)

    def hand_on(self, window: Window) -> None:
        """What is typed takes the place only of words that are in it, or that this window has seen."""
        newest = self.newest()
        window.box.keep(window.records.interviews, window.typed)
        if window.box.was_sent(newest):
            return
        if not window.box.stands_at(newest):
            assert window.box.trouble == BEHIND
        elif self.kept in ("", window.seen) or self.kept in window.typed:
            assert window.box.trouble == ""
            self.kept = window.seen = window.typed
        else:
            assert window.box.trouble == APART

    @rule(number=windows)
    def put_together(self, number: int) -> None:
        window = self.windows[number]
        if window.box.trouble == APART and window.box.stands_at(self.newest()):
            window.seen = window.box.known = self.kept
            window.typed = joined(self.kept, window.typed)
            self.hand_on(window)
            assert window.box.trouble == ""

    @rule(number=windows)
    def send(self, number: int) -> None:
        """Make the next move from what this window has read, however old that is: an answer, a probe, a question."""
        window = self.windows[number]
        if window.interview.closed:
            return
        before, newest = window.interview, self.newest()
        speaks = before.next is Next.CANDIDATE
        after = before.answer(window.box.turn_id, window.typed or "Well.") if speaks else moved_on(before)
        try:
            window.records.interviews.save(before, after)
        except OutOfTurnError:
            assert before != newest
            assert self.newest() == newest
            return
        assert before == newest
        assert not speaks or after.answer(window.box.turn_id, "Once more.") is after
        window.interview = after
        added = len(after.current.turns) > len(before.current.turns)
        self.said += after.current.turns[-1:] if added else ()
        if added and after.current.turns[-1].role is Role.CANDIDATE:
            self.kept = ""

    def newest(self) -> Interview:
        return self.windows[0].records.interviews.find(self.windows[0].interview.id)

    @invariant()
    def all_that_was_acknowledged_is_there(self) -> None:
        newest = self.newest()
        assert [turn for exchange in newest.exchanges for turn in exchange.turns] == self.said
        assert self.windows[0].records.interviews.draft(newest.id) == self.kept

    def teardown(self) -> None:
        for window in getattr(self, "windows", []):
            window.records.close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


def test_no_order_of_windows_loses_an_answer_or_words_that_another_window_kept() -> None:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    few = settings(max_examples=ORDERS, stateful_step_count=25, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(Windows, settings=few)
