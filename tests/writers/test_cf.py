from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from nowcast import __version__
from nowcast.errors import InputError
from nowcast.writers.cf import to_dataset
from nowcast.writers.packing import DoesNotFitError, pack_probability, packing_of

CHANCE = "probability_of_precipitation_above_threshold"
NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
PACKING = {"dtype": np.dtype("int16"), "scale_factor": 0.05, "add_offset": 0.0, "_FillValue": np.int16(-32768)}


def _packed(cube: xr.DataArray, values: np.ndarray, **encoding: object) -> xr.DataArray:
    cube = cube.copy(data=values)
    cube.encoding = {**PACKING, **encoding}
    return cube


def test_dims_bear_the_sources_names_and_a_channel_of_ours_is_gone(geographic: xr.DataArray) -> None:
    dataset = to_dataset(geographic)
    field = dataset["rain_rate"]
    assert field.dims == ("time", "lat", "lon")
    np.testing.assert_array_equal(field.values, geographic.values[:, 0])
    np.testing.assert_array_equal(dataset["lat"].values, geographic["y"].values)
    assert dataset["lat"].attrs == geographic["y"].attrs
    assert "source_dims" not in field.attrs


def test_a_channel_of_the_source_stays(cube: xr.DataArray) -> None:
    cube = cube.assign_attrs(source_dims="time=t channel=band y=row x=col")
    assert to_dataset(cube)["rain_rate"].dims == ("t", "band", "row", "col")


def test_several_channels_stay(cube_maker: Callable[..., xr.DataArray]) -> None:
    assert to_dataset(cube_maker((2, 3, 4, 5)))["rain_rate"].dims == ("time", "channel", "y", "x")


def test_a_name_that_is_taken_is_not_given(curvilinear: xr.DataArray) -> None:
    dataset = to_dataset(curvilinear.assign_attrs(source_dims="time=time y=lat x=lon"))
    assert dataset["rain_rate"].dims == ("time", "y", "x")
    assert dataset["lat"].dims == ("y", "x")


def test_grid_mapping_is_a_plain_variable_with_its_attributes(projected: xr.DataArray) -> None:
    dataset = to_dataset(projected)
    field = dataset["precipitation"]
    assert field.attrs["grid_mapping"] == "proj"
    assert "proj" in dataset.data_vars
    assert field.attrs["coordinates"] == "start_time"
    assert dataset["proj"].dtype == np.int8
    attrs = dict(dataset["proj"].attrs)
    np.testing.assert_array_equal(attrs.pop("standard_parallel"), [-18.0, -36.0])
    assert attrs == {k: v for k, v in projected["proj"].attrs.items() if k != "standard_parallel"}


def test_curvilinear_coordinates_are_named_by_the_field(curvilinear: xr.DataArray) -> None:
    dataset = to_dataset(curvilinear)
    assert dataset["rain_rate"].attrs["coordinates"] == "lat lon"
    assert dataset["lon"].variable.encoding == {"_FillValue": None}


def test_dataset_attributes_go_back_and_history_grows(projected: xr.DataArray) -> None:
    attrs = to_dataset(projected, now=NOW).attrs
    assert attrs["Conventions"] == "CF-1.11"
    assert attrs["institution"] == "Bureau of Meteorology"
    assert attrs["station_id"] == 2
    assert attrs["history"].split("\n") == [
        "made by rainfields",
        f"2026-05-01T12:30:00Z nowcast {__version__}: wrote precipitation",
    ]
    assert not [name for name in to_dataset(projected)["precipitation"].attrs if name.startswith("dataset:")]


def test_the_count_of_chunks_of_an_older_store_is_not_passed_on(cube: xr.DataArray) -> None:
    assert "nowcast_chunks" not in to_dataset(cube.assign_attrs({"dataset:nowcast_chunks": {"a": 1}})).attrs


def test_attributes_that_no_file_can_hold(cube: xr.DataArray) -> None:
    odd = {
        "nothing": None,
        "truth": True,
        "table": {"a": [1, 2]},
        "mixed": [1, "a"],
        "numbers": [1, 2],
        "words": ["a", "b"],
        "none": [],
        "time": np.datetime64("2026-01-01"),
        "huge": 2**70,
        "a/b": "slash",
    }
    attrs = to_dataset(cube.assign_attrs(odd))["rain_rate"].attrs
    assert "nothing" not in attrs
    assert attrs["truth"] == 1
    assert attrs["table"] == '{"a": [1, 2]}'
    assert attrs["mixed"] == '[1, "a"]'
    assert list(attrs["numbers"]) == [1, 2]
    assert attrs["words"] == ["a", "b"]
    assert attrs["none"] == "[]"
    assert attrs["time"] == "2026-01-01"
    assert attrs["huge"] == str(2**70)
    assert attrs["a_b"] == "slash"


def test_forecast_coordinates(forecast_maker: Callable[..., xr.DataArray], projected: xr.DataArray) -> None:
    dataset = to_dataset(forecast_maker(projected, references=2), now=NOW)
    assert dataset["precipitation"].dims == ("forecast_reference_time", "lead_time", "y", "x")
    assert dataset["precipitation"].attrs["coordinates"] == "valid_time"
    assert dataset["precipitation"].attrs["nowcast_inputs"] == "a.nc"
    assert dataset["forecast_reference_time"].attrs == {
        "standard_name": "forecast_reference_time",
        "units": "seconds since 1970-01-01 00:00:00",
        "calendar": "standard",
    }
    lead = dataset["lead_time"]
    assert list(lead.values) == [5, 10, 15]
    assert (lead.attrs["units"], lead.attrs["standard_name"]) == ("minutes", "forecast_period")
    assert dataset["valid_time"].attrs["standard_name"] == "time"
    assert dataset["valid_time"].dtype == np.int64
    assert dataset.attrs["history"].endswith(": forecast of precipitation by convlstm")


def test_a_forecast_takes_no_packing_and_no_range_of_codes(
    forecast_maker: Callable[..., xr.DataArray], projected: xr.DataArray
) -> None:
    cube = forecast_maker(projected.assign_attrs(valid_min=np.int16(0), actual_range=[0.0, 1.0]))
    cube.encoding = dict(PACKING)
    field = to_dataset(cube)["precipitation"]
    assert field.dtype == np.float32
    assert np.isnan(field.attrs["_FillValue"])
    assert not {"scale_factor", "valid_min", "actual_range"} & set(field.attrs)


@pytest.mark.parametrize("change", ["dims", "no lead", "numbers", "empty"])
def test_what_is_no_forecast_cube(
    change: str, forecast_maker: Callable[..., xr.DataArray], projected: xr.DataArray
) -> None:
    cube = forecast_maker(projected)
    wrong = {
        "dims": lambda: cube.transpose("lead_time", ...),
        "no lead": lambda: cube.drop_vars("lead_time"),
        "numbers": lambda: cube.assign_coords(lead_time=[5, 10, 15]),
        "empty": lambda: cube.isel(lead_time=slice(0)),
    }
    with pytest.raises(InputError):
        to_dataset(wrong[change]())


@pytest.mark.parametrize("lazy", [False, True])
def test_packing_is_kept_where_values_fit(lazy: bool, cube: xr.DataArray) -> None:
    codes = np.arange(cube.size, dtype="int16").reshape(cube.shape) * 3
    values = codes * 0.05
    values[0, 0, 0, 0] = np.nan
    field = to_dataset(_packed(cube, da.from_array(values, chunks=(5, 1, 8, 10)) if lazy else values))["rain_rate"]
    assert field.dtype == np.int16
    codes[0, 0, 0, 0] = -32768
    np.testing.assert_array_equal(field.values, codes[:, 0])
    assert {name: field.attrs[name] for name in ("scale_factor", "add_offset", "_FillValue")} == {
        name: PACKING[name] for name in ("scale_factor", "add_offset", "_FillValue")
    }


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (4000.0, {}),
        (-32768 * 0.05, {}),
        (np.inf, {}),
        (np.nan, {"_FillValue": None}),
        (0.4, {"scale_factor": None, "add_offset": None}),
    ],
    ids=["too large", "the fill code", "infinite", "missing without a code", "a fraction"],
)
def test_what_packing_would_corrupt_does_not_fit(value: float, encoding: dict[str, object], cube: xr.DataArray) -> None:
    values = np.zeros(cube.shape, dtype="float32")
    values[-1, 0, 3, 4] = value
    lazy = to_dataset(_packed(cube, da.from_array(values, chunks=(1, 1, 8, 10)), **encoding))
    with pytest.raises(DoesNotFitError):
        lazy.load()
    field = to_dataset(_packed(cube, values, **encoding), packed=False)["rain_rate"]
    np.testing.assert_array_equal(field.values, values[:, 0])


def test_codes_stored_as_signed_for_unsigned() -> None:
    packing = packing_of({"dtype": "int8", "_Unsigned": "true", "_FillValue": np.int8(-1), "scale_factor": 0.5})
    assert packing is not None
    assert packing.dtype == np.uint8
    np.testing.assert_array_equal(packing.pack(np.array([0.0, 100.0, np.nan])), [0, 200, 255])


def test_ranges_of_codes_become_ranges_of_values_when_unpacked(cube: xr.DataArray) -> None:
    cube = _packed(cube.assign_attrs(valid_range=np.array([0, 20], dtype="int16")), cube.values % 2)
    field = to_dataset(cube, packed=False)["rain_rate"]
    np.testing.assert_allclose(field.attrs["valid_range"], [0.0, 1.0])


def test_integers_stay_as_they_are(cube: xr.DataArray) -> None:
    field = to_dataset(cube.astype("uint8"))["rain_rate"]
    assert field.dtype == np.uint8
    assert "_FillValue" not in field.attrs


def test_values_beyond_float32_are_refused(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="float32"):
        to_dataset(cube.astype("float64") + 1e39)


def test_bounds_that_the_cube_cannot_carry_are_not_named(geographic: xr.DataArray) -> None:
    cube = geographic.assign_coords(y=geographic["y"].assign_attrs(bounds="lat_bnds"))
    assert "bounds" not in to_dataset(cube)["lat"].attrs
    assert cube["y"].attrs["bounds"] == "lat_bnds"


def test_the_cube_is_not_changed(projected: xr.DataArray, forecast_maker: Callable[..., xr.DataArray]) -> None:
    for cube in (projected, forecast_maker(projected)):
        before = cube.copy(deep=True)
        to_dataset(cube)
        xr.testing.assert_identical(cube, before)


def test_ranges_of_coordinates_have_the_coordinates_type(projected: xr.DataArray) -> None:
    """As they come back from zarr, whose attributes are JSON, they are of no particular type."""
    x = projected["x"].astype("float32").assign_attrs(valid_min=-127.5, valid_range=[-127.5, 128.0], comment="km")
    attrs = to_dataset(projected.assign_coords(x=x))["x"].attrs
    assert attrs["valid_min"].dtype == np.float32
    assert attrs["valid_range"].dtype == np.float32
    assert attrs["valid_range"].tolist() == [-127.5, 128.0]
    assert attrs["comment"] == "km"


def test_all_products_are_in_one_dataset(projected: xr.DataArray, products_maker: Callable[..., xr.Dataset]) -> None:
    forecast = products_maker(projected)
    dataset = to_dataset(forecast, now=NOW)
    assert dataset.attrs["nowcast_variable"] == "precipitation"
    assert dataset.attrs["institution"] == "Bureau of Meteorology"
    assert dataset.attrs["history"].endswith(": forecast of precipitation by dice")
    mean, matched, chance = (dataset[name] for name in ("precipitation", "precipitation_matched", CHANCE))
    assert mean.dims == matched.dims == ("forecast_reference_time", "lead_time", "y", "x")
    assert chance.dims == ("forecast_reference_time", "lead_time", "threshold", "y", "x")
    assert (mean.dtype, matched.dtype, chance.dtype) == (np.float32, np.float32, np.uint16)
    products = [each.attrs["nowcast_product"] for each in (mean, matched, chance)]
    assert products == ["mean", "matched", "probability"]
    for each in (mean, matched, chance):
        assert each.attrs["grid_mapping"] == "proj"
        assert each.attrs["coordinates"] == "valid_time"
    assert matched.attrs["units"] == "kg m-2"
    assert {name: chance.attrs[name] for name in ("units", "scale_factor", "_FillValue", "lowest", "highest")} == {
        "units": "1",
        "scale_factor": 1e-4,
        "_FillValue": 65535,
        "lowest": 0.0,
        "highest": 10.0,
    }
    assert chance.attrs["long_name"] == "probability that precipitation reaches the threshold"
    assert dataset["threshold"].values.tolist() == [0.1, 1.0, 5.0]
    assert dataset["threshold"].attrs["units"] == "kg m-2"
    assert dataset["threshold"].attrs["spp__relative_to_threshold"] == "greater_than_or_equal_to"
    known = np.nan_to_num(forecast[CHANCE].values[:, :, :, 0] * 1e4, nan=65535)
    np.testing.assert_allclose(chance.values, known, atol=0.5001)
    assert chance.values[0, 0, 0, 0, 0] == 65535


def test_products_bear_the_sources_dims_though_only_the_mean_tells_them(
    geographic: xr.DataArray, products_maker: Callable[..., xr.Dataset]
) -> None:
    forecast = products_maker(geographic)
    assert "source_dims" not in forecast["probability_of_rain_rate_above_threshold"].attrs
    chance = to_dataset(forecast)["probability_of_rain_rate_above_threshold"]
    assert chance.dims == ("forecast_reference_time", "lead_time", "threshold", "lat", "lon")


def test_what_is_true_of_the_value_is_not_said_of_its_probability(
    projected: xr.DataArray, products_maker: Callable[..., xr.Dataset]
) -> None:
    forecast = products_maker(projected)
    same = {**projected.attrs, "valid_min": np.int16(0), "cell_methods": "time: sum"}
    forecast[CHANCE].attrs = {**same, **forecast[CHANCE].attrs, "method": "cascade"}
    attrs = to_dataset(forecast)[CHANCE].attrs
    assert not {"standard_name", "valid_min", "cell_methods"} & set(attrs)
    assert attrs["long_name"].startswith("probability")
    assert attrs["method"] == "cascade"


@pytest.mark.parametrize("lacking", ["precipitation", "precipitation_matched", CHANCE])
def test_a_forecast_that_lacks_a_product_is_refused(
    lacking: str, projected: xr.DataArray, products_maker: Callable[..., xr.Dataset]
) -> None:
    with pytest.raises(InputError):
        to_dataset(products_maker(projected).drop_vars(lacking))


@pytest.mark.parametrize("value", [1.001, -0.001, np.inf])
@pytest.mark.parametrize("lazy", [False, True])
def test_what_is_no_probability_is_refused(
    value: float, lazy: bool, projected: xr.DataArray, products_maker: Callable[..., xr.Dataset]
) -> None:
    forecast = products_maker(projected)
    forecast[CHANCE][1, 0, 2, 0, 3, 4] = value
    with pytest.raises(InputError, match="no probabilities"):
        to_dataset(forecast.chunk() if lazy else forecast).load()


def test_sums_that_miss_one_by_a_rounding_are_probabilities() -> None:
    values = np.array([-1e-7, 0.0, 0.00014, 1.0, 1 + 1e-6, np.nan], "float32")
    assert pack_probability(values).tolist() == [0, 0, 1, 10000, 10000, 65535]
