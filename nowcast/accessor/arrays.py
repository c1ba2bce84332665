"""What arrays and datasets are given: the verbs of nowcast, as methods."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import xarray as xr

from nowcast.accessor.windows import LabelledWindows
from nowcast.cube import Run, runs
from nowcast.products import is_forecast
from nowcast.readers.labelling.arrays import cube_of
from nowcast.windows import plan

if TYPE_CHECKING:
    import numpy as np

    from nowcast.report import ScoreTable
    from nowcast.report.pictures.motion import Animation
    from nowcast.run import Inspection, TrainedRun

__all__ = ["NowcastAccessor"]

FRAMES = 48
"""Of a cube's moving pictures."""


class NowcastAccessor:
    """What nowcast does with an array, or with the only field of a dataset.

    Its dims may have any names and order that `nowcast.open_cube` would understand in a file, such as `(t, lat, lon)`.
    What comes back bears nowcast's own names, `(time, channel, y, x)`; files that are written bear the array's.
    """

    def __init__(self, source: xr.DataArray | xr.Dataset) -> None:
        self._source = source

    @cached_property
    def cube(self) -> xr.DataArray:
        """The array as a cube, dims `(time, channel, y, x)`.

        Raises
        ------
        InputError
            It is none: what was found, what is needed.
        """
        return cube_of(self._source)

    @property
    def runs(self) -> list[Run]:
        """The stretches of time without a gap, within one sequence."""
        return runs(self.cube)

    def describe(self, *, progress: bool = True) -> Inspection:
        """What the cube is, what to beware of, and what `fit` would do with it; as `nowcast.inspect`."""
        from nowcast.run import inspect

        return inspect(self.cube, progress=progress)

    def windows(
        self,
        context: int,
        horizon: int,
        *,
        patch: int | tuple[int, int] | None = None,
        stride: int = 1,
        patch_stride: int | None = None,
    ) -> LabelledWindows:
        """All windows of `context` and `horizon` frames that follow each other, cut to patches; none crosses a gap.

        Parameters
        ----------
        patch
            Rows and columns of a window; None takes the whole field.
        stride
            Frames between neighbouring starts.
        patch_stride
            Pixels between neighbouring patches; None: half a patch.

        Raises
        ------
        InputError
            The array is no cube, or no window fits.
        """
        chosen = plan(
            self.cube, context=context, horizon=horizon, stride=stride, patch=patch, patch_stride=patch_stride
        )
        return LabelledWindows(self.cube, chosen)

    def fit(
        self,
        *,
        run: str | os.PathLike[str] | None = None,
        model: str | None = None,
        context: int | None = None,
        horizon: int | None = None,
        epochs: int | None = None,
        max_minutes: float | None = None,
        progress: bool = True,
        **settings: Any,
    ) -> TrainedRun:
        """Train a forecaster on the cube and score it, beside baselines, on the last part of its time.

        Parameters
        ----------
        run, model, context, horizon, epochs, max_minutes
            As of `nowcast.fit`: what is not given is chosen from the data, and told.
        settings
            Its other keywords: `hidden`, `patch`, `loss`, `events`, `gaps`, `seed`, ...

        Returns
        -------
        TrainedRun
            The run's folder as a value, shown with its verdict, scores and the course of training.

        Raises
        ------
        InputError
            The array is no cube, too few frames, settings that do not fit.
        """
        from nowcast.run import fit, open_run

        scores = fit(
            self.cube,
            run=run,
            model=model,
            context=context,
            horizon=horizon,
            epochs=epochs,
            max_minutes=max_minutes,
            progress=progress,
            **settings,
        )
        return open_run(scores.attrs["run"])

    def forecast(
        self,
        *,
        run: str | os.PathLike[str] | None = None,
        model: str | None = None,
        at: str | np.datetime64 | Sequence[str | np.datetime64] | None = None,
        every: bool = False,
        horizon: int | None = None,
        progress: bool = True,
    ) -> xr.DataArray | xr.Dataset:
        """Forecast from the newest frames, or from the times `at`; as `nowcast.forecast`.

        Parameters
        ----------
        run
            What `fit` gave, a run's folder, a model file; None: the newest run under `runs/` that fits.
        model
            What forecasts without training, in place of a run: `"advection"`, `"persistence"`.
        """
        from nowcast.run import forecast

        return forecast(self.cube, run=run, model=model, at=at, every=every, horizon=horizon, progress=progress)

    def score(
        self,
        forecast: xr.DataArray | xr.Dataset | str | os.PathLike[str],
        *,
        baselines: Sequence[str] | None = None,
        thresholds: Sequence[float] | None = None,
        scales: Sequence[int] | None = None,
        progress: bool = True,
    ) -> ScoreTable:
        """Score a forecast of this cube, where the cube knows the truth, by lead time, beside baselines.

        Parameters
        ----------
        forecast
            From `forecast`, or the path of one that was written.
        baselines, thresholds, scales
            As of `nowcast.evaluate`; None: its own.
        """
        from nowcast.report import ScoreTable
        from nowcast.run import evaluate
        from nowcast.run.baselines import USUAL

        scores = evaluate(
            forecast,
            self.cube,
            baselines=USUAL if baselines is None else baselines,
            thresholds=thresholds,
            scales=scales,
            progress=progress,
        )
        return ScoreTable(scores)

    def animate(self, forecast: xr.DataArray | xr.Dataset | None = None, *, frames: int = FRAMES) -> Animation:
        """Moving pictures that a notebook shows: of a cube its newest frames, of a forecast its lead times.

        Parameters
        ----------
        forecast
            Of this cube: is shown beside what was observed, and persistence.
        frames
            Of a cube without a forecast, how many at most.
        """
        from nowcast.report.pictures import motion

        if forecast is not None:
            return motion.beside(forecast, self.cube)
        if is_forecast(self._source):
            return motion.of_forecast(self._source)
        return motion.of_cube(self.cube, frames=frames)
