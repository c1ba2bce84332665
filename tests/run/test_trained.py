"""A run's folder as a value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import xarray as xr

from nowcast import run
from nowcast.errors import InputError
from nowcast.report.known import UNSCORED


def test_it_shows_what_the_folder_tells(trained: xr.Dataset) -> None:
    opened = run.open_run(trained.attrs["run"])
    assert opened.scores is not None
    xr.testing.assert_identical(opened.scores.drop_attrs(), trained.drop_attrs())
    assert [row["epoch"] for row in opened.history] == [1]
    text, html = repr(opened), opened._repr_html_()
    assert "1 epoch(s)" in text
    for sentence in opened.verdict:
        assert sentence in text
    for told in ("Loss on scaled values", "What was trained on what", "cascade", "persistence", "run.forecast(cube)"):
        assert told in html


def test_it_stands_for_its_folder_and_forecasts(trained: xr.Dataset, showers: xr.DataArray) -> None:
    opened = run.open_run(trained.attrs["run"])
    assert os.fspath(opened) == trained.attrs["run"]
    assert opened.model_file == Path(trained.attrs["model_file"])
    wanted = run.forecast(showers, run=trained.attrs["run"], progress=False)
    xr.testing.assert_identical(run.forecast(showers, run=opened, progress=False), wanted)
    xr.testing.assert_identical(opened.forecast(showers, progress=False), wanted)


def test_it_makes_its_report(trained: xr.Dataset, tmp_path: Path) -> None:
    page = run.open_run(trained.attrs["run"]).report(tmp_path / "report.html", progress=False)
    assert "<html" in page.read_text()


def test_a_run_without_a_test_part_says_so(showers: xr.DataArray, tmp_path: Path) -> None:
    options = {"epochs": 1, "context": 3, "horizon": 2, "hidden": [4], "fractions": (1, 0, 0), "progress": False}
    scores = run.fit(showers, run=tmp_path / "run", model="convlstm", **options)
    opened = run.open_run(scores.attrs["run"])
    assert opened.scores is None
    assert opened.table is None
    assert opened.verdict == [UNSCORED]
    assert UNSCORED in repr(opened)
    assert UNSCORED in opened._repr_html_()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run"):
        run.open_run(tmp_path / "absent")
