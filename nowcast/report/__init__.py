"""What people look at: tables for the terminal, pictures of forecasts beside the truth, and the page of a run."""

from __future__ import annotations

from nowcast.report.pages.inline import described
from nowcast.report.pictures.still import frames_seen, picture
from nowcast.report.score_table import ScoreTable
from nowcast.report.tables import as_text, description_table, plain_table, score_table
from nowcast.report.verdicts import losses, verdict

__all__ = [
    "ScoreTable",
    "as_text",
    "described",
    "description_table",
    "frames_seen",
    "losses",
    "picture",
    "plain_table",
    "score_table",
    "verdict",
]
