"""Projections: CF attributes of texts, points by formulas of one's own, and texts that would open files."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from nowcast.errors import InputError, MachineError, UnsafeError
from nowcast.readers.projections import (
    centres,
    geographic_axes,
    grid_mapping_of,
    is_geographic,
    projected,
    projected_axes,
)

KNMI = "+proj=stere +lat_0=90 +lon_0=0.0 +lat_ts=60.0 +a=6378.137 +b=6356.752 +x_0=0 +y_0=0"
OPERA = "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m +ellps=WGS84"


def test_an_ellipsoid_in_kilometres_becomes_metres() -> None:
    attrs = grid_mapping_of(KNMI, label="f").attrs
    assert attrs["grid_mapping_name"] == "polar_stereographic"
    assert (attrs["semi_major_axis"], attrs["semi_minor_axis"]) == (6378137.0, 6356752.0)
    assert attrs["standard_parallel"] == 60.0
    assert attrs["latitude_of_projection_origin"] == 90.0
    x, y = projected(KNMI, [0.0, 10.856], [49.362, 55.389], label="f")
    np.testing.assert_allclose(x, [0.0, 700_000.0], atol=50)  # the corners are given to 0.001 degrees
    np.testing.assert_allclose(y, [-4_415_000.0, -3_650_000.0], atol=50)


def test_the_south_pole() -> None:
    attrs = grid_mapping_of("+proj=stere +lat_0=-90 +lat_ts=-71 +ellps=WGS84", label="f").attrs
    assert attrs["latitude_of_projection_origin"] == -90.0


def test_opera() -> None:
    mapping = grid_mapping_of(OPERA, label="f")
    assert mapping.shape == ()
    assert mapping.dtype == np.int32
    assert mapping.attrs["grid_mapping_name"] == "lambert_azimuthal_equal_area"
    assert mapping.attrs["false_northing"] == -2_100_000.0
    assert "PROJCRS" in mapping.attrs["crs_wkt"]
    x, y = projected(OPERA, 10.0, 55.0, label="f")
    assert (round(float(x), 3), round(float(y), 3)) == (1_950_000.0, -2_100_000.0)


def test_a_sphere_by_the_formula() -> None:
    """Polar stereographic of a sphere: r = R (1 + sin lat_ts) cos lat / (1 + sin lat)  (Snyder 1987, 21-7, 21-11)."""
    lon, lat = np.array([19.0, 31.5]), np.array([58.0, 70.2])
    x, y = projected("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=25 +R=6371 +units=km", lon, lat, label="f")
    radius = 6_371_000 * (1 + np.sin(np.radians(60))) * np.cos(np.radians(lat)) / (1 + np.sin(np.radians(lat)))
    np.testing.assert_allclose(x, radius * np.sin(np.radians(lon - 25)), atol=0.01)
    np.testing.assert_allclose(y, -radius * np.cos(np.radians(lon - 25)), atol=0.01)


@pytest.mark.parametrize("text", ["EPSG:3067", "epsg:3067", 3067, "3067", "+init=epsg:3067"])
def test_codes(text: Any) -> None:
    attrs = grid_mapping_of(text, label="f").attrs
    assert (attrs["grid_mapping_name"], attrs["longitude_of_central_meridian"]) == ("transverse_mercator", 27.0)


def test_wkt_is_read_back() -> None:
    wkt = grid_mapping_of(OPERA, label="f").attrs["crs_wkt"]
    assert grid_mapping_of(wkt, label="f").attrs["longitude_of_projection_origin"] == 10.0


def test_what_cf_has_no_name_for_is_wkt() -> None:
    assert list(grid_mapping_of("+proj=gnom +lat_0=50 +lon_0=10", label="f").attrs) == ["crs_wkt"]


def test_degrees_stay_degrees() -> None:
    assert is_geographic("+proj=longlat +datum=WGS84", label="f")
    assert not is_geographic(OPERA, label="f")
    for text in ("EPSG:4326", "+proj=longlat +datum=WGS84"):
        x, y = projected(text, [10.0], [50.0], label="f")
        assert (x[0], y[0]) == (10.0, 50.0)


def test_no_grid_is_no_file() -> None:
    mercator = "+proj=merc +a=6378137 +b=6378137 +nadgrids=@null +wktext"
    assert grid_mapping_of(mercator, label="f").attrs["grid_mapping_name"] == "mercator"


@pytest.mark.parametrize(
    "text",
    [
        "+init=/etc/passwd:foo",
        "+init = /etc/passwd:foo",
        "+proj=longlat +nadgrids=/etc/passwd",
        "+proj=longlat;nadgrids=@/etc/passwd",
        "+proj=longlat +ellps=WGS84 +geoidgrids=http://example.org/grid.tif",
        "+proj=pipeline +step +proj=defmodel +model=/etc/passwd",
        'BOUNDCRS[ABRIDGEDTRANSFORMATION["x",METHOD["NTv2"],PARAMETERFILE["Latitude file","/etc/passwd"]]]',
    ],
)
def test_texts_that_open_files_are_refused(text: str) -> None:
    with pytest.raises(UnsafeError, match="names other files") as refusal:
        grid_mapping_of(text, label="rain.h5")
    assert "rain.h5" in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "\0", "\udcff", "+proj=", "+proj=nonsense", "+proj=stere +a=..", b"raw", None, 1.5, "x" * 10_000]
)
def test_texts_that_are_no_projection(text: Any) -> None:
    with pytest.raises(InputError, match="cannot be understood") as refusal:
        grid_mapping_of(text, label="rain.h5")
    assert len(str(refusal.value)) < 400


def test_a_point_behind_the_earth() -> None:
    with pytest.raises(InputError, match="not on its projection"):
        projected("+proj=ortho +lat_0=0 +lon_0=0", [180.0], [0.0], label="f")


def test_pixel_centres() -> None:
    np.testing.assert_allclose(centres(10.0, -2.0, 3), [9.0, 7.0, 5.0])
    axes = projected_axes(centres(10.0, -2.0, 3), centres(0.0, 2.0, 2))
    assert axes["y"].attrs == {"units": "m", "standard_name": "projection_y_coordinate"}
    assert axes["x"].dims == ("x",)
    assert geographic_axes(np.array([1.0]), np.array([2.0]))["lat"].attrs["units"] == "degrees_north"


def test_without_pyproj(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyproj"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MachineError) as refusal:
        grid_mapping_of(OPERA, label="rain.h5")
    assert "pip install 'nowcast[radar]'" in str(refusal.value)
