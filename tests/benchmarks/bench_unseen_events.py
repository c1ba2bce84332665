"""Skill on radar events that nothing was learnt from: `nowcast fit` on some events, scores on whole others.

    PYTHONPATH=. python tests/benchmarks/bench_unseen_events.py [--train knmi,mch15] [--test fmi,mch16] [--minutes 15]
        [--models cascade,convlstm] [--references 12] [--seed 0] [--peers SITE-PACKAGES] [--keep FOLDER]

Events of four agencies from shared/data, all as rain rates in mm/h every 5 minutes on their own grids. Each model is
trained with 4 frames in and 12 out, for so many minutes on as many threads as there are cores, on whole events. Then it
forecasts from evenly spread times of the test events, beside persistence, advection and, where `--peers` names the
site-packages of an environment that has it, pysteps (dense Lucas-Kanade and extrapolation). Scores are over the pixels
that all know. Tables by lead time: MSE over the reference's (pysteps', else advection's), CRPS over its MAE, CSI by
threshold where at least 0.5 % of the pixels reach it, FSS; then CPU time of a forecast.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

import nowcast
from nowcast import model_file
from nowcast.run.baselines import baseline
from nowcast.run.evaluation import score_beside_baselines
from nowcast.run.forecasting import computed, predict
from nowcast.scaling import Scaler

RADAR = Path(__file__).parents[3] / "shared" / "data" / "radar"
CONTEXT, HORIZON, SHOWN = 4, 12, (0, 1, 2, 3, 5, 8, 11)
THRESHOLDS = (0.1, 0.5, 1.0, 5.0)
WET = 0.005


def rain(cube: xr.DataArray, factor: float = 1.0) -> xr.DataArray:
    kept = (cube.astype("float32") * np.float32(factor)).rename("rain_rate").load()
    kept.attrs = {"units": "mm h-1"}
    return kept.drop_vars([name for name in kept.coords if name not in kept.dims])


def meteoswiss(day: str) -> Callable[[], xr.DataArray]:
    return lambda: rain(nowcast.open_cube(RADAR / f"meteoswiss_{day}_gif", colour_table="meteoswiss"))


EVENTS: dict[str, Callable[[], xr.DataArray]] = {
    "fmi": lambda: rain(nowcast.open_cube(RADAR / "fmi_20170509_pgm", zr="223,1.53")),
    "knmi": lambda: rain(nowcast.open_cube(RADAR / "knmi_20100826_hdf5"), 12.0),
    "mch15": meteoswiss("20150515"),
    "mch16": meteoswiss("20160711"),
    # Every 6 minutes, which a model takes for its own 5: for tests alone.
    "bom": lambda: rain(nowcast.open_cube(RADAR / "bom_melbourne_20180616_netcdf"), 10.0),
}


def scored(run: Path, name: str, cube: xr.DataArray, beside: dict[str, Any], at: list[int]) -> tuple[xr.Dataset, float]:
    forecaster, card = model_file.load(run / "model.safetensors")
    told: dict[str, Any] = {"title": name, "context": CONTEXT, "horizon": HORIZON, "name": name, "gaps": card.gaps}
    scaler = Scaler.from_dict(card.scaler)
    start = time.process_time()
    predict(forecaster, scaler, cube, references=at[:1], **told).compute()
    took = time.process_time() - start
    predicted = predict(forecaster, scaler, cube, references=at, **told)
    if not beside:
        beside |= {each: baseline(each, cube, predicted) for each in wanted_beside()}
        for each in beside:
            start = time.process_time()
            beside[each] = computed(beside[each])
            print(f"  {each}: {(time.process_time() - start) / len(at):.2f} CPU s a forecast")
    print(f"  {name}: {took:.2f} CPU s a forecast, {cube.sizes['y']} x {cube.sizes['x']}")
    return score_beside_baselines(predicted, cube, beside, thresholds=THRESHOLDS, scales=(1, 11)), took


def wanted_beside() -> list[str]:
    import importlib.util

    return ["persistence", "advection"] + (["pysteps"] if importlib.util.find_spec("pysteps") else [])


def row(title: str, values: xr.DataArray | np.ndarray) -> None:
    print(f"  {title:<32}" + "".join(f"{value:>8.3f}" for value in np.asarray(values)[list(SHOWN)]))


def table(name: str, event: str, scores: xr.Dataset) -> dict[str, Any]:
    reference = "pysteps" if "pysteps" in scores["forecaster"].values else "advection"
    mine, other = scores.sel(forecaster=name), scores.sel(forecaster=reference)
    row("MSE over " + reference, mine["mse"] / other["mse"])
    row("CRPS over its MAE", mine["crps"] / other["mae"])
    figures = {"mse": mine["mse"] / other["mse"], "crps": mine["crps"] / other["mae"]}
    for threshold in THRESHOLDS:
        ours, theirs = (each["csi"].sel(threshold=threshold) for each in (mine, other))
        wet = float(WETNESS[event][threshold])
        if wet < WET:
            continue
        row(f"CSI >= {threshold:g}: {name}", ours)
        row(f"CSI >= {threshold:g}: {reference}", theirs)
        row(f"FSS >= {threshold:g}, 11 px: ours - its", (mine["fss"] - other["fss"]).sel(threshold=threshold, scale=11))
        figures[f"csi {threshold:g}"] = ours - theirs
    return {key: [round(float(value), 4) for value in values] for key, values in figures.items()}


WETNESS: dict[str, dict[float, float]] = {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", default="knmi,mch15")
    parser.add_argument("--test", default="fmi,mch16")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--models", default="cascade,convlstm")
    parser.add_argument("--references", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--peers")
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.peers:
        sys.path.append(arguments.peers)
    place = Path(arguments.keep or tempfile.mkdtemp())
    training = [EVENTS[name]() for name in arguments.train.split(",")]
    models = arguments.models.split(",")
    for name in models:
        if not (place / name / "model.safetensors").is_file():
            nowcast.fit(
                training,
                run=place / name,
                model=name,
                context=CONTEXT,
                horizon=HORIZON,
                fractions=(1, 0, 0),
                max_minutes=arguments.minutes,
                seed=arguments.seed,
            )
    figures: dict[str, Any] = {"train": arguments.train, "minutes": arguments.minutes, "seed": arguments.seed}
    for event in arguments.test.split(","):
        cube = EVENTS[event]()
        known = np.isfinite(cube.values)
        WETNESS[event] = {t: float((cube.values[known] >= np.float32(t)).mean()) for t in THRESHOLDS}
        last = cube.sizes["time"] - HORIZON - 1
        at = np.unique(np.linspace(CONTEXT - 1, last, arguments.references).round().astype(int)).tolist()
        print(
            f"{event}: {len(at)} starting times; wet " + ", ".join(f"{t:g}: {w:.2%}" for t, w in WETNESS[event].items())
        )
        beside: dict[str, Any] = {}
        for name in models:
            scores, took = scored(place / name, name, cube, beside, at)
            print(f"  {'lead (min)':<32}" + "".join(f"{5 * (lead + 1):>8d}" for lead in SHOWN))
            figures[f"{event} {name}"] = table(name, event, scores) | {"cpu_s": round(took, 2)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
