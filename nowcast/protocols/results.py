"""A result as plain data: what must be the same on every machine, its hash, and apart from it what may differ."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping
from typing import Any

from nowcast.description.hashing import plain_hash
from nowcast.errors import InputError
from nowcast.installed import versions
from nowcast.machine import hardware
from nowcast.protocols.schema import Csi, Errors, Metrics, Psnr, Ssim

__all__ = ["DIGITS", "assembled", "circumstances", "definitions", "differences", "rounded", "summary"]

DIGITS = 6
"""Of numbers in a result. Sums of float32 fields differ from machine to machine in the eighth digit and beyond."""

TOLERANCE = 1.01e-5
"""Two results agree where numbers differ by no more than this share: by one in the last digit, as rounding may."""


def rounded(value: float) -> float | None:
    """To `DIGITS` significant digits; None for what is no finite number, which JSON cannot tell."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def summary(scores: Mapping[str, list[float]], pixels: list[int]) -> dict[str, Any]:
    """Scores by lead time, and the mean of those that are defined."""
    means = {name: [value for value in values if math.isfinite(value)] for name, values in scores.items()}
    return {
        "mean": {name: rounded(sum(each) / len(each)) if each else None for name, each in means.items()},
        "by_lead": {name: [rounded(value) for value in values] for name, values in scores.items()},
        "pixels": pixels,
    }


def assembled(same: dict[str, Any], differs: dict[str, Any]) -> dict[str, Any]:
    """The result: `same` on every machine, its hash, and what `differs`."""
    return {"format": 1, "same": same, "same_sha256": plain_hash(same), "differs": differs}


def circumstances() -> dict[str, Any]:
    """Versions and the machine."""
    return {"versions": versions(), "hardware": hardware(), "system": platform.platform()}


def definitions(metrics: Metrics) -> dict[str, str]:
    """Each metric in words."""
    words = {}
    for name, metric in metrics.asked().items():
        clip = f"forecasts clipped to {metric.clip[0]:g}..{metric.clip[1]:g}" if metric.clip else "not clipped"
        if isinstance(metric, Errors):
            error = "squared" if name == "mse" else "absolute"
            text = f"{error} error, {metric.over} over the pixels of a frame, mean over frames"
        elif isinstance(metric, Psnr):
            of = "mean of each frame's" if metric.over == "frame" else "of the mean squared error of all frames"
            text = f"10 log10(peak^2 / mse) in dB, {of}, peak {metric.peak:g}; frames without any error left out"
        elif isinstance(metric, Ssim):
            window = {
                "uniform-7": "7 x 7 pixels alike, sample covariance (scikit-image's default)",
                "gaussian-11": "Gaussian of 11 pixels, sigma 1.5 (Wang et al. 2004)",
            }[metric.window]
            text = f"structural similarity, {window}, data range {metric.range:g}, mean over frames"
        elif isinstance(metric, Csi):
            text = f"hits / (hits + misses + false alarms) of value >= {', '.join(f'{t:g}' for t in metric.thresholds)}"
        else:
            text = "continuous ranked probability score, mean over pixels"
        words[name] = f"{text}; {clip}"
    return words


def differences(one: Mapping[str, Any], other: Mapping[str, Any], *, tolerance: float = TOLERANCE) -> list[str]:
    """Where the parts of two results that must be the same are not, by place; numbers within `tolerance` are.

    Raises
    ------
    InputError
        What is no result.
    """
    for each in (one, other):
        if not isinstance(each, Mapping) or not isinstance(each.get("same"), Mapping):
            raise InputError("this is no result of nowcast benchmark", needed="a JSON object with a part 'same'")
    return list(_apart(one["same"], other["same"], "", tolerance))


def _apart(one: Any, other: Any, place: str, tolerance: float) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            yield from _apart(one.get(key), other.get(key), f"{place}.{key}".lstrip("."), tolerance)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _apart(mine, theirs, f"{place}[{number}]", tolerance)
    elif isinstance(one, float) and isinstance(other, float):
        if not math.isclose(one, other, rel_tol=tolerance):
            yield f"{place}: {one:g} and {other:g}"
    elif one != other:
        yield f"{place}: {one} and {other}"
