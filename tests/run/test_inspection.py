"""What these files are as one cube, and what fit would do with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import run
from nowcast.errors import InputError

PROMISED = {
    "variable", "units", "dims", "shape", "dtype", "time_start", "time_end", "time_step_seconds", "gaps", "sequences",
    "missing_fraction", "min", "max", "crs", "pixel_size", "chunks", "warnings",
}  # fmt: skip
BEYOND = {"long_name", "zero_fraction", "quantiles", "bytes"}


def test_the_keys_of_the_json_object(cube: xr.DataArray) -> None:
    description, plan = run.inspect(cube, progress=False)
    told = json.loads(json.dumps({**description.to_dict(), "fit": plan}))
    assert set(told) == PROMISED | BEYOND | {"fit"}
    assert set(told["fit"]) == {"context", "horizon", "scaling", "frames", "embargo_frames"}


def test_the_values_of_the_json_object(cube: xr.DataArray, tmp_path: Path) -> None:
    holed = cube.where(cube != 11079)
    path = nowcast.write_cube(holed, tmp_path / "frames.zarr")
    told = run.inspect(path, progress=False)[0].to_dict()
    assert told["variable"] == "rain_rate"
    assert told["units"] == "mm h-1"
    assert told["dims"] == ["time", "channel", "y", "x"]
    assert told["shape"] == [12, 1, 8, 10]
    assert told["dtype"] == "float32"
    assert told["time_start"] == "2026-05-01T00:00:00"
    assert told["time_end"] == "2026-05-01T00:55:00"
    assert told["time_step_seconds"] == 300.0
    assert told["gaps"] == []
    assert told["sequences"] == 1
    assert told["missing_fraction"] == pytest.approx(1 / 960)
    assert told["min"] == 0.0
    assert told["max"] == 11078.0
    assert told["crs"] == "transverse_mercator"
    assert told["pixel_size"] == {"y": 1000.0, "x": 1000.0, "units": "m", "y_rises": False, "x_rises": True}
    assert told["chunks"] == {"time": 12, "channel": 1, "y": 8, "x": 10}
    assert told["warnings"] == []


def test_nothing_stated_is_null(cube: xr.DataArray) -> None:
    bare = xr.DataArray(cube.values, dims=cube.dims, coords={"time": cube["time"].values}, name="x")
    told = run.inspect(bare, progress=False)[0].to_dict()
    assert told["crs"] is None
    assert told["pixel_size"] is None
    assert told["units"] is None
    assert len(told["warnings"]) == 2


def test_the_plan_is_what_fit_does(showers: xr.DataArray, trained: xr.Dataset) -> None:
    plan = run.inspect(showers, progress=False)[1]
    split = json.loads((Path(trained.attrs["run"]) / "split.json").read_text())
    assert {name: part["frames"] for name, part in split["parts"].items()} == plan["frames"]
    assert split["embargo_frames"] == plan["embargo_frames"]
    assert trained.sizes["lead_time"] == plan["horizon"]


def test_why_fit_would_refuse(cube: xr.DataArray) -> None:
    refused = run.inspect(cube.isel(time=slice(0, 5)), progress=False)[1]["refused"]
    with pytest.raises(InputError) as error:
        run.fit(cube.isel(time=slice(0, 5)), run="never", progress=False)
    assert str(error.value) == refused
    assert not Path("never").exists()


def test_what_is_no_cube_is_refused(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="not a Dataset"):
        run.inspect(cube.to_dataset(), progress=False)
    with pytest.raises(InputError, match="dims"):
        run.inspect(cube.isel(channel=0), progress=False)


def test_nothing_is_changed(cube: xr.DataArray) -> None:
    before = cube.copy(deep=True)
    run.inspect(cube, progress=False)
    xr.testing.assert_identical(cube, before)
    assert np.shares_memory(cube.values, cube.data)


def test_it_is_a_pair_and_shows_itself(cube: xr.DataArray) -> None:
    found = run.inspect(cube.assign_attrs(long_name="<b>rain\x1b[31m"), progress=False)
    description, plan = found
    assert (description, plan) == (found.description, found.plan)
    text, html = repr(found), found._repr_html_()
    assert "variable    rain_rate  <b>rain\\x1b[31m" in text
    assert "fit would" in text
    assert "&lt;b&gt;rain" in html
    assert "\x1b" not in text + html
