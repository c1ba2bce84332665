"""Seals: of files behind their end, of zarr stores in an attribute; they fall off where another program writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr

import nowcast
from nowcast.errors import InputError
from nowcast.sealing import STORE_ATTRIBUTE, check_file, check_store, seal_file, store_checksums

CONTENT = bytes(range(256)) * 20


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    seal_file(path, guarded=[(3000, 3100), (1000, 2000), (2000, 2500)])
    return path


def test_a_sealed_file_keeps_its_bytes_and_passes(sealed: Path) -> None:
    assert sealed.read_bytes().startswith(CONTENT + bytes(4096))
    check_file(sealed)


@pytest.mark.parametrize("place", [0, 999, 2500, 3100, len(CONTENT) - 1])
def test_any_bit_outside_of_what_is_guarded_counts(place: int, sealed: Path) -> None:
    data = bytearray(sealed.read_bytes())
    data[place] ^= 1
    sealed.write_bytes(data)
    with pytest.raises(InputError, match=r"file.bin: damaged"):
        check_file(sealed)


@pytest.mark.parametrize("place", [1000, 2499, 3000, 3099])
def test_what_is_guarded_elsewhere_is_not_read(place: int, sealed: Path) -> None:
    data = bytearray(sealed.read_bytes())
    data[place] ^= 1
    sealed.write_bytes(data)
    check_file(sealed)


def test_a_damaged_seal_is_damage(sealed: Path) -> None:
    whole = sealed.read_bytes()
    start = whole.index(b'{"length"')
    for place in range(start, len(whole) - len(b"nowcast seal 1\r\n"), 3):
        data = bytearray(whole)
        data[place] ^= 1
        sealed.write_bytes(data)
        with pytest.raises(InputError, match="damaged"):
            check_file(sealed)


@pytest.mark.parametrize("size", [0, 5, len(CONTENT), len(CONTENT) + 5000])
def test_without_a_seal_nothing_is_said(size: int, sealed: Path) -> None:
    sealed.write_bytes(sealed.read_bytes()[: size - 1 if size else 0])
    check_file(sealed)


@pytest.mark.parametrize("guarded", [[[-5, 3]], [[0, 10**12]], [["a", "b"]], [[1]], 7, None])
def test_a_seal_that_lies_is_damage(guarded: object, sealed: Path) -> None:
    whole = sealed.read_bytes()
    start = whole.index(b'{"length"')
    seal = json.loads(whole[start : -len(b"nowcast seal 1\r\n") - 8]) | {"guarded": guarded}
    text = json.dumps(seal).encode()
    sealed.write_bytes(whole[:start] + text + len(text).to_bytes(8, "big") + b"nowcast seal 1\r\n")
    with pytest.raises(InputError, match="damaged"):
        check_file(sealed)


def test_a_netcdf_file_is_refused_for_damage_that_hdf5_does_not_see(cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.nc")
    nowcast.open_cube(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"TREE") + 16] ^= 1  # in the table of chunks, which has no checksum
    path.write_bytes(data)
    with netCDF4.Dataset(path) as file:
        np.testing.assert_array_equal(file["rain_rate"][:], cube.values[:, 0])
    with pytest.raises(InputError, match=r"a\.nc: damaged"):
        nowcast.open_cube(path)


def test_a_netcdf_file_that_another_program_changes_loses_its_seal(cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as file:
        file.comment = "changed"
        file["rain_rate"][0] = 7
    assert float(nowcast.open_cube(path)[0].max()) == 7


def _with_metadata(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_store_vouches_for_all_its_metadata(cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.zarr")
    names = {str(each.relative_to(path)) for each in path.rglob("zarr.json")}
    assert set(store_checksums(path)) == names
    assert len(names) == 6
    assert not any(STORE_ATTRIBUTE in key for key in nowcast.open_cube(path).attrs)


@pytest.mark.parametrize("place", ["zarr.json", "crs/zarr.json", "rain_rate/zarr.json", "x/zarr.json"])
def test_a_store_with_changed_metadata_is_refused(place: str, cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.zarr")
    _with_metadata(path / place, lambda content: content["attributes"].update(units="km"))
    with pytest.raises(InputError, match=rf"(?s)a\.zarr: damaged or changed.* {place}.*delete {STORE_ATTRIBUTE}"):
        nowcast.open_cube(path)


def test_a_store_without_an_array_is_refused(cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.zarr")
    (path / "x" / "zarr.json").unlink()
    with pytest.raises(InputError, match=r"x/zarr.json is missing"):
        nowcast.open_cube(path)


def test_who_changed_a_store_can_say_so(cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.zarr")
    _with_metadata(path / "rain_rate" / "zarr.json", lambda content: content["attributes"].update(units="mm"))
    _with_metadata(path / "zarr.json", lambda content: content["attributes"].pop(STORE_ATTRIBUTE))
    assert nowcast.open_cube(path).attrs["units"] == "mm"


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("version", [2, 3])
def test_a_store_that_xarray_made_of_ours_is_no_damaged_one(version: int, cube: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(cube, tmp_path / "a.zarr")
    with xr.open_dataset(path, engine="zarr", consolidated=False) as dataset:
        part = dataset.isel(time=slice(3, 7)).load()
        for variable in part.variables.values():
            variable.encoding = {}
    part.to_zarr(tmp_path / "b.zarr", zarr_format=version, consolidated=True)
    assert STORE_ATTRIBUTE in zarr.open_group(tmp_path / "b.zarr", mode="r").attrs
    assert nowcast.open_cube(tmp_path / "b.zarr").sizes["time"] == 4


@pytest.mark.parametrize("content", [None, [], {}, {"attributes": None}, {"attributes": {}}])
def test_a_store_without_checksums_is_not_judged(content: object, tmp_path: Path) -> None:
    check_store(tmp_path, content)
