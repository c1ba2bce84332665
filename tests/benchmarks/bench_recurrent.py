"""How quick the recurrent networks are, beside their published equations in plain torch.

    python tests/benchmarks/bench_recurrent.py [--models convlstm,predrnn,e3dlstm] [--rounds 3] [--batch 8]
                                               [--threads 1] [--sides memory,speed,run,cores] [--small]

The presets of the Moving MNIST benchmark (patch 4, hidden 128 x 4, kernels 5 x 5), 10 -> 10 frames of 64 x 64, with the
same weights on both sides: forward, mean squared error, backward; and forward alone. CPU time, rounds interleaved
after one that is not counted, medians and their ratio; how far outputs and gradients lie apart. Then the peak of memory
of one training step, each in a process of its own, less what Python and torch take. Then a short training of both
sides, whose losses should coincide. With `cores` among the sides: by how much a step of ours, by the clock, is quicker
on two cores than on one. `--small` is a quick look. The last line is JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

import literal

from nowcast.models import build

FRAMES = 10


def preset(name: str, hidden: int, layers: int) -> nn.Module:
    torch.manual_seed(0)
    fed_back = {"fed_back": True} if name == "convlstm" else {}
    return build(name, {"hidden": (hidden,) * layers, "kernel": 5, "patch": 4, "blend": False, **fed_back})


def beside(model: Any, name: str, hidden: int, layers: int) -> nn.Module:
    return literal.NETWORKS[name](1, hidden, layers, 5, 4).taken(model)


def batch_of(size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Blobs that drift: values and edges as in the benchmark's frames, between 0 and 1."""
    random = torch.Generator().manual_seed(seed)
    start, pace = torch.rand(size, 2, 2, generator=random) * 40 + 12, torch.randn(size, 2, 2, generator=random) * 2
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    frames = []
    for t in range(2 * FRAMES):
        centre = (start + t * pace) % 64
        far = (y - centre[..., 0, None, None]) ** 2 + (x - centre[..., 1, None, None]) ** 2
        frames.append((1.5 - far / 60).clamp(0, 1).amax(dim=1))
    sequence = torch.stack(frames, dim=1)[:, :, None]
    return sequence[:, :FRAMES], sequence[:, FRAMES:]


def trained(model: nn.Module, context: Tensor, target: Tensor) -> Tensor:
    model.zero_grad()
    loss: Tensor = ((model(context, FRAMES) - target) ** 2).mean()
    loss.backward()
    return loss.detach()


def forecast(model: nn.Module, context: Tensor, target: Tensor) -> Tensor:
    with torch.no_grad():
        answer: Tensor = model(context, FRAMES)
    return answer


def seconds(step: Any, *arguments: Any) -> float:
    start = time.process_time()
    step(*arguments)
    return time.process_time() - start


def apart(one: Any, other: nn.Module, name: str, context: Tensor, target: Tensor) -> tuple[float, float]:
    """The largest difference of outputs, and of gradients as a share of their tensor's largest."""
    outputs = (forecast(one, context, target) - forecast(other, context, target)).abs().max().item()
    trained(one, context, target)
    trained(other, context, target)
    gradients = literal.NETWORKS[name](1, one.hidden_width, len(other.cells), 5, 4)  # a place for ours, in their order
    shadow = build_shadow(one)
    gradients.taken(shadow)
    worst = max(
        ((ours - theirs.grad).abs().max() / theirs.grad.abs().max().clamp(min=1e-30)).item()
        for ours, theirs in zip(gradients.parameters(), other.parameters(), strict=True)
        if theirs.grad is not None
    )
    return outputs, worst


def build_shadow(model: nn.Module) -> nn.Module:
    """A copy whose weights are the model's gradients."""
    shadow = copy.deepcopy(model)
    with torch.no_grad():
        for place, own in zip(shadow.parameters(), model.parameters(), strict=True):
            place.copy_(own.grad)
    return shadow


def peak(name: str, side: str, options: argparse.Namespace) -> float:
    """Of one training step in a process of its own, in MB over what there was before it."""
    program = [sys.executable, __file__, "--one", side, "--models", name, "--batch", str(options.batch)]
    program += ["--hidden", str(options.hidden), "--layers", str(options.layers)]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    return float(ended.stdout)


def one_step(name: str, side: str, options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    context, target = batch_of(options.batch)
    model: Any = preset(name, options.hidden, options.layers)
    if side == "literal":
        model = beside(model, name, options.hidden, options.layers)
    else:
        model.low_memory = side == "low memory"
    before = kilobytes("VmRSS")
    trained(model, context, target)
    print((kilobytes("VmHWM") - before) * 1024 / 1e6)


def kilobytes(name: str) -> int:
    """Of this process; not from getrusage, whose peak begins with that of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(name + ":")))


def losses(model: nn.Module, steps: int, batch: int) -> list[float]:
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    found = []
    for step in range(steps):
        found.append(trained(model, *batch_of(batch, seed=step)).item())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="convlstm,predrnn,e3dlstm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sides", default="memory,speed,run")
    parser.add_argument("--steps", type=int, default=30, help="of the short training")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.small:
        options.hidden, options.layers, options.batch, options.rounds, options.steps = 32, 2, 2, 1, 5
    names = options.models.split(",")
    if options.one:
        one_step(names[0], options.one, options)
        return
    torch.set_num_threads(options.threads)
    sides = options.sides.split(",")
    figures: dict[str, dict[str, float]] = {}
    for name in names:
        ours: Any = preset(name, options.hidden, options.layers)
        ours.hidden_width = options.hidden
        theirs = beside(ours, name, options.hidden, options.layers)
        found = figures[name] = {"weights": sum(each.numel() for each in ours.parameters())}
        context, target = batch_of(options.batch)
        if "speed" in sides:
            found["output apart"], found["gradient apart"] = apart(ours, theirs, name, context, target)
            for title, step in (("training", trained), ("inference", forecast)):
                times: dict[str, list[float]] = {"theirs": [], "ours": []}
                for number in range(options.rounds + 1):
                    for side, model in (("theirs", theirs), ("ours", ours)):
                        took = seconds(step, model, context, target)
                        if number:
                            times[side].append(took)
                medians = {side: statistics.median(values) for side, values in times.items()}
                found |= {f"{title} {side} s": took for side, took in medians.items()}
                found[f"{title} x"] = medians["theirs"] / medians["ours"]
        if "cores" in sides:
            clock: dict[int, list[float]] = {1: [], 2: []}
            for number in range(options.rounds + 1):
                for threads in clock:
                    torch.set_num_threads(threads)
                    start = time.perf_counter()
                    trained(ours, context, target)
                    if number:
                        clock[threads].append(time.perf_counter() - start)
            torch.set_num_threads(options.threads)
            one, two = (statistics.median(values) for values in clock.values())
            found |= {"step on one core s": one, "on two cores s": two, "two cores x": one / two}
        if "memory" in sides:
            peaks = {side: peak(name, side, options) for side in ("literal", "fast", "low memory")}
            found |= {f"{side} MB": value for side, value in peaks.items()}
            found |= {f"{side} of literal": peaks[side] / peaks["literal"] for side in ("fast", "low memory")}
        if "run" in sides:
            small: Any = preset(name, 32, 2)
            other = beside(small, name, 32, 2)
            runs = losses(other, options.steps, 4), losses(small, options.steps, 4)
            found["losses apart"] = max(abs(a - b) / a for a, b in zip(*runs, strict=True))
            found["loss fell to"] = runs[1][-1] / runs[1][0]
        for key, value in found.items():
            print(f"{name:9} {key:24} {value:.4g}")
    print(json.dumps({"threads": options.threads, "batch": options.batch, **figures}))


if __name__ == "__main__":
    main()
