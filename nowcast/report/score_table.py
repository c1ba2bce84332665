"""Scores as they are looked at: in a terminal as a table of text, in a notebook as one of HTML."""

from __future__ import annotations

import io

import xarray as xr

from nowcast.report.known import sentences
from nowcast.report.pages.inline import scored
from nowcast.report.tables import score_table

__all__ = ["ScoreTable"]


class ScoreTable:
    """Scores by forecaster and lead time, the best of each score marked, the verdict first.

    Parameters
    ----------
    scores
        From `nowcast.evaluate` or `nowcast.fit`; kept as `scores`, and one of them is `table["csi"]`.
    """

    def __init__(self, scores: xr.Dataset) -> None:
        self.scores = scores

    @property
    def verdict(self) -> list[str]:
        """Whom the model loses to, whom it beats: a sentence each, the worst news first."""
        return sentences(self.scores)

    def __getitem__(self, name: str) -> xr.DataArray:
        return self.scores[name]

    def __repr__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=100, color_system=None, legacy_windows=False)
        with console.capture() as told:
            console.print(score_table(self.scores))
        return "\n".join([*self.verdict, "", *(line.rstrip() for line in told.get().splitlines())]).strip("\n")

    def _repr_html_(self) -> str:
        return scored(self.scores, self.verdict)
