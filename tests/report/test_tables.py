"""Tables: every forecaster is told, the best marked, in eighty columns."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

from nowcast import report
from nowcast.description import describe
from nowcast.verification import persistence, score

Maker = Callable[..., xr.DataArray]


def printed(table: object, width: int = 200) -> str:
    out = StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def rows_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if "model" in line or "persistence" in line]


def two_forecasters(values: list[list[float]], step: str = "300s") -> xr.Dataset:
    """The same numbers for each of the scores."""
    table = xr.DataArray(values, dims=("forecaster", "lead_time"))
    steps = np.arange(1, table.sizes["lead_time"] + 1) * np.timedelta64(pd.Timedelta(step).value, "ns")
    names = ["model", "persistence"][: len(values)]
    scores = dict.fromkeys(("mse", "mae", "psnr", "ssim"), table)
    return xr.Dataset(scores, {"forecaster": names, "lead_time": steps}, {"variable": "rain", "units": "mm h-1"})


def test_the_score_table_tells_both_forecasters_lead_by_lead(blob: Maker, forecast_of: Maker) -> None:
    cube = blob()
    predicted = forecast_of(cube, share=0.9)
    scores = score(
        {"model": predicted, "persistence": persistence(cube, predicted)},
        cube,
        thresholds=[1.0, 10.0],
        scales=[1, 3, 5],
    )
    text = printed(report.score_table(scores))
    assert "(mm h-1)" in text
    rows = rows_of(text)
    assert [row[:3] for row in rows[::2]] == [[minutes, "min", "model"] for minutes in ("5", "10", "15")]
    for lead, (ours, theirs) in enumerate(zip(rows[::2], rows[1::2], strict=True)):
        for row, name in ((ours[3:], "model"), (theirs[1:], "persistence")):
            assert row[0].rstrip("*") == f"{float(scores['mse'].sel(forecaster=name)[lead]):.3g}"
    heads = text.splitlines()[2:4]
    assert heads[0].split() == ["CSI", "CSI", "FSS", "5"]
    assert heads[1].split() == ["lead", "forecaster", "MSE", "MAE", "PSNR", "SSIM", "≥", "1", "≥", "10", "≥", "1"]


def test_the_best_has_a_star_whether_high_or_low_is_good() -> None:
    scores = two_forecasters([[1.0], [2.0]])
    rows = rows_of(printed(report.score_table(scores)))
    assert rows == [
        ["5", "min", "model", "1*", "1*", "1.0", "1.000"],
        ["persistence", "2", "2", "2.0*", "2.000*"],
    ]
    bold = [cell for column in report.score_table(scores).columns for cell in column.cells if "[bold]" in str(cell)]
    assert bold == ["[bold]1*[/bold]", "[bold]1*[/bold]", "[bold]2.0*[/bold]", "[bold]2.000*[/bold]"]
    alike = rows_of(printed(report.score_table(two_forecasters([[1.0], [1.0]]))))
    assert "*" not in "".join(cell for row in alike for cell in row), "where all are alike none is the best"


def test_what_is_a_share_has_no_units(blob: Maker, forecast_of: Maker) -> None:
    cube = blob().assign_attrs(units="1")
    table = report.score_table(score({"model": forecast_of(cube)}, cube, thresholds=[1.0], scales=[1]))
    assert table.title == "rain_rate"
    assert str(table.caption).endswith("at thresholds in the units of the field")


def test_scores_that_do_not_exist_are_a_dash() -> None:
    text = printed(report.score_table(two_forecasters([[np.nan], [0.123456]], "1.5s")))
    assert rows_of(text) == [
        ["1.5", "s", "model", "–", "–", "–", "–"],
        ["persistence", "0.123", "0.123", "0.1", "0.123"],
    ]
    assert "CSI" not in text, "no threshold, nothing said of any"


def test_a_score_that_is_zero_but_for_rounding_is_zero() -> None:
    rows = rows_of(printed(report.score_table(two_forecasters([[-2.2e-16], [2e-9]]))))
    assert [row[-1] for row in rows] == ["0.000", "0.000*"]
    assert rows[1][1] == "2e-09", "a squared error may well be as small as this"


def test_eighty_columns_hold_four_forecasters_and_many_lead_times() -> None:
    names = ["multiscale", "persistence", "advection", "climatology"]
    values = xr.DataArray(np.full((4, 24), 1.234e-9), dims=("forecaster", "lead_time"))
    per_level = values.expand_dims(threshold=[0.0001, 0.0005, 0.0125]).transpose("forecaster", "lead_time", "threshold")
    scores = xr.Dataset(
        {
            **dict.fromkeys(("mse", "mae", "psnr", "ssim"), values),
            "csi": per_level,
            "fss": per_level.expand_dims(scale=[1, 5, 11]),
        },
        {"forecaster": names, "lead_time": np.arange(1, 25) * np.timedelta64(300_000_000_000, "ns")},
        {"units": "kg m-2 s-1"},
    )
    text = printed(report.score_table(scores), width=80)
    assert "…" not in text
    told = [line for line in text.splitlines() if any(name in line for name in names)]
    assert len(told) == 6 * 4, "one line each"
    assert [" ".join(line.split()[:2]) for line in told[::4]] == [f"{m} min" for m in (5, 30, 50, 75, 95, 120)]
    assert "6 of 24 lead times" in text


def test_what_stands_in_a_plain_table_is_text() -> None:
    rows = [{"trial": 1, "loss": 0.25, "model": "[red]a[/red]\x1b[31m"}, {"trial": 2, "ended": None}]
    text = printed(report.plain_table(rows, title="trials"))
    assert "[red]a[/red]\\x1b[31m" in text
    assert "\x1b" not in text
    assert "0.25" in text


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


def test_its_text_makes_no_output_of_its_own_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    class ZMQInteractiveShell:
        """By its name rich knows a notebook."""

    import IPython.display

    shown: list[object] = []
    monkeypatch.setattr("builtins.get_ipython", ZMQInteractiveShell, raising=False)
    monkeypatch.setattr(IPython.display, "display", lambda *told, **_: shown.append(told))
    table = report.plain_table([{"a": 1}], title="told")
    assert "a" in report.as_text(table)
    assert not shown
    printed(table)
    assert shown, "so would it be without care"
