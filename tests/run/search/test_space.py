"""What is searched: a closed table of settings that exist, but for those that the user sets."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from nowcast import config
from nowcast.config import Settings
from nowcast.errors import InputError
from nowcast.run.search.space import PLACES, SEARCHED, Space, space_for, with_values

pytest.importorskip("optuna", reason="the extra tune is not installed: pip install 'nowcast[tune]'")


def resolved(model: str = "cascade", **flags: Any) -> Settings:
    """As fit would resolve them for a small field."""
    told = {"frame": "still", "hidden": [8, 8], "context": 4, "patch": 64, "batch": 8, **flags, "model": model}
    return config.resolve(flags=told)


def test_every_model_has_its_settings_and_each_is_one_that_it_has() -> None:
    assert set(SEARCHED) == set(get_args(config.Model.model_fields["name"].annotation))
    for model, names in SEARCHED.items():
        space = space_for(config.resolve(flags={"model": model}), resolved(model), side=300, contexts=[2, 4, 8])
        assert set(space.values) == set(names) <= set(PLACES)
        for name, values in space.values.items():
            for value in values:
                plain = with_values(config.resolve(flags={"model": model}), space, {name: value}).model_dump()
                Settings.model_validate(plain)


def test_what_the_user_sets_is_held_fast_and_what_has_no_choice_is_left_out() -> None:
    asked = config.resolve(flags={"hidden": [4], "learning_rate": 0.01})
    space = space_for(asked, resolved(), side=40, contexts=[4])
    assert set(space.values) == {"batch", "frame"}
    flags = {"hidden": [4], "learning_rate": 0.01, "batch": 2, "frame": "auto"}
    with pytest.raises(InputError, match=r"(?s)nothing is left to be searched.*training\.learning_rate"):
        space_for(config.resolve(flags=flags), resolved(), side=40, contexts=[4])


def test_a_width_is_a_multiple_of_the_models_channels() -> None:
    space = space_for(config.resolve(), resolved(hidden=[6, 32]), side=40, contexts=[4])
    made = with_values(config.resolve(), space, {"width": 0.5, "learning_rate": 0.004})
    assert made.model.hidden == (4, 16)
    assert made.training.learning_rate == 0.004
    assert made.training.batch is None


def test_the_first_trial_is_what_fit_would_choose() -> None:
    space = space_for(config.resolve(), resolved(batch=3), side=300, contexts=[2, 4])
    usual = space.usual(resolved(batch=3))
    assert usual == {"learning_rate": 0.002, "width": 1.0, "context": 4, "patch": 64, "frame": "still"}


def test_it_is_plain_and_comes_back() -> None:
    space = space_for(config.resolve(), resolved(), side=300, contexts=[2, 4])
    assert Space.of(json.loads(json.dumps(space.plain())), list(space.hidden)) == space
    assert set(space.distributions()) == set(space.values)
    for values in ({}, {"optimiser": ["adam"]}):
        with pytest.raises(ValueError, match="searched"):
            Space.of(values, [])
