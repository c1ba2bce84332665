"""What a verb is given: a cube, or the paths of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from nowcast import write_cube
from nowcast.errors import InputError
from nowcast.run import source


def test_a_cube_is_taken_as_it_is(cube: xr.DataArray) -> None:
    assert source.cube_from(cube) is cube


def test_a_path_and_a_list_of_paths(cube: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cube, tmp_path / "cube.nc")
    for given in (path, str(path), [path], [str(path)]):
        xr.testing.assert_equal(source.cube_from(given).compute(), source.cube_from(path).compute())
    halves = [
        write_cube(cube.isel(time=part), tmp_path / f"{i}.nc") for i, part in enumerate((slice(0, 5), slice(5, None)))
    ]
    assert source.cube_from(halves[::-1]).sizes["time"] == 12


def test_what_is_no_cube(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="one variable"):
        source.cube_from(cube.to_dataset())
    with pytest.raises(InputError, match="dims"):
        source.cube_from(cube.transpose("channel", "time", "y", "x"))


def test_a_forecast_or_its_path(cube: xr.DataArray, still: Callable[..., Path], tmp_path: Path) -> None:
    from nowcast import run

    forecast = run.forecast(cube, run=still(cube), progress=False)
    assert source.forecast_from(forecast) is forecast
    path = write_cube(forecast, tmp_path / "forecast.nc")
    xr.testing.assert_equal(source.forecast_from(path).compute().drop_vars("crs"), forecast.drop_vars("crs"))


def test_a_probabilistic_forecast_or_its_path(
    cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], tmp_path: Path
) -> None:
    forecast = products_maker(cube)
    assert source.forecast_from(forecast) is forecast
    again = source.forecast_from(write_cube(forecast, tmp_path / "forecast.zarr"))
    assert isinstance(again, xr.Dataset)
    xr.testing.assert_equal(again["rain_rate"].compute().drop_vars("valid_time"), forecast["rain_rate"])


def test_one_line_about_a_cube(cube: xr.DataArray) -> None:
    told = "rain_rate (mm h-1), 12 frames of 8 x 10, 2026-05-01 00:00 to 2026-05-01 00:55, every 5 min"
    assert source.span(cube) == told
    assert source.span(cube.isel(time=[0])).endswith("2026-05-01 00:00")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("data/radar.zarr", "radar"),
        (Path("data/radar.2026.nc"), "radar"),
        (["data/a b.nc", "data/c.nc"], "a-b"),
        ("data/*.nc", "cube"),
        ("data/folder/", "folder"),
    ],
)
def test_a_name_for_the_run(given: object, name: str, cube: xr.DataArray) -> None:
    assert source.stem(given) == name
    assert source.stem(cube) == "rain_rate"


# Datasets by name


@pytest.mark.filterwarnings("ignore::nowcast.errors.NowcastWarning")
@pytest.mark.parametrize("given", ["moving-mnist", ["Moving_MNIST"]])
def test_a_dataset_by_name(given: str | list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = source.cube_from(given, options={"size": "32x32"})
    assert found.shape == (24000, 1, 32, 32)
    assert source.stem(given) == "moving-mnist"


def test_a_dataset_and_its_folder(shared_data: Path) -> None:
    found = source.cube_from(f"kth:{shared_data / 'video' / 'kth'}", options={"size": "64x64"})
    assert found.shape == (785, 1, 64, 64)
    assert source.stem(f"kth:{shared_data}") == "kth"


def test_a_path_wins_over_a_dataset_of_its_name(
    cube: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_cube(cube, tmp_path / "kth.nc").rename(tmp_path / "kth")
    assert source.cube_from("kth").name == "rain_rate"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("movingmnist", "did you mean moving-mnist"),
        (["kth:/a", "kth:/b"], "a dataset stands alone"),
        ("kth", "say where its files lie"),
        ("sevir:/nowhere/at/all", "does not exist"),
        ("radar.nc", "radar.nc: does not exist"),
    ],
)
def test_what_is_no_dataset(given: str | list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        source.cube_from(given)


def test_one_line_about_clips(cube: xr.DataArray) -> None:
    clips = cube.assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    clips["time"].attrs["counted_from"] = "first frame"
    assert source.span(clips) == "rain_rate (mm h-1), 12 frames of 8 x 10, 2 sequence(s), every 5 min"
