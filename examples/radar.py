"""Weather radar, from a cube to a scored forecast, in Python: `python examples/radar.py [PATH...] [--minutes M]`.

Without a path it takes a synthetic cube. What it writes lies in the folder `radar-example`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import nowcast
from nowcast.datasets import advected_echoes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or a store of one radar; synthetic echoes if none")
    parser.add_argument("--minutes", type=float, default=2.0, help="the longest that training may take")
    arguments = parser.parse_args()
    out = Path("radar-example")
    out.mkdir(exist_ok=True)

    # A file opens as a cube: a lazy xarray.DataArray with dims (time, channel, y, x).
    cube = nowcast.open_cube(arguments.paths) if arguments.paths else advected_echoes(frames=120, size=96)
    print(cube)

    # Train on the first part of its time; the scores are those of the last part, beside baselines.
    run = out / f"run-{len(list(out.glob('run-*'))) + 1}"
    scores = nowcast.fit(cube, run=run, max_minutes=arguments.minutes)
    print(scores["mse"].to_pandas().round(4))

    # Forecast from a time whose future is known, write it, and open it as anybody would.
    reference = cube["time"].values[-1 - scores.sizes["lead_time"]]
    forecast = nowcast.forecast(cube, run=run, at=reference)
    path = nowcast.write_cube(forecast, out / "forecast.nc")
    assert (forecast["valid_time"] == forecast["forecast_reference_time"] + forecast["lead_time"]).all()

    # Score that one forecast, and draw it below the truth and over the baselines.
    own = nowcast.evaluate(path, cube, picture=out / "forecast.png")
    for baseline in ("persistence", "advection"):
        better = own["mse"].sel(forecaster="cascade") < own["mse"].sel(forecaster=baseline)
        print(f"smaller error than {baseline} at {int(better.sum())} of {better.size} lead times")
    print(
        f"the forecast from {np.datetime_as_string(reference, 'm')} lies in {path}, its picture in {out}/forecast.png"
    )


if __name__ == "__main__":
    main()
