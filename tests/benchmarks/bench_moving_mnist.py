"""Skill on Moving MNIST of the three networks, each trained for the same time from the same seed, 10 -> 10 frames.

    python tests/benchmarks/bench_moving_mnist.py [--minutes 10] [--hidden 32,32] [--batch 8] [--sequences 1200]
                                                  [--digits FOLDER] [--threads 2] [--out moving_mnist.png]

The settings are those of `configs/moving_mnist_*.yaml`, with fewer and narrower layers. Digits that are seen in
training may be seen in the test, on other ways: the folder that is at hand holds MNIST's 10,000 test digits alone, so
figures stand beside each other here, not beside published ones. Told of the test part: squared and absolute error
summed over a frame's pixels between 0 and 1, as they are published, SSIM and PSNR, means over the horizon. The figure
shows the validation error by minutes of training and the test error by lead time. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import matplotlib as mpl
import torch
import xarray as xr

import nowcast
from nowcast import config
from nowcast.datasets.moving_mnist import moving_mnist

ROOT = Path(__file__).parents[2]
DIGITS = ROOT.parent / "shared" / "data" / "mnist"
MODELS = ("convlstm", "predrnn", "e3dlstm")
PIXELS, WHITE = 64 * 64, 255.0


def frame_sums(scores: xr.Dataset) -> xr.Dataset:
    """Errors of a frame of pixels between 0 and 1."""
    return scores.assign(mse=scores["mse"] * PIXELS / WHITE**2, mae=scores["mae"] * PIXELS / WHITE)


def draw(curves: dict[str, list[dict[str, float]]], scores: dict[str, xr.Dataset], path: Path, *, title: str) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (learning, leads) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, curve in curves.items():
        minutes, errors = (
            [line[key] * unit for line in curve] for key, unit in (("seconds", 1 / 60), ("validation", PIXELS))
        )
        learning.plot(minutes, errors, marker=".", label=name)
        mse = scores[name]["mse"].sel(forecaster=name)
        leads.plot(range(1, mse.size + 1), mse, marker=".", label=name)
    held = scores[name]["mse"].sel(forecaster="persistence")
    leads.plot(range(1, held.size + 1), held, color="black", linestyle=":", label="persistence")
    learning.set(xlabel="minutes of training", ylabel="validation MSE of a frame")
    leads.set(xlabel="lead time (frames)", ylabel="test MSE of a frame")
    for axis in (learning, leads):
        axis.grid(alpha=0.3)
        axis.legend(loc="best", framealpha=1)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--hidden", default="32,32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--sequences", type=int, default=1200)
    parser.add_argument("--digits", type=Path, default=DIGITS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("moving_mnist.png"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cube = moving_mnist(given.digits, sequences=given.sequences, seed=given.seed)
    curves: dict[str, list[dict[str, float]]] = {}
    scores: dict[str, xr.Dataset] = {}
    figures: dict[str, object] = {name: str(value) for name, value in vars(given).items()}
    with tempfile.TemporaryDirectory() as runs:
        for name in given.models.split(","):
            place = Path(runs) / name
            published = config.resolve(ROOT / "configs" / f"moving_mnist_{name}.yaml")
            scored = published.scores.model_copy(update={"most_references": given.sequences})
            settings = Path(runs) / f"{name}.yaml"
            settings.write_text(config.dump(published.model_copy(update={"scores": scored})))
            found = nowcast.fit(
                cube,
                run=place,
                config_file=settings,
                hidden=[int(width) for width in given.hidden.split(",")],
                batch=given.batch,
                max_minutes=given.minutes,
                seed=given.seed,
            )
            scores[name] = frame_sums(found)
            curves[name] = [json.loads(line) for line in (place / "history.jsonl").read_text().splitlines()]
    print(f"{'':<14}{'steps':>8}{'minutes':>9}{'MSE':>9}{'MAE':>9}{'SSIM':>8}{'PSNR':>8}")
    for name, score in scores.items():
        last = curves[name][-1]
        for forecaster in [name] if name != given.models.split(",")[-1] else [name, "persistence"]:
            means = score.sel(forecaster=forecaster)[["mse", "mae", "ssim", "psnr"]].mean("lead_time")
            values = {key: round(float(means[key]), 4) for key in means}
            spent = (last["step"], last["seconds"] / 60) if forecaster == name else (0, 0.0)
            print(
                f"{forecaster:<14}{spent[0]:>8}{spent[1]:>9.1f}"
                + "{mse:>9.2f}{mae:>9.2f}{ssim:>8.4f}{psnr:>8.2f}".format(**values)
            )
            figures[forecaster] = values | {"steps": spent[0], "minutes": round(spent[1], 2)}
    draw(
        curves,
        scores,
        given.out,
        title=f"Moving MNIST, {given.minutes:g} min of training each, {given.threads} core(s)",
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
