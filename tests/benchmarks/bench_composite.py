"""A probabilistic forecast of a national composite beside pysteps' deterministic one: CPU time, interleaved.

    PYTHONPATH=. python tests/benchmarks/bench_composite.py --run RUN/model.safetensors --peers SITE-PACKAGES

The Finnish composite of shared/data, 1226 x 760, 4 frames in, 12 lead times out, one core. Ours is all that `nowcast
forecast` works out: scaling, motion, the network, mean, matched field and chances, in the field's units. pysteps' is
dense Lucas-Kanade and extrapolation, as `nowcast forecast --model pysteps` runs it. A trained model is wanted, for the
matched field takes the longer the less is known; without `--run` it is one that was not trained. `--peers` names the
site-packages of an environment that has pysteps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from bench_unseen_events import EVENTS, HORIZON

from nowcast import model_file, products
from nowcast.models import build
from nowcast.run.baselines import baseline
from nowcast.run.forecasting import predict
from nowcast.scaling import Scaler

FRAMES = (3, 15, 27)
"""Of the newest frame, in the event: they take turns."""

UNTRAINED = {"thresholds": [0.16, 0.24, 0.36, 0.46, 0.57, 0.66, 0.72, 0.83], "spreads": [0.3] * 9, "bend": 6.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run")
    parser.add_argument("--peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peers:
        sys.path.append(asked.peers)
    cube = EVENTS["fmi"]()
    if asked.run:
        forecaster, card = model_file.load(asked.run)
        scaler, gaps = Scaler.from_dict(card.scaler), card.gaps
    else:
        gaps = {"policy": "skip", "most": 0}
        scaler = Scaler("log", 0.0, 6.0, floor=0.24, lowest=0.0, units="mm h-1")
        forecaster = build("cascade", {"masked": True, "frame": "lagrangian", "exceedance": UNTRAINED})

    def ours(index: int) -> Any:
        told = {
            "title": "cascade",
            "context": 4,
            "horizon": HORIZON,
            "references": [index],
            "name": "cascade",
            "gaps": gaps,
        }
        return predict(forecaster, scaler, cube, **told)

    sides: dict[str, Callable[[int], Any]] = {"cascade, probabilistic": ours}
    pattern = {index: products.mean(ours(index)) for index in FRAMES}
    for name in ("advection", *(["pysteps"] if asked.peers else [])):
        sides[name] = lambda index, name=name: baseline(name, cube, pattern[index])
    took: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(asked.rounds + 1):
        for name, forecast in sides.items():
            start = time.process_time()
            forecast(FRAMES[number % len(FRAMES)]).compute()
            if number:
                took[name].append(time.process_time() - start)
    figures = {name: statistics.median(each) for name, each in took.items()}
    for name, seconds in figures.items():
        print(f"{name:<24}{seconds:8.2f} CPU s, {min(took[name]):.2f} to {max(took[name]):.2f}")
    if asked.peers:
        ratios = [a / b for a, b in zip(took["cascade, probabilistic"], took["pysteps"], strict=True)]
        figures["ratio"] = statistics.median(ratios)
        print(f"{'cascade over pysteps':<24}{figures['ratio']:8.2f}")
    print(json.dumps({"benchmark": "composite", "shape": list(cube.shape[-2:]), **figures}))


if __name__ == "__main__":
    main()
