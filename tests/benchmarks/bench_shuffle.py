"""How random the order of windows is, and whether training on it ends where a full shuffle does.

    python tests/benchmarks/bench_shuffle.py [--seeds 3] [--epochs 6] [--data FOLDER_OR_STORE]

On a real radar cube (KNMI, in ../shared/data, or what --data names) converted to a zarr store of chunks 8 x 128 x 128,
with so little memory that it must be read in blocks. Told for the block order, for a full shuffle, and for windows as
they lie: the autocorrelation of the starting time over the sequence of windows at lags 1, 16 and 256, and how often a
window comes from the same block as the one before it. Then the validation loss after so many epochs from the same
weights, by seed, and their ratio. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch

import nowcast
from nowcast import run, training
from nowcast.cube import runs
from nowcast.losses import mixture
from nowcast.models import build
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.windows import EpochOrder, plan, split

RADAR = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "radar"
MEMORY = 6_000_000


def autocorrelation(values: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def told(windows: np.ndarray, loader: Loader) -> dict[str, float]:
    """Of a sequence of windows; blocks are those of the loader that reads in blocks."""
    chosen = loader.blocks.plans[0].plan
    starts = np.array(chosen.starts)[windows // len(chosen.corners)]
    block = np.empty(len(windows), int)
    for number in range(len(loader.blocks)):
        block[loader.blocks.windows_of(number)] = number
    same = block[windows][1:] == block[windows][:-1]
    return {f"lag {lag}": autocorrelation(starts, lag) for lag in (1, 16, 256)} | {"same block": float(same.mean())}


def sequence(loader: Loader) -> np.ndarray:
    order: EpochOrder = loader.order()
    return np.concatenate([order.step(number).windows for number in range(order.steps)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--data", default=str(RADAR / "knmi_20100826_hdf5"))
    parser.add_argument("--crop", default="256:640,128:512", help="rows and columns; '' for all")
    given = parser.parse_args()
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = run.convert(
            given.data,
            Path(folder) / "radar.zarr",
            chunks={"time": 8, "y": 128, "x": 128},
            options={"crop": given.crop} if given.crop else None,
        )
        cube = nowcast.open_cube(store)
        parts = split(runs(cube), window=8)
        scaler = Scaler.fit(cube.isel(time=parts.frames("training")))
        windows = [
            Windows(cube, plan(cube, context=4, horizon=4, patch=64, within=parts.part(name)), scaler, masked=True)
            for name in ("training", "validation")
        ]
        held = {"in blocks": MEMORY, "full shuffle": 10**9}
        loaders = {name: Loader([windows[0]], batch=8, memory=memory) for name, memory in held.items()}
        print(loaders["in blocks"].blocks)
        as_they_lie = np.arange(len(windows[0]))
        for name, order in [*((n, sequence(each)) for n, each in loaders.items()), ("as they lie", as_they_lie)]:
            found[name] = told(order, loaders["in blocks"])
            print(f"{name:14}" + "  ".join(f"{key} {value:+.3f}" for key, value in found[name].items()))
        losses: dict[str, list[float]] = {name: [] for name in held}
        for seed in range(given.seeds):
            for name, memory in held.items():
                torch.manual_seed(seed)
                place = Path(folder) / f"{name}-{seed}"
                place.mkdir()
                model = build("convlstm", {"channels": 1, "masked": True, "hidden": [16], "patch": 8})
                outcome = training.fit(
                    model,
                    mixture({"mse": 1.0}),
                    Loader([windows[0]], batch=8, memory=memory, seed=seed),
                    Loader([windows[1]], batch=8, shuffle=False),
                    folder=place,
                    budget=training.Budget(given.epochs, None, "as asked"),
                )
                losses[name].append(outcome.best)
                print(f"seed {seed}, {name}: {outcome.best:.6f} (persistence {outcome.persistence:.6f})")
    medians = {name: statistics.median(each) for name, each in losses.items()}
    ratio = medians["in blocks"] / medians["full shuffle"]
    print(f"validation loss in blocks / full shuffle: {ratio:.4f} (medians of {given.seeds})")
    print(json.dumps({"order": found, "losses": losses, "ratio": ratio}))


if __name__ == "__main__":
    main()
