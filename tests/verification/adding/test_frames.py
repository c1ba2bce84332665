"""Sums add, however the work is cut; what one forecaster or the truth lacks counts for nobody."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.verification import finish, score, sums
from nowcast.verification.adding.distribution import Knots
from nowcast.verification.adding.frames import Fields, known

OPTIONS = {"thresholds": [0.1, 0.3, 2.0, 7.0], "scales": [1, 3], "data_range": 10.0}
AREA = (0, 34, 1, 35)


def same(found: xr.Dataset, expected: xr.Dataset, tolerance: float) -> None:
    assert set(found.variables) == set(expected.variables)
    for name in expected.data_vars:
        np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance, err_msg=str(name))


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_parts_add_up_to_the_whole(scene_maker: Callable[..., object], missing: float) -> None:
    scene = scene_maker(cases=5, side=36, seed=1, missing=missing)
    options = {**OPTIONS, "spectrum_area": AREA}
    whole = score(scene.forecasts, scene.observed, **options)
    assert ("power_spectrum" in whole) is True
    assert (whole["spectrum_frames"] == (0 if missing else 5)).all()
    rows = sums(scene.forecasts, scene.observed, **options)
    same(finish(rows.sum("forecast_reference_time", keep_attrs=True)), whole, 1e-12)
    parts = []
    for cases in ([3, 1], [0], [4, 2]):
        some = {name: each.isel(forecast_reference_time=cases) for name, each in scene.forecasts.items()}
        parts.append(sums(some, scene.observed, **options))
    total = sum(part.sum("forecast_reference_time", keep_attrs=True) for part in parts)
    same(finish(total.assign_attrs(parts[0].attrs)), whole, 1e-12)
    again = xr.concat(parts, "forecast_reference_time").sortby("forecast_reference_time")
    same(again, rows, 1e-12)


def test_chunks_in_space_make_no_difference(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(seed=2, missing=0.05)
    small = {"forecast_reference_time": 2, "lead_time": 1, "y": 5, "x": 7}
    lazy = {name: each.chunk(small) for name, each in scene.forecasts.items()}
    found = score(lazy, scene.observed.chunk({"time": 3, "y": 4}), **OPTIONS)
    xr.testing.assert_identical(found, score(scene.forecasts, scene.observed, **OPTIONS))


def test_a_pixel_counts_where_everybody_has_it() -> None:
    truth = np.ones((3, 4))
    chance = np.full((2, 3, 4), 0.5)
    mean, matched = np.ones((3, 4)), np.ones((3, 4))
    truth[0, 0] = mean[0, 1] = matched[0, 2] = chance[1, 0, 3] = np.nan
    knots = Knots(0.0, np.array([1.0, 2.0]), 3.0)
    other = np.ones((3, 4))
    other[1, 0] = np.inf
    found = known(truth, [Fields(mean, matched, chance, knots), Fields(other, other)])
    assert found.tolist() == [[False] * 4, [False, True, True, True], [True] * 4]


def test_missing_pixels_equal_pixels_left_out_for_every_score(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(seed=3)
    cut = {"y": slice(5, None)}
    whole = score({name: each.isel(cut) for name, each in scene.forecasts.items()}, scene.observed.isel(cut), **OPTIONS)
    # Each product of each forecaster, or the truth, hides the same rows from all; what they hide is wild.
    chance = "probability_of_rain_rate_above_threshold"
    for hidden in ("rain_rate", "rain_rate_matched", chance, "persistence", "truth"):
        model, held, observed = (each.copy(deep=True) for each in scene)
        wild = {"y": slice(0, 5)}
        for values in (model["rain_rate"], model["rain_rate_matched"], held, observed):
            values[wild] = 1e4
        target = {"persistence": held, "truth": observed}.get(hidden)
        (model[hidden] if target is None else target)[wild] = np.nan
        found = score({"model": model, "persistence": held}, observed, **OPTIONS)
        for name in whole.data_vars:
            here, there = found[name], whole[name]
            if name == "fss":
                here, there = here.sel(scale=1), there.sel(scale=1)
            np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-12, err_msg=f"{name}, {hidden}")


def test_nothing_known_counts_for_nothing(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(cases=3)
    blank = scene.observed.copy(deep=True)
    blank[2] = np.nan
    rows = sums(scene.forecasts, blank, **OPTIONS)
    # Frame 2 is the second lead of the first case and the first lead of the second.
    empty = rows.isel(forecast_reference_time=0, lead_time=1)
    assert all((empty[name] == 0).all() for name in rows.data_vars)
    assert rows["cases"].values.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_channels_add(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(channels=2, seed=4)
    both = sums(scene.forecasts, scene.observed, **OPTIONS)
    each = [
        sums(
            {name: forecast.isel(channel=[channel]) for name, forecast in scene.forecasts.items()},
            scene.observed[:, [channel]],
            **OPTIONS,
        )
        for channel in (0, 1)
    ]
    for name in set(both.data_vars) - {"cases"}:
        np.testing.assert_allclose(both[name], each[0][name] + each[1][name], rtol=1e-12, err_msg=name)
