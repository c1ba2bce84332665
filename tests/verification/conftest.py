"""What tests of this room share: showers, a probabilistic forecast of them, and a deterministic one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from nowcast import products
from nowcast.cube import FORECAST_DIMS

LEVELS = (0.1, 0.5, 2.0, 5.0)


class Scene(NamedTuple):
    """Forecasts of the same reference times, and what was observed; 5 minutes and 1 km apart."""

    probabilistic: xr.Dataset
    deterministic: xr.DataArray
    observed: xr.DataArray

    @property
    def forecasts(self) -> dict[str, xr.DataArray | xr.Dataset]:
        return {"model": self.probabilistic, "persistence": self.deterministic}

    @property
    def truth(self) -> xr.DataArray:
        """The observed frames by reference and lead time."""
        matched = self.observed.sel(time=self.deterministic["valid_time"]).drop_vars("time")
        return matched.transpose(*FORECAST_DIMS)


def showers(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    noise = gaussian_filter(random.standard_normal(shape), (*(0 for _ in shape[2:]), 1.2, 1.2))
    return np.maximum(np.exp(12 * noise) - 1.2, 0).clip(0, 12).astype("float32")


def make_scene(
    *, cases: int = 3, leads: int = 2, side: int = 16, channels: int = 1, seed: int = 0, missing: float = 0.0
) -> Scene:
    random = np.random.default_rng(seed)
    frames = cases + leads
    values = showers(random, (frames, channels, side, side + 2))
    values[random.random(values.shape) < missing] = np.nan
    observed = xr.DataArray(
        values,
        dims=("time", "channel", "y", "x"),
        coords={
            "time": np.datetime64("2026-05-01T00:00", "ns") + 5 * np.arange(frames) * np.timedelta64(1, "m"),
            "y": ("y", 1000.0 * np.arange(side)[::-1], {"units": "m"}),
            "x": ("x", 1000.0 * np.arange(side + 2), {"units": "m"}),
        },
        name="rain_rate",
        attrs={"units": "mm h-1", "standard_name": "rainfall_rate"},
    )
    start, lead = observed["time"].values[:cases], 5 * np.arange(1, leads + 1) * np.timedelta64(1, "m")
    coords = {
        "forecast_reference_time": start,
        "lead_time": lead,
        "valid_time": (FORECAST_DIMS[:2], start[:, None] + lead),
        "y": observed["y"],
        "x": observed["x"],
    }
    shape = (cases, leads, *values.shape[1:])

    def field(seen: np.ndarray, **attrs: str) -> xr.DataArray:
        return xr.DataArray(seen, coords, FORECAST_DIMS, name="rain_rate", attrs={"units": "mm h-1", **attrs})

    held = np.broadcast_to(np.nan_to_num(values[:cases])[:, None], shape).copy()
    # Half of what will be and half of something else; its thresholds are reached less often the higher they are.
    mean = 0.5 * np.nan_to_num(values[np.arange(cases)[:, None] + np.arange(1, leads + 1)]) + showers(random, shape) / 2
    steps = random.random((len(LEVELS), *shape)) ** (1 / (1 + mean))
    chance = np.moveaxis(np.where(mean > 0.05, np.cumprod(steps, axis=0), 0), 0, 2).astype("float32")
    chance[..., :2] = 1
    probability = xr.DataArray(
        chance,
        {**coords, "threshold": list(LEVELS)},
        products.PROBABILITY_DIMS,
        attrs={"lowest": 0.0, "highest": 10.0},
    )
    return Scene(
        products.combined(field(mean, nowcast_model="test"), field(mean * 1.5), probability), field(held), observed
    )


@pytest.fixture(scope="session")
def scene_maker() -> Callable[..., Scene]:
    return make_scene
