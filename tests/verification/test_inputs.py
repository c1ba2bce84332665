"""The frames that a forecast was made from, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification import inputs, lead_steps

MINUTE = np.timedelta64(1, "m")


def like(cube: xr.DataArray, at: list[int], leads: tuple[int, ...] = (5, 10)) -> xr.DataArray:
    """A forecast of nothing from these frames, `leads` in minutes ahead."""
    return xr.DataArray(
        np.zeros((len(at), len(leads), *cube.shape[1:]), "float32"),
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": cube["time"].values[at],
            "lead_time": (np.array(leads) * MINUTE).astype("timedelta64[ns]"),
            "y": cube["y"],
            "x": cube["x"],
        },
        name=cube.name,
        attrs=cube.attrs,
    )


def test_the_frames_up_to_each_reference_time_the_oldest_first(cube: xr.DataArray) -> None:
    same, at = inputs(cube, like(cube, [1, 7]), context=3)
    assert same is cube
    np.testing.assert_array_equal(at, [[-1, 0, 1], [5, 6, 7]])


def test_nothing_beyond_a_gap_of_another_sequence_or_of_no_reference_time(cube: xr.DataArray) -> None:
    wanted = like(cube, [4, 5, 7])
    np.testing.assert_array_equal(
        inputs(cube.drop_isel(time=4), wanted, context=3)[1], [[-1, -1, -1], [-1, -1, 4], [4, 5, 6]]
    )
    clips = cube.assign_coords(sequence=("time", [0] * 6 + [1] * 6))
    np.testing.assert_array_equal(inputs(clips, like(cube, [5, 7]), context=3)[1], [[3, 4, 5], [-1, 6, 7]])


def test_absent_frames_of_a_forecaster_that_can_do_without_have_their_places(cube: xr.DataArray) -> None:
    wanted = like(cube, [4, 6]).assign_attrs(nowcast_max_missing=1)
    longer, at = inputs(cube.drop_isel(time=4), wanted, context=3)
    np.testing.assert_array_equal(longer["time"], cube["time"])
    assert np.isnan(longer[4]).all()
    np.testing.assert_array_equal(at, [[2, 3, 4], [4, 5, 6]])


def test_what_came_after_the_forecast_was_made_is_not_there(cube: xr.DataArray) -> None:
    wanted = like(cube, [6, 8]).assign_attrs(nowcast_max_missing=2)
    wanted = wanted.assign_coords(input_age=("forecast_reference_time", np.array([0, 10]) * MINUTE))
    np.testing.assert_array_equal(inputs(cube, wanted, context=3)[1], [[4, 5, 6], [6, -1, -1]])


def test_lead_times_in_steps(cube: xr.DataArray) -> None:
    np.testing.assert_array_equal(lead_steps(cube, like(cube, [4], (5, 15, 60))), [1, 3, 12])


def test_a_lead_time_between_two_frames_is_refused(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="no whole numbers of time steps"):
        lead_steps(cube, like(cube, [4], (5, 12)))
    with pytest.raises(InputError, match="no whole numbers"):
        lead_steps(cube, like(cube, [4], (0, 5)))
