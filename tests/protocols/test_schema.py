"""What a protocol may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from nowcast.protocols import Protocol
from nowcast.protocols.schema import Reading
from nowcast.readers.options import Options

RECIPE = {"model": {"name": "convlstm", "hidden": [4]}}
BUDGET = {"epochs": 1}


def test_reading_has_no_option_that_runs_something_or_leads_elsewhere() -> None:
    left_out = set(Options.names()) - set(Reading.model_fields)
    assert set(Reading.model_fields) <= set(Options.names())
    assert {"trust_pickle", "remote", "colour_table"} <= left_out


@pytest.mark.parametrize(
    ("rooms", "told"),
    [
        ({"data": {}}, "either dataset or paths"),
        ({"data": {"dataset": "kth", "paths": ["a"]}}, "either dataset or paths"),
        ({"data": {"paths": ["a"], "file": "../a"}}, "file"),
        ({"metrics": {}}, "at least one metric"),
        ({"metrics": {"crps": {"clip": [0, 1]}}}, "crps is not clipped"),
        ({"metrics": {"mse": {"over": "sum", "clip": [1, 0]}}}, "a range rises"),
        ({"values": {"given": [5, 5]}}, "a range rises"),
        ({"models": {"a": RECIPE}, "budget": BUDGET}, "leaves nothing to fit"),
        ({"models": {"a": RECIPE}, "split": {"rule": "time"}}, "need a budget"),
        ({"models": {"a": {"model": {"hidden": [4]}}}, "split": {"rule": "time"}, "budget": BUDGET}, "model.name"),
        (
            {
                "models": {"a": {**RECIPE, "training": {"seed": 3}}},
                "split": {"rule": "time"},
                "budget": BUDGET,
            },
            "are the protocol's",
        ),
        ({"seeds": [1, 1]}, "twice"),
        ({"name": "../evil"}, "name"),
        ({"baselines": ["pysteps"]}, "baselines"),
    ],
)
def test_contradictions_are_refused(protocol_of: Callable[..., Protocol], rooms: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        protocol_of(**rooms)


def test_a_recipe_and_a_budget(protocol_of: Callable[..., Protocol]) -> None:
    made = protocol_of(models={"a": RECIPE}, split={"rule": "time"}, budget=BUDGET, seeds=[1, 2])
    assert made.models["a"].model.name == "convlstm"
    assert list(made.metrics.asked()) == ["mse", "mae"]
