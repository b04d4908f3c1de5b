"""The plots of a report: plain functions that return SVG, coloured by the page's style sheet (its custom
properties know light and dark). Every plot carries its numbers in its label, for those who cannot see it.

Two hues only, blue and orange, that stay apart for colour-blind eyes; a hue never says alone what it says.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 420
"""Of a plot across a phone: 12 units of text are then still 10 pixels."""
STEPS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
STRONGEST = 0.75
"""Opacity of the fullest cell: text on it stays readable in light and dark."""
SHAPES = (
    "M-4,-4L4,4M4,-4L-4,4",
    "M0,-5L5,4H-5Z",
    "M-4,-4H4V4H-4Z",
    "M0,-5.5L5.5,0L0,5.5L-5.5,0Z",
    "M-5,0H5M0,-5V5",
    "M-4.5,0A4.5,4.5 0 1 1 4.5,0A4.5,4.5 0 1 1 -4.5,0Z",
    "M-3,-7H3M0,-7V7M-3,7H3",
)
"""Marks of rivals, told apart by shape, in their order of appearance: cross, triangle, square, diamond, plus, ring,
beam."""
CHARACTER = 7.0
"""Mean width of a character at the plots' size of text."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a heat-map: `strength` from -1 (orange) over 0 (empty) to 1 (blue), and what is written in it.
    `mark` draws a frame: `must` a whole one, `may` a broken one."""

    strength: float
    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A figure with its interval (not a number where it has none), and rivals on the same scale."""

    name: str
    value: float
    low: float
    high: float
    rivals: Mapping[str, float] = field(default_factory=dict)


def number(value: float | None, digits: int = 2, signed: bool = False) -> str:
    """As people read it: a true minus, a dash for what is not there."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{round(value, digits) + 0.0:{'+' if signed and round(value, digits) else ''}.{digits}f}"
    return text.replace("-", "−")


def heat_map(
    rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]], told: str, corner: str = ""
) -> str:
    """Cells shaded by strength. `told` says what it shows; `corner` names the rows and columns."""
    across, down = (54, 26) if len(columns) > 4 else (40, 32)
    left = 12 + CHARACTER * max(len(corner), *map(len, rows))
    slanted = CHARACTER * max(map(len, columns)) > across
    top = 82 if slanted else 28
    parts = [_text(0, top - 10, corner, "faint")] if corner else []
    for at, name in enumerate(columns):
        x = left + (at + 0.5) * across
        turn = f' transform="rotate(-38 {x:.1f} {top - 8})"' if slanted else ""
        parts.append(_text(x - 4 * slanted, top - 8, name, "start" if slanted else "middle", turn))
    for row, name in enumerate(rows):
        y = top + row * down
        parts.append(_text(left - 8, y + down / 2 + 4, name, "end"))
        parts += [_cell(cell, left + at * across, y, across, down) for at, cell in enumerate(cells[row])]
    width = left + len(columns) * across + (46 if slanted else 2)
    return _svg(width, top + len(rows) * down + 2, told, parts)


def _cell(cell: Cell, x: float, y: float, across: int, down: int) -> str:
    hue = "up" if cell.strength > 0 else "down"
    shade = min(1.0, abs(cell.strength)) * STRONGEST
    place = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{across - 2}" height="{down - 2}" rx="3"'
    frame = f'<rect {place} class="{cell.mark}"/>' if cell.mark else ""
    written = _text(x + across / 2, y + down / 2 + 4, cell.text, "middle" if shade else "middle faint")
    return f'<rect {place} class="empty"/><rect {place} class="{hue}" fill-opacity="{shade:.2f}"/>{frame}{written}'


def interval_dots(lines: Sequence[Line], told: str, least: tuple[float, float] = (0.0, 1.0)) -> str:
    """One row a figure: a dot on its interval, rivals as hollow marks below. `least` is what the scale must hold."""
    rivals = list(dict.fromkeys(name for line in lines for name in line.rivals))
    ticks = _ticks([x for line in lines for x in (line.value, line.low, line.high, *line.rivals.values())], least)
    left, right, each = 12.0, WIDTH - 12.0, 62 if rivals else 42

    def place(value: float) -> float:
        return left + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (right - left)

    top = _legend_height(rivals)
    bottom = top + each * len(lines)
    parts = _legend(rivals)
    for tick in ticks:
        kind = "zero" if tick == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{place(tick):.1f},{top}V{bottom}"/>')
        parts.append(_text(place(tick), bottom + 15, f"{tick:g}".replace("-", "−"), "middle faint"))
    for at, line in enumerate(lines):
        y = top + at * each
        parts += [f'<path class="grid" d="M{left},{y}H{right}"/>'] if at else []
        parts += [
            _text(left + 5, y + 18, line.name, "halo"),
            _text(right, y + 18, number(line.value), "end strong halo"),
        ]
        parts.append(_interval(line, y + 31, place))
        parts += [
            _mark(rivals.index(name), place(value), y + 49)
            for name, value in line.rivals.items()
            if not math.isnan(value)
        ]
    numbers = "; ".join(_spoken(line) for line in lines)
    return _svg(WIDTH, bottom + 22, f"{told}: {numbers}", parts)


def _interval(line: Line, y: float, place: Callable[[float], float]) -> str:
    if math.isnan(line.value):
        return ""
    dot = f'<circle class="dot" cx="{place(line.value):.1f}" cy="{y}" r="5"/>'
    if math.isnan(line.low) or math.isnan(line.high):
        return dot
    return f'<path class="interval" d="M{place(line.low):.1f},{y}H{place(line.high):.1f}"/>{dot}'


def _spoken(line: Line) -> str:
    interval = "" if math.isnan(line.low) else f" ({number(line.low)} to {number(line.high)})"
    rivals = "".join(f", {name} {number(value)}" for name, value in line.rivals.items())
    return f"{line.name} {number(line.value)}{interval}{rivals}"


def _ticks(values: Sequence[float], least: tuple[float, float]) -> list[float]:
    """At most nine round numbers that span all values and `least`."""
    known = [value for value in values if not math.isnan(value)]
    low, high = min(least[0], *known, least[1]), max(least[1], *known, least[0])
    step = next((one for one in STEPS if (high - low) / one <= 8), math.ceil((high - low) / 8))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * at, 2) for at in range(first, last + 1)]


def _legend(rivals: Sequence[str]) -> list[str]:
    """The rivals' marks with their names, two to a line."""
    parts = []
    for at, name in enumerate(rivals):
        x, y = 20 + 200 * (at % 2), 12 + 20 * (at // 2)
        parts += [_mark(at, x, y), _text(x + 12, y + 4, name, "faint")]
    return parts


def _legend_height(rivals: Sequence[str]) -> int:
    return 20 * math.ceil(len(rivals) / 2) + 8 if rivals else 2


def _mark(rival: int, x: float, y: float) -> str:
    return f'<path class="rival" transform="translate({x:.1f} {y})" d="{SHAPES[rival % len(SHAPES)]}"/>'


def calibration_plot(name: str, points: Sequence[tuple[float, float]], area: float) -> str:
    """Chance told (across) against the share that was so (up), one dot a bin; on the diagonal it is right.
    `area` is the area under the ROC curve."""
    left, top, side = 22.0, 22.0, 104.0
    placed = [(left + side * x, top + side * (1 - y)) for x, y in points]
    parts = [
        _text(0, 12, name),
        f'<path class="grid" d="M{left},{top}V{top + side}H{left + side}"/>',
        f'<path class="diagonal" d="M{left},{top + side}L{left + side},{top}"/>',
        f'<path class="curve" d="M{"L".join(f"{x:.1f},{y:.1f}" for x, y in placed)}"/>' if len(placed) > 1 else "",
        *(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in placed),
        _text(left - 5, top + 5, "1", "end faint"),
        _text(left - 5, top + side, "0", "end faint"),
        _text(left, top + side + 14, "0", "middle faint"),
        _text(left + side, top + side + 14, "1", "middle faint"),
        _text(left + side, top + side - 6, f"AUC {number(area)}", "end faint halo"),
    ]
    told = ", ".join(f"{number(x)} was {number(y)}" for x, y in points)
    return _svg(
        140, 144, f"Calibration of {name}: AUC {number(area)}; chance told and share that was so: {told}", parts
    )


def _text(x: float, y: float, text: str, look: str = "", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{look}"{more}>{escape(text)}</text>'


def _svg(width: float, height: float, told: str, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    return f'<svg {size} role="img" aria-label="{escape(told)}">{"".join(parts)}</svg>'
