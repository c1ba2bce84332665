"""Axes hold all values, and their ticks are few and round."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowcast.report.charts.axes import axis
from nowcast.report.wording import number

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@given(VALUES)
def test_every_value_lies_on_the_axis_and_ticks_are_few(values: list[float]) -> None:
    made = axis(values, start=200, stop=10)
    places = [made.at(value) for value in values]
    assert all(9.99 <= place <= 200.01 for place in places)
    assert 2 <= len(made.ticks) <= 8
    assert len(made.texts) == len(made.ticks)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20))
def test_ratios_are_distances_on_a_logarithmic_axis(values: list[float]) -> None:
    made = axis(values, start=0, stop=100, log=True)
    assert all(-0.01 <= made.at(value) <= 100.01 for value in values)
    middle = math.sqrt(made.low * made.high)
    assert made.at(middle) == pytest.approx(50)


def test_ticks_are_round_and_include_what_is_asked() -> None:
    made = axis([0.13, 0.92], start=0, stop=100, floor=0.0)
    assert made.ticks == (0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert made.texts == ("0", "0.2", "0.4", "0.6", "0.8", "1")
    assert (made.at(0), made.at(1)) == (0, 100)
    assert axis([], start=0, stop=1).ticks, "nothing to show is no error"
    assert axis([math.nan, 2.0, math.inf], start=0, stop=1).low < 2


def test_marks_that_have_no_room_are_left_out() -> None:
    marks = [(float(minute), f"{minute}") for minute in range(5, 125, 5)]
    made = axis([value for value, _ in marks], start=0, stop=200, marks=marks)
    assert 3 <= len(made.ticks) <= 10
    assert set(zip(made.ticks, made.texts, strict=True)) <= set(marks)
    assert axis([5.0], start=0, stop=200, marks=marks[:1]).texts == ("5",)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.12345, "0.123"), (12345, "1.23·10⁴"), (4321, "4321"), (1e-5, "10⁻⁵"), (2.5e-7, "2.5·10⁻⁷"),
     (math.nan, "–"), (-0.5, "-0.5"), (999.6, "1e+03")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text.replace("1e+03", "1000")
