"""Settings: each has its flag or its place in a file, and is what the rooms below know."""

from __future__ import annotations

import inspect

import pytest

from nowcast import config
from nowcast.config import FLAGS, Settings, resolve
from nowcast.losses import LOSSES
from nowcast.models import build
from nowcast.scaling import METHODS
from nowcast.training import OPTIMISERS


def test_every_keyword_of_fit_is_a_flag_and_every_flag_a_keyword_or_an_option_of_reading() -> None:
    from nowcast.readers.options import Options
    from nowcast.run import fit

    own = {"source", "run", "config_file", "resume", "progress", "options", "logger"}
    assert (set(inspect.signature(fit).parameters) - own) | set(Options.names()) == set(FLAGS)


def test_the_options_of_reading_are_those_of_open_cube_and_the_settings_of_data() -> None:
    from nowcast.config import Data
    from nowcast.readers import open_cube
    from nowcast.readers.options import Options

    assert list(Options.names()) == list(Data.model_fields)
    assert list(Options.names()) == [
        name for name in inspect.signature(open_cube).parameters if name not in ("path", "chunks")
    ]


def test_what_may_be_chosen_is_what_the_rooms_below_know() -> None:
    for method in METHODS:
        resolve(flags={"scaling": method})
    for name in OPTIMISERS:
        resolve(flags={"optimiser": name})
    assert tuple(LOSSES) == config.LOSSES
    for name in LOSSES:
        resolve(flags={"loss": {name: 1.0}})
    build(Settings().model.name, Settings().model.keywords())


def test_keywords_of_a_model_are_plain_data() -> None:
    keywords = resolve(flags={"model": "convlstm", "hidden": (4, 5), "kernel": 5}).model.keywords()
    assert keywords["hidden"] == [4, 5]
    assert keywords["kernel"] == 5
    assert "name" not in keywords


def test_settings_do_not_change_once_they_are_resolved() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().training.epochs = 3  # type: ignore[misc]
