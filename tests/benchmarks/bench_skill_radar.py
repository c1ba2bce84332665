"""Skill of `nowcast fit`, as it comes and with one choice undone at a time, beside persistence, by lead time.

    python tests/benchmarks/bench_skill_radar.py [--data synthetic|melbourne] [--minutes 2.5] [--seeds 1] [--threads N]
                                                 [--variants default,fold-4,fold-8,no-blend,multiscale-4,multiscale-8]

For each variant the ratio of MSE to persistence's (below 1: better) and CSI at the second threshold, medians over the
seeds; seeds and variants are interleaved. Scores are those of the test part.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import nowcast
from nowcast.datasets import advected_echoes

MELBOURNE = Path(__file__).parents[3] / "shared" / "data" / "radar" / "bom_melbourne_20180616_netcdf"
VARIANTS = {
    "default": "{}",
    "fold-4": "model: {patch: 4}",
    "fold-8": "model: {patch: 8}",
    "no-blend": "model: {blend: false}",
    "multiscale-4": "model: {name: multiscale, patch: 4}",
    "multiscale-8": "model: {name: multiscale, patch: 8}",
}


def fitted(cube: xr.DataArray, settings: str, *, minutes: float, seed: int) -> xr.Dataset:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "variant.yaml").write_text(settings)
        return nowcast.fit(
            cube,
            run=Path(folder) / "run",
            config_file=Path(folder) / "variant.yaml",
            max_minutes=minutes,
            seed=seed,
            progress=False,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("synthetic", "melbourne"), default="synthetic")
    parser.add_argument("--minutes", type=float, default=2.5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--variants", default="default,fold-4,no-blend")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    cube = advected_echoes() if arguments.data == "synthetic" else nowcast.open_cube(str(MELBOURNE)).load()
    variants = arguments.variants.split(",")
    found: dict[str, list[xr.Dataset]] = {name: [] for name in variants}
    start = time.perf_counter()
    for seed in range(arguments.seeds):
        for name in variants:
            found[name].append(fitted(cube, VARIANTS[name], minutes=arguments.minutes, seed=seed))
    last = found[variants[0]][0]
    minutes = last["lead_time"].values / np.timedelta64(1, "m")
    threshold = float(last["threshold"][1])
    figures: dict[str, object] = {"data": arguments.data, "minutes": arguments.minutes, "seeds": arguments.seeds}
    print(f"{'lead (min)':<28}" + "".join(f"{lead:>8g}" for lead in minutes))
    for name, runs in found.items():
        mse = [run["mse"][0] / run["mse"].sel(forecaster="persistence") for run in runs]
        csi = [run["csi"].isel(threshold=1, forecaster=0) for run in runs]
        for score, values in (("MSE ratio", mse), (f"CSI >= {threshold:g}", csi)):
            median = np.median(np.stack([value.values for value in values]), axis=0).round(3)
            print(f"{name + ' ' + score:<28}" + "".join(f"{value:>8.3f}" for value in median))
            figures[f"{name} {score}"] = median.tolist()
    held = last["csi"].isel(threshold=1).sel(forecaster="persistence").values.round(3)
    print(f"{'persistence CSI':<28}" + "".join(f"{value:>8.3f}" for value in held))
    figures |= {"persistence CSI": held.tolist(), "wall_s": round(time.perf_counter() - start, 1)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
