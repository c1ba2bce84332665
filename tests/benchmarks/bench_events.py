"""The pass that tells how much happens in each window, and what drawing by it makes of an epoch, on real radar.

    python tests/benchmarks/bench_events.py [--data PATH]

Told: seconds of the pass and megabytes (as float32) a second, beside merely reading the same frames; the share of
windows in an epoch in which it rains (a tenth of the pixels wet) when drawn by rain and when all are taken; and how
much more often the wettest tenth is seen than the driest. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import nowcast
from nowcast.sampling import draw, event_index, probabilities
from nowcast.sampling.statistics import motion, prepared
from nowcast.windows import plan

RADAR = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "radar" / "knmi_20100826_hdf5"
WET = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(RADAR))
    given = parser.parse_args()
    cube = nowcast.open_cube(given.data)
    chosen = plan(cube, context=6, horizon=6, patch=128)
    begun = time.perf_counter()
    for frame in range(cube.sizes["time"]):
        np.asarray(cube[frame].data)
    reading = time.perf_counter() - begun
    statistic, parameters = prepared("rain", cube)
    seconds = {}
    for name, each in (("motion", motion), ("rain", statistic)):
        begun = time.perf_counter()
        index = event_index(cube, chosen, each)
        seconds[name] = time.perf_counter() - begun
    wet = event_index(cube, chosen, lambda frames, _: np.where(np.isfinite(frames), frames > WET, np.nan)[:, 0])
    rainy = (wet.importance >= 0.1).ravel()
    chances = probabilities(index)
    epochs = [draw(chances, seed=0, epoch=epoch) for epoch in range(10)]
    order = np.argsort(index.importance[index.observed])
    tenth = len(order) // 10
    seen = chances[index.observed.ravel()]
    found = {
        "windows": len(chosen),
        "windows an epoch": len(epochs[0]),
        "read_s": reading,
        "pass_s": seconds,
        "mb_a_second": cube.size * 4 / 1e6 / seconds["rain"],
        "rainy share, all": float(rainy[index.observed.ravel()].mean()),
        "rainy share, drawn": float(np.mean([rainy[epoch].mean() for epoch in epochs])),
        "wettest tenth over driest": float(seen[order[-tenth:]].mean() / seen[order[:tenth]].mean()),
        **parameters,
    }
    for name, value in found.items():
        print(f"{name:28}{value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
