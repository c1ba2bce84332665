"""Clips of video, from files to a report: `python examples/video.py [PATH...] [--minutes M]`.

Without a path it writes clips of digits that move and bounce, and reads them again. What it writes lies in the folder
`video-example`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import nowcast
from nowcast.datasets import open_dataset


def synthetic(folder: Path, clips: int = 10) -> list[Path]:
    """Clips of 20 frames, 25 a second, without loss."""
    digits = open_dataset("moving-mnist", sequences=clips, length=20)
    times = (np.arange(20) * 40_000_000).astype("timedelta64[ns]")
    paths = []
    for number in range(digits.sizes["time"] // 20):
        clip = digits.isel(time=slice(20 * number, 20 * number + 20)).drop_vars(["sequence", "part"])
        clip = clip.assign_coords(time=("time", np.datetime64(0, "ns") + times, clip["time"].attrs))
        paths.append(nowcast.write_cube(clip, folder / f"clip-{number}.mkv"))
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="clips of one size and rate; moving digits if none")
    parser.add_argument("--size", help="rows and columns to resize to, such as 64x64")
    parser.add_argument("--minutes", type=float, default=0.4, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("video-example")
    out.mkdir(exist_ok=True)
    paths = arguments.paths or synthetic(out)

    # Each clip is a sequence: it goes to training, validation or test whole, and no window reaches into another.
    cube = nowcast.open_cube(paths, size=arguments.size)
    print(cube.nowcast.describe())

    place = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    trained = cube.nowcast.fit(run=place, context=5, horizon=5, max_minutes=arguments.minutes)
    print(*trained.verdict, sep="\n")

    # Times of a clip count from its first frame: here the last clip, and its last frame whose future is known.
    last = cube
    if "sequence" in cube.coords:
        last = cube.isel(time=np.flatnonzero(cube["sequence"].values == cube["sequence"].values[-1]))
    forecast = trained.forecast(last, at=last["time"].values[-6])
    print(last.nowcast.score(forecast))
    picture = last.nowcast.animate(forecast).save(out / "forecast.gif")
    print(f"the forecast moves beside the truth in {picture}")
    print(f"next: nowcast report {place}")


if __name__ == "__main__":
    main()
