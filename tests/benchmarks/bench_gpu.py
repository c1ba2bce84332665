"""How quick a whole training step is on one GPU, and by what.

    python tests/benchmarks/bench_gpu.py [--models convlstm,predrnn] [--batch 16] [--hidden 128] [--layers 4]
                                         [--rounds 20] [--limit 150] [--minutes 9.5] [--device cuda] [--small]

The presets of the Moving MNIST benchmark (patch 4, hidden 128 x 4, kernels 5 x 5), 10 -> 10 frames of 64 x 64:
gradients set to none, forward, mean squared error, backward, clipping, Adam. First the rate of a large bfloat16 matrix
product. Then for each network the published equations in plain torch, ours in float32, and what may make it quicker,
one after the other, each kept for those that follow only if its step was quicker and its answer near: tf32, bfloat16
autocast, channels_last, fused Adam, compiled cells, the compiled model, a CUDA graph of the whole step. On a GPU, what
was not kept is then tried again on top of all that was kept after it: bfloat16, say, does not pay where launching
kernels is what takes the time, and pays once the model is compiled.

A line tells: the median step; its share of the matrix rate, by the operations of direct convolutions; how many times as
quick as plain torch it is; the peak of memory; how far loss and clipped gradients of the first step lie from ours in
float32, as shares of their norm (near: 0.001 in float32, 0.01 in tf32, 0.05 in bfloat16). At the end, of plain torch
and of the last variant that was kept, kernels a step and how long they take together, and the hours of 125,000 such
steps, the published training. The last line is JSON.

A network's variants run in a process of its own, which is begun anew after one that failed or took longer than
`--limit` seconds, compilation included; those that no time is left for are left out. It needs torch and
`nowcast.models` alone. E3D-LSTM: `--models e3dlstm`, in a run of its own. `--small --device cpu` is a look at all that
needs no GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

STEPS = 125_000

BATCHES = 4
"""That take turns."""

CHANGES: dict[str, dict[str, Any]] = {
    "plain torch": {"literal": True},
    "ours, float32": {},
    "tf32": {"tf32": True},
    "bfloat16": {"bfloat16": True},
    "channels_last": {"channels_last": True},
    "fused Adam": {"fused": True},
    "compiled cells": {"compiled": "cells"},
    "compiled model": {"compiled": "model"},
    "CUDA graph": {"captured": True},
}
AGAIN = ", again"
OF_A_GPU = {"tf32", "fused Adam", "compiled cells", "compiled model", "CUDA graph"}


def work(job: dict[str, Any]) -> None:
    """Variants, until one fails: what that leaves behind must not reach the next."""
    import torch

    if job["size"]["device"] == "cuda" and not torch.cuda.is_available():
        say(absent=True)
        return
    from bench_recurrent import batch_of
    from whole_step import How, Size, Training, kernels, measured, operations, rate

    if "side" in job:
        device = job["size"]["device"]
        named = torch.cuda.get_device_name() if device == "cuda" else "CPU"
        say(device=named, torch=torch.__version__, tflops=rate(device, job["side"]))
        return
    torch.backends.cudnn.benchmark = True
    name, size, how, best = job["name"], Size(**job["size"]), How(**job["how"]), job["best"]
    batches = [tuple(part.to(size.device) for part in batch_of(size.batch, seed)) for seed in range(BATCHES)]
    for title, wanted in job.get("counted", ()):
        say(counted=title, **kernels(name, size, How(**wanted), batches[0]))
    if not job["titles"]:
        return
    exact = Training(name, size, How()).first(*batches[0])
    say(operations=operations(name, size))
    for title in job["titles"]:
        gc.collect()
        wanted = dataclasses.replace(how, **CHANGES[title.removesuffix(AGAIN)])
        try:
            found = measured(name, size, wanted, batches, exact, rounds=job["rounds"])
        except Exception as error:
            say(title=title, said=f"{type(error).__name__}: {' '.join(str(error).split(chr(10))[:2])}"[:160])
            return
        kept = not wanted.literal and (best is None or (found["near"] and found["ms"] < best))
        if kept:
            how, best = wanted, found["ms"]
        say(title=title, kept=kept, how=dataclasses.asdict(how), best=best, **found)


def say(**figures: Any) -> None:
    try:
        print(json.dumps(figures), flush=True)
    except BrokenPipeError:
        os._exit(1)  # whoever asked is gone


def lines(job: dict[str, Any], limit: float) -> Iterator[dict[str, Any]]:
    """What a process of its own says; it is ended, with its own, once it says nothing for so many seconds."""
    program = [sys.executable, __file__, "--job", json.dumps(job)]
    late = threading.Event()
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        line = " "
        try:
            while line:
                timer = threading.Timer(limit, end)
                timer.start()
                line = process.stdout.readline()
                if not line:
                    process.wait()
                timer.cancel()
                if line.startswith("{"):
                    yield json.loads(line)
        finally:
            timer.cancel()
            if process.poll() is None:
                end()
    if late.is_set():
        yield {"ended": f"over the limit of {limit:.0f} s"}
    elif process.returncode:
        yield {"ended": f"the process ended with {process.returncode}"}


def raced(name: str, size: dict[str, Any], options: argparse.Namespace, ends: float) -> Iterator[dict[str, Any]]:
    """A record for each variant, one of the network's operations, and two of kernels.

    These are counted last and apart: a profiler may stay in the way of what is timed after it.
    """
    job = {"size": size, "name": name, "how": {}, "best": None, "rounds": options.rounds}
    titles: list[str] = []
    dropped: list[str] = []
    last, tried_again = "", False
    for title in CHANGES:
        if options.device == "cpu" and title in OF_A_GPU:
            yield {"title": title, "said": "left out: no GPU"}
        elif name == "e3dlstm" and title == "compiled cells":
            yield {"title": title, "said": "left out: its cells change with each step they recall"}
        else:
            titles.append(title)
    while titles:
        limit = min(options.limit, ends - time.monotonic())
        if limit < 10:
            yield from ({"title": title, "said": "left out: no time is left"} for title in titles)
            return
        begun = False
        for record in lines({**job, "titles": titles}, limit):
            if "ended" in record:
                yield {"title": titles.pop(0), "said": record["ended"]}
                if not begun:
                    yield from ({"title": title, "said": "left out: its process did not begin"} for title in titles)
                    return
                continue
            begun = True
            if "title" in record:
                titles.remove(record["title"])
                job |= {key: record.pop(key) for key in ("how", "best") if key in record}
                last = record["title"] if record.get("kept") else last
                if record.get("near") and not record["kept"] and record["title"] != "plain torch":
                    dropped.append(record["title"])
            yield record
            if time.monotonic() > ends:
                break
        if not titles and not tried_again and options.device == "cuda":
            tried_again, titles = True, again(dropped, job["how"], last)
    limit = min(options.limit, ends - time.monotonic())
    if options.device == "cuda" and last and limit > 10:
        counted = [("plain torch", CHANGES["plain torch"]), (last, job["how"])]
        yield from (each for each in lines({**job, "titles": [], "counted": counted}, limit) if "counted" in each)


def again(dropped: list[str], how: dict[str, Any], last: str) -> list[str]:
    """What to try once more: what was dropped before the last that was kept, unless that stands in its place."""
    order = list(CHANGES)
    before = order.index(last) if last else 0
    wanted = (title for title in dropped if order.index(title) < before)
    return [title + AGAIN for title in wanted if not any(how.get(key) for key in CHANGES[title])]


def row(title: str, record: dict[str, Any], plain: float | None, operations: float, tflops: float) -> str:
    if "ms" not in record:
        return f"  {title:19} {record['said']}"
    share = operations / (record["ms"] * 1e9 * tflops)
    text = f"  {title:19} {record['ms']:9.1f} ms {share:6.1%} of the rate"
    text += f" {plain / record['ms']:5.2f} x" if plain else " " * 8
    text += f" {record['MB']:7.0f} MB" if "MB" in record else ""
    text += f"  loss {record['loss_apart']:.1e} gradient {record['gradient_apart']:.1e}"
    return text + ("" if record["near"] else " NOT NEAR") + ("  kept" if record["kept"] else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="convlstm,predrnn")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--limit", type=float, default=150, help="seconds for a variant")
    parser.add_argument("--minutes", type=float, default=9.5, help="for all")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        work(json.loads(options.job))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what runs for it, too
    ends = time.monotonic() + 60 * options.minutes
    if options.small:
        options.hidden, options.layers, options.batch, options.rounds = 8, 2, 2, 1
    size = {key: getattr(options, key) for key in ("hidden", "layers", "batch", "device")}
    machine = next(lines({"size": size, "side": 256 if options.small else 8192}, options.limit))
    if "tflops" not in machine:
        print("no GPU here, nothing was measured: --small --device cpu for a look at the rest")
        print(json.dumps({"device": None, **machine}))
        return
    print(f"{machine['device']}, torch {machine['torch']}: bfloat16 matrix product {machine['tflops']:.4g} TFLOP/s")
    networks: dict[str, Any] = {}
    for name in options.models.split(","):
        records: dict[str, Any] = {}
        operations, plain, kept, counted = 0.0, None, [], {}
        for record in raced(name, size, options, ends):
            if "counted" in record:
                counted[record.pop("counted")] = record
                continue
            if "operations" in record:
                operations = record["operations"]
                print(f"{name}: {operations / 1e12:.3g} TFLOP a step of batch {options.batch}", flush=True)
                continue
            title = record.pop("title")
            records[title] = record
            plain = record["ms"] if title == "plain torch" and "ms" in record else plain
            kept += [title] if record.get("kept") else []
            print(row(title, record, plain, operations, machine["tflops"]), flush=True)
        networks[name] = {"operations": operations, "kept": kept, "kernels": counted, "variants": records}
        for title, each in counted.items():
            print(f"  {title:19} {each['kernels']} kernels a step, {each['kernels_ms']:.1f} ms together")
        if kept:
            best = records[kept[-1]]["ms"]
            networks[name] |= {"ms": best, "hours": STEPS * best / 3.6e6}
            print(f"  kept: {', '.join(kept)}; {STEPS:,} steps take {networks[name]['hours']:.2f} h", flush=True)
    print(json.dumps({**machine, **size, "networks": networks}))


if __name__ == "__main__":
    main()
