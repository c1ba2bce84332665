"""Units: one spelling, and what a rain field's numbers are in mm h-1."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import xarray as xr

from nowcast.units import is_rain, rain_rate_of_one, spelled

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
        ("precipitation", "mm/5min", "5min", None),
        ("precipitation", None, "5min", None),
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


@pytest.mark.parametrize("name", ["wind_speed", "brain_slice", "terrain_height", "training_mask", "dem"])
def test_what_only_sounds_like_rain_is_none(cube_maker: Maker, name: str) -> None:
    cube = cube_maker(name=name, units="m s-1")
    cube.attrs["standard_name"] = name
    assert not is_rain(cube)
    assert rain_rate_of_one(cube) is None
