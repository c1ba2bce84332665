"""What tests of model files share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

from nowcast import model_file
from nowcast.cube import grid_step, time_step
from nowcast.model_file import Card
from nowcast.scaling import Scaler

KEYWORDS = {"channels": 1, "masked": True, "hidden": [4, 4], "kernel": 3, "patch": 2, "blend": True}


@pytest.fixture(scope="session")
def card_of() -> Callable[..., Card]:
    """Makes the card of a small network for a cube, with changes."""
    return _card_of


def _card_of(cube: xr.DataArray, **changes: Any) -> Card:
    card = Card(
        model="convlstm",
        keywords=KEYWORDS,
        scaler=Scaler.fit(cube).to_dict(),
        variable=str(cube.name),
        units=cube.attrs.get("units"),
        channels=cube.sizes["channel"],
        grid_step=grid_step(cube),
        time_step_seconds=time_step(cube) or 0.0,
        context=3,
        horizon=2,
        masked=True,
        trained_on={"source": "a cube in memory", "first": "2026-05-01T00:00:00", "last": "2026-05-01T00:30:00"},
        versions=model_file.versions(),
    )
    return dataclasses.replace(card, **changes)
