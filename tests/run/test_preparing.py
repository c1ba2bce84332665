"""What fit settles before the first step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.config import resolve
from nowcast.cube import runs
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.progress import quiet
from nowcast.run.preparing import cut, prepare
from nowcast.windows import PARTS


@pytest.fixture(autouse=True)
def _silent() -> Any:
    with quiet():
        yield


def test_nothing_is_left_to_be_chosen(showers: xr.DataArray) -> None:
    prepared = prepare(showers, resolve())
    plain = prepared.settings.model_dump()
    chosen = [plain["windows"][name] for name in ("context", "horizon", "patch", "embargo")]
    assert None not in [*chosen, plain["scaling"]["method"], plain["model"]["patch"], plain["data"]["variable"]]
    assert prepared.keywords()["patch"] == 4
    assert set(prepared.plans) == set(PARTS)
    assert prepare(showers, prepared.settings).fingerprint() == prepared.fingerprint()


def test_a_large_field_is_folded_more() -> None:
    large = xr.concat([advected_echoes(frames=40, size=32).drop_vars(["x", "y"])] * 5, "x", coords="minimal")
    assert prepare(large, resolve()).keywords()["patch"] == 8
    assert prepare(large, resolve(None, {"patch": 16})).keywords()["patch"] == 8, "--patch is that of the windows"


@pytest.mark.parametrize("hole", [slice(30, 35), slice(20, 21)])
def test_a_gap_in_time_is_kept_out_of_every_window(showers: xr.DataArray, hole: slice) -> None:
    holed = showers.isel(time=[i for i in range(60) if not hole.start <= i < hole.stop])
    prepared = prepare(holed, resolve())
    pieces = runs(holed)
    assert len(pieces) == 2
    length = prepared.plans["training"].context + prepared.plans["training"].horizon
    for plan in prepared.plans.values():
        for start in plan.starts:
            assert any(run.start <= start and start + length <= run.stop for run in pieces)


def test_what_is_not_finite_counts_as_missing(showers: xr.DataArray) -> None:
    values = showers.values.copy()
    values[3, 0, 5, 5] = np.inf
    prepared = prepare(showers.copy(data=values), resolve())
    assert prepared.masked
    assert prepared.scaler.factor == prepare(showers, resolve()).scaler.factor
    assert not prepare(showers, resolve()).masked


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"thresholds": [float("nan")]}, "thresholds"),
        ({"loss": {"ssim": 1.0}, "patch": 8}, "SSIM loss needs patches of 11 x 11"),
        ({"context": 40}, "'rain_rate'.*too few frames"),
    ],
)
def test_what_could_not_be_fitted_or_scored_is_refused_first(
    showers: xr.DataArray, flags: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        prepare(showers, resolve(None, flags))


def test_an_embargo_that_is_asked_for_is_part_of_the_choice(showers: xr.DataArray) -> None:
    settings = resolve()
    longer = settings.model_copy(update={"windows": settings.windows.model_copy(update={"embargo": 14})})
    context, horizon, parts = cut(showers, longer)
    assert parts.embargo == 14
    assert context + horizon <= 14
