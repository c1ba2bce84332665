"""One reference time after another: what was forecast then by all, the truth of it, and the sums that it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dask
import numpy as np
import xarray as xr

from nowcast import products
from nowcast.verification.adding.distribution import Knots
from nowcast.verification.adding.frames import Fields, Row, Rules, add_frame, empty_row, known
from nowcast.verification.adding.spectra import Spectra
from nowcast.verification.matching import Match, check_forecast

__all__ = ["Products", "products_of", "rows"]


@dataclass(frozen=True)
class Products:
    """One forecaster's, lazy or not; the matched field of a deterministic forecast is its mean, the very array."""

    mean: xr.DataArray
    matched: xr.DataArray
    probability: xr.DataArray | None = None
    knots: Knots | None = None


def products_of(forecast: xr.DataArray | xr.Dataset, name: str) -> Products:
    """Take a forecast apart.

    Raises
    ------
    InputError
        What is no forecast by the rules of `nowcast.products`.
    """
    mean, matched = products.mean(forecast), products.matched(forecast)
    probability = products.probability(forecast)
    check_forecast(mean, name)
    check_forecast(matched, f"{name}, matched")
    if isinstance(forecast, xr.Dataset) and matched.attrs.get("nowcast_product") != "matched":
        matched = mean
    if probability is None:
        return Products(mean, matched)
    levels = probability["threshold"].values.astype(float)
    lowest, highest = float(probability.attrs["lowest"]), float(probability.attrs["highest"])
    return Products(mean, matched, probability, Knots(lowest, levels, highest))


def rows(
    forecasts: Mapping[str, Products], observed: xr.DataArray, matched: Match, rules: Rules, spectra: Spectra
) -> Iterator[Row]:
    """The sums of each reference time; what is held meanwhile is one of them and its frames."""
    frames: dict[int, np.ndarray] = {}
    for case in range(len(matched.references)):
        needed = np.unique(matched.frames[case][matched.frames[case] >= 0])
        # Neighbouring cases share most of their frames; those that this one does not need are let go.
        frames = {index: frame for index, frame in frames.items() if index in needed}
        missing = [int(index) for index in needed if index not in frames]
        frames |= dict(zip(missing, observed.isel(time=missing).values, strict=True)) if missing else {}
        leads = np.flatnonzero(matched.frames[case] >= 0)
        loaded = _load(forecasts, matched, case, leads)
        several = [
            (int(lead), frames[int(matched.frames[case, lead])][channel], [each(position, channel) for each in loaded])
            for position, lead in enumerate(leads)
            for channel in range(observed.sizes["channel"])
        ]
        masks = [known(truth, fields) for _, truth, fields in several]
        spectra.see(masks)
        row = empty_row(len(forecasts), len(matched.leads), rules) | spectra.empty_row()
        for (lead, truth, fields), valid in zip(several, masks, strict=True):
            add_frame(row, lead, truth, fields, valid, rules)
            spectra.add(row, lead, truth, [(each.mean, each.matched) for each in fields], valid)
        row["cases"][:] = row["pixels"] > 0
        yield row


class _Loaded:
    """One forecaster's arrays of one reference time, `(lead, channel, y, x)`, with a threshold after the lead."""

    def __init__(self, mean: np.ndarray, matched: np.ndarray, probability: np.ndarray | None, knots: Knots | None):
        self._mean, self._matched, self._probability, self._knots = mean, matched, probability, knots

    def __call__(self, position: int, channel: int) -> Fields:
        mean = self._mean[position, channel]
        matched = mean if self._matched is self._mean else self._matched[position, channel]
        probability = None if self._probability is None else self._probability[position, :, channel]
        return Fields(mean, matched, probability, self._knots)


def _load(forecasts: Mapping[str, Products], matched: Match, case: int, leads: np.ndarray) -> list[_Loaded]:
    """All products of all forecasters at once: what they have in common is computed once."""
    wanted = []
    for name, each in forecasts.items():
        at = {
            "forecast_reference_time": matched.cases[name][case],
            "lead_time": matched.lead_positions[name][leads],
        }
        second = None if each.matched is each.mean else each.matched.isel(at)
        third = None if each.probability is None else each.probability.isel(at)
        wanted.append((each.mean.isel(at), second, third))
    found = []
    for (mean, second, third), each in zip(dask.compute(*wanted), forecasts.values(), strict=True):
        values = mean.values
        found.append(
            _Loaded(
                values,
                values if second is None else second.values,
                None if third is None else third.values,
                each.knots,
            )
        )
    return found
