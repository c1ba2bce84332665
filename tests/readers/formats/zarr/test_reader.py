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
