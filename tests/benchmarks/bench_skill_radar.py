"""Skill of `nowcast fit` as it comes, beside persistence, by lead time: on the Melbourne files or the synthetic cube.

    python tests/benchmarks/bench_skill_radar.py [--data synthetic|melbourne] [--minutes 8] [--seeds 1]

Prints the ratio of MSE (below 1: better than persistence) and CSI for each lead time; medians over the seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import nowcast
from nowcast.datasets import advected_echoes

MELBOURNE = Path(__file__).parents[3] / "shared" / "data" / "radar" / "bom_melbourne_20180616_netcdf"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("synthetic", "melbourne"), default="synthetic")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    cube = advected_echoes() if arguments.data == "synthetic" else nowcast.open_cube(str(MELBOURNE))
    ratios, events = [], []
    start = time.perf_counter()
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            scores = nowcast.fit(cube, run=Path(folder) / "run", max_minutes=arguments.minutes, seed=seed)
        mse = scores["mse"]
        ratios.append((mse.sel(forecaster="convlstm") / mse.sel(forecaster="persistence")).values)
        events.append(scores["csi"].isel(threshold=1).transpose("forecaster", "lead_time").values)
    ratio, csi = np.median(ratios, axis=0), np.median(events, axis=0)
    threshold = float(scores["threshold"][1])
    minutes = scores["lead_time"].values / np.timedelta64(1, "m")
    print(f"{'lead':>8} {'MSE ratio':>10} {'CSI model':>10} {'CSI persistence':>16}  (>= {threshold:g})")
    for row, lead in enumerate(minutes):
        print(f"{lead:>4g} min {ratio[row]:>10.3f} {csi[0, row]:>10.3f} {csi[1, row]:>16.3f}")
    print(
        json.dumps(
            {
                "data": arguments.data,
                "minutes": arguments.minutes,
                "seeds": arguments.seeds,
                "wall_s": round(time.perf_counter() - start, 1),
                "mse_ratio": ratio.round(3).tolist(),
                "csi_model": csi[0].round(3).tolist(),
                "csi_persistence": csi[1].round(3).tolist(),
            }
        )
    )


if __name__ == "__main__":
    main()
