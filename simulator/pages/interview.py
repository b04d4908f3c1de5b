"""The interview: what was said, the follow-up as it streams in, and the box for the next answer."""

from html import escape

import streamlit as st

from simulator.clock import WORDS_PER_MINUTE, spoken_seconds
from simulator.conductor import Conductor, Loading
from simulator.errors import OutOfTurnError, SimulatorError
from simulator.interview import Interview, Next, Role
from simulator.move import Move
from simulator.pages.countdown import countdown
from simulator.pages.shell import conductor, go, said, words
from simulator.records import new_id


def page() -> None:
    try:
        program = conductor()
        interview_id = st.query_params.get("id", "")
        if not interview_id:
            st.info(words("no interview"))
            return
        interview = program.records.interviews.find(interview_id)
    except SimulatorError as error:
        st.error(str(error))
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
        st.error(str(error))
        return
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
        st.error(f"{words('saved')} {move.error}")
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
        st.error(str(error))
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
    key = f"answer-{interview.id}-{len(interview.exchanges)}-{len(interview.current.turns)}"
    if key not in st.session_state:
        st.session_state[key] = program.records.interviews.draft(interview.id)
    # The answer's id is made here, once, so that sending twice is sending once.
    turn_id = st.session_state.setdefault(f"{key}-id", new_id())
    case = interview.current.question.kind == "case"

    def keep_draft() -> None:
        program.records.interviews.keep_draft(interview.id, st.session_state[key])

    st.text_area(
        words("your answer"),
        key=key,
        height=190,
        placeholder=words("placeholder case" if case else "placeholder"),
        on_change=keep_draft,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        sent = st.button(words("send"), type="primary", shortcut="Ctrl+Enter", key="send")
        asks = case and st.button(words("ask"), key="ask", help=words("ask help"))
        if count := len(st.session_state[key].split()):
            seconds = round(spoken_seconds(st.session_state[key]))
            length = f"{seconds // 60}:{seconds % 60:02d}"
            st.caption(words("spoken", words=f"{count:,}", length=length, rate=WORDS_PER_MINUTE))
    try:
        if sent or asks:
            program.answer(interview.id, turn_id, st.session_state[key], asks=asks)
            st.rerun()
        over = st.session_state.pop(f"clock-{interview.id}-{len(interview.exchanges)}-over", False)
        if over and program.time_up(interview.id, turn_id, st.session_state[key]) != interview:
            st.rerun()
    except SimulatorError as error:
        st.error(str(error))


def _closed(program: Conductor, interview: Interview) -> None:
    persona = program.library.personas[interview.company]
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        st.html(said(persona.closing))
        if own := [one for one in interview.plan if one.kind == "questions"]:
            told = words("your questions", minutes=f"{own[0].seconds / 60:.0f}")
            st.html(f'<div class="aside">{escape(told)}</div>')
    if st.button(words("to scorecard"), type="primary"):
        go("scorecard", interview.id)
