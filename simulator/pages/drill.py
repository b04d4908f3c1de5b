"""Drills: a claim, a follow-up, ninety seconds, the result at once; below, what is due and the days in a row.

Draws and decides nothing: the room says what comes next and what came of a reply, the server's clock what is late.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from simulator.conductor import Conductor
from simulator.drills.drill import Drill
from simulator.drills.room import DrillRoom, Result
from simulator.errors import InputError, SimulatorError
from simulator.move import Wait
from simulator.pages import host_notice, shell
from simulator.pages.countdown import countdown
from simulator.pages.shell import literal, said, time_zone, words_of
from simulator.pages.waiting import in_line
from simulator.program import Loading

SESSION = 10
"""Drills in a session."""
MOST_PLACES = 8
MOST_ROOMS = 1_000
"""Users whose begun drills are remembered."""
_KINDS = ("", "story", "case")
words = partial(words_of, Path(__file__).parent / "drill.words.md")


@dataclass(slots=True)
class Session:
    """What was chosen, the drill that is under way or was the last, and what came of those before it."""

    company: str
    check: str = ""
    kind: str = ""
    drill: Drill | None = None
    result: Result | None = None
    seconds: float | None = None
    """Until the reply was first sent: a model that failed makes nobody slower."""
    met: list[bool] = field(default_factory=list)


@st.cache_resource(show_spinner=False, max_entries=MOST_ROOMS)
def _room(owner: str) -> DrillRoom:
    return DrillRoom(Conductor(shell.program(), owner))


def drill_room() -> DrillRoom:
    """The user's room in this process: it knows the drills that were begun, so that a reload finds its own."""
    return _room(shell.conductor().owner)


def forget_room(owner: str) -> None:
    """A room remembers claims of past answers."""
    _room.clear(owner)


def page() -> None:
    st.title(words("title"))
    st.write(words("tagline"))
    try:
        conductor, room = shell.conductor(), drill_room()
        if not host_notice.agreed(conductor):
            return
        session = _session(room)
        if session is None:
            company, kind = _choose(conductor, room)
        else:
            company, kind = session.company, session.kind
            _drill(conductor, room, session)
        _queue(conductor, room, company, kind)
    except SimulatorError as error:
        st.error(literal(error))


# The session


def _session(room: DrillRoom) -> Session | None:
    """The session of this visit, or one for the drill that the address names after a reload."""
    if "drill-session" not in st.session_state and (drill_id := st.query_params.get("drill")):
        if drill := room.find(drill_id):
            address = st.query_params
            chosen = Session(drill.company, address.get("check", ""), address.get("kind", ""), drill)
            st.session_state["drill-session"] = chosen
        else:
            st.info(words("gone"))
            del st.query_params["drill"]
    found: Session | None = st.session_state.get("drill-session")
    return found


def _choose(conductor: Conductor, room: DrillRoom) -> tuple[str, str]:
    """Draw the choice and begin when asked to. The company and the kind that are chosen."""
    companies, address = conductor.library.companies, st.query_params
    company = st.selectbox(
        words("company"),
        list(companies),
        index=_place(list(companies), address.get("company", "")),
        format_func=lambda one: companies[one].name,
        key="drill-company",
    )
    kind = st.segmented_control(
        words("kind"),
        _KINDS,
        default=_KINDS[_place(_KINDS, address.get("kind", ""))],
        format_func=lambda one: words(one or "any"),
        required=True,
        key="drill-kind",
    )
    claims = room.material.claims(companies[company], kind or "")
    names = {one: room.material.check(one, found[0].question.kind).name for one, found in claims.items()}
    check = st.selectbox(
        words("weakness"),
        ["", *names],
        index=_place(["", *names], address.get("check", "")),
        format_func=lambda one: names.get(one) or words("record"),
        key="drill-check",
    )
    if st.button(words("start", count=SESSION), type="primary"):
        _go_to(room.next(company, check, kind or ""), Session(company, check, kind or ""))
    return company, kind or ""


def _place(options: Sequence[str], named: str) -> int:
    """Where the address's choice stands; the first where it is none of them."""
    return options.index(named) if named in options else 0


def _go_to(drill: Drill, session: Session) -> None:
    session.drill, session.result, session.seconds = drill, None, None
    st.session_state["drill-session"] = session
    st.query_params.update(company=session.company, check=session.check, kind=session.kind, drill=drill.id)
    st.rerun()


def _end() -> None:
    st.session_state.pop("drill-session", None)
    st.query_params.pop("drill", None)


# One drill


def _drill(conductor: Conductor, room: DrillRoom, session: Session) -> None:
    drill = session.drill
    assert drill
    number = len(session.met) + (session.result is None)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words("progress", number=number, of=SESSION, met=sum(session.met)))
        st.button(words("end"), type="tertiary", on_click=_end)
    st.progress(min(1.0, len(session.met) / SESSION))
    _ask(conductor, drill)
    if session.result is None:
        _reply(conductor, room, session, drill)
    else:
        _told(session.result)
        _go_on(room, session, drill)


def _ask(conductor: Conductor, drill: Drill) -> None:
    company = conductor.library.company(drill.company)
    name = conductor.library.personas[drill.company].interviewer
    with st.chat_message("user", avatar=":material/person:"):
        source = "own" if drill.claim.interview else "bank"
        st.html(
            f'<div class="aside">{escape(words("question was"))}: {escape(drill.claim.question.text)}</div>'
            f'<div class="aside">{escape(words(source))}</div>{said(drill.claim.text)}'
        )
    with st.chat_message("assistant", avatar=":material/record_voice_over:"):
        asks = words("asks", name=name, company=company.name)
        st.html(f'<div class="aside">{escape(asks)}</div><div class="question">{escape(drill.ask)}</div>')


def _reply(conductor: Conductor, room: DrillRoom, session: Session, drill: Drill) -> None:
    countdown(drill.deadline, f"drill-countdown-{drill.id}", words("left"))
    if time.time() > drill.deadline:
        st.caption(words("time up"))
    text = st.text_area(words("reply"), key=f"drill-reply-{drill.id}", height=150, placeholder=words("placeholder"))
    if not st.button(words("send"), type="primary", shortcut="Ctrl+Enter", key=f"drill-send-{drill.id}"):
        return
    seconds = session.seconds if session.seconds is not None else time.time() - drill.began
    name = conductor.library.personas[drill.company].interviewer
    ready = conductor.program.loading is Loading.READY
    line = st.empty()

    def told(wait: Wait | None) -> None:
        line.caption(in_line(wait) if wait else "")

    try:
        with st.spinner(words("judging" if ready else "waiting for model", name=name)):
            session.result = room.reply(drill, text, seconds, told)
    except InputError as error:
        st.error(literal(error))
        return
    except SimulatorError as error:
        session.seconds = seconds
        st.error(f"{words('not judged')} {literal(error)}")
        return
    session.met.append(session.result.met)
    st.rerun()


def _told(result: Result) -> None:
    verdict = words("met" if result.met else "not met", check=result.check.name)
    quotes = " ".join(f"“{escape(one.text)}”" for one in result.finding.evidence)
    st.html(
        f'<div class="overall" role="status"><span class="verdict">{escape(verdict)}</span>'
        f"<span>{escape(words('took', seconds=f'{result.seconds:.0f}'))}</span></div>"
        f'<div class="who">{escape(words("your words"))}</div>'
        f'<div class="moment">{quotes or escape(words("no words"))}</div>'
    )
    if result.gap:
        st.html(said(result.gap))
    st.html(f'<div class="who">{escape(words("next time"))}</div>{said(result.check.advice)}')
    st.caption(words("due again", when=_when(result.due)))


def _go_on(room: DrillRoom, session: Session, drill: Drill) -> None:
    over = len(session.met) >= SESSION
    if over:
        st.success(words("session over", met=sum(session.met), of=len(session.met)))
    with st.container(horizontal=True):
        if st.button(words("again"), shortcut="A", key="drill-again"):
            _go_to(room.again(drill), session)
        label = words("once more", count=SESSION) if over else words("next")
        if st.button(label, type="primary", shortcut="N", key="drill-next"):
            session = Session(session.company, session.check, session.kind) if over else session
            _go_to(room.next(session.company, session.check, session.kind), session)


# What comes when


def _queue(conductor: Conductor, room: DrillRoom, company: str, kind: str) -> None:
    st.divider()
    days = room.streak(time_zone())
    st.caption(words("streak", days=days) if days else words("streak none"))
    st.subheader(words("queue"))
    st.caption(words("queue note"))
    claims = room.material.claims(conductor.library.company(company), kind)
    lines = []
    for place in room.queue(company, kind)[:MOST_PLACES]:
        name = room.material.check(place.check, claims[place.check][0].question.kind).name
        when = _when(place.due) if place.due else words("unseen")
        lines.append(f"<li>{escape(name)} <small>{escape(when)}</small></li>")
    st.html(f"<ul>{''.join(lines)}</ul>")


def _when(due: datetime) -> str:
    left = due - datetime.now(UTC)
    if left <= timedelta():
        return words("now")
    if left < timedelta(hours=1):
        return words("minutes", minutes=1 + left.seconds // 60)
    if left < timedelta(days=1):
        return words("hours", hours=round(left / timedelta(hours=1)))
    return words("date", date=due.astimezone(time_zone()).strftime("%d %b"))
