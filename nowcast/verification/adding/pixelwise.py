"""Errors pixel by pixel: sums over a frame, and what they come to. Missing pixels were left out before.

The sums are written here, and not taken from the `scores` package, because `scores` returns means, which do not add;
tests hold the outcome equal to `scores.continuous`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["correlation", "error_sums", "moment_sums", "psnr"]


def error_sums(forecast: np.ndarray, observed: np.ndarray) -> tuple[float, float, float]:
    """Sum of errors, of squared and of absolute ones; float64, dims `(pixel,)` each."""
    error = forecast - observed
    return float(error.sum()), float(error @ error), float(np.abs(error).sum())


def moment_sums(forecast: np.ndarray, observed: np.ndarray, origin: float) -> tuple[float, float]:
    """Sum of the forecast's squares, and of its products with what was observed, both about `origin`."""
    about = forecast - origin
    return float(about @ about), float(about @ (observed - origin))


def correlation(total: xr.Dataset) -> xr.DataArray:
    """Pearson's, of all pixels pooled, from their sums; NaN where one of both never varies.

    Murphy 1988, doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2.
    """
    pixels, observed = total["pixels"], total["observed_sum"] / total["pixels"]
    forecast = observed + total["error"] / pixels
    squares = total["forecast_square"] / pixels, total["observed_square"] / pixels
    variances = squares[0] - forecast**2, squares[1] - observed**2
    # What is left of two numbers that are the same but for rounding is no variance.
    varies = (variances[0] > 1e-12 * squares[0]) & (variances[1] > 1e-12 * squares[1])
    spread = (variances[0] * variances[1]).where(varies)
    found: xr.DataArray = (total["product"] / pixels - forecast * observed) / spread**0.5
    return found


def psnr(mse: xr.DataArray, data_range: float) -> xr.DataArray:
    """Peak signal-to-noise ratio in dB, `10 log10(data_range**2 / mse)`: infinite without an error, NaN for 0/0.

    Huynh-Thu and Ghanbari 2008, doi:10.1049/el:20080522.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: xr.DataArray = 10 * np.log10(data_range**2 / mse)  # type: ignore[assignment]
    return ratio
