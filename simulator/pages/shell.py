"""What every page stands in: navigation, the state of the model, this process's program and its user's conductor."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st

from simulator import markdown
from simulator.conductor import Conductor
from simulator.errors import InputError, SimulatorError
from simulator.pages import sign_in
from simulator.pages.sign_in import User
from simulator.program import Loading, Program
from simulator.settings import load_settings

_HERE = Path(__file__).parent
_SIGNS = re.compile(r"[\\`*_{}\[\]<>#|~$:&@^!]")
_STYLE = (_HERE / "style.css").read_text(encoding="utf-8")


@st.cache_resource(show_spinner=False)
def program() -> Program:
    """The process's program. Raises SimulatorError when the settings or the content are unusable."""
    return Program(load_settings())


def conductor() -> Conductor:
    """The rounds of the user who looks at the page. Raises SimulatorError as `program` does, and for nobody."""
    found = program()
    if (user := sign_in.user(found.settings)) is None:
        raise InputError(words("sign in first"))
    return Conductor(found, user.owner)


LOOK_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Further:
    """A page that is not the program's own: the entry page hands it in, and the sidebar links to it."""

    title: str
    address: str
    icon: str
    draw: Callable[[], None]


@cache
def _words(file: Path) -> dict[str, str]:
    return {section.slug: section.text for section in markdown.parse(file).sections}


def words_of(file: Path, slug: str, /, **values: object) -> str:
    """A sentence of a file of words with its values filled in."""
    return _words(file)[slug].format(**values)


def words(slug: str, **values: object) -> str:
    """A sentence of words.md with its values filled in."""
    return words_of(_HERE / "words.md", slug, **values)


def said(text: str) -> str:
    """Text of a person or a model as HTML that shows it and nothing else: no markup, image or link acts."""
    return f'<div class="said">{escape(text)}</div>'


def literal(text: object) -> str:
    """Text that may come from a server, a file or a model, for an element that draws Markdown: each sign that could
    make a link, an image or a format is written as the number of its character."""
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(str(text).split()))


def time_zone() -> tzinfo:
    """The user's time zone, as the browser tells it; else this machine's."""
    name = st.context.timezone
    return ZoneInfo(name) if name else datetime.now().astimezone().tzinfo or UTC


def _own() -> dict[str, st.Page]:
    """The program's own pages, by their address."""
    from simulator.pages import drill, guide, interview, practise, progress, scorecard, stories

    shown = {
        "practise": (practise.page, words("home"), ":material/add:"),
        "drill": (drill.page, words("drill"), ":material/timer:"),
        "stories": (stories.page, words("stories"), ":material/auto_stories:"),
        "progress": (progress.page, words("progress page"), ":material/trending_up:"),
        "guide": (guide.page, words("guide page"), ":material/menu_book:"),
    }
    hidden = {"interview": interview.page, "scorecard": scorecard.page}
    return {
        address: st.Page(draw, title=title, icon=icon, url_path=address, default=address == "practise")
        for address, (draw, title, icon) in shown.items()
    } | {
        address: st.Page(draw, title=address.title(), url_path=address, visibility="hidden")
        for address, draw in hidden.items()
    }


def run(further: Sequence[Further] = ()) -> None:
    """Draw the page that the address names: one of the program's own, or a further one."""
    # Set before the navigation: otherwise the browser asks a foreign host for an icon.
    st.set_page_config(page_title=words("title"), page_icon=str(_HERE / "icon.png"), layout="centered")
    st.html(f"<style>{_STYLE}</style>")
    own = _own()
    try:
        found = program()
        user = sign_in.user(found.settings)
    except SimulatorError as error:
        st.navigation([*own.values()], position="hidden")
        st.error(literal(error))
        return
    if found.settings.sign_in:
        further = ()  # they are for the one user of a machine
    others = [st.Page(one.draw, title=one.title, icon=one.icon, url_path=one.address) for one in further]
    chosen = st.navigation([*own.values(), *others], position="hidden")
    if user is None:
        _ask_to_sign_in()
        return
    _forget_another(user)
    _sidebar([*(page for page in own.values() if page.visibility != "hidden"), *others], user)
    chosen.run()
    _warm_up(found, user)


def _ask_to_sign_in() -> None:
    st.title(words("title"))
    st.write(words("sign in first"))
    if st.button(words("sign in"), type="primary"):
        st.login()


def _warm_up(found: Program, user: User) -> None:
    """Load the model, where it may be used: after the page is drawn, so that loading does not hold it up. After a
    failure that waits for the user's word."""
    try:
        if found.loading is not Loading.FAILED and found.may_send(user.owner):
            found.warm_up()
    except SimulatorError as error:
        st.error(literal(error))


def _forget_another(user: User) -> None:
    """A window can pass to another user while it is open: a proxy may sign one out and the next one in."""
    if st.session_state.get("owner", user.owner) != user.owner:
        st.session_state.clear()
    st.session_state["owner"] = user.owner


def go(page: str, interview_id: str = "") -> None:
    """Switch to a page, with the interview in its address."""
    st.switch_page(_own()[page], query_params={"id": interview_id} if interview_id else {})


def _sidebar(pages: Sequence[st.Page], user: User) -> None:
    with st.sidebar:
        st.html(f'<div class="brand">{escape(words("title"))}</div>')
        for page in pages:
            st.page_link(page)
        _model_state()
        if user.name:
            st.html(f'<div class="aside">{escape(words("signed in", name=user.name))}</div>')
        if program().settings.sign_in == "oidc" and st.button(words("sign out"), type="tertiary"):
            st.logout()


@st.fragment(run_every=LOOK_SECONDS)
def _model_state() -> None:
    """How the model stands. Seldom, as a look is a rerun; it is also what makes a page notice that its server was
    restarted, or that another window went on."""
    found = program()
    st.html(
        f'<div class="model {found.loading.name.lower()}">{escape(words(f"model {found.loading.value}"))}'
        f"<br><small>{escape(found.model_name)}</small></div>"
    )
    if found.loading is Loading.FAILED and found.loading_error:
        st.error(literal(found.loading_error))
        if st.button(words("try again"), key="reload-model"):
            found.warm_up()
            st.rerun()
    st.caption(words("remote", host=f"`{found.host}`") if found.host else words("local"))
