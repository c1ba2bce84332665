"""A stack under the microscope, from a bare TIFF to a report: `python examples/microscopy.py [PATH] [--minutes M]`.

Without a path it writes a synthetic stack that, as many do, says neither what its axes are nor how long a frame is.
What it writes lies in the folder `microscopy-example`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile

import nowcast
from nowcast.datasets import advected_echoes


def synthetic(path: Path) -> Path:
    """Bright spots that appear, creep and fade on a dark ground with noise: 16 bit, no metadata."""
    spots = advected_echoes(frames=60, size=64, motion=(0.6, -0.3), growth=0.5).values[:, 0]
    noise = np.random.default_rng(0).normal(0, 40, spots.shape)
    tifffile.imwrite(path, np.clip(400 + 900 * spots + noise, 0, 65535).astype("uint16"))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", help="a stack; a synthetic one if none")
    parser.add_argument("--axes", default="TYX", help="a letter for each axis, if the file does not say")
    parser.add_argument("--time-step", default="5min", help="between frames, if the file does not say")
    parser.add_argument("--pixel-size", default="0.5um", help="of a side, if the file does not say")
    parser.add_argument("--minutes", type=float, default=0.4, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("microscopy-example")
    out.mkdir(exist_ok=True)
    path = arguments.path or synthetic(out / "stack.tif")

    # What the file says of itself wins; what it does not say is asked for, and never guessed.
    told = {"axes": arguments.axes, "time_step": arguments.time_step, "pixel_size": arguments.pixel_size}
    cube = nowcast.open_cube(path, **told)
    print(cube.nowcast.describe())

    # Training windows are drawn by sudden compact brightening, so that the rare ones are met.
    place = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    trained = cube.nowcast.fit(run=place, context=4, horizon=4, events="divisions", max_minutes=arguments.minutes)
    print(*trained.verdict, sep="\n")

    # The matched field as a stack that Fiji opens; the chances go where all products fit, into NetCDF.
    forecast = trained.forecast(cube, at=cube["time"].values[-5])
    nowcast.write_cube(forecast, out / "forecast.ome.tif")
    nowcast.write_cube(forecast, out / "forecast.nc")

    print(cube.nowcast.score(forecast))
    picture = cube.nowcast.animate(forecast).save(out / "forecast.gif")
    print(f"the forecast lies in {out}/forecast.ome.tif, moving beside the truth in {picture}")
    print(f"next: nowcast report {place}")


if __name__ == "__main__":
    main()
