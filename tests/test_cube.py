"""What a cube is, and what is said of one: against numpy, with jitter, gaps, sequences and missing pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import cube as cubes
from nowcast.cube import Gap, Run
from nowcast.errors import InputError

Maker = Callable[..., xr.DataArray]


def at(cube: xr.DataArray, seconds: Any) -> xr.DataArray:
    """The cube with its frames at these seconds."""
    start = np.datetime64("2026-05-01T00:00", "ns")
    times = start + (np.asarray(seconds, float) * 1e9).astype("timedelta64[ns]")
    return cube.assign_coords(time=("time", times))


# What is refused

Break = Callable[[xr.DataArray], Any]

NOT_CUBES: list[tuple[str, Break, str]] = [
    ("dataset", lambda c: c.to_dataset(), "not a Dataset"),
    ("array", lambda c: c.values, "not a ndarray"),
    ("order", lambda c: c.transpose("time", "y", "x", "channel"), "not the dims of a cube"),
    ("three dims", lambda c: c.isel(channel=0), "not the dims of a cube"),
    ("names", lambda c: c.rename(y="lat"), "not the dims of a cube"),
    ("empty", lambda c: c.isel(time=slice(0, 0)), "an axis is empty"),
    ("empty field", lambda c: c.isel(x=slice(0, 0)), "an axis is empty"),
    ("complex", lambda c: c.astype("complex64"), "not real numbers"),
    ("text", lambda c: c.astype(str), "not real numbers"),
    ("no times", lambda c: c.drop_vars("time"), "frames have no times"),
    ("numbers for times", lambda c: c.assign_coords(time=np.arange(12)), "not dates"),
    ("NaT", lambda c: at(c, [*range(0, 1100, 100), np.nan]), "frame 11 has no time"),
    ("twice", lambda c: at(c, [0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9]), "2 time.s. occur twice, the first 2026-05-01T00"),
    ("backwards", lambda c: c.isel(time=slice(None, None, -1)), "run backwards after 2026-05-01T00:55:00"),
]


@pytest.mark.parametrize(("change", "said"), [case[1:] for case in NOT_CUBES], ids=[case[0] for case in NOT_CUBES])
def test_what_is_no_cube_is_refused_with_the_reason(cube: xr.DataArray, change: Break, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cubes.check(change(cube))


def test_dates_of_another_calendar_are_refused(cube: xr.DataArray) -> None:
    import cftime

    times = np.array([cftime.DatetimeNoLeap(2026, 5, day) for day in range(1, 13)])
    with pytest.raises(InputError, match="not dates of the standard calendar"):
        cubes.check(cube.assign_coords(time=("time", times)))


def test_a_cube_is_returned_as_it_is(cube: xr.DataArray) -> None:
    assert cubes.check(cube) is cube
    cubes.check(cube.astype("uint8"))
    cubes.check(cube.isel(time=[0]))


def test_times_may_go_back_between_sequences_but_not_within_one(cube: xr.DataArray) -> None:
    two = at(cube, [*range(100, 106), *range(50, 56)])
    with pytest.raises(InputError, match="backwards"):
        cubes.check(two)
    cubes.check(two.assign_coords(sequence=("time", [0] * 6 + [1] * 6)))
    with pytest.raises(InputError, match="backwards"):
        cubes.check(two.assign_coords(sequence=("time", [0] * 5 + [1] * 7)))


def test_a_sequence_in_two_places_is_refused(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="frames of one sequence lie apart"):
        cubes.check(cube.assign_coords(sequence=("time", [0] * 4 + [1] * 4 + [0] * 4)))


def test_messages_name_the_variable_and_its_file(cube: xr.DataArray) -> None:
    assert cubes.label(cube) == "variable 'rain_rate'"
    from_file = cube.copy()
    from_file.encoding["source"] = "/data/radar.nc"
    assert cubes.label(from_file) == "/data/radar.nc: variable 'rain_rate'"
    assert "unnamed" in cubes.label(cube.rename(None))


# Time


def test_the_time_step_is_the_commonest_distance_whatever_the_clock_jitters(cube: xr.DataArray) -> None:
    jitter = np.array([0, 3, -4, 5, 0, 0, -2, 4, 1, 0, 2, -3])
    seconds = 300 * np.arange(12) + jitter
    assert cubes.time_step(at(cube, seconds)) == np.median(np.diff(seconds))
    assert cubes.runs(at(cube, seconds)) == [Run(0, 12)]
    assert cubes.gaps(at(cube, seconds)) == []
    dropped = np.delete(np.arange(15), [4, 9, 10]) * 300.0
    assert cubes.time_step(at(cube, dropped)) == 300


def test_a_step_below_a_second_is_kept(cube: xr.DataArray) -> None:
    assert cubes.time_step(at(cube, 0.04 * np.arange(12))) == 0.04
    assert cubes.time_step(at(cube, 0.0002 * np.arange(12))) == 0.0002


def test_dropped_frames_are_gaps_and_end_runs(cube: xr.DataArray) -> None:
    dropped = at(cube, np.delete(np.arange(15), [4, 9, 10]) * 300.0)
    assert cubes.runs(dropped) == [Run(0, 4), Run(4, 8), Run(8, 12)]
    assert cubes.gaps(dropped) == [Gap("2026-05-01T00:15:00", 600.0), Gap("2026-05-01T00:40:00", 900.0)]


def test_frames_too_close_end_a_run_too(cube: xr.DataArray) -> None:
    extra = at(cube, [0, 300, 600, 700, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000])
    assert [(run.start, run.stop) for run in cubes.runs(extra)] == [(0, 3), (3, 4), (4, 12)]
    assert [gap.seconds for gap in cubes.gaps(extra)] == [100.0, 200.0]


def test_sequences_end_runs_and_are_no_gaps(cube: xr.DataArray) -> None:
    clips = at(cube, 60.0 * np.r_[0:5, 1000:1007]).assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    assert cubes.runs(clips) == [Run(0, 5), Run(5, 12)]
    assert cubes.gaps(clips) == []
    assert cubes.time_step(clips) == 60
    seamless = cube.assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    assert cubes.runs(seamless) == [Run(0, 5), Run(5, 12)], "one step apart, yet not one after the other"
    together = clips.drop_vars("sequence")
    assert len(cubes.gaps(together)) == 1


def test_the_step_between_sequences_counts_for_nothing(cube: xr.DataArray) -> None:
    pairs = at(cube.isel(time=slice(0, 6)), [0, 10, 500, 510, 1000, 1010])
    assert cubes.time_step(pairs.assign_coords(sequence=("time", [0, 0, 1, 1, 2, 2]))) == 10
    loners = at(cube.isel(time=slice(0, 6)), [0, 10, 500, 990, 1480, 1970])
    assert cubes.time_step(loners.assign_coords(sequence=("time", [0, 0, 1, 2, 3, 4]))) == 10
    single = pairs.assign_coords(sequence=("time", range(6)))
    assert cubes.time_step(single) is None
    assert cubes.runs(single) == [Run(i, i + 1) for i in range(6)]
    assert cubes.gaps(single) == []


def test_one_frame_is_one_run_without_a_step(cube: xr.DataArray) -> None:
    one = cube.isel(time=[3])
    assert cubes.time_step(one) is None
    assert cubes.runs(one) == [Run(0, 1)]
    assert len(cubes.runs(one)[0]) == 1


# Names and grid


def test_names_of_the_source_come_back(cube: xr.DataArray) -> None:
    names = {"time": "t", "y": "nj", "x": "ni=2"}
    assert cubes.source_dims(cubes.with_source_dims(cube, names)) == names
    assert cubes.source_dims(cube) == {"time": "time", "y": "y", "x": "x"}
    assert cubes.source_dims(cube.drop_attrs()) == {name: name for name in cubes.DIMS}


def test_remembering_names_changes_no_argument(cube: xr.DataArray) -> None:
    before = dict(cube.attrs)
    cubes.with_source_dims(cube, {"time": "t"})
    assert cube.attrs == before


def test_the_grid_step_is_positive_and_has_units(cube: xr.DataArray) -> None:
    assert cubes.grid_step(cube) == {"y": 1000.0, "x": 1000.0, "units": "m", "y_rises": False, "x_rises": True}
    oblong = cube.assign_coords(y=("y", -2.5 * np.arange(8)), x=("x", 0.5 * np.arange(10)))
    assert cubes.grid_step(oblong) == {"y": 2.5, "x": 0.5, "units": None, "y_rises": False, "x_rises": True}


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.assign_coords(x=("x", np.arange(10.0) ** 1.1)),
        lambda c: c.drop_vars("y"),
        lambda c: c.isel(x=[0]),
        lambda c: c.assign_coords(x=("x", list("abcdefghij"))),
        lambda c: c.assign_coords(y=("y", np.zeros(8))),
    ],
    ids=["irregular", "no coordinate", "one column", "names", "all alike"],
)
def test_without_a_regular_grid_there_is_no_step(cube: xr.DataArray, change: Break) -> None:
    assert cubes.grid_step(change(cube)) is None


def test_single_precision_coordinates_are_regular_enough(cube: xr.DataArray) -> None:
    fine = cube.assign_coords(x=("x", (140 + 0.01 * np.arange(10)).astype("float32")))
    step = cubes.grid_step(fine)
    assert step is not None
    assert step["x"] == pytest.approx(0.01, rel=1e-3)


def test_the_grid_mapping_is_the_one_that_is_named_and_carried(cube: xr.DataArray) -> None:
    mapping = cubes.grid_mapping(cube)
    assert mapping is not None
    assert mapping.attrs["grid_mapping_name"] == "transverse_mercator"
    assert cubes.grid_mapping(cube.drop_vars("crs")) is None
    assert cubes.grid_mapping(cube.drop_attrs()) is None


@pytest.mark.parametrize(
    ("attrs", "turned"),
    [
        ({"units": "m", "standard_name": "projection_y_coordinate"}, True),
        ({"units": "degrees", "standard_name": "grid_latitude"}, True),
        ({"units": "km"}, True),
        ({"units": "um"}, False),
        ({"units": "1"}, False),
        ({}, False),
    ],
)
def test_north_is_up_and_rows_of_a_picture_stay(cube: xr.DataArray, attrs: dict[str, str], turned: bool) -> None:
    rising = cube.assign_coords(y=("y", np.arange(8.0), attrs))
    assert (cubes.upright(rising)[0].step == -1) is turned
    assert cubes.upright(rising.isel(y=slice(None, None, -1)))[0].step != -1


def test_east_is_right_and_fields_of_two_dims_tell_too(cube: xr.DataArray) -> None:
    assert cubes.upright(cube.isel(x=slice(None, None, -1)))[1] == slice(None, None, -1)
    lat = np.add.outer(np.arange(8.0), np.zeros(10))
    beyond = [176, 177, 178, 179, 180, -179, -178, -177, -176, -175]
    degrees = {"units": "degrees_east", "standard_name": "longitude"}
    assert cubes.upright(cube.assign_coords(x=("x", beyond, degrees)))[1] == slice(None, None, 1)
    curved = cube.drop_vars(["y", "x"]).assign_coords(lat=(("y", "x"), lat, {"standard_name": "latitude"}))
    assert cubes.upright(curved) == (slice(None, None, -1), slice(None))
