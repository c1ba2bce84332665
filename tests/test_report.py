"""Tables and pictures: both forecasters are told, and north is up whichever way y runs."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread
from rich.console import Console

from nowcast import report
from nowcast.description import describe
from nowcast.verification import persistence, score

Maker = Callable[..., xr.DataArray]


def printed(table: object) -> str:
    out = StringIO()
    Console(file=out, width=200).print(table)
    return out.getvalue()


def blob(cube_maker: Maker, frames: int = 6) -> xr.DataArray:
    """Rain in the north-west corner that grows, on a field of 16 x 24."""
    values = np.zeros((frames, 1, 16, 24), "float32")
    for frame in range(frames):
        values[frame, 0, 1:5, 1:7] = 5 * (frame + 1)
    return cube_maker(values.shape, values=values)


def forecast_of(cube: xr.DataArray, reference: int = 2, leads: int = 3, *, share: float = 1.0) -> xr.DataArray:
    """The truth times a share, as a forecast cube."""
    time = cube["time"].values
    lead = (time[reference + 1 : reference + 1 + leads] - time[reference]).astype("timedelta64[ns]")
    return xr.DataArray(
        share * cube.values[None, reference + 1 : reference + 1 + leads],
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": time[[reference]],
            "lead_time": lead,
            "valid_time": (("forecast_reference_time", "lead_time"), time[[reference], None] + lead[None]),
            "y": cube["y"],
            "x": cube["x"],
        },
        name=cube.name,
        attrs={**cube.attrs, "nowcast_model": "oracle"},
    )


# Tables


def test_the_score_table_tells_both_forecasters_lead_by_lead(cube_maker: Maker) -> None:
    cube = blob(cube_maker)
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


# Pictures


def drawn(forecast: xr.DataArray, observed: xr.DataArray, path: Path, reference: int | None = None) -> np.ndarray:
    report.picture(forecast, observed, path, reference=reference)
    assert path.read_bytes().startswith(b"\x89PNG")
    return np.asarray(imread(path))[..., :3]


def test_north_is_up_whichever_way_y_runs(cube_maker: Maker, tmp_path: Path) -> None:
    cube = blob(cube_maker)
    assert cube["y"][0] > cube["y"][-1]
    south_up = cube.isel(y=slice(None, None, -1))
    one = drawn(forecast_of(cube), cube, tmp_path / "north.png")
    other = drawn(forecast_of(south_up), south_up, tmp_path / "south.png")
    np.testing.assert_array_equal(one, other)
    flipped = blob(cube_maker)
    flipped.values[:] = flipped.values[:, :, ::-1]
    assert (drawn(forecast_of(flipped), flipped, tmp_path / "flipped.png") != one).any()


def test_clips_and_plain_numbers_are_told_as_such(cube_maker: Maker) -> None:
    cube = cube_maker().assign_coords(y=("y", np.arange(8.0), {"units": "1"}), x=("x", np.arange(10.0), {"units": "1"}))
    assert report._extent(cube) == ""
    assert report._extent(cube_maker()) == "; 10 x 8 km"
    time = cube["time"]
    assert report._beginning(time[1], time.attrs) == "2026-05-01 00:05 UTC"
    counted = np.datetime64(0, "ns") + (time - time[0]) / 750
    assert report._beginning(counted[1], {"counted_from": "the first frame"}) == "0.4 s after the first frame"


def test_rain_in_the_north_west_is_drawn_at_the_top_left(cube_maker: Maker, tmp_path: Path) -> None:
    cube = blob(cube_maker)
    image = drawn(forecast_of(cube), cube, tmp_path / "a.png")
    under = np.array([int(report.RAIN[0][i : i + 2], 16) for i in (1, 3, 5)]) / 255
    dry = (np.abs(image - under) < 0.01).all(axis=-1)
    rows, columns = np.flatnonzero(dry.any(axis=1)), np.flatnonzero(dry.any(axis=0))
    # The first panel: from the first dry pixel to the first break between panels.
    bottom = rows[0] + np.flatnonzero(np.diff(rows) > 3)[0]
    right = columns[0] + np.flatnonzero(np.diff(columns) > 3)[0]
    panel = ~dry[rows[0] : bottom, columns[0] : right]
    middle = panel.shape[0] // 2, panel.shape[1] // 2
    quarters = [panel[: middle[0], : middle[1]], panel[: middle[0], middle[1] :], panel[middle[0] :]]
    assert quarters[0].mean() > 0.15
    assert quarters[1].mean() < 0.02
    assert quarters[2].mean() < 0.02


def test_truth_forecast_and_persistence_are_three_rows_of_leads(
    cube_maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []
    draw = matplotlib.axes.Axes.imshow

    def watched(axes: object, frame: np.ndarray, **keywords: object) -> object:
        shown.append(np.array(frame))
        return draw(axes, frame, **keywords)

    monkeypatch.setattr(matplotlib.axes.Axes, "imshow", watched)
    cube = blob(cube_maker)
    predicted = forecast_of(cube, reference=3, share=0.5)[:, :2]
    later = xr.concat([predicted, predicted], "lead_time").assign_coords(
        lead_time=np.arange(1, 5) * np.timedelta64(300, "s").astype("timedelta64[ns]"),
        valid_time=(
            ("forecast_reference_time", "lead_time"),
            (cube["time"].values[3] + np.arange(1, 5) * np.timedelta64(300, "s"))[None],
        ),
    )
    drawn(later, cube, tmp_path / "a.png")
    assert len(shown) == 12
    np.testing.assert_array_equal(shown[0], cube.values[4, 0])
    np.testing.assert_array_equal(shown[1], cube.values[5, 0])
    assert np.isnan(shown[2]).all(), "no truth yet: blank"
    np.testing.assert_array_equal(shown[4], 0.5 * cube.values[4, 0])
    for frame in shown[8:]:
        np.testing.assert_array_equal(frame, cube.values[3, 0])


@pytest.mark.parametrize("units", ["K", "dBZ"])
def test_fields_other_than_rain_are_drawn_with_content(cube_maker: Maker, tmp_path: Path, units: str) -> None:
    values = np.random.default_rng(0).normal(280, 5, (6, 1, 16, 24)).astype("float32")
    cube = cube_maker(values.shape, values=values, units=units, name="bt").assign_attrs(standard_name="bt")
    image = drawn(forecast_of(cube), cube, tmp_path / "a.png")
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 100


def test_a_dry_or_empty_field_is_drawn_too(cube_maker: Maker, tmp_path: Path) -> None:
    dry = xr.zeros_like(blob(cube_maker))
    drawn(forecast_of(dry), dry, tmp_path / "dry.png")
    empty = dry.copy(data=np.full(dry.shape, np.nan, "float32"))
    drawn(forecast_of(empty), empty, tmp_path / "empty.png")
    bare = blob(cube_maker).drop_vars(["y", "x"])
    predicted = forecast_of(blob(cube_maker)).drop_vars(["y", "x"])
    drawn(predicted, bare, tmp_path / "bare.png")


def test_the_reference_time_with_the_most_going_on_is_chosen(cube_maker: Maker, tmp_path: Path) -> None:
    cube = blob(cube_maker, frames=9)
    calm, lively = forecast_of(cube, 1), forecast_of(cube, 4)
    both = xr.concat([calm, lively], "forecast_reference_time")
    chosen = drawn(both, cube, tmp_path / "a.png")
    np.testing.assert_array_equal(chosen, drawn(both, cube, tmp_path / "b.png", reference=1))
    assert not np.array_equal(chosen, drawn(both, cube, tmp_path / "c.png", reference=0))


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([[1, 1, 1], [2, 2, 2]], "model beats persistence: smaller squared error at 3 of 3 lead times"),
        ([[1, 3, 3], [2, 2, 2]], "does not always beat persistence: smaller squared error at 1 of 3"),
        ([[2, 3, 3], [2, 2, 2]], "does not beat persistence: smaller squared error at 0 of 3"),
    ],
)
def test_the_verdict_is_plain(errors: list[list[int]], said: str) -> None:
    scores = xr.Dataset({"mse": (("forecaster", "lead_time"), errors)}, {"forecaster": ["model", "persistence"]})
    assert said in report.verdict(scores)


def test_a_clock_that_jitters_leaves_no_frame_blank(cube_maker: Maker, tmp_path: Path) -> None:
    """As in the scores: a frame a few seconds beside the valid time is the truth of that time."""
    cube = blob(cube_maker)
    late = cube.assign_coords(time=cube["time"].values + np.arange(6) % 2 * np.timedelta64(9, "s"))
    plain = drawn(forecast_of(cube), cube, tmp_path / "plain.png", 0)
    np.testing.assert_array_equal(drawn(forecast_of(cube), late, tmp_path / "late.png", 0), plain)
