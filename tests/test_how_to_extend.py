"""What the pages on models, scores and projections of one's own show is executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import xarray as xr

import nowcast
from nowcast import models
from nowcast.config import settings
from nowcast.datasets import advected_echoes
from nowcast.errors import UnsafeError
from nowcast.readers.projections import grid_mapping_of


@pytest.fixture
def radar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> xr.DataArray:
    """A folder with `radar.zarr`."""
    monkeypatch.chdir(tmp_path)
    cube = advected_echoes(frames=60, size=16, seed=1)
    nowcast.write_cube(cube, "radar.zarr")
    return cube


@pytest.fixture
def fading(page: Callable[[str], Any], radar: xr.DataArray) -> Any:
    """The class on the page."""
    torch.manual_seed(0)
    return page("how_to/add_a_model.md").execute({"__name__": "fading"}, 0)["Fading"]


def test_the_model_on_the_page_is_a_forecaster(fading: Any) -> None:
    model = fading(channels=2, masked=True)
    context = torch.cat([torch.rand(1, 3, 2, 9, 7), torch.ones(1, 3, 2, 9, 7)], dim=2)
    torch.testing.assert_close(model(context, 3), models.Persistence(channels=2, masked=True)(context, 3))
    model(context, 3).sum().backward()
    assert model.spread.weight.grad.abs().sum() > 0


def test_the_model_on_the_page_learns_by_a_loop_of_ones_own(
    page: Callable[[str], Any], fading: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    names = page("how_to/add_a_model.md").execute({"Fading": fading, "torch": torch}, 1)
    assert names["forecast"].sizes["forecast_reference_time"] == 3
    assert not torch.equal(names["model"].spread.weight, fading(masked=True).spread.weight)
    assert "advection" in capsys.readouterr().out


def test_the_model_on_the_page_is_fitted_where_it_is_listed(
    fading: Any, typed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(models.MODELS, "fading", fading)
    field = settings.Model.model_fields["name"]
    before = field.annotation
    field.annotation = Literal["cascade", "fading"]  # type: ignore[assignment]
    try:
        settings.Model.model_rebuild(force=True)
        settings.Settings.model_rebuild(force=True)
        small = ("--context", "3", "--horizon", "2", "--epochs", "1")
        ended = typed("fit", "radar.zarr", "--model", "fading", "--output", "chances", "--run", "mine", *small)
        assert ended.code == 0, ended.err
        ended = typed("forecast", "radar.zarr", "-o", "forecast.nc", "--run", "mine")
        assert ended.code == 0, ended.err
    finally:
        field.annotation = before
        settings.Model.model_rebuild(force=True)
        settings.Settings.model_rebuild(force=True)
    with xr.open_dataset("forecast.nc", decode_timedelta=True) as written:
        assert {"rain_rate", "rain_rate_matched"} < set(written)


def test_the_score_on_the_page(page: Callable[[str], Any], radar: xr.DataArray) -> None:
    names = page("how_to/add_a_score.md").execute({})
    peirce = names["peirce"]
    usual = names["usual"]
    assert peirce.dims == usual["csi"].dims
    assert float(peirce.max()) <= 1
    hits, misses = names["total"]["hits"], names["total"]["misses"]
    np.testing.assert_allclose(usual["pod"], hits / (hits + misses))


def test_the_page_on_projections(page: Callable[[str], Any], radar: xr.DataArray, typed: Callable[..., Any]) -> None:
    plain = radar.isel(channel=0).drop_vars("crs")
    plain.attrs = {key: plain.attrs[key] for key in ("units", "standard_name")}
    plain.to_dataset(name="rain_rate").to_netcdf("plain.nc")
    assert "projection  none" in typed("inspect", "plain.nc").out
    shown = page("how_to/projections.md")
    names = shown.execute({}, 0)
    for words in shown.commands():
        ended = typed(*words)
        assert ended.code == 0, ended.err
        assert words[0] != "inspect" or "transverse_mercator" in ended.out
    names = shown.execute(names, 1)
    assert names["crs"].to_epsg() == 3067
    assert names["rain"].sizes == {"time": 60, "channel": 1}
    for opens in ("+init=epsg:3067 +nadgrids=somewhere.gsb", "+proj=utm +zone=35 +nadgrids=somewhere.gsb"):
        with pytest.raises(UnsafeError):
            grid_mapping_of(opens, label="a file")
