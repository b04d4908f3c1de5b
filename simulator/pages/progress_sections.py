"""What stands below the trends on the progress page: each a finding in words, the chart that shows it, its table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from simulator.conductor import Conductor
from simulator.pages import progress_charts as charts
from simulator.pages.shell import words_of
from simulator.progress import Cell, Progress
from simulator.rubric import Check

if TYPE_CHECKING:
    from altair.typing import ChartType

MOST_CHECKS = 8
"""Checks that a chart shows; its table has them all."""
_TIMES = ("planned", "used", "spoken", "over")
_CHASES = ("closed", "dodged", "already", "unanswered")
words = partial(words_of, Path(__file__).parent / "progress.words.md")
Row = dict[str, Any]


def weakest(found: Progress, checks: Mapping[str, Check]) -> None:
    st.subheader(words("weakest"))
    if not found.weakest:
        st.caption(words("weakest none"))
        return
    rows = [
        {
            "name": checks[one.check].name,
            "share": round(100 * one.share),
            "low": round(100 * one.low),
            "high": round(100 * one.high),
            "asked": one.asked,
            "missed": one.not_met,
            "drilled": one.drilled,
        }
        for one in found.weakest
    ]
    shown(charts.weak_checks(rows[:MOST_CHECKS], labels()), words("weakest finding", **rows[0]))
    st.caption(words("weakest note"))
    named = {"name": "check", "share": "missed share"}
    table([{words(f"label {named.get(key, key)}"): value for key, value in row.items()} for row in rows])


def companies(conductor: Conductor, found: Progress, names: Mapping[str, str]) -> None:
    if not found.companies:
        return
    st.subheader(words("companies"))
    order = list(names)
    rows = [
        {
            "company": conductor.library.company(one.company).name,
            "dimension": names[one.dimension],
            "mean": round(one.mean, 2),
            "answers": one.answers,
        }
        for one in sorted(found.companies, key=lambda cell: (order.index(cell.dimension), cell.company))
    ]
    told: dict[str, object] = {}
    for which, cell in (("best", max(found.companies, key=_mean)), ("worst", min(found.companies, key=_mean))):
        company = conductor.library.company(cell.company).name
        told |= {which: names[cell.dimension], f"{which}_company": company, f"{which}_answers": cell.answers}
        told[f"{which}_mean"] = figure(cell.mean)
    dark = st.context.theme.type == "dark"
    shown(charts.companies(rows, labels(), dark=dark), words("companies finding", **told))
    st.caption(words("companies note"))
    table([{words(f"label {key}"): value for key, value in row.items()} for row in rows])


def _mean(cell: Cell) -> float:
    return cell.mean


def times(found: Progress) -> None:
    st.subheader(words("times"))
    if not found.times:
        st.caption(words("times none"))
        return
    rows: list[Row] = []
    lines: list[Row] = []
    told = []
    for one in found.times:
        kind = words(f"kind {one.kind}")
        minutes = {name: round(getattr(one, name) / one.segments / 60, 1) for name in _TIMES}
        told.append(words("times finding", kind=kind, n=one.segments, **minutes))
        rows += [{"kind": f"{kind}: {words(f'time {name}')}", "minutes": minutes[name]} for name in _TIMES[:3]]
        labelled = {words(f"label {name}"): value for name, value in minutes.items()}
        lines.append({words("label kind"): kind, words("label parts"): one.segments} | labelled)
    shown(charts.bars(rows, "minutes", "kind", labels()), " ".join(told))
    table(lines)


def chases(found: Progress, checks: Mapping[str, Check]) -> None:
    st.subheader(words("chases"))
    if not found.chases:
        st.caption(words("chases none"))
        return
    sums = {name: sum(getattr(one, name) for one in found.chases) for name in ("asked", *_CHASES)}
    told = words("chases finding", **sums)
    if found.chases[0].dodged:
        told += " " + words("chases dodged", name=checks[found.chases[0].check].name)
    rows = [
        {
            "check": checks[one.check].name,
            "part": words(f"label {name}"),
            "count": getattr(one, name),
            "place": place,
        }
        for one in found.chases[:MOST_CHECKS]
        for place, name in enumerate(_CHASES)
    ]
    parts = [words(f"label {name}") for name in _CHASES]
    shown(charts.bars(rows, "count", "check", labels(), parts), told)
    table(
        [
            {words("label check"): checks[one.check].name, words("label count"): one.asked}
            | {words(f"label {name}"): getattr(one, name) for name in _CHASES}
            for one in found.chases
        ]
    )


def self_estimates(found: Progress, names: Mapping[str, str]) -> None:
    st.subheader(words("self"))
    if not found.self_estimates:
        st.caption(words("self none"))
        return
    if needed := found.ratings_needed:
        st.caption(words("self needed", needed=needed))
        return
    worst = max(found.self_estimates, key=lambda one: one.distance)
    bias = sum(one.bias for one in found.self_estimates) / len(found.self_estimates)
    distance = sum(one.distance for one in found.self_estimates) / len(found.self_estimates)
    slug = "self level" if round(bias, 1) == 0 else "self above" if bias > 0 else "self below"
    rows = [
        {
            "dimension": names[one.dimension],
            "gap": gap,
            "date": date(at),
            "latest": "yes" if (at, gap) == one.gaps[-1] else "no",
        }
        for one in found.self_estimates
        for at, gap in one.gaps
    ]
    told = words(slug, bias=figure(abs(bias)), distance=figure(distance), name=names[worst.dimension])
    shown(charts.self_ratings(rows, labels()), told)
    st.caption(words("self note"))
    table(
        [
            {
                words("label dimension"): names[one.dimension],
                words("label ratings"): len(one.gaps),
                words("label bias"): round(one.bias, 2),
                words("label distance"): round(one.distance, 2),
            }
            for one in found.self_estimates
        ],
        [{words(f"label {name}"): row[name] for name in ("dimension", "date", "gap")} for row in rows],
    )


# Parts of all


def shown(chart: "ChartType", finding: str) -> None:
    """The finding in words, then the chart that shows it."""
    st.write(finding)
    st.altair_chart(chart, alt=finding)


def table(*tables: Sequence[Row]) -> None:
    with st.expander(words("table")):
        for rows in tables:
            st.dataframe(rows, hide_index=True)


def labels() -> dict[str, str]:
    names = ("interview", "score", "date", "company", "low", "high", "check", "asked", "missed", "missed share")
    more = ("dimension", "mean", "answers", "kind", "part", "minutes", "count", "gap")
    return {name: words(f"label {name}") for name in (*names, *more)}


def date(at: datetime) -> str:
    return at.astimezone().strftime("%d %b %Y")


def figure(score: float) -> str:
    return f"{score:.1f}"
