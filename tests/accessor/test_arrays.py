"""The verbs as methods of arrays and datasets, whatever their dims are called, and in whatever order imports stand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError

Maker = Callable[..., xr.DataArray]


@pytest.fixture(scope="module")
def showers() -> xr.DataArray:
    return advected_echoes(frames=60, size=32)


@pytest.fixture(scope="module")
def named(showers: xr.DataArray) -> xr.DataArray:
    """As its user has it: dims of other names, in another order, without a channel."""
    return showers[:, 0].rename(time="t", y="lat", x="lon").transpose("lat", "lon", "t")


@pytest.fixture(scope="module")
def trained(named: xr.DataArray, tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("runs") / "tiny"
    return named.nowcast.fit(run=place, epochs=1, context=4, horizon=3, hidden=[4], batch=4, progress=False)


def test_from_an_array_of_any_names_to_scores(named: xr.DataArray, showers: xr.DataArray, trained: Any) -> None:
    described = named.nowcast.describe(progress=False)
    assert described == nowcast.inspect(named.nowcast.cube, progress=False)
    assert described.description.dims == ["t", "channel", "lat", "lon"]
    at = showers["time"].values[50]
    forecast = named.nowcast.forecast(run=trained, at=at, progress=False)
    xr.testing.assert_equal(forecast, nowcast.forecast(showers, run=trained.folder, at=at, progress=False))
    assert forecast.sizes["lead_time"] == 3
    assert named.nowcast.forecast(run=trained, horizon=2, progress=False).sizes["lead_time"] == 2
    table = named.nowcast.score(forecast, thresholds=[1.0], scales=[3], progress=False)
    wanted = nowcast.evaluate(forecast, showers, thresholds=[1.0], scales=[3], progress=False)
    xr.testing.assert_equal(table.scores, wanted)
    assert list(named.nowcast.score(forecast, baselines=["persistence"], progress=False)["mse"]["forecaster"]) == [
        "cascade",
        "persistence",
    ]


def test_files_that_are_written_bear_the_arrays_own_names(named: xr.DataArray, tmp_path: Path) -> None:
    forecast = named.nowcast.forecast(model="persistence", horizon=2, progress=False)
    path = nowcast.write_cube(forecast, tmp_path / "forecast.nc")
    with xr.open_dataset(path) as written:
        assert {"lat", "lon"} <= set(written["rain_rate"].dims)


def test_a_dataset_has_it_where_one_field_is_in_it(named: xr.DataArray) -> None:
    dataset = xr.Dataset({"rain": named, "quality": ("t", np.ones(60))}, attrs={"institution": "here"})
    cube = dataset.nowcast.cube
    assert (cube.name, cube.dims) == ("rain", ("time", "channel", "y", "x"))
    np.testing.assert_array_equal(cube[:, 0], named.transpose("t", "lat", "lon"))
    assert len(dataset.nowcast.windows(4, 2)) == 55


def test_moving_pictures_of_each(named: xr.DataArray, showers: xr.DataArray) -> None:
    forecast = named.nowcast.forecast(model="advection", at=showers["time"].values[50], horizon=3, progress=False)
    for shown, told in (
        (named.nowcast.animate(frames=5), "rain rate: the last 5 of 60 frames"),
        (named.nowcast.animate(forecast), "beside what was observed and persistence"),
        (forecast.nowcast.animate(), "forecast of advection from"),
    ):
        assert told in repr(shown)
        assert shown._repr_html_().count("data:image/png;base64,") == 1


def test_settings_that_fit_does_not_know_are_refused(named: xr.DataArray, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="epoch_number"):
        named.nowcast.fit(run=tmp_path / "run", epoch_number=3)


def test_a_cube_without_channels_is_one(cube_maker: Maker) -> None:
    cube = cube_maker((8, 1, 6, 6))[:, 0]
    window = cube.nowcast.windows(context=2, horizon=1)[1]
    assert window.dims == ("time", "channel", "y", "x")
    np.testing.assert_array_equal(window[:, 0], cube[1:4])
    assert [len(run) for run in cube.nowcast.runs] == [8]


def test_what_is_no_cube_says_so() -> None:
    with pytest.raises(InputError, match="nothing says when"):
        xr.DataArray(np.zeros((3, 3)), dims=("a", "b")).nowcast.windows(context=1, horizon=1)


@pytest.mark.parametrize(
    "program",
    [
        "import xarray, nowcast",
        "import nowcast, xarray",
        "import nowcast, xarray.core.utils, xarray",
        "import nowcast.products, xarray",  # as nowcast forecast does: the first of ours that imports xarray
        "import nowcast.cube, xarray",
    ],
)
def test_who_has_imported_both_has_it_in_whatever_order(program: str) -> None:
    check = "; import sys; assert xarray.DataArray([1.0]).nowcast; assert xarray.Dataset().nowcast"
    check += "; assert not [finder for finder in sys.meta_path if 'nowcast' in type(finder).__module__]"
    subprocess.run([sys.executable, "-W", "error", "-c", program + check], check=True, timeout=300)


def test_an_xarray_that_cannot_be_imported_fails_as_it_would_alone(tmp_path: Path) -> None:
    (tmp_path / "xarray.py").write_text("raise ImportError('broken xarray')")
    program = f"import sys, nowcast; sys.path.insert(0, {str(tmp_path)!r})\nimport xarray"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr.rstrip().endswith("ImportError: broken xarray")
    absent = "import sys, nowcast; sys.path[:] = []\nimport xarray"
    ended = subprocess.run([sys.executable, "-c", absent], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr.rstrip().endswith("ModuleNotFoundError: No module named 'xarray'")


def test_of_a_forecasts_products_it_says_that_they_are_no_cubes(
    cube: xr.DataArray, products_maker: Callable[..., xr.Dataset]
) -> None:
    for product in products_maker(cube).values():
        with pytest.raises(InputError, match="dims"):
            product.nowcast.windows(2, 1)
