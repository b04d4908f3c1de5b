"""Turns before the model: who is next, what those who wait are told, and what a greedy one costs the others."""

import heapq
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from asking import ASKED, WHOLE, opened, reply
from conducting import REPLY, SECONDS, followed, graded, until
from conftest import START_UP, ScriptedModel, judging
from fault_server import FaultServer, Messages
from telling import ANSWER

from simulator.conductor import Conductor
from simulator.drills.room import DrillRoom, Result
from simulator.interview import Next
from simulator.models import ChatModel, Lane
from simulator.models.turns import PATIENCE_SECONDS, Line, Ticket, Turns
from simulator.move import Move, Wait
from simulator.program import Program
from simulator.settings import Settings

AT_ONCE = 8
"""Turns that the greedy one waits for at any time."""
GREEDY = "greedy"
POLITE = 9
COUNT = 2_000


@dataclass(frozen=True, slots=True)
class Waited:
    """A polite one's turn: how long it waited, and how long it was told at first; None where it began at once."""

    turns: float
    told: float | None


class Crowd:
    """Nine sessions that ask for a turn, think for `thinking` turns on average, and ask again, and perhaps a greedy
    one. The clock goes from event to event; its unit is the length of a turn."""

    def __init__(self, places: int, thinking: float, *, greedy: bool) -> None:
        self._line = Line(places)
        self._chance = random.Random(1)
        self._thinking = thinking
        self._numbers = itertools.count()
        self._asking: list[tuple[float, int, str]] = []
        self._held: list[tuple[float, int, Ticket]] = []
        self._waiting: dict[Ticket, tuple[float, float | None]] = {}
        for name in range(POLITE):
            self._ask(self._chance.uniform(0, 2 * thinking), str(name))
        for _ in range(AT_ONCE if greedy else 0):
            self._ask(0.0, GREEDY)

    def waits(self) -> list[Waited]:
        """The waits of the polite ones, in the order in which their turns began."""
        return list(itertools.islice(self._run(), COUNT))

    def _ask(self, when: float, session: str) -> None:
        heapq.heappush(self._asking, (when, next(self._numbers), session))

    def _run(self) -> Iterator[Waited]:
        while True:
            if self._held and (not self._asking or self._held[0] <= self._asking[0][:2]):
                now = self._end()
            else:
                now, _, session = heapq.heappop(self._asking)
                joined = self._line.join(session, now)
                wait = self._line.wait(joined, now)
                self._waiting[joined] = (now, wait.seconds if wait else None)
            for ticket in [one for one in self._waiting if self._line.has_begun(one)]:
                came, told = self._waiting.pop(ticket)
                heapq.heappush(self._held, (now + 1.0, next(self._numbers), ticket))
                if ticket.session != GREEDY:
                    yield Waited(now - came, told)

    def _end(self) -> float:
        now, _, ticket = heapq.heappop(self._held)
        self._line.leave(ticket, now)
        thinks = 0.0 if ticket.session == GREEDY else self._chance.expovariate(1 / self._thinking)
        self._ask(now + thinks, str(ticket.session))
        return now


def p95(waits: list[Waited]) -> float:
    return sorted(one.turns for one in waits)[int(0.95 * len(waits))]


@pytest.mark.parametrize(("places", "thinking"), [(1, 1), (1, 2), (1, 4), (2, 1)])
def test_one_who_asks_for_eight_turns_at_once_makes_nobody_wait_a_fifth_longer(places: int, thinking: float) -> None:
    without, beside = (p95(Crowd(places, thinking, greedy=greedy).waits()) for greedy in (False, True))
    assert without > 3  # there is a line without the greedy one
    assert beside <= 1.2 * without


@pytest.mark.parametrize("places", [1, 2, 4])
@pytest.mark.parametrize("thinking", [2, 6, 15])
def test_however_short_the_line_a_greedy_one_costs_the_others_a_turn_and_a_half_at_most(
    places: int, thinking: float
) -> None:
    without, beside = (p95(Crowd(places, thinking, greedy=greedy).waits()) for greedy in (False, True))
    assert beside <= without + 1.5


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("places", [1, 2, 4])
@pytest.mark.parametrize("thinking", [1, 4, 9])
def test_what_is_told_of_a_wait_is_right_within_a_factor_of_two(places: int, thinking: float, greedy: bool) -> None:
    waits = [one for one in Crowd(places, thinking, greedy=greedy).waits() if one.told]
    right = sum(0.5 <= one.turns / one.told <= 2 for one in waits if one.told)
    assert right >= 0.9 * len(waits)


def test_a_user_with_many_interviews_has_one_turn_a_round() -> None:
    line = Line(1)
    held = line.join("ann", 0)
    tickets = [line.join(user, 0) for user in ("ann", "ann", "ann", "bob", "cat", "bob")]
    order = []
    while True:
        line.leave(held, 0)
        if not (begun := [one for one in tickets if line.has_begun(one)]):
            break
        (held,) = begun
        order.append(held.session)
    assert order == ["bob", "cat", "ann", "bob", "ann", "ann"]


def test_who_gives_up_waiting_lets_the_next_one_in() -> None:
    line = Line(1)
    held, leaver, last = (line.join(user, 0) for user in ("ann", "bob", "cat"))
    line.leave(leaver, 1)
    assert line.wait(last, 1) == Wait(1, None)
    line.leave(held, 4)
    assert line.has_begun(last)
    dan, eve = line.join("dan", 5), line.join("eve", 5)
    assert (line.wait(dan, 5), line.wait(eve, 6)) == (
        Wait(1, 3.0),
        Wait(2, 6.0),
    )  # a turn took 4, this one took 1 and 2
    assert line.wait(last, 6) is None


# --- threads ---------------------------------------------------------------------------------------------


@dataclass
class Holder:
    """A thread that waits for a turn and then does something in it."""

    turns: Turns
    session: str
    work: Callable[[], Any]
    told: list[Wait | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()
        until(lambda: bool(self.told))  # it waits, or has begun

    def _take(self) -> None:
        with self.turns.live(self.session, self.told.append):
            self.work()

    @property
    def begun(self) -> bool:
        return self.told[-1] is None

    def join(self) -> None:
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@contextmanager
def holding(turns: Turns, session: str = "somebody") -> Iterator[threading.Event]:
    """A turn that is held by another thread, until the event or the end."""
    release = threading.Event()
    holder = Holder(turns, session, lambda: release.wait(SECONDS))
    assert holder.begun
    yield release
    release.set()
    holder.join()


def test_turns_go_round_and_each_keeps_its_place_over_all_of_its_calls() -> None:
    asked: list[str] = []

    def answer(messages: Messages, parameters: dict[str, Any]) -> str:
        asked.append(str(messages[-1]["content"]))
        return WHOLE

    def two_calls(model: ChatModel, user: str) -> None:
        model.reply([("user", user)], 40)
        "".join(model.stream([("user", user)], 40))

    with FaultServer(reply=answer) as server:
        model = opened(server)
        model.turns = Turns(1)
        with holding(model.turns):
            users = ["greedy", "greedy", "greedy", "ann", "bob"]
            holders = [Holder(model.turns, user, partial(two_calls, model, user)) for user in users]
            assert [holder.told[0] for holder in holders] == [Wait(place, None) for place in (1, 2, 3, 2, 3)]
        for holder in holders:
            holder.join()
    assert asked == [user for user in ("greedy", "ann", "bob", "greedy", "greedy") for _ in range(2)]


def test_as_many_turns_are_held_at_once_as_there_are_places() -> None:
    together, at_once, most = threading.Barrier(3), [0], [0]
    lock = threading.Lock()

    def answer(messages: Messages, parameters: dict[str, Any]) -> str:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        together.wait(SECONDS)  # each waits for two others
        with lock:
            at_once[0] -= 1
        return WHOLE

    with FaultServer(reply=answer) as server:
        model = opened(server)
        model.turns = Turns(3)
        for holder in [Holder(model.turns, f"user {number}", lambda: reply(model)) for number in range(9)]:
            holder.join()
    assert most == [3] and len(server.requests) == 9


def test_waiting_for_a_turn_is_no_part_of_a_call_s_limit() -> None:
    said: list[str] = []
    with FaultServer(reply=lambda messages, parameters: WHOLE) as server:
        model = opened(server, seconds=0.5)
        model.turns = Turns(1)
        with holding(model.turns):
            waits = Holder(model.turns, "ann", lambda: said.append(reply(model)))
            waits.thread.join(0.7)  # longer than a call may take
            assert waits.thread.is_alive() and not server.requests
        waits.join()
    assert said == [WHOLE]


def test_who_waits_is_told_anew_as_the_line_moves_and_can_give_up() -> None:
    class GaveUpError(Exception):
        pass

    turns = Turns(1)
    with holding(turns) as release, holding_back(turns) as second:
        last = Holder(turns, "last", lambda: None)
        assert last.told[0] == Wait(2, None)
        with pytest.raises(GaveUpError), turns.live("impatient", raising(GaveUpError)):
            pytest.fail("its turn never came")
        release.set()
        until(lambda: last.told[-1] is not None and last.told[-1].before == 1)
        now = last.told[-1]
        assert now and now.seconds is not None  # one turn is over: it is known how long they take
        second.set()
        last.join()
    assert last.begun


@contextmanager
def holding_back(turns: Turns) -> Iterator[threading.Event]:
    """A turn that is waited for, and then held until the event or the end."""
    release = threading.Event()
    holder = Holder(turns, "second", lambda: release.wait(SECONDS))
    assert not holder.begun
    yield release
    release.set()
    holder.join()


def raising(error: type[Exception]) -> Callable[[Wait | None], None]:
    def told(wait: Wait | None) -> None:
        raise error

    return told


# --- background calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("patience_seconds", "comes"), [(0.3, True), (PATIENCE_SECONDS, False)])
def test_a_grading_waits_for_a_quiet_moment_but_only_so_long(patience_seconds: float, comes: bool) -> None:
    turns, through = Turns(1, patience_seconds), threading.Event()

    def background() -> None:
        turns.give_way()
        through.set()

    with ExitStack() as rest:
        release = rest.enter_context(holding(turns, "0"))
        threading.Thread(target=background, daemon=True).start()
        assert not through.wait(0.6)  # a turn that is held is never interrupted
        for number in range(1, 20):  # and there is always one
            following = threading.Event()
            holder = Holder(turns, str(number), partial(following.wait, SECONDS))
            rest.callback(holder.join)
            rest.callback(following.set)
            release.set()
            until(partial(holder.told.__contains__, None))
            release = following
        assert through.is_set() is comes
    assert through.wait(SECONDS)  # at the latest when it is quiet


def test_a_grading_has_its_turn_within_ten_minutes() -> None:
    """A round of a line of ten turns of ten seconds is part of them."""
    assert PATIENCE_SECONDS + 10 * 10 <= 600


def test_a_grading_that_waits_behind_live_turns_keeps_its_job(
    one_place: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("simulator.grading", "simulator.records.jobs"):
        monkeypatch.setattr(f"{module}.LEASE_SECONDS", 0.6)
    before = one_place.start("stripe", "quick", 1, kind="story")
    one_place.records.interviews.save(before, before.answer("t1", ANSWER))
    with holding(one_place.model().turns):
        one_place.finish(before.id)
        until(lambda: one_place.records.jobs.of(before.id)[0].state == "running")
        for _ in range(8):
            threading.Event().wait(0.2)
            assert one_place.program.records.jobs.take("another worker") is None
    until(lambda: graded(one_place, before.id))
    assert one_place.records.jobs.of(before.id)[0].attempts == 1


# --- interviews and drills -------------------------------------------------------------------------------


@pytest.fixture
def one_place(settings: Settings) -> Iterator[Conductor]:
    conductor = Conductor(Program(settings.model_copy(update={"live_calls": 1})))
    conductor.model()
    yield conductor
    conductor.program.close()


def first_wait(move: Move) -> Wait | None:
    found = next(iter(move.news(SECONDS)))
    assert not isinstance(found, str)
    return found


def test_a_follow_up_waits_in_line_says_so_and_is_made_though_nobody_looks(
    one_place: Conductor, scripted_model: ScriptedModel
) -> None:
    interviews = [one_place.start("stripe", "quick", 2, kind="story") for _ in range(2)]
    first, second = (one.current.question.text for one in interviews)
    judge, go_on, asked = judging(), threading.Event(), list[str]()

    def slowly(messages: Messages, parameters: dict[str, object]) -> str | float:
        text = str(messages[-1]["content"])
        assert text == START_UP or first in text or second in text
        asked.append("first" if first in text else "second")
        assert go_on.wait(SECONDS)
        return judge(messages, parameters)

    scripted_model.reply = slowly
    moves = [one_place.answer(interviews[0].id, "t1", ANSWER)]
    until(lambda: bool(asked))
    moves.append(one_place.answer(interviews[1].id, "t2", ANSWER))
    assert first_wait(moves[1]) == Wait(1, None)
    go_on.set()
    until(lambda: moves[1].done)  # nobody follows it
    assert [one_place.records.interviews.find(one.id).next for one in interviews] == [Next.CANDIDATE] * 2
    assert asked == sorted(asked) and {*asked} == {"first", "second"}
    assert followed(moves[0]).endswith("?") and followed(moves[1]).endswith("?")


def test_an_interview_that_is_finished_while_it_waits_asks_the_model_nothing(
    one_place: Conductor, scripted_model: ScriptedModel
) -> None:
    interview = one_place.start("stripe", "quick", 2, kind="story")
    with holding(one_place.model().turns):
        before = len(scripted_model.requests)
        move = one_place.answer(interview.id, "t1", ANSWER)
        assert first_wait(move) == Wait(1, None)
        one_place.finish(interview.id)
        assert len(scripted_model.requests) == before
        scripted_model.reply = judging(sure=0.5)
    until(lambda: move.done)
    assert move.error is None
    assert not [one for one in scripted_model.requests[before:] if one.body.get("stream")]
    assert one_place.records.interviews.find(interview.id).closed


def test_the_reply_of_a_drill_waits_in_the_same_line(one_place: Conductor, scripted_model: ScriptedModel) -> None:
    room, told, results = DrillRoom(one_place), list[Wait | None](), list[Result]()
    drill = room.next("stripe", kind="story")
    with holding(one_place.model().turns):
        before = len(scripted_model.requests)
        replies = threading.Thread(target=lambda: results.append(room.reply(drill, REPLY, 20, told.append)))
        replies.start()
        until(lambda: bool(told))
        assert told[0] == Wait(1, None)
        assert len(scripted_model.requests) == before
    replies.join(SECONDS)
    assert results and told[-1] is None


def test_a_background_call_of_another_kind_waits_in_the_same_line(one_place: Conductor) -> None:
    """The rubric lab's, for one: all of its calls are background calls of the program's model."""
    said: list[str] = []
    calls = threading.Thread(target=lambda: said.append(one_place.model().reply(ASKED, 40, Lane.BACKGROUND)))
    with holding(one_place.model().turns):
        calls.start()
        calls.join(0.5)
        assert not said
    calls.join(SECONDS)
    assert said
