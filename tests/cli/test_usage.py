"""What `--help` shows: groups of flags, and an example that can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest
import typer

from nowcast.cli import EXAMPLES, app
from nowcast.cli.flags import READING

Cli = Callable[..., Any]
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def titles(text: str) -> list[str]:
    return [line.removesuffix(":") for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]


def test_flags_of_fit_stand_under_what_their_setting_is_about(cli: Cli) -> None:
    shown = cli("fit", "--help").out
    assert titles(shown) == [
        "Arguments",
        "Options",
        "What answers",
        "What a sample is",
        "How values become numbers near 1",
        "How it learns",
        "Which training windows are seen how often",
        "How windows are read",
        "How it is judged",
        READING,
        "Example",
    ]
    learns = shown.partition("How it learns:")[2].partition("\n\n")[0]
    assert "--epochs" in learns
    assert "--context" not in learns


def test_flags_of_reading_stand_together_in_every_verb_that_reads(cli: Cli) -> None:
    for verb in ("inspect", "convert", "fit", "forecast", "evaluate"):
        reading = cli(verb, "--help").out.partition(f"{READING}:")[2]
        for flag in ("--variable", "--channel", "--time-step", "--dask"):
            assert flag in reading
        assert "--debug" not in reading


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_shows_an_example_that_it_understands(verb: str, cli: Cli) -> None:
    example = {each.__name__: text for each, text in EXAMPLES.items()}[verb]
    assert cli(verb, "--help").out.endswith(f"Example:\n  {example}\n")
    program, named, *words = shlex.split(example)
    assert (program, named) == ("nowcast", verb)
    COMMANDS[verb].make_context(verb, words[: words.index(">")] if ">" in words else words)


def test_an_example_that_is_not_understood_would_be_seen() -> None:
    with pytest.raises(Exception, match="--no-such-flag"):
        COMMANDS["fit"].make_context("fit", ["radar.zarr", "--no-such-flag"])
