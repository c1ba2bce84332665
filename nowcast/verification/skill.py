"""How the first forecaster stands to each of the others, with intervals by resampling blocks of reference times.

Neighbouring starting times share frames and weather, so that single cases would make intervals too narrow. Blocks of
consecutive ones are drawn instead: Künsch 1989, doi:10.1214/aos/1176347265. They are circular within a stretch of time,
so that each case is drawn equally often, and stay within it: no block reaches into another sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtr, stdtrit

from nowcast.errors import InputError
from nowcast.sizes import duration

__all__ = ["NEEDED", "skill"]

NEEDED = ("squared_error", "distribution_error", "hits", "misses", "false_alarms")
"""The sums that skill is made of."""

FEWEST = 3
"""Blocks below which nothing is said of how sure the skill is."""

AT_ONCE = 4_000_000
"""Weights that are held at a time."""

SOURCE = "doi:10.1214/aos/1176347265"

_LONG_NAMES = {
    "mse_ratio": "mean squared error over the baseline's",
    "crps_ratio": "continuous ranked probability score over the baseline's",
    "csi_difference": "critical success index less the baseline's",
}


def skill(
    sums: xr.Dataset,
    *,
    level: float = 0.9,
    seed: int = 0,
    resamples: int = 1000,
    block: np.timedelta64 | None = None,
) -> xr.Dataset:
    """Compare the first forecaster with each of the others, by lead time.

    Parameters
    ----------
    sums
        From `sums`, one row per reference time; a coordinate `sequence` along them tells sequences apart.
    level
        Of the intervals: 0.9 leaves a twentieth of the resamples on either side.
    seed
        Of the draws.
    resamples
        How many times as many blocks are drawn as there are.
    block
        Length of a block in time; the longest lead time where none is given. Give context and horizon together, so that
        starting times that share a frame fall together.

    Returns
    -------
    xr.Dataset
        `mse_ratio, crps_ratio` by `against` (the baselines) and lead time, below 1 where the first forecaster is
        better; `csi_difference` by threshold too, above 0 where it is better; the ends of each one's interval in
        `..._low` and `..._high`, NaN below 3 blocks, which the attribute `interval_left_out` then says. Attributes
        `level, blocks, block_hours, resamples, seed`.

    Raises
    ------
    InputError
        Only one forecaster, sums without reference times, a level outside of 0 to 1, no resample, a block of no length.
    """
    _check(sums, level=level, resamples=resamples, block=block)
    length = sums["lead_time"].values.max() if block is None else block
    stretches = _stretches(sums, length)
    count = int(sum(len(stretch) / size for stretch, size in stretches) + 1e-9)
    found = _compared(sums, np.ones((1, sums.sizes["forecast_reference_time"])))
    ends: dict[str, np.ndarray] = {}
    if count >= FEWEST:
        tail = _tail(level, count)
        parts = [_compared(sums, part) for part in _weights(stretches, count, resamples=resamples, seed=seed)]
        for name in found:
            drawn = np.concatenate([part[name] for part in parts])
            ends |= dict(zip((f"{name}_low", f"{name}_high"), _quantiles(drawn, (tail, 1 - tail)), strict=True))
    names = sums["forecaster"].values.tolist()
    coords: dict[str, Any] = {"against": ("against", names[1:], {"long_name": "baseline"})}
    coords |= {name: sums[name] for name in ("lead_time", "threshold")}
    variables: dict[str, Any] = {}
    for name, long_name in _LONG_NAMES.items():
        dims = ("against", "lead_time", "threshold")[: found[name].ndim - 1]
        variables[name] = (dims, found[name][0], {"long_name": long_name, "units": "1"})
        for end in ("low", "high"):
            values = ends.get(f"{name}_{end}", np.full_like(found[name][0], np.nan))
            told = {"long_name": f"{end} end of the {level:.0%} interval: {long_name}", "units": "1", "source": SOURCE}
            variables[f"{name}_{end}"] = (dims, values, told)
    attrs: dict[str, Any] = {
        "level": level,
        "blocks": count,
        "block_hours": float(length / np.timedelta64(1, "h")),
        "resamples": resamples,
        "seed": seed,
        "skill_of": str(names[0]),
    }
    if count < FEWEST:
        cases, span = sums.sizes["forecast_reference_time"], duration(float(length / np.timedelta64(1, "s")))
        attrs["interval_left_out"] = f"{cases} reference time(s) make {count} block(s) of {span}; {FEWEST} are needed"
    return xr.Dataset(variables, coords, attrs)


def _check(sums: xr.Dataset, *, level: float, resamples: int, block: np.timedelta64 | None) -> None:
    if "forecast_reference_time" not in sums["squared_error"].dims:
        raise InputError("skill: these sums are a total", needed="one row per reference time, as of sums(...)")
    if sums.sizes["forecaster"] < 2:
        raise InputError(
            "skill: there is nobody to compare with",
            found=f"one forecaster, {sums['forecaster'].values[0]!r}",
            needed="a forecaster and at least one baseline behind it",
        )
    if not 0 < level < 1:
        raise InputError("skill: level cannot be used", found=str(level), needed="a number between 0 and 1")
    if resamples < 1:
        raise InputError("skill: resamples cannot be used", found=str(resamples), needed="at least 1")
    if block is not None and not block > np.timedelta64(0, "ns"):
        raise InputError("skill: a block has no length", found=str(block), needed="a time above 0, such as 2 hours")


def _weights(stretches: list[tuple[np.ndarray, int]], count: int, *, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each case stands in each resample of `count` blocks, dims `(resample, case)`, some at a time."""
    cases = sum(len(stretch) for stretch, _ in stretches)
    chance = np.zeros(cases)
    for stretch, size in stretches:
        # Long and short blocks are drawn so that every case comes up equally often.
        chance[stretch] = 1 / size
    random = np.random.default_rng(seed)
    most = max(1, AT_ONCE // cases)
    for done in range(0, resamples, most):
        drawn = random.multinomial(count, chance / chance.sum(), size=min(most, resamples - done))
        weights = np.empty(drawn.shape)
        for stretch, size in stretches:
            # A case stands in the blocks that begin at it and at the `size - 1` cases before it, around the stretch.
            begun = drawn[:, np.concatenate([stretch[len(stretch) - size + 1 :], stretch])]
            summed = np.cumsum(begun, axis=1)
            weights[:, stretch] = summed[:, size - 1 :]
            weights[:, stretch[1:]] -= summed[:, :-size]
        yield weights


def _stretches(sums: xr.Dataset, length: np.timedelta64) -> list[tuple[np.ndarray, int]]:
    """Positions of consecutive cases of one sequence, none further than a block from the next; cases in a block.

    So many cases make a block that it is nowhere shorter than `length`, or else all of the stretch.
    """
    times = sums["forecast_reference_time"].values.astype("M8[us]").astype(np.int64)
    span = int(length / np.timedelta64(1, "us"))
    if "sequence" in sums.coords:
        _, sequence = np.unique(sums["sequence"].values, return_inverse=True)
    else:
        sequence = np.zeros(len(times), dtype=int)
    order = np.lexsort((times, sequence))
    apart = (np.diff(sequence[order]) != 0) | (np.diff(times[order]) > span)
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(order)]
    found = []
    for low, high in pairwise(edges):
        stretch = order[low:high]
        within = np.searchsorted(times[stretch], times[stretch] + span) - np.arange(len(stretch))
        found.append((stretch, int(within.max())))
    return found


def _compared(sums: xr.Dataset, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Ratios and differences of weighted totals, dims `(resample, against, lead_time[, threshold])`."""
    dims = ("forecast_reference_time", "forecaster", "lead_time", "threshold")
    with np.errstate(divide="ignore", invalid="ignore"):
        total = {
            name: np.tensordot(weights, sums[name].transpose(*dims, missing_dims="ignore").values, 1) for name in NEEDED
        }
        csi = total["hits"] / (total["hits"] + total["misses"] + total["false_alarms"])
        squared, distribution = total["squared_error"], total["distribution_error"]
        return {
            "mse_ratio": squared[:, :1] / squared[:, 1:],
            "crps_ratio": distribution[:, :1] / distribution[:, 1:],
            "csi_difference": csi[:, :1] - csi[:, 1:],
        }


def _tail(level: float, blocks: int) -> float:
    """The share of resamples beyond either end: less than half of what `level` leaves, because blocks are few.

    Resampled totals of N blocks vary too little by (N - 1) / N, and their ends are those of a normal, not of Student's
    distribution: Hesterberg 2015, doi:10.1080/00031305.2015.1089789, section 4.3.
    """
    reach = stdtrit(blocks - 1, (1 - level) / 2) * np.sqrt(blocks / (blocks - 1))
    return float(ndtr(reach))


def _quantiles(drawn: np.ndarray, shares: tuple[float, float]) -> np.ndarray:
    """Over the resamples in which it is defined; NaN where it is so in less than half of them."""
    finite = np.isfinite(drawn)
    enough = finite.mean(axis=0) >= 0.5
    safe = np.where(finite | ~enough, np.where(finite, drawn, 0), np.nan)
    return np.where(enough, np.nanquantile(safe, shares, axis=0), np.nan)
