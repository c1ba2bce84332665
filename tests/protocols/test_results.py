"""Results as plain data."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from nowcast.errors import InputError
from nowcast.protocols import Protocol
from nowcast.protocols.results import assembled, circumstances, definitions, differences, rounded, summary


def test_six_digits() -> None:
    assert rounded(123.4567890) == 123.457
    assert rounded(0.0001234567890) == 0.000123457
    assert rounded(math.nan) is None
    assert rounded(math.inf) is None


def test_means_are_those_of_the_numbers_before_rounding() -> None:
    found = summary({"mse": [1.0000004, 1.0000004], "csi >= 1": [0.5, math.nan]}, [4, 4])
    assert found["mean"] == {"mse": 1.0, "csi >= 1": 0.5}
    assert found["by_lead"]["csi >= 1"] == [0.5, None]
    assert summary({"csi": [math.nan]}, [0])["mean"] == {"csi": None}


def result(mse: float = 1.0) -> dict[str, Any]:
    return assembled({"scores": {"a": {"mean": {"mse": mse}, "pixels": [4]}}}, {"seconds": 1})


def test_only_what_must_be_the_same_is_hashed() -> None:
    other = result()
    other["differs"]["seconds"] = 2
    assert other["same_sha256"] == assembled(other["same"], other["differs"])["same_sha256"] == result()["same_sha256"]
    assert result(1.00001)["same_sha256"] != result()["same_sha256"]


def test_differences_are_told_by_place() -> None:
    assert differences(result(), result(1.00001)) == []
    assert differences(result(), result(1.0001)) == ["scores.a.mean.mse: 1 and 1.0001"]
    other = copy.deepcopy(result())
    other["same"]["scores"]["a"]["pixels"] = [4, 4]
    assert differences(result(), other) == ["scores.a.pixels: [4] and [4, 4]"]
    with pytest.raises(InputError, match="no result"):
        differences(result(), {})


def test_definitions_in_words(protocol_of: Callable[..., Protocol]) -> None:
    metrics = {
        "mse": {"over": "sum", "clip": [0, 1]},
        "psnr": {"over": "all", "peak": 2},
        "ssim": {"window": "uniform-7", "range": 2},
        "csi": {"thresholds": [0.5]},
        "crps": {},
    }
    words = definitions(protocol_of(metrics=metrics).metrics)
    assert words["mse"] == "squared error, sum over the pixels of a frame, mean over frames; forecasts clipped to 0..1"
    assert "data range 2" in words["ssim"]
    assert words["csi"].endswith("of value >= 0.5; not clipped")


def test_circumstances() -> None:
    found = circumstances()
    assert {"nowcast", "python", "torch"} <= set(found["versions"])
    assert "core" in found["hardware"]
