"""National composites at full size: time and memory of a training step and of a forecast, beside what was told.

    python tests/benchmarks/bench_full_size.py [--height 1226] [--width 760] [--context 6] [--horizon 12] [--threads 1]
                                               [--only "NAME; NAME"]

Networks as `nowcast fit` makes them, on patches and on whole fields, single or multiscale, remembering all or little.
Each line is a process of its own: CPU-seconds of the second of two steps, the process's peak of memory less what it had
before, and what `nowcast.training.step_memory` had told of tensors alone; then a forecast of the whole field in the
tiles of `nowcast.rollout`. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import torch
from bench_recurrent import kilobytes

from nowcast.losses import mixture
from nowcast.models import RecurrentForecaster, build
from nowcast.rollout import HALO
from nowcast.rollout.blending import tiled_by_lead
from nowcast.tensors import Batch
from nowcast.training import step_memory
from nowcast.training.steps.choice import task_of

PRESET: dict[str, Any] = {"hidden": (128,) * 4, "kernel": 5, "patch": 4, "blend": False}
CASES: dict[str, tuple[str, dict[str, Any], int, int | None, bool]] = {
    # name: model, its keywords, batch, side of patches (None: the whole field), low memory
    "convlstm, patches": ("convlstm", {"patch": 8}, 8, 128, False),
    "convlstm, patches, low memory": ("convlstm", {"patch": 8}, 8, 128, True),
    "convlstm, whole": ("convlstm", {"patch": 8}, 1, None, False),
    "multiscale, patches": ("multiscale", {"patch": 4}, 8, 128, False),
    "multiscale, whole": ("multiscale", {"patch": 4}, 1, None, False),
    "multiscale, whole, low memory": ("multiscale", {"patch": 4}, 1, None, True),
    "predrnn, patches": ("predrnn", {"patch": 8}, 8, 128, False),
    "e3dlstm, patches": ("e3dlstm", {"patch": 8}, 8, 128, False),
    "convlstm benchmark": ("convlstm", {**PRESET, "fed_back": True}, 8, 64, False),
    "convlstm benchmark, low memory": ("convlstm", {**PRESET, "fed_back": True}, 8, 64, True),
    "predrnn benchmark": ("predrnn", PRESET, 8, 64, False),
}


def one(name: str, part: str, given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    kind, keywords, batch, side, low_memory = CASES[name]
    torch.manual_seed(0)
    network = build(kind, keywords).train()
    assert isinstance(network, RecurrentForecaster)
    network.low_memory = low_memory
    size = (side or given.height, side or given.width)
    loss = mixture({"mse": 1.0})
    found: dict[str, float] = {}
    before = kilobytes("VmRSS")
    if part == "train":
        task = task_of(network, loss)
        optimiser, _ = task.forecaster_optimiser()
        frames = torch.rand(batch, given.context + given.horizon, 1, *size)
        sample = Batch(
            frames[:, : given.context], frames[:, given.context :], torch.ones(batch, given.horizon, 1, *size)
        )
        for _ in range(2):
            start = time.process_time()
            optimiser.zero_grad()
            task.rehearse(sample)
            optimiser.step()
            found["step s"] = time.process_time() - start
        found["MB"] = (kilobytes("VmHWM") - before) * 1024 / 1e6
        start = time.process_time()
        padded = [-(-length // network.multiple) * network.multiple for length in size]
        pixels = batch * padded[0] * padded[1]
        told = step_memory(network, loss)
        found["told MB"] = told.bytes(pixels=pixels, context=given.context, horizon=given.horizon) / 1e6
        found["telling s"] = time.process_time() - start
    else:
        context = torch.rand(1, given.context, 1, given.height, given.width)
        start = time.process_time()
        for _ in tiled_by_lead(network.eval(), context, given.horizon, tile=network.tile, halo=HALO):
            pass
        found["forecast s"] = time.process_time() - start
        found["forecast MB"] = (kilobytes("VmHWM") - before) * 1024 / 1e6
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=1226)
    parser.add_argument("--width", type=int, default=760)
    parser.add_argument("--context", type=int, default=6)
    parser.add_argument("--horizon", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(*given.one, given)
        return
    columns = ("step s", "MB", "told MB", "telling s", "forecast s", "forecast MB")
    print(f"{'':<32}" + "".join(f"{column:>13}" for column in columns))
    figures: dict[str, object] = {"size": [given.height, given.width], "frames": [given.context, given.horizon]}
    for name in [each for each in CASES if given.only is None or each in given.only.split("; ")]:
        found: dict[str, float] = {}
        for part in ("train", "forecast"):
            if part == "forecast" and ("benchmark" in name or "low memory" in name):
                continue
            done = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--one", name, part], capture_output=True, text=True
            )
            if done.returncode:
                print(f"{name}: {part}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
                continue
            found |= json.loads(done.stdout.splitlines()[-1])
        print(f"{name:<32}" + "".join(f"{found[each]:>13.4g}" if each in found else " " * 13 for each in columns))
        figures[name] = {key: round(value, 3) for key, value in found.items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
