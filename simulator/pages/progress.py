"""Progress: what past interviews add up to, each chart with its finding in words and its table, and the files.

Draws and decides nothing: the sums are made by `progress`, the charts by `progress_charts`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.pages import progress_charts as charts
from simulator.pages import progress_sections as sections
from simulator.pages import shell
from simulator.pages.progress_files import files
from simulator.pages.progress_sections import Row, date, figure, labels, shown, table, words
from simulator.pages.shell import go, literal
from simulator.progress import Held, Progress, Trend, progress_of


def page() -> None:
    st.title(words("title"))
    st.write(words("tagline"))
    try:
        conductor = shell.conductor()
        held = held_by(conductor)
        if any(one.card.overall is not None for one in held):
            _draw(conductor, _filtered(conductor, held))
        else:
            st.info(words("empty"))
            if st.button(words("start"), type="primary"):
                go("practise")
        files(conductor, held)
    except SimulatorError as error:
        st.error(literal(error))


def held_by(conductor: Conductor) -> list[Held]:
    """The interviews that are over and had an answer."""
    records = conductor.records
    ratings = {one.interview: one.scores for one in records.opinions.self_ratings()}
    return [
        Held(
            records.interviews.find(one.id),
            datetime.fromisoformat(one.started),
            conductor.scorecard(one.id),
            conductor.grades(one.id),
            ratings.get(one.id, {}),
        )
        for one in records.interviews.summaries()
        if one.closed and one.answers
    ]


def _filtered(conductor: Conductor, held: Sequence[Held]) -> list[Held]:
    companies = sorted({one.interview.company for one in held})
    chosen = st.selectbox(
        words("company"),
        ["", *companies],
        format_func=lambda one: conductor.library.company(one).name if one else words("all companies"),
        key="progress-company",
    )
    return [one for one in held if chosen in ("", one.interview.company)]


def _draw(conductor: Conductor, held: Sequence[Held]) -> None:
    checks = {check.id: check for kind in ("case", "story") for check in conductor.library.rubric_for(kind).checks}
    drilled = Counter(review.key.partition("|")[0] for review in conductor.records.drills.reviews())
    found = progress_of(held, checks, drilled)
    if found.mixed:
        st.caption(words("mixed"))
    names = conductor.library.rubric_for("story").dimension_names
    _trends(conductor, found, names)
    sections.weakest(found, checks)
    sections.companies(conductor, found, names)
    sections.times(found)
    sections.chases(found, checks)
    sections.self_estimates(found, names)


# Trends


def _trends(conductor: Conductor, found: Progress, names: Mapping[str, str]) -> None:
    st.subheader(words("overall"))
    if found.overall.needed:
        st.info(words("needed", needed=found.overall.needed))
        for trend in (found.overall, *found.dimensions):
            for one in trend.points:
                name = names.get(trend.of, words("overall"))
                st.caption(
                    words("one score", name=name, score=figure(one.score), low=figure(one.low), high=figure(one.high))
                )
        return
    reached = sum(point.score >= point.bar for point in found.overall.points)
    told = words("reached", reached=reached, n=len(found.overall.points))
    rows = _trend_rows(conductor, found.overall)
    shown(charts.trend(rows, labels()), f"{_finding(found.overall, words('overall'))} {told}")
    st.caption(words("trend note"))
    table([_trend_row(row) for row in rows])
    st.subheader(words("dimensions"))
    lines: list[Row] = []
    for trend in found.dimensions:
        rows = _trend_rows(conductor, trend)
        st.markdown(f"**{names[trend.of]}**")
        shown(charts.trend(rows, labels(), 150), _finding(trend, names[trend.of]))
        lines += [{words("label dimension"): names[trend.of]} | _trend_row(row) for row in rows]
    table(lines)


def _finding(trend: Trend, name: str) -> str:
    slug = "level"
    if trend.change:
        slug = f"{'clear' if trend.clear else 'unclear'} {'up' if trend.change > 0 else 'down'}"
    first, last = trend.points[0].score, trend.points[-1].score
    return words(slug, name=name, first=figure(first), last=figure(last), n=len(trend.points))


def _trend_rows(conductor: Conductor, trend: Trend) -> list[Row]:
    return [
        {
            "number": number,
            "date": date(one.at),
            "company": conductor.library.company(one.company).name,
            "score": one.score,
            "low": one.low,
            "high": one.high,
            "bar": one.bar,
            "again": "yes" if one.again else "no",
        }
        for number, one in enumerate(trend.points, 1)
    ]


def _trend_row(row: Row) -> Row:
    shown = {words(f"label {name}"): row[name] for name in ("date", "company", "score", "low", "high", "bar")}
    return {words("label interview"): row["number"]} | shown | {words("label again"): words(row["again"])}
