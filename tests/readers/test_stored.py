"""The stored numbers behind a cube: known for a plain variable of one store, and forgotten with anything done to it."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.readers import stored as module
from nowcast.readers.stored import Stored, stored

Maker = Callable[..., xr.DataArray]


@pytest.fixture
def codes() -> np.ndarray:
    return np.arange(6 * 9 * 11).reshape(6, 9, 11).astype("int16")


@pytest.fixture
def dataset(cube_maker: Maker, codes: np.ndarray) -> xr.Dataset:
    cube = cube_maker((6, 1, 9, 11))[:, 0].drop_vars("crs").copy(data=codes)
    cube.attrs = {"units": "mm h-1", "scale_factor": 0.1, "_FillValue": np.int16(7)}
    return cube.to_dataset(name="rain_rate")


def written(dataset: xr.Dataset, folder: Path, kind: str, dims: tuple[str, ...]) -> xr.DataArray:
    dataset = dataset.transpose(*dims)
    sizes = dict(zip(("time", "y", "x"), (4, 5, 6), strict=True))
    chunks = tuple(sizes[dim] for dim in dims)
    if kind == "zarr":
        path = folder / "a.zarr"
        dataset.to_zarr(path, consolidated=False, encoding={"rain_rate": {"chunks": chunks}})
    else:
        path = folder / "a.nc"
        engine, told = ("scipy", {}) if kind == "classic" else ("netcdf4", {"rain_rate": {"chunksizes": chunks}})
        dataset.to_netcdf(path, engine=engine, encoding=told)
    return nowcast.open_cube(path)


@pytest.mark.parametrize("kind", ["zarr", "netcdf", "classic"])
@pytest.mark.parametrize("dims", [("time", "y", "x"), ("y", "x", "time")], ids=str)
def test_any_region_as_it_is_stored(
    dataset: xr.Dataset, codes: np.ndarray, tmp_path: Path, kind: str, dims: tuple[str, ...]
) -> None:
    cube = written(dataset, tmp_path, kind, dims)
    found = stored(cube)
    assert found is not None
    assert found.dtype.newbyteorder("=") == np.dtype("int16")
    assert found.sizes == {"time": 6, "channel": 1, "y": 9, "x": 11}
    region = slice(1, 5), slice(2, 9), slice(0, 11)
    numbers = found.read(*region)
    np.testing.assert_array_equal(numbers, codes[region][:, None])
    given = np.zeros((4, 1, 7, 11), "int16")
    assert found.read(*region, given) is given
    np.testing.assert_array_equal(given, numbers)
    assert found.decode is not None
    np.testing.assert_array_equal(found.decode(numbers), cube.values[1:5, :, 2:9])
    if kind == "classic":
        assert found.chunk_edges("time").tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert found.chunk_edges("y").tolist() == [0, 9]
    else:
        assert found.chunk_edges("time").tolist() == [0, 4, 6]
        assert found.chunk_edges("y").tolist() == [0, 5, 9]
    assert found.chunk_edges("channel").tolist() == [0, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda cube: cube + 0,
        lambda cube: cube.isel(time=slice(0, 6)).isel(y=slice(None, None, -1)),
        lambda cube: cube.chunk(time=2),
        lambda cube: cube.compute(),
        lambda cube: cube.astype("float64"),
        lambda cube: cube.transpose("time", "channel", "x", "y"),
        lambda cube: cube[:, :, :, :5],
    ],
    ids=["arithmetic", "reversed", "chunks", "computed", "type", "transposed", "cropped"],
)
def test_what_was_done_to_a_cube_is_never_lost(
    dataset: xr.Dataset, tmp_path: Path, change: Callable[[xr.DataArray], xr.DataArray]
) -> None:
    assert stored(change(written(dataset, tmp_path, "zarr", ("time", "y", "x")))) is None


def test_labels_may_change(dataset: xr.Dataset, tmp_path: Path) -> None:
    cube = written(dataset, tmp_path, "zarr", ("time", "y", "x"))
    assert stored(cube.assign_attrs(note="mine").rename("other").assign_coords(member=3)) is stored(cube)


@pytest.mark.parametrize("options", [{"crop": "0:4,0:4"}, {"missing_value": 3.0}, {"size": "5x5"}])
def test_options_that_change_values_are_not_lost(
    dataset: xr.Dataset, tmp_path: Path, options: dict[str, object]
) -> None:
    written(dataset, tmp_path, "zarr", ("time", "y", "x"))
    assert stored(nowcast.open_cube(tmp_path / "a.zarr", **options)) is None


def test_files_that_are_joined_are_more_than_a_variable(dataset: xr.Dataset, tmp_path: Path) -> None:
    written(dataset.isel(time=slice(0, 3)), tmp_path, "classic", ("time", "y", "x"))
    (tmp_path / "a.nc").rename(tmp_path / "b.nc")
    written(dataset.isel(time=slice(3, 6)), tmp_path, "classic", ("time", "y", "x"))
    assert stored(nowcast.open_cube([tmp_path / "a.nc", tmp_path / "b.nc"])) is None


def test_it_is_forgotten_with_the_cube(dataset: xr.Dataset, tmp_path: Path) -> None:
    cube = written(dataset, tmp_path, "zarr", ("time", "y", "x"))
    name = cube.data.name
    assert name in module._known
    del cube
    gc.collect()
    assert name not in module._known


def test_it_can_be_sent_to_another_process(dataset: xr.Dataset, codes: np.ndarray, tmp_path: Path) -> None:
    found = stored(written(dataset, tmp_path, "zarr", ("time", "y", "x")))
    there: Stored = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(there.read(slice(0, 6), slice(0, 9), slice(0, 11))[:, 0], codes)


@pytest.mark.parametrize("kind", ["zarr", "classic"])
def test_absent_frames_are_what_stands_for_missing(
    dataset: xr.Dataset, codes: np.ndarray, tmp_path: Path, kind: str
) -> None:
    cube = written(dataset, tmp_path, kind, ("time", "y", "x"))
    found = stored(cube)
    frames = np.array([0, 1, -1, -1, 2, 3, 4, -1, 5])
    spread = found.with_absent(frames)
    assert spread is not None
    assert spread.sizes["time"] == 9
    values = spread.decode(spread.read(slice(0, 9), slice(0, 9), slice(0, 11)))
    np.testing.assert_array_equal(values[frames >= 0], cube.values)
    assert np.isnan(values[frames < 0]).all()
    part = spread.decode(spread.read(slice(2, 6), slice(1, 4), slice(3, 5)))
    np.testing.assert_array_equal(part, values[2:6, :, 1:4, 3:5])
    if kind == "zarr":
        assert spread.chunk_edges("time").tolist() == [0, 6, 9], "chunks hold frames 0-3 and 4-5"
    assert spread.with_absent(frames) is None


def test_numbers_of_which_none_is_missing_have_no_absent_frames(dataset: xr.Dataset, tmp_path: Path) -> None:
    del dataset["rain_rate"].attrs["_FillValue"]
    cube = written(dataset, tmp_path, "zarr", ("time", "y", "x"))
    assert stored(cube).with_absent(np.array([0, -1, 1, 2, 3, 4, 5])) is None
