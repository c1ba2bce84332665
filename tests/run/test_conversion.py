"""Any readable input to one file or store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import run
from nowcast.errors import InputError


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_both_suffixes_hold_the_same(suffix: str, cube: xr.DataArray, tmp_path: Path) -> None:
    out = run.convert(cube, tmp_path / f"out{suffix}", progress=False)
    assert out == tmp_path / f"out{suffix}"
    again = nowcast.open_cube(out)
    np.testing.assert_array_equal(again.values, cube.values)
    for name in ("time", "y", "x"):
        np.testing.assert_array_equal(again[name].values, cube[name].values)
    assert again.attrs["units"] == "mm h-1"
    assert again["crs"].attrs == cube["crs"].attrs


def test_there_and_back(cube: xr.DataArray, tmp_path: Path) -> None:
    first = run.convert(cube, tmp_path / "one.nc", progress=False)
    second = run.convert([first], tmp_path / "two.zarr", progress=False)
    third = run.convert([second], tmp_path / "three.nc", progress=False)
    with xr.open_dataset(first) as one, xr.open_dataset(third) as three:
        xr.testing.assert_equal(one, three)
        assert one["rain_rate"].attrs == three["rain_rate"].attrs


def test_a_store_over_itself(cube: xr.DataArray, tmp_path: Path) -> None:
    out = run.convert(cube, tmp_path / "out.zarr", progress=False)
    run.convert(out, out, progress=False)
    np.testing.assert_array_equal(nowcast.open_cube(out).values, cube.values)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.zarr"]


def test_one_variable_of_two(cube: xr.DataArray, tmp_path: Path) -> None:
    field = cube.isel(channel=0).drop_attrs()
    xr.Dataset({"rain": field, "snow": field + 1}).to_netcdf(tmp_path / "two.nc")
    out = run.convert(tmp_path / "two.nc", tmp_path / "snow.zarr", variable="snow", progress=False)
    again = nowcast.open_cube(out)
    assert again.name == "snow"
    np.testing.assert_array_equal(again.values, cube.values + 1)


def test_another_suffix_is_refused(cube: xr.DataArray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out\.txt"):
        run.convert(cube, tmp_path / "out.txt", progress=False)
    assert not list(tmp_path.iterdir())


def test_real_radar_files(melbourne: list[Path], tmp_path: Path) -> None:
    out = run.convert(melbourne[:3], tmp_path / "melbourne.zarr", progress=False)
    with xr.open_dataset(melbourne[1]) as source:
        truth = source["precipitation"].values
    stored = nowcast.open_cube(out)
    assert stored.sizes["time"] == 3
    np.testing.assert_allclose(stored.values[1, 0], truth, rtol=1e-6)  # the cube is float32
