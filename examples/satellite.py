"""Satellite images with lost blocks, from a file to a report: `python examples/satellite.py [PATH...] [--minutes M]`.

Without a path it writes a synthetic file that is as careless as real ones: 0 stands for what was lost, no units are
stated. What it writes lies in the folder `satellite-example`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import nowcast
from nowcast.datasets import advected_echoes


def synthetic(path: Path) -> Path:
    """Cloud tops over a warm ground, 1 to 1023 counts, with a block of zeros in every ninth frame."""
    echoes = advected_echoes(frames=60, size=64)
    counts = 150 + 220 * np.log1p(echoes)
    counts[4::9, :, :20, 16:48] = 0
    counts.attrs = {"units": "1", "long_name": "cloud tops", "grid_mapping": "crs"}
    return nowcast.write_cube(counts.rename("counts"), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or a store of one satellite; a synthetic file if none")
    parser.add_argument("--missing-value", type=float, default=0.0, help="the code of what was lost")
    parser.add_argument("--minutes", type=float, default=0.4, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("satellite-example")
    out.mkdir(exist_ok=True)
    paths = arguments.paths or [synthetic(out / "satellite.nc")]

    # As it comes, the file is described with a warning; told which value means "lost", the cube is NaN there: not
    # learnt, not scored, and shown to the model as missing.
    print(*nowcast.open_cube(paths).nowcast.describe().description.warnings, sep="\n")
    cube = nowcast.open_cube(paths, missing_value=arguments.missing_value)
    print(f"missing: {float(cube.isnull().mean()):.1%}")

    # Two frames at least tell a motion: advection needs them as much as the model does.
    place = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    trained = cube.nowcast.fit(run=place, context=3, horizon=2, max_minutes=arguments.minutes)
    print(trained)

    # Chances come with the forecast: of what share of the sky is it likelier than not that clouds are this high?
    forecast = trained.forecast(cube, at=cube["time"].values[-3])
    path = nowcast.write_cube(forecast, out / "forecast.nc")
    chances = forecast[f"probability_of_{cube.name}_above_threshold"]
    print((chances > 0.5).mean(("y", "x")).squeeze().to_pandas().round(3))

    picture = cube.nowcast.animate(forecast).save(out / "forecast.gif")
    print(f"the forecast lies in {path}, moving beside the truth in {picture}")
    print(f"next: nowcast report {place}")


if __name__ == "__main__":
    main()
