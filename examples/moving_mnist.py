"""Moving MNIST by its name, with the parts as published: `python examples/moving_mnist.py [FOLDER] [--minutes M]`.

Two digits move and bounce within 64 x 64 pixels; ten frames are given, ten asked for. FOLDER holds the published
`mnist_test_seq.npy`, or MNIST's own files; without it digits of a font move. What is written lies in the folder
`moving-mnist-example`. In so short a time nothing is learnt that could be quoted: `nowcast benchmark` is for that.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from nowcast.datasets import open_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="where its files lie; digits of a font if none")
    parser.add_argument("--sequences", type=int, default=24, help="of all parts together, where none are read")
    parser.add_argument("--model", default="convlstm", help="convlstm, predrnn, predrnn++, e3dlstm, cascade")
    parser.add_argument("--minutes", type=float, default=0.4, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("moving-mnist-example")
    out.mkdir(exist_ok=True)

    # Each sequence lies in one part whole, as published: training, validation or test.
    made = {} if arguments.folder else {"sequences": arguments.sequences}
    cube = open_dataset("moving-mnist", arguments.folder, **made)
    parts, counts = np.unique(cube["part"].values, return_counts=True)
    print(dict(zip(parts.tolist(), counts.tolist(), strict=True)), "frames")

    place = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    trained = cube.nowcast.fit(
        run=place, model=arguments.model, context=10, horizon=10, hidden=[16, 16], max_minutes=arguments.minutes
    )
    # Means over the lead times, as papers quote them: of grey levels from 0 to 255.
    scores = trained.scores[["mse", "mae", "ssim", "psnr"]].mean("lead_time")
    print(scores.to_dataframe()[["mse", "mae", "ssim", "psnr"]].round(3))

    # One sequence of the test, from its tenth frame.
    test = cube.isel(time=np.flatnonzero(cube["part"].values == "test"))
    one = test.isel(time=np.flatnonzero(test["sequence"].values == test["sequence"].values[0]))
    forecast = trained.forecast(one, at=one["time"].values[9])
    picture = one.nowcast.animate(forecast).save(out / "forecast.gif")
    print(f"ten frames ahead beside the truth: {picture}")
    print(f"next: nowcast report {place}")


if __name__ == "__main__":
    main()
