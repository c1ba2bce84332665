"""KNMI's HDF5 layout: calibration by text, several images, codes for missing, and the real archive of 2010."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from pyproj import Transformer

import nowcast
from nowcast.errors import InputError
from nowcast.readers.formats.knmi import KNMIReader
from nowcast.readers.options import Options

PROJECTION = "+proj=stere +lat_0=90 +lon_0=0.0 +lat_ts=60.0 +a=6378.137 +b=6356.752 +x_0=0 +y_0=0"
CODES = np.array([[0, 1, 72, 65535], [100, 65534, 0, 12]], dtype="u2")
SUM, FORMULA = "ACCUMULATED_PRECIPITATION_[MM]", "GEO=0.01*PV+0.0"


def put(group: h5py.Group, said: dict[str, Any]) -> None:
    for name, value in said.items():
        group.attrs[name] = np.bytes_(value.encode()) if isinstance(value, str) else np.array([value])


def product(path: Path, *, start: str = "25-AUG-2010;23:55:00.000", end: str = "26-AUG-2010;00:00:00.000") -> h5py.File:
    """2 rows of 4 pixels of 1 km; its upper left corner at x = 0, y = -3650 km."""
    file = h5py.File(path, "w")
    put(file.create_group("overview"), {"product_datetime_start": start, "product_datetime_end": end})
    put(file["overview"], {"product_group_name": "RAD_NL25_RAU_5mi"})
    size = {"geo_number_rows": 2, "geo_number_columns": 4, "geo_pixel_size_x": 1.0, "geo_pixel_size_y": -1.0}
    put(file.create_group("geographic"), size | {"geo_row_offset": 3650.0, "geo_column_offset": 0.0})
    put(file["geographic"], {"geo_pixel_def": "LU"})
    put(file.create_group("geographic/map_projection"), {"projection_proj4_params": PROJECTION})
    return file


def image(
    file: h5py.File,
    name: str = "image1",
    *,
    codes: np.ndarray = CODES,
    parameter: str = SUM,
    formula: str = FORMULA,
    missing: int = 65534,
    outside: int = 65535,
    valid: str | None = None,
) -> None:
    group = file.create_group(name)
    group.create_dataset("image_data", data=codes, chunks=codes.shape, compression=6)
    put(group, {"image_geo_parameter": parameter} | ({"image_datetime_valid": valid} if valid else {}))
    said = {"calibration_formulas": formula, "calibration_missing_data": missing, "calibration_out_of_image": outside}
    put(group.create_group("calibration"), said)
    put(group.create_group("statistics"), {"stat_max_value": 0.0})


def test_a_sum_of_five_minutes(tmp_path: Path) -> None:
    with product(tmp_path / "rain.h5") as file:
        image(file)
    cube = nowcast.open_cube(tmp_path / "rain.h5")
    assert (cube.name, cube.dtype, cube.shape) == ("precipitation_amount", np.float32, (1, 1, 2, 4))
    assert (cube.attrs["units"], cube.attrs["cell_methods"]) == ("mm", "time: sum (interval: 5 minutes)")
    assert cube.attrs["standard_name"] == "lwe_thickness_of_precipitation_amount"
    expected = np.array([[0, 0.01, 0.72, np.nan], [1, np.nan, 0, 0.12]], "f4")
    np.testing.assert_array_equal(cube.values[0, 0], expected)
    assert cube["time"].values[0] == np.datetime64("2010-08-26T00:00")
    assert cube["start_time"].values[0] == np.datetime64("2010-08-25T23:55")
    np.testing.assert_array_equal(cube["y"], [-3_650_500, -3_651_500])
    np.testing.assert_array_equal(cube["x"], [500, 1500, 2500, 3500])
    assert cube["crs"].attrs["grid_mapping_name"] == "polar_stereographic"
    assert cube["crs"].attrs["semi_major_axis"] == 6_378_137.0


def test_nothing_is_read_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with product(tmp_path / "rain.h5") as file:
        image(file)
    monkeypatch.setattr("nowcast.readers.formats.knmi._load", lambda *_: pytest.fail("read"))
    dataset = KNMIReader().open(tmp_path / "rain.h5", Options())
    assert dataset["precipitation_amount"].dtype == np.uint16
    monkeypatch.undo()
    again = pickle.loads(pickle.dumps(KNMIReader().open(tmp_path / "rain.h5", Options())["precipitation_amount"].data))
    np.testing.assert_array_equal(again.compute()[0], CODES)


def test_places_of_centres(tmp_path: Path) -> None:
    with product(tmp_path / "rain.h5") as file:
        image(file)
        put(file["geographic"], {"geo_pixel_def": "CC"})
    np.testing.assert_array_equal(nowcast.open_cube(tmp_path / "rain.h5")["x"], [0, 1000, 2000, 3000])


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("GEO=0.500000*PV+-31.500000", 4.5),
        ("GEO = 0.5 * PV - 32", 4.0),
        ("GEO=5e-1*PV", 36.0),
    ],
)
def test_formulas(tmp_path: Path, formula: str, value: float) -> None:
    with product(tmp_path / "echo.h5") as file:
        codes = np.array([[72, 255, 0, 1]] * 2, "u1")
        image(file, codes=codes, parameter="REFLECTIVITY_[DBZ]", formula=formula, missing=0, outside=255)
    cube = nowcast.open_cube(tmp_path / "echo.h5")
    assert (cube.name, cube.attrs["units"]) == ("reflectivity", "dBZ")
    assert cube.values[0, 0, 0, 0] == value
    assert np.isnan(cube.values[0, 0, 0, 1])
    assert cube.values[0, 0, 0, 2] == cube.attrs["no_echo_value"] == value - 36  # 0 is no echo, not missing


@pytest.mark.parametrize(
    "formula", ["GEO=__import__('os').getpid()*PV+0", "GEO=0*PV+1", "GEO=1e999*PV+0", "PV", "", "GEO=1.2.3*PV+0"]
)
def test_formulas_are_not_programs(tmp_path: Path, formula: str) -> None:
    with product(tmp_path / "rain.h5") as file:
        image(file, formula=formula)
    with pytest.raises(InputError, match=r"rain\.h5"):
        nowcast.open_cube(tmp_path / "rain.h5")


def test_images_of_several_times(tmp_path: Path) -> None:
    """As in KNMI's forecasts: image10 comes after image2, and each states its time."""
    base = "26-AUG-2010;12:00:00.000"
    with product(tmp_path / "rain.h5", start=base, end=base) as file:
        for number in range(1, 13):
            valid = f"26-AUG-2010;12:{5 * (number - 1):02}:00.000"
            image(file, f"image{number}", codes=CODES * 0 + number, valid=valid)
    cube = nowcast.open_cube(tmp_path / "rain.h5")
    np.testing.assert_array_equal(cube.values[:, 0, 0, 0], (np.arange(1, 13) / 100).astype("f4"))
    assert cube["time"].values[-1] == np.datetime64("2010-08-26T12:55")
    assert (np.diff(cube["time"].values) == np.timedelta64(5, "m")).all()
    assert cube.attrs["cell_methods"] == "time: sum"


def test_images_of_two_quantities(tmp_path: Path) -> None:
    with product(tmp_path / "both.h5") as file:
        image(file)
        image(file, "image2", parameter="REFLECTIVITY_[DBZ]", formula="GEO=0.5*PV-32")
    with pytest.raises(InputError, match="2 fields, choose one"):
        nowcast.open_cube(tmp_path / "both.h5")
    assert nowcast.open_cube(tmp_path / "both.h5", variable="reflectivity").values[0, 0, 0, 1] == -31.5


def test_images_of_one_time(tmp_path: Path) -> None:
    with product(tmp_path / "both.h5") as file:
        image(file)
        image(file, "image2")
    with pytest.raises(InputError, match="its 2 images make no series"):
        nowcast.open_cube(tmp_path / "both.h5")


def test_images_of_two_calibrations(tmp_path: Path) -> None:
    with product(tmp_path / "both.h5") as file:
        image(file, valid="26-AUG-2010;12:00:00.000")
        image(file, "image2", formula="GEO=0.1*PV", valid="26-AUG-2010;12:05:00.000")
    with pytest.raises(InputError, match="differ in calibration"):
        nowcast.open_cube(tmp_path / "both.h5")


def another_size(file: h5py.File) -> None:
    put(file["geographic"], {"geo_number_rows": 3})


def no_size(file: h5py.File) -> None:
    put(file["geographic"], {"geo_number_rows": "many"})


def vast_size(file: h5py.File) -> None:
    put(file["geographic"], {"geo_number_rows": 10**15})


def no_date(file: h5py.File) -> None:
    put(file["overview"], {"product_datetime_end": "soon"})


def unknown_month(file: h5py.File) -> None:
    put(file["overview"], {"product_datetime_end": "26-XYZ-2010;00:00:00.000"})


def no_projection(file: h5py.File) -> None:
    del file["geographic/map_projection"]


def no_image(file: h5py.File) -> None:
    del file["image1/image_data"]


def texts(file: h5py.File) -> None:
    del file["image1/image_data"]
    file["image1/image_data"] = np.full((2, 4), b"rain")


def code_too_large(file: h5py.File) -> None:
    put(file["image1/calibration"], {"calibration_missing_data": -70_000})


DAMAGE = [another_size, no_size, vast_size, no_date, unknown_month, no_projection, no_image, texts, code_too_large]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_told(tmp_path: Path, damage: Callable[[h5py.File], None]) -> None:
    with product(tmp_path / "rain.h5") as file:
        image(file)
        damage(file)
    with pytest.raises(InputError, match=r"rain\.h5"):
        nowcast.open_cube(tmp_path / "rain.h5")


def test_other_files_are_not_recognised(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("overview")
    assert not any(KNMIReader().recognises(tmp_path / name) for name in ("other.h5", "."))


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "radar" / "knmi_20100826_hdf5").glob("*.h5"))


def test_the_archive_is_one_cube(archive: list[Path]) -> None:
    cube = nowcast.open_cube(archive[-14:])  # through the change of the hour; all 92 take a second
    assert cube.shape == (14, 1, 765, 700)
    assert cube["time"].values[-1] == np.datetime64("2010-08-26T07:35")
    assert (np.diff(cube["time"].values) == np.timedelta64(5, "m")).all()


def test_values_are_the_files(archive: list[Path]) -> None:
    with h5py.File(archive[0]) as file:
        stored = file["image1/image_data"][()]
    values = nowcast.open_cube(archive[0]).values[0, 0]
    assert round(float(np.isnan(values).mean()), 3) == 0.744
    np.testing.assert_array_equal(np.isnan(values), stored == 65535)
    seen = stored != 65535
    np.testing.assert_array_equal(values[seen], (stored[seen] / 100).astype("float32"))
    assert values[seen].max() == np.float32(0.72)  # stat_max_value says 0


def test_corners(archive: list[Path]) -> None:
    """From the axes and the CF attributes back to the corners that the file states to 0.001 degrees."""
    cube = nowcast.open_cube(archive[0])
    with h5py.File(archive[0]) as file:
        stated = file["geographic"].attrs["geo_product_corners"].reshape(4, 2)
    x, y = cube["x"].values, cube["y"].values
    assert (y[0], y[-1], x[-1]) == (-3_650_500, -4_414_500, 699_500)
    there = Transformer.from_crs(cube["crs"].attrs["crs_wkt"], "+proj=longlat +a=6378137 +b=6356752", always_xy=True)
    left, right, top, low = x[0] - 500, x[-1] + 500, y[0] + 500, y[-1] - 500
    found = [there.transform(*corner) for corner in ((left, low), (left, top), (right, top), (right, low))]
    np.testing.assert_allclose(found, stated, atol=0.0006)
