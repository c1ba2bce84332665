"""Times and lengths are told as people say them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from nowcast.report.wording import beginning, extent, lead_texts, with_units

Maker = Callable[..., xr.DataArray]


def test_clips_and_plain_numbers_are_told_as_such(cube_maker: Maker) -> None:
    cube = cube_maker().assign_coords(y=("y", np.arange(8.0), {"units": "1"}), x=("x", np.arange(10.0), {"units": "1"}))
    assert extent(cube) == ""
    assert extent(cube_maker()) == "10 x 8 km"
    time = cube["time"]
    assert beginning(time[1], time) == "2026-05-01 00:05 UTC"
    counted = np.datetime64(0, "ns") + (time - time[0]) / 750
    assert beginning(counted[1], counted.assign_attrs(counted_from="the first frame")) == "0.4 s after the first frame"


def test_lead_times_are_minutes_or_seconds() -> None:
    leads = xr.DataArray(np.array([300_000, 5_400_000], "timedelta64[ms]").astype("timedelta64[ns]"), dims="lead_time")
    assert lead_texts(leads) == ["5 min", "90 min"]
    assert lead_texts(leads / 4) == ["75 s", "1350 s"]


def test_units_stand_behind_a_name_where_there_are_any() -> None:
    assert [with_units("rain", units) for units in ("mm h-1", "1", "")] == ["rain (mm h-1)", "rain", "rain"]
