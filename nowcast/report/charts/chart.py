"""A chart of lines as SVG: colours that the colour-blind tell apart, markers, dashes, and names at the lines' ends.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), set by the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nowcast.report.charts.axes import Axis, axis
from nowcast.report.markup import Markup, joined, tag
from nowcast.report.wording import number, shortened

__all__ = ["STYLES", "Series", "chart", "sample"]

WIDTH, HEIGHT = 410, 270
TOP, BOTTOM = 12, 48
LETTER = 8.5
"""Width of a letter in pixels, on the safe side."""

LINE = 15.0
LONGEST_NAME = 16
STYLES = 8
"""As many series look different."""

DASHES = (None, "7 4", "2 3", "9 3 2 3", "12 4", "1 4", "5 2 1 2 1 2", None)
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "ring", "flag", "plus")


@dataclass(frozen=True)
class Series:
    """One line: places, values (NaN: a gap), the band about it, and which of the styles it has."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: int = 0
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def chart(
    series: Sequence[Series],
    *,
    alt: str,
    x_label: str,
    y_label: str,
    marks: Sequence[tuple[float, str]] | None = None,
    floor: float | None = None,
    ceiling: float | None = None,
    log_x: bool = False,
    log_y: bool = False,
    rule: tuple[float, str] | None = None,
    diagonal: bool = False,
) -> Markup:
    """The lines over common axes.

    Parameters
    ----------
    alt
        What is seen, in a sentence, for those who do not see it.
    marks
        Ticks of the x-axis and their names; None: round numbers.
    floor, ceiling
        Values that the y-axis is to show too.
    rule
        A level drawn across, and its name.
    diagonal
        Whether a line of equal x and y is drawn.
    """
    names = [shortened(each.name, LONGEST_NAME) for each in series]
    right = min(158.0, 14 + LETTER * max((len(name) for name in names), default=0))
    level = [] if rule is None else [rule[0]]
    bands = [value for each in series for side in (each.low, each.high) if side is not None for value in side]
    values = [v for each in series for v in each.y] + bands + level
    y = axis(values, start=HEIGHT - BOTTOM, stop=TOP, floor=floor, ceiling=ceiling, log=log_y)
    left = 34 + 0.86 * LETTER * max(len(text) for text in y.texts)
    x = axis([v for each in series for v in each.x], start=left, stop=WIDTH - right, marks=marks, log=log_x)
    parts = [tag("title", alt), _grid(x, y, x_label, y_label)]
    if diagonal:
        ends = max(x.low, y.low), min(x.high, y.high)
        parts.append(_rule(x.at(ends[0]), y.at(ends[0]), x.at(ends[1]), y.at(ends[1])))
    if rule is not None:
        parts.append(_rule(x.start, y.at(rule[0]), x.stop, y.at(rule[0])))
        parts.append(tag("text", rule[1], x=x.stop, y=y.at(rule[0]) + 13, class_="rule", text_anchor="end"))
    # The first, which is the model, is drawn over the others.
    parts += [_band(each, x, y) for each in series[::-1]]
    parts += [_line(each, x, y) for each in series[::-1]]
    parts.append(_names(series, names, x, y))
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=alt, class_="chart")


def sample(style: int, name: str) -> Markup:
    """How a series looks, and its name: an entry of the legend."""
    style %= STYLES
    line = tag("line", x1=1, y1=7, x2=35, y2=7, class_=f"line s{style}", stroke_dasharray=DASHES[style])
    return tag(
        "span",
        tag("svg", line, _marker(style, 18, 7), viewBox="0 0 36 14", width=36, height=14, aria_hidden="true"),
        name,
        class_="sample",
    )


def _grid(x: Axis, y: Axis, x_label: str, y_label: str) -> Markup:
    parts = []
    for value, text in zip(y.ticks, y.texts, strict=True):
        place = y.at(value)
        parts.append(tag("line", x1=x.start, y1=place, x2=x.stop, y2=place, class_="mesh"))
        parts.append(tag("text", text, x=x.start - 7, y=place + 4, class_="tick", text_anchor="end"))
    for value, text in zip(x.ticks, x.texts, strict=True):
        place = x.at(value)
        parts.append(tag("line", x1=place, y1=y.start, x2=place, y2=y.start + 4, class_="axis"))
        parts.append(tag("text", text, x=place, y=y.start + 17, class_="tick", text_anchor="middle"))
    parts.append(tag("line", x1=x.start, y1=y.start, x2=x.stop, y2=y.start, class_="axis"))
    middle = (x.start + x.stop) / 2
    parts.append(tag("text", x_label, x=middle, y=HEIGHT - 8.0, class_="label", text_anchor="middle"))
    height = (y.start + y.stop) / 2
    turned = f"rotate(-90 12 {height:.6g})"
    parts.append(tag("text", y_label, x=12, y=height, class_="label", text_anchor="middle", transform=turned))
    return joined(*parts)


def _rule(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="rule-line")


def _pieces(each: Series, *sides: Sequence[float]) -> list[list[int]]:
    """Stretches of indices at which all sides have values."""
    found: list[list[int]] = [[]]
    for index in range(len(each.x)):
        if all(math.isfinite(side[index]) for side in (each.x, *sides)):
            found[-1].append(index)
        elif found[-1]:
            found.append([])
    return [piece for piece in found if piece]


def _band(each: Series, x: Axis, y: Axis) -> Markup:
    if each.low is None or each.high is None:
        return Markup("")
    parts = []
    for piece in _pieces(each, each.low, each.high):
        around = [(i, each.high[i]) for i in piece] + [(i, each.low[i]) for i in piece[::-1]]
        if len(piece) == 1:
            place = x.at(each.x[piece[0]])
            top, bottom = (y.at(value) for _, value in around)
            parts.append(tag("path", d=f"M{place:.1f},{top:.1f}V{bottom:.1f}", class_=_seen("bar", each)))
            continue
        points = " ".join(f"{x.at(each.x[i]):.1f},{y.at(value):.1f}" for i, value in around)
        parts.append(tag("polygon", points=points, class_=_seen("band", each)))
    return joined(*parts)


def _line(each: Series, x: Axis, y: Axis) -> Markup:
    style = each.style % STYLES
    parts = []
    for piece in _pieces(each, each.y):
        points = " ".join(f"{x.at(each.x[i]):.1f},{y.at(each.y[i]):.1f}" for i in piece)
        parts.append(tag("polyline", points=points, class_=_seen("line", each), stroke_dasharray=DASHES[style]))
        every = max(1, len(piece) // 12)
        for i in piece[::every]:
            told = tag("title", f"{each.name}: {number(each.y[i])} at {number(each.x[i])}")
            parts.append(tag("g", told, _marker(style, x.at(each.x[i]), y.at(each.y[i]))))
    return joined(*parts)


def _seen(kind: str, each: Series) -> str:
    return f"{kind} s{each.style % STYLES}"


def _marker(style: int, x: float, y: float) -> Markup:
    kind, look = MARKERS[style], f"dot s{style}"
    if kind in ("circle", "ring"):
        return tag("circle", cx=round(x, 1), cy=round(y, 1), r=3.4, class_=look + (" hollow" if kind == "ring" else ""))
    shape = {
        "square": "m-3.2,-3.2h6.4v6.4h-6.4z",
        "triangle": "m0,-4.2l4,7h-8z",
        "diamond": "m0,-4.6l4,4.6l-4,4.6l-4,-4.6z",
        "cross": "m-3.4,-3.4l6.8,6.8m0,-6.8l-6.8,6.8",
        "flag": "m0,4.2l4,-7h-8z",
        "plus": "m-4,0h8m-4,-4v8",
    }[kind]
    return tag("path", d=f"M{x:.1f},{y:.1f}{shape}", class_=look + (" stroke" if kind in ("cross", "plus") else ""))


def _names(series: Sequence[Series], names: Sequence[str], x: Axis, y: Axis) -> Markup:
    """Each name at its line's end, moved apart where ends are near each other."""
    ends = []
    for each, name in zip(series, names, strict=True):
        known = [i for piece in _pieces(each, each.y) for i in piece]
        if known:
            ends.append((y.at(each.y[known[-1]]), x.at(each.x[known[-1]]), name, each))
    ends.sort(key=lambda end: end[0])
    places: list[float] = []
    for height, *_ in ends:
        places.append(max(height, places[-1] + LINE if places else y.stop))
    over = places[-1] - y.start if places else 0.0
    if over > 0:
        places[-1] -= over
        for index in range(len(places) - 2, -1, -1):
            places[index] = min(places[index], places[index + 1] - LINE)
    parts = []
    for place, (height, end, name, each) in zip(places, ends, strict=True):
        parts.append(
            tag("path", d=f"M{end + 5:.1f},{height:.1f}L{x.stop + 9:.1f},{place:.1f}", class_=_seen("lead", each))
        )
        parts.append(tag("text", name, x=x.stop + 11, y=place + 4, class_=_seen("name", each)))
    return joined(*parts)
