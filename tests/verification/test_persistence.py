"""Persistence holds what was last seen, and nothing from beyond a gap."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification import persistence, score

MINUTE = np.timedelta64(1, "m")


def like(observed: xr.DataArray, references: np.ndarray, leads: int = 3) -> xr.DataArray:
    lead = 5 * np.arange(1, leads + 1) * MINUTE
    return xr.DataArray(
        np.zeros((len(references), leads, *observed.shape[1:]), "float32"),
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": references,
            "lead_time": lead,
            "valid_time": (("forecast_reference_time", "lead_time"), references[:, None] + lead),
            "y": observed["y"],
            "x": observed["x"],
        },
        name=observed.name,
        attrs=observed.attrs,
    )


def test_the_frame_at_the_reference_time_stays(cube: xr.DataArray) -> None:
    wanted = like(cube, cube["time"].values[[2, 5]])
    found = persistence(cube, wanted)
    assert found.chunks is not None
    for lead in range(3):
        np.testing.assert_array_equal(found[:, lead], cube[[2, 5]])
    xr.testing.assert_identical(found.coords.to_dataset(), wanted.coords.to_dataset())
    assert found.attrs["units"] == "mm h-1"
    assert found.attrs["forecaster"] == "persistence"
    assert found.dtype == np.float32
    xr.testing.assert_identical(persistence(cube.chunk({"time": 5}), wanted).compute(), found.compute())


def test_a_missing_pixel_holds_its_last_value_within_the_context(cube: xr.DataArray) -> None:
    cube[5, 0, 1, 1] = cube[4, 0, 1, 1] = cube[5, 0, 2, 2] = np.nan
    before = cube.copy(deep=True)
    wanted = like(cube, cube["time"].values[[5]])
    one, two, three = (persistence(cube, wanted, context=frames)[0, -1, 0].values for frames in (1, 2, 3))
    assert np.isnan([one[1, 1], one[2, 2], two[1, 1]]).all()
    assert two[2, 2] == cube[4, 0, 2, 2]
    assert three[2, 2] == cube[4, 0, 2, 2]
    assert three[1, 1] == cube[3, 0, 1, 1]
    np.testing.assert_array_equal(three[3:], cube[5, 0, 3:])
    xr.testing.assert_identical(cube, before)


def test_nothing_is_held_across_a_gap_or_the_start(cube: xr.DataArray) -> None:
    cube[5, 0, 1, 1] = cube[0, 0, 1, 1] = np.nan
    holed = cube.drop_isel(time=4)
    wanted = like(cube, cube["time"].values[[0, 5, 6]])
    found = persistence(holed, wanted, context=4)[:, 0, 0, 1, 1].values
    assert np.isnan(found[:2]).all()
    assert found[2] == cube[6, 0, 1, 1]
    assert persistence(cube, wanted, context=4)[1, 0, 0, 1, 1] == cube[4, 0, 1, 1]


def test_nothing_is_held_from_another_sequence(cube: xr.DataArray) -> None:
    cube[6, 0, 1, 1] = np.nan
    clips = cube.assign_coords(sequence=("time", [0] * 6 + [1] * 6))
    assert np.isnan(persistence(clips, like(cube, cube["time"].values[[6]]), context=4)[0, 0, 0, 1, 1])


def test_a_reference_time_that_was_not_observed_is_missing(cube: xr.DataArray) -> None:
    found = persistence(cube, like(cube, cube["time"].values[[0, 1]] - 5 * MINUTE), context=3)
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1, 0], cube[0])


def able(forecast: xr.DataArray, most: int, ages: list[int] | None = None) -> xr.DataArray:
    """A forecast that could do without some frames; `ages` in minutes."""
    if ages is not None:
        age = ("forecast_reference_time", np.array(ages) * MINUTE)
        forecast = forecast.assign_coords(input_age=age)
    return forecast.assign_attrs(nowcast_max_missing=most)


def test_a_forecaster_that_could_do_without_a_frame_is_met_by_what_was_seen_last(cube: xr.DataArray) -> None:
    cube[3, 0, 1, 1] = np.nan
    holed = cube.drop_isel(time=4)
    wanted = like(cube, cube["time"].values[[4, 5]])
    assert np.isnan(persistence(holed, wanted, context=3)[0]).all(), "one that could not is not met there"
    found = persistence(holed, able(wanted, 1), context=3)[:, 0, 0].values
    np.testing.assert_array_equal(found[0, 2:], cube[3, 0, 2:])
    assert found[0, 1, 1] == cube[2, 0, 1, 1]
    np.testing.assert_array_equal(found[1], cube[5, 0])
    longer = cube.drop_isel(time=[3, 4])
    assert np.isnan(persistence(longer, able(wanted, 1), context=3)[0]).all()
    np.testing.assert_array_equal(persistence(longer, able(wanted, 2), context=3)[0, 0], cube[2])


def test_a_frame_that_came_after_the_forecast_was_made_is_not_shown_to_persistence(cube: xr.DataArray) -> None:
    wanted = able(like(cube, cube["time"].values[[4, 5, 6]]), 2, [0, 5, 10])
    np.testing.assert_array_equal(persistence(cube, wanted, context=3)[:, 0], cube[[4, 4, 4]])
    assert np.isnan(persistence(cube, wanted, context=2)[2]).all()


def test_a_late_frame_is_met_by_what_was_seen_last(cube: xr.DataArray) -> None:
    late = able(like(cube, cube["time"].values[[-1]] + 5 * MINUTE), 1, [5])
    np.testing.assert_array_equal(persistence(cube, late, context=3)[0, 0], cube[11])


def test_whole_numbers_become_floats(cube: xr.DataArray) -> None:
    found = persistence(cube.astype("int16"), like(cube, cube["time"].values[[1]]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0, 0], cube[1])


def test_it_is_scored_like_any_forecast(cube: xr.DataArray) -> None:
    wanted = like(cube, cube["time"].values[[2, 3]])
    found = score({"persistence": persistence(cube, wanted)}, cube, thresholds=[3000.0], scales=[1])
    # Each frame of the counter lies 1000 above the one before.
    np.testing.assert_allclose(found["mse"][0], [1e6, 4e6, 9e6])


def test_what_does_not_fit_is_refused(cube: xr.DataArray) -> None:
    wanted = like(cube, cube["time"].values[[2]])
    with pytest.raises(InputError, match="context"):
        persistence(cube, wanted, context=0)
    with pytest.raises(InputError, match="grid"):
        persistence(cube, wanted[..., :-1])
    with pytest.raises(InputError, match="dims"):
        persistence(cube, wanted[0])
