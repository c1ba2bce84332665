"""A run as a value: what a notebook shows of its folder, and what can be done with the model in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import printable
from nowcast.report import ScoreTable
from nowcast.report.known import sentences
from nowcast.report.pages.inline import trained
from nowcast.run import folder
from nowcast.run.folder.known import told_by
from nowcast.run.forecasting import forecast
from nowcast.run.reporting import report
from nowcast.run.source import Source

__all__ = ["TrainedRun", "open_run"]


def open_run(run: str | os.PathLike[str]) -> TrainedRun:
    """The run in a folder that `nowcast.fit` wrote.

    Raises
    ------
    InputError
        There is none, or it is not scored yet though it has a test part.
    """
    return TrainedRun(run)


class TrainedRun:
    """The run in a folder that fit wrote: verdict, scores, the course of training, and the model to forecast by.

    It stands for its folder wherever a path is asked for: `nowcast.forecast(cube, run=trained)`.

    Attributes
    ----------
    folder, model_file
        Where it lies, and its model.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        self.folder = Path(run)
        self.model_file = self.folder / folder.MODEL
        self._title, self._parts, self._known = told_by(self.folder)

    @property
    def scores(self) -> xr.Dataset | None:
        """On the test part of the (first) cube that has one, as `nowcast.fit` gives them; None where none has."""
        return next((part.scores for part in self._parts if part.scores is not None), None)

    @property
    def table(self) -> ScoreTable | None:
        """The scores as they are looked at."""
        return None if self.scores is None else ScoreTable(self.scores)

    @property
    def verdict(self) -> list[str]:
        """Whom the model loses to, whom it beats: a sentence each, the worst news first."""
        return sentences(self.scores)

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """A row for each epoch of training: `epoch`, losses, seconds."""
        return self._known.history

    def forecast(
        self,
        cube: Source,
        *,
        at: str | np.datetime64 | Sequence[str | np.datetime64] | None = None,
        every: bool = False,
        horizon: int | None = None,
        progress: bool = True,
    ) -> xr.DataArray | xr.Dataset:
        """As `nowcast.forecast`, by this run's model."""
        return forecast(cube, run=self.folder, at=at, every=every, horizon=horizon, progress=progress)

    def report(self, out: str | os.PathLike[str] | None = None, *, progress: bool = True) -> Path:
        """As `nowcast report`: one self-contained page; None: `report.html` in the run's folder."""
        return report(self.folder, out, progress=progress)

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        told = self.verdict[0] if self.table is None else str(self.table)
        return f"<run {printable(str(self.folder))}: {len(self.history)} epoch(s)>\n{told}"

    def _repr_html_(self) -> str:
        return trained(
            self._title,
            verdict=self.verdict,
            scores=self.scores,
            history=self.history,
            facts=self._known.facts,
            next_steps=("run.forecast(cube)", "run.report()"),
        )
