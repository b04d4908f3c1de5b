"""The rubric lab: edit a copy of a rubric, read remarks on it, run it on dev, compare it with the one in use.

Draws and decides nothing: texts are kept by `versions`, runs are made by `trial`. What an author typed is shown as
text and never as markup.
"""

import re
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from evals import lab_comparison
from evals.suites.agreement import AGREEMENT
from evals.trial import SPLIT, Laboratory, Progress, Stage, Trial
from evals.versions import IN_USE, Reading, Versions, read
from simulator.errors import SimulatorError
from simulator.pages import shell
from simulator.pages.shell import words_of
from simulator.program import Program
from simulator.rubric import Rubric

_HERE = Path(__file__).parent
_STYLE = (_HERE / "lab.css").read_text(encoding="utf-8")
_POLL_SECONDS = 1.0
_CODE = re.compile(r"`([^`]+)`")
words = partial(words_of, _HERE / "lab_words.md")


@st.cache_resource(show_spinner=False)
def laboratory() -> Laboratory:
    """The process's trials, which go on when a page is left."""
    return Laboratory(shell.program())


def page() -> None:
    st.html(f"<style>{_STYLE}</style>")
    st.title(words("title"))
    try:
        program, lab = shell.program(), laboratory()
        st.write(words("tagline", n=len(AGREEMENT.cases(SPLIT))))
        versions = Versions(program.settings.content_dir, lab.folder)
        version = _choose(versions)
        text = _edit(versions, version)
        reading = read(version, text)
        _actions(versions, version, text)
        _told(reading)
        _measure(program, lab, reading)
    except SimulatorError as error:
        _alert(str(error))


# The text


def _choose(versions: Versions) -> str:
    names = versions.names
    if st.session_state.get("lab-version") not in names:
        st.session_state["lab-version"] = versions.latest
    return str(st.selectbox(words("version"), names, key="lab-version"))


def _edit(versions: Versions, version: str) -> str:
    key, file = f"lab-text-{version}", f"prompts/rubrics/{version}.md"
    if key not in st.session_state:
        st.session_state[key] = versions.text(version)
    st.text_area(words("text"), key=key, height=420, on_change=_keep, args=(versions, version))
    if error := st.session_state.pop("lab-keep-error", ""):
        _alert(error)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words("changed" if versions.is_changed(version) else "unchanged", file=f"`{file}`"))
        if versions.is_changed(version):
            with st.popover(words("discard"), type="tertiary"):
                st.write(words("discard sure", file=f"`{file}`"))
                st.button(words("discard"), key="lab-discard", on_click=_discard, args=(versions, version))
    return str(st.session_state[key])


def _keep(versions: Versions, version: str) -> None:
    try:
        versions.keep(version, st.session_state[f"lab-text-{version}"])
    except SimulatorError as error:
        st.session_state["lab-keep-error"] = str(error)


def _discard(versions: Versions, version: str) -> None:
    versions.discard(version)
    st.session_state[f"lab-text-{version}"] = versions.text(version)


def _actions(versions: Versions, version: str, text: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(words("check"), type="primary", icon=":material/spellcheck:"):
            st.session_state["lab-checked"] = True
        with st.popover(words("save"), icon=":material/save:"):
            st.text_input(words("save name"), key="lab-name", placeholder=words("save hint"))
            st.button(words("save yes"), key="lab-save", on_click=_save, args=(versions, version, text))
            if error := st.session_state.pop("lab-save-error", ""):
                _alert(error)
    if st.session_state.get("lab-saved") == version and not versions.is_changed(version):
        st.success(words("saved", file=f"`prompts/rubrics/{version}.md`", name=version))
        st.write(words("saved use"))
        st.code(_use_of(version), language="bash")


def _use_of(name: str) -> str:
    folder, python = "prompts/rubrics", ".venv/bin/python"
    return "\n".join(
        [
            f"{python} -m evals run --rubric {folder}/{name}.md",
            f"sed 's|^id: .*|id: rubrics/{IN_USE}|' {folder}/{name}.md > {folder}/{IN_USE}.md",
            f"{python} -m evals fit",
        ]
    )


def _save(versions: Versions, version: str, text: str) -> None:
    """A button's callback: only here may another version be chosen for the next drawing."""
    name = str(st.session_state["lab-name"]).strip()
    try:
        versions.save_as(name, text)
    except SimulatorError as error:
        st.session_state["lab-save-error"] = str(error)
        return
    versions.discard(version)
    st.session_state.pop(f"lab-text-{version}", None)
    st.session_state["lab-saved"] = st.session_state["lab-version"] = name


def _told(reading: Reading) -> None:
    """Faults are always told; remarks once they were asked for."""
    if reading.faults:
        _alert(words("no rubric"), reading.faults)
    elif st.session_state.get("lab-checked"):
        if not reading.remarks:
            st.success(words("no remarks"))
            return
        rows = "".join(
            f"<tr><td><code>{escape(one.check)}</code></td><td>{one.kind}</td><td>{_coded(one.words)}</td></tr>"
            for one in reading.remarks
        )
        st.caption(words("remarks", count=len(reading.remarks)))
        st.html(f'<div class="lab-wide"><table class="lab-table lab-remarks">{rows}</table></div>')


# The runs


def _measure(program: Program, lab: Laboratory, reading: Reading) -> None:
    st.subheader(words("measure"))
    st.caption(words("measure note"))
    rule = lab.rule(program.rubric).fitted_on
    st.html(f'<div class="aside">{escape(words("made by", model=lab.model_name, rule=rule))}</div>')
    in_use = lab.trial(program.rubric)
    yours = None
    if reading.rubric and reading.rubric.digest != program.rubric.digest:
        yours = lab.trial(reading.rubric)
        _rule_notes(lab, program.rubric, reading.rubric)
    left, right = st.columns(2)
    with left, st.container(border=True):
        st.html(f"<b>{words('in use')}</b> · {escape(program.rubric.id)}")
        _card(in_use, "in-use")
    with right, st.container(border=True):
        st.html(f"<b>{words('yours')}</b>")
        if yours:
            _card(yours, "yours")
        else:
            st.write(words("same rubric" if reading.rubric else "faulty rubric"))
    for trial in lab.under_way:
        if trial not in (in_use, yours):
            _earlier(trial)
    if yours is None:
        return
    if in_use.progress.stage is Stage.DONE and yours.progress.stage is Stage.DONE:
        _compare(lab, in_use, yours)
    else:
        st.caption(words("not both"))


def _rule_notes(lab: Laboratory, in_use: Rubric, yours: Rubric) -> None:
    """What the fitted rule cannot do for an edited rubric: it must not look like the wording's doing."""
    known, rule = lab.rule(in_use), lab.rule(yours)
    here, before = [check.id for check in yours.checks], [check.id for check in in_use.checks]
    if lost := sorted(known.checks.difference(here)):
        _note(words("rule lost", checks=", ".join(lost), rule=rule.fitted_on))
    if new := [check for check in here if check not in rule.checks and check not in before]:
        _note(words("rule new", checks=", ".join(new)))


def _alert(text: str, faults: Sequence[str] = ()) -> None:
    """An error, perhaps with words that an author typed: Streamlit's own would read them as Markdown."""
    lines = "".join(f"<li>{_coded(fault)}</li>" for fault in faults)
    st.html(f'<div class="lab-faults" role="alert">{_coded(text)}<ul>{lines}</ul></div>')


def _coded(text: str) -> str:
    """Text as HTML that shows it and nothing else, but for what stands between backticks, which is set as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _note(text: str) -> None:
    st.html(f'<div class="lab-note">{escape(text)}</div>')


def _earlier(trial: Trial) -> None:
    shown = trial.progress
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words("earlier text", digest=trial.rubric.digest[:6], done=shown.done, of=shown.of))
        st.button(words("stop"), key=f"lab-stop-{trial.run.folder.name}", on_click=trial.stop)


def _card(trial: Trial, key: str) -> None:
    """One trial's state and its one button; drawn again by itself while it runs."""
    active = trial.progress.active
    st.fragment(_state, run_every=_POLL_SECONDS if active else None)(trial, active)
    if active:
        st.button(words("stop"), key=f"lab-stop-{key}", on_click=trial.stop, icon=":material/stop:")
    elif trial.progress.stage is not Stage.DONE:
        begun = trial.progress.stage is not Stage.NEW
        label, icon = ("go on", ":material/resume:") if begun else ("run", ":material/play_arrow:")
        st.button(words(label), key=f"lab-run-{key}", type="primary", on_click=trial.start, icon=icon)


def _state(trial: Trial, was_active: bool) -> None:
    shown = trial.progress
    if was_active and not shown.active:
        st.rerun()
    values = {"done": shown.done, "of": shown.of, "asked": f"{shown.asked:,}", "found": f"{shown.found:,}"}
    told = words(shown.stage.value, left=_left(shown), **values)
    if shown.stage in (Stage.NEW, Stage.DONE):
        st.write(told)
    else:
        st.progress(min(1.0, shown.done / shown.of), told)
    if shown.error:
        _alert(shown.error)


def _left(shown: Progress) -> str:
    if shown.seconds_left is None:
        return words("time unknown")
    if shown.seconds_left < 60:
        return words("under a minute")
    return words("time left", minutes=round(shown.seconds_left / 60))


def _compare(lab: Laboratory, in_use: Trial, yours: Trial) -> None:
    future = lab.comparison(in_use, yours)
    if not future.done():
        st.fragment(_comparing, run_every=_POLL_SECONDS)(lab, in_use, yours)
        return
    lab_comparison.draw(future.result(), in_use, yours)


def _comparing(lab: Laboratory, in_use: Trial, yours: Trial) -> None:
    if lab.comparison(in_use, yours).done():
        st.rerun()
    st.html(f'<div class="aside" role="status">{words("comparing")}</div>')
