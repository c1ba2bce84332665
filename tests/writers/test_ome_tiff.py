from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr

from nowcast.cube import time_step, upright
from nowcast.errors import InputError
from nowcast.readers import open_cube
from nowcast.writers import require_writable, write_cube, write_dataset


@pytest.fixture
def cells(cube_maker: Callable[..., xr.DataArray]) -> xr.DataArray:
    """Two channels, pixels of 0.35 and 0.25 um, some missing, a step of 59.86 s."""
    cube = cube_maker((6, 2, 8, 10), start="2026-05-01T12:00", step="59860ms", units="1", name="intensity")
    sides = {"y": 0.35 * np.arange(8), "x": 0.25 * np.arange(10)}
    cube = cube.drop_vars("crs").assign_coords({axis: (axis, side, {"units": "um"}) for axis, side in sides.items()})
    cube = cube.assign_coords(channel=["DAPI", "GFP <µ&>"])
    cube.attrs = {"units": "1", "long_name": "intensity", "nowcast_model": "convlstm"}
    return cube.where(cube != 1034)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.tiff", "a.tif", "a.tiff"])
@pytest.mark.parametrize("lazy", [False, True])
def test_it_comes_back_as_it_was(cells: xr.DataArray, name: str, lazy: bool, tmp_path: Path) -> None:
    path = write_cube(cells.chunk(time=4) if lazy else cells, tmp_path / name)
    again = open_cube(path)
    np.testing.assert_array_equal(again.values, cells.values)
    for axis in ("time", "channel", "y", "x"):
        np.testing.assert_array_equal(again[axis].values, cells[axis].values)
    assert (again.name, again.attrs["units"], again.attrs["nowcast_model"]) == ("intensity", "1", "convlstm")
    assert again["y"].attrs["units"] == "um"
    assert "counted_from" not in again["time"].attrs


def test_others_read_it(cells: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cells, tmp_path / "a.ome.tif")
    with tifffile.TiffFile(path) as file:
        (series,) = file.series
        assert (series.kind, series.axes, series.shape) == ("ome", "TCYX", (6, 2, 8, 10))
        np.testing.assert_array_equal(series.asarray(), cells.values)
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        xml = file.ome_metadata
    for told in (
        'TimeIncrement="59.86" TimeIncrementUnit="s"',
        'PhysicalSizeY="0.35" PhysicalSizeYUnit="µm"',
        'PhysicalSizeX="0.25" PhysicalSizeXUnit="µm"',
        "<AcquisitionDate>2026-05-01T12:00:00</AcquisitionDate>",
        'Type="float"',
        "nowcast_model: convlstm",
        'Name="GFP &lt;µ&amp;&gt;"',
    ):
        assert told in xml


def test_integers_stay_integers(cube_maker: Callable[..., xr.DataArray], tmp_path: Path) -> None:
    cube = cube_maker((3, 1, 8, 10))
    cube.encoding = {"dtype": "uint16"}
    assert open_cube(write_cube(cube, tmp_path / "a.tif")).dtype == np.uint16
    assert open_cube(write_cube(cube.astype("uint8"), tmp_path / "b.tif")).dtype == np.uint8
    broken = cube.where(cube > 5)
    broken.encoding = cube.encoding
    again = open_cube(write_cube(broken, tmp_path / "c.tif"))
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again.values, broken.values)


@pytest.mark.parametrize(("references", "realizations"), [(1, 0), (2, 0), (1, 2)])
def test_forecasts_are_stacks(
    cube: xr.DataArray,
    forecast_maker: Callable[..., xr.DataArray],
    references: int,
    realizations: int,
    tmp_path: Path,
) -> None:
    forecast = forecast_maker(cube, references=references, leads=4, realizations=realizations)
    again = open_cube(write_cube(forecast, tmp_path / "a.ome.tif"))
    members = forecast.values if not realizations else forecast.values.swapaxes(1, 2)
    np.testing.assert_array_equal(again.values, members.reshape(-1, 1, 8, 10))
    assert time_step(again) == 300
    valid = (forecast["forecast_reference_time"] + forecast["lead_time"]).values
    expected = np.repeat(valid, max(1, realizations), axis=0).ravel()
    np.testing.assert_array_equal(again["time"].values, expected)
    assert len(np.unique(again["sequence"].values if "sequence" in again.coords else [0])) == references * max(
        1, realizations
    )
    assert again.attrs["nowcast_inputs"] == "a.nc"
    assert float(again["x"][1]) == 1000
    assert again["x"].attrs["units"] == "m"


def test_clips_and_uneven_times(cube: xr.DataArray, tmp_path: Path) -> None:
    clips = cube.isel(time=[0, 1, 3, 4, 5, 6]).assign_coords(sequence=("time", list("aaabbb")))
    again = open_cube(write_cube(clips, tmp_path / "a.ome.tif"))
    np.testing.assert_array_equal(again["time"].values, clips["time"].values)
    assert again["sequence"].values.tolist() == list("aaabbb")
    np.testing.assert_array_equal(again.values, clips.values)


def test_times_that_only_count(cube: xr.DataArray, tmp_path: Path) -> None:
    clock = cube["time"].copy(data=cube["time"].values - cube["time"].values[0] + np.datetime64(0, "ns"))
    counted = cube.assign_coords(time=clock.assign_attrs(counted_from="first frame"))
    again = open_cube(write_cube(counted, tmp_path / "a.tif"))
    assert again["time"].attrs["counted_from"] == "first frame"
    np.testing.assert_array_equal(again["time"].values, counted["time"].values)


def test_damage_is_detected(cells: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cells, tmp_path / "a.tif")
    whole = path.read_bytes()
    for place in [*range(0, len(whole) - 5000, 97), *range(len(whole) - 150, len(whole) - 40, 31)]:
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(InputError):
            open_cube(path).compute()


def test_progress_and_place(cells: xr.DataArray, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = write_cube(cells, tmp_path / "a.tif", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 12) for number in range(1, 13)]
    np.testing.assert_array_equal(open_cube(write_cube(open_cube(path), path)).values, cells.values)
    (tmp_path / "b.tif").mkdir()
    with pytest.raises(InputError, match="in the way"):
        require_writable(tmp_path / "b.tif")
    with pytest.raises(InputError, match="no way to write") as caught:
        require_writable(tmp_path / "a.png")
    assert ".ome.tif" in str(caught.value)
    with pytest.raises(InputError, match="only frames"):
        write_dataset(xr.Dataset({"a": 1}), tmp_path / "c.tif")
    with pytest.raises(InputError):
        write_cube(cells.isel(channel=0), tmp_path / "a.tif")


def test_a_map_is_upright_in_it_and_out_of_it(cube: xr.DataArray, tmp_path: Path) -> None:
    rows = upright(cube)[0]
    again = open_cube(write_cube(cube, tmp_path / "a.ome.tif"))
    assert again["y"].attrs["units"] == "m"
    np.testing.assert_array_equal(again.values[:, :, upright(again)[0]], cube.values[:, :, rows])
