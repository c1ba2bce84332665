from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.writers.drawing import BLACK, COLOURS, MARGIN, WHITE, Drawing


def indices(cube: xr.DataArray, frame: int = 0) -> np.ndarray:
    return np.asarray(Drawing(cube, 1).picture(cube.isel(time=frame)))


def test_values_become_shares_of_the_range_and_rain_their_root(cube: xr.DataArray) -> None:
    cube = cube.isel(time=slice(0, 2), y=slice(0, 2), x=slice(0, 3))
    cube = cube.copy(data=np.array([0, 25, 50, 100, np.nan, 100] * 2, "float32").reshape(2, 1, 2, 3))
    plain = cube.rename("temperature").assign_attrs(standard_name="air_temperature")
    most = COLOURS - 1
    expected = np.array([[0, round(0.25 * most), round(0.5 * most)], [most, WHITE, most]])
    np.testing.assert_array_equal(indices(plain)[:2], expected)
    assert indices(plain).shape == (2 + MARGIN, 3)
    assert indices(cube)[0, 1] == round(0.5 * most)


def test_one_wild_pixel_does_not_set_the_range(cube_maker: Callable[..., xr.DataArray]) -> None:
    values = np.tile(np.linspace(0, 10, 2500, dtype="float32").reshape(50, 50), (2, 1, 1, 1))
    values[0, 0, 0, 0] = 1e6
    cube = cube_maker((2, 1, 50, 50), values=values, name="wind")
    assert indices(cube.assign_attrs(standard_name="wind_speed"), 1)[49, 49] == COLOURS - 1
    assert indices(cube.assign_attrs(standard_name="wind_speed"), 1)[25, 0] == pytest.approx(COLOURS / 2, abs=2)


@pytest.mark.parametrize("value", [np.nan, 0, 7])
def test_an_empty_or_even_field_can_be_drawn(value: float, cube: xr.DataArray) -> None:
    drawn = indices(cube.copy(data=np.full(cube.shape, value, "float32")))[:8]
    assert (drawn == (WHITE if np.isnan(value) else 0)).all()


def test_time_and_scale_are_written_below(cube: xr.DataArray) -> None:
    first = np.asarray(Drawing(cube, 256).picture(cube.isel(time=0)))
    second = np.asarray(Drawing(cube, 256).picture(cube.isel(time=1)))
    assert (first[-MARGIN:] == BLACK).any()
    assert (first[-MARGIN : -MARGIN // 2] != second[-MARGIN : -MARGIN // 2]).any()
    np.testing.assert_array_equal(first[-MARGIN // 2 :], second[-MARGIN // 2 :])
