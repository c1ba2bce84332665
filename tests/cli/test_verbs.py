"""The command line: what it offers, what goes where, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import tifffile
import typer
import xarray as xr

import nowcast
from nowcast import config, model_file
from nowcast.cli import app
from nowcast.cube import grid_step
from nowcast.datasets import advected_echoes
from nowcast.models import Persistence
from nowcast.readers import open_forecast
from nowcast.scaling import Scaler

VERBS = ("demo", "inspect", "convert", "fit", "forecast", "evaluate")


class Outcome(Protocol):
    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Cli) -> Cli:
    """The command line in this process, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return typed


@pytest.fixture
def frames(cube: xr.DataArray, cli: Cli) -> Path:
    """The counter cube in a store, in the working folder."""
    return nowcast.write_cube(cube, "frames.zarr")


@pytest.fixture
def model(cube: xr.DataArray, cli: Cli) -> Path:
    """A model that stands still: 3 frames in, 2 out."""
    card = model_file.Card(
        model="persistence",
        keywords={"channels": 1, "masked": False},
        scaler=Scaler("unit", 0.0, 1.0).to_dict(),
        variable="rain_rate",
        units="mm h-1",
        channels=1,
        grid_step=grid_step(cube),
        time_step_seconds=300.0,
        context=3,
        horizon=2,
        masked=False,
        trained_on={},
        versions={},
    )
    return model_file.save("model.safetensors", Persistence(channels=1, masked=False), card)


# What it offers.


def test_help_lists_every_verb(cli: Cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    assert {command.name or command.callback.__name__ for command in app.registered_commands} >= set(VERBS)
    for verb in VERBS:
        assert f"\n  {verb} " in shown.out
    assert "nowcast demo" in shown.out
    assert "install-completion" not in shown.out


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_lists_every_option_with_its_meaning(verb: str, cli: Cli) -> None:
    shown = cli(verb, "--help")
    assert shown.code == 0
    assert shown.err == ""
    listed = [line.strip() for line in shown.out.splitlines() if line.strip().startswith("-")]
    command = typer.main.get_command(app).commands[verb]
    asked = {name for option in command.params for name in option.opts if name.startswith("--")}
    for name in {*asked, "--debug", "--help"}:
        assert any(name in line.split("  ")[0].replace(",", " ").split() for line in listed), name
    for line in listed:
        assert "  " in line, f"{line!r} says nothing of its meaning"


def test_fit_has_a_flag_for_every_keyword(cli: Cli) -> None:
    shown = cli("fit", "--help").out
    for name in config.FLAGS:
        assert f"--{name.replace('_', '-')} " in shown


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("inspect", "x.nc", "--no-such-flag"),
        ("inspect",),
        ("fit", "x.nc", "--epochs", "many"),
        ("fit", "frames.zarr", "--hidden", "a,b"),
        ("fit", "frames.zarr", "--loss", "mse=much"),
        ("fit", "frames.zarr", "--epochs", "0"),
        ("fit", "frames.zarr", "--model", "convlst"),
        ("fit", "frames.zarr", "--config", "no.yaml"),
        ("convert", "frames.zarr"),
        ("forecast", "frames.zarr"),
        ("evaluate", "forecast.nc", "frames.zarr", "--thresholds", "wet"),
        ("evaluate", "forecast.nc", "frames.zarr", "--baselines", "nothing"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_leaves_nothing(words: tuple[str, ...], cli: Cli, frames: Path) -> None:
    ended = cli(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert "rror: " in ended.err
    assert "Traceback" not in ended.err
    assert [entry.name for entry in Path().iterdir()] == ["frames.zarr"]


def test_a_wrong_flag_is_named(cli: Cli, frames: Path) -> None:
    assert "--epochs" in cli("fit", frames, "--epochs", "0").err
    assert "--model" in cli("fit", frames, "--model", "convlst").err
    assert "--hidden 'a'" in cli("fit", frames, "--hidden", "a").err


def test_gaps_are_bridged_by_fit_and_a_frame_in_one_is_forecast_from(cube: xr.DataArray, cli: Cli) -> None:
    echoes = advected_echoes(frames=60, size=16)
    nowcast.write_cube(echoes.drop_isel(time=[8, 15, 58]), "holed.zarr")
    words = ("fit", "holed.zarr", "--context", 4, "--horizon", 3, "--epochs", 1, "--hidden", 4, "--run", "run")
    assert "--max-missing is of no use to --gaps skip" in cli(*words, "--max-missing", 1).err
    assert "--gaps" in cli(*words, "--gaps", "fill").err
    assert not Path("run").exists()
    ended = cli(*words, "--gaps", "hold")
    assert ended.code == 0, ended.err
    assert "3 of 3 bridged by --gaps hold (3 frame(s) absent" in ended.err
    assert "cascade" in ended.out
    assert model_file.load_card("run/model.safetensors").gaps == {"policy": "hold", "most": 1}
    kept = config.resolve("run/config.yaml").windows
    assert (kept.gaps, kept.max_missing) == ("hold", 1)
    missing = np.datetime_as_string(echoes["time"].values[58], "s")
    made = cli("forecast", "holed.zarr", "-o", "f.nc", "--run", "run", "--at", missing)
    assert made.code == 0, made.err
    assert "missing  1 of the 4 frames given" in made.err
    with xr.open_dataset("f.nc") as written:
        assert written["missing_inputs"].values.tolist() == [1]
        assert np.isfinite(written["rain_rate"].values).all()
    resumed = cli("fit", "holed.zarr", "--epochs", 2, "--run", "run", "--resume")
    assert resumed.code == 0, resumed.err


# What goes where.


def test_json_is_one_object_and_nothing_else(cli: Cli, frames: Path) -> None:
    shown = cli("inspect", frames, "--json")
    assert shown.code == 0
    assert shown.err == ""
    assert shown.out.count("\n") == 1
    told = json.loads(shown.out)
    assert told["variable"] == "rain_rate"
    assert told["shape"] == [12, 1, 8, 10]


def test_inspect_for_people(cli: Cli, frames: Path) -> None:
    shown = cli("inspect", frames)
    assert shown.code == 0
    for text in ("rain_rate", "mm h-1", "12 time", "300 s", "1000 x 1000 m", "0 to 1.108e+04", "fit would"):
        assert text in shown.out
    assert "read " in shown.err
    assert "read " not in shown.out


def test_progress_is_on_stderr_and_quiet_is_quiet(cli: Cli, frames: Path, model: Path) -> None:
    words = ("forecast", frames, "-o", "forecast.nc", "--run", model)
    ended = cli(*words)
    assert ended.code == 0
    assert ended.out == ""
    assert "read " in ended.err
    assert "wrote forecast.nc" in ended.err
    assert "nowcast evaluate forecast.nc frames.zarr" in ended.err
    assert "read " not in cli(*words, "--quiet").err
    converted = cli("convert", frames, "again.nc")
    assert converted.code == 0
    assert converted.out == ""
    assert "nowcast fit again.nc" in converted.err


def test_evaluate_prints_the_table_and_keeps_what_it_is_told_to(cli: Cli, frames: Path, model: Path) -> None:
    assert cli("forecast", frames, "-o", "forecast.nc", "--run", model, "--every").code == 0
    words = ("-o", "scores.nc", "--picture", "p.png", "--thresholds", "100,5000", "--baselines", "persistence")
    ended = cli("evaluate", "forecast.nc", frames, *words)
    assert ended.code == 0
    assert "1.00e+06" in ended.out or "1000000" in ended.out
    assert "CSI ≥ 100" in ended.out
    assert "wrote scores.nc and p.png" in ended.err
    with xr.open_dataset("scores.nc") as scores:
        np.testing.assert_array_equal(scores["threshold"], [100.0, 5000.0])
        np.testing.assert_allclose(scores["mse"].sel(forecaster="persistence"), [1e6, 4e6])
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(entry.name for entry in Path().iterdir()) == [
        "forecast.nc",
        "frames.zarr",
        "model.safetensors",
        "p.png",
        "scores.nc",
    ]


def test_at_takes_several_times(cli: Cli, frames: Path, model: Path) -> None:
    times = ("2026-05-01T00:30", "2026-05-01T00:20:00Z")
    ended = cli("forecast", frames, "-o", "f.nc", "--run", model, *(word for time in times for word in ("--at", time)))
    assert ended.code == 0
    with xr.open_dataset("f.nc") as forecast:
        wanted = np.array(["2026-05-01T00:20", "2026-05-01T00:30"], "datetime64[ns]")
        np.testing.assert_array_equal(forecast["forecast_reference_time"], wanted)


@pytest.fixture
def dice(cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    """What any run forecasts, with its chances."""
    made = products_maker(cube)
    monkeypatch.setattr(nowcast.run, "forecast", lambda *_, **__: made)
    return made


def test_a_probabilistic_forecast_is_written_whole_and_scored(cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    ended = cli("forecast", frames, "-o", "f.nc")
    assert ended.code == 0
    assert "product" not in ended.err
    assert set(dice.data_vars) == set(open_forecast("f.nc").data_vars)
    ended = cli("evaluate", "f.nc", frames, "--baselines", "persistence", "--thresholds", "1,5")
    assert ended.code == 0
    assert "dice" in ended.out


@pytest.mark.parametrize("product", ["mean", "matched"])
def test_one_product_is_a_forecast_of_its_own(product: str, cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    assert cli("forecast", frames, "-o", "f.zarr", "--product", product).code == 0
    wanted = {"mean": "rain_rate", "matched": "rain_rate_matched"}[product]
    np.testing.assert_array_equal(open_forecast("f.zarr").values, dice[wanted].values)


def test_where_one_field_fits_it_is_the_matched_one(cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    ended = cli("forecast", frames, "-o", "f.ome.tif")
    assert ended.code == 0
    assert "f.ome.tif holds the matched field alone (.nc and .zarr hold all; --product mean)" in ended.err
    for product in ("matched", "mean"):
        ended = cli("forecast", frames, "-o", f"{product}.ome.tif", "--product", product)
        assert ended.code == 0
        assert "alone" not in ended.err
    shown, matched, mean = (tifffile.imread(f"{name}.ome.tif") for name in ("f", "matched", "mean"))
    np.testing.assert_array_equal(shown, matched)
    assert not np.array_equal(shown, mean, equal_nan=True)
    assert cli("forecast", frames, "-o", "f.ome.tif", "-q").err == ""


def test_no_such_product_is_told_before_any_work(cli: Cli, frames: Path, dice: xr.Dataset) -> None:
    ended = cli("forecast", frames, "-o", "f.nc", "--product", "median")
    assert ended.code == 2
    assert "mean or matched" in ended.err
    assert not Path("f.nc").exists()


# How it ends.


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("nowcast.run.inspect", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyError("what"), 1), (OSError("disk on fire"), 3), (MemoryError("too much"), 3)],
    ids=["program", "disk", "memory"],
)
def test_an_unexpected_error_says_how_to_see_it(
    error: Exception, code: int, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    ended = cli("inspect", "x.nc")
    assert ended.code == code
    assert type(error).__name__ in ended.err
    assert str(error) in ended.err
    assert "--debug" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["InputError", "MachineError", "UnsafeError"])
def test_each_kind_of_error_has_its_exit_code(name: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from nowcast import errors

    raising(monkeypatch, getattr(errors, name)("x.nc: wrong", found="this", needed="that", next_step="do so"))
    ended = cli("inspect", "x.nc")
    assert ended.code == {"InputError": 2, "MachineError": 3, "UnsafeError": 4}[name]
    assert ended.err == "error: x.nc: wrong\n  found:  this\n  needed: that\n  next:   do so\n"


@pytest.mark.parametrize("error", [nowcast.errors.InputError("x.nc: wrong"), ZeroDivisionError("by zero")])
def test_debug_shows_where(error: Exception, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, error)
    ended = cli("inspect", "x.nc", "--debug")
    assert ended.code == (2 if isinstance(error, nowcast.errors.InputError) else 1)
    assert "Traceback" in ended.err
    assert str(error) in ended.err


def test_debug_of_the_real_program_prints_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("words")
    ended = subprocess.run(
        [sys.executable, "-m", "nowcast", "inspect", "text.nc", "--debug"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert "text.nc: cannot be read" in ended.stderr


def test_what_it_says_about_files_is_no_markup(cli: Cli) -> None:
    ended = cli("inspect", "[red]no[/red].nc")
    assert ended.code == 2
    assert "[red]no[/red].nc" in ended.err


def test_ctrl_c_ends_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    ended = cli("inspect", "x.nc")
    assert ended.code == 130
    assert "Traceback" not in ended.out + ended.err


def test_the_version(cli: Cli) -> None:
    ended = cli("--version")
    assert (ended.code, ended.out) == (0, f"{nowcast.__version__}\n")
