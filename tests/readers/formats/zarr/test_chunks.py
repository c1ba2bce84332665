from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from nowcast.errors import InputError
from nowcast.readers import open_cube
from tests.readers.formats.zarr.test_reader import store


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
