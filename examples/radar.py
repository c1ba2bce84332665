"""Weather radar, from files to a scored forecast: `python examples/radar.py [PATH...] [--minutes M]`.

Without a path it writes a file of synthetic echoes. What it writes lies in the folder `radar-example`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nowcast
from nowcast.datasets import advected_echoes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or a store of one radar; a synthetic file if none")
    parser.add_argument("--minutes", type=float, default=0.4, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("radar-example")
    out.mkdir(exist_ok=True)
    paths = arguments.paths or [nowcast.write_cube(advected_echoes(frames=80, size=64), out / "radar.nc")]

    # A file opens as a cube: a lazy xarray.DataArray with dims (time, channel, y, x). Its methods lie under `.nowcast`.
    cube = nowcast.open_cube(paths)
    print(cube.nowcast.describe())

    # Train on the first part of its time; the verdict is of the last part, beside baselines.
    place = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    trained = cube.nowcast.fit(run=place, max_minutes=arguments.minutes)
    print(*trained.verdict, sep="\n")

    # Forecast from a time whose future is known, and write it as CF-NetCDF that anybody can open.
    reference = cube["time"].values[-1 - trained.scores.sizes["lead_time"]]
    forecast = trained.forecast(cube, at=reference)
    path = nowcast.write_cube(forecast, out / "forecast.nc")
    assert (forecast["valid_time"] == forecast["forecast_reference_time"] + forecast["lead_time"]).all()

    # Score that one forecast, and let it move beside the truth.
    print(cube.nowcast.score(path))
    picture = cube.nowcast.animate(forecast).save(out / "forecast.gif")
    print(f"the forecast lies in {path}, moving beside the truth in {picture}")
    print(f"next: nowcast forecast {paths[0]} --run {place} -o {out}/newest.nc")


if __name__ == "__main__":
    main()
