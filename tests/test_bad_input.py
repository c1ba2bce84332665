"""Bad input on the command line: a clear error, exit code 2, no traceback, and nothing on the disk is changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.datasets import advected_echoes

VERBS = ("inspect", "convert", "fit", "forecast")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nowcast.write_cube(dry(frames=3), tmp_path_factory.mktemp("stores") / "previous.zarr")


@pytest.fixture
def place(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with earlier outputs in it: a file of known bytes and a zarr store."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "previous.nc").write_bytes(b"what stood here before")
    shutil.copytree(store, tmp_path / "out" / "previous.zarr")
    return tmp_path


@pytest.fixture
def cli(place: Path, typed: Cli) -> Cli:
    """The command line in this process."""
    return typed


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny model of showers, 2 frames in and 2 out."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    nowcast.fit(showers(), run=run, epochs=1, hidden=[4], context=2, horizon=2, progress=False)
    return run


@cache
def _echoes() -> xr.DataArray:
    return advected_echoes(frames=24, size=16)


def showers() -> xr.DataArray:
    return _echoes().copy(deep=True)


def dry(*, frames: int = 24) -> xr.DataArray:
    cube = showers().isel(time=slice(0, frames))
    return cube.copy(data=np.zeros(cube.shape, "float32"))


def words(verb: str, path: Path, run: Path, suffix: str = ".nc") -> list[object]:
    """The command line of a verb on a path, over the earlier output."""
    out = f"out/previous{suffix}"
    return {
        "inspect": ["inspect", path],
        "convert": ["convert", path, out],
        "fit": ["fit", path, "--run", "new-run", "--epochs", 1, "--hidden", 4],
        "forecast": ["forecast", path, "-o", out, "--run", run],
    }[verb]


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every entry below a folder, hidden ones too, with its bytes."""
    return {
        str(entry.relative_to(folder)): entry.read_bytes() if entry.is_file() else None for entry in folder.rglob("*")
    }


def refused(outcome: Outcome, *told: str) -> None:
    """It ended with exit code 2 and one message that says all this."""
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.out + outcome.err
    assert [line[:7] for line in outcome.err.splitlines()].count("error: ") == 1
    assert outcome.out == ""
    for text in told:
        assert text in outcome.err


# What each bad input is, and what the message has to say about it.


def text_named_nc(place: Path) -> Path:
    path = place / "frames.nc"
    path.write_text("time,rain\n0,1\n")
    return path


def empty_file(place: Path) -> Path:
    path = place / "frames.nc"
    path.touch()
    return path


def empty_folder(place: Path) -> Path:
    path = place / "frames"
    path.mkdir()
    return path


def folder_of_text(place: Path) -> Path:
    path = place / "frames"
    path.mkdir()
    (path / "readme.txt").write_text("nothing but words")
    return path


def cut_short(place: Path) -> Path:
    path = nowcast.write_cube(showers(), place / "frames.nc")
    path.write_bytes(path.read_bytes()[:-8000])
    return path


def chunk_missing(place: Path) -> Path:
    path = nowcast.write_cube(showers(), place / "frames.zarr")
    (path / "rain_rate" / "c" / "0" / "0" / "0").unlink()
    return path


def chunk_garbled(place: Path) -> Path:
    path = nowcast.write_cube(showers(), place / "frames.zarr")
    chunk = path / "rain_rate" / "c" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0xFF
    chunk.write_bytes(data)
    return path


def metadata_cut_short(place: Path) -> Path:
    path = nowcast.write_cube(showers(), place / "frames.zarr")
    metadata = path / "rain_rate" / "zarr.json"
    metadata.write_bytes(metadata.read_bytes()[:50])
    return path


def two_variables(place: Path) -> Path:
    path = place / "frames.nc"
    field = showers().isel(channel=0, drop=True).drop_attrs()
    xr.Dataset({"hail_rate": field, "snow_rate": field}).to_netcdf(path)
    return path


def does_not_exist(place: Path) -> Path:
    nowcast.write_cube(dry(frames=2), place / "frames.nc")
    return place / "frame.nc"


CASES = {
    text_named_nc: ("frames.nc", "text that begins 'time,rain 0,1'", "NetCDF"),
    empty_file: ("frames.nc", "an empty file", "NetCDF"),
    empty_folder: ("frames: an empty folder", "zarr store"),
    folder_of_text: ("frames: ", "readme.txt: text that begins"),
    cut_short: ("frames.nc", "damaged", "fetch or write it again"),
    chunk_missing: ("frames.zarr", "damaged, 1 of 1 chunks", "'rain_rate'", "c/0/0/0", "write or copy it again"),
    metadata_cut_short: ("frames.zarr", "damaged", "rain_rate/zarr.json", "write it again"),
    two_variables: ("frames.nc", "2 fields", "hail_rate", "snow_rate", "--variable hail_rate"),
    does_not_exist: ("frame.nc: does not exist", "did you mean", "frames.nc"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.__name__)
def test_what_cannot_be_read_is_refused_by_every_verb(
    bad: Callable[[Path], Path], verb: str, cli: Cli, place: Path, trained: Path
) -> None:
    path = bad(place)
    before = contents(place)
    outcome = cli(*words(verb, path, trained, ".zarr" if bad is chunk_missing else ".nc"))
    refused(outcome, *CASES[bad])
    assert contents(place) == before


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("verb", VERBS)
def test_damage_met_while_reading_leaves_the_earlier_output(
    verb: str, suffix: str, cli: Cli, place: Path, trained: Path
) -> None:
    path = chunk_garbled(place)
    before = contents(place)
    refused(cli(*words(verb, path, trained, suffix)), "rain_rate", "damaged")
    assert contents(place) == before


def test_the_real_program_ends_alike(place: Path, trained: Path) -> None:
    wrong = nowcast.write_cube(showers().rename("snow_rate"), place / "snow.zarr")
    lines = [
        words("inspect", text_named_nc(place), trained),
        words("forecast", wrong, trained, ".zarr"),
    ]
    before = contents(place)
    for line in lines:
        ended = subprocess.run(
            [sys.executable, "-m", "nowcast", *map(str, line)],
            capture_output=True,
            text=True,
            cwd=place,
            timeout=120,
            check=False,
        )
        refused(Outcome(ended.returncode, ended.stdout, ended.stderr))
    assert contents(place) == before


# One frame, nothing observed, nothing but zeros.


def test_one_frame_can_be_looked_at_and_converted(cli: Cli, place: Path) -> None:
    path = nowcast.write_cube(showers().isel(time=[0]), place / "one.nc")
    shown = cli("inspect", path)
    assert shown.code == 0
    assert "one frame only" in shown.out
    assert "too few frames" in shown.out
    assert cli("convert", path, "out/previous.zarr").code == 0
    xr.testing.assert_equal(nowcast.open_cube("out/previous.zarr"), nowcast.open_cube(path))


def test_one_frame_is_refused_by_fit_and_forecast(cli: Cli, place: Path, trained: Path) -> None:
    path = nowcast.write_cube(showers().isel(time=[0]), place / "one.nc")
    before = contents(place)
    refused(cli(*words("fit", path, trained)), "too few frames", "1 frame(s)", "add frames")
    refused(cli(*words("forecast", path, trained)), "one.nc", "'rain_rate'", "one frame", "2 frames in a row")
    assert contents(place) == before


def test_all_nan_is_refused_by_fit(cli: Cli, place: Path, trained: Path) -> None:
    cube = showers()
    path = nowcast.write_cube(cube.copy(data=np.full(cube.shape, np.nan, "float32")), place / "nan.nc")
    before = contents(place)
    refused(cli(*words("fit", path, trained)), "nan.nc", "'rain_rate'", "no value at all", "every pixel missing")
    shown = cli("inspect", path)
    assert shown.code == 0
    assert "24 frame(s) hold no value at all" in shown.out
    assert "100.00% of the pixels" in shown.out
    assert contents(place) == before


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_all_dry_gives_a_finite_dry_forecast(suffix: str, cli: Cli, place: Path, trained: Path) -> None:
    path = nowcast.write_cube(dry(), place / f"dry{suffix}")
    assert cli(*words("forecast", path, trained, suffix)).code == 0
    with xr.open_dataset(f"out/previous{suffix}", **({"consolidated": False} if suffix == ".zarr" else {})) as forecast:
        values = forecast["rain_rate"].values
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() < 0.1  # mm h-1, the lowest rate that counts as rain


def test_fit_on_an_all_dry_cube_ends_well_and_says_so(cli: Cli, place: Path) -> None:
    path = nowcast.write_cube(dry(), place / "dry.zarr")
    ended = cli("fit", path, "--run", "dry-run", "--epochs", 1, "--hidden", 4, "--context", 2, "--horizon", 2)
    assert ended.code == 0, ended
    with xr.open_dataset("dry-run/scores.nc") as scores:
        assert (scores["mse"].sel(forecaster="cascade") < 1e-6).all()
        assert (scores["mse"].sel(forecaster="persistence") == 0).all()
    assert "nothing can be learnt" in cli("inspect", path).out
    assert cli("forecast", path, "-o", "dry.nc", "--run", "dry-run").code == 0
    with xr.open_dataset("dry.nc") as forecast:
        assert float(abs(forecast["rain_rate"]).max()) < 1e-3


# A model of something else.


def other_variable(cube: xr.DataArray) -> xr.DataArray:
    return cube.rename("snow_rate")


def other_units(cube: xr.DataArray) -> xr.DataArray:
    return cube.assign_attrs(units="K")


def other_grid_step(cube: xr.DataArray) -> xr.DataArray:
    return cube.assign_coords(y=cube["y"] * 2, x=cube["x"] * 2).assign_attrs(cube.attrs)


def other_time_step(cube: xr.DataArray) -> xr.DataArray:
    start = cube["time"].values[0]
    return cube.assign_coords(time=start + np.arange(cube.sizes["time"]) * np.timedelta64(10, "m"))


MISFITS = {
    other_variable: ("variable", "model wants rain_rate; cube has snow_rate"),
    other_units: ("units", "model wants mm h-1; cube has K"),
    other_grid_step: ("grid step", "model wants 1000 x 1000 m; cube has 2000 x 2000"),
    other_time_step: ("time step", "model wants 300 s; cube has 600 s"),
}


@pytest.mark.parametrize("change", MISFITS, ids=lambda change: change.__name__)
def test_a_model_for_something_else_is_refused(
    change: Callable[[xr.DataArray], xr.DataArray], cli: Cli, place: Path, trained: Path
) -> None:
    path = nowcast.write_cube(change(showers()), place / "frames.zarr")
    before = contents(place)
    outcome = cli(*words("forecast", path, trained, ".zarr"))
    refused(outcome, "model.safetensors", "frames.zarr", "no forecast was made", "--run", *MISFITS[change])
    assert outcome.err.count("model wants") == 1, "only what differs is told"
    assert contents(place) == before


def test_the_same_grid_in_kilometres_is_no_misfit(cli: Cli, place: Path, trained: Path) -> None:
    cube = showers()
    sides = {side: (side, cube[side].values / 1000, {**cube[side].attrs, "units": "km"}) for side in ("y", "x")}
    path = nowcast.write_cube(cube.assign_coords(sides), place / "frames.zarr")
    assert cli(*words("forecast", path, trained, ".zarr")).code == 0


@pytest.mark.parametrize("damage", ["text", "cut short", "no such file"])
def test_a_model_file_that_is_none_is_refused(damage: str, cli: Cli, place: Path, trained: Path) -> None:
    path = nowcast.write_cube(showers(), place / "frames.zarr")
    model = place / "model.safetensors"
    if damage == "text":
        model.write_text("these are no weights, but words, and more than a few of them")
    elif damage == "cut short":
        model.write_bytes((trained / "model.safetensors").read_bytes()[:-100])
    before = contents(place)
    refused(cli(*words("forecast", path, model)), "model.safetensors", "nowcast fit")
    assert contents(place) == before


# What is to be written where it cannot be.


@pytest.mark.parametrize("out", ["forecast.txt", "no/such/folder/forecast.nc", "out", "out/plain.zarr"])
@pytest.mark.parametrize("verb", ["convert", "forecast"])
def test_a_place_that_cannot_be_written_is_refused(verb: str, out: str, cli: Cli, place: Path, trained: Path) -> None:
    path = nowcast.write_cube(showers(), place / "frames.zarr")
    (place / "out" / "plain.zarr").write_text("a file where a store is to go")
    before = contents(place)
    line = ["convert", path, out] if verb == "convert" else ["forecast", path, "-o", out, "--run", trained]
    refused(cli(*line), out.split("/")[0])
    assert contents(place) == before


def test_a_cube_without_any_value_is_refused_by_forecast(cli: Cli, place: Path, trained: Path) -> None:
    cube = showers()
    path = nowcast.write_cube(cube.copy(data=np.full(cube.shape, np.nan, "float32")), place / "empty.nc")
    before = contents(place)
    refused(cli(*words("forecast", path, trained)), "empty.nc", "no pixel has a value", "--at")
    assert contents(place) == before


def test_files_of_a_folder_that_are_left_out_are_told(cli: Cli, place: Path) -> None:
    (place / "frames").mkdir()
    nowcast.write_cube(showers(), place / "frames" / "a.nc")
    (place / "frames" / "b.nc").touch()
    ended = cli("convert", "frames", "all.zarr")
    assert ended.code == 0
    assert "b.nc" in ended.err
