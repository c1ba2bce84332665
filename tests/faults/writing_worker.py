"""Writes files in children that are killed, or that find the disk full: what `test_kills.py` drives, one line a task.

In:  {"words": [...]} runs the command line; {"path": ..., "number": n, "kill_after": seconds or null} writes forecast n
Out: {"code": exit code, negative for a signal, "seconds": ..., "told": standard error}
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

LOADED = (
    "netCDF4",
    "h5py",
    "zarr",
    "tifffile",
    "av",
    "xarray",
    "dask.array",
    "nowcast.cli",
    "nowcast.readers.opening",
)
LOADED += ("nowcast.writers", "nowcast.run.conversion", "matplotlib", "PIL.GifImagePlugin")
"""Once, not in every child."""


def forecast(number: int) -> Any:
    """Six frames that no compression makes small, in three blocks; every number gives another."""
    import dask.array as da
    import pandas as pd
    import xarray as xr

    values = np.random.default_rng(number).integers(0, 200, (1, 6, 1, 160, 160)).astype("float32")
    side = 1000.0 * np.arange(160)
    return xr.DataArray(
        da.from_array(values, chunks=(1, 2, 1, 160, 160)),
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": [np.datetime64("2026-05-01T12:00", "ns")],
            "lead_time": pd.timedelta_range("5min", periods=6, freq="5min").values.astype("timedelta64[ns]"),
            "y": ("y", side[::-1], {"units": "m", "standard_name": "projection_y_coordinate"}),
            "x": ("x", side, {"units": "m", "standard_name": "projection_x_coordinate"}),
        },
        name="rain_rate",
        attrs={"units": "mm h-1", "standard_name": "rainfall_rate"},
    )


def observed(number: int) -> Any:
    """The same as a cube of observed frames."""
    frames = forecast(number).isel(forecast_reference_time=0, drop=True)
    times = np.datetime64("2026-05-01T12:00", "ns") + frames["lead_time"].values
    return frames.rename(lead_time="time").assign_coords(time=("time", times, {"standard_name": "time"}))


def _act(task: dict[str, Any]) -> int:
    import nowcast

    if "words" in task:
        from nowcast.cli import main as command

        sys.argv = ["nowcast", *task["words"]]
        command()
        return 0
    nowcast.write_cube(forecast(task["number"]), task["path"])
    return 0


def main() -> None:
    for name in LOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        task = json.loads(line)
        with tempfile.TemporaryFile() as told:
            began = time.monotonic()
            child = os.fork()
            if child == 0:
                os.dup2(told.fileno(), 2)
                os.dup2(told.fileno(), 1)
                code = 1
                try:
                    code = _act(task)
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else 1
                except BaseException:
                    traceback.print_exc()
                sys.stderr.flush()
                os._exit(code)
            if task.get("kill_after") is not None:
                time.sleep(task["kill_after"])
                os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            told.seek(0)
            text = told.read().decode(errors="replace")
        answers.write(json.dumps({"code": code, "seconds": time.monotonic() - began, "told": text}) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
