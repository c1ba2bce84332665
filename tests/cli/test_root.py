"""The program itself: what it offers, and what wrong usage does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import nowcast
from nowcast.cli import app

Cli = Callable[..., Any]

VERBS = ("demo", "inspect", "convert", "fit", "forecast", "evaluate", "report", "benchmark")


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


def test_the_version(cli: Cli) -> None:
    ended = cli("--version")
    assert (ended.code, ended.out) == (0, f"{nowcast.__version__}\n")
