"""What scores come to, as plain data: to whom a forecaster loses, from whom it cannot be told apart, whom it beats.

A ratio of squared errors whose interval excludes 1, and a difference of critical success indices whose interval
excludes 0, tell two forecasters apart. Where there is no interval, because starting times are few, it is said who is
ahead, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["BETTER", "SCORES", "WORDS", "is_record", "main_threshold", "record", "verdict"]

WORDS = ("worse", "behind", "not told apart", "ahead", "better")
"""What is said of a forecaster beside a baseline, the worst first; `behind` and `ahead` where there is no interval."""

SCORES = {"mse": "mse_ratio", "csi": "csi_difference"}
"""Scores that a verdict is of, and how two forecasters compare in them."""

BETTER = {"mse": 1.0, "csi": 0.0}
"""Where in that comparison neither is better; a smaller ratio is better, and a larger difference."""


def main_threshold(scores: xr.Dataset) -> float | None:
    """The threshold of a verdict's CSI: the second where there are three or more, else the first; None of none."""
    if "threshold" not in scores.coords or not scores.sizes.get("threshold"):
        return None
    levels = scores["threshold"].values
    return float(levels[1] if len(levels) > 2 else levels[0])


def verdict(scores: xr.Dataset) -> dict[str, Any]:
    """How the first forecaster stands to each of the others, lead time by lead time; plain data, fit for JSON.

    Parameters
    ----------
    scores
        Of `score`, with the variables of `skill` or without: then nothing is known of how sure it is.

    Returns
    -------
    dict
        `{model, units, threshold, reference_times, level, blocks, standings}`. Each of the standings is `{against,
        score, lead_seconds, value, low, high, word}`: `value` is the model's MSE over the baseline's, or its CSI less
        the baseline's, `low` and `high` the ends of the interval at that level; None where it is not defined. `word` is
        one of `WORDS`. What is not defined at all is left out.
    """
    names = [str(name) for name in scores["forecaster"].values]
    threshold = main_threshold(scores)
    standings = [
        standing
        for against in names[1:]
        for score in SCORES
        if score in scores and (score == "mse" or threshold is not None)
        for standing in _standings(scores, names[0], against, score, threshold)
    ]
    return {
        "model": names[0],
        "units": str(scores.attrs.get("units", "")),
        "threshold": threshold,
        "reference_times": int(scores["cases"].max()) if "cases" in scores else None,
        "level": _plain(scores.attrs.get("level")),
        "blocks": int(scores.attrs["blocks"]) if "blocks" in scores.attrs else None,
        "standings": standings,
    }


def _standings(
    scores: xr.Dataset, model: str, against: str, score: str, threshold: float | None
) -> list[dict[str, Any]]:
    name = SCORES[score]
    chosen: dict[str, Any] = {"threshold": threshold} if score == "csi" else {}
    if name in scores and against in scores["against"].values:
        mine = {end: scores[name + end].sel(against=against, **chosen).values for end in ("", "_low", "_high")}
    else:
        ours, theirs = (scores[score].sel(forecaster=each, **chosen).values for each in (model, against))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = ours / theirs if score == "mse" else ours - theirs
        mine = {"": value, "_low": np.full_like(value, np.nan), "_high": np.full_like(value, np.nan)}
    seconds = scores["lead_time"].values / np.timedelta64(1, "s")
    return [
        {
            "against": against,
            "score": score,
            "lead_seconds": float(lead),
            "value": _plain(value),
            "low": _plain(low),
            "high": _plain(high),
            "word": _word(float(value), float(low), float(high), score),
        }
        for lead, value, low, high in zip(seconds, mine[""], mine["_low"], mine["_high"], strict=True)
        if not np.isnan(value)
    ]


def _word(value: float, low: float, high: float, score: str) -> str:
    """One of `WORDS`."""
    level = BETTER[score]
    if score == "mse":
        value, low, high, level = -value, -high, -low, -level
    if math.isnan(low) or math.isnan(high):
        return "ahead" if value > level else "behind" if value < level else "not told apart"
    return "better" if low > level else "worse" if high < level else "not told apart"


def _plain(value: Any) -> float | None:
    """A number fit for JSON."""
    return float(value) if value is not None and math.isfinite(value) else None


def record(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a model file remembers of the verdicts on its test parts: to which baselines it lost, and when.

    Returns
    -------
    dict
        `{reference_times, threshold, units, lost}`. Each of what it lost is `{against, score, lead_seconds, sure}`,
        with all the lead times; `sure` is whether intervals tell the two apart.
    """
    lost: dict[tuple[str, str, bool], set[float]] = {}
    for each in verdicts:
        for standing in each["standings"]:
            if standing["word"] in ("worse", "behind"):
                key = (standing["against"], standing["score"], standing["word"] == "worse")
                lost.setdefault(key, set()).add(standing["lead_seconds"])
    return {
        "reference_times": sum(each["reference_times"] or 0 for each in verdicts),
        "threshold": verdicts[0]["threshold"],
        "units": verdicts[0]["units"],
        "lost": [
            {"against": against, "score": score, "lead_seconds": sorted(leads), "sure": sure}
            for (against, score, sure), leads in lost.items()
        ],
    }


def is_record(plain: Any) -> bool:
    """Whether this is what `record` returns, or nothing: files may hold anything."""
    if plain == {}:
        return True
    return (
        isinstance(plain, dict)
        and set(plain) == {"reference_times", "threshold", "units", "lost"}
        and type(plain["reference_times"]) is int
        and (plain["threshold"] is None or _is_number(plain["threshold"]))
        and isinstance(plain["units"], str)
        and isinstance(plain["lost"], list)
        and all(
            isinstance(each, dict)
            and set(each) == {"against", "score", "lead_seconds", "sure"}
            and isinstance(each["against"], str)
            and isinstance(each["score"], str)
            and each["score"] in SCORES
            and isinstance(each["sure"], bool)
            and isinstance(each["lead_seconds"], list)
            and bool(each["lead_seconds"])
            and all(_is_number(lead) and lead > 0 for lead in each["lead_seconds"])
            for each in plain["lost"]
        )
    )


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
