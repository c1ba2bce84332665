"""Baselines by their names, for the mean of whatever forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.run.baselines import BASELINES, baseline, checked

Like = Callable[..., xr.DataArray]


def test_each_is_named_once_and_must_be_known() -> None:
    assert checked(["advection", "persistence", "advection"]) == ("advection", "persistence")
    with pytest.raises(InputError, match="--baselines 'advect' is not known") as caught:
        checked(["advect"])
    assert "--baselines advection" in str(caught.value)
    assert all(name in str(caught.value) for name in BASELINES)
    with pytest.raises(InputError, match="names none"):
        checked([])


def test_a_probabilistic_forecast_has_baselines_as_its_mean_has(moving: xr.DataArray, like: Like) -> None:
    wanted = like(moving, [4])
    both: Any = wanted.to_dataset(name="rain_rate").assign_attrs(nowcast_variable="rain_rate")
    xr.testing.assert_identical(
        baseline("advection", moving, both).compute(), baseline("advection", moving, wanted).compute()
    )
