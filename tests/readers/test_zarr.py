from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from nowcast.errors import InputError, UnsafeError
from nowcast.readers import open_cube


def store(path: Path, version: int = 3) -> Path:
    xr.Dataset(
        {"rain": (("time", "y", "x"), np.arange(1, 97, dtype="i4").reshape(4, 4, 6))},
        coords={"time": ("time", np.arange(4), {"units": "hours since 2020-01-01"})},
    ).to_zarr(path, zarr_format=version, consolidated=False, encoding={"rain": {"chunks": (1, 4, 6)}})
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_missing_chunks_are_damage_where_the_store_counts_them(version: int, tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", version)
    zarr.open_group(path, mode="r+").attrs["nowcast_chunks"] = {"rain": 4, "time": 1}
    assert not any("nowcast_chunks" in key for key in open_cube(path).attrs)
    key = "c/2/0/0" if version == 3 else "2.0.0"
    (path / "rain" / key).unlink()
    with pytest.raises(InputError, match=f"1 of 4 chunks of variable 'rain' are missing, e.g. {key}"):
        open_cube(path)


def test_missing_times_are_damage_too(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr")
    zarr.open_group(path, mode="r+").attrs["nowcast_chunks"] = {"rain": 4, "time": 1}
    (path / "time" / "c" / "0").unlink()
    with pytest.raises(InputError, match="variable 'time'"):
        open_cube(path)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("counted", [True, False], ids=["own", "foreign"])
def test_missing_chunks_can_be_read_as_missing_pixels(version: int, counted: bool, tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", version)
    if counted:
        zarr.open_group(path, mode="r+").attrs["nowcast_chunks"] = {"rain": 4, "time": 1}
    whole = open_cube(path).values
    (path / "rain" / {2: "2.0.0", 3: "c/2/0/0"}[version]).unlink()
    cube = open_cube(path, missing="nan")
    assert cube.attrs["absent_chunks"] == "1 of 4, read as missing"
    assert np.isnan(cube.values[2]).all()
    np.testing.assert_array_equal(np.delete(cube.values, 2, axis=0), np.delete(whole, 2, axis=0))


def test_missing_chunks_of_other_stores_are_remembered(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr")
    assert "absent_chunks" not in open_cube(path).attrs
    (path / "rain" / "c" / "2" / "0" / "0").unlink()
    assert open_cube(path).attrs["absent_chunks"] == "1 of 4"


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", 2)
    (path / "label").mkdir()
    content = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "order": "C", "fill_value": None}
    content |= {"filters": [{"id": "pickle", "protocol": 5}], "compressor": None}
    (path / "label" / ".zarray").write_text(json.dumps(content))
    with pytest.raises(UnsafeError, match="pickled"):
        open_cube(path)


def test_an_array_inside_a_group_points_to_the_group(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr")
    with pytest.raises(InputError, match=r"give the group: .*a.zarr --variable rain"):
        open_cube(path / "rain")


def test_a_group_of_groups_names_them(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "g", mode="w", zarr_format=3)
    store(tmp_path / "g" / "radar")
    with pytest.raises(InputError, match="radar"):
        open_cube(tmp_path / "g")
    assert open_cube(tmp_path / "g" / "radar").shape == (4, 1, 4, 6)
