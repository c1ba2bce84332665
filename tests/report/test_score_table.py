"""Scores as text and as HTML: the best one marked, the verdict first."""

from __future__ import annotations

import re
from collections.abc import Callable

import xarray as xr

from nowcast.report import ScoreTable

Maker = Callable[..., xr.Dataset]


def test_the_best_is_marked_in_both(made_scores: Maker) -> None:
    table = ScoreTable(made_scores())
    xr.testing.assert_identical(table["mse"], table.scores["mse"])
    text, html = repr(table), table._repr_html_()
    assert text.startswith(table.verdict[0])
    assert "\x1b" not in text
    rows = text.splitlines()[len(table.verdict) :]
    assert max(map(len, rows)) <= 100
    marked = re.findall(r"(\S+)\*", "\n".join(rows))
    assert len(marked) == 4 * 7, "seven scores at four lead times"
    assert sorted(re.findall(r"<td><b>([^<]+)</b></td>", html)) == sorted(marked)
    assert html.count("<tbody") == 4
    assert html.count("<td>") == 4 * 3 * 7


def test_many_lead_times_are_there_on_demand(made_scores: Maker) -> None:
    scores = made_scores()
    longer = xr.concat([scores.assign_coords(lead_time=scores["lead_time"] * k) for k in (1, 10, 100)], "lead_time")
    html = ScoreTable(longer)._repr_html_()
    assert "All 12 lead times" in html
    assert html.count("<tbody") == 6 + 12


def test_one_forecaster_alone_is_the_best_of_none(made_scores: Maker) -> None:
    alone = ScoreTable(made_scores("mse", "mae", "psnr", "ssim", "csi", "fss").isel(forecaster=[0]))
    assert alone.verdict == ["Scores of convlstm."]
    assert "<td><b>" not in alone._repr_html_()
