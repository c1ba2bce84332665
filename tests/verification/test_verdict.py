"""A verdict says no more than the intervals do, and as plain data stays what it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.verification import is_record, record, verdict
from nowcast.verification.verdict import WORDS, main_threshold


def scores_of(
    ratio: list[tuple[float, float, float]],
    difference: list[tuple[float, float, float]] | None = None,
    *,
    thresholds: tuple[float, ...] = (0.1, 1.0, 5.0),
) -> xr.Dataset:
    """Scores of `model` beside advection: value, low and high at each lead time, CSI at the second threshold."""
    leads = len(ratio)
    lead = (300 * np.arange(1, leads + 1)).astype("timedelta64[s]").astype("timedelta64[ns]")
    csi = np.full((1, leads, len(thresholds), 3), 0.5)
    csi[0, :, 1 if len(thresholds) > 2 else 0] = difference or [(0.0, -0.1, 0.1)] * leads
    found: dict[str, Any] = {
        "mse": (("forecaster", "lead_time"), np.ones((2, leads))),
        "csi": (("forecaster", "lead_time", "threshold"), np.ones((2, leads, len(thresholds)))),
        "cases": ("lead_time", [40] * leads),
    }
    for place, end in enumerate(("", "_low", "_high")):
        found[f"mse_ratio{end}"] = (("against", "lead_time"), [[each[place] for each in ratio]])
        found[f"csi_difference{end}"] = (("against", "lead_time", "threshold"), csi[..., place])
    coords = {
        "forecaster": ["model", "advection"],
        "against": ["advection"],
        "lead_time": lead,
        "threshold": [*thresholds],
    }
    return xr.Dataset(found, coords, {"units": "mm h-1", "level": 0.9, "blocks": 6})


def words(scores: xr.Dataset, score: str) -> list[str]:
    return [each["word"] for each in verdict(scores)["standings"] if each["score"] == score]


def test_an_interval_that_excludes_neither_says_nothing() -> None:
    nan = float("nan")
    ratios = [(1.2, 1.1, 1.3), (1.2, nan, nan), (1.2, 0.9, 1.3), (0.8, nan, nan), (0.8, 0.7, 0.99)]
    assert words(scores_of(ratios), "mse") == list(WORDS)
    differences = [(-0.1, -0.2, -0.01), (-0.1, nan, nan), (0.1, -0.1, 0.2), (0.1, nan, nan), (0.1, 0.01, 0.2)]
    assert words(scores_of([(1.0, 0.9, 1.1)] * 5, differences), "csi") == list(WORDS)


def test_it_is_plain_data_of_every_lead_time() -> None:
    found = verdict(scores_of([(1.2, 1.1, 1.3), (float("inf"), 1.1, float("inf"))]))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {name: value for name, value in found.items() if name != "standings"} == {
        "model": "model",
        "units": "mm h-1",
        "threshold": 1.0,
        "reference_times": 40,
        "level": 0.9,
        "blocks": 6,
    }
    first, second = (each for each in found["standings"] if each["score"] == "mse")
    told = {"against": "advection", "score": "mse", "lead_seconds": 300.0, "value": 1.2, "low": 1.1, "high": 1.3}
    assert first == {**told, "word": "worse"}
    assert (second["value"], second["low"], second["high"], second["word"]) == (None, 1.1, None, "worse")


def test_scores_without_intervals_say_who_is_ahead() -> None:
    scores = scores_of([(1.0, 0.9, 1.1)] * 3).drop_dims("against")
    scores["mse"][:] = [[1, 3, 0], [2, 2, 0]]
    scores["csi"][:] = 0.5
    scores["csi"][0, 0] = [0.9, 0.2, 0.9]
    found = verdict(scores.drop_attrs())
    assert (found["level"], found["blocks"]) == (None, None)
    assert words(scores, "mse") == ["ahead", "behind"], "0/0 is left out"
    assert words(scores, "csi") == ["behind", "not told apart", "not told apart"]
    assert words(scores.drop_dims("threshold"), "csi") == []


@pytest.mark.parametrize(("levels", "main"), [((0.1, 1.0, 5.0, 10.0), 1.0), ((2.0, 5.0), 2.0), ((3.0,), 3.0)])
def test_the_main_threshold_is_that_of_the_table(levels: tuple[float, ...], main: float) -> None:
    assert main_threshold(scores_of([(1.0, 0.9, 1.1)], thresholds=levels)) == main
    assert main_threshold(xr.Dataset()) is None


def test_a_record_holds_what_was_lost_on_any_part() -> None:
    nan = float("nan")
    first = verdict(scores_of([(1.2, 1.1, 1.3), (0.8, 0.7, 0.9), (1.2, nan, nan)]))
    second = verdict(scores_of([(0.8, 0.7, 0.9), (1.2, 1.1, 1.3), (0.8, 0.7, 0.9)], [(-0.1, -0.2, -0.01)] * 3))
    kept = record([first, second])
    assert kept == {
        "reference_times": 80,
        "threshold": 1.0,
        "units": "mm h-1",
        "lost": [
            {"against": "advection", "score": "mse", "lead_seconds": [300.0, 600.0], "sure": True},
            {"against": "advection", "score": "mse", "lead_seconds": [900.0], "sure": False},
            {"against": "advection", "score": "csi", "lead_seconds": [300.0, 600.0, 900.0], "sure": True},
        ],
    }
    assert is_record(json.loads(json.dumps(kept)))
    assert is_record({})
    assert record([verdict(scores_of([(0.8, 0.7, 0.9)]))])["lost"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"lost": "much"},
        {"lost": [{"against": "advection"}]},
        {"lost": [{"against": "advection", "score": "luck", "lead_seconds": [300], "sure": True}]},
        {"lost": [{"against": "advection", "score": [], "lead_seconds": [300], "sure": True}]},
        {"lost": [{"against": "advection", "score": "mse", "lead_seconds": [], "sure": True}]},
        {"lost": [{"against": "advection", "score": "mse", "lead_seconds": [-1], "sure": True}]},
        {"lost": [{"against": "advection", "score": "mse", "lead_seconds": [10**400], "sure": True}]},
        {"lost": [{"against": "advection", "score": "mse", "lead_seconds": [300], "sure": 1}]},
        {"lost": [{"against": ["advection"], "score": "mse", "lead_seconds": [300], "sure": True}]},
        {"threshold": "1"},
        {"units": None},
        {"reference_times": 1.5},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_no_record_is_seen(change: dict[str, Any]) -> None:
    good = {"reference_times": 2, "threshold": None, "units": "", "lost": []}
    assert is_record(good)
    assert not is_record({**good, **change})
    assert not is_record([good])
    assert not is_record({"lost": []})
