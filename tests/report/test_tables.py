"""Tables: every forecaster is told, the better one bold, and the verdict is plain."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import numpy as np
import xarray as xr
from rich.console import Console

from nowcast import report
from nowcast.description import describe
from nowcast.verification import persistence, score

Maker = Callable[..., xr.DataArray]


def printed(table: object) -> str:
    out = StringIO()
    Console(file=out, width=200).print(table)
    return out.getvalue()


def test_the_score_table_tells_both_forecasters_lead_by_lead(blob: Maker, forecast_of: Maker) -> None:
    cube = blob()
    predicted = forecast_of(cube, share=0.9)
    scores = score(
        {"oracle": predicted, "persistence": persistence(cube, predicted)},
        cube,
        thresholds=[1.0, 10.0],
        scales=[1, 3, 5],
    )
    text = printed(report.score_table(scores))
    assert "oracle | persistence" in text
    assert "mm h-1" in text
    for lead, minutes in enumerate(("5 min", "10 min", "15 min")):
        line = next(line for line in text.splitlines() if line.strip("│┃ ").startswith(minutes))
        for name in ("oracle", "persistence"):
            assert f"{float(scores['mse'].sel(forecaster=name)[lead]):.3g}" in line
    for title in ("MSE", "MAE", "PSNR", "SSIM", "CSI ≥ 1", "CSI ≥ 10", "FSS ≥ 1, 5 px"):
        assert title in text


def test_the_better_one_is_bold_whether_high_or_low_is_good() -> None:
    minutes = np.array([60], "timedelta64[s]").astype("timedelta64[ns]")
    values = xr.DataArray([[1.0], [2.0]], dims=("forecaster", "lead_time"))
    scores = xr.Dataset(
        dict.fromkeys(("mse", "mae", "psnr", "ssim"), values),
        coords={"forecaster": ["model", "persistence"], "lead_time": minutes},
    )
    columns = {str(column.header): next(iter(column.cells)) for column in report.score_table(scores).columns}
    assert columns["lead"] == "1 min"
    for low in ("MSE", "MAE"):
        assert columns[low] == "[bold]1[/bold] | 2"
    for high in ("PSNR", "SSIM"):
        assert columns[high] == "1 | [bold]2[/bold]"


def test_scores_that_do_not_exist_are_a_dash() -> None:
    nothing = xr.DataArray([[np.nan], [0.123456]], dims=("forecaster", "lead_time"))
    scores = xr.Dataset(
        dict.fromkeys(("mse", "mae", "psnr", "ssim"), nothing),
        coords={"forecaster": ["a", "b"], "lead_time": np.array([1500], "timedelta64[ms]").astype("timedelta64[ns]")},
    )
    text = printed(report.score_table(scores))
    assert "– | 0.123" in text
    assert "1.5 s" in text


def test_the_description_is_told_with_what_fit_would_do(cube: xr.DataArray) -> None:
    plan = {
        "context": 4,
        "horizon": 6,
        "scaling": "log [0, 1]",
        "frames": {"training": 40, "validation": 10, "test": 11},
        "embargo_frames": 10,
    }
    text = printed(report.description_table(describe(cube.drop_isel(time=4)), plan))
    for words in (
        "rain_rate", "mm h-1", "11 time, 1 channel, 8 y, 10 x", "300 s",
        "1; the first after 2026-05-01T00:15:00, 600 s",
        "transverse_mercator", "1000 x 1000 m", "take 4 frames in and 6 out", "40 training, 10 validation, 11 test",
        "log [0, 1]",
    ):  # fmt: skip
        assert words in text
    assert "too few frames [to learn]" in printed(
        report.description_table(describe(cube), {"refused": "too few frames [to learn]"})
    )


def test_a_poor_cube_is_described_too(cube: xr.DataArray) -> None:
    empty = cube.isel(time=[0]).copy(data=np.full((1, 1, 8, 10), np.nan, "float32")).drop_vars("x").drop_attrs()
    text = printed(report.description_table(describe(empty), {"refused": "too few frames"}))
    assert "none stated" in text
    assert "unknown" in text
    assert "hold no value at all" in text
