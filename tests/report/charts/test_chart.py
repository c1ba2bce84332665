"""A chart shows every line, its band and its name; a gap is no line, and names do not lie on each other."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from nowcast.report.charts.chart import STYLES, Series, chart, sample

TOLD = {"alt": "errors", "x_label": "lead time", "y_label": "MSE"}


def parsed(*series: Series, **more: object) -> ET.Element:
    return ET.fromstring(chart(series, **TOLD, **more))


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in root.iter() if name in each.get("class", "").split()]


def test_lines_run_through_their_values() -> None:
    root = parsed(Series("model", [1, 2, 3], [0, 5, 10]), floor=0.0)
    (line,) = of_class(root, "line")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert points[1][0] - points[0][0] == pytest.approx(points[2][0] - points[1][0], abs=0.2)
    assert points[0][1] - points[1][1] == pytest.approx(points[1][1] - points[2][1], abs=0.2)
    assert points[0][1] > points[2][1], "up is more"
    assert len(of_class(root, "dot")) == 3


def test_a_value_that_is_not_there_parts_the_line() -> None:
    root = parsed(Series("model", [1, 2, 3, 4, 5], [1, 2, math.nan, 4, 5]))
    assert len(of_class(root, "line")) == 2
    assert "nan" not in ET.tostring(root, "unicode").lower()
    assert not of_class(parsed(Series("model", [1, 2], [math.nan, math.inf])), "line")


def test_bands_go_out_and_back() -> None:
    root = parsed(Series("a", [1, 2], [5, 6], 0, [4, 5], [7, 8]), Series("b", [1, 2], [5, 6], 1))
    (band,) = of_class(root, "band")
    assert len(band.get("points", "").split()) == 4
    (bar,) = of_class(parsed(Series("a", [1], [5], 0, [4], [7])), "bar")
    assert "V" in bar.get("d", "")


def test_names_at_the_ends_are_apart_and_within_the_picture() -> None:
    root = parsed(*(Series(f"forecaster {i}", [1, 2], [1, 1 + i / 1000], i) for i in range(6)))
    names = of_class(root, "name")
    heights = sorted(float(each.get("y", "nan")) for each in names)
    assert len(names) == 6
    assert min(b - a for a, b in pairwise(heights)) > 14
    height = float(root.get("viewBox", "").split()[3])
    assert heights[0] > 0
    assert heights[-1] < height


def test_long_and_hostile_names_do_no_harm() -> None:
    name = "<script>alert(1)</script>" * 3
    made = chart([Series(name, [1], [1])], **TOLD)
    assert "<script" not in made
    assert max(len(each.text or "") for each in of_class(ET.fromstring(made), "name")) <= 16
    assert "<script" not in sample(0, name)


def test_each_style_looks_different_without_its_colour() -> None:
    looks = set()
    for style in range(STYLES):
        made = re.sub(r"\bs\d\b", "", sample(style, "x"))
        looks.add(made)
    assert len(looks) == STYLES


def test_levels_and_diagonals_are_drawn() -> None:
    series = Series("model", [0.1, 0.9], [2.0, 3.0])
    root = parsed(series, rule=(1.0, "as good"), diagonal=True)
    assert len(of_class(root, "rule-line")) == 2
    assert of_class(root, "rule")[0].text == "as good"
    assert not of_class(parsed(series), "rule-line")


def test_logarithmic_axes_leave_out_what_has_no_logarithm() -> None:
    root = parsed(Series("model", [1, 10, 100], [1e-3, 1.0, 1e3]), log_x=True, log_y=True)
    points = [point.split(",") for point in of_class(root, "line")[0].get("points", "").split()]
    assert float(points[1][1]) == pytest.approx((float(points[0][1]) + float(points[2][1])) / 2, abs=0.3)
