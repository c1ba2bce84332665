"""Metrics that are taken frame by frame and then averaged, as tables of video prediction have them.

All else is measured by `nowcast.verification`. Only frames whose every pixel is known count.
"""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

__all__ = ["add", "frame_psnr", "frame_ssim"]

WINDOW = 7
"""Side of scikit-image's window, all of its pixels alike, with the sample covariance."""


def frame_psnr(forecast: np.ndarray, truth: np.ndarray, *, peak: float) -> float | None:
    """Of one frame `(channel, y, x)`, in dB; None for a frame without any error, whose ratio is infinite.

    Huynh-Thu and Ghanbari 2008, doi:10.1049/el:20080522.
    """
    error = float(((forecast - truth) ** 2).mean())
    return None if error == 0 else float(10 * np.log10(peak**2 / error))


def frame_ssim(forecast: np.ndarray, truth: np.ndarray, *, data_range: float) -> float | None:
    """Of one frame `(channel, y, x)` in windows of 7 x 7, the mean of its channels; None for a smaller frame.

    Wang et al. 2004, doi:10.1109/TIP.2003.819861, as scikit-image has it by default.
    """
    if min(truth.shape[1:]) < WINDOW:
        return None
    return float(structural_similarity(forecast, truth, data_range=data_range, channel_axis=0))  # type: ignore[no-untyped-call]


def add(total: np.ndarray, lead: int, value: float | None) -> None:
    """Add to the sums and counts by lead time, `(2, lead)`, in place; None counts for nothing."""
    if value is not None:
        total[:, lead] += value, 1
