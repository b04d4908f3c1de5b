"""How the rubric lab shows a comparison: the verdict in words first, then what it rests on."""

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st
from sklearn.metrics import confusion_matrix

from evals.cases import Answer
from evals.compare import ChangedCase, Comparison, Difference
from evals.metrics import LEVELS, Interval
from evals.runs import Result, score_of
from evals.suites.agreement import AGREEMENT
from evals.trial import SPLIT, Trial
from simulator.interview import Role
from simulator.pages.shell import said, words_of
from simulator.rubric import DIMENSIONS, Rubric

SHOWN_AT_ONCE = 10
words = partial(words_of, Path(__file__).parent / "lab_words.md")


def draw(comparison: Comparison, in_use: Trial, yours: Trial) -> None:
    """Verdict, table of dimensions, confusion matrices, changed cases."""
    names = in_use.rubric.dimension_names
    st.html(
        f'<div class="lab-verdict lab-{comparison.verdict.replace(" ", "-")}"><b>{words(comparison.verdict)}</b>'
        f"<br>{escape(comparison.why)}</div>"
    )
    st.caption(words("sample", n=comparison.n, questions=comparison.questions))
    st.markdown(f"**{words('dimensions')}**")
    st.html(_differences(comparison, names))
    st.caption(words("dimensions note"))
    decided = comparison.advance
    st.write(words("advance", one=decided.one, two=decided.two, n=comparison.n, p=f"{decided.p:.3f}"))
    answers = AGREEMENT.cases(SPLIT)
    results = [trial.run.results(AGREEMENT.name) for trial in (in_use, yours)]
    _confusions(answers, results, names)
    _changes(comparison, {one.id: one for one in answers}, results, (in_use.rubric, yours.rubric))


def _differences(comparison: Comparison, names: Mapping[str, str]) -> str:
    heads = ("dimension head", "in use", "yours", "difference head", "interval head", "p head")
    head = "".join(f"<th>{words(one)}</th>" for one in heads)
    rows = [_difference(names.get(one.name, one.name), one, one.adjusted) for one in comparison.dimensions]
    mean = _difference(words("mean"), comparison.mean, comparison.mean.p)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return _table(f'<tr>{head}</tr>{body}<tr class="lab-mean">{mean}</tr>')


def _table(rows: str, kind: str = "") -> str:
    """A table that scrolls by itself where the screen is narrow."""
    return f'<div class="lab-wide"><table class="lab-table {kind}">{rows}</table></div>'


def _difference(name: str, one: Difference, p: float) -> str:
    figures = (f"{one.one:.2f}", f"{one.two:.2f}", f"{one.gain.value:+z.2f}", _interval(one.gain), f"{p:.3f}")
    return f"<td>{escape(name)}</td>" + "".join(f"<td>{figure}</td>" for figure in figures)


def _interval(one: Interval) -> str:
    return f"{one.low:+z.2f} to {one.high:+z.2f}"


def _confusions(answers: Sequence[Answer], results: Sequence[dict[str, Result]], names: Mapping[str, str]) -> None:
    st.markdown(f"**{words('confusion')}**")
    st.caption(words("confusion note"))
    for tab, dimension in zip(st.tabs([names.get(one, one) for one in DIMENSIONS]), DIMENSIONS, strict=True):
        gold = [one.scores[dimension] for one in answers]
        with tab, st.container(horizontal=True, gap="large"):
            for title, kept in zip(("in use", "yours"), results, strict=True):
                scores = [score_of(kept[one.id], dimension) for one in answers]
                st.html(_matrix(words(title), confusion_matrix(gold, scores, labels=list(LEVELS)).tolist()))


def _matrix(title: str, counts: list[list[int]]) -> str:
    most = max(max(row) for row in counts)
    head = "".join(f"<th>{level}</th>" for level in LEVELS)
    body = ""
    for label, row in zip(LEVELS, counts, strict=True):
        cells = ""
        for score, count in zip(LEVELS, row, strict=True):
            same = " lab-same" if score == label else ""
            cells += f'<td class="lab-count{same}" style="--share:{count / most:.2f}">{count or ""}</td>'
        body += f"<tr><th>{label}</th>{cells}</tr>"
    top = f"<caption>{title}</caption><tr><th>{words('label')} ↓ {words('score')} →</th>{head}</tr>"
    return _table(top + body, "lab-matrix")


def _changes(
    comparison: Comparison,
    answers: Mapping[str, Answer],
    results: Sequence[dict[str, Result]],
    rubrics: tuple[Rubric, Rubric],
) -> None:
    st.markdown(f"**{words('changed cases')}**")
    if not comparison.changed:
        st.write(words("no changes"))
        return
    counts = {one: sum(case.nearer == one for case in comparison.changed) for one in ("two", "one", "neither")}
    kinds = ["all", *(one for one, count in counts.items() if count)]
    kind = st.segmented_control(
        words("changed cases"),
        kinds,
        default="all",
        required=True,
        label_visibility="collapsed",
        format_func=lambda one: words(f"nearer {one}", count=counts.get(one, len(comparison.changed))),
        key="lab-nearer",
    )
    cases = [case for case in comparison.changed if kind in ("all", case.nearer)]
    shown = st.session_state.setdefault("lab-shown", SHOWN_AT_ONCE)
    for case in cases[:shown]:
        with st.container(border=True):
            _case(case, answers[case.id], [kept[case.id] for kept in results], rubrics)
    left = len(cases) - shown
    if left > 0 and st.button(words("more", count=min(left, SHOWN_AT_ONCE))):
        st.session_state["lab-shown"] = shown + SHOWN_AT_ONCE
        st.rerun()


def _case(case: ChangedCase, answer: Answer, kept: Sequence[Result], rubrics: tuple[Rubric, Rubric]) -> None:
    st.html(f"<b>{escape(case.id)}</b> · {escape(answer.company)} · {words(f'case {case.nearer}')}")
    names = rubrics[0].dimension_names
    head = "".join(f"<th>{escape(names.get(one, one))}</th>" for one in DIMENSIONS)
    rows = ""
    for title, scores in (("label", case.label), ("in use", case.one), ("yours", case.two)):
        cells = "".join(
            f'<td class="{"" if one == two else "lab-differs"}">{score}</td>'
            for score, one, two in zip(scores, case.one, case.two, strict=True)
        )
        rows += f"<tr><th>{words(title)}</th>{cells}</tr>"
    st.html(_table(f"<tr><th></th>{head}</tr>{rows}"))
    st.html(_met_by_one(kept, rubrics))
    with st.expander(words("the answer")):
        st.html(f'<div class="who">{words("question")}</div>{said(answer.question)}')
        for turn in answer.turns:
            who = words("candidate" if turn.role is Role.CANDIDATE else "interviewer")
            st.html(f'<div class="who">{who}</div>{said(turn.text)}')


def _met_by_one(kept: Sequence[Result], rubrics: tuple[Rubric, Rubric]) -> str:
    """The checks that one rubric found met and the other did not, by their names."""
    lines = ""
    for at, title in enumerate(("met only one", "met only two")):
        names = {check.id: check.name for check in rubrics[at].checks}
        only = [names.get(one, one) for one in kept[at]["met"] if one not in kept[1 - at]["met"]]
        if only:
            lines += f'<div class="aside">{words(title)}: {escape(", ".join(only))}</div>'
    return lines
