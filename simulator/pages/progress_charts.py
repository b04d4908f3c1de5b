"""The charts of the progress page, from plain rows. Draws no words but the labels that it is handed.

Colours are the theme's own, so that a chart is as readable in the dark; heights are in pixels, widths the page's.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.rubric import HIGHEST, LOWEST

if TYPE_CHECKING:  # heavy: imported when a chart is drawn
    import altair as alt
    from altair.typing import ChartType

Row = Mapping[str, Any]
_GREY = "#8a8f98"
"""Readable on both backgrounds."""
_LABEL_PIXELS = 150
_BAR_PIXELS = 30
_SCORES = list(range(LOWEST, HIGHEST + 1))


def trend(rows: Sequence[Row], labels: Mapping[str, str], height: int = 220) -> "ChartType":
    """Scores over interviews with their bands, and each one's bar. Rows: number, score, low, high, bar, company,
    date, again (yes or no)."""
    import altair as alt

    last = max(row["number"] for row in rows)
    numbers = alt.Axis(values=list(range(1, last + 1)), format="d", labelOverlap=True, grid=False)
    x = alt.X("number:Q", axis=numbers, scale=alt.Scale(domain=[0.75, last + 0.25]), title=labels["interview"])
    scale = alt.Scale(domain=[LOWEST, HIGHEST])
    y = alt.Y("score:Q", scale=scale, axis=alt.Axis(values=_SCORES, format="d"), title=labels["score"])
    base = _chart(rows).encode(x=x)
    told = [
        alt.Tooltip("date:N", title=labels["date"]),
        alt.Tooltip("company:N", title=labels["company"]),
        alt.Tooltip("score:Q", title=labels["score"], format=".1f"),
        alt.Tooltip("low:Q", title=labels["low"], format=".1f"),
        alt.Tooltip("high:Q", title=labels["high"], format=".1f"),
    ]
    shape = alt.Shape("again:N", legend=None, scale=alt.Scale(domain=["no", "yes"], range=["circle", "diamond"]))
    bands = base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    bars = base.mark_tick(color=_GREY, thickness=2, size=22, orient="horizontal").encode(
        y=alt.Y("bar:Q", scale=scale)
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, shape=shape, tooltip=told)
    return alt.layer(bands, bars, base.mark_line().encode(y=y), points).properties(height=height)


def weak_checks(rows: Sequence[Row], labels: Mapping[str, str]) -> "ChartType":
    """Shares missed with their intervals, in percent. Rows in order: name, share, low, high, asked, missed."""
    import altair as alt

    y = alt.Y("name:N", sort=[row["name"] for row in rows], title=None, axis=alt.Axis(labelLimit=_LABEL_PIXELS))
    scale = alt.Scale(domain=[0, 100])
    told = [
        alt.Tooltip("name:N", title=labels["check"]),
        alt.Tooltip("asked:Q", title=labels["asked"]),
        alt.Tooltip("missed:Q", title=labels["missed"]),
    ]
    base = _chart(rows).encode(y=y, tooltip=told)
    spans = base.mark_bar(size=4, opacity=0.45).encode(
        x=alt.X("low:Q", scale=scale, title=labels["missed share"]), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("share:Q", scale=scale))
    return alt.layer(spans, dots).properties(height=_BAR_PIXELS * len(rows) + 50)


def companies(rows: Sequence[Row], labels: Mapping[str, str], *, dark: bool) -> "ChartType":
    """Means by company and dimension. Rows: company, dimension, mean, answers."""
    import altair as alt

    names = _in_order(rows, "dimension")
    base = _chart(rows).encode(
        x=alt.X("company:N", title=None, axis=alt.Axis(labelAngle=-40, orient="top")),
        y=alt.Y(
            "dimension:N", title=None, axis=alt.Axis(labelLimit=_LABEL_PIXELS), sort=_in_order(rows, "dimension")
        ),
        tooltip=[
            alt.Tooltip("company:N", title=labels["company"]),
            alt.Tooltip("dimension:N", title=labels["dimension"]),
            alt.Tooltip("mean:Q", title=labels["mean"], format=".1f"),
            alt.Tooltip("answers:Q", title=labels["answers"]),
        ],
    )
    scale = alt.Scale(domain=[LOWEST, HIGHEST], range=[0.1, 0.6])
    cells = base.mark_rect(cornerRadius=4).encode(opacity=alt.Opacity("mean:Q", scale=scale, legend=None))
    # Streamlit's theme says nothing of the colour of texts in a chart: they would be black in the dark.
    figures = base.mark_text(color="#ffffff" if dark else "#101418", fontWeight=600).encode(
        text=alt.Text("mean:Q", format=".1f")
    )
    return alt.layer(cells, figures).properties(height=44 * len(names) + 60)


def bars(rows: Sequence[Row], x: str, y: str, labels: Mapping[str, str], parts: Sequence[str] = ()) -> "ChartType":
    """Lying bars, one a value of `y`; with `parts`, each is a stack of them. Rows: `y`, `x`, and with parts part and
    place (its number among them)."""
    import altair as alt

    names = _in_order(rows, y)
    axis = alt.Axis(labelLimit=_LABEL_PIXELS, labelOverlap=False)
    told = [alt.Tooltip(f"{name}:N", title=labels[name]) for name in ((y, "part", x) if parts else (y, x))]
    chart = (
        _chart(rows)
        .mark_bar(cornerRadius=2)
        .encode(
            x=alt.X(f"{x}:Q", title=labels[x], axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y(f"{y}:N", sort=names, title=None, axis=axis),
            tooltip=told,
        )
    )
    if parts:
        legend = alt.Legend(orient="top", columns=2)
        color = alt.Color("part:N", sort=list(parts), title=None, legend=legend)
        chart = chart.encode(color=color, order=alt.Order("place:Q"))
    lying: ChartType = chart.properties(height=_BAR_PIXELS * len(names) + (130 if parts else 60))
    return lying


def self_ratings(rows: Sequence[Row], labels: Mapping[str, str]) -> "ChartType":
    """How far off each self-rating was, the latest filled. Rows: dimension, gap, date, latest (yes or no)."""
    import altair as alt

    most = HIGHEST - LOWEST
    x = alt.X("gap:Q", scale=alt.Scale(domain=[-most, most]), title=labels["gap"], axis=alt.Axis(tickMinStep=1))
    names = _in_order(rows, "dimension")
    base = _chart(rows).encode(
        x=x,
        y=alt.Y("dimension:N", sort=names, title=None, axis=alt.Axis(labelLimit=_LABEL_PIXELS)),
        tooltip=[
            alt.Tooltip("dimension:N", title=labels["dimension"]),
            alt.Tooltip("date:N", title=labels["date"]),
            alt.Tooltip("gap:Q", title=labels["gap"], format="+.1f"),
        ],
    )
    zero = alt.Chart(alt.InlineData(values=[{"gap": 0}])).mark_rule(color=_GREY).encode(x=x)
    earlier = base.transform_filter("datum.latest == 'no'").mark_point(size=70)
    latest = base.transform_filter("datum.latest == 'yes'").mark_point(size=110, filled=True, opacity=1)
    return alt.layer(zero, earlier, latest).properties(height=36 * len(names) + 50)


def _chart(rows: Sequence[Row]) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def _in_order(rows: Sequence[Row], name: str) -> list[str]:
    return list(dict.fromkeys(row[name] for row in rows))
