"""What is lost comes first, with its lead times; what cannot be told apart is not called a win."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from nowcast import report
from nowcast.verification import record, verdict

NAN = float("nan")
Ends = tuple[float, float, float]


def scores_of(against: dict[str, tuple[list[Ends], list[Ends]]]) -> xr.Dataset:
    """Scores of `model`: by baseline, value, low and high of ratio and difference at each lead time."""
    leads = len(next(iter(against.values()))[0])
    lead = (300 * np.arange(1, leads + 1)).astype("timedelta64[s]").astype("timedelta64[ns]")
    names = list(against)
    found: dict[str, Any] = {
        "mse": (("forecaster", "lead_time"), np.ones((1 + len(names), leads))),
        "csi": (("forecaster", "lead_time", "threshold"), np.ones((1 + len(names), leads, 1))),
        "cases": ("lead_time", [40] * leads),
    }
    for place, end in enumerate(("", "_low", "_high")):
        ratio, difference = (np.array([against[name][which] for name in names])[..., place] for which in (0, 1))
        found[f"mse_ratio{end}"] = (("against", "lead_time"), ratio)
        found[f"csi_difference{end}"] = (("against", "lead_time", "threshold"), difference[..., None])
    coords = {"forecaster": ["model", *names], "against": names, "lead_time": lead, "threshold": [1.0]}
    return xr.Dataset(found, coords, {"units": "mm h-1", "level": 0.9, "blocks": 6})


WORSE, SAME, BETTER = (1.25, 1.1, 1.4), (0.97, 0.9, 1.05), (0.5, 0.4, 0.6)
LOWER, LIKE, HIGHER = (-0.1, -0.2, -0.05), (0.01, -0.1, 0.1), (0.2, 0.1, 0.3)


def mixed() -> xr.Dataset:
    return scores_of(
        {
            "persistence": ([BETTER, (0.4, 0.3, 0.45), BETTER, BETTER], [HIGHER, HIGHER, HIGHER, LIKE]),
            "advection": ([(1.5, 1.3, 1.7), WORSE, SAME, BETTER], [LOWER, LIKE, LIKE, LIKE]),
        }
    )


def test_what_is_lost_comes_first() -> None:
    lines = report.verdict(mixed()).split(".\n")
    assert lines == [
        "model loses to advection: MSE 1.25 to 1.50 times its (intervals within 1.10 to 1.70) at 5 and 10 min; "
        "CSI ≥ 1 mm h-1 lower by 0.10 (interval 0.05 to 0.20) at 5 min",
        "model and persistence are not told apart: CSI ≥ 1 mm h-1 different by 0.01 (interval -0.10 to 0.10) at 20 min",
        "model and advection are not told apart: MSE 0.97 times its (interval 0.90 to 1.05) at 15 min; "
        "CSI ≥ 1 mm h-1 different by 0.01 (intervals within -0.10 to 0.10) at 10 to 20 min",
        "model beats persistence: MSE 0.40 to 0.50 times its (intervals within 0.30 to 0.60) at 5 to 20 min; "
        "CSI ≥ 1 mm h-1 higher by 0.20 (intervals within 0.10 to 0.30) at 5 to 15 min",
        "model beats advection: MSE 0.50 times its (interval 0.40 to 0.60) at 20 min",
        "Intervals of 90% by resampling 6 blocks of 40 starting times",
    ]


def test_few_starting_times_are_no_proof() -> None:
    said = report.verdict(
        scores_of({"persistence": ([(0.5, NAN, NAN), (1.2, NAN, NAN)], [(0.2, NAN, NAN), (-0.1, NAN, NAN)])})
    ).split(".\n")
    assert said == [
        "model is behind persistence, on too few starting times to be sure: MSE 1.20 times its at 10 min; "
        "CSI ≥ 1 mm h-1 lower by 0.10 at 10 min",
        "model is ahead of persistence, on too few starting times to be sure: MSE 0.50 times its at 5 min; "
        "CSI ≥ 1 mm h-1 higher by 0.20 at 5 min",
    ]


def test_a_pure_number_bears_no_unit() -> None:
    said = report.verdict(scores_of({"advection": ([WORSE], [LOWER])}).assign_attrs(units="1"))
    assert "CSI ≥ 1 lower by 0.10" in said


def test_a_mean_of_many_times_reaches_no_threshold() -> None:
    said = report.verdict(scores_of({"climatology": ([BETTER], [HIGHER])}))
    assert said.startswith("model beats climatology: MSE 0.50 times its")
    assert "CSI" not in said


def test_a_forecaster_alone_has_no_verdict() -> None:
    alone = mixed().drop_dims("against").isel(forecaster=[0])
    assert report.verdict(alone) == "model: nothing to compare it with"


def test_a_model_that_lost_is_told_with_what_to_take_instead() -> None:
    lines = report.losses(record([verdict(mixed())]), step=300)
    assert lines == [
        "this model lost to advection on its test part (40 starting time(s)): MSE at 5 and 10 min, "
        "CSI ≥ 1 mm h-1 at 5 min; nowcast forecast --model advection needs no training"
    ]
    unsure = record([verdict(scores_of({"climatology": ([(1.2, NAN, NAN)], [LOWER]), "x": ([WORSE], [LIKE])}))])
    assert report.losses(unsure, step=300) == [
        "this model was behind climatology on its test part (40 starting time(s), too few to be sure): MSE at 5 min",
        "this model lost to x on its test part (40 starting time(s)): MSE at 5 min",
    ]
    assert report.losses({}, step=300) == []
    assert report.losses(record([verdict(scores_of({"advection": ([BETTER], [HIGHER])}))]), step=300) == []


def test_names_from_files_steer_no_terminal() -> None:
    assert "\x1b" not in report.verdict(mixed().assign_coords(forecaster=["\x1b[2J", "persistence", "advection"]))
