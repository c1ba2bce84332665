"""Windows a CPU-second: nowcast's blocks beside xbatcher, xarray, zarr and tensorstore, and beside what is possible.

    python tests/benchmarks/bench_loader.py [--rounds 3] [--seconds 6] [--peers /path/to/python]

20 x 128 x 128 out of a zarr store of 2000 x 512 x 512 packed int16, chunks 16 x 256 x 256 (zstd, crc32c), in batches of
16. Each contender runs alone in a process with one thread of torch; rounds are interleaved; medians are told. xbatcher
and tensorstore are looked for in the interpreter `--peers`; who is not installed is left out, and said so.

- `packed`: windows as int16, as they go to a device; `float32`: scaled (log), missing pixels told, as models get them.
- `xbatcher + torch loader`: the store as xarray opens it, scaled, by dask; below it how it is quicker.
- `limit`: the same blocks decoded by zarr and the same windows copied out of memory, nothing else, in the same rounds.
- `one window`: a single random one, as int16, nowcast beside zarr, turn by turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter
from zarr.codecs import Crc32cCodec, ZstdCodec

COMMON = """
import json, os, resource, sys, time
import numpy as np
store, seconds = sys.argv[1], float(sys.argv[2])
LENGTH, SIDE, BATCH = 20, 128, 16
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
def measure(batches, told=None):
    for _ in range(2):
        next(batches)
    told = told or {}
    base, windows, seen = resident(), 0, []
    cpu, wall = time.process_time(), time.perf_counter()
    for batch in batches:
        windows += len(batch)
        seen.append(resident())
        if time.perf_counter() - wall > seconds:
            break
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    later = seen[len(seen) // 2:]
    told |= {"per_cpu_s": windows / cpu, "per_s": windows / wall, "peak_mb": peak, "growth_mb": later[-1] - later[0]}
    print(json.dumps(told))
def places(seed=0):
    rng = np.random.default_rng(seed)
    while True:
        t, y, x = int(rng.integers(0, 1981)), 64 * int(rng.integers(0, 7)), 64 * int(rng.integers(0, 7))
        yield slice(t, t + LENGTH), slice(y, y + SIDE), slice(x, x + SIDE)
def random_batches(read):
    where = places()
    while True:
        yield np.stack([read(*next(where)) for _ in range(BATCH)])
"""

NOWCAST = """
import torch
torch.set_num_threads(1)
import nowcast
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.windows import JoinedBlocks, group_windows, plan
def made(frames, rows, mixed, memory=24_000_000):
    cube = nowcast.open_cube(store)
    chosen = plan(cube, context=10, horizon=10, patch=SIDE, patch_stride=64)
    windows = Windows(cube, chosen, Scaler("log", 0.0, 5.0, floor=0.1), masked=True)
    loader = Loader([windows], batch=BATCH, memory=memory, prefetch=1)
    if frames:
        blocks = group_windows(chosen, edges=windows.source.edges, pixel_bytes=2,
                               frames=frames, rows=rows, columns=rows, mixed=mixed)
        loader.blocks = JoinedBlocks([blocks], memory=blocks.block_bytes * (mixed + 1))
    return loader, {"windows_a_block": float(loader.blocks.sizes.mean()), "reuse": loader.blocks.reuse,
                    "blocks_mixed": loader.blocks.mixed}
def for_ever(loader, packed):
    epoch = 0
    while True:
        loader.set_epoch(epoch)
        for batch in loader.cut() if packed else loader:
            yield batch[0]
        epoch += 1
"""

LIMIT = """
import zarr
z = zarr.open_array(store + "/rain_rate", mode="r")
def batches():
    buffer = np.empty((BATCH, LENGTH, SIDE, SIDE), "int16")
    rng = np.random.default_rng(0)
    while True:
        for first in rng.permutation(range(0, 1981, FRAMES)).tolist():
            last = min(2000, first + FRAMES + LENGTH - 1)
            halves = [slice(0, 512)] if ROWS == 1 else [slice(0, 320), slice(192, 512)]
            for rows in halves:
                for columns in halves:
                    block = z[first:last, rows, columns]
                    corners = [(y, x) for y in range(0, block.shape[1] - 127, 64)
                               for x in range(0, block.shape[2] - 127, 64)]
                    starts = range(min(FRAMES, 1981 - first))
                    windows = [(t, y, x) for t in starts for y, x in corners]
                    order = rng.permutation(len(windows)).tolist()
                    for low in range(0, len(order) - BATCH, BATCH):
                        for place, number in enumerate(order[low:low + BATCH]):
                            t, y, x = windows[number]
                            buffer[place] = block[t:t + LENGTH, y:y + SIDE, x:x + SIDE]
                        yield buffer
measure(batches())
"""

ONE = """
import zarr, nowcast, statistics
from nowcast.scaling import Scaler
from nowcast.tensors.sources import source_of
source = source_of(nowcast.open_cube(store), Scaler("unit", 0.0, 1.0))
z = zarr.open_array(store + "/rain_rate", mode="r")
readers = {"nowcast": lambda t, y, x: source.read(t, y, x)[:, 0], "zarr": lambda t, y, x: z[t, y, x]}
found = {name: [] for name in readers}
where = places()
for turn in range(400):
    place = next(where)
    for name in sorted(readers, reverse=bool(turn % 2)):
        cpu, wall = time.process_time(), time.perf_counter()
        values = readers[name](*place)
        found[name].append((time.process_time() - cpu, time.perf_counter() - wall))
        assert values.shape == (LENGTH, SIDE, SIDE)
print(json.dumps({name: {"cpu_ms": 1e3 * statistics.median(c for c, _ in each),
                         "ms": 1e3 * statistics.median(w for _, w in each)} for name, each in found.items()}))
"""

XBATCHER = """
import torch, xarray as xr, xbatcher
from xbatcher.loaders.torch import MapDataset
torch.set_num_threads(1)
cube = xr.open_zarr(store, consolidated=False)["rain_rate"]
sizes, overlap = {"time": LENGTH, "y": SIDE, "x": SIDE}, {"time": 19, "y": 64, "x": 64}
given = xbatcher.BatchGenerator(cube, sizes, input_overlap=overlap)
loader = torch.utils.data.DataLoader(MapDataset(given), batch_size=BATCH, shuffle=True)
def for_ever():
    while True:
        yield from loader
measure(for_ever())
"""

CONTENDERS = {
    "nowcast, packed, ~2,200 a block": NOWCAST + "loader, told = made(48, 1, 1)\nmeasure(for_ever(loader, True), told)",
    "nowcast, float32, ~2,200 a block": NOWCAST
    + "loader, told = made(48, 1, 1)\nmeasure(for_ever(loader, False), told)",
    "nowcast, packed, ~180 a block": NOWCAST + "loader, told = made(16, 2, 4)\nmeasure(for_ever(loader, True), told)",
    "nowcast, float32, ~180 a block": NOWCAST + "loader, told = made(16, 2, 4)\nmeasure(for_ever(loader, False), told)",
    "nowcast, packed, as it chooses in 24 MB": NOWCAST
    + "loader, told = made(0, 0, 0)\nmeasure(for_ever(loader, True), told)",
    "limit, ~2,200 a block": "FRAMES, ROWS = 48, 1\n" + LIMIT,
    "limit, ~180 a block": "FRAMES, ROWS = 16, 2\n" + LIMIT,
    "xbatcher + torch loader": XBATCHER,
    "xbatcher, without dask": XBATCHER.replace("=False", "=False, chunks=None"),
    "xbatcher, without dask, packed": XBATCHER.replace("=False", "=False, chunks=None, mask_and_scale=False"),
    "xarray isel": """
import xarray as xr
cube = xr.open_zarr(store, consolidated=False)["rain_rate"]
measure(random_batches(lambda t, y, x: cube.isel(time=t, y=y, x=x).values))
""",
    "zarr, float32": """
import zarr
z = zarr.open_array(store + "/rain_rate", mode="r")
measure(random_batches(lambda t, y, x: z[t, y, x] * np.float32(0.01)))
""",
    "zarr, packed": """
import zarr
z = zarr.open_array(store + "/rain_rate", mode="r")
measure(random_batches(lambda t, y, x: z[t, y, x]))
""",
    "tensorstore, packed": """
import tensorstore as ts
spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": store + "/rain_rate"}}
z = ts.open(spec, read=True, context=ts.Context({"data_copy_concurrency": {"limit": 1}})).result()
measure(random_batches(lambda t, y, x: z[t, y, x].read().result()))
""",
}
PEERS = {name: name.split(" ")[0].strip(",") for name in CONTENDERS if name.startswith(("xbatcher", "tensorstore"))}


def make(store: Path) -> None:
    """Fields of drifting showers, 28 % wet, with the noise of a radar."""
    rng = np.random.default_rng(0)
    base = gaussian_filter(rng.standard_normal((768, 768)), 12)
    base /= base.std()
    values = np.empty((2000, 512, 512), "int16")
    for t in range(len(values)):
        field = 8 * (np.roll(base, (2 * t, 3 * t), (0, 1))[:512, :512] - 0.6).clip(0)
        field += (field > 0) * rng.standard_normal(field.shape) * 0.3
        values[t] = (field.clip(0) * 100).astype("int16")
    told = {"units": "mm h-1", "scale_factor": 0.01, "_FillValue": np.int16(-1)}
    axis = {"units": "m", "standard_name": "projection_y_coordinate"}
    xr.Dataset(
        {"rain_rate": (("time", "y", "x"), values, told)},
        coords={
            "time": pd.date_range("2026-01-01", periods=2000, freq="5min"),
            "y": ("y", 1000.0 * np.arange(512)[::-1], axis),
            "x": ("x", 1000.0 * np.arange(512), axis | {"standard_name": "projection_x_coordinate"}),
        },
    ).to_zarr(
        store,
        consolidated=False,
        encoding={"rain_rate": {"chunks": (16, 256, 256), "compressors": (ZstdCodec(level=3), Crc32cCodec())}},
    )


def run(program: str, python: str, store: Path, seconds: float) -> dict[str, object] | None:
    ended = subprocess.run(
        [python, "-c", COMMON + program, str(store), str(seconds)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    if ended.returncode:
        print(ended.stderr.strip().splitlines()[-1])
        return None
    return json.loads(ended.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--store", type=Path, help="keep the store there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = given.store or Path(folder) / "radar.zarr"
        if not store.exists():
            make(store)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        singles = []
        for _ in range(given.rounds):
            for name, program in CONTENDERS.items():
                told = run(program, given.peers if name in PEERS else sys.executable, store, given.seconds)
                if told is None:
                    print(f"left out: {name}" + (f" (pip install {PEERS[name]})" if name in PEERS else ""))
                else:
                    found[name].append(told)
            singles.append(run(ONE, sys.executable, store, given.seconds))
    medians = {
        name: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for name, rounds in found.items()
        if rounds
    }
    print(f"{'':42}{'windows a CPU-s':>16}{'a second':>10}{'peak MB':>9}{'growth':>8}{'a block':>9}{'reuse':>7}")
    for name, each in medians.items():
        print(
            f"{name:42}{each['per_cpu_s']:16.0f}{each['per_s']:10.0f}{each['peak_mb']:9.0f}{each['growth_mb']:8.1f}"
            + (f"{each['windows_a_block']:9.0f}{each['reuse']:7.1f}" if "reuse" in each else "")
        )
    for blocks in ("~2,200 a block", "~180 a block"):
        for kind in ("packed", "float32"):
            ours = medians[f"nowcast, {kind}, {blocks}"]["per_cpu_s"]
            ratios = {
                other: ours / medians[other]["per_cpu_s"]
                for other in (f"limit, {blocks}", *CONTENDERS)
                if other in medians and "nowcast" not in other and (not other.startswith("limit") or blocks in other)
            }
            print(f"{kind}, {blocks}: " + ", ".join(f"{ratio:.3g} x {other}" for other, ratio in ratios.items()))
    single = {
        name: statistics.median(each[name]["ms"] for each in singles if each is not None)
        for name in ("nowcast", "zarr")
    }
    print(f"one window: nowcast {single['nowcast']:.2f} ms, zarr {single['zarr']:.2f} ms")
    print(json.dumps({**medians, "one_window_ms": single}))


if __name__ == "__main__":
    main()
