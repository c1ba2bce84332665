"""The folder of a run: where it is made, and which one is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.run import folder

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
    assert folder.find_model(None, cube) == paths[1]
    age(paths[0], 0)
    assert folder.find_model(None, cube) == paths[0]
    assert folder.find_model(None, cube.rename("snow_rate")) == paths[2]


def test_a_run_that_fits_as_it_is_comes_before_a_newer_one_in_other_units(cube: xr.DataArray, still: Still) -> None:
    amounts = (cube / 12).rename("amount").assign_attrs({**cube.attrs, "units": "mm"})
    own, other = still(cube, Path("runs/own/model.safetensors")), still(amounts, Path("runs/other/model.safetensors"))
    age(own, 100)
    age(other, 0)
    assert folder.find_model(None, cube) == own
    own.unlink()
    assert folder.find_model(None, cube) == other


def test_a_damaged_newest_run_is_passed_over(cube: xr.DataArray, still: Still) -> None:
    good = still(cube, Path("runs/good/model.safetensors"))
    bad = Path("runs/bad/model.safetensors")
    bad.parent.mkdir()
    bad.write_text("no weights")
    age(good, 100)
    age(bad, 0)
    assert folder.find_model(None, cube) == good


def test_none_fits_and_why(cube: xr.DataArray, still: Still) -> None:
    still(cube.rename("snow_rate"), Path("runs/snow/model.safetensors"))
    still(cube.assign_attrs(units="dBZ"), Path("runs/dbz/model.safetensors"))
    Path("runs/bad").mkdir()
    Path("runs/bad/model.safetensors").write_text("no weights")
    with pytest.raises(InputError) as error:
        folder.find_model(None, cube)
    told = str(error.value)
    assert "none of the 3 run(s)" in told
    assert "'rain_rate'" in told
    assert "variable snow_rate (has rain_rate)" in told
    assert "units dBZ (has mm h-1)" in told
    assert "not a model file, or it is damaged" in told
    assert "nowcast fit" in told


def test_no_run_at_all(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="no trained model") as error:
        folder.find_model(None, cube)
    assert "nowcast fit" in str(error.value)


def test_a_named_run_or_file_is_taken_as_it_is(cube: xr.DataArray, still: Still) -> None:
    path = still(cube, Path("elsewhere/model.safetensors"))
    assert folder.find_model("elsewhere", cube) == path
    assert folder.find_model(path, cube) == path


def test_a_new_run_is_named_by_source_and_date() -> None:
    names = set()
    for _ in range(3):
        place = folder.place(None, "radar", resume=False)
        assert not place.exists(), "it is made when there is something to write"
        place.mkdir(parents=True)
        names.add(place)
    assert len(names) == 3
    assert {place.parent for place in names} == {Path("runs")}
    assert all(place.name.startswith("radar-2") for place in names)


def test_an_empty_folder_may_be_used() -> None:
    Path("run").mkdir()
    assert folder.place("run", "radar", resume=False) == Path("run")


def test_a_folder_in_use_is_refused_or_resumed() -> None:
    Path("run").mkdir()
    folder.begin(Path("run"), {"variable": "rain_rate"}, resume=False)
    with pytest.raises(InputError, match="something is there already") as error:
        folder.place("run", "radar", resume=False)
    assert "--resume" in str(error.value)
    assert folder.place("run", "radar", resume=True) == Path("run")
    with pytest.raises(InputError, match="something is there already"):
        folder.place("run/begun.json", "radar", resume=False)


def test_a_run_goes_on_with_what_it_was_begun_with_alone() -> None:
    begun = {"variable": "rain_rate", "shape": (12, 1, 8, 10), "units": None}
    folder.begin(Path(), begun, resume=False)
    folder.begin(Path(), begun, resume=True)
    before = Path("begun.json").read_bytes()
    with pytest.raises(InputError, match="begun with something else") as error:
        folder.begin(Path(), {**begun, "variable": "dbz"}, resume=True)
    assert "variable: begun with rain_rate; now dbz" in str(error.value)
    assert "shape" not in str(error.value)
    assert Path("begun.json").read_bytes() == before


def test_what_cannot_be_resumed() -> None:
    for name in ("never", "empty"):
        if name == "empty":
            Path(name).mkdir()
        with pytest.raises(InputError, match="no run that could be resumed"):
            folder.place(name, "radar", resume=True)
    with pytest.raises(InputError, match="--resume needs to know which run"):
        folder.place(None, "radar", resume=True)
    assert not Path("never").exists()


def test_the_history_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    assert folder.history(tmp_path) == []
    assert folder.steps_taken(tmp_path) == 0
    (tmp_path / "history.jsonl").write_text('{"epoch": 1, "step": 3}\n{"epoch": 2, "step": 6}\n[1]\n{"epoch": 3, "st')
    assert folder.history(tmp_path) == [{"epoch": 1, "step": 3}, {"epoch": 2, "step": 6}]
    assert folder.steps_taken(tmp_path) == 6
