"""Which model forecasts a cube."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.run.finding import find_model

Still = Callable[..., Path]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def age(path: Path, seconds: float) -> None:
    moment = 1_800_000_000 - seconds
    os.utime(path, (moment, moment))


def test_the_newest_run_that_fits(cube: xr.DataArray, still: Still) -> None:
    names = ("runs/c-old", "runs/a-new", "runs/b-newest-misfit")
    paths = [still(cube, Path(name) / "model.safetensors") for name in names[:2]]
    paths.append(still(cube.rename("snow_rate"), Path(names[2]) / "model.safetensors"))
    for path, seconds in zip(paths, (300, 200, 100), strict=True):
        age(path, seconds)
    assert find_model(None, cube) == paths[1]
    age(paths[0], 0)
    assert find_model(None, cube) == paths[0]
    assert find_model(None, cube.rename("snow_rate")) == paths[2]


def test_a_run_that_fits_as_it_is_comes_before_a_newer_one_in_other_units(cube: xr.DataArray, still: Still) -> None:
    amounts = (cube / 12).rename("amount").assign_attrs({**cube.attrs, "units": "mm"})
    own, other = still(cube, Path("runs/own/model.safetensors")), still(amounts, Path("runs/other/model.safetensors"))
    age(own, 100)
    age(other, 0)
    assert find_model(None, cube) == own
    own.unlink()
    assert find_model(None, cube) == other


def test_a_damaged_newest_run_is_passed_over(cube: xr.DataArray, still: Still) -> None:
    good = still(cube, Path("runs/good/model.safetensors"))
    bad = Path("runs/bad/model.safetensors")
    bad.parent.mkdir()
    bad.write_text("no weights")
    age(good, 100)
    age(bad, 0)
    assert find_model(None, cube) == good


def test_none_fits_and_why(cube: xr.DataArray, still: Still) -> None:
    still(cube.rename("snow_rate"), Path("runs/snow/model.safetensors"))
    still(cube.assign_attrs(units="dBZ"), Path("runs/dbz/model.safetensors"))
    Path("runs/bad").mkdir()
    Path("runs/bad/model.safetensors").write_text("no weights")
    with pytest.raises(InputError) as error:
        find_model(None, cube)
    told = str(error.value)
    assert "none of the 3 run(s)" in told
    assert "'rain_rate'" in told
    assert "variable snow_rate (has rain_rate)" in told
    assert "units dBZ (has mm h-1)" in told
    assert "not a model file, or it is damaged" in told
    assert "nowcast fit" in told


def test_no_run_at_all(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="no trained model") as error:
        find_model(None, cube)
    assert "nowcast fit" in str(error.value)


def test_a_named_run_or_file_is_taken_as_it_is(cube: xr.DataArray, still: Still) -> None:
    path = still(cube, Path("elsewhere/model.safetensors"))
    assert find_model("elsewhere", cube) == path
    assert find_model(path, cube) == path
