"""What we write passes compliance-checker's CF 1.11 test without an error; and the test can fail."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import pytest
import xarray as xr

from nowcast.models import Persistence
from nowcast.rollout import forecast
from nowcast.scaling import Scaler
from nowcast.timeline import with_absent_frames
from nowcast.writers import write_cube

MEDIUM = 2

RECOMMENDED = (
    "§2.4",  # dims in the order T, Z, Y, X: the checker knows no y and x without units of length or degrees as such
    "§2.6",  # a title, which we do not make up
    "§4.4",  # leap seconds: what the source counted is not known
)
"""Recommendations of CF that a file is free not to follow; everything else that is found is an error."""

UNSIGNED = "§8.1 Packed Data: Variable is not of type byte, short, or int as required for different type "
"""A rule of CF 1.6, which the checker still has; CF 1.11, 8.1, packs into unsigned short too, as its own rule says."""


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    """What the checker finds wrong in a file, but for `RECOMMENDED`; it must not go to the network for a name table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = pytest.importorskip("compliance_checker.runner")
        from compliance_checker.cf import util

        runner.CheckSuite.load_all_available_checkers()

    def refuse(*_: Any) -> None:
        raise AssertionError("the checker wants to download")

    monkeypatch.setattr(util, "download_cf_standard_name_table", refuse)

    def check(path: Path) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suite = runner.CheckSuite()
            dataset = suite.load_dataset(str(path))
            found, crashed = suite.run_all(dataset, ["cf:1.11"])["cf:1.11"]
            dataset.close()
        assert not crashed, crashed
        assert len(found) > 5, "the checker ran hardly any check"
        errors = [result for result in found if result.weight > MEDIUM or not result.name.startswith(RECOMMENDED)]
        return [message for result in errors if result.weight >= MEDIUM for message in _failures(result)]

    return check


def _failures(result: Any) -> list[str]:
    passed, checks = result.value if isinstance(result.value, tuple) else (int(bool(result.value)), 1)
    own = [f"{result.name}: {message}" for message in (result.msgs or [result.name])] if passed < checks else []
    return own + [message for child in result.children or [] for message in _failures(child)]


@pytest.mark.parametrize("grid", ["projected", "geographic", "curvilinear"])
@pytest.mark.parametrize("kind", ["plain", "one reference", "several references", "realizations"])
def test_no_error(
    grid: str,
    kind: str,
    request: pytest.FixtureRequest,
    errors: Callable[[Path], list[str]],
    forecast_maker: Callable[..., xr.DataArray],
    tmp_path: Path,
) -> None:
    cube = request.getfixturevalue(grid)
    if kind != "plain":
        cube = forecast_maker(
            cube, references=1 if kind == "one reference" else 3, realizations=2 if kind == "realizations" else 0
        )
    assert errors(write_cube(cube, tmp_path / "out.nc")) == []


def test_a_packed_cube(projected: xr.DataArray, errors: Callable[[Path], list[str]], tmp_path: Path) -> None:
    cube = (projected % 100) * 0.05
    cube = cube.assign_attrs(projected.attrs)
    cube.encoding = {"dtype": "int16", "scale_factor": 0.05, "add_offset": 0.0, "_FillValue": -32768}
    assert errors(write_cube(cube, tmp_path / "out.nc")) == []


def test_a_forecast_that_tells_what_it_was_made_without(
    cube_maker: Callable[..., xr.DataArray], errors: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    cube = with_absent_frames(cube_maker((12, 1, 8, 10)).drop_isel(time=5), most=1)
    made = forecast(
        Persistence(channels=1, masked=True),
        Scaler("unit", 0.0, 1.0),
        cube,
        context=3,
        horizon=2,
        references=[4, 5, 6],
        name="persistence",
        most_missing=1,
    )
    assert made["missing_inputs"].values.tolist() == [0, 1, 1]
    assert errors(write_cube(made, tmp_path / "out.nc")) == []


@pytest.mark.parametrize("grid", ["projected", "geographic", "curvilinear"])
def test_all_products_of_a_forecast(
    grid: str,
    request: pytest.FixtureRequest,
    errors: Callable[[Path], list[str]],
    products_maker: Callable[..., xr.Dataset],
    tmp_path: Path,
) -> None:
    found = errors(write_cube(products_maker(request.getfixturevalue(grid)), tmp_path / "out.nc"))
    assert len(found) == 1
    assert found[0].startswith(UNSIGNED)


@pytest.mark.parametrize(
    ("variable", "attribute", "value"),
    [
        ("precipitation", "units", "buckets"),
        ("precipitation", "standard_name", "wetness"),
        ("valid_time", "units", "a while since yesterday"),
    ],
)
def test_the_checker_sees_what_is_broken(
    variable: str,
    attribute: str,
    value: str,
    projected: xr.DataArray,
    errors: Callable[[Path], list[str]],
    forecast_maker: Callable[..., xr.DataArray],
    tmp_path: Path,
) -> None:
    path = write_cube(forecast_maker(projected), tmp_path / "out.nc")
    with netCDF4.Dataset(path, "a") as file:
        file[variable].setncattr(attribute, value)
    assert any(variable in message or value in message for message in errors(path))


def test_units_that_are_not_cf_are_kept_as_they_are(
    projected: xr.DataArray, errors: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    path = write_cube(projected.assign_attrs(units="mm/5min"), tmp_path / "out.nc")
    with netCDF4.Dataset(path) as file:
        assert file["precipitation"].units == "mm/5min"
    assert errors(path), "mm/5min is no unit of a precipitation_amount"
