"""The files of the progress page: what can be taken along, made when its button is pressed, and the way back in."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import streamlit as st

from simulator.clock import GRADED
from simulator.conductor import Conductor
from simulator.drills.drill import key_of
from simulator.errors import SimulatorError
from simulator.export import archive, formats
from simulator.forgetting import forget_everything
from simulator.library import GENERAL, Company, Passage
from simulator.pages import draft
from simulator.pages.drill import drill_room, forget_room
from simulator.pages.progress_sections import words
from simulator.pages.shell import literal, said, time_zone
from simulator.progress import Held


def files(conductor: Conductor, held: Sequence[Held]) -> None:
    """Draw the downloads and the import."""
    st.subheader(words("files"))
    st.caption(words("files note"))
    _downloads(conductor, held)
    st.subheader(words("import"))
    _import(conductor)
    st.subheader(words("delete"))
    _delete(conductor)


def _downloads(conductor: Conductor, held: Sequence[Held]) -> None:
    drills = conductor.records.drills
    _download("everything", "interviews.json", lambda: archive.written(conductor.records.transfer.dump()).encode())
    if held:
        _download("scores", "scores.csv", lambda: formats.scores_csv(held))
    if companies := _practised(conductor, held):
        title = words("anki title")
        _download(
            "anki",
            "drills.apkg",
            lambda: formats.anki_package(drill_notes(conductor, companies), title, datetime.now(UTC)),
        )
    due = [datetime.fromisoformat(card.due) for card in drills.cards().values()]
    if due:
        zone, now = time_zone(), datetime.now(UTC)
        _download("calendar", "drills.ics", lambda: formats.due_calendar(due, zone, now, _summary))
    rubrics = {kind: conductor.library.rubric_for(kind) for kind in GRADED}
    if contested := formats.contested_lines(held, conductor.records.opinions.all_opinions(), rubrics):
        _download("contested", "contested.jsonl", lambda: contested.encode())


def _download(slug: str, name: str, made: Callable[[], bytes]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(words(slug), made, name, key=f"download-{slug}", on_click="ignore")
        st.caption(words(f"{slug} note"))


def _summary(cards: int) -> str:
    return words("calendar one") if cards == 1 else words("calendar many", cards=cards)


def _practised(conductor: Conductor, held: Sequence[Held]) -> list[Company]:
    """The companies of past interviews and drills, in the library's order."""
    drilled = {key.partition("|")[2] for key in conductor.records.drills.cards()}
    ids = drilled | {one.interview.company for one in held}
    return [company for company in conductor.library.companies.values() if company.id in ids]


def drill_notes(conductor: Conductor, companies: Sequence[Company]) -> Iterator[formats.DrillNote]:
    """Each drill of these companies with the claim and the probe of the last time, or those that come first."""
    material = drill_room().material
    last = {review.key: review.payload for review in conductor.records.drills.reviews()}
    probes = {one.id: one for one in conductor.library.passages if one.kind == "probe"}
    for company in companies:
        for check, claims in material.claims(company).items():
            key = key_of(check, company.id)
            payload = last.get(key, {})
            claim = next((one for one in claims if one.id == payload.get("claim")), claims[0])
            kind = claim.question.kind
            fitting = [one for one in probes.values() if _fits(one, check, company, kind)]
            probe = min(fitting, key=lambda one: one.company == GENERAL)
            if claim.id == payload.get("claim"):
                probe = probes.get(payload["passage"], probe)
            yield formats.DrillNote(key, claim.text, probe.ask, material.check(check, kind).advice)


def _fits(probe: Passage, check: str, company: Company, kind: str) -> bool:
    mine = probe.company in (GENERAL, company.id) and probe.question_kind in (kind, "both")
    return mine and probe.check == check and probe.depth == "opening"


def _import(conductor: Conductor) -> None:
    number = st.session_state.setdefault("import-number", 0)
    file = st.file_uploader(words("import choose"), type="json", key=f"import-{number}")
    st.caption(words("import note"))
    if told := st.session_state.pop("import-told", ""):
        st.success(told)
    if file is None or not st.button(words("import yes"), type="primary", key="import"):
        return
    try:
        taken = conductor.records.transfer.load(archive.read(file.getvalue(), conductor.library.companies))
        if taken["guides"].added:
            with st.spinner(words("preparing")):
                conductor.index()
    except SimulatorError as error:
        st.error(words("import failed"))
        st.html(said(str(error)))  # it may quote the file
        return
    st.session_state["import-told"] = words(
        "imported",
        added=_counted({table: one.added for table, one in taken.items()}),
        left=_counted({table: one.left for table, one in taken.items()}),
    )
    st.session_state["import-number"] = number + 1  # an empty box for the next file
    st.rerun()


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(words(f"count {table}", n=n) for table, n in counts.items() if n) or words("nothing")


def _delete(conductor: Conductor) -> None:
    days = conductor.program.settings.keep_days
    st.caption(words("kept days", days=days) if days else words("kept for ever"))
    st.caption(words("delete note"))
    if told := st.session_state.pop("deleted-told", ""):
        st.success(told)
        draft.forget(conductor.records.interviews)  # the copies in this browser
    with st.popover(words("delete everything")):
        st.write(words("delete sure"))
        pressed = st.button(words("delete yes"), type="primary", key="delete-everything")
    if not pressed:
        return
    try:
        with st.spinner(words("deleting")):
            forget_everything(conductor.program, conductor.owner)
    except SimulatorError as error:
        st.error(literal(error))
        return
    forget_room(conductor.owner)
    st.session_state.clear()
    st.session_state["deleted-told"] = words("deleted")
    st.rerun()
