"""Forecasts of one and of several products side by side, one reference time after the other."""

from __future__ import annotations

from collections.abc import Callable

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from nowcast import products
from nowcast.errors import InputError
from nowcast.verification import score, sums
from nowcast.verification.cases import products_of

OPTIONS = {"thresholds": [0.1, 1.0], "scales": [1, 3], "data_range": 10.0}


def test_a_forecast_of_several_products_is_taken_apart(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker()
    found = products_of(scene.probabilistic, "model")
    assert found.matched is not found.mean
    assert found.probability is not None
    assert found.knots is not None
    assert (found.knots.lowest, found.knots.highest) == (0, 10)
    np.testing.assert_array_equal(found.knots.widths, [0.4, 1.5, 3, 5])
    alone = products_of(scene.deterministic, "persistence")
    assert alone.matched is alone.mean
    assert alone.probability is None
    mean_alone = scene.probabilistic[["rain_rate"]]
    assert products_of(mean_alone, "model").matched is not None
    xr.testing.assert_identical(
        score({"a": mean_alone}, scene.observed, **OPTIONS),
        score({"a": scene.probabilistic["rain_rate"]}, scene.observed, **OPTIONS),
    )


def test_each_product_has_its_scores(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker()
    both = score({"a": scene.probabilistic}, scene.observed, **OPTIONS)
    mean = score({"a": products.mean(scene.probabilistic)}, scene.observed, **OPTIONS)
    matched = score({"a": products.matched(scene.probabilistic)}, scene.observed, **OPTIONS)
    for name in ("mse", "mae", "bias", "correlation", "psnr", "ssim"):
        xr.testing.assert_identical(both[name], mean[name])
        assert not both[name].equals(matched[name]), name
    for name in ("csi", "pod", "far", "hss", "bias_frequency", "fss"):
        xr.testing.assert_identical(both[name], matched[name])
        assert not both[name].equals(mean[name]), name
    for name in ("crps", "brier", "reliability_forecasts", "rank_histogram"):
        assert not both[name].equals(mean[name]), name
        assert not both[name].equals(matched[name]), name


def test_lazy_products_are_computed_together_and_a_case_at_a_time(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(cases=4)
    ran: list[int] = []

    def forecast(block: np.ndarray) -> np.ndarray:
        ran.append(len(block))
        return block

    # As of a network: all products come of one computation.
    mean = scene.probabilistic["rain_rate"]
    made = da.from_array(mean.values, chunks=(1, -1, -1, -1, -1)).map_blocks(forecast, meta=mean.values[:0])
    lazy = scene.probabilistic.chunk({"forecast_reference_time": 1})
    lazy["rain_rate"] = lazy["rain_rate"].copy(data=made)
    lazy["rain_rate_matched"] = lazy["rain_rate_matched"].copy(data=made * np.float32(1.5))
    seen: list[int] = []
    with dask.config.set(scheduler="sync"):
        found = sums(
            {"a": lazy}, scene.observed.chunk({"time": 1}), **OPTIONS, progress=lambda done, _: seen.append(len(ran))
        )
    assert seen == [1, 2, 3, 4]
    xr.testing.assert_identical(found, sums({"a": scene.probabilistic}, scene.observed, **OPTIONS))


def test_it_can_be_computed_by_a_cluster(scene_maker: Callable[..., object]) -> None:
    distributed = pytest.importorskip("distributed")
    scene = scene_maker()
    lazy = scene.probabilistic.chunk({"forecast_reference_time": 1})
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        found = score({"a": lazy}, scene.observed.chunk({"time": 1}), **OPTIONS)
    xr.testing.assert_identical(found, score({"a": scene.probabilistic}, scene.observed, **OPTIONS))


def test_a_product_that_does_not_fit_is_refused(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker()
    name = products.probability_name("rain_rate")
    unsure = scene.probabilistic.assign({name: scene.probabilistic[name].drop_attrs()})
    with pytest.raises(InputError, match="no distribution"):
        score({"a": unsure}, scene.observed, **OPTIONS)
    turned = scene.probabilistic.assign(rain_rate_matched=scene.probabilistic["rain_rate_matched"].transpose())
    with pytest.raises(InputError, match="matched"):
        score({"a": turned}, scene.observed, **OPTIONS)
    with pytest.raises(InputError, match="no forecast"):
        score({"a": scene.probabilistic.drop_attrs()}, scene.observed, **OPTIONS)
