"""Writes files in children that are killed, or that find the disk full: what the tests of kills drive, a line a task.

In:  {"words": [...]} runs the command line; {"path": ..., "number": n} writes forecast n; {"save": folder, "step": n}
     writes checkpoints. With any of them: "kill_after": seconds, with "kill_from" and "kill_in" counted from when a
     checkpoint of that step is in that run's folder, and "signal" if it is not SIGKILL; "inject", what strace does at a
     system call; "obedient": permissions of files hold for root too
Out: {"code": exit code, negative for a signal, "seconds": ..., "told": standard error}
Modules to load once are the arguments.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
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


def save(folder: Path, step: int) -> None:
    """The best weights and a state, as training writes them after so many steps."""
    import torch

    from nowcast.training.checkpoints.file import write
    from nowcast.training.checkpoints.folder import prune, step_path

    torch.set_num_threads(1)
    state = {"step": step, "weights": torch.full((100_000,), float(step))}
    write(folder / "best.ckpt", state)
    write(step_path(folder, step), state)
    prune(folder, step)


def _obey() -> None:
    """Give up what lets root write where the permissions do not (capset(2), CAP_DAC_OVERRIDE)."""
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    library = ctypes.CDLL(None, use_errno=True)
    if library.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~0b110
    sets[1] &= ~0b110
    if library.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def _traced(child: int, inject: str) -> subprocess.Popen[str]:
    """A strace that watches the child and does something to its system calls."""
    words = [
        "strace",
        "-p",
        str(child),
        "-o",
        os.devnull,
        "-e",
        "trace=" + inject.split(":")[0],
        "-e",
        "inject=" + inject,
    ]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    for line in tracer.stderr:
        if "attached" in line:
            break
    return tracer


def _wait_for(child: int, task: dict[str, Any]) -> None:
    """Until the training is so far, or over."""
    if "kill_from" in task:
        checkpoints = Path(task["kill_in"], "checkpoints")
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if any(int(path.stem[5:]) >= task["kill_from"] for path in checkpoints.glob("step-*.ckpt")):
                break
            time.sleep(0.002)
    time.sleep(task["kill_after"])


def _act(task: dict[str, Any]) -> int:
    import nowcast

    if "words" in task:
        from nowcast.cli import main as command

        sys.argv = ["nowcast", *task["words"]]
        command()
        return 0
    if "save" in task:
        save(Path(task["save"]), task["step"])
        return 0
    nowcast.write_cube(forecast(task["number"]), task["path"])
    return 0


def main() -> None:
    for name in (*LOADED, *sys.argv[1:]):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        task = json.loads(line)
        with tempfile.TemporaryFile() as told:
            began = time.monotonic()
            wait, go = os.pipe()
            child = os.fork()
            if child == 0:
                os.dup2(told.fileno(), 2)
                os.dup2(told.fileno(), 1)
                os.read(wait, 1)
                code = 1
                try:
                    if task.get("obedient"):
                        _obey()
                    code = _act(task)
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else 1
                except BaseException:
                    traceback.print_exc()
                sys.stderr.flush()
                os._exit(code)
            tracer = _traced(child, task["inject"]) if "inject" in task else None
            os.write(go, b"!")
            if task.get("kill_after") is not None:
                _wait_for(child, task)
                os.kill(child, task.get("signal", signal.SIGKILL))
                began = time.monotonic()
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.close(wait)
            os.close(go)
            if tracer is not None:
                tracer.communicate()
            told.seek(0)
            text = told.read().decode(errors="replace")
        answers.write(json.dumps({"code": code, "seconds": time.monotonic() - began, "told": text}) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
