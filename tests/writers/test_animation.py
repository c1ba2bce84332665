from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from nowcast import products
from nowcast.errors import InputError, MachineError, NowcastWarning
from nowcast.readers import open_cube
from nowcast.readers.counting import counted
from nowcast.writers import animation, holds_products, require_writable, write_cube, write_dataset

pytest.importorskip("av")

CubeMaker = Callable[..., xr.DataArray]
LOSSLESS = ["a.mkv", "a.avi"]


def clip(frames: int = 9, rows: int = 21, columns: int = 34, *, fps: float = 25, colours: bool = False) -> xr.DataArray:
    """A video as its reader gives it: any level, odd sizes, times counted from the first frame."""
    channels = 3 if colours else 1
    values = np.random.default_rng(3).integers(0, 256, (frames, channels, rows, columns)).astype("uint8")
    cube = xr.DataArray(
        values,
        dims=("time", "channel", "y", "x"),
        coords={"time": counted(frames, 1 / fps), "y": np.arange(rows), "x": np.arange(columns)},
        name="colour" if colours else "grey",
        attrs={"units": "1", "source_dims": "time=time y=y x=x"},
    )
    return cube.assign_coords(channel=["red", "green", "blue"]) if colours else cube


def frames_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")))
    return np.stack(found)


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("fps", [25, 30000 / 1001])
@pytest.mark.parametrize("colours", [False, True])
def test_video_comes_back_bit_for_bit(name: str, fps: float, colours: bool, tmp_path: Path) -> None:
    cube = clip(fps=fps, colours=colours)
    steps: list[tuple[int, int]] = []
    assert write_cube(cube, tmp_path / name, progress=lambda *step: steps.append(step)) == tmp_path / name
    again = open_cube(tmp_path / name, rgb=colours)
    np.testing.assert_array_equal(again.values, cube.values)
    np.testing.assert_array_equal(again["time"].values, cube["time"].values)
    assert steps == [(number, 9) for number in range(1, 10)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", LOSSLESS)
def test_sixteen_bits_of_grey_come_back(name: str, tmp_path: Path) -> None:
    cube = clip().astype("uint16") * 257 + np.uint16(1)
    cube = cube.assign_attrs(units="1").rename("grey")
    write_cube(cube, tmp_path / name)
    np.testing.assert_array_equal(open_cube(tmp_path / name).values, cube.values)


def test_a_real_clip_comes_back(shared_data: Path, tmp_path: Path) -> None:
    cube = open_cube(shared_data / "video" / "kth" / "person15_running_d1_uncomp.avi").isel(time=slice(0, 40))
    write_cube(cube, tmp_path / "a.avi")
    xr.testing.assert_identical(open_cube(tmp_path / "a.avi").drop_attrs(), cube.drop_attrs())


def test_mp4_looks_alike_and_says_that_it_is_not_the_same(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(21), 3 * np.arange(34)).astype("uint8")
    cube = clip().copy(data=np.broadcast_to(ramp, (9, 1, 21, 34)))
    with pytest.warns(NowcastWarning, match="not its exact values"):
        write_cube(cube, tmp_path / "a.mp4")
    again = open_cube(tmp_path / "a.mp4")
    assert again.shape == (9, 1, 22, 34), "an even number of rows and columns"
    assert np.abs(again.values[:, :, :21].astype(int) - cube.values).max() <= 12
    np.testing.assert_array_equal(again["time"].values, cube["time"].values)


def test_a_gif_of_grey_keeps_levels_and_pace_and_is_large_enough(tmp_path: Path) -> None:
    cube = clip()
    write_cube(cube, tmp_path / "a.gif")
    frames = frames_of(tmp_path / "a.gif")
    assert frames.shape == (9, 21 * 8, 34 * 8, 3)
    for colour in range(3):
        np.testing.assert_array_equal(frames[:, ::8, ::8, colour], cube.values[:, 0])
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["duration"] == 40


def test_frames_alike_last_as_long_as_they_should(tmp_path: Path) -> None:
    cube = clip(fps=10)
    write_cube(cube.copy(data=np.zeros_like(cube.values)), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        image.load()
        assert image.info["duration"] == 900


def test_a_field_is_drawn_over_one_range_with_its_time(cube: xr.DataArray, tmp_path: Path) -> None:
    values = cube.values.copy()
    values[:, 0, 0, 0] = np.nan
    values[2:4] = values[2]
    write_cube(cube.copy(data=values), tmp_path / "a.gif")
    frames = frames_of(tmp_path / "a.gif")
    assert frames.shape == (12, 8 * 26 + 40, 10 * 26, 3)
    assert (frames[:, 5, 5] == 255).all(), "missing is white"
    fields = frames[:, : 8 * 26].astype(int)
    np.testing.assert_array_equal(fields[2], fields[3])
    assert (frames[2] != frames[3]).any(), "the time is not the same"
    green = fields[:, 100, 100, 1]
    assert (np.diff(green)[[0, 1, 3, 4, 5, 6, 7, 8]] > 0).all(), "brighter with the value, over one range"
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["duration"] == 200


def test_north_is_up(cube: xr.DataArray, tmp_path: Path) -> None:
    write_cube(cube, tmp_path / "a.gif")
    turned = cube.isel(y=slice(None, None, -1), x=slice(None, None, -1))
    write_cube(turned, tmp_path / "b.gif")
    np.testing.assert_array_equal(frames_of(tmp_path / "a.gif"), frames_of(tmp_path / "b.gif"))


@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "a.mkv"])
def test_forecasts_follow_one_another(name: str, cube: xr.DataArray, forecast_maker: CubeMaker, tmp_path: Path) -> None:
    forecast = forecast_maker(cube, references=2, leads=3)
    write_cube(forecast.chunk({"forecast_reference_time": 1}), tmp_path / name)
    if name == "a.gif":
        frames = frames_of(tmp_path / name)[:, : 8 * 26, :, 1].astype(int)
    else:
        frames = open_cube(tmp_path / name).values[:, 0, : 8 * 26].astype(int)
    assert frames.shape == (6, 8 * 26, 10 * 26)
    assert (np.diff(frames.mean(axis=(1, 2))) > 0).all()


def test_of_very_many_forecasts_some_are_shown(
    cube_maker: CubeMaker, forecast_maker: CubeMaker, tmp_path: Path
) -> None:
    forecast = forecast_maker(cube_maker((60, 1, 8, 10)), references=50, leads=2)
    with pytest.warns(NowcastWarning, match="24 of its 50 forecasts"):
        write_cube(forecast, tmp_path / "a.gif")
    assert len(frames_of(tmp_path / "a.gif")) == 48


def test_of_members_the_first_is_shown(cube: xr.DataArray, forecast_maker: CubeMaker, tmp_path: Path) -> None:
    with pytest.warns(NowcastWarning, match="the first of 2 members"):
        write_cube(forecast_maker(cube, realizations=2), tmp_path / "a.gif")
    assert len(frames_of(tmp_path / "a.gif")) == 3


def test_a_forecast_of_a_video_is_a_video(forecast_maker: CubeMaker, tmp_path: Path) -> None:
    forecast = forecast_maker(clip(), leads=4).assign_attrs(units="1") / np.float32(12)
    forecast = forecast.assign_attrs(units="1").rename("grey")
    with pytest.warns(NowcastWarning, match="rounded to grey levels"):
        write_cube(forecast, tmp_path / "a.mkv")
    again = open_cube(tmp_path / "a.mkv")
    np.testing.assert_array_equal(again.values[:, 0], np.clip(np.round(forecast.values[0, :, 0]), 0, 255))
    np.testing.assert_array_equal(again["time"].values, clip(4)["time"].values)


def test_several_channels_are_to_be_chosen_from(cube_maker: CubeMaker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several channels"):
        write_cube(cube_maker((2, 3, 4, 5)), tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.gif", "a.mkv"])
def test_what_cannot_be_read_again_does_not_replace(
    name: str, cube: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(b"what was there")
    monkeypatch.setattr(animation, "_counted", lambda pictures, total, progress: list(pictures)[:-1].__iter__())
    with pytest.raises(MachineError, match="could not be read again"):
        write_cube(cube, path)
    assert path.read_bytes() == b"what was there"


def test_other_frames_than_those_written_are_noticed(tmp_path: Path) -> None:
    write_cube(clip(), tmp_path / "a.mkv")
    with pytest.raises(MachineError, match="could not be read again"):
        animation._check_video(tmp_path / "a.mkv", 9, "gray", checksum=1)


def test_places_are_asked_for_before_the_work(tmp_path: Path) -> None:
    for suffix in animation.SUFFIXES:
        assert require_writable(tmp_path / f"a{suffix}").suffix == suffix
    (tmp_path / "b.gif").mkdir()
    with pytest.raises(InputError, match="in the way"):
        require_writable(tmp_path / "b.gif")
    with pytest.raises(InputError, match="only frames"):
        write_dataset(xr.Dataset({"csi": 1.0}), tmp_path / "a.gif")


@pytest.mark.parametrize("name", ["a.gif", "a.ome.tif", "a.ome.zarr"])
def test_of_a_probabilistic_forecast_the_matched_field_is_shown(
    name: str, cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], tmp_path: Path
) -> None:
    forecast = products_maker(cube)
    (tmp_path / "alone").mkdir()
    shown = write_cube(forecast, tmp_path / name)
    alone = write_cube(products.matched(forecast), tmp_path / "alone" / name)
    if name == "a.gif":
        np.testing.assert_array_equal(frames_of(shown), frames_of(alone))
    else:
        np.testing.assert_array_equal(open_cube(shown).values, open_cube(alone).values)
    assert not holds_products(shown)
    assert holds_products(tmp_path / "a.zarr")
