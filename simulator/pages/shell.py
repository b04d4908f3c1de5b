"""What every page stands in: navigation, the state of the model, the one conductor of this process."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st

from simulator import consent, markdown
from simulator.conductor import Conductor, Loading
from simulator.errors import SimulatorError
from simulator.settings import load_settings

_HERE = Path(__file__).parent
_SIGNS = re.compile(r"[\\`*_{}\[\]<>#|~$:&@^!]")
_STYLE = (_HERE / "style.css").read_text(encoding="utf-8")


@st.cache_resource(show_spinner=False)
def conductor() -> Conductor:
    """The process's conductor. Raises SimulatorError when the settings or the content are unusable."""
    return Conductor(load_settings())


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
    others = [st.Page(one.draw, title=one.title, icon=one.icon, url_path=one.address) for one in further]
    chosen = st.navigation([*own.values(), *others], position="hidden")
    try:
        program = conductor()
    except SimulatorError as error:
        st.error(literal(error))
        return
    _sidebar([*(page for page in own.values() if page.visibility != "hidden"), *others])
    chosen.run()
    if program.loading is not Loading.FAILED and consent.settled(program.settings.data_dir, program.host):
        # After the page is drawn, so that loading does not hold it up; a failure waits for the user's word.
        program.warm_up()


def go(page: str, interview_id: str = "") -> None:
    """Switch to a page, with the interview in its address."""
    st.switch_page(_own()[page], query_params={"id": interview_id} if interview_id else {})


def _sidebar(pages: Sequence[st.Page]) -> None:
    with st.sidebar:
        st.html(f'<div class="brand">{escape(words("title"))}</div>')
        for page in pages:
            st.page_link(page)
        _model_state()


@st.fragment(run_every=2.0)
def _model_state() -> None:
    program = conductor()
    st.html(
        f'<div class="model {program.loading.name.lower()}">{escape(words(f"model {program.loading.value}"))}'
        f"<br><small>{escape(program.model_name)}</small></div>"
    )
    if program.loading is Loading.FAILED and program.loading_error:
        st.error(literal(program.loading_error))
        if st.button(words("try again"), key="reload-model"):
            program.warm_up()
            st.rerun()
    st.caption(words("remote", host=f"`{program.host}`") if program.host else words("local"))
