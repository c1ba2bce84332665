"""A tally against the published definitions, written out in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from skimage.metrics import structural_similarity

from nowcast import products
from nowcast.protocols import Protocol
from nowcast.protocols.forecasters import of_baseline
from nowcast.protocols.scoring import Tally

OPENSTL: dict[str, Any] = {
    "values": {"given": [0, 255], "become": [0, 1]},
    "metrics": {
        "mse": {"over": "sum"},
        "mae": {"over": "sum"},
        "ssim": {"window": "uniform-7", "range": 2, "clip": [0, 1]},
        "psnr": {"over": "frame", "peak": 1, "clip": [0, 1]},
    },
}
REFERENCES = [2, 5, 9]


@pytest.fixture
def cube(echoes: xr.DataArray) -> xr.DataArray:
    """Of two channels."""
    values = 255 * np.random.default_rng(1).random((12, 2, 16, 16))
    return xr.concat([echoes[:12], echoes[:12]], "channel").transpose(*echoes.dims).copy(data=values.astype("float32"))


@pytest.fixture
def forecast(cube: xr.DataArray, protocol_of: Callable[..., Protocol]) -> xr.DataArray:
    """Beside the truth by noise that leaves the range of values."""
    like = of_baseline("persistence", protocol_of())(cube, REFERENCES)
    truth = np.stack([cube.values[i + 1 : i + 3] for i in REFERENCES])
    return like.copy(data=(truth + np.random.default_rng(2).normal(0, 60, truth.shape)).astype("float32"))


def tallied(protocol: Protocol, forecast: Any, cube: xr.DataArray) -> dict[str, list[float]]:
    tally = Tally(protocol)
    for case in range(len(REFERENCES)):
        tally.add(forecast.isel(forecast_reference_time=[case]), cube)
    return tally.scores()


def test_the_numbers_are_those_of_the_published_definitions(
    cube: xr.DataArray, forecast: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    found = tallied(protocol_of(**OPENSTL), forecast, cube)
    pred = forecast.values.astype(float) / 255
    true = np.stack([cube.values[i + 1 : i + 3] for i in REFERENCES]).astype(float) / 255
    assert pred.min() < 0
    assert pred.max() > 1
    for lead in range(2):
        p, t = pred[:, lead], true[:, lead]
        assert found["mse"][lead] == pytest.approx(((p - t) ** 2).mean(axis=0).sum(), rel=1e-9)
        assert found["mae"][lead] == pytest.approx(np.abs(p - t).mean(axis=0).sum(), rel=1e-9)
        p = p.clip(0, 1)
        ratios = [20 * np.log10(1 / np.sqrt(((a - b) ** 2).mean())) for a, b in zip(p, t, strict=True)]
        assert found["psnr"][lead] == pytest.approx(np.mean(ratios), rel=1e-9)
        alike = [structural_similarity(a, b, data_range=2, channel_axis=0) for a, b in zip(p, t, strict=True)]
        assert found["ssim"][lead] == pytest.approx(np.mean(alike), rel=1e-9)
    assert list(found) == ["mse", "mae", "psnr", "ssim"]


def test_other_definitions_give_other_numbers(
    cube: xr.DataArray, forecast: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    metrics = {
        "mse": {"over": "mean", "clip": [0, 1]},
        "mae": {"over": "mean"},
        "psnr": {"over": "all", "peak": 2},
        "ssim": {"window": "gaussian-11", "range": 1},
        "csi": {"thresholds": [0.25, 0.5]},
        "crps": {},
    }
    found = tallied(protocol_of(**OPENSTL | {"metrics": metrics}), forecast, cube)
    assert list(found) == ["mse", "mae", "psnr", "ssim", "csi >= 0.25", "csi >= 0.5", "crps"]
    pred = forecast.values.astype(float)[:, 0] / 255
    true = np.stack([cube.values[i + 1] for i in REFERENCES]).astype(float) / 255
    assert found["mse"][0] == pytest.approx(((pred.clip(0, 1) - true) ** 2).mean(), rel=1e-9)
    assert found["mae"][0] == pytest.approx(np.abs(pred - true).mean(), rel=1e-9)
    assert found["crps"][0] == pytest.approx(found["mae"][0], rel=1e-9)
    assert found["psnr"][0] == pytest.approx(10 * np.log10(4 / ((pred - true) ** 2).mean()), rel=1e-9)
    hits = ((pred >= 0.25) & (true >= 0.25)).sum() / ((pred >= 0.25) | (true >= 0.25)).sum()
    assert found["csi >= 0.25"][0] == pytest.approx(hits, rel=1e-12)
    own = [
        structural_similarity(
            a, b, data_range=1, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for a, b in zip(pred, true, strict=True)
    ]
    assert found["ssim"][0] == pytest.approx(np.mean(own), rel=1e-6)


def test_what_is_not_told_holds_the_newest_value_or_is_left_out(
    cube: xr.DataArray, forecast: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    gone = forecast.copy(deep=True)
    gone.values[..., 3:5, :] = np.nan
    held = gone.copy(deep=True)
    for case, index in enumerate(REFERENCES):
        held.values[case, ..., 3:5, :] = cube.values[index, :, 3:5]
    metrics = {"mse": {"over": "sum"}, "psnr": {"over": "frame", "peak": 1}}
    protocol = protocol_of(metrics=metrics)
    assert tallied(protocol, gone, cube) == tallied(protocol, held, cube)
    left = tallied(protocol_of(metrics=metrics, missing="left out"), gone, cube)
    true = np.stack([cube.values[i + 1] for i in REFERENCES]).astype(float)
    known = np.nanmean((gone.values[:, 0] - true) ** 2)
    assert left["mse"][0] == pytest.approx(known * 2 * 16 * 16, rel=1e-6)
    assert np.isnan(left["psnr"]).all()


def test_pixels_that_were_measured(
    cube: xr.DataArray, forecast: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    for metrics in ({"mse": {"over": "sum"}}, {"psnr": {"over": "frame", "peak": 1}}):
        tally = Tally(protocol_of(metrics=metrics))
        tally.add(forecast, cube)
        assert tally.pixels() == [3 * 2 * 16 * 16] * 2


def test_a_probabilistic_forecast_is_mapped_as_a_whole(
    cube: xr.DataArray, forecast: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    one = cube.isel(channel=[0])
    mean = forecast.isel(channel=[0]).clip(0, 255)
    levels = np.array([60.0, 120.0, 180.0])
    chance = (mean.values[:, :, None] >= levels[:, None, None, None]).astype("float32") * 0.8 + 0.1
    chances = xr.DataArray(
        chance,
        dims=products.PROBABILITY_DIMS,
        coords={**dict(mean.coords.items()), "threshold": levels},
        attrs={"lowest": 0.0, "highest": 255.0},
    )
    whole = products.combined(mean, mean, chances)
    metrics = {"crps": {}, "mae": {"over": "mean"}, "csi": {"thresholds": [100]}}
    plain = tallied(protocol_of(metrics=metrics), whole, one)
    assert plain["crps"] != pytest.approx(plain["mae"], rel=0.01)
    mapped = tallied(
        protocol_of(metrics={**metrics, "csi": {"thresholds": [100 / 255]}}, values=OPENSTL["values"]), whole, one
    )
    assert mapped["crps"] == pytest.approx([each / 255 for each in plain["crps"]], rel=1e-5)
    assert list(mapped.values())[1] == pytest.approx(plain["csi >= 100"], abs=1e-3)
    gone = whole.copy(deep=True)
    for field in gone.data_vars.values():
        field.values[..., 3:5, :] = np.nan
    filled = tallied(protocol_of(metrics=metrics), gone, one)
    assert np.isfinite(filled["crps"]).all()
    assert filled["crps"] != pytest.approx(plain["crps"], rel=1e-3)
