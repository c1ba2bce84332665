"""What a forecaster tells of each pixel, as the products of a forecast: a mean, a field matched to chances, these."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from nowcast.models import Forecaster
from nowcast.models.exceedance import matched
from nowcast.scaling import Scaler

__all__ = ["ends_of", "levels_of", "told"]

BEYOND = 0.5
"""How far beyond the last threshold the largest value lies at least, in the way from the least value to it."""


@torch.inference_mode()
def told(
    forecaster: Forecaster, scaler: Scaler, by_lead: Iterable[Tensor], seen: np.ndarray, *, horizon: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Fields in physical units, the mean and where there are chances one that is matched to them; and the chances.

    Parameters
    ----------
    by_lead
        `(1 1 l h w)` of each lead time, as `Forecaster.lifted_by_lead` gives them.
    seen
        True for the pixels that are forecast, `(c h w)`; the others are NaN.

    Returns
    -------
    list, list
        `[(horizon c h w), …]`; and `[(horizon k c h w)]`, or none.
    """
    some, hidden = torch.from_numpy(seen.any(axis=0)), None if seen.all() else ~seen
    fields: list[np.ndarray] = []
    chances: list[np.ndarray] = []
    for step, values in enumerate(by_lead):
        if not fields:
            k, on_cpu = len(forecaster.thresholds), values.device.type == "cpu"
            fields = [np.empty((horizon, *seen.shape), np.float32) for _ in range(2 if k else 1)]
            chances = [np.empty((horizon, k, *seen.shape), np.float32)] if k else []
        mean = forecaster.expected(values)
        room = torch.from_numpy(chances[0][step])[None, None] if chances and on_cpu else None
        reached = forecaster.chances(values, out=room)
        fields[0][step] = scaler.invert(mean[0, 0].cpu().numpy())
        if reached is not None:
            field = matched(mean, reached, forecaster.thresholds, some.to(values.device))
            fields[1][step] = scaler.invert(field[0, 0].cpu().numpy())
            if room is None:
                chances[0][step] = reached[0, 0].cpu().numpy()
        if hidden is not None:
            for whole in (*fields, *chances):
                np.copyto(whole[step], np.nan, where=hidden)
    return fields, chances


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
