"""What sums come to: the table of scores, each with its name, units and paper."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast.verification.adding.events import event_scores
from nowcast.verification.adding.pixelwise import correlation, psnr
from nowcast.verification.adding.structure import WINDOW
from nowcast.verification.spectrum import SOURCE, density_units

__all__ = ["HIGHER", "LOWER", "finish"]

HIGHER = frozenset({"psnr", "ssim", "correlation", "csi", "pod", "hss", "fss"})
LOWER = frozenset({"mse", "mae", "crps", "brier", "far"})
"""Scores of which more is better, and less; a bias is best where it is 0, or 1."""

_DIMS = ("forecaster", "lead_time", "threshold", "scale", "probability_bin", "rank_bin", "wavenumber")

_MURPHY = "doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2"
_ROEBBER = "doi:10.1175/2008WAF2222159.1"
_RELIABILITY = "doi:10.1175/WAF993.1"
_SCORES = {
    "mse": ("mean squared error", _MURPHY),
    "mae": ("mean absolute error", "doi:10.3354/cr030079"),
    "bias": ("mean error: forecast less observed", _MURPHY),
    "correlation": ("Pearson's correlation of all pixels", _MURPHY),
    "psnr": ("peak signal-to-noise ratio", "doi:10.1049/el:20080522"),
    "ssim": ("structural similarity", "doi:10.1109/TIP.2003.819861"),
    "csi": ("critical success index", "doi:10.1175/1520-0434(1990)005<0570:TCSIAA>2.0.CO;2"),
    "pod": ("probability of detection", _ROEBBER),
    "far": ("false alarm ratio", _ROEBBER),
    "hss": ("Heidke skill score", "doi:10.1080/20014422.1926.11881138"),
    "bias_frequency": ("frequency bias: events forecast per event observed", _ROEBBER),
    "fss": ("fractions skill score", "doi:10.1175/2007MWR2123.1"),
    "crps": ("continuous ranked probability score", "doi:10.1287/mnsc.22.10.1087"),
    "brier": ("Brier score", "doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"),
    "reliability": ("events observed per forecast in a bin of probability", _RELIABILITY),
    "reliability_probability": ("mean probability forecast in a bin", _RELIABILITY),
    "reliability_forecasts": ("pixels forecast in a bin of probability", _RELIABILITY),
    "rank_histogram": (
        "share of observations in each tenth of the predictive distribution",
        "doi:10.1111/j.1541-0420.2009.01191.x",
    ),
}
_SPECTRA = {
    "power_spectrum": ("power", "mean power spectral density of the mean forecast"),
    "power_spectrum_matched": ("power_matched", "mean power spectral density of the matched forecast"),
    "power_spectrum_observed": ("power_observed", "mean power spectral density of what was observed"),
}


def finish(total: xr.Dataset) -> xr.Dataset:
    """Scores from sums, whatever they were summed over; what is 0/0 is NaN.

    Parameters
    ----------
    total
        What `sums` returns, summed over reference times (or over some of them, or not at all), with its attributes.

    Returns
    -------
    xr.Dataset
        As told by `score`.
    """
    units = str(total.attrs["units"])
    span = float(total.attrs["data_range"])
    pixels = total["pixels"]
    forecasts = total["bin_forecasts"]
    mse = total["squared_error"] / pixels
    found = {
        "mse": mse,
        "mae": total["absolute_error"] / pixels,
        "bias": total["error"] / pixels,
        "correlation": correlation(total),
        "psnr": psnr(mse, span),
        "ssim": total["similarity"].where(span > 0) / total["windows"],
        **event_scores(total["hits"], total["misses"], total["false_alarms"], pixels),
        "fss": 1 - total["fraction_difference"] / total["fraction_squares"],
        "crps": total["distribution_error"] / pixels,
        "brier": total["probability_error"] / pixels,
        "reliability": total["bin_events"] / forecasts,
        "reliability_probability": total["bin_probability"] / forecasts,
        "reliability_forecasts": forecasts.astype(np.int64),
        "rank_histogram": total["ranks"] / pixels,
    }
    squared = {"1": "1", "": ""}.get(units, f"({units})2")
    stated = {"mse": squared, "mae": units, "bias": units, "psnr": "dB", "crps": units}
    variables: dict[str, xr.DataArray] = {}
    for name, (long_name, source) in _SCORES.items():
        attrs = {"long_name": long_name, "units": stated.get(name, "1"), "source": source}
        variables[name] = _ordered(found[name]).assign_attrs(attrs)
    variables["psnr"].attrs["comment"] = f"from the mse and a data range of {span:g} {units}".rstrip()
    variables["ssim"].attrs["comment"] = f"Gaussian windows of {WINDOW} pixels, sigma 1.5, wholly observed ones only"
    variables["fss"].attrs["comment"] = "windows within the grid and about a valid pixel; events per valid pixel"
    variables["crps"].attrs["comment"] = "the mean absolute error of a forecast without probabilities"
    counted = {"cases": "reference times scored", "pixels": "pixels scored"}
    if "power" in total:
        counted["spectrum_frames"] = "frames that spectra were taken of"
        unit = str(total["wavenumber"].attrs.get("units", "pixel-1")).removesuffix("-1")
        for name, (source_name, long_name) in _SPECTRA.items():
            attrs = {"long_name": long_name, "units": density_units(units, unit), "source": SOURCE}
            variables[name] = _ordered(total[source_name] / total["spectrum_frames"]).assign_attrs(attrs)
    for name, long_name in counted.items():
        variables[name] = total[name].astype(np.int64).assign_attrs(long_name=long_name, units="1")
    return xr.Dataset(variables, attrs=total.attrs)


def _ordered(values: xr.DataArray) -> xr.DataArray:
    return values.transpose(..., *(dim for dim in _DIMS if dim in values.dims))
