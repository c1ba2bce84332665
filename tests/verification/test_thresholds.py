"""Default thresholds follow the variable and its units; scales fit the grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification import default_scales, default_thresholds
from nowcast.verification.thresholds import threshold_rule

Maker = Callable[..., xr.DataArray]


def named(cube: xr.DataArray, units: str, standard_name: str | None) -> xr.DataArray:
    kept = {name: value for name, value in cube.attrs.items() if name != "standard_name"}
    told = {"standard_name": standard_name} if standard_name else {}
    return cube.drop_attrs(deep=False).assign_attrs({**kept, "units": units, **told})


@pytest.mark.parametrize(
    ("units", "standard_name", "step", "expected"),
    [
        ("mm h-1", "rainfall_rate", "5min", [0.1, 1, 5, 10]),
        ("mm/h", None, "5min", [0.1, 1, 5, 10]),
        ("mm/hr", None, "5min", [0.1, 1, 5, 10]),
        ("kg m-2 s-1", "precipitation_flux", "5min", [2.8e-5, 2.8e-4, 1.4e-3, 2.8e-3]),
        ("m s-1", "rainfall_rate", "5min", [2.8e-8, 2.8e-7, 1.4e-6, 2.8e-6]),
        ("mm", "lwe_thickness_of_precipitation_amount", "6min", [0.01, 0.1, 0.5, 1]),
        ("kg m-2", "precipitation_amount", "1h", [0.1, 1, 5, 10]),
        ("kg/m2", "rainfall_amount", "5min", [0.0083, 0.083, 0.42, 0.83]),
        ("dBZ", "equivalent_reflectivity_factor", "5min", [15, 25, 35, 45]),
        ("dbz", None, "5min", [15, 25, 35, 45]),
    ],
)
def test_rain_and_reflectivity_have_their_usual_thresholds(
    cube_maker: Maker, units: str, standard_name: str | None, step: str, expected: list[float]
) -> None:
    cube = named(cube_maker((4, 1, 6, 6), step=step), units, standard_name)
    assert default_thresholds(cube) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("units", "standard_name"), [("m s-1", "wind_speed"), ("m s-1", None), ("K", None), ("", None)]
)
def test_other_variables_have_quantiles(cube_maker: Maker, units: str, standard_name: str | None) -> None:
    values = 280 + np.linspace(0, 10, 401)[:400].reshape(4, 1, 10, 10)
    cube = named(cube_maker((4, 1, 10, 10), values=values), units, standard_name)
    thresholds, rule = threshold_rule(cube)
    # Quantiles 284.99, 288.98 and 289.88, to two digits of a spread of 9.975.
    assert thresholds == [285.0, 289.0, 289.9]
    assert "quantiles" in rule


def test_what_every_pixel_reaches_is_no_threshold(cube_maker: Maker) -> None:
    values = np.zeros((4, 1, 10, 10))
    values[:, :, :2] = 0.8
    cube = named(cube_maker(values.shape, values=values), "1", None)
    assert default_thresholds(cube) == [0.8]
    assert default_thresholds(cube * 0) == [0]
    with pytest.raises(InputError, match="no observed pixel"):
        default_thresholds(cube * np.nan)


def test_scales_fit_the_grid() -> None:
    assert default_scales(96, 96) == [1, 5, 11, 21, 41]
    assert default_scales(20, 300) == [1, 5, 11]
    assert default_scales(1, 1) == [1]
