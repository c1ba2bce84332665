from __future__ import annotations

import json
import zlib
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


@pytest.mark.parametrize("beside", [".zattrs", "zarr.json", ".zgroup"])
def test_what_stands_beside_an_arrays_metadata_does_not_hide_its_codecs(beside: str, tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", 2)
    place = path / "rain" / ".zarray"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"compressor": {"id": "pickle"}}))
    other = path / "rain" / beside
    held = json.loads(other.read_text()) if other.is_file() else {}
    other.write_text(json.dumps(held | {"compressor": None, "filters": None}))
    with pytest.raises(UnsafeError, match="pickled"):
        open_cube(path)


def test_a_chunk_that_swells_is_refused_whatever_the_attributes_say(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", 2)
    place = path / "rain" / ".zarray"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"compressor": {"id": "zlib", "level": 1}}))
    (path / "rain" / "2.0.0").write_bytes(zlib.compress(bytes(2**27), 1))
    other = path / "rain" / ".zattrs"
    other.write_text(json.dumps(json.loads(other.read_text()) | {"compressor": None}))
    with pytest.raises(InputError, match=r"damaged or hostile, rain/2.0.0 is larger"):
        open_cube(path)[2].compute()


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
