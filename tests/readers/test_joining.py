from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers import open_cube


def frame(path: Path, minute: int, **changes) -> Path:
    values = np.full((1, 3, 4), minute, changes.get("dtype", "f4"))
    x = 1000.0 * np.arange(4) + changes.get("shift", 0.0)
    xr.Dataset(
        {
            changes.get("name", "rain"): (
                ("time", "y", "x"),
                values,
                {"units": changes.get("units", "mm"), **changes.get("attrs", {})},
            )
        },
        coords={
            "time": ("time", [minute], {"units": "minutes since 2020-01-01"}),
            "y": ("y", 1000.0 * np.arange(3)),
            "x": ("x", x, {"units": "m"}),
            "height": ((), changes.get("height", 1.0)),
        },
        attrs={"made_by": "us", "minute": minute},
    ).to_netcdf(path)
    return path


def test_melbourne(melbourne: list[Path]) -> None:
    cube = open_cube(melbourne[::-1])
    assert cube.shape == (61, 1, 512, 512)
    assert cube.chunks[0] == (1,) * 61
    assert (
        cube["time"].values[[0, -1]].tolist()
        == np.array(["2018-06-16T10:00", "2018-06-16T16:00"], "datetime64[ns]").tolist()
    )
    assert (cube["time"].values - cube["start_time"].values == np.timedelta64(6, "m")).all()
    assert cube.attrs["source_dims"] == "time=valid_time y=y x=x"
    assert cube.attrs["grid_mapping"] == "proj"
    assert cube["proj"].attrs["grid_mapping_name"] == "albers_conical_equal_area"
    assert cube.encoding["scale_factor"] == 0.05
    assert cube.encoding["dtype"] == "int16"
    assert cube.dtype == "float32"
    with xr.open_dataset(melbourne[30]) as raw:
        np.testing.assert_allclose(cube.values[30, 0], raw["precipitation"].values, rtol=1e-6)


def test_files_are_ordered_by_time_and_keep_what_all_agree_on(tmp_path: Path) -> None:
    cube = open_cube(
        [frame(tmp_path / "a.nc", 10, height=2.0), frame(tmp_path / "b.nc", 0), frame(tmp_path / "c.nc", 5)]
    )
    assert cube.values[:, 0, 0, 0].tolist() == [0, 5, 10]
    assert cube.attrs["dataset:made_by"] == "us"
    assert "dataset:minute" not in cube.attrs
    assert cube["height"].values.tolist() == [1.0, 1.0, 2.0]
    assert cube.encoding["source"].endswith("a.nc")


def test_interleaved_files_are_ordered_by_each_time(tmp_path: Path) -> None:
    for name, minutes in (("a", [0, 10]), ("b", [5, 15])):
        xr.Dataset(
            {"v": (("time", "y", "x"), np.array(minutes, "f4")[:, None, None] * np.ones((2, 3, 4), "f4"))},
            coords={"time": ("time", minutes, {"units": "minutes since 2020-01-01"})},
        ).to_netcdf(tmp_path / f"{name}.nc")
    assert open_cube(tmp_path).values[:, 0, 0, 0].tolist() == [0, 5, 10, 15]


def test_jitter_of_coordinates_is_forgiven_up_to_the_tolerance(tmp_path: Path) -> None:
    first = frame(tmp_path / "a.nc", 0)
    cube = open_cube([first, frame(tmp_path / "b.nc", 5, shift=0.9)])
    assert cube["x"].values.tolist() == [0.0, 1000.0, 2000.0, 3000.0]
    with pytest.raises(InputError) as refusal:
        open_cube([first, frame(tmp_path / "c.nc", 5, shift=1.1)])
    for words in ("a.nc", "c.nc", "'x'", "up to 1.1 m apart"):
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("minute", "changes", "words"),
    [
        (0, {}, "is also in"),
        (5, {"units": "cm"}, "other units"),
        (5, {"name": "snow"}, "another variable"),
    ],
)
def test_files_that_do_not_fit_are_refused_naming_both(minute: int, changes: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        open_cube([frame(tmp_path / "a.nc", 0), frame(tmp_path / "b.nc", minute, **changes)])
    for told in ("a.nc", "b.nc", words):
        assert told in str(refusal.value)


def test_different_packing_is_dropped(tmp_path: Path) -> None:
    paths = [
        frame(tmp_path / f"{minute}.nc", minute, dtype="i2", attrs={"scale_factor": scale})
        for minute, scale in ((2, 0.5), (4, 0.25))
    ]
    cube = open_cube(paths)
    assert cube.values[:, 0, 0, 0].tolist() == [1.0, 1.0]
    assert set(cube.encoding) == {"source"}
    assert open_cube(paths[0]).encoding["scale_factor"] == 0.5
