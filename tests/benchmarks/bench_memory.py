"""A cube ten times the memory: statistics, event index and one epoch of windows, each in a process of its own.

    python tests/benchmarks/bench_memory.py [--memory 1GB] [--frames 5120]

The store holds 5120 x 1024 x 1024 packed int16 (10.7 GB), chunks 16 x 256 x 256. Told are the seconds and the highest
resident size of each process, Python and all libraries included, beside the budget; and how it grew over the epoch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from scipy.ndimage import gaussian_filter
from zarr.codecs import Crc32cCodec, ZstdCodec

from nowcast.sizes import bytes_of

COMMON = """
import json, os, resource, sys, time
store, memory = sys.argv[1], int(sys.argv[2])
import nowcast
from nowcast.windows import plan
cube = nowcast.open_cube(store)
begun = time.perf_counter()
told = {}
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
def cut():
    return plan(cube, context=10, horizon=10, patch=128, stride=8)
"""
END = """
told |= {"seconds": time.perf_counter() - begun, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}
print(json.dumps(told))
"""
STEPS = {
    "statistics": "from nowcast.scaling import Statistics\ntold['mean'] = Statistics.of(cube).mean",
    "event index": """
from nowcast.sampling import event_index
from nowcast.sampling.statistics import prepared
statistic, parameters = prepared("rain", cube)
index = event_index(cube, cut(), statistic, memory=memory // 4)
told |= parameters | {"windows": index.importance.size, "mean": float(index.importance.mean())}
""",
    "one epoch of windows": """
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
loader = Loader([Windows(cube, cut(), Scaler("log", 0.0, 5.0, floor=0.1), masked=True)], batch=8, memory=memory // 4)
told["blocks"] = str(loader.blocks)
windows, sizes = 0, []
for batch in loader:
    windows += len(batch.target)
    sizes.append(resident())
assert windows == len(cut())
told |= {"windows": windows, "growth_mb": sizes[-1] - sizes[len(sizes) // 2]}
""",
}


def make(store: Path, frames: int) -> None:
    """Drifting showers; written chunk row by chunk row."""
    rng = np.random.default_rng(0)
    base = gaussian_filter(rng.standard_normal((1024, 1024)), 16, mode="wrap")
    base = (800 * (base / base.std() - 0.8).clip(0)).astype("int16")
    axis = {"units": "m", "standard_name": "projection_y_coordinate"}
    xr.Dataset(
        coords={
            "time": pd.date_range("2026-01-01", periods=frames, freq="5min"),
            "y": ("y", 1000.0 * np.arange(1024)[::-1], axis),
            "x": ("x", 1000.0 * np.arange(1024), axis | {"standard_name": "projection_x_coordinate"}),
        }
    ).to_zarr(store, consolidated=False)
    array = zarr.open_group(store).create_array(
        "rain_rate",
        shape=(frames, 1024, 1024),
        chunks=(16, 256, 256),
        dtype="int16",
        compressors=(ZstdCodec(level=1), Crc32cCodec()),
        dimension_names=("time", "y", "x"),
        attributes={"units": "mm h-1", "scale_factor": 0.01, "_FillValue": -1},
    )
    for first in range(0, frames, 16):
        array[first : first + 16] = np.stack(
            [np.roll(base, (2 * t, 3 * t), (0, 1)) for t in range(first, min(frames, first + 16))]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--frames", type=int, default=5120)
    parser.add_argument("--store", type=Path, help="keep the store there")
    given = parser.parse_args()
    budget = bytes_of(given.memory)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        store = given.store or Path(folder) / "radar.zarr"
        if not store.exists():
            make(store, given.frames)
        for name, program in STEPS.items():
            ended = subprocess.run(
                [sys.executable, "-c", COMMON + program + END, str(store), str(budget)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found[name] = json.loads(ended.stdout.splitlines()[-1])
            told = found[name]
            print(f"{name:24}{told['seconds']:8.1f} s{told['peak_mb']:9.0f} MB of {budget / 1e6:.0f}  {told}")
    size = given.frames * 1024 * 1024 * 2 / 1e9
    print(json.dumps({"cube_gb": size, "budget_mb": budget / 1e6, **found}))


if __name__ == "__main__":
    main()
