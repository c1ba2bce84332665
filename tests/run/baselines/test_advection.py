"""Advection is made from the frames that the forecast had, and says nothing of what nothing was brought to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from nowcast import run
from nowcast.models import Advection
from nowcast.run.baselines import baseline
from nowcast.run.baselines.advection import advection

Like = Callable[..., xr.DataArray]
MINUTE = np.timedelta64(1, "m")
PIXELS = 3
"""That everything moves to the right in each step."""


def test_what_moves_goes_on_moving_and_where_nothing_is_brought_nothing_is_said(
    moving: xr.DataArray, like: Like
) -> None:
    wanted = like(moving, [4, 6])
    found = baseline("advection", moving, wanted)
    assert found.chunks is not None
    xr.testing.assert_identical(found.coords.to_dataset(), wanted.coords.to_dataset())
    assert (found.name, found.attrs["units"], found.attrs["forecaster"]) == ("rain_rate", "mm h-1", "advection")
    values = found.values
    for case, reference in enumerate((4, 6)):
        for lead in range(1, 5):
            answer, truth = values[case, lead - 1, 0], moving.values[reference + lead, 0]
            come_in = np.isnan(answer)
            assert come_in[:, : PIXELS * lead - 2].all()
            assert not come_in[:, PIXELS * lead + 2 : 60].any()
            still = moving.values[reference, 0]
            assert np.nanmean((answer - truth) ** 2) < 0.02 * np.mean((still - truth)[~come_in] ** 2)


def test_it_is_the_forecaster_of_the_models(moving: xr.DataArray, like: Like) -> None:
    """On a field that is no rain the frames are taken as they are, so that numbers are the same."""
    field = moving.assign_attrs(units="K", standard_name="air_temperature").rename("temperature")
    frames = torch.from_numpy(field.values[2:5])[None]
    context = torch.cat([frames, torch.ones_like(frames)], dim=2)
    with torch.no_grad():
        moved, known = Advection(masked=True).transport(context, 4)
    found = baseline("advection", field, like(field, [4])).values
    np.testing.assert_array_equal(np.isfinite(found), known.numpy() > 0)
    np.testing.assert_allclose(np.nan_to_num(found), moved.numpy(), atol=1e-5)


def test_rain_moves_as_its_logarithm_does(moving: xr.DataArray, monkeypatch: pytest.MonkeyPatch, like: Like) -> None:
    seen: list[torch.Tensor] = []

    def keep(value: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
        seen.append(value)
        return value.new_zeros(1, 2, 6, 8)

    monkeypatch.setattr("nowcast.run.baselines.advection.motion", keep)
    found = baseline("advection", moving, like(moving, [4])).values
    np.testing.assert_array_equal(found[0, 3], moving[4])
    frames = moving.values[2:5]
    floor = np.quantile(frames[frames > 0], 0.25)
    np.testing.assert_allclose(seen[0][0].numpy(), np.log1p(frames / floor), rtol=1e-5)


def test_it_sees_no_more_frames_than_the_forecast_had(moving: xr.DataArray, like: Like) -> None:
    still = baseline("advection", moving, like(moving, [4], context=1))
    for lead in range(4):
        np.testing.assert_array_equal(still[0, lead], moving[4])
    later = moving.copy(data=np.where(np.arange(12)[:, None, None, None] > 4, 99, moving.values))
    wanted = like(moving, [4])
    xr.testing.assert_identical(baseline("advection", moving, wanted).compute(), baseline("advection", later, wanted))


def test_motion_is_told_by_the_newest_frames_that_are_there(moving: xr.DataArray, like: Like) -> None:
    """The frame at the reference time is late, and one is absent before it."""
    wanted = like(moving, [6], context=5).assign_attrs(nowcast_max_missing=2)
    wanted = wanted.assign_coords(input_age=("forecast_reference_time", np.array([5]) * MINUTE))
    found = baseline("advection", moving.drop_isel(time=4), wanted).values[0, :, 0]
    for lead in (1, 3):
        truth, still = moving.values[6 + lead, 0], moving.values[5, 0]
        known = np.isfinite(found[lead - 1])
        assert known.mean() > 0.6
        assert np.mean((found[lead - 1] - truth)[known] ** 2) < 0.05 * np.mean((still - truth)[known] ** 2)


def test_a_reference_time_that_was_not_observed_and_a_field_without_values_are_missing(
    moving: xr.DataArray, like: Like
) -> None:
    holed = moving.drop_isel(time=4)
    assert np.isnan(baseline("advection", holed, like(moving, [4])).values).all()
    nothing = moving.where(moving["time"] > moving["time"][6])
    assert np.isnan(baseline("advection", nothing, like(moving, [5])).values).all()


def test_lazy_cubes_and_whole_numbers_are_read(moving: xr.DataArray, like: Like) -> None:
    wanted = like(moving, [4, 8])
    plain = baseline("advection", moving.round(), wanted).compute()
    xr.testing.assert_identical(baseline("advection", moving.round().chunk({"time": 5}), wanted).compute(), plain)
    whole = moving.round().astype("int16").chunk({"time": 5, "x": 20})
    xr.testing.assert_identical(baseline("advection", whole, wanted).compute(), plain)


def test_dry_fields_stay_where_they_are(moving: xr.DataArray, like: Like) -> None:
    assert (baseline("advection", xr.zeros_like(moving), like(moving, [4])).values == 0).all()


def test_some_lead_times_alone(moving: xr.DataArray, like: Like) -> None:
    wanted = like(moving, [4])
    some = baseline("advection", moving, wanted[:, [1, 3]])
    xr.testing.assert_equal(some.compute(), baseline("advection", moving, wanted)[:, [1, 3]].compute())


def test_several_channels(moving: xr.DataArray, like: Like) -> None:
    both = xr.concat([moving, 2 * moving], "channel")
    found = advection(both, like(both, [4]), context=3).values
    assert found.shape == (1, 4, 2, 48, 64)
    np.testing.assert_allclose(found[:, :, 1], 2 * found[:, :, 0], rtol=1e-5)


def test_real_rain_is_better_moved_than_left(shared_data: Path, like: Like) -> None:
    from nowcast import open_cube

    cube = open_cube(str(shared_data / "radar" / "knmi_20100826_hdf5"))[20:33].load()
    forecast = like(cube, [4], leads=3)
    scores = run.evaluate(forecast, cube, progress=False)
    assert list(scores["forecaster"].values) == ["other", "persistence", "advection"]
    # 0.15, 0.20 and 0.26 of it when this was written.
    assert (scores["mse"].sel(forecaster="advection") < 0.4 * scores["mse"].sel(forecaster="persistence")).all()
    assert scores["pixels"].min() > 0.85 * int(np.isfinite(cube[4]).sum())
