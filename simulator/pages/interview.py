"""The interview: what was said, the follow-up as it streams in, and the box for the next answer."""

from html import escape

import streamlit as st

from simulator.clock import WORDS_PER_MINUTE, spoken_seconds
from simulator.conductor import Conductor, Loading
from simulator.errors import OutOfTurnError, SimulatorError
from simulator.interview import Interview, Next, Role
from simulator.move import Move
from simulator.pages import draft, host_notice
from simulator.pages.countdown import countdown
from simulator.pages.draft import Box
from simulator.pages.shell import conductor, go, literal, said, words


def page() -> None:
    try:
        program = conductor()
        interview_id = st.query_params.get("id", "")
        if not interview_id:
            st.info(words("no interview"))
            return
        interview = program.records.interviews.find(interview_id)
        if not interview.closed and not host_notice.agreed(program):
            return
    except SimulatorError as error:
        st.error(literal(error))
        return
    behind = draft.left_behind(interview)
    if behind and draft.is_drawn(behind):
        _left_behind(program, interview, behind)
        return
    _header(program, interview)
    _told(program, interview)
    if interview.next is Next.INTERVIEWER:
        _listen(program, interview)
    elif interview.next is Next.CANDIDATE:
        _answer(program, interview)
    else:
        _closed(program, interview)


def _header(program: Conductor, interview: Interview) -> None:
    company = program.library.company(interview.company)
    persona = program.library.personas[interview.company]
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
                _finish(program, interview)


def _finish(program: Conductor, interview: Interview) -> None:
    try:
        program.finish(interview.id)
    except SimulatorError as error:
        st.error(literal(error))
        return
    draft.leave(interview)
    go("scorecard", interview.id)


def _told(program: Conductor, interview: Interview) -> None:
    persona = program.library.personas[interview.company]
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        st.html(said(persona.greeting))
    for number, exchange in enumerate(interview.exchanges):
        with st.chat_message("assistant", avatar=":material/record_voice_over:"):
            if number:
                st.html(f'<div class="aside">{escape(_leading_over(program, interview, number))}</div>')
            st.html(f'<div class="question">{escape(exchange.question.text)}</div>')
        for turn in exchange.turns:
            candidate = turn.role is Role.CANDIDATE
            avatar = ":material/person:" if candidate else ":material/record_voice_over:"
            with st.chat_message("user" if candidate else "assistant", avatar=avatar):
                st.html(said(turn.text))


def _leading_over(program: Conductor, interview: Interview, number: int) -> str:
    """What is said between two questions: the interviewer cuts in where the time of the first was over."""
    before = interview.exchanges[number - 1]
    if interview.timed and interview.exchanges[number].started >= before.started + interview.plan[number - 1].seconds:
        lines = program.conduct.cut_in
    elif before.question.kind == "opening":
        lines = program.conduct.to_the_work
    else:
        lines = program.library.personas[interview.company].next_lines
    return lines[(number - 1) % len(lines)]


def _listen(program: Conductor, interview: Interview) -> None:
    """The interviewer's move: follow the one under way, or the one that is due since a restart."""
    move = program.move_under_way(interview.id)
    if move is not None and move.done and move.error:
        st.error(f"{words('saved')} {literal(move.error)}")
        if st.button(words("try again"), type="primary"):
            program.warm_up()
            program.move(interview.id)
            st.rerun()
        return
    try:
        _follow(program, interview, program.move(interview.id))
    except OutOfTurnError:
        pass  # the move was made between reading the interview and asking for it: draw it
    except SimulatorError as error:
        st.error(literal(error))
        return
    st.rerun()


def _follow(program: Conductor, interview: Interview, move: Move) -> None:
    name = program.library.personas[interview.company].interviewer
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        place = st.empty()
        ready = program.loading is Loading.READY
        waiting = words("reading" if ready else "waiting for model", name=name)
        place.html(f'<div class="aside" role="status">{escape(waiting)}</div>')
        text = ""
        for piece in move.tail():
            text += piece
            place.html(said(text))


def _answer(program: Conductor, interview: Interview) -> None:
    try:
        box = draft.box_for(program.records.interviews, interview)
    except SimulatorError as error:
        st.error(literal(error))
        return
    text = _box(program, interview, box)
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
            program.answer(interview.id, box.turn_id, text, asks=asks)
            st.rerun()
        over = st.session_state.pop(f"clock-{interview.id}-{len(interview.exchanges)}-over", False)
        if over and program.time_up(interview.id, box.turn_id, text) != interview:
            draft.leave(interview)
            st.rerun()
        if box.trouble == draft.APART:
            _say_apart(program, interview)
        elif box.trouble:
            st.error(literal(box.trouble))
    except OutOfTurnError:
        st.rerun()  # another window was quicker
    except SimulatorError as error:
        st.error(literal(error))


def _box(program: Conductor, interview: Interview, box: Box) -> str:
    """The box of an answer and what watches over it. What is in it, as far as the page was told."""

    def keep() -> None:
        box.keep(program.records.interviews, st.session_state[box.key])

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
    draft.keeper(program.records.interviews, interview, box, words("draft back"))
    return text


def _say_apart(program: Conductor, interview: Interview) -> None:
    st.warning(words(draft.APART))
    if st.button(words("put together")):
        draft.together(program.records.interviews, interview)
        st.rerun()


def _left_behind(program: Conductor, interview: Interview, box: Box) -> None:
    """The page as this window had it: another one has gone on, and what is typed here was not sent."""
    seen = draft.as_seen(interview, box)
    _header(program, seen)
    _told(program, seen)
    _box(program, seen, box)
    st.warning(words(draft.BEHIND))
    if st.button(words("show newest"), type="primary"):
        draft.leave(interview)
        st.rerun()


def _closed(program: Conductor, interview: Interview) -> None:
    persona = program.library.personas[interview.company]
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
        draft.forget(program.records.interviews)
    except SimulatorError as error:
        st.error(literal(error))
    if st.button(words("to scorecard"), type="primary"):
        go("scorecard", interview.id)
