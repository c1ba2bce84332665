from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers import open_cube
from nowcast.readers.labelling.gridded import as_cube
from nowcast.readers.options import Options

SINCE = {"units": "hours since 2020-01-01"}


def gridded(dims: tuple[str, ...] = ("time", "y", "x"), shape: tuple[int, ...] = (2, 3, 4), **coords) -> xr.Dataset:
    values = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    times = {"time": ("time", [0, 1], SINCE)} if "time" in dims and "time" not in coords else {}
    return xr.Dataset({"v": (dims, values)}, coords={**times, **coords})


def refused(dataset: xr.Dataset, **options) -> str:
    with pytest.raises(InputError) as refusal:
        as_cube(dataset, "file", Options(**options))
    return str(refusal.value)


def test_axes_by_attributes_whatever_their_order_and_names() -> None:
    dataset = gridded(
        ("a", "b", "c"),
        (4, 2, 3),
        a=("a", np.arange(4.0), {"standard_name": "projection_x_coordinate", "units": "m"}),
        b=("b", [0, 1], SINCE),
        c=("c", np.arange(3.0), {"units": "degrees_north"}),
    )
    cube = as_cube(dataset, "file", Options())
    assert cube.attrs["source_dims"] == "time=b y=c x=a"
    np.testing.assert_array_equal(cube.values[:, 0], dataset["v"].transpose("b", "c", "a").values)
    assert cube["x"].attrs == {"standard_name": "projection_x_coordinate", "units": "m"}


def test_axes_by_order_when_nothing_else_tells() -> None:
    cube = as_cube(gridded(("time", "p", "q")), "file", Options())
    assert cube.attrs["source_dims"] == "time=time y=p x=q"


def test_times_along_an_unnamed_dim_become_its_coordinate() -> None:
    cube = as_cube(
        gridded(("record", "y", "x"), time=("record", [0, 1], {**SINCE, "standard_name": "time"})), "file", Options()
    )
    assert cube["time"].values[1] == np.datetime64("2020-01-01T01:00")
    assert cube.attrs["source_dims"] == "time=record y=y x=x"


def test_the_only_moments_along_the_axis_are_its_times_as_in_wrf() -> None:
    minutes = {"units": "minutes since 2020-01-01 00:00:00", "description": "minutes since the start"}
    dataset = gridded(
        ("Time", "south_north", "west_east"),
        XTIME=("Time", np.array([0, 60], "f4"), minutes),
        Times=("Time", np.array(["2020-01-01_00:00:00", "2020-01-01_01:00:00"], "S19")),
    )
    cube = as_cube(dataset, "file", Options())
    assert cube["time"].dt.strftime("%H:%M").values.tolist() == ["00:00", "01:00"]
    other = dataset.assign_coords(end=("Time", np.array([60, 120], "f4"), minutes))
    with pytest.raises(InputError, match="nothing says when"):
        as_cube(other, "file", Options())


def test_sequence_scalars_and_fields_of_coordinates_are_kept() -> None:
    dataset = gridded(
        sequence=("time", [0, 1]), height=((), 2.0, {"units": "km"}), lat=(("y", "x"), np.ones((3, 4)))
    ).assign(quality=(("time", "y", "x"), np.zeros((2, 3, 4), "u1"), {"flag_values": [0, 1]}))
    cube = as_cube(dataset, "file", Options())
    assert cube["sequence"].dims == ("time",)
    assert cube["height"].attrs == {"units": "km"}
    assert cube["lat"].dims == ("y", "x")
    assert cube.name == "v"


def test_grid_mapping_is_named_in_attributes_and_carried() -> None:
    dataset = gridded().assign(crs=((), 0, {"grid_mapping_name": "mercator"}))
    dataset["v"].attrs["grid_mapping"] = "crs: x y"
    cube = as_cube(dataset, "file", Options()) + 0.0
    assert as_cube(dataset, "file", Options()).attrs["grid_mapping"] == "crs"
    assert cube["crs"].attrs == {"grid_mapping_name": "mercator"}


def test_bounds_are_left_behind_and_not_named() -> None:
    dataset = gridded().assign(time_bnds=(("time", "nv"), np.zeros((2, 2))))
    dataset["time"].attrs["bounds"] = "time_bnds"
    assert "bounds" not in as_cube(dataset, "file", Options())["time"].attrs


def test_channels() -> None:
    dataset = gridded(("time", "band", "y", "x"), (2, 3, 3, 4), band=("band", ["red", "green", "nir"]))
    cube = as_cube(dataset, "file", Options())
    assert cube["channel"].values.tolist() == ["red", "green", "nir"]
    assert cube.attrs["source_dims"] == "time=time channel=band y=y x=x"
    for asked in ("green", 1, "1"):
        one = as_cube(dataset, "file", Options(channel=asked))
        np.testing.assert_array_equal(one.values[:, 0], dataset["v"].values[:, 1])
    assert "did you mean 'green'" in refused(dataset, channel="gren")
    assert "no channels" in refused(gridded(), channel=1)


def test_other_axes_are_asked_about() -> None:
    dataset = gridded(("time", "level", "y", "x"), (2, 3, 3, 4), level=("level", [1000, 850, 500]))
    message = refused(dataset)
    assert "'level'" in message
    assert "--channel" in message
    cube = as_cube(dataset, "file", Options(channel="850"))
    np.testing.assert_array_equal(cube.values[:, 0], dataset["v"].values[:, 1])
    assert int(cube["level"]) == 850
    single = as_cube(dataset.isel(level=[2]), "file", Options())
    assert int(single["level"]) == 500


@pytest.mark.parametrize(
    ("units", "wanted"),
    [
        ("hours since 2020-01-01 00:00:00 +02:00", "2019-12-31T23:00"),
        ("Hour since 2019-12-31T23:00:00Z", "2020-01-01T00:00"),
        ("minutes since 2020-01-01 00:00:00 UTC", "2020-01-01T00:01"),
    ],
)
def test_time_zones_end_in_utc(units: str, wanted: str) -> None:
    cube = as_cube(gridded(time=("time", [0, 1], {"units": units})), "file", Options())
    assert cube["time"].values[1] == np.datetime64(wanted)


def test_hours_as_fractions_give_whole_seconds() -> None:
    hours = 1e6 + np.array([1, 2]) / 12
    times = as_cube(gridded(time=("time", hours, {"units": "hours since 1901-01-01"})), "file", Options())[
        "time"
    ].values
    assert times[1] - times[0] == np.timedelta64(300, "s")


@pytest.mark.parametrize("calendar", ["noleap", "360_day", "julian"])
def test_other_calendars_are_refused_by_name(calendar: str) -> None:
    assert calendar in refused(gridded(time=("time", [0, 1], {**SINCE, "calendar": calendar})))


def test_units_of_time_do_not_turn_values_into_spans() -> None:
    dataset = gridded(age=((), 3.0, {"units": "hours"}))
    dataset["v"].attrs["units"] = "s"
    cube = as_cube(dataset, "file", Options())
    assert cube.dtype == "float32"
    assert cube["age"].dtype == "float64"


@pytest.mark.parametrize(("methods", "wanted"), [("time: sum", "10:05"), ("time: point", "10:00"), (None, "10:00")])
def test_time_from_attributes(methods: str | None, wanted: str) -> None:
    dataset = gridded(("y", "x"), (3, 4))
    dataset.attrs = {
        "date_created": "2021-01-01",
        "time_coverage_start": "2020-01-01T10:00:00Z",
        "time_coverage_end": "2020-01-01T10:05:00Z",
    }
    if methods:
        dataset["v"].attrs["cell_methods"] = methods
    cube = as_cube(dataset, "file", Options())
    assert cube["time"].values[0] == np.datetime64(f"2020-01-01T{wanted}")
    end = "end" if methods == "time: sum" else "start"
    assert cube.attrs["time_source"] == f"attribute time_coverage_{end}"


def test_stage_iv_is_curvilinear_and_keeps_south_first(shared_data: Path) -> None:
    path = shared_data / "radar" / "stageiv_florence_20180913_netcdf" / "test_stageiv_xyt.nc"
    cube = open_cube(path)
    assert cube.shape == (23, 1, 118, 87)
    assert cube["time"].values[0] == np.datetime64("2018-09-13T19:00")
    assert cube["lat"].values[0, 0] < cube["lat"].values[-1, 0]
    assert "y" not in cube.coords
    with xr.open_dataset(path) as raw:
        np.testing.assert_array_equal(cube.values[:, 0], raw[cube.name].transpose("time", "y", "x").values)


def test_cloud_types_stay_classes(shared_data: Path) -> None:
    cube = open_cube(shared_data / "satellite" / "meteonet_cloudtype_nw_20160101")
    assert cube.dtype == "uint8"
    assert cube.attrs["source_dims"] == "time=time y=lat x=lon"
    assert cube["time"].values[-1] == np.datetime64("2016-01-01T02:15")


def test_goes_lightning(shared_data: Path) -> None:
    folder = shared_data / "satellite" / "goes16_glm_grid_20180702"
    with pytest.raises(InputError, match="holds 8 fields") as refusal:
        open_cube(folder)
    assert "DQF" not in str(refusal.value)
    cube = open_cube(folder, variable="total_energy")
    assert cube["time"].values[0] == np.datetime64("2018-07-02T04:33")
    assert 0.999 < float(cube.isnull().mean()) < 1
    assert cube.dtype == cube.values.dtype == "float32"
    assert cube["y"].values[0] > cube["y"].values[-1]
    assert cube["y"].dtype == "float64"
    assert cube.attrs["grid_mapping"] == "goes_imager_projection"


def test_seviri_keeps_its_odd_directions_and_chunks(shared_data: Path) -> None:
    cube = open_cube(shared_data / "satellite" / "seviri_rss_ir016_20200401" / "sat_data.zarr")
    assert cube.shape == (25, 1, 298, 615)
    assert cube.chunks[0] == (7, 7, 7, 4)
    assert cube["channel"].values.tolist() == ["IR_016"]
    assert cube["y"].values[0] < cube["y"].values[-1]
    assert cube["x"].values[0] > cube["x"].values[-1]
    assert cube["x_osgb"].dims == ("y", "x")


@pytest.mark.parametrize(
    ("name", "attrs", "first"),
    [
        ("rain_202605011200.nc", {}, "2026-05-01T12:00"),
        ("rain.nc", {"time_coverage_start": "2026-05-01T13:00Z"}, "2026-05-01T13:00"),
        ("rain.nc", {"time_coverage_end": "2026-05-01T14:00Z"}, "2020-01-01T00:00"),
        ("rain.nc", {}, "2020-01-01T00:00"),
    ],
)
def test_frames_of_a_known_step_begin_when_the_file_says(name: str, attrs: dict[str, str], first: str) -> None:
    dataset = gridded(shape=(3, 3, 4), time=("time", [0, 1, 2])).drop_vars("time").assign_attrs(attrs)
    cube = as_cube(dataset, f"/data/{name}", Options(time_step="5min", start_time="2020-01-01"))
    assert cube["time"].values.tolist() == [
        (np.datetime64(first, "ns") + np.timedelta64(5 * number, "m")).astype(int) for number in range(3)
    ]
    assert "counted_from" not in cube["time"].attrs
