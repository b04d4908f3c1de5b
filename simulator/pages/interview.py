"""The interview: what was said, the follow-up as it streams in, and the box for the next answer."""

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.clock import WORDS_PER_MINUTE, spoken_seconds
from simulator.conductor import Conductor
from simulator.errors import OutOfTurnError, SimulatorError
from simulator.interview import Interview, Next, Role, Turn
from simulator.move import Move
from simulator.pages import draft, host_notice, shell
from simulator.pages.countdown import countdown
from simulator.pages.draft import Box
from simulator.pages.shell import go, literal, said, words
from simulator.pages.waiting import in_line
from simulator.program import Loading

TURNS_APART, TURNS_MOVED = 12, 6
"""The last turns are a message each; those before are drawn in one piece, moved to it by so many at a time: a rerun
sends every element anew, and a long interview would get slower with every turn."""


def page() -> None:
    try:
        conductor = shell.conductor()
        interview_id = st.query_params.get("id", "")
        if not interview_id:
            st.info(words("no interview"))
            return
        interview = conductor.records.interviews.find(interview_id)
        if not interview.closed and not host_notice.agreed(conductor):
            return
    except SimulatorError as error:
        st.error(literal(error))
        return
    behind = draft.left_behind(interview)
    if behind and draft.is_drawn(behind):
        _left_behind(conductor, interview, behind)
        return
    _header(conductor, interview)
    _told(conductor, interview)
    if interview.next is Next.INTERVIEWER:
        _listen(conductor, interview)
    elif interview.next is Next.CANDIDATE:
        _answer(conductor, interview)
    else:
        _closed(conductor, interview)


def _header(conductor: Conductor, interview: Interview) -> None:
    company = conductor.library.company(interview.company)
    persona = conductor.library.personas[interview.company]
    st.subheader(f"{company.name} · {persona.interviewer}")
    with st.container(horizontal=True, vertical_alignment="center"):
        part = f" · {interview.segment.name}" if interview.segment else ""
        st.caption(words("progress", number=len(interview.exchanges), of=len(interview.questions)) + part)
        if probes := len(interview.current.probes):
            st.caption(words("follow-ups", number=probes))
        if interview.closed:
            return
        if interview.deadline is not None:
            key = f"clock-{interview.id}-{len(interview.exchanges)}"
            if countdown(interview.began + interview.deadline, key, words("time left")):
                st.session_state[f"{key}-over"] = True
        with st.popover(words("listens button"), type="tertiary"):
            st.html(said(persona.listens))
        with st.popover(words("finish"), type="tertiary"):
            st.write(words("finish sure"))
            if st.button(words("finish yes"), type="primary"):
                _finish(conductor, interview)


def _finish(conductor: Conductor, interview: Interview) -> None:
    try:
        conductor.finish(interview.id)
    except SimulatorError as error:
        st.error(literal(error))
        return
    draft.leave(interview)
    go("scorecard", interview.id)


def _told(conductor: Conductor, interview: Interview) -> None:
    persona = conductor.library.personas[interview.company]
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        st.html(said(persona.greeting))
    turns = sum(len(exchange.turns) for exchange in interview.exchanges)
    early = max(0, turns - TURNS_APART) // TURNS_MOVED * TURNS_MOVED
    for number, exchange in enumerate(interview.exchanges):
        with st.chat_message("assistant", avatar=":material/record_voice_over:"):
            if number:
                st.html(f'<div class="aside">{escape(_leading_over(conductor, interview, number))}</div>')
            st.html(f'<div class="question">{escape(exchange.question.text)}</div>')
        together, apart = exchange.turns[: max(0, early)], exchange.turns[max(0, early) :]
        early -= len(exchange.turns)
        if together:
            st.html("".join(_earlier(turn) for turn in together))
        for turn in apart:
            candidate = turn.role is Role.CANDIDATE
            avatar = ":material/person:" if candidate else ":material/record_voice_over:"
            with st.chat_message("user" if candidate else "assistant", avatar=avatar):
                st.html(said(turn.text))


def _earlier(turn: Turn) -> str:
    who = words("you" if turn.role is Role.CANDIDATE else "interviewer")
    return f'<div class="who">{escape(who)}</div>{said(turn.text)}'


def _leading_over(conductor: Conductor, interview: Interview, number: int) -> str:
    """What is said between two questions: the interviewer cuts in where the time of the first was over."""
    before = interview.exchanges[number - 1]
    if interview.timed and interview.exchanges[number].started >= before.started + interview.plan[number - 1].seconds:
        lines = conductor.program.conduct.cut_in
    elif before.question.kind == "opening":
        lines = conductor.program.conduct.to_the_work
    else:
        lines = conductor.library.personas[interview.company].next_lines
    return lines[(number - 1) % len(lines)]


def _listen(conductor: Conductor, interview: Interview) -> None:
    """The interviewer's move: follow the one under way, or the one that is due since a restart."""
    move = conductor.move_under_way(interview.id)
    if move is not None and move.done and move.error:
        st.error(f"{words('saved')} {literal(move.error)}")
        if st.button(words("try again"), type="primary"):
            conductor.program.warm_up()
            conductor.move(interview.id)
            st.rerun()
        return
    try:
        _follow(conductor, interview, conductor.move(interview.id))
    except OutOfTurnError:
        pass  # the move was made between reading the interview and asking for it: draw it
    except SimulatorError as error:
        st.error(literal(error))
        return
    st.rerun()


def _follow(conductor: Conductor, interview: Interview, move: Move) -> None:
    name = conductor.library.personas[interview.company].interviewer
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        place = st.empty()
        ready = conductor.program.loading is Loading.READY
        _aside(place, words("reading" if ready else "waiting for model", name=name))
        text = ""
        for new in move.news():
            if isinstance(new, str):
                text += new
                place.html(said(text))
            elif new:
                _aside(place, words("in line saved", line=in_line(new), name=name))
            else:
                _aside(place, words("reading", name=name))


def _aside(place: DeltaGenerator, told: str) -> None:
    place.html(f'<div class="aside" role="status">{escape(told)}</div>')


def _answer(conductor: Conductor, interview: Interview) -> None:
    try:
        box = draft.box_for(conductor.records.interviews, interview)
    except SimulatorError as error:
        st.error(literal(error))
        return
    text = _box(conductor, interview, box)
    case = interview.current.question.kind == "case"
    with st.container(horizontal=True, vertical_alignment="center"):
        sent = st.button(words("send"), type="primary", shortcut="Ctrl+Enter", key=f"send-{box.key}")
        asks = case and st.button(words("ask"), key=f"ask-{box.key}", help=words("ask help"))
        if count := len(text.split()):
            seconds = round(spoken_seconds(text))
            length = f"{seconds // 60}:{seconds % 60:02d}"
            st.caption(words("spoken", words=f"{count:,}", length=length, rate=WORDS_PER_MINUTE))
    try:
        if sent or asks:
            conductor.answer(interview.id, box.turn_id, text, asks=asks)
            st.rerun()
        over = st.session_state.pop(f"clock-{interview.id}-{len(interview.exchanges)}-over", False)
        if over and conductor.time_up(interview.id, box.turn_id, text) != interview:
            draft.leave(interview)
            st.rerun()
        if box.trouble == draft.APART:
            _say_apart(conductor, interview)
        elif box.trouble:
            st.error(literal(box.trouble))
    except OutOfTurnError:
        st.rerun()  # another window was quicker
    except SimulatorError as error:
        st.error(literal(error))


def _box(conductor: Conductor, interview: Interview, box: Box) -> str:
    """The box of an answer and what watches over it. What is in it, as far as the page was told."""

    def keep() -> None:
        box.keep(conductor.records.interviews, st.session_state[box.key])

    case = interview.current.question.kind == "case"
    text = st.text_area(
        words("your answer"),
        # Not put into the session's state: a server that was started again would overwrite what is in an open page.
        value=box.began_with,
        key=box.key,
        height=190,
        placeholder=words("placeholder case" if case else "placeholder"),
        on_change=keep,
    )
    draft.keeper(conductor.records.interviews, interview, box, words("draft back"))
    return text


def _say_apart(conductor: Conductor, interview: Interview) -> None:
    st.warning(words(draft.APART))
    if st.button(words("put together")):
        draft.together(conductor.records.interviews, interview)
        st.rerun()


def _left_behind(conductor: Conductor, interview: Interview, box: Box) -> None:
    """The page as this window had it: another one has gone on, and what is typed here was not sent."""
    seen = draft.as_seen(interview, box)
    _header(conductor, seen)
    _told(conductor, seen)
    _box(conductor, seen, box)
    st.warning(words(draft.BEHIND))
    if st.button(words("show newest"), type="primary"):
        draft.leave(interview)
        st.rerun()


def _closed(conductor: Conductor, interview: Interview) -> None:
    persona = conductor.library.personas[interview.company]
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        st.html(said(persona.closing))
        if own := [one for one in interview.plan if one.kind == "questions"]:
            told = words("your questions", minutes=f"{own[0].seconds / 60:.0f}")
            st.html(f'<div class="aside">{escape(told)}</div>')
    draft.leave(interview)
    if left := draft.unsent(interview):
        st.caption(words("draft left"))
        st.code(left, language=None, wrap_lines=True)
    try:
        draft.forget(conductor.records.interviews)
    except SimulatorError as error:
        st.error(literal(error))
    if st.button(words("to scorecard"), type="primary"):
        go("scorecard", interview.id)
