"""Which files hold a forecast cube and which all products of a probabilistic forecast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast import products
from nowcast.errors import InputError
from nowcast.readers import open_cube, open_forecast
from nowcast.readers.labelling.forecasts import as_forecast
from nowcast.writers import write_cube
from nowcast.writers.cf import to_dataset

CHANCE = "probability_of_rain_rate_above_threshold"


@pytest.fixture
def stored(cube: xr.DataArray, products_maker: Callable[..., xr.Dataset]) -> xr.Dataset:
    """As a file holds it, undecoded."""
    return to_dataset(products_maker(cube))


def test_all_products_come_together(stored: xr.Dataset) -> None:
    forecast = as_forecast(stored, "f.nc")
    assert isinstance(forecast, xr.Dataset)
    assert products.is_forecast(forecast)
    assert forecast.attrs == {"nowcast_variable": "rain_rate"}
    probability = products.probability(forecast)
    assert probability is not None
    assert probability.sizes == {
        "forecast_reference_time": 3, "lead_time": 2, "threshold": 3, "channel": 1, "y": 8, "x": 10,
    }  # fmt: skip
    assert "threshold" not in products.mean(forecast).coords
    assert not [key for field in forecast.values() for key in field.attrs if key == "dataset:nowcast_variable"]


def test_one_of_them_can_be_asked_for(stored: xr.Dataset) -> None:
    found = as_forecast(stored, "f.nc", variable="rain_rate_matched")
    assert isinstance(found, xr.DataArray)
    assert found.name == "rain_rate_matched"


@pytest.mark.parametrize("lacking", ["rain_rate_matched", CHANCE])
def test_where_one_lacks_it_is_the_mean(lacking: str, stored: xr.Dataset) -> None:
    found = as_forecast(stored.drop_vars(lacking), "f.nc")
    assert isinstance(found, xr.DataArray)
    assert found.name == "rain_rate"
    assert found.dims == ("forecast_reference_time", "lead_time", "channel", "y", "x")


def test_fields_beside_each_other_that_nothing_binds_are_chosen_from(stored: xr.Dataset) -> None:
    del stored.attrs["nowcast_variable"]
    with pytest.raises(InputError, match="choose one"):
        as_forecast(stored, "f.nc")
    stored.attrs["nowcast_variable"] = "snow"
    with pytest.raises(InputError, match="choose one"):
        as_forecast(stored, "f.nc")


def test_a_single_threshold_on_a_single_row_is_no_axis_to_be_guessed(
    cube: xr.DataArray, products_maker: Callable[..., xr.Dataset]
) -> None:
    row = cube.isel(y=[3]).drop_vars(["y", "x"])
    forecast = products_maker(row, references=1, leads=1, thresholds=[0.5])
    again = as_forecast(to_dataset(forecast), "f.nc")
    assert isinstance(again, xr.Dataset)
    assert again[CHANCE].sizes == forecast[CHANCE].sizes
    np.testing.assert_allclose(again[CHANCE].values, forecast[CHANCE].values, atol=5.01e-5)


def test_channels_stay(cube_maker: Callable[..., xr.DataArray], products_maker: Callable[..., xr.Dataset]) -> None:
    forecast = products_maker(cube_maker((4, 2, 5, 6)))
    again = as_forecast(to_dataset(forecast), "f.nc")
    assert isinstance(again, xr.Dataset)
    assert again[CHANCE].dims == products.PROBABILITY_DIMS
    np.testing.assert_allclose(again[CHANCE].values, forecast[CHANCE].values, atol=5.01e-5)


def test_what_each_was_made_without_stays_with_all(
    cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], tmp_path: Path
) -> None:
    along = "forecast_reference_time"
    age = np.array([0, 5, 5], "timedelta64[m]").astype("timedelta64[ns]")
    forecast = products_maker(cube).assign_coords(missing_inputs=(along, [0, 1, 1]), input_age=(along, age))
    again = open_forecast(write_cube(forecast, tmp_path / "f.nc"))
    for field in again.data_vars.values():
        assert field["missing_inputs"].values.tolist() == [0, 1, 1]
        np.testing.assert_array_equal(field["input_age"].values, age)


def test_what_makes_no_distribution_is_told_by_the_files_name(stored: xr.Dataset) -> None:
    del stored[CHANCE].attrs["highest"]
    with pytest.raises(InputError, match=r"^f\.nc: .*make no distribution"):
        as_forecast(stored, "f.nc")


@pytest.mark.parametrize("product", [products.mean, products.matched])
def test_a_product_by_itself_is_a_forecast_cube(
    product: Callable[[xr.Dataset], xr.DataArray],
    cube: xr.DataArray,
    products_maker: Callable[..., xr.Dataset],
    tmp_path: Path,
) -> None:
    alone = product(products_maker(cube))
    again = open_forecast(write_cube(alone, tmp_path / "f.nc"))
    assert isinstance(again, xr.DataArray)
    assert again.name == "rain_rate"
    np.testing.assert_array_equal(again.values, alone.values)


def test_it_is_no_cube(cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], tmp_path: Path) -> None:
    path = write_cube(products_maker(cube), tmp_path / "f.nc")
    with pytest.raises(InputError, match=r"'rain_rate' is a forecast[\s\S]*open_forecast"):
        open_cube(path)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_damage_is_found(
    suffix: str, cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], tmp_path: Path
) -> None:
    path = write_cube(products_maker(cube), tmp_path / f"f{suffix}")
    if suffix == ".zarr":
        next(file for file in (path / CHANCE / "c").rglob("*") if file.is_file()).unlink()
    else:
        content = path.read_bytes()
        assert content.count(b"greater_than_or_equal_to") == 1
        path.write_bytes(content.replace(b"greater_than_or_equal_to", b"less_than_or_equal_to___"))
    with pytest.raises(InputError, match="damaged"):
        open_forecast(path)
