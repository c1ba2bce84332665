"""Every number stands in a table, the better one bold."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import xarray as xr

from nowcast.report.pages.numbers import MOST_TABLES, number_tables, score_sources

Maker = Callable[..., xr.Dataset]


def test_the_better_one_is_bold_whether_low_or_high_is_good(made_scores: Maker) -> None:
    scores = made_scores("mse", "ssim", forecasters=("a", "b"))
    values = np.array([[1.0, 1, 1, np.nan], [2, 2, 2, np.nan]])
    scores = scores.assign(mse=scores["mse"].copy(data=values), ssim=scores["ssim"].copy(data=values))
    errors, similarity = re.findall("<table>.*?</table>", number_tables(scores))
    assert errors.count("<td><b>1</b></td><td>2</td>") == 3
    assert similarity.count("<td>1</td><td><b>2</b></td>") == 3
    assert errors.count("–") == 2


def test_thresholds_and_scales_have_tables_of_their_own(made_scores: Maker) -> None:
    text = number_tables(made_scores("csi", "fss"))
    assert text.count("<table>") == 3 + 3 * 2
    assert "fss, ≥ 5 mm h-1, 5 px" in text
    assert "csi, ≥ 0.1 mm h-1" in text


def test_tables_have_an_end(made_scores: Maker) -> None:
    scores = made_scores("csi")
    many = xr.concat([scores["csi"]] * 40, "threshold").assign_coords(threshold=np.arange(120.0))
    text = number_tables(many.to_dataset())
    assert text.count("<table>") == MOST_TABLES
    assert "40 more" in text


def test_other_variables_are_no_tables_and_sources_are_told(made_scores: Maker) -> None:
    scores = made_scores()
    assert "wavenumber" not in number_tables(scores)
    assert "<b>mse</b>: mse (doi:10.1/x)" in score_sources(scores)
    assert score_sources(scores.drop_attrs()) == ""
