"""The program itself: what it offers, and what wrong usage does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import nowcast
from nowcast.cli import app

Cli = Callable[..., Any]

VERBS = ("demo", "inspect", "convert", "fit", "tune", "forecast", "evaluate", "report", "benchmark")


def test_help_lists_every_verb(cli: Cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    assert {command.name or command.callback.__name__ for command in app.registered_commands} >= set(VERBS)
    for verb in VERBS:
        assert f"\n  {verb} " in shown.out
    assert "nowcast demo" in shown.out
    assert "..." not in shown.out.partition("Commands:")[2], "each verb is told in one line, whole"
    assert "Exit codes: 0 done, 2 bad input" in shown.out


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


def test_the_versions_that_matter(cli: Cli) -> None:
    ended = cli("--version")
    told = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    assert ended.code == 0
    assert list(told)[:2] == ["nowcast", "python"]
    assert told["nowcast"] == nowcast.__version__
    assert {"torch", "xarray", "zarr", "dask", "netCDF4", "lightning"} <= set(told)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_the_shell_that_runs(
    shell: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, f"/bin/{shell}"))
    ended = cli("--install-completion")
    assert ended.code == 0, ended.err
    assert f"{shell} completion installed in" in ended.out
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_NOWCAST_COMPLETE" in path.read_text() for path in written)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("fo", "forecast"), ("fit x.zarr --mod", "--model"), ("fit x.zarr --model conv", "convlstm")],
)
def test_bash_is_given_verbs_flags_and_names(words: str, wanted: str, tmp_path: Path) -> None:
    typed = f"nowcast {words}"
    asked = {
        **os.environ,
        "_NOWCAST_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    program = [sys.executable, "-m", "nowcast"]
    ended = subprocess.run(program, env=asked, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == ""
    assert ended.stdout.split() == [wanted]
