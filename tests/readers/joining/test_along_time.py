from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from nowcast.cube import gaps
from nowcast.errors import InputError, NowcastWarning
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
    with pytest.warns(NowcastWarning, match=r"1 of 2 files begin before another ends, such as .*b\.nc before .*a\.nc"):
        cube = open_cube(tmp_path)
    assert cube.values[:, 0, 0, 0].tolist() == [0, 5, 10, 15]


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


def test_times_in_two_files_are_counted(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for minute in (0, 5, 10 if folder == "one" else 15):
            frame(tmp_path / folder / f"{minute}.nc", minute)
    with pytest.raises(InputError) as refusal:
        open_cube([tmp_path / "one", tmp_path / "two"])
    told = str(refusal.value)
    assert "two/0.nc: time 2020-01-01T00:00:00 is also in" in told
    assert "one/0.nc" in told
    assert "2 time(s) in two files" in told


def test_gaps_are_kept(tmp_path: Path) -> None:
    cube = open_cube([frame(tmp_path / f"{minute}.nc", minute) for minute in (0, 5, 10, 25)])
    assert [gap.seconds for gap in gaps(cube)] == [900.0]


def test_kinds_of_files_are_listed_with_what_differs_and_how_to_choose(tmp_path: Path) -> None:
    for minute in range(3):
        frame(tmp_path / f"rain{minute}.nc", minute)
    for minute in range(2):
        frame(tmp_path / f"wind{minute}.nc", minute, name="wind", units="m s-1")
    with pytest.raises(InputError) as refusal:
        open_cube(tmp_path)
    told = str(refusal.value)
    assert "these 5 files are of 2 kinds, not one: variable, units differ" in told
    assert f"3 file(s) as {tmp_path}/rain0.nc: rain (mm), 1 x 3 x 4 (channel, y, x)" in told
    assert f"2 file(s) as {tmp_path}/wind0.nc: wind (m s-1), 1 x 3 x 4 (channel, y, x)" in told
    assert f"those of one kind: '{tmp_path}/rain*.nc'; or --variable rain, if all hold it" in told
    assert open_cube(f"{tmp_path}/rain*.nc").sizes["time"] == 3


def test_grids_that_differ_are_told_by_their_extent(tmp_path: Path) -> None:
    paths = [frame(tmp_path / f"{minute}.nc", minute, shift=5000.0 * (minute == 2)) for minute in range(3)]
    with pytest.raises(InputError) as refusal:
        open_cube(paths)
    assert "2 kinds, not one: extent differ" in str(refusal.value)
    assert "y 0 to 2000, x 5000 to 8000" in str(refusal.value)


def picture(path: Path, grey: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((5, 6), grey, "uint8")).save(path)
    return path


def test_single_frames_are_a_series_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (0, 2, 10, 1):
        picture(tmp_path / f"cells_t{number}.png", number)
    with pytest.raises(InputError) as refusal:
        open_cube(tmp_path)
    for words in ("nothing says when", "cells_t0.png … cells_t10.png", "--time-step 30s"):
        assert words in str(refusal.value)
    cube = open_cube(tmp_path, time_step="30s")
    assert cube.values[:, 0, 0, 0].tolist() == [0, 1, 2, 10]
    assert (np.diff(cube["time"].values) / np.timedelta64(1, "s")).tolist() == [30.0, 30.0, 240.0]
    assert cube["time"].attrs["counted_from"] == "first frame"
    assert "sequence" not in cube.coords
    later = open_cube(tmp_path, time_step="30s", start_time="2026-05-01T12:00")
    assert later["time"].values[-1] == np.datetime64("2026-05-01T12:05", "ns")
    assert "counted_from" not in later["time"].attrs


def test_numbers_that_repeat_make_no_series(tmp_path: Path) -> None:
    for channel in "ab":
        for number in range(2):
            picture(tmp_path / f"{channel}_t{number}.png", number)
    with pytest.raises(InputError, match=r"a_t0\.png and .*b_t0\.png: the last number in both names is the same"):
        open_cube(tmp_path, time_step="30s")
    assert open_cube(f"{tmp_path}/a_*.png", time_step="30s").sizes["time"] == 2


def clip(path: Path, first: int, frames: int = 3) -> Path:
    path.parent.mkdir(exist_ok=True)
    values = (first + np.arange(frames, dtype="f4"))[:, None, None] * np.ones((frames, 3, 4), "f4")
    xr.Dataset({"v": (("time", "y", "x"), values)}).to_netcdf(path)
    return path


def test_clips_are_sequences_named_by_their_files(tmp_path: Path) -> None:
    paths = [clip(tmp_path / f"c{number}.nc", 10 * number) for number in (10, 2, 1)]
    cube = open_cube(paths, time_step="1s")
    assert cube["sequence"].values.tolist() == ["c1"] * 3 + ["c2"] * 3 + ["c10"] * 3
    assert cube.values[:, 0, 0, 0].tolist() == [10, 11, 12, 20, 21, 22, 100, 101, 102]
    assert cube["time"].values[:3].tolist() == cube["time"].values[3:6].tolist()
    assert "sequence" not in open_cube(paths[0], time_step="1s").coords


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("a/c.nc", "b/c.nc"), ("a/c", "b/c")),
        (("a/c.nc", "a/c.nc4"), ("a/c.nc", "a/c.nc4")),
    ],
)
def test_clips_of_one_name_are_told_apart(names: tuple[str, str], labels: tuple[str, str], tmp_path: Path) -> None:
    cube = open_cube([clip(tmp_path / name, 0) for name in names], time_step="1s")
    assert sorted(set(cube["sequence"].values)) == sorted(labels)
