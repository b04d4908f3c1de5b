"""The interview's moves, held against a plain list of what should have been said."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simulator.errors import InputError, OutOfTurnError
from simulator.interview import (
    MOST_PROBES,
    MOST_WORDS,
    Exchange,
    Interview,
    Next,
    Question,
    Role,
    Turn,
    checked_answer,
    open_interview,
)

QUESTIONS = tuple(Question(f"q{n}", f"Tell me about time {n}.") for n in range(1, 7))
UNTAKEABLE = {
    "empty": "",
    "blank": " \n\t\u00a0",
    "punctuation": "... ?!",
    "one emoji": "🙂",
    "joined emoji": "👨\u200d👩\u200d👧 👍🏽 🇩🇪 ❤\ufe0f",
    "2,001 words": "word " * 2_001,
    "Arabic": "نعم، أوقفت الإطلاق",
}


def _opened(questions: int = 2) -> Interview:
    return open_interview("i1", "meta", "full", QUESTIONS[:questions])


def _probe(turn_id: str = "p1") -> Turn:
    return Turn(turn_id, Role.INTERVIEWER, "What did that cost?", "action.tradeoff", ("probes/x/y",))


class InterviewMachine(RuleBasedStateMachine):
    """Every move in any order. `said` and `closed` are what a reader of the rules would expect."""

    @initialize(count=st.integers(1, len(QUESTIONS)))
    def start(self, count: int) -> None:
        self.asked = QUESTIONS[:count]
        self.interview = open_interview("i1", "meta", "full", self.asked)
        self.said: list[list[Turn]] = [[]]
        self.closed = False
        self.ids = 0
        self.past = [(self.interview, repr(self.interview))]

    def _new_id(self) -> str:
        self.ids += 1
        return f"t{self.ids}"

    def _candidate_moves(self) -> bool:
        last = self.said[-1]
        return not self.closed and (not last or last[-1].role is Role.INTERVIEWER)

    def _probe_fits(self) -> bool:
        last = self.said[-1]
        probes = sum(turn.role is Role.INTERVIEWER for turn in last)
        return not self.closed and bool(last) and last[-1].role is Role.CANDIDATE and probes < 3

    def _moved(self, after: Interview) -> None:
        self.interview = after
        self.past.append((after, repr(after)))

    @rule(text=st.sampled_from(["I cut the export.", "  two spaces kept  ", "naïve — “quoted” €5", "7"]))
    def answer(self, text: str) -> None:
        turn = Turn(self._new_id(), Role.CANDIDATE, text)
        if self._candidate_moves():
            self._moved(self.interview.answer(turn.id, text))
            self.said[-1].append(turn)
        else:
            with pytest.raises(OutOfTurnError):
                self.interview.answer(turn.id, text)

    @rule(text=st.sampled_from(list(UNTAKEABLE.values())))
    def answer_what_cannot_be_taken(self, text: str) -> None:
        with pytest.raises(InputError if self._candidate_moves() else OutOfTurnError):
            self.interview.answer(self._new_id(), text)

    @precondition(lambda self: any(self.said))
    @rule(data=st.data())
    def answer_again_with_a_known_turn_id(self, data: st.DataObject) -> None:
        known = [turn.id for turns in self.said for turn in turns]
        again = self.interview.answer(data.draw(st.sampled_from(known)), "another text altogether")
        assert again == self.interview

    @rule()
    def probe(self) -> None:
        turn = _probe(self._new_id())
        if self._probe_fits():
            self._moved(self.interview.reply(turn))
            self.said[-1].append(turn)
        else:
            with pytest.raises(OutOfTurnError):
                self.interview.reply(turn)

    @rule()
    def advance(self) -> None:
        if self.closed:
            with pytest.raises(OutOfTurnError):
                self.interview.advance()
            return
        self._moved(self.interview.advance())
        if len(self.said) < len(self.asked):
            self.said.append([])
        else:
            self.closed = True

    @precondition(lambda self: len(self.past) > 12)
    @rule()
    def close(self) -> None:
        self._moved(self.interview.close())
        self.closed = True

    @invariant()
    def holds_what_was_said_and_nothing_else(self) -> None:
        expected = tuple(
            Exchange(question, tuple(turns)) for question, turns in zip(self.asked, self.said, strict=False)
        )
        assert self.interview.exchanges == expected
        assert self.interview.closed is self.closed
        assert self.interview.questions == self.asked

    @invariant()
    def turns_alternate_and_probes_stay_few(self) -> None:
        for exchange in self.interview.exchanges:
            roles = [turn.role for turn in exchange.turns]
            assert roles == [(Role.CANDIDATE, Role.INTERVIEWER)[n % 2] for n in range(len(roles))]
            assert len(exchange.probes) <= 3

    @invariant()
    def says_whose_move_it_is(self) -> None:
        if self.closed:
            assert self.interview.next is Next.NOBODY
        else:
            assert self.interview.next is (Next.CANDIDATE if self._candidate_moves() else Next.INTERVIEWER)

    @invariant()
    def older_values_are_as_they_were(self) -> None:
        assert all(repr(value) == told for value, told in self.past)


def test_every_order_of_moves_keeps_the_rules_of_the_interview() -> None:
    run_state_machine_as_test(
        InterviewMachine,
        settings=settings(max_examples=120, stateful_step_count=40, deadline=None, database=None),
    )


@pytest.mark.parametrize("text", UNTAKEABLE.values(), ids=UNTAKEABLE.keys())
def test_an_answer_without_words_or_with_too_many_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        _opened().answer("t1", text)
    assert refused.value.fix


def test_two_thousand_words_are_taken_as_they_were_typed() -> None:
    text = "\n".join(["  I  waited,\tthen" for _ in range(500)]) + " and left" * 250
    assert len(text.split()) == MOST_WORDS == 2_000
    assert _opened().answer("t1", text).current.turns[0].text == text


def test_the_refusal_of_a_long_answer_says_how_long_it_is() -> None:
    with pytest.raises(InputError, match=r"2,001 words.*2,000"):
        checked_answer("word " * 2_001)


@given(
    st.lists(st.sampled_from(["a", "7", "naïve", "the", "🙂x"]), min_size=1, max_size=11),
    st.text(" \n\t", min_size=1),
)
@settings(deadline=None, database=None)
def test_any_text_with_a_letter_or_digit_is_taken_unchanged(words: list[str], space: str) -> None:
    text = space + space.join(words) + space
    assert checked_answer(text) == text


def test_the_fourth_probe_of_a_question_is_refused_and_the_next_question_has_its_own_three() -> None:
    interview = _opened()
    for question in range(2):
        for number in range(MOST_PROBES):
            interview = interview.answer(f"a{question}{number}", "I called legal.")
            interview = interview.reply(_probe(f"p{question}{number}"))
        interview = interview.answer(f"last{question}", "I called legal.")
        with pytest.raises(OutOfTurnError):
            interview.reply(_probe("too many"))
        interview = interview.advance()
    assert interview.closed
    assert [len(exchange.probes) for exchange in interview.exchanges] == [3, 3]


def test_a_probe_keeps_the_check_and_the_passages_that_it_came_from() -> None:
    probed = _opened().answer("a1", "I called legal.").reply(_probe())
    assert probed.current.probes == (_probe(),)
    assert probed.next is Next.CANDIDATE


def test_a_second_send_of_the_last_answer_is_harmless_even_after_the_close() -> None:
    closed = _opened(1).answer("a1", "I called legal.").advance()
    assert closed.closed
    assert closed.answer("a1", "I called legal.") == closed
    with pytest.raises(OutOfTurnError):
        closed.answer("a2", "One more thing.")


def test_the_candidates_text_leaves_out_the_interviewers() -> None:
    interview = _opened().answer("a1", "First.").reply(_probe()).answer("a2", "Second.")
    assert interview.current.candidate_text == "First.\n\nSecond."
    assert interview.current.answered
    assert not _opened().current.answered


def test_an_interview_without_questions_cannot_be_opened() -> None:
    with pytest.raises(OutOfTurnError):
        open_interview("i1", "meta", "full", ())
    with pytest.raises(OutOfTurnError):
        _ = Interview("i1", "meta", "full", ()).current


def test_an_interview_and_its_parts_cannot_be_written_to() -> None:
    interview = _opened().answer("a1", "I called legal.")
    for value, name in ((interview, "closed"), (interview.current, "turns"), (interview.current.turns[0], "text")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, "changed")
