"""One hash for one content, whatever it is stored as; another for any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.datasets import advected_echoes
from nowcast.description import hashing
from nowcast.description.hashing import content_hash, fingerprint, plain_hash

HEX = 64


@pytest.fixture
def cube() -> xr.DataArray:
    return advected_echoes(frames=6, size=16).compute()


def moved(cube: xr.DataArray, axis: str) -> xr.DataArray:
    return cube.assign_coords({axis: (axis, cube[axis].values * 2, cube[axis].attrs)})


def one_pixel(cube: xr.DataArray, value: float) -> xr.DataArray:
    changed = cube.copy(deep=True)
    changed.values[3, 0, 5, 7] = value
    return changed


def test_another_content_has_another_hash(cube: xr.DataArray) -> None:
    time = cube["time"].values.copy()
    time[-1] += np.timedelta64(1, "us")
    halves = np.repeat(["a", "b"], 3)
    others = [
        one_pixel(cube, np.nextafter(cube.values[3, 0, 5, 7], np.float32(99))),
        one_pixel(cube, np.nan),
        cube.assign_coords(time=("time", time, cube["time"].attrs)),
        cube.isel(time=slice(0, 5)),
        cube.isel(y=slice(None, None, -1)),
        moved(cube, "y"),
        moved(cube, "x"),
        cube.assign_attrs(units="mm"),
        cube.assign_coords(sequence=("time", halves)),
    ]
    found = [content_hash(each) for each in (cube, *others)]
    assert len(found[0]) == HEX
    assert len(set(found)) == len(found)


def test_what_is_no_content_changes_nothing(cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = content_hash(cube)
    one = cube.assign_coords(sequence=("time", ["one"] * 6))
    minus = cube.copy(data=np.where(cube.values == 0, np.float32(-0.0), cube.values))
    assert (minus.values == 0).any()
    same = [cube.rename("other"), cube.assign_attrs(long_name="x"), cube.astype("float64"), one, minus]
    same += [cube.chunk(time=n, y=5) for n in (1, 4)]
    assert {content_hash(each) for each in same} == {plain}
    monkeypatch.setattr(hashing, "AT_ONCE", 2 * cube[0].size)
    assert content_hash(cube) == plain


def test_bytes_that_count_as_nan_are_one(cube: xr.DataArray) -> None:
    other = one_pixel(cube, np.nan)
    other.values.view("u4")[3, 0, 5, 7] = 0xFFC00001
    assert np.isnan(other.values[3, 0, 5, 7])
    assert content_hash(other) == content_hash(one_pixel(cube, np.nan))


def test_packing_and_names_of_files_change_nothing(cube: xr.DataArray, tmp_path: Path) -> None:
    whole = cube.copy(data=np.round(9 * cube.values).clip(0, 255).astype("float32"))
    assert len(np.unique(whole)) > 3
    plain = content_hash(whole)
    nowcast.write_cube(whole, tmp_path / "one.nc")
    nowcast.write_cube(whole.chunk(time=2), tmp_path / "another.zarr")
    packed = whole.to_dataset(name="rain_rate")
    packing = {"dtype": "int16", "scale_factor": 0.5, "_FillValue": -1}
    packed.to_netcdf(tmp_path / "packed.nc", encoding={"rain_rate": packing})
    for name in ("one.nc", "another.zarr"):
        assert content_hash(nowcast.open_cube(tmp_path / name)) == plain, name
    with xr.open_dataset(tmp_path / "packed.nc") as opened:
        assert opened["rain_rate"].encoding["dtype"] == "int16"
        assert content_hash(opened["rain_rate"]) == plain
    assert content_hash(whole.astype("uint8")) == plain


def test_plain_data_in_any_order() -> None:
    assert plain_hash({"a": 1, "b": [2]}) == plain_hash({"b": [2], "a": 1})
    assert plain_hash({"a": 1}) != plain_hash({"a": 2})


def test_a_fingerprint_reads_three_frames_and_knows_another_cube(cube: xr.DataArray) -> None:
    read: list[int] = []

    def frame(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = cube.chunk(time=1).copy()
    lazy.data = lazy.data.map_blocks(frame, dtype=lazy.dtype, meta=np.empty((0, 0, 0, 0), lazy.dtype))
    read.clear()
    found = fingerprint(lazy)
    assert sorted(read) == [0, 2, 5]
    assert found == fingerprint(cube) == fingerprint(cube.rename("other").chunk(time=4))
    later = cube.assign_coords(time=cube["time"] + np.timedelta64(1, "s"))
    first = cube.copy(deep=True)
    first.values[0, 0, 0, 0] += 1
    others = [later, first, cube.isel(time=slice(0, 5)), moved(cube, "x"), cube.assign_attrs(units="mm")]
    assert len({found, *map(fingerprint, others)}) == 6
