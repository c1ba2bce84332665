"""What is said of a cube: against numpy, with gaps, sequences, missing pixels and chunks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import cube as cubes
from nowcast.description import describe
from nowcast.errors import InputError

Maker = Callable[..., xr.DataArray]


def at(cube: xr.DataArray, seconds: Any) -> xr.DataArray:
    """The cube with its frames at these seconds."""
    start = np.datetime64("2026-05-01T00:00", "ns")
    times = start + (np.asarray(seconds, float) * 1e9).astype("timedelta64[ns]")
    return cube.assign_coords(time=("time", times))


CONTRACT = {
    "variable", "units", "dims", "shape", "dtype", "time_start", "time_end", "time_step_seconds", "gaps", "sequences",
    "missing_fraction", "min", "max", "crs", "pixel_size", "chunks", "warnings",
}  # fmt: skip
"""What DESIGN.md promises of `nowcast inspect --json`."""


def test_the_description_is_one_json_object_with_every_promised_key(cube: xr.DataArray) -> None:
    told = json.loads(json.dumps(describe(cube.chunk(time=4)).to_dict(), allow_nan=False))
    assert set(told) >= CONTRACT
    assert told["variable"] == "rain_rate"
    assert told["units"] == "mm h-1"
    assert told["dims"] == ["time", "channel", "y", "x"]
    assert told["shape"] == [12, 1, 8, 10]
    assert told["dtype"] == "float32"
    assert (told["time_start"], told["time_end"]) == ("2026-05-01T00:00:00", "2026-05-01T00:55:00")
    assert told["time_step_seconds"] == 300
    assert (told["gaps"], told["sequences"], told["warnings"]) == ([], 1, [])
    assert told["crs"] == "transverse_mercator"
    assert told["pixel_size"] == {"y": 1000.0, "x": 1000.0, "units": "m", "y_rises": False, "x_rises": True}
    assert told["chunks"] == {"time": 4, "channel": 1, "y": 8, "x": 10}
    assert told["bytes"] == cube.nbytes


@pytest.mark.parametrize("chunks", [None, {"time": 1}, {"time": 5, "y": 3}], ids=["memory", "frames", "blocks"])
def test_numbers_are_those_of_numpy_and_missing_pixels_enter_none(cube: xr.DataArray, chunks: dict[str, int]) -> None:
    values = np.random.default_rng(1).gamma(0.5, 4, cube.shape).astype("float32")
    values[values < 0.5] = 0
    values[5] = np.nan
    values[:, :, :2] = np.nan
    patchy = cube.copy(data=values)
    told = describe(patchy if chunks is None else patchy.chunk(chunks))
    assert told.missing_fraction == pytest.approx(np.isnan(values).mean())
    assert told.min == np.nanmin(values)
    assert told.max == np.nanmax(values)
    assert told.zero_fraction == pytest.approx((values == 0).sum() / np.isfinite(values).sum())
    for share, value in told.quantiles.items():
        assert value == pytest.approx(np.nanquantile(values, float(share)), rel=1e-5)
    assert told.warnings == ["1 frame(s) hold no value at all, the first 2026-05-01T00:25:00"]


def test_whole_numbers_are_described(cube: xr.DataArray) -> None:
    values = (np.arange(cube.size) % 7).reshape(cube.shape)
    for kind in ("uint8", "int16"):
        told = describe(cube.copy(data=values.astype(kind)))
        assert (told.min, told.max, told.missing_fraction) == (0, 6, 0)
        assert told.zero_fraction == pytest.approx((values == 0).mean())
        assert told.dtype == kind


@pytest.mark.parametrize("lazy", [False, True])
def test_a_cube_without_any_value_is_described_without_numbers(cube: xr.DataArray, lazy: bool) -> None:
    empty = cube.copy(data=np.full(cube.shape, np.nan, "float32"))
    told = describe(empty.chunk(time=1) if lazy else empty)
    assert (told.min, told.max, told.missing_fraction, told.quantiles) == (None, None, 1, {})
    assert told.warnings == ["12 frame(s) hold no value at all, the first 2026-05-01T00:00:00"]
    json.dumps(told.to_dict(), allow_nan=False)


def test_what_makes_a_cube_useless_is_a_warning(cube: xr.DataArray) -> None:
    poor = xr.zeros_like(cube.isel(time=[0])).drop_attrs().drop_vars("x")
    said = " | ".join(describe(poor).warnings)
    for part in ("every value is 0", "no units", "one frame only", "no regular coordinates"):
        assert part in said


def test_absent_chunks_are_told(cube: xr.DataArray) -> None:
    told = describe(cube.assign_attrs(absent_chunks="1 of 4")).warnings
    assert "absent chunks: 1 of 4, read as the store's fill value" in told
    told = describe(cube.assign_attrs(absent_chunks="1 of 4, read as missing")).warnings
    assert not any("fill value" in line for line in told)


def test_gaps_and_sequences_are_described(cube: xr.DataArray) -> None:
    clips = at(cube, 60.0 * np.r_[0:3, 5:8, 1000:1006]).assign_coords(sequence=("time", [0] * 6 + [1] * 6))
    told = describe(clips)
    assert told.sequences == 2
    assert told.gaps == [{"after": "2026-05-01T00:02:00", "seconds": 180.0}]


def test_dims_are_told_in_the_words_of_the_source(cube: xr.DataArray) -> None:
    assert describe(cubes.with_source_dims(cube, {"time": "t", "y": "lat", "x": "lon"})).dims == [
        "t", "channel", "lat", "lon",
    ]  # fmt: skip


def test_what_is_no_cube_is_not_described(cube: xr.DataArray) -> None:
    with pytest.raises(InputError):
        describe(cube.isel(channel=0))


def test_infinite_values_count_as_missing(cube: xr.DataArray) -> None:
    values = cube.values.copy()
    values[0, 0, 0, :2] = -np.inf, np.inf
    told = describe(cube.copy(data=values))
    assert (told.min, told.max) == (2, cube.values.max())
    assert told.missing_fraction == pytest.approx(2 / cube.size)
