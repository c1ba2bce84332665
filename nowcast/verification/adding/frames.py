"""What one frame adds to the sums that scores are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nowcast.verification.adding.distribution import (
    BINS,
    Knots,
    brier_sum,
    crps_sum,
    point_ranks,
    probability_at,
    ranks,
    reliability_sums,
)
from nowcast.verification.adding.events import counts, exceeds
from nowcast.verification.adding.neighbourhood import centres, fraction_sums, integral, window_sums
from nowcast.verification.adding.pixelwise import error_sums, moment_sums
from nowcast.verification.adding.structure import similarity_sum, whole_windows

__all__ = ["SUMS", "Fields", "Row", "Rules", "add_frame", "empty_row", "known"]

Row = dict[str, np.ndarray]

_LEAD = ("lead_time",)
_PLAIN = ("forecaster", "lead_time")
_EVENT = (*_PLAIN, "threshold")
_BINNED = (*_EVENT, "probability_bin")
SUMS: dict[str, tuple[str, ...]] = {
    "cases": _LEAD,
    "pixels": _LEAD,
    "windows": _LEAD,
    "observed_sum": _LEAD,
    "observed_square": _LEAD,
    "error": _PLAIN,
    "squared_error": _PLAIN,
    "absolute_error": _PLAIN,
    "forecast_square": _PLAIN,
    "product": _PLAIN,
    "similarity": _PLAIN,
    "distribution_error": _PLAIN,
    "ranks": (*_PLAIN, "rank_bin"),
    "hits": _EVENT,
    "misses": _EVENT,
    "false_alarms": _EVENT,
    "probability_error": _EVENT,
    "bin_forecasts": _BINNED,
    "bin_events": _BINNED,
    "bin_probability": _BINNED,
    "fraction_difference": (*_EVENT, "scale"),
    "fraction_squares": (*_EVENT, "scale"),
}
"""The sums of one reference time, and their dims."""


@dataclass(frozen=True)
class Rules:
    """What is counted alike in every frame: thresholds, widths of windows in pixels, and the data range of SSIM."""

    levels: list[float]
    widths: list[int]
    span: float

    @property
    def origin(self) -> float:
        """What moments are taken about, near the data: those of 280 K about 0 would lose half of their digits."""
        return self.levels[0]


@dataclass(frozen=True)
class Fields:
    """One forecaster's products of one frame; the matched field of a deterministic one is its mean, the very array.

    `mean` and `matched` `(y, x)`; `probability` `(threshold, y, x)` at the levels of `knots`.
    """

    mean: np.ndarray
    matched: np.ndarray
    probability: np.ndarray | None = None
    knots: Knots | None = None


def empty_row(forecasters: int, leads: int, rules: Rules) -> Row:
    """Sums of nothing, without the dim of reference times."""
    sizes = {"forecaster": forecasters, "lead_time": leads, "probability_bin": BINS, "rank_bin": BINS}
    sizes |= {"threshold": len(rules.levels), "scale": len(rules.widths)}
    return {name: np.zeros([sizes[dim] for dim in dims]) for name, dims in SUMS.items()}


def known(truth: np.ndarray, forecasts: Sequence[Fields]) -> np.ndarray:
    """Where the truth and every product of every forecaster have a value, dims `(y, x)`."""
    found: np.ndarray = np.isfinite(truth)
    for each in forecasts:
        found &= np.isfinite(each.mean)
        if each.matched is not each.mean:
            found &= np.isfinite(each.matched)
        if each.probability is not None:
            found &= np.isfinite(each.probability).all(axis=0)
    return found


def add_frame(
    row: Row, lead: int, truth: np.ndarray, forecasts: Sequence[Fields], valid: np.ndarray, rules: Rules
) -> None:
    """Add one frame to a row of sums, in place; no pixel counts that is not `valid`."""
    pixels = int(np.count_nonzero(valid))
    if pixels == 0:
        return
    truth = np.where(valid, truth, 0)
    whole = whole_windows(valid)
    observed = truth[valid].astype(float)
    row["pixels"][lead] += pixels
    row["windows"][lead] += np.count_nonzero(whole)
    row["observed_sum"][lead] += (observed - rules.origin).sum()
    row["observed_square"][lead] += ((observed - rules.origin) ** 2).sum()
    for member, each in enumerate(forecasts):
        at = member, lead
        field = np.where(valid, each.mean, 0)
        forecast = field[valid].astype(float)
        error, squared, absolute = error_sums(forecast, observed)
        square, product = moment_sums(forecast, observed, rules.origin)
        row["error"][at] += error
        row["squared_error"][at] += squared
        row["absolute_error"][at] += absolute
        row["forecast_square"][at] += square
        row["product"][at] += product
        row["similarity"][at] += similarity_sum(field, truth, whole, data_range=rules.span)
        if each.probability is None or each.knots is None:
            row["distribution_error"][at] += absolute
            row["ranks"][at] += point_ranks(forecast, observed)
            _add_certain(row, at, forecast, observed, rules)
        else:
            at_levels = each.probability[:, valid]
            row["distribution_error"][at] += crps_sum(at_levels, each.knots, observed)
            row["ranks"][at] += ranks(at_levels, each.knots, observed)
            for level, threshold in enumerate(rules.levels):
                probability, event = probability_at(at_levels, each.knots, threshold), exceeds(observed, threshold)
                row["probability_error"][(*at, level)] += brier_sum(probability, event)
                binned = reliability_sums(probability, event)
                for name, found in zip(("bin_forecasts", "bin_events", "bin_probability"), binned, strict=True):
                    row[name][(*at, level)] += found
    _add_events(row, lead, np.stack([truth, *(np.where(valid, each.matched, 0) for each in forecasts)]), valid, rules)


def _add_certain(row: Row, at: tuple[int, int], forecast: np.ndarray, observed: np.ndarray, rules: Rules) -> None:
    """Probabilities of 0 and 1; dims `(pixel,)` each."""
    for level, threshold in enumerate(rules.levels):
        hits, misses, false_alarms = counts(exceeds(forecast, threshold), exceeds(observed, threshold))
        here = (*at, level)
        row["probability_error"][here] += misses + false_alarms
        row["bin_forecasts"][here][[0, -1]] += len(forecast) - hits - false_alarms, hits + false_alarms
        row["bin_events"][here][[0, -1]] += misses, hits
        row["bin_probability"][here][-1] += hits + false_alarms


def _add_events(row: Row, lead: int, stack: np.ndarray, valid: np.ndarray, rules: Rules) -> None:
    """Categories and their neighbourhoods; `stack` `(1 + forecaster, y, x)` holds the truth first."""
    valid_table = integral(valid)
    for level, threshold in enumerate(rules.levels):
        events = exceeds(stack, threshold) & valid
        for member, event in enumerate(events[1:]):
            found = counts(event, events[0])
            for name, count in zip(("hits", "misses", "false_alarms"), found, strict=True):
                row[name][member, lead, level] += count
        event_table = integral(events)
        for index, width in enumerate(rules.widths):
            windows = window_sums(event_table, width), window_sums(valid_table, width)
            difference, squares = fraction_sums(*windows, centres(valid, width))
            row["fraction_difference"][:, lead, level, index] += difference
            row["fraction_squares"][:, lead, level, index] += squares
