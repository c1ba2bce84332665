"""Scores as they are looked at: in a terminal as a table of text, in a notebook as one of HTML."""

from __future__ import annotations

import xarray as xr

from nowcast.report.known import sentences
from nowcast.report.pages.inline import scored
from nowcast.report.tables import as_text, score_table

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
        return "\n".join([*self.verdict, "", as_text(score_table(self.scores))]).strip("\n")

    def _repr_html_(self) -> str:
        return scored(self.scores, self.verdict)
