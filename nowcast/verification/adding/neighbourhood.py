"""Fractions skill score, by sums that add: Roberts and Lean 2008, doi:10.1175/2007MWR2123.1.

`scores.spatial.fss_2d` counts a missing pixel as one without an event and returns the finished score, so the windows
are summed here: a fraction is events per valid pixel. On complete data tests hold both equal.
"""

from __future__ import annotations

import numpy as np

__all__ = ["centres", "fraction_sums", "integral", "window_sums"]


def integral(mask: np.ndarray) -> np.ndarray:
    """Summed-area table of boolean fields `(..., y, x)`, one row and column longer."""
    table = np.zeros((*mask.shape[:-2], mask.shape[-2] + 1, mask.shape[-1] + 1), dtype=np.int32)
    np.cumsum(np.cumsum(mask, axis=-2, dtype=np.int32), axis=-1, out=table[..., 1:, 1:])
    return table


def window_sums(table: np.ndarray, scale: int) -> np.ndarray:
    """How many pixels are True in each square window within the grid, `(..., y - scale + 1, x - scale + 1)`."""
    upper, lower = table[..., :-scale, :], table[..., scale:, :]
    sums: np.ndarray = (lower - upper)[..., scale:] - (lower - upper)[..., :-scale]
    return sums


def centres(valid: np.ndarray, scale: int) -> np.ndarray:
    """Of a field `(y, x)` the central pixels of those windows, one for each."""
    half = scale // 2
    return valid[half : valid.shape[0] - half, half : valid.shape[1] - half]


def fraction_sums(events: np.ndarray, pixels: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of squared differences of fractions, and of both squares: the score is one minus their ratio.

    Parameters
    ----------
    events
        Events in each window, dims `(field, y, x)`; the first field is the observed one.
    pixels
        Valid pixels in each window, dims `(y, x)`.
    centre
        Whether the window's central pixel is valid; other windows do not count.

    Returns
    -------
    tuple of ndarray
        Both of dims `(field - 1,)`: one entry per forecast.
    """
    share = np.divide(1.0, pixels, out=np.zeros(pixels.shape), where=centre)
    fractions = events * share
    difference = fractions[1:] - fractions[0]
    squares = np.einsum("fyx,fyx->f", fractions, fractions)
    return np.einsum("fyx,fyx->f", difference, difference), squares[1:] + squares[0]
