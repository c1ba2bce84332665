"""A forecast's products are taken apart and put together; what is none is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast import products
from nowcast.cube import FORECAST_DIMS
from nowcast.errors import InputError


@pytest.fixture
def mean() -> xr.DataArray:
    start = np.datetime64("2026-05-01T00:10", "ns") + 5 * np.arange(2) * np.timedelta64(1, "m")
    lead = 5 * np.arange(1, 4) * np.timedelta64(1, "m")
    return xr.DataArray(
        np.random.default_rng(1).random((2, 3, 1, 4, 5), dtype=np.float32),
        dims=FORECAST_DIMS,
        coords={
            "forecast_reference_time": start,
            "lead_time": lead,
            "valid_time": (FORECAST_DIMS[:2], start[:, None] + lead),
            "x": np.arange(5.0),
        },
        name="rainfall",
        attrs={"units": "mm", "nowcast_model": "convlstm"},
    )


@pytest.fixture
def probability(mean: xr.DataArray) -> xr.DataArray:
    levels = xr.DataArray([0.2, 0.6], dims="threshold")
    found = (mean * (1 - levels)).assign_coords(threshold=levels).transpose(*products.PROBABILITY_DIMS)
    return found.drop_attrs().assign_attrs(lowest=0.0, highest=2.0).rename(None)


def test_what_is_put_together_comes_apart(mean: xr.DataArray, probability: xr.DataArray) -> None:
    forecast = products.combined(mean, mean * 2, probability)
    assert forecast.attrs == {"nowcast_variable": "rainfall"}
    assert set(forecast.data_vars) == {"rainfall", "rainfall_matched", "probability_of_rainfall_above_threshold"}
    assert products.is_forecast(forecast)
    xr.testing.assert_identical(products.mean(forecast), mean.assign_attrs(nowcast_product="mean"))
    xr.testing.assert_equal(products.matched(forecast), mean * 2)
    assert products.matched(forecast).name == "rainfall"
    assert products.matched(forecast).attrs["nowcast_product"] == "matched"
    found = products.probability(forecast)
    assert found is not None
    xr.testing.assert_equal(found, probability)
    assert found.attrs == {"lowest": 0.0, "highest": 2.0, "units": "1", "nowcast_product": "probability"}
    assert found["threshold"].attrs == {"units": "mm", "spp__relative_to_threshold": "greater_than_or_equal_to"}
    again = products.combined(products.mean(forecast), products.matched(forecast), found)
    xr.testing.assert_identical(again, forecast)


def test_a_deterministic_forecast_is_its_own_mean(mean: xr.DataArray) -> None:
    assert products.is_forecast(mean)
    assert products.mean(mean) is mean
    assert products.matched(mean) is mean
    assert products.probability(mean) is None
    alone = mean.to_dataset().assign_attrs(nowcast_variable="rainfall")
    xr.testing.assert_identical(products.matched(alone), mean)
    assert products.probability(alone) is None


def test_lazy_products_stay_lazy(mean: xr.DataArray, probability: xr.DataArray) -> None:
    forecast = products.combined(mean.chunk(), mean.chunk(), probability.chunk())
    found = products.probability(forecast)
    assert found is not None
    assert all(each.chunks for each in (products.mean(forecast), products.matched(forecast), found))


def test_what_is_no_forecast(mean: xr.DataArray) -> None:
    for wrong in (mean[0], mean.to_dataset(), mean.to_dataset().assign_attrs(nowcast_variable="snow"), None):
        assert not products.is_forecast(wrong)
    with pytest.raises(InputError, match="no forecast") as refused:
        products.mean(mean.to_dataset())
    assert "rainfall" in str(refused.value)


Change = Callable[[xr.DataArray], xr.DataArray]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.isel(threshold=0),
        lambda p: p.drop_vars("threshold"),
        lambda p: p[:, :, ::-1],
        lambda p: p[:, :, :0],
        lambda p: p.assign_attrs(lowest=0.2),
        lambda p: p.assign_attrs(highest=0.6),
        lambda p: p.assign_attrs(highest=np.nan),
        lambda p: p.drop_attrs(),
        lambda p: p[1:],
        lambda p: p.assign_coords(x=p["x"] + 1),
    ],
)
def test_what_makes_no_distribution_is_refused(mean: xr.DataArray, probability: xr.DataArray, change: Change) -> None:
    with pytest.raises(InputError):
        products.combined(mean, mean, change(probability))


def test_a_product_of_other_dims_or_without_a_name_is_refused(mean: xr.DataArray, probability: xr.DataArray) -> None:
    with pytest.raises(InputError, match="the matched is no forecast cube"):
        products.combined(mean, mean[0], probability)
    with pytest.raises(InputError, match="name"):
        products.combined(mean.rename(None), mean, probability)
