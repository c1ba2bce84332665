"""The whole path on a cube whose motion is known, with no download."""

from __future__ import annotations

import json
import os
from pathlib import Path

import xarray as xr

from nowcast.datasets import advected_echoes
from nowcast.progress import tell
from nowcast.run.conversion import convert
from nowcast.run.evaluation import evaluate
from nowcast.run.fitting import fit
from nowcast.run.folder import SPLIT
from nowcast.run.forecasting import forecast
from nowcast.run.source import cube_from
from nowcast.writers import write_cube, write_dataset

__all__ = ["demo"]


def demo(folder: str | os.PathLike[str], *, max_minutes: float = 3.0, seed: int = 0) -> xr.Dataset:
    """Make a synthetic radar cube, train on it, forecast, and score the forecasts of its last part.

    Parameters
    ----------
    folder
        `radar.zarr`, `run-N/`, `forecast.nc`, `scores.nc` and `forecast.png` are written there.

    Returns
    -------
    xarray.Dataset
        The scores; the attribute `picture` tells where the picture lies.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tell("demo     showers that move and live as told to: 160 frames of 96 x 96 km, every 5 min, synthetic")
    path = convert(advected_echoes(frames=160, size=96, seed=seed), folder / "radar.zarr")
    number = 1 + len(list(folder.glob("run-*")))
    trained = fit([path], run=folder / f"run-{number}", context=5, horizon=8, max_minutes=max_minutes, seed=seed)
    cube = cube_from(path)
    parts = json.loads((Path(trained.attrs["run"]) / SPLIT).read_text())["parts"]
    predicted = forecast(cube.sel(time=slice(parts["test"]["first"], None)), run=trained.attrs["run"], every=True)
    write_cube(predicted, folder / "forecast.nc")
    picture = folder / "forecast.png"
    scores = evaluate(folder / "forecast.nc", cube, picture=picture)
    write_dataset(scores, folder / "scores.nc")
    return scores.assign_attrs(run=trained.attrs["run"], picture=str(picture))
