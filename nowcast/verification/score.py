"""Forecasts scored side by side: sums by reference time, and the scores that a total of them comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dask
import numpy as np
import xarray as xr

from nowcast import __version__, products
from nowcast.cube import grid_step, iso
from nowcast.errors import InputError
from nowcast.verification.adding.distribution import BINS
from nowcast.verification.adding.frames import SUMS, Row, Rules
from nowcast.verification.adding.spectra import SMALLEST_AREA, SPECTRA, Spectra, checked_area
from nowcast.verification.cases import products_of, rows
from nowcast.verification.finishing import finish
from nowcast.verification.matching import Match, match
from nowcast.verification.skill import NEEDED, skill
from nowcast.verification.thresholds import checked_scales, checked_thresholds, default_scales, threshold_rule

__all__ = ["score", "sums"]

Progress = Callable[[int, int], None]
Forecasts = Mapping[str, xr.DataArray | xr.Dataset]


def score(
    forecasts: Forecasts,
    observed: xr.DataArray,
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
    data_range: float | None = None,
    spectrum_area: Sequence[int] | None = None,
    level: float | None = None,
    block: np.timedelta64 | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Score forecasts of several forecasters against the truth, all on the same pixels of the same frames.

    Parameters
    ----------
    forecasts
        By forecaster, forecast cubes `(forecast_reference_time, lead_time, channel, y, x)` or Datasets of a
        probabilistic forecast's products (`nowcast.products`). Reference and lead times that one of them lacks, and
        pixels that one of them or the truth lacks, are left out for all.
    observed
        The cube `(time, channel, y, x)`. A lead time without an observed frame is left out of that lead time alone.
    thresholds
        An event is `value >= threshold`, in the cube's units; `default_thresholds` where none are named.
    scales
        Window widths in pixels for the fractions skill score, odd; `default_scales` where none are named.
    data_range
        For PSNR and SSIM; the largest minus the smallest observed value over the scored frames where none is named.
    spectrum_area
        Rows from, to, columns from, to, of which spectra are taken; where none is named, the largest central rectangle
        that is wholly known in the first case that has one.
    level
        Of the intervals of `skill`, which then stands in the result; None: there is no skill.
    block
        As of `skill`.
    progress
        Called with the number of reference times done and their total.

    Returns
    -------
    xr.Dataset
        Of the mean, by forecaster and lead time: `mse, mae, bias, correlation, psnr, ssim`. Of the matched field, by
        threshold too: `csi, pod, far, hss, bias_frequency`, and `fss` by scale. Of the distribution: `crps`, `brier` by
        threshold, `reliability, reliability_probability, reliability_forecasts` by bin of probability,
        `rank_histogram`. `power_spectrum, power_spectrum_matched, power_spectrum_observed, spectrum_frames` by
        wavenumber, unless the attribute `spectrum_left_out` says why not. `cases` and `pixels` by lead time. Channels
        are pooled. Undefined (0/0) is NaN.

    Raises
    ------
    InputError
        Grid, units, variable or dims that do not fit; no time or no pixel in common; thresholds, scales, an area or a
        data range that cannot be used.

    References
    ----------
    Each variable names its paper in the attribute `source`.
    """
    asked = _Asked(forecasts, observed, thresholds, scales, data_range, spectrum_area)
    total: Row = {}
    kept: list[Row] = []
    for row in asked.rows(progress):
        total = {name: values + total.get(name, 0) for name, values in row.items()}
        kept.append({name: row[name] for name in (*NEEDED, "cases", "pixels")})
    scores = finish(asked.labelled(total, [row["pixels"] for row in kept]))
    if level is None:
        return scores
    standing = skill(asked.labelled(_stacked(kept), [row["pixels"] for row in kept]), level=level, block=block)
    joined = xr.merge([scores, standing], join="exact", compat="equals", combine_attrs="override")
    return joined.assign_attrs({**scores.attrs, **standing.attrs})


def sums(
    forecasts: Forecasts,
    observed: xr.DataArray,
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
    data_range: float | None = None,
    spectrum_area: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """What `score` adds up, one row per reference time: for pooling periods, and for intervals by resampling cases.

    Parameters and errors are those of `score`. `finish(sums(...).sum("forecast_reference_time", keep_attrs=True))`
    is `score(...)`, which does not hold all rows at once. Sums of several periods add only where thresholds, scales,
    `data_range` and, if there are spectra, `spectrum_area` are the same.
    """
    asked = _Asked(forecasts, observed, thresholds, scales, data_range, spectrum_area)
    found = list(asked.rows(progress))
    return asked.labelled(_stacked(found), [row["pixels"] for row in found])


def _stacked(found: list[Row]) -> Row:
    """Rows one upon the other; what the first ones lack, because there was no area yet, is 0."""
    return {
        name: np.stack([row[name] if name in row else np.zeros_like(last) for row in found])
        for name, last in found[-1].items()
    }


class _Asked:
    """What is to be scored, on what, by which rules."""

    def __init__(
        self,
        forecasts: Forecasts,
        observed: xr.DataArray,
        thresholds: Sequence[float] | None,
        scales: Sequence[int] | None,
        data_range: float | None,
        spectrum_area: Sequence[int] | None,
    ) -> None:
        self.observed = observed
        self.means = {name: products.mean(each) for name, each in forecasts.items()}
        self.match = match(self.means, observed)
        self.products = {name: products_of(each, name) for name, each in forecasts.items()}
        height, width = observed.sizes["y"], observed.sizes["x"]
        if thresholds is None:
            levels, self.thresholds_source = threshold_rule(observed)
        else:
            levels, self.thresholds_source = checked_thresholds(thresholds), "given"
        widths = default_scales(height, width) if scales is None else checked_scales(scales, rows=height, columns=width)
        span, self.data_range_source = _data_range(observed, self.match, data_range)
        self.rules = Rules(levels, widths, span)
        area = checked_area(spectrum_area, observed)
        self.spectra = Spectra(observed, len(forecasts), len(self.match.leads), area)

    def rows(self, progress: Progress | None) -> Iterator[Row]:
        """Sums of one reference time after the other.

        Raises
        ------
        InputError
            At the end: no pixel in common.
        """
        total, pixels = len(self.match.references), 0.0
        for done, row in enumerate(rows(self.products, self.observed, self.match, self.rules, self.spectra), 1):
            pixels += row["pixels"].sum()
            if progress is not None:
                progress(done, total)
            yield row
        if not pixels:
            raise InputError(
                "no pixel has a value in the truth and in every forecast at once",
                found="; ".join(f"forecast {name!r} of {total} reference time(s)" for name in self.means),
                needed="at least one pixel that the observed cube and all forecasts share",
            )

    def labelled(self, values: Row, pixels: list[np.ndarray]) -> xr.Dataset:
        """Sums with their dims, coordinates and attributes; `pixels` of each reference time tell which were used."""
        dims = SUMS | SPECTRA
        units = str(self.observed.attrs.get("units", ""))
        by_case = values["pixels"].ndim > 1
        before = ("forecast_reference_time",) if by_case else ()
        coords = _coords(self.means, self.observed, self.match, self.rules, units) | self.spectra.coords()
        held = {dim for name in values for dim in (*before, *dims[name])}
        coords = {name: each for name, each in coords.items() if each[0] in held}
        used = self.match.references[np.array([each.any() for each in pixels])]
        attrs: dict[str, Any] = {
            "variable": str(self.observed.name),
            "units": units,
            "data_range": self.rules.span,
            "data_range_source": self.data_range_source,
            "thresholds_source": self.thresholds_source,
            "population": "pixels that the observed cube and all forecasters share",
            "reference_times": len(used),
            "first_reference_time": iso(used.min()),
            "last_reference_time": iso(used.max()),
            "nowcast_version": __version__,
        }
        if self.spectra.area is None:
            attrs["spectrum_left_out"] = (
                f"no central rectangle of {SMALLEST_AREA} x {SMALLEST_AREA} pixels is known in the truth and in every "
                "forecast at once"
            )
        else:
            attrs["spectrum_area"] = list(self.spectra.area)
        return xr.Dataset({name: ((*before, *dims[name]), each) for name, each in values.items()}, coords, attrs)


def _data_range(observed: xr.DataArray, matched: Match, given: float | None) -> tuple[float, str]:
    if given is not None:
        if not (np.isfinite(given) and given > 0):
            raise InputError("data_range cannot be used", found=str(given), needed="a positive number")
        return float(given), "given"
    used = observed.isel(time=np.unique(matched.frames[matched.frames >= 0]))
    lazy = used if used.chunks else used.chunk({"time": 16})
    known = np.isfinite(lazy)
    lowest, highest = dask.compute(lazy.where(known, np.inf).min(), lazy.where(known, -np.inf).max())
    if lowest > highest:
        raise InputError("no pixel of the observed frames that match the forecasts has a value")
    return float(highest) - float(lowest), "largest minus smallest observed value over the scored frames"


def _coords(
    forecasts: Mapping[str, xr.DataArray], observed: xr.DataArray, matched: Match, rules: Rules, units: str
) -> dict[str, Any]:
    first = next(iter(forecasts.values()))
    middles = (np.arange(BINS) + 0.5) / BINS
    coords: dict[str, Any] = {
        "forecast_reference_time": (
            "forecast_reference_time",
            matched.references,
            {"standard_name": "forecast_reference_time"},
        ),
        "forecaster": ("forecaster", list(forecasts), {"long_name": "forecaster"}),
        "lead_time": ("lead_time", matched.leads, {"standard_name": "forecast_period", **first["lead_time"].attrs}),
        "threshold": ("threshold", rules.levels, {"long_name": "event: value >= threshold", "units": units}),
        "scale": ("scale", rules.widths, {"long_name": "width of the window", "units": "pixel"}),
        "probability_bin": (
            "probability_bin",
            middles,
            {"long_name": "middle of the bin of probability", "units": "1"},
        ),
        "rank_bin": ("rank_bin", middles, {"long_name": "middle of the tenth of the distribution", "units": "1"}),
    }
    if "sequence" in observed.coords and all("sequence" in each.coords for each in forecasts.values()):
        name = next(iter(forecasts))
        coords["sequence"] = ("forecast_reference_time", first["sequence"].values[matched.cases[name]])
    step = grid_step(observed)
    # One length stands for a square window only where the pixels are square, to within a hundredth.
    if step is not None and step["units"] and abs(step["y"] - step["x"]) <= 0.01 * step["x"]:
        lengths = np.array(rules.widths) * step["x"]
        coords["scale_length"] = ("scale", lengths, {"long_name": "width of the window", "units": step["units"]})
    return coords
