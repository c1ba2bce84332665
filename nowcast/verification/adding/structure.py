"""Structural similarity of two frames: Wang et al. 2004, doi:10.1109/TIP.2003.819861."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter
from skimage.metrics import structural_similarity

__all__ = ["WINDOW", "similarity_sum", "whole_windows"]

WINDOW = 11
"""Width in pixels of the Gaussian window with sigma 1.5 that the paper defines."""


def whole_windows(valid: np.ndarray) -> np.ndarray:
    """Where the whole window around a pixel lies in the grid and is valid; dims `(y, x)`, bool."""
    whole: np.ndarray = minimum_filter(valid, size=WINDOW, mode="constant", cval=False)
    return whole


def similarity_sum(forecast: np.ndarray, observed: np.ndarray, whole: np.ndarray, *, data_range: float) -> float:
    """Sum of the similarity over the pixels that `whole_windows` names; 0 (none is defined) where the data range is 0.

    Missing pixels may hold any finite value: no window that counts contains one.
    """
    if data_range == 0 or not whole.any():
        return 0.0
    _, similarity = structural_similarity(  # type: ignore[no-untyped-call]
        forecast.astype(float),
        observed.astype(float),
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(similarity[whole].sum())
