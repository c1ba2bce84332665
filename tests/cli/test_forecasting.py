"""`nowcast forecast`, typed: what goes where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

import nowcast
from nowcast.readers import open_forecast

Cli = Callable[..., Any]


def test_progress_is_on_stderr_and_quiet_is_quiet(cli: Cli, frames: Path, model: Path) -> None:
    words = ("forecast", frames, "-o", "forecast.nc", "--run", model)
    ended = cli(*words)
    assert ended.code == 0
    assert ended.out == ""
    assert "read " in ended.err
    assert "wrote forecast.nc" in ended.err
    assert "nowcast evaluate forecast.nc frames.zarr" in ended.err
    assert "read " not in cli(*words, "--quiet").err


def test_at_takes_several_times(cli: Cli, frames: Path, model: Path) -> None:
    times = ("2026-05-01T00:30", "2026-05-01T00:20:00Z")
    ended = cli("forecast", frames, "-o", "f.nc", "--run", model, *(word for time in times for word in ("--at", time)))
    assert ended.code == 0
    with xr.open_dataset("f.nc") as forecast:
        wanted = np.array(["2026-05-01T00:20", "2026-05-01T00:30"], "datetime64[ns]")
        np.testing.assert_array_equal(forecast["forecast_reference_time"], wanted)


@pytest.fixture
def dice(cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    """What any run forecasts, with its chances."""
    made = products_maker(cube)
    monkeypatch.setattr(nowcast.run, "forecast", lambda *_, **__: made)
    return made


def test_a_probabilistic_forecast_is_written_whole_and_scored(cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    ended = cli("forecast", frames, "-o", "f.nc")
    assert ended.code == 0
    assert "product" not in ended.err
    assert set(dice.data_vars) == set(open_forecast("f.nc").data_vars)
    ended = cli("evaluate", "f.nc", frames, "--baselines", "persistence", "--thresholds", "1,5")
    assert ended.code == 0
    assert "dice" in ended.out


@pytest.mark.parametrize("product", ["mean", "matched"])
def test_one_product_is_a_forecast_of_its_own(product: str, cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    assert cli("forecast", frames, "-o", "f.zarr", "--product", product).code == 0
    wanted = {"mean": "rain_rate", "matched": "rain_rate_matched"}[product]
    np.testing.assert_array_equal(open_forecast("f.zarr").values, dice[wanted].values)


def test_where_one_field_fits_it_is_the_matched_one(cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    ended = cli("forecast", frames, "-o", "f.ome.tif")
    assert ended.code == 0
    assert "f.ome.tif holds the matched field alone (.nc and .zarr hold all; --product mean)" in ended.err
    assert "wrote f.ome.tif; to be scored it has to be a .nc or .zarr" in ended.err
    for product in ("matched", "mean"):
        ended = cli("forecast", frames, "-o", f"{product}.ome.tif", "--product", product)
        assert ended.code == 0
        assert "alone" not in ended.err
    shown, matched, mean = (tifffile.imread(f"{name}.ome.tif") for name in ("f", "matched", "mean"))
    np.testing.assert_array_equal(shown, matched)
    assert not np.array_equal(shown, mean, equal_nan=True)
    assert cli("forecast", frames, "-o", "f.ome.tif", "-q").err == ""


def test_no_such_product_is_told_before_any_work(cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    ended = cli("forecast", frames, "-o", "f.nc", "--product", "median")
    assert ended.code == 2
    assert "mean or matched" in ended.err
    assert not Path("f.nc").exists()
