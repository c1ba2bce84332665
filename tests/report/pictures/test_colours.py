"""Rain is drawn in classes of its own units, other fields along a scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.report.pictures.colours import RAIN, field_colours

Maker = Callable[..., xr.DataArray]


def test_rain_has_classes_up_to_what_is_there(cube_maker: Maker) -> None:
    cube = cube_maker()
    frame = np.array([[0.05, 4.0], [11.0, np.nan]])
    colours, norm, levels = field_colours(cube, [frame])
    assert levels == [0.1, 0.5, 1, 2, 5, 10, 20]
    drawn = colours(norm(frame))
    assert tuple(np.round(255 * drawn[0, 0, :3])) == tuple(int(RAIN[0][i : i + 2], 16) for i in (1, 3, 5))
    assert (drawn[0, 1] != drawn[1, 0]).any()


def test_the_classes_of_an_amount_are_those_of_its_rate(cube_maker: Maker) -> None:
    cube = cube_maker(units="mm").assign_attrs(standard_name="lwe_thickness_of_precipitation_amount")
    levels = field_colours(cube, [np.array([4.0])])[2]
    assert levels[0] == pytest.approx(0.1 / 12, rel=0.05), "5 minutes a frame"


def test_other_fields_have_no_classes_and_extremes_do_not_stretch_the_scale(cube_maker: Maker) -> None:
    cube = cube_maker(units="K", name="bt").assign_attrs(standard_name="brightness_temperature")
    values = np.append(np.linspace(200.0, 300.0, 999), 1e6)
    colours, norm, levels = field_colours(cube, [values])
    assert (colours, levels) == ("viridis", None)
    assert 200 < norm.vmin < 202
    assert norm.vmax < 301
    assert field_colours(cube.rename("grey"), [values])[0] == "gray"
    assert field_colours(cube, [np.full(3, np.nan)])[1].vmax == 1.0
