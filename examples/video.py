"""Clips of video, from files to a report: `python examples/video.py [PATH...] [--minutes M]`.

Without a path it takes moving digits, whose clips are parted as published. What it writes lies in the folder
`video-example`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import nowcast
from nowcast import run
from nowcast.datasets import open_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="clips of one size; moving digits if none")
    parser.add_argument("--size", help="rows and columns to resize to, such as 64x64")
    parser.add_argument("--minutes", type=float, default=0.5, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("video-example")
    out.mkdir(exist_ok=True)

    # Each clip is a sequence: it goes to training, validation or test whole, and no window reaches into another.
    if arguments.paths:
        cube = nowcast.open_cube(arguments.paths, size=arguments.size)
    else:
        cube = open_dataset("moving-mnist", sequences=24)
    print(cube)

    place = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    scores = nowcast.fit(cube, run=place, context=5, horizon=5, max_minutes=arguments.minutes)

    # Times of a clip count from its first frame: here the last clip, and its last frame whose future is known.
    last = cube
    if "sequence" in cube.coords:
        last = cube.isel(time=np.flatnonzero(cube["sequence"].values == cube["sequence"].values[-1]))
    reference = last["time"].values[-1 - scores.sizes["lead_time"]]
    forecast = nowcast.forecast(last, run=place, at=reference)
    nowcast.write_cube(forecast, out / "forecast.gif")

    own = nowcast.evaluate(forecast, last)
    for baseline in ("persistence", "advection"):
        for which, table in (("the test part", scores), ("this forecast", own)):
            better = table["mse"].sel(forecaster="cascade") < table["mse"].sel(forecaster=baseline)
            print(f"{which}: smaller error than {baseline} at {int(better.sum())} of {better.size} lead times")
    print(f"the report lies in {run.report(place, out / 'report.html')}")


if __name__ == "__main__":
    main()
