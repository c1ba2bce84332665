from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import NowcastWarning
from nowcast.readers.regridding import coarsened, resized

Maker = Callable[..., xr.DataArray]


@pytest.mark.parametrize("lazy", [False, True])
def test_blocks_are_averaged(lazy: bool, cube: xr.DataArray) -> None:
    coarse = coarsened(cube.chunk({"time": 5, "y": 3}) if lazy else cube, 2)
    expected = cube.values.reshape(12, 1, 4, 2, 5, 2).mean((3, 5))
    np.testing.assert_allclose(coarse.values, expected)
    assert coarse["y"].values.tolist() == [6500, 4500, 2500, 500]
    assert coarse["x"].values.tolist() == [500, 2500, 4500, 6500, 8500]
    assert coarse["crs"].attrs == cube["crs"].attrs
    assert coarse.attrs["coarsened"] == "means of 2 x 2 pixels"


def test_missing_pixels_stay_out_of_means(cube: xr.DataArray) -> None:
    holed = cube.copy(data=cube.values.copy())
    holed.values[0, 0, 0, 0] = np.nan
    holed.values[0, 0, 0:2, 2:4] = np.nan
    holed.values[0, 0, 0, 4:6] = np.nan
    coarse = coarsened(holed, 2)
    assert float(coarse[0, 0, 0, 0]) == pytest.approx((1 + 10 + 11) / 3)
    assert np.isnan(coarse.values[0, 0, 0]).tolist() == [False, True, True, False, False]


def test_what_fills_no_block_is_cut_off_and_told(cube: xr.DataArray) -> None:
    with pytest.warns(NowcastWarning, match=r"last 2 row\(s\) and 1 column\(s\)"):
        assert coarsened(cube, 3).shape == (12, 1, 2, 3)


@pytest.mark.parametrize("size", [(4, 5), (16, 20), (3, 7), (1, 1)])
def test_resizing_keeps_a_plane_and_the_mean(size: tuple[int, int], cube: xr.DataArray) -> None:
    new = resized(cube.chunk({"time": 5}), size)
    assert new.shape == (12, 1, *size)
    if max(size[0] / 8, size[1] / 10) <= 1:
        np.testing.assert_allclose(new.mean(("y", "x")).values, cube.mean(("y", "x")).values, rtol=1e-6)
    flat = resized(xr.full_like(cube, 3.0), size)
    np.testing.assert_allclose(flat.values, 3.0, rtol=1e-6)


def test_halving_by_size_is_coarsening(cube: xr.DataArray) -> None:
    np.testing.assert_allclose(resized(cube, (4, 5)).values, coarsened(cube, 2).values, rtol=1e-6)
    np.testing.assert_allclose(resized(cube, (4, 5))["y"].values, coarsened(cube, 2)["y"].values)


def test_doubling_interpolates(cube_maker: Maker) -> None:
    cube = cube_maker((1, 1, 1, 3), values=np.array([0.0, 4.0, 8.0], "float32").reshape(1, 1, 1, 3))
    assert resized(cube, (1, 6)).values.ravel().tolist() == [0, 1, 3, 5, 7, 8]
    assert resized(cube, (1, 6))["x"].values.tolist() == [-250, 250, 750, 1250, 1750, 2250]


def test_curvilinear_coordinates_come_along(cube: xr.DataArray) -> None:
    row, column = np.indices((8, 10)).astype(float)
    curved = cube.assign_coords(lat=(("y", "x"), 50 + row), lon=(("y", "x"), 5 + 2 * column))
    coarse = coarsened(curved, 2)
    np.testing.assert_allclose(coarse["lat"].values[:, 0], [50.5, 52.5, 54.5, 56.5])
    np.testing.assert_allclose(coarse["lon"].values[0], 6 + 4 * np.arange(5))


def test_longitudes_are_averaged_over_the_date_line(cube: xr.DataArray) -> None:
    lon = np.broadcast_to([177.0, 178, 179, -180, -179, -178, -177, -176, -175, np.nan], (8, 10))
    attrs = {"units": "degrees_east", "standard_name": "longitude"}
    coarse = coarsened(cube.assign_coords(lon=(("y", "x"), lon, attrs)), 2)
    np.testing.assert_allclose(coarse["lon"].values[0], [177.5, 179.5, -178.5, -176.5, np.nan])
    five = resized(cube.assign_coords(lon=(("y", "x"), lon, attrs)), (8, 5))
    np.testing.assert_allclose(five["lon"].values, coarse["lon"].values[:1].repeat(8, axis=0))
