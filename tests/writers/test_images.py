from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.writers.images import blocks, images_of, pixel_dtype
from nowcast.writers.packing import DoesNotFitError


def test_a_cube_is_one_image(cube: xr.DataArray) -> None:
    (image,) = images_of(cube.assign_attrs(nowcast_model="convlstm", stray=1))
    assert image.name == "rain_rate"
    assert (image.step, image.offsets, image.start) == (300, None, pd.Timestamp("2026-05-01"))
    assert (image.pixel, image.unit) == ((1000, 1000), "m")
    assert image.corner is None  # y runs down
    assert image.channels == ()
    assert image.notes["units"] == "mm h-1"
    assert image.notes["nowcast_model"] == "convlstm"
    assert "stray" not in image.notes


def test_sequences_and_times(cube: xr.DataArray) -> None:
    clips = cube.assign_coords(sequence=("time", np.repeat(["a", "b"], 6)))
    assert [(image.name, image.frames.sizes["time"]) for image in images_of(clips)] == [("a", 6), ("b", 6)]
    assert images_of(clips.isel(time=[6]))[0].start == pd.Timestamp("2026-05-01T00:30")
    uneven = images_of(cube.isel(time=[0, 1, 3]))[0]
    assert (uneven.step, uneven.offsets) == (None, (0, 300, 900))
    alone = images_of(cube.isel(time=[2]))[0]
    assert (alone.step, alone.offsets) == (None, None)
    clock = cube["time"].assign_attrs(counted_from="first frame")
    assert images_of(cube.assign_coords(time=clock))[0].start is None


def test_frames_of_video_are_even_although_nanoseconds_are_not(cube: xr.DataArray) -> None:
    times = np.round(np.arange(12) * 1e9 / 30).astype("timedelta64[ns]") + np.datetime64("2026-05-01", "ns")
    assert images_of(cube.assign_coords(time=times))[0].step == pytest.approx(1 / 30, rel=1e-9)


def test_forecasts(cube: xr.DataArray, forecast_maker: Callable[..., xr.DataArray]) -> None:
    images = images_of(forecast_maker(cube, references=2, leads=3, realizations=2))
    assert [image.name for image in images] == [
        "2026-05-01T00:00:00 member 0",
        "2026-05-01T00:00:00 member 1",
        "2026-05-01T00:05:00 member 0",
        "2026-05-01T00:05:00 member 1",
    ]
    assert [image.start for image in images[1:3]] == [
        pd.Timestamp("2026-05-01T00:05"),
        pd.Timestamp("2026-05-01T00:10"),
    ]
    assert images[0].step == 300
    assert images[0].frames.dims == ("lead_time", "channel", "y", "x")
    assert images[0].notes["nowcast_inputs"] == "a.nc"


@pytest.mark.parametrize(
    ("units", "step", "expected"),
    [
        ("um", 0.35, (0.35, "um")),
        ("µm", 2, (2, "um")),
        ("km", 1, (1, "km")),
        ("degrees_north", 1, None),
        ("1", 1, None),
    ],
)
def test_pixels(cube: xr.DataArray, units: str, step: float, expected: tuple[float, str] | None) -> None:
    sides = {axis: (axis, 7 + step * np.arange(cube.sizes[axis]), {"units": units}) for axis in "yx"}
    (image,) = images_of(cube.assign_coords(sides))
    if expected is None:
        assert image.pixel is None
    else:
        assert (image.pixel, image.unit) == ((expected[0], expected[0]), expected[1])
        assert image.corner == (7, 7)


def test_types(cube: xr.DataArray) -> None:
    whole = cube.copy()
    whole.encoding = {"dtype": "uint16"}
    scaled = cube.copy()
    scaled.encoding = {"dtype": "int16", "scale_factor": 0.1}
    assert pixel_dtype(cube) == np.float32
    assert pixel_dtype(scaled) == np.float32
    assert pixel_dtype(whole) == np.uint16
    assert pixel_dtype(whole, packed=False) == np.float32
    assert pixel_dtype(cube.astype("int64")) == np.float64
    assert pixel_dtype(cube.astype(">i2")) == np.dtype("int16")
    assert next(blocks(whole, np.dtype("uint16"))).dtype == np.uint16
    for wrong in (whole + 0.5, whole.where(whole > 10), whole - 1, whole + 65535):
        with pytest.raises(DoesNotFitError):
            list(blocks(wrong, np.dtype("uint16")))
    with pytest.raises(InputError, match="float32"):
        list(blocks(cube.astype("float64") * 1e300, np.dtype("float32")))


def test_lazy_frames_come_block_by_block(cube: xr.DataArray) -> None:
    parts = list(blocks(cube.chunk(time=5), np.dtype("float32")))
    assert [len(part) for part in parts] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate(parts), cube.values)
