"""Events (value >= threshold) forecast and observed: counts that add."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["counts", "event_scores", "exceeds"]


def exceeds(values: np.ndarray, threshold: float) -> np.ndarray:
    """Where the value reaches the threshold; a missing value never does.

    Both are compared as float32: 7 steps of 0.1 in a packed file and a float32 pixel of 0.7 both reach 0.7, though
    neither equals the float64 number 0.7.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        reached: np.ndarray = values.astype(np.float32, copy=False) >= np.float32(threshold)
    return reached


def counts(forecast: np.ndarray, observed: np.ndarray) -> tuple[int, int, int]:
    """Hits, misses and false alarms of two boolean fields, both False where a pixel does not count."""
    hits = int(np.count_nonzero(forecast & observed))
    return hits, int(np.count_nonzero(observed)) - hits, int(np.count_nonzero(forecast)) - hits


def event_scores(
    hits: xr.DataArray, misses: xr.DataArray, false_alarms: xr.DataArray, pixels: xr.DataArray
) -> dict[str, xr.DataArray]:
    """Scores of summed counts (NaN for 0/0) by the contingency manager of `scores`.

    Schaefer 1990, doi:10.1175/1520-0434(1990)005<0570:TCSIAA>2.0.CO;2; Roebber 2009, doi:10.1175/2008WAF2222159.1;
    Heidke 1926, doi:10.1080/20014422.1926.11881138.
    """
    from scores.categorical import BasicContingencyManager  # takes a second, and who looks at a file needs none of it

    table = BasicContingencyManager(
        {
            "tp_count": hits,
            "tn_count": pixels - hits - misses - false_alarms,
            "fp_count": false_alarms,
            "fn_count": misses,
            "total_count": pixels + xr.zeros_like(hits),
        }
    )
    return {
        "csi": table.critical_success_index(),
        "pod": table.probability_of_detection(),
        "far": table.false_alarm_ratio(),
        "hss": table.heidke_skill_score(),
        "bias_frequency": table.frequency_bias(),
    }
