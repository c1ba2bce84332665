"""Units: one spelling, and what a rain field's numbers are in mm h-1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.units import conversion, in_units, is_rain, rain_rate_of_one, spelled

Maker = Callable[..., xr.DataArray]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mm/h", "mm h-1"),
        ("mm hr-1", "mm h-1"),
        ("kg/m2/s", "kg m-2 s-1"),
        ("kg m**-2", "kg m^-2"),
        ("mm.h-1", "mm h-1"),
    ],
)
def test_one_unit_has_one_spelling(one: str, other: str) -> None:
    assert spelled(one) == spelled(other)


def test_other_units_stay_other_units() -> None:
    assert len({spelled(units) for units in ("mm h-1", "mm", "m s-1", "mm s-1", "K", "dBZ", "kg m-2", None)}) == 8
    assert spelled(" ") is None


@pytest.mark.parametrize(
    ("name", "units", "step", "one"),
    [
        ("rain_rate", "mm h-1", "5min", 1.0),
        ("rain_rate", "mm/h", "5min", 1.0),
        ("rainfall", "kg m-2 s-1", "5min", 3600.0),
        ("anything", "m s-1", "5min", None),
        ("precipitation", "kg m-2", "6min", 10.0),
        ("precipitation", "mm", "1h", 1.0),
        ("total_precipitation", "m", "1h", None),
        ("precipitation", "mm/5min", "5min", 12.0),
        ("precipitation", None, "5min", None),
        ("vil", "kg m-2", "5min", None),
    ],
)
def test_what_one_unit_is_in_millimetres_an_hour(
    cube_maker: Maker, name: str, units: str | None, step: str, one: float | None
) -> None:
    cube = cube_maker(name=name, step=step)
    cube.attrs = {} if units is None else {"units": units}
    assert rain_rate_of_one(cube) == (None if one is None else pytest.approx(one))


@pytest.mark.parametrize(("units", "one"), [("m s-1", 3.6e6), ("m", 12e3), ("kg m-2 s-1", 3600.0)])
def test_a_standard_name_makes_rain_of_metres(cube_maker: Maker, units: str, one: float) -> None:
    assert rain_rate_of_one(cube_maker(name="tp", units=units)) == pytest.approx(one)


@pytest.mark.parametrize(
    "name", ["wind_speed", "brain_slice", "terrain_height", "training_mask", "dem", "precipitable_water"]
)
def test_what_only_sounds_like_rain_is_none(cube_maker: Maker, name: str) -> None:
    cube = cube_maker(name=name, units="m s-1")
    cube.attrs["standard_name"] = name
    assert not is_rain(cube)
    assert rain_rate_of_one(cube) is None


@pytest.mark.parametrize(("units", "one"), [("mm/5min", 12.0), ("mm/5 min", 12.0), ("mm / (10 min)", 6.0)])
def test_an_amount_within_minutes_needs_no_time_step(units: str, one: float, cube_maker: Maker) -> None:
    assert rain_rate_of_one(cube_maker(units=units, step="6min")) == pytest.approx(one)


def test_rain_is_converted_both_ways_and_nothing_else_is(cube_maker: Maker) -> None:
    rates = cube_maker()
    amounts = in_units(rates, name="amount", units="mm")
    np.testing.assert_allclose(amounts, rates.values / 12, rtol=1e-6)
    assert (amounts.name, amounts.attrs["units"], amounts.dtype) == ("amount", "mm", np.float32)
    back = in_units(amounts, name="rain_rate", units="mm/h")
    np.testing.assert_allclose(back, rates, rtol=1e-6)
    assert conversion(rates, "kg m-2 h-1") == 1
    assert in_units(rates, name="other", units="mm h-1") is rates
    assert in_units(rates, name="other", units="mm/h").attrs["units"] == "mm/h"
    reflectivity = rates.assign_attrs(units="dBZ", standard_name="equivalent_reflectivity_factor")
    for units in ("mm h-1", "K", None):
        assert conversion(reflectivity, units) is None
        with pytest.raises(InputError, match=r"(?s)no formula leads.*dBZ"):
            in_units(reflectivity, name="rain_rate", units=units)
