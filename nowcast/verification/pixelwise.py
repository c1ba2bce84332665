"""Errors pixel by pixel: sums over a frame, and what they come to. Missing pixels are left out by the mask `valid`.

The sums are written here, and not taken from the `scores` package, because `scores` returns means, which do not add;
tests hold the outcome equal to `scores.continuous`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["error_sums", "psnr"]


def error_sums(forecast: np.ndarray, observed: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """Sum of squared and of absolute errors over the valid pixels; dims `(y, x)` each, sums in float64."""
    error = forecast[valid].astype(float) - observed[valid].astype(float)
    return float(error @ error), float(np.abs(error).sum())


def psnr(mse: xr.DataArray, data_range: float) -> xr.DataArray:
    """Peak signal-to-noise ratio in dB, `10 log10(data_range**2 / mse)`: infinite without an error, NaN for 0/0.

    Huynh-Thu and Ghanbari 2008, doi:10.1049/el:20080522.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: xr.DataArray = 10 * np.log10(data_range**2 / mse)  # type: ignore[assignment]
    return ratio
