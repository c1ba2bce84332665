"""Our scores beside those of pysteps and of `scores`, on the very same arrays.

    python tests/benchmarks/bench_scores_peers.py --peers PYTHON [--side 96] [--cases 4]

`--peers` names an interpreter that has pysteps and opencv; without it, `scores` alone is asked. Showers with missing
pixels, of which a peer that knows no masks is given the known ones. pysteps' FSS counts windows that reach beyond the
grid, and ours do not: the border is dry here, so that they are the same. Its bins of probability begin 1e-6 lower:
probabilities keep off their borders. Its spectrum knows no window. One line per score, with the largest difference over
lead times (and thresholds, scales, bins, wavenumbers); the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from nowcast import products
from nowcast.cube import FORECAST_DIMS
from nowcast.verification import power_spectrum, score

THRESHOLDS = (0.1, 1.0, 5.0)
SCALES = (1, 5, 11)
LEVELS = (0.1, 0.5, 1.0, 2.0, 5.0)
LEADS = 3
BORDER = 12

PYSTEPS = """
import sys
import numpy as np
from pysteps.utils.spectral import rapsd
from pysteps.verification.detcatscores import det_cat_fct
from pysteps.verification.detcontscores import det_cont_fct
from pysteps.verification.probscores import reldiag_accum, reldiag_compute, reldiag_init
from pysteps.verification.spatialscores import fss_accum, fss_compute, fss_init

given = np.load(sys.argv[1])
mean, matched, chance, truth = (given[name].astype(float) for name in ("mean", "matched", "chance", "truth"))
known = np.isfinite(truth)
leads, thresholds, scales = mean.shape[1], given["thresholds"], given["scales"]
found = {}
for lead in range(leads):
    at = known[:, lead]
    told = det_cont_fct(mean[:, lead][at], truth[:, lead][at], scores=["MSE", "MAE", "ME", "corr_p"])
    for ours, theirs in (("mse", "MSE"), ("mae", "MAE"), ("bias", "ME"), ("correlation", "corr_p")):
        found.setdefault(ours, []).append(told[theirs])
    names = (("csi", "CSI"), ("pod", "POD"), ("far", "FAR"), ("hss", "HSS"), ("bias_frequency", "BIAS"))
    rows = [det_cat_fct(matched[:, lead][at], truth[:, lead][at], thr=each, scores=[n for _, n in names])
            for each in thresholds]
    for ours, theirs in names:
        found.setdefault(ours, []).append([row[theirs] for row in rows])
    table = []
    for threshold in thresholds:
        row = []
        for scale in scales:
            state = fss_init(threshold, int(scale))
            for case in range(len(mean)):
                fss_accum(state, given["matched_whole"][case, lead].astype(float),
                          given["truth_whole"][case, lead].astype(float))
            row.append(fss_compute(state))
        table.append(row)
    found.setdefault("fss", []).append(table)
    said, seen = [], []
    for place, threshold in enumerate(thresholds):
        diagram = reldiag_init(threshold, n_bins=10, min_count=0)
        reldiag_accum(diagram, chance[:, lead, place], truth[:, lead])
        with np.errstate(all="ignore"):
            probability, frequency = reldiag_compute(diagram)
        said.append(probability)
        seen.append(frequency)
    found.setdefault("reliability_probability", []).append(said)
    found.setdefault("reliability", []).append(seen)
found["power_spectrum (no window)"] = [rapsd(frame, fft_method=np.fft)[1:] for frame in given["square"].astype(float)]
np.savez(sys.argv[2], **{name: np.array(values, dtype=float) for name, values in found.items()})
"""


def showers(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    noise = gaussian_filter(random.standard_normal(shape), (*(0 for _ in shape[2:]), 2, 2))
    values = np.maximum(np.exp(15 * noise) - 1.2, 0).clip(0, 30).astype("float32")
    for axis in (-2, -1):
        edge = np.arange(shape[axis])
        inside = (edge >= BORDER) & (edge < shape[axis] - BORDER)
        values *= inside[:, None] if axis == -2 else inside
    return values


def arrays(cases: int, side: int) -> dict[str, np.ndarray]:
    """Truth, mean, matched field and probabilities `(case, lead[, threshold], y, x)`."""
    random = np.random.default_rng(0)
    shape = (cases, LEADS, side, side)
    whole = showers(random, shape)
    mean = (whole + showers(random, shape)) / 2
    steps = random.random((len(LEVELS), *shape)) ** (1 / (1 + mean))
    chance = np.where(mean > 0.05, (np.floor(1000 * np.cumprod(steps, axis=0)) + 0.5) / 1000, 0)
    truth = whole.copy()
    truth[random.random(shape) < 0.05] = np.nan
    return {
        "truth": truth,
        "truth_whole": whole,
        "mean": mean,
        "matched": 1.5 * mean,
        "chance": np.moveaxis(chance, 0, 2).astype("float32"),
    }


def labelled(given: dict[str, np.ndarray], truth: np.ndarray) -> tuple[xr.Dataset, xr.DataArray]:
    """The arrays as a forecast and the cube that it is scored on: each case has frames of its own."""
    cases, _, side, _ = truth.shape
    lead = 5 * np.arange(1, LEADS + 1) * np.timedelta64(1, "m")
    start = np.datetime64("2026-05-01", "ns") + np.arange(cases) * np.timedelta64(1, "h")
    attrs = {"units": "mm h-1"}
    coords = {"forecast_reference_time": start, "lead_time": lead}
    fields = [
        xr.DataArray(given[name][:, :, None], coords, FORECAST_DIMS, name="rain_rate", attrs=attrs)
        for name in ("mean", "matched")
    ]
    probability = xr.DataArray(
        given["chance"][:, :, :, None],
        {**coords, "threshold": list(LEVELS)},
        products.PROBABILITY_DIMS,
        attrs={"lowest": 0.0, "highest": 30.0},
    )
    times = (start[:, None] + lead).ravel()
    observed = xr.DataArray(
        truth.reshape(-1, 1, side, side), {"time": times}, ("time", "channel", "y", "x"), name="rain_rate", attrs=attrs
    )
    return products.combined(*fields, probability), observed


def of_scores(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the package `scores` says of the same arrays."""
    from scores.categorical import ThresholdEventOperator
    from scores.continuous import additive_bias, mae, mse
    from scores.continuous.correlation import pearsonr
    from scores.probability import brier_score, crps_cdf
    from scores.spatial import fss_2d

    dims = ("case", "lead", "y", "x")
    mean, matched, truth = (xr.DataArray(given[name].astype(float), dims=dims) for name in ("mean", "matched", "truth"))
    mean, matched = mean.where(np.isfinite(truth)), matched.where(np.isfinite(truth))
    chance = xr.DataArray(given["chance"].astype(float), dims=("case", "lead", "level", "y", "x"))
    keep: dict[str, Any] = {"preserve_dims": "lead"}
    continuous = {"mse": mse, "mae": mae, "bias": additive_bias, "correlation": pearsonr}
    found = {name: each(mean, truth, **keep).values for name, each in continuous.items()}
    tables = [
        ThresholdEventOperator().make_contingency_manager(matched, truth, event_threshold=each).transform(**keep)
        for each in THRESHOLDS
    ]
    for name, method in (
        ("csi", "critical_success_index"),
        ("pod", "probability_of_detection"),
        ("far", "false_alarm_ratio"),
        ("hss", "heidke_skill_score"),
        ("bias_frequency", "frequency_bias"),
    ):
        found[name] = np.stack([getattr(table, method)().values for table in tables], axis=1)
    briers, fractions = [], []
    whole, sharp = (xr.DataArray(given[name].astype(float), dims=dims) for name in ("truth_whole", "matched"))
    for threshold in THRESHOLDS:
        event = (truth >= threshold).astype(float).where(np.isfinite(truth))
        briers.append(brier_score(chance.isel(level=LEVELS.index(threshold)), event, **keep).values)
        options: dict[str, Any] = {"event_threshold": threshold, "spatial_dims": ("y", "x"), "preserve_dims": ["lead"]}
        fractions.append(
            np.stack(
                [
                    fss_2d(sharp, whole, window_size=(each, each), threshold_operator=np.greater_equal, **options)
                    for each in SCALES
                ],
                axis=1,
            )
        )
    found["brier"], found["fss"] = np.stack(briers, axis=1), np.stack(fractions, axis=1)
    # A few pixels: the integral of `scores` goes over all values that were observed. The point at 0 is a steep rise.
    some = truth[:, :, 40:48, 40:48]
    below = (1 - chance[..., 40:48, 40:48]).transpose("level", "case", "lead", "y", "x").values
    rows = np.stack([np.zeros_like(below[0]), below[0], *below, np.ones_like(below[0])])
    cdf = xr.DataArray(rows, {"threshold": [-1e-10, 0.0, *LEVELS, 30.0]}, ("threshold", *dims))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found["crps"] = crps_cdf(cdf.where(np.isfinite(some)), some, **keep)["total"].values
    return found


def ours(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options: dict[str, Any] = {"thresholds": THRESHOLDS, "scales": SCALES, "data_range": 30.0}
    masked = score({"model": labelled(given, given["truth"])[0]}, labelled(given, given["truth"])[1], **options)
    forecast, observed = labelled(given, given["truth_whole"])
    found = {str(name): masked[name].sel(forecaster="model").values for name in masked if name in LIKE_THEIRS}
    # Both peers count a missing pixel as dry in their fractions: compared on whole fields.
    found["fss"] = score({"model": forecast}, observed, **options)["fss"][0].values
    cut = {name: values[..., 40:48, 40:48] for name, values in given.items()}
    forecast, observed = labelled(cut, cut["truth"])
    found["crps"] = score({"model": forecast}, observed, **{**options, "scales": [1]})["crps"][0].values
    square = xr.DataArray(given["square"], dims=("time", "y", "x"))
    found["power_spectrum (no window)"] = power_spectrum(square, window=False).values[:, :-1]
    return found


LIKE_THEIRS = {"mse", "mae", "bias", "correlation", "csi", "pod", "far", "hss", "bias_frequency", "brier"}
LIKE_THEIRS |= {"reliability", "reliability_probability"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with pysteps and opencv")
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--cases", type=int, default=4)
    told = parser.parse_args()
    given = arrays(told.cases, told.side)
    given["square"] = given["truth_whole"][:, 0]
    peers = {"scores": of_scores(given)}
    if told.peers:
        with tempfile.TemporaryDirectory() as scratch:
            asked, answer = Path(scratch) / "asked.npz", Path(scratch) / "answer.npz"
            at = [LEVELS.index(each) for each in THRESHOLDS]
            sent = {**given, "chance": given["chance"][:, :, at], "matched_whole": given["matched"]}
            np.savez(asked, thresholds=np.array(THRESHOLDS), scales=np.array(SCALES), **sent)  # type: ignore[arg-type]
            command = [told.peers, "-c", PYSTEPS, str(asked), str(answer)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
            with np.load(answer) as loaded:
                peers["pysteps"] = {name: loaded[name] for name in loaded.files}
    found = ours(given)
    figures: dict[str, Any] = {"side": told.side, "cases": told.cases}
    print(f"{'score':<28}{'first value':>14}" + "".join(f"{'less ' + name:>16}" for name in peers))
    for name, values in found.items():
        cells = ""
        for peer, theirs in peers.items():
            if name not in theirs:
                cells += f"{'-':>16}"
                continue
            here, there = values, theirs[name]
            if here.shape != there.shape or (np.isfinite(here) != np.isfinite(there)).any():
                raise SystemExit(f"{name}: {peer} says {there}, we say {here}")
            worst = float(np.nanmax(np.abs(here - there)))
            figures[f"{name} less {peer}"] = worst
            cells += f"{worst:>16.1e}"
        first = values.ravel()[np.isfinite(values.ravel())][0]
        print(f"{name:<28}{first:>14.6g}{cells}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
