"""Pictures of few colours: fields keep theirs, texts are legible."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.report.pictures.canvas import Canvas, Palette, _font, text_width
from nowcast.report.pictures.colours import MISSING, RAIN, field_colours

Maker = Callable[..., xr.DataArray]


def rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def test_rain_has_the_colours_of_its_classes(cube_maker: Maker) -> None:
    frame = np.array([[0.0, 0.2, 3.0], [15.0, 99.0, np.nan]])
    palette = Palette(*field_colours(cube_maker(), [frame]), MISSING)
    canvas = Canvas(3, 2, palette)
    canvas.paste(palette.index(frame), 0, 0)
    shown = np.asarray(canvas.image().convert("RGB"))
    assert tuple(shown[0, 0]) == rgb(RAIN[0])
    assert tuple(shown[0, 1]) == rgb(RAIN[1])
    assert tuple(shown[0, 2]) == rgb(RAIN[4]), "between 2 and 5"
    assert tuple(shown[1, 1]) == rgb(RAIN[-1]), "beyond the last level"
    assert tuple(shown[1, 2]) == rgb(MISSING)


def test_other_fields_run_along_a_scale(cube_maker: Maker) -> None:
    cube = cube_maker(units="K", name="bt").assign_attrs(standard_name="brightness_temperature")
    frame = np.linspace(200, 300, 1000).reshape(20, 50)
    palette = Palette(*field_colours(cube, [frame]), MISSING)
    index = palette.index(frame).ravel().astype(int)
    assert (np.diff(index) >= 0).all()
    assert (index[0], index[-1]) == (0, palette.count - 1)
    assert palette.index(np.array([[-1e9, 1e9]])).tolist() == [[0, palette.count - 1]]
    even = Palette("viridis", type("Norm", (), {"vmin": 1.0, "vmax": 1.0})(), None, MISSING)
    assert even.index(np.ones((1, 1))).tolist() == [[0]]


def test_texts_stand_where_they_are_put_and_a_copy_is_another(cube_maker: Maker) -> None:
    palette = Palette(*field_colours(cube_maker(), [np.ones((1, 1))]), MISSING)
    ground = Canvas(120, 40, palette)
    written = ground.copy()
    written.text("+20 min", 60, 10, size=14)
    written.bar(0, 36, 30, 3)
    shown = np.asarray(written.image().convert("L"))
    assert (np.asarray(ground.image().convert("L")) == 255).all()
    assert shown[:, 60:].min() < 60
    assert (shown[:36, :58] == 255).all()
    assert (shown[36:39, :30] < 60).all()
    assert len(np.unique(shown)) > 4, "the edges of letters are smooth"
    assert 30 < text_width("+20 min", 14) < 70


@pytest.mark.parametrize("sign", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·µ°–≥")
def test_the_signs_of_numbers_and_units_can_be_written(sign: str) -> None:
    lacking = _font(16).getmask("\U0010fffd")
    assert bytes(_font(16).getmask(sign)) != bytes(lacking)
