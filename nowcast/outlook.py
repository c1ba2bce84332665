"""What a forecaster tells of each pixel, as the products of a forecast: a mean, a field matched to chances, these."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nowcast.models import Forecaster
from nowcast.models.exceedance import matched
from nowcast.scaling import Scaler

__all__ = ["ends_of", "levels_of", "told"]

BEYOND = 0.5
"""How far beyond the last threshold the largest value lies at least, in the way from the least value to it."""


def told(forecaster: Forecaster, values: Tensor, seen: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Fields in scaled units, the mean and where there are chances one that is matched to them; and the chances.

    Parameters
    ----------
    values
        `(1 horizon l h w)`, as `Forecaster.lifted` gives them.
    seen
        True for the pixels that are forecast: `(h w)`.

    Returns
    -------
    list, list
        `[(horizon c h w), …]`; and `[(horizon k c h w)]`, or none.
    """
    with torch.inference_mode():
        mean, chances = forecaster.expected(values), forecaster.chances(values)
        if chances is None:
            return [mean[0].cpu().numpy()], []
        field = matched(mean, chances, forecaster.thresholds, seen)
    return [each[0].cpu().numpy() for each in (mean, field)], [chances[0].cpu().numpy()]


def levels_of(forecaster: Forecaster, scaler: Scaler) -> list[float]:
    """The thresholds of the chances, in the field's units; six digits tell them."""
    return [float(f"{level:.6g}") for level in scaler.invert(np.array(forecaster.thresholds)).tolist()]


def ends_of(forecaster: Forecaster, scaler: Scaler) -> dict[str, float]:
    """The least and the largest value of the distributions, in the field's units (see `nowcast.products`).

    The least is what a field of that kind never goes below, or the training part's least; the largest the training
    part's, or beyond the last threshold.
    """
    levels = levels_of(forecaster, scaler)
    low, high = scaler.invert(np.array([-2.0 if scaler.method in ("zscore", "symmetric") else 0.0, 1.0])).tolist()
    low = low if scaler.lowest is None else scaler.lowest
    if low >= levels[0]:
        low = levels[0] - BEYOND * (levels[-1] - levels[0] or abs(levels[0]) or 1.0)
    return {"lowest": float(low), "highest": float(max(high, levels[-1] + BEYOND * (levels[-1] - low)))}
