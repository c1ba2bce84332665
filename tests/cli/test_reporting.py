"""`nowcast report`, typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.writers import write_dataset


def scores(path: Path) -> Path:
    values = xr.DataArray([[1.0, 2.0], [2.0, 3.0]], dims=("forecaster", "lead_time"))
    minutes = np.array([5, 10], "timedelta64[m]").astype("timedelta64[ns]")
    table = xr.Dataset({"mse": values}, {"forecaster": ["model", "persistence"], "lead_time": minutes})
    write_dataset(table, path)
    return path


def test_the_page_is_named_and_written(typed: Callable[..., Any], tmp_path: Path) -> None:
    ended = typed("report", scores(tmp_path / "scores.nc"))
    assert (ended.code, ended.out) == (0, f"{tmp_path / 'scores.html'}\n")
    assert "report" in ended.err
    page = tmp_path / "mine.html"
    ended = typed("report", tmp_path / "scores.nc", "-o", page, "-q")
    assert (ended.code, ended.out, ended.err) == (0, f"{page}\n", "")
    assert "model is ahead of persistence" in page.read_text("utf-8")


def test_nothing_there_is_told(typed: Callable[..., Any], tmp_path: Path) -> None:
    ended = typed("report", tmp_path / "none")
    assert ended.code == 2
    assert "no such run" in ended.err
