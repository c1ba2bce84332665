"""ODIM_H5: layouts 2.0 to 2.4, what is missing and what is no rain, whose time it is, and the real OPERA composites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

import nowcast
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.formats.odim import ODIMReader

PROJECTION = "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m +ellps=WGS84"
CODES = np.array([[255, 0, 10, 20], [30, 40, 50, 60], [0, 0, 255, 254]], dtype="u1")
RAIN = {"quantity": "RATE", "gain": 0.1, "offset": 0.0, "nodata": 255.0, "undetect": 0.0}
ECHO = {"quantity": "DBZH", "gain": 0.5, "offset": -32.5, "nodata": 255.0, "undetect": 0.0}
SUM = RAIN | {"quantity": "ACRR"}


def interval(start: str, end: str, date: str = "20260501") -> dict[str, str]:
    return {"startdate": date, "starttime": start, "enddate": date, "endtime": end}


def put(group: h5py.Group, said: dict[str, Any]) -> None:
    for name, value in said.items():
        group.attrs[name] = np.bytes_(value.encode()) if isinstance(value, str) else value


def composite(
    path: Path, *, version: str = "V2_2", kind: str = "COMP", where: dict[str, Any] | None = None
) -> h5py.File:
    """A file without images: 3 rows of 4 pixels of 2 km, its upper left corner at x = 1000 km, y = -500 km."""
    file = h5py.File(path, "w")
    put(file, {"Conventions": f"ODIM_H5/{version}"})
    put(file.create_group("what"), {"object": kind, "date": "20260501", "time": "120500", "source": "ORG:247"})
    there = Transformer.from_crs(PROJECTION, "EPSG:4326", always_xy=True)
    left, top = there.transform(1_000_000.0, -500_000.0)
    right, low = there.transform(1_008_000.0, -506_000.0)
    stated = {"projdef": PROJECTION, "xsize": 4, "ysize": 3, "xscale": 2000.0, "yscale": 2000.0}
    stated |= {"UL_lon": left, "UL_lat": top, "LR_lon": right, "LR_lat": low}
    put(file.create_group("where"), stated | (where or {}))
    return file


def image(file: h5py.File, place: str, said: dict[str, Any], codes: np.ndarray = CODES) -> None:
    group = file.require_group(place)
    group.create_dataset("data", data=codes, chunks=codes.shape, compression=6)
    put(group.require_group("what"), said)


def the_old_way(path: Path) -> None:
    """2.0: everything about the image in dataset1/what, single values as arrays of one."""
    with composite(path, version="V2_0") as file:
        file.create_group("dataset1/data1").create_dataset("data", data=CODES)
        said = {name: value if isinstance(value, str) else np.array([value]) for name, value in RAIN.items()}
        put(file.create_group("dataset1/what"), said | interval("120000", "121500"))
        image(file, "dataset2/data1", RAIN | {"quantity": "QIND"}, CODES * 0)


def the_usual_way(path: Path) -> None:
    """2.2: times in dataset1/what, the packing in data1/what, quality beside it."""
    with composite(path) as file:
        image(file, "dataset1/data1", RAIN)
        put(file.create_group("dataset1/what"), {"product": "COMP"} | interval("120000", "121500"))
        image(file, "dataset1/quality1", {"gain": 1.0, "offset": 0.0}, CODES * 0)


def the_new_way(path: Path) -> None:
    """2.4: strings of variable length, the packing half inherited and half overridden, two qualities."""
    with composite(path, version="V2_4") as file:
        image(file, "dataset1/data1", {"quantity": "RATE", "nodata": 255.0})
        inherited = {"gain": 0.1, "offset": 0.0, "nodata": 77.0, "undetect": 0.0} | interval("120000", "121500")
        for name, value in inherited.items():
            file.require_group("dataset1/what").attrs[name] = value
        image(file, "dataset1/data1/quality1", {"gain": 1.0, "offset": 0.0}, CODES * 0)
        image(file, "dataset1/data2", RAIN | {"quantity": "QIND"}, CODES * 0)


@pytest.mark.parametrize("write", [the_old_way, the_usual_way, the_new_way], ids=lambda write: write.__name__)
def test_layouts(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "rain.h5")
    cube = nowcast.open_cube(tmp_path / "rain.h5")
    assert (cube.name, cube.dtype, cube.shape) == ("rain_rate", np.float32, (1, 1, 3, 4))
    assert (cube.attrs["units"], cube.attrs["standard_name"]) == ("mm h-1", "rainfall_rate")
    nan = np.nan
    expected = [[nan, 0.0, 1.0, 2.0], [3.0, 4.0, 5.0, 6.0], [0.0, 0.0, nan, 25.4]]
    np.testing.assert_allclose(cube.values[0, 0], expected, rtol=1e-7)
    assert cube["time"].values.tolist() == [np.datetime64("2026-05-01T12:05", "ns").astype(int)]  # nominal
    assert cube["start_time"].values[0] == np.datetime64("2026-05-01T12:00")
    assert cube["end_time"].values[0] == np.datetime64("2026-05-01T12:15")
    np.testing.assert_allclose(cube["y"], [-501_000, -503_000, -505_000], atol=0.01)
    np.testing.assert_allclose(cube["x"], [1_001_000, 1_003_000, 1_005_000, 1_007_000], atol=0.01)
    assert cube[cube.attrs["grid_mapping"]].attrs["grid_mapping_name"] == "lambert_azimuthal_equal_area"


def test_nothing_is_read_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    the_usual_way(tmp_path / "rain.h5")
    monkeypatch.setattr("nowcast.readers.formats.odim._decoded", lambda *_: pytest.fail("read"))
    assert nowcast.open_cube(tmp_path / "rain.h5").chunks == ((1,), (1,), (3,), (4,))


def test_sums_are_of_the_end(tmp_path: Path) -> None:
    with composite(tmp_path / "sum.h5") as file:
        image(file, "dataset1/data1", SUM | interval("110000", "120000"))
    cube = nowcast.open_cube(tmp_path / "sum.h5")
    assert (cube.name, cube.attrs["units"]) == ("precipitation_amount", "mm")
    assert cube.attrs["standard_name"] == "lwe_thickness_of_precipitation_amount"
    assert cube.attrs["cell_methods"] == "time: sum (interval: 60 minutes)"
    assert cube["time"].values[0] == np.datetime64("2026-05-01T12:00")
    assert cube["start_time"].values[0] == np.datetime64("2026-05-01T11:00")


def test_no_echo_is_minus_32_dbz(tmp_path: Path) -> None:
    with composite(tmp_path / "echo.h5") as file:
        image(file, "dataset1/data1", ECHO)
    cube = nowcast.open_cube(tmp_path / "echo.h5")
    assert (cube.name, cube.attrs["units"]) == ("reflectivity", "dBZ")
    assert (cube.attrs["undetect_read_as"], cube.attrs["no_echo_value"]) == (-32.0, -32.0)
    np.testing.assert_array_equal(cube.values[0, 0, 0], [np.nan, -32.0, -27.5, -22.5])


def test_codes_far_from_any_value(tmp_path: Path) -> None:
    """As OPERA writes floats: nodata and undetect are large negative numbers."""
    codes = np.array([[-9999000.0, -8888000.0, 0.25, -3.0]] * 3)
    with composite(tmp_path / "echo.h5") as file:
        said = {"gain": 1.0, "offset": 0.0, "nodata": -9999000.0, "undetect": -8888000.0}
        image(file, "dataset1/data1", said | {"quantity": "DBZH"}, codes)
        image(file, "dataset1/data2", said | {"quantity": "VRAD"}, codes)
    for variable, undetected in (("reflectivity", -32.0), ("vrad", np.nan)):
        cube = nowcast.open_cube(tmp_path / "echo.h5", variable=variable)
        np.testing.assert_array_equal(cube.values[0, 0, 0], np.array([np.nan, undetected, 0.25, -3.0], "f4"))


def test_one_code_for_both_is_missing(tmp_path: Path) -> None:
    with composite(tmp_path / "rain.h5") as file:
        image(file, "dataset1/data1", RAIN | {"undetect": 255.0})
    assert np.isnan(nowcast.open_cube(tmp_path / "rain.h5").values[0, 0, 0, 0])


def test_several_quantities(tmp_path: Path) -> None:
    with composite(tmp_path / "both.h5") as file:
        image(file, "dataset1/data1", RAIN)
        image(file, "dataset1/data2", ECHO)
        image(file, "dataset1/data10", ECHO | {"quantity": "TH"}, CODES // 2)
    with pytest.raises(InputError, match="3 fields, choose one"):
        nowcast.open_cube(tmp_path / "both.h5")
    assert nowcast.open_cube(tmp_path / "both.h5", variable="rain_rate").values[0, 0, 1, 0] == 3.0
    assert nowcast.open_cube(tmp_path / "both.h5", variable="reflectivity").values[0, 0, 1, 0] == -17.5
    assert nowcast.open_cube(tmp_path / "both.h5", variable="reflectivity_th").values[0, 0, 1, 0] == -25.0


def test_several_times(tmp_path: Path) -> None:
    """Datasets go by number, not by the alphabet; each is stamped with the end of its interval."""
    with composite(tmp_path / "rain.h5") as file:
        for number in range(1, 12):
            place = f"dataset{number}/data1"
            image(file, place, RAIN | interval(f"12{number:02}00", f"12{number + 5:02}00"), CODES * 0 + number)
    cube = nowcast.open_cube(tmp_path / "rain.h5")
    assert cube.name == "rain_rate"
    np.testing.assert_allclose(cube.values[:, 0, 0, 0], 0.1 * np.arange(1, 12), rtol=1e-6)
    assert cube["time"].values[0] == np.datetime64("2026-05-01T12:06")
    assert (np.diff(cube["time"].values) == np.timedelta64(1, "m")).all()


def test_several_heights(tmp_path: Path) -> None:
    with composite(tmp_path / "cappi.h5") as file:
        for number in (1, 2):
            image(file, f"dataset{number}/data1", ECHO | interval("120000", "120500"), CODES * 0 + number)
    with pytest.raises(InputError, match="2 fields, choose one") as refusal:
        nowcast.open_cube(tmp_path / "cappi.h5")
    assert "reflectivity_2" in str(refusal.value)
    assert nowcast.open_cube(tmp_path / "cappi.h5", variable="reflectivity_2").values[0, 0, 0, 0] == -31.5


def test_fields_of_other_times(tmp_path: Path) -> None:
    with composite(tmp_path / "both.h5") as file:
        image(file, "dataset1/data1", RAIN | interval("115000", "120500"))
        image(file, "dataset2/data1", SUM | interval("110000", "120000"))
    with pytest.raises(InputError, match="of different times, choose one"):
        nowcast.open_cube(tmp_path / "both.h5")
    cube = nowcast.open_cube(tmp_path / "both.h5", variable="precipitation_amount")
    assert cube["time"].values[0] == np.datetime64("2026-05-01T12:00")
    assert nowcast.open_cube(tmp_path / "both.h5", variable="rain_rate")["time"].values[0] == np.datetime64(
        "2026-05-01T12:05"
    )


def test_degrees(tmp_path: Path) -> None:
    where = {"projdef": "+proj=longlat +datum=WGS84", "xscale": 0.5, "yscale": 0.25}
    where |= {"UL_lon": 10.0, "UL_lat": 60.0, "LR_lon": 12.0, "LR_lat": 59.25}
    with composite(tmp_path / "rain.h5", where=where) as file:
        image(file, "dataset1/data1", RAIN)
    cube = nowcast.open_cube(tmp_path / "rain.h5")
    assert cube.attrs["source_dims"] == "time=time y=lat x=lon"
    np.testing.assert_allclose(cube["y"], [59.875, 59.625, 59.375])
    np.testing.assert_allclose(cube["x"], [10.25, 10.75, 11.25, 11.75])
    assert cube["y"].attrs["units"] == "degrees_north"


def test_corners_that_do_not_fit(tmp_path: Path) -> None:
    with composite(tmp_path / "rain.h5", where={"xscale": 4000.0}) as file:
        image(file, "dataset1/data1", RAIN)
    with pytest.warns(NowcastWarning, match=r"do not fit its pixels, by 2 pixels"):
        nowcast.open_cube(tmp_path / "rain.h5")


@pytest.mark.parametrize("kind", ["PVOL", "SCAN", "XSEC"])
def test_other_objects_are_refused(tmp_path: Path, kind: str) -> None:
    with composite(tmp_path / "volume.h5", kind=kind) as file:
        image(file, "dataset1/data1", ECHO)
    with pytest.raises(InputError, match="of another kind") as refusal:
        nowcast.open_cube(tmp_path / "volume.h5")
    assert f"object '{kind}'" in str(refusal.value)
    assert "composite" in str(refusal.value)


def without_time(file: h5py.File) -> None:
    del file["what"].attrs["time"]


def time_that_is_none(file: h5py.File) -> None:
    file["what"].attrs["date"] = "20261399"


def without_images(file: h5py.File) -> None:
    del file["dataset1"]


def without_projection(file: h5py.File) -> None:
    del file["where"].attrs["projdef"]


def without_what(file: h5py.File) -> None:
    del file["what"]


def another_size(file: h5py.File) -> None:
    file["where"].attrs["xsize"] = 5


def no_size(file: h5py.File) -> None:
    file["where"].attrs["xscale"] = 0.0


def no_number(file: h5py.File) -> None:
    file["dataset1/data1/what"].attrs["gain"] = "abc"


def endless_gain(file: h5py.File) -> None:
    file["dataset1/data1/what"].attrs["gain"] = np.inf


def three_dims(file: h5py.File) -> None:
    del file["dataset1/data1/data"]
    file["dataset1/data1/data"] = CODES[None]


def texts(file: h5py.File) -> None:
    del file["dataset1/data1/data"]
    file["dataset1/data1/data"] = np.full((3, 4), b"rain")


def two_sizes(file: h5py.File) -> None:
    image(file, "dataset2/data1", ECHO, CODES[:2])


DAMAGE = [without_time, time_that_is_none, without_images, without_projection, without_what, another_size, no_size]
DAMAGE += [no_number, endless_gain, three_dims, texts, two_sizes]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_told(tmp_path: Path, damage: Callable[[h5py.File], None]) -> None:
    path = tmp_path / "rain.h5"
    with composite(path) as file:
        image(file, "dataset1/data1", RAIN)
        damage(file)
    with pytest.raises(InputError, match=r"rain\.h5"):
        nowcast.open_cube(path).values  # noqa: B018


def test_other_files_are_not_recognised(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["Conventions"] = "CF-1.8"
    (tmp_path / "text.h5").write_text("ODIM_H5/V2_2")
    assert not any(ODIMReader().recognises(tmp_path / name) for name in ("other.h5", "text.h5", "."))


@pytest.fixture(scope="module")
def opera(shared_data: Path) -> Path:
    return shared_data / "radar" / "opera_20180824_odim"


def test_opera_is_one_cube(opera: Path) -> None:
    cube = nowcast.open_cube(opera)
    assert (cube.name, cube.shape) == ("rain_rate", (2, 1, 2200, 1900))
    times = ["2018-08-24T22:15:00", "2018-08-24T22:30:00"]
    assert np.datetime_as_string(cube["time"].values, "s").tolist() == times
    np.testing.assert_array_equal(cube["x"], 1000.0 + 2000.0 * np.arange(1900))
    np.testing.assert_array_equal(cube["y"], -1000.0 - 2000.0 * np.arange(2200))
    values = cube.isel(time=0, channel=0).values
    assert round(float(np.nanmax(values)), 2) == 8646.82
    assert (round(float(np.isnan(values).mean()), 2), round(float((values == 0).mean()), 2)) == (0.5, 0.38)


def test_opera_corners(opera: Path) -> None:
    """From the axes and the CF attributes back to the corners that the file states, to 0.1 m."""
    path = min(opera.glob("*.hdf"))
    cube = nowcast.open_cube(path)
    there = Transformer.from_crs(cube["crs"].attrs["crs_wkt"], "EPSG:4326", always_xy=True)
    x, y = cube["x"].values, cube["y"].values
    with h5py.File(path) as file:
        corners = dict(file["where"].attrs)
    for name, at in {"UL": (0, 0), "UR": (-1, 0), "LL": (0, -1), "LR": (-1, -1)}.items():
        right, up = (1000 if at[0] else -1000), (-1000 if at[1] else 1000)
        found = there.transform(x[at[0]] + right, y[at[1]] + up)
        np.testing.assert_allclose(found, [corners[f"{name}_lon"], corners[f"{name}_lat"]], atol=1e-6)


def test_opera_values_are_the_files(opera: Path) -> None:
    path = min(opera.glob("*.hdf"))
    with h5py.File(path) as file:
        stored = file["dataset1/data1/data"][1000:1100, 900:1000]
    values = nowcast.open_cube(path).isel(time=0, channel=0, y=slice(1000, 1100), x=slice(900, 1000)).values
    rain = stored > -1
    assert rain.any()
    np.testing.assert_array_equal(values[rain], stored[rain].astype("float32"))
    np.testing.assert_array_equal(np.isnan(values), stored == -9999000)
    assert (values[stored == -8888000] == 0).all()


def test_reader_gives_names_of_the_file(tmp_path: Path) -> None:
    the_usual_way(tmp_path / "rain.h5")
    from nowcast.readers.options import Options

    dataset = ODIMReader().open(tmp_path / "rain.h5", Options())
    assert isinstance(dataset, xr.Dataset)
    assert dataset["rain_rate"].dims == ("time", "y", "x")
    assert dataset.attrs["source"] == "ORG:247"
