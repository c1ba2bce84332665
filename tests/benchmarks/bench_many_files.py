"""Open, and read through, a folder of many small files: seconds, peak memory and open handles.

    python tests/benchmarks/bench_many_files.py [--files 10000] [--handles 256]

Beside it `xarray.open_mfdataset` on the same folder, as people call it. Each runs alone in a process of its own; both
read frame after frame. Files are packed int16 of 64 x 64, one time each, as radars deliver them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import netCDF4
import numpy as np

OPEN = {
    "nowcast.open_cube": "import nowcast; cube = nowcast.open_cube(folder)",
    "xarray.open_mfdataset": (
        "import xarray as xr; "
        "cube = xr.open_mfdataset(folder + '/*.nc', combine='nested', concat_dim='time', engine='netcdf4')['rain']"
    ),
}
MEASURED = """
import json, os, resource, sys, time
folder, handles = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (handles, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
start = time.perf_counter()
{open}
told = {{"open_s": time.perf_counter() - start, "open_mb": peak(), "frames": cube.sizes["time"]}}
start = time.perf_counter()
total = sum(float(cube[first:first + 100].sum()) for first in range(0, cube.sizes["time"], 100))
told |= {{"read_s": time.perf_counter() - start, "read_mb": peak(), "sum": total}}
told["handles"] = len(os.listdir("/proc/self/fd"))
print(json.dumps(told))
"""


def make(folder: Path, files: int) -> None:
    values = np.random.default_rng(1).integers(0, 400, (64, 64)).astype("i2")
    for number in range(files):
        with netCDF4.Dataset(folder / f"{number:06}.nc", "w") as file:
            for name, size in (("time", 1), ("y", 64), ("x", 64)):
                file.createDimension(name, size)
                axis = file.createVariable(name, "f8" if name != "time" else "i4", (name,))
                axis.units = "m" if name != "time" else "minutes since 2020-01-01"
                axis.standard_name = name if name == "time" else f"projection_{name}_coordinate"
                axis[:] = [5 * number] if name == "time" else 1000.0 * np.arange(64)
            rain = file.createVariable("rain", "i2", ("time", "y", "x"), fill_value=-1)
            rain.units, rain.scale_factor = "mm", 0.05
            rain.set_auto_maskandscale(False)
            rain[:] = values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--handles", type=int, default=256, help="the most that a process may have open")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), given.files)
        for name, code in OPEN.items():
            program = MEASURED.format(open=code)
            command = [sys.executable, "-c", program, folder, str(given.handles)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:24} failed: {done.stderr.strip().splitlines()[-1][:100]}")
                continue
            told = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{name:24} opened in {told['open_s']:.1f} s ({told['open_mb']:.0f} MB), {told['frames']} frames read "
                f"in {told['read_s']:.1f} s ({told['read_mb']:.0f} MB), {told['handles']} handles, "
                f"sum {told['sum']:.6g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
