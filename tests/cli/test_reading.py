from __future__ import annotations

import inspect
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from nowcast.cli import app
from nowcast.cli.reading import reads
from nowcast.readers.options import Options

VERBS = ("inspect", "convert", "fit", "forecast", "evaluate")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_reads_has_a_flag_for_every_option(verb: str) -> None:
    command: Any = typer.main.get_command(app)
    flags = {name for each in command.commands[verb].params for name in each.opts}
    assert {f"--{name.replace('_', '-')}" for name in Options.names()} <= flags


def typed(*words: str) -> dict[str, Any]:
    """What a verb of one path gets for these words."""
    got: dict[str, Any] = {}
    small = typer.Typer()

    @small.command()
    @reads
    def look(path: str, quiet: bool = False, options: dict[str, Any] | None = None) -> None:
        got.update(path=path, quiet=quiet, options=options)

    ended = CliRunner().invoke(small, list(words))
    assert ended.exit_code == 0, ended.output
    return got


def test_a_verb_gets_the_options_that_were_given_and_no_others() -> None:
    assert typed("a.tif") == {"path": "a.tif", "quiet": False, "options": {}}
    words = (
        "a.tif",
        "--axes",
        "TYX",
        "--time-step",
        "30s",
        "--coarsen",
        "2",
        "--missing-value",
        "0",
        "--rgb",
        "--quiet",
    )
    assert typed(*words) == {
        "path": "a.tif",
        "quiet": True,
        "options": {"axes": "TYX", "time_step": "30s", "coarsen": 2, "missing_value": 0.0, "rgb": True},
    }


def test_the_verb_keeps_its_name_and_help() -> None:
    def verb(path: str, options: dict[str, Any] | None = None) -> None:
        """What it does."""

    told = reads(verb)
    assert told.__name__ == "verb"
    assert told.__doc__ == "What it does."
    assert next(iter(inspect.signature(told).parameters)) == "path"
    assert "options" not in inspect.signature(told).parameters
