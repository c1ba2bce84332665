"""Advection on real rain, beside persistence and beside pysteps: skill by lead time, and CPU time on one core.

    python tests/benchmarks/bench_advection.py [--data fmi|knmi|melbourne] [--every 2] [--rounds 5] [--peers PYTHON]

Reflectivity of FMI (dBZ, 1226 x 760), rain of KNMI (mm in 5 min, 765 x 700) or rain of one radar of the Bureau of
Meteorology (mm in 6 min, 512 x 512) as the files tell it; 12 frames are forecast from every second time that has enough
of them before and behind it. MSE and CSI over all times and the pixels where truth and all forecasters have a value.
`--peers` names an interpreter that has pysteps and opencv: on the very same arrays, dense Lucas-Kanade and
semi-Lagrangian extrapolation as they come, from as many frames. Motion and transport are timed in turns, after one turn
that is not counted: medians of CPU-seconds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nowcast.models import Advection
from nowcast.models.advection import completed, transport
from nowcast.readers import open_cube

RADAR = Path(__file__).parents[3] / "shared" / "data" / "radar"
EVENTS = {
    "fmi": ("fmi_20170509_pgm", 20.0),
    "knmi": ("knmi_20100826_hdf5", 0.1),
    "melbourne": ("bom_melbourne_20180616_netcdf", 1.0),
}
HORIZON = 12
LEADS = (1, 3, 6, 12)

PEER = """
import json, sys, time
import cv2, numpy as np
from pysteps import extrapolation, motion
cv2.setNumThreads(1)
find, carry = motion.get_method("LK"), extrapolation.get_method("semilagrangian")
print("ready", flush=True)
for line in sys.stdin:
    path, out, horizon = json.loads(line)
    frames = np.load(path)
    start = time.process_time()
    moving = find(frames, verbose=False)
    found = time.process_time()
    answer = carry(frames[-1], moving, horizon, allow_nonfinite_values=True)
    seconds = found - start, time.process_time() - found
    np.save(out, answer.astype("float32"))
    print(json.dumps(seconds), flush=True)
"""

Answer = tuple[np.ndarray, float, float]


def ours(frames: np.ndarray) -> Answer:
    """Forecast `(horizon y x)`, CPU-seconds of the motion, and of what comes after it."""
    field = torch.from_numpy(frames)[None, :, None]
    observed = field.isfinite().float()
    value = field.nan_to_num()
    model = Advection(masked=True)
    with torch.inference_mode():
        start = time.process_time()
        moving = model.motion(torch.cat([value, observed], dim=2))
        found = time.process_time()
        moved, known = transport(*completed(value, observed, moving), moving, HORIZON)
        seconds = found - start, time.process_time() - found
    return torch.where(known > 0, moved, torch.nan)[0, :, 0].numpy(), *seconds


def peer(python: str, folder: Path) -> Callable[[np.ndarray], Answer]:
    """The same of pysteps, in a process that stays."""
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command, pipe = [python, "-c", PEER], subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **alone})
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answered = process.stdin, process.stdout
    while (line := answered.readline()).strip() != "ready":  # pysteps tells first where its settings are
        if not line:
            sys.exit(f"{python} has no pysteps or no opencv")

    def answer(frames: np.ndarray) -> Answer:
        np.save(folder / "frames.npy", frames)
        print(json.dumps([str(folder / "frames.npy"), str(folder / "answer.npy"), HORIZON]), file=asked, flush=True)
        finding, carrying = json.loads(answered.readline())
        return np.load(folder / "answer.npy"), finding, carrying

    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=EVENTS, default="fmi")
    parser.add_argument("--every", type=int, default=2, help="frames from one starting time to the next")
    parser.add_argument("--rounds", type=int, default=5, help="starting times that are timed")
    parser.add_argument("--frames", type=int, default=3, help="frames that tell the motion")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with pysteps and opencv")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder, threshold = EVENTS[arguments.data]
    cube = open_cube(str(RADAR / folder)).astype("float32").load()
    field = cube.values[:, 0]
    step = float(np.diff(cube["time"].values[:2])[0] / np.timedelta64(1, "m"))
    starts = [*range(arguments.frames - 1, len(field) - HORIZON, arguments.every)]
    names = ["persistence", "advection"] + ["pysteps"] * bool(arguments.peers)
    sums = np.zeros((len(names), len(LEADS), 4))
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in names[1:]}
    with tempfile.TemporaryDirectory() as scratch:
        forecasters = {"advection": ours}
        if arguments.peers:
            forecasters["pysteps"] = peer(arguments.peers, Path(scratch))
        for number, newest in enumerate(starts):
            context = field[newest - arguments.frames + 1 : newest + 1]
            forecasts = [np.broadcast_to(field[newest], (HORIZON, *field[newest].shape))]
            for name, forecaster in forecasters.items():
                answer, *taken = forecaster(context)
                forecasts.append(answer)
                if 0 < number <= arguments.rounds:
                    seconds[name].append((taken[0], taken[1]))
            for at, lead in enumerate(LEADS):
                truth, answers = field[newest + lead], [forecast[lead - 1] for forecast in forecasts]
                known = np.isfinite(truth) & np.isfinite(answers).all(axis=0)
                happened = truth[known] >= threshold
                for which, each in enumerate(answers):
                    said = each[known] >= threshold
                    error = ((each[known] - truth[known]).astype("float64") ** 2).sum()
                    sums[which, at] += error, known.sum(), (said & happened).sum(), (said | happened).sum()
    mse, csi = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
    units = cube.attrs["units"]
    print(f"{arguments.data}, {len(starts)} starting times, {field.shape[1]} x {field.shape[2]}")
    print(f"{'minutes':<28}" + "".join(f"{lead * step:>10g}" for lead in LEADS))
    for title, scores in ((f"MSE ({units}^2)", mse), (f"CSI >= {threshold:g} {units}", csi)):
        for name, row in zip(names, scores, strict=True):
            print(f"{title + ' ' + name:<28}" + "".join(f"{score:>10.4g}" for score in row))
    figures: dict[str, Any] = {
        "data": arguments.data,
        "starting_times": len(starts),
        "mse": dict(zip(names, mse.round(6).tolist(), strict=True)),
        "csi": dict(zip(names, csi.round(4).tolist(), strict=True)),
    }
    print(f"{'CPU-seconds':<28}{'motion':>10}{'12 frames':>10}{'both':>10}")
    for name, taken in seconds.items():
        each = np.array(taken)
        medians = [*np.median(each, axis=0), np.median(each.sum(axis=1))]
        print(f"{name:<28}" + "".join(f"{median:>10.3f}" for median in medians))
        figures[f"{name}_cpu_s"] = [round(float(median), 4) for median in medians]
    if arguments.peers:
        times = np.array(figures["pysteps_cpu_s"]) / np.array(figures["advection_cpu_s"])
        print(f"{'times as quick':<28}" + "".join(f"{each:>10.1f}" for each in times))
        figures["times_as_quick"] = times.round(1).tolist()
        figures["mse_of_pysteps"] = (mse[1] / mse[2]).round(4).tolist()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
