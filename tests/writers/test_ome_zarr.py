from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from nowcast.cube import time_step, upright
from nowcast.errors import InputError
from nowcast.readers import open_cube
from nowcast.writers import write_cube, write_dataset


@pytest.fixture
def cells(cube_maker: Callable[..., xr.DataArray]) -> xr.DataArray:
    """Two channels, pixels of 0.35 and 0.25 um from (3, 4) on, some missing, a step of 59.86 s."""
    cube = cube_maker((6, 2, 8, 10), start="2026-05-01T12:00", step="59860ms", units="1", name="intensity")
    sides = {"y": 3 + 0.5 * np.arange(8), "x": 4 + 0.25 * np.arange(10)}
    cube = cube.drop_vars("crs").assign_coords({axis: (axis, side, {"units": "um"}) for axis, side in sides.items()})
    cube = cube.assign_coords(channel=["DAPI", "GFP µ"])
    cube.attrs = {"units": "1", "long_name": "intensity", "nowcast_model": "convlstm"}
    return cube.where(cube != 1034)


def _validated(path: Path) -> None:
    """By the models of OME-Zarr 0.5, and the store as a whole."""
    yaozarrs = pytest.importorskip("yaozarrs")
    for file in [path, *(each for each in path.iterdir() if each.is_dir() and (each / "0").is_dir())]:
        yaozarrs.validate_ome_json((file / "zarr.json").read_text())
    yaozarrs.validate_zarr_store(str(path))


@pytest.mark.parametrize("lazy", [False, True])
def test_it_comes_back_as_it_was(cells: xr.DataArray, lazy: bool, tmp_path: Path) -> None:
    path = write_cube(cells.chunk(time=4, y=3) if lazy else cells, tmp_path / "a.ome.zarr")
    _validated(path)
    again = open_cube(path)
    np.testing.assert_array_equal(again.values, cells.values)
    for axis in ("time", "channel", "y", "x"):
        np.testing.assert_array_equal(again[axis].values, cells[axis].values)
    assert (again.name, again.attrs["units"], again.attrs["nowcast_model"]) == ("intensity", "1", "convlstm")
    assert again["y"].attrs["units"] == "um"
    assert "counted_from" not in again["time"].attrs


def test_what_others_look_for(cells: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cells, tmp_path / "a.ome.zarr")
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]
    ome = attributes["ome"]
    assert ome["version"] == "0.5"
    assert [axis["name"] for axis in ome["multiscales"][0]["axes"]] == ["t", "c", "z", "y", "x"]
    assert [axis.get("unit") for axis in ome["multiscales"][0]["axes"]] == [
        "second",
        None,
        None,
        "micrometer",
        "micrometer",
    ]
    (level,) = ome["multiscales"][0]["datasets"]
    assert level["coordinateTransformations"] == [
        {"type": "scale", "scale": [59.86, 1, 1, 0.5, 0.25]},
        {"type": "translation", "translation": [0, 0, 0, 3, 4]},
    ]
    assert [channel["label"] for channel in ome["omero"]["channels"]] == ["DAPI", "GFP µ"]
    array = zarr.open_array(path / "0", mode="r")
    assert array.shape == (6, 2, 1, 8, 10)
    assert array.metadata.dimension_names == ("t", "c", "z", "y", "x")
    np.testing.assert_array_equal(array[:, :, 0], cells.values)


def test_every_chunk_has_a_checksum_and_is_counted(cells: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cells * np.nan, tmp_path / "a.ome.zarr")
    array = zarr.open_array(path / "0", mode="r")
    assert [type(codec).__name__ for codec in array.compressors] == ["ZstdCodec", "Crc32cCodec"]
    chunks = [file for file in (path / "0" / "c").rglob("*") if file.is_file()]
    assert zarr.open_group(path, mode="r").attrs["nowcast_chunks"] == {"0": len(chunks)}
    content = bytearray(chunks[0].read_bytes())
    content[len(content) // 2] ^= 1
    chunks[0].write_bytes(content)
    with pytest.raises(InputError, match="checksum"):
        open_cube(path).compute()
    chunks[0].unlink()
    with pytest.raises(InputError, match="chunks of variable '0' are missing"):
        open_cube(path)
    assert np.isnan(open_cube(path, missing="nan").values).all()


@pytest.mark.parametrize("place", ["zarr.json", "0/zarr.json"])
def test_metadata_are_sealed(cells: xr.DataArray, place: str, tmp_path: Path) -> None:
    path = write_cube(cells, tmp_path / "a.ome.zarr")
    file = path / place
    text = file.read_text()
    assert "59.86" in text or '"zstd"' in text
    file.write_text(text.replace("59.86", "58.86").replace('"level": 3', '"level": 4'))
    with pytest.raises(InputError, match="damaged or changed"):
        open_cube(path)


@pytest.mark.parametrize(("references", "realizations"), [(1, 0), (2, 0), (1, 2)])
def test_forecasts_are_stacks(
    cube: xr.DataArray,
    forecast_maker: Callable[..., xr.DataArray],
    references: int,
    realizations: int,
    tmp_path: Path,
) -> None:
    forecast = forecast_maker(cube, references=references, leads=4, realizations=realizations)
    path = write_cube(forecast, tmp_path / "a.ome.zarr")
    _validated(path)
    again = open_cube(path)
    members = forecast.values if not realizations else forecast.values.swapaxes(1, 2)
    np.testing.assert_array_equal(again.values, members.reshape(-1, 1, 8, 10))
    assert time_step(again) == 300
    valid = (forecast["forecast_reference_time"] + forecast["lead_time"]).values
    np.testing.assert_array_equal(again["time"].values, np.repeat(valid, max(1, realizations), axis=0).ravel())
    if references * max(1, realizations) > 1:
        assert again["sequence"].values[0].startswith("2026-05-01T00:00:00")
    assert again.attrs["nowcast_model"] == "convlstm"


def test_integers_clips_and_uneven_times(cube: xr.DataArray, tmp_path: Path) -> None:
    clips = cube.isel(time=[0, 1, 3, 4, 5, 6]).assign_coords(sequence=("time", list("aaabbb")))
    clips.encoding = {"dtype": "int32"}
    again = open_cube(write_cube(clips, tmp_path / "a.ome.zarr"))
    assert again.dtype == np.int32
    np.testing.assert_array_equal(again["time"].values, clips["time"].values)
    assert again["sequence"].values.tolist() == list("aaabbb")
    np.testing.assert_array_equal(again.values, clips.values)
    fraction = clips + 0.5
    fraction.encoding = clips.encoding
    again = open_cube(write_cube(fraction, tmp_path / "a.ome.zarr"))
    np.testing.assert_array_equal(again.values, fraction.values)


def test_progress_place_and_what_it_is_not_for(cells: xr.DataArray, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = write_cube(cells.chunk(time=1), tmp_path / "a.ome.zarr", progress=lambda *told: seen.append(told))
    assert seen
    assert seen[-1][0] == seen[-1][1]
    write_cube(open_cube(path), path)
    np.testing.assert_array_equal(open_cube(path).values, cells.values)
    with pytest.raises(InputError, match="only frames"):
        write_dataset(xr.Dataset({"a": 1}), tmp_path / "b.ome.zarr")
    (tmp_path / "c.ome.zarr").mkdir()
    with pytest.raises(InputError, match="in the way"):
        write_cube(cells, tmp_path / "c.ome.zarr")


def test_a_map_is_upright_in_it_and_out_of_it(cube: xr.DataArray, tmp_path: Path) -> None:
    rows = upright(cube)[0]
    again = open_cube(write_cube(cube, tmp_path / "a.ome.zarr"))
    assert again["y"].attrs["units"] == "m"
    np.testing.assert_array_equal(again.values[:, :, upright(again)[0]], cube.values[:, :, rows])
