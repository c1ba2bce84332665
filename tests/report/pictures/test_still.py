"""Pictures: truth, forecast and baselines by lead time; north is up whichever way y runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.axes
import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from nowcast import report
from nowcast.report.pictures.colours import RAIN

Maker = Callable[..., xr.DataArray]


def drawn(forecast: xr.DataArray, observed: xr.DataArray, path: Path) -> np.ndarray:
    report.picture(forecast, observed, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    return np.asarray(imread(path))[..., :3]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Every frame that is drawn, in its order."""
    frames: list[np.ndarray] = []
    draw = matplotlib.axes.Axes.imshow

    def watched(axes: object, frame: np.ndarray, **keywords: object) -> object:
        frames.append(np.array(frame))
        return draw(axes, frame, **keywords)

    monkeypatch.setattr(matplotlib.axes.Axes, "imshow", watched)
    return frames


def test_north_is_up_whichever_way_y_runs(blob: Maker, forecast_of: Maker, tmp_path: Path) -> None:
    cube = blob()
    assert cube["y"][0] > cube["y"][-1]
    south_up = cube.isel(y=slice(None, None, -1))
    one = drawn(forecast_of(cube), cube, tmp_path / "north.png")
    other = drawn(forecast_of(south_up), south_up, tmp_path / "south.png")
    np.testing.assert_array_equal(one, other)
    flipped = blob()
    flipped.values[:] = flipped.values[:, :, ::-1]
    assert (drawn(forecast_of(flipped), flipped, tmp_path / "flipped.png") != one).any()


def test_rain_in_the_north_west_is_drawn_at_the_top_left(blob: Maker, forecast_of: Maker, tmp_path: Path) -> None:
    cube = blob()
    image = drawn(forecast_of(cube), cube, tmp_path / "a.png")
    under = np.array([int(RAIN[0][i : i + 2], 16) for i in (1, 3, 5)]) / 255
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
    blob: Maker, forecast_of: Maker, tmp_path: Path, shown: list[np.ndarray]
) -> None:
    cube = blob()
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
def test_fields_other_than_rain_are_drawn_with_content(
    cube_maker: Maker, forecast_of: Maker, tmp_path: Path, units: str
) -> None:
    values = np.random.default_rng(0).normal(280, 5, (6, 1, 16, 24)).astype("float32")
    cube = cube_maker(values.shape, values=values, units=units, name="bt").assign_attrs(standard_name="bt")
    image = drawn(forecast_of(cube), cube, tmp_path / "a.png")
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 100


def test_a_dry_or_empty_field_is_drawn_too(blob: Maker, forecast_of: Maker, tmp_path: Path) -> None:
    dry = xr.zeros_like(blob())
    drawn(forecast_of(dry), dry, tmp_path / "dry.png")
    empty = dry.copy(data=np.full(dry.shape, np.nan, "float32"))
    drawn(forecast_of(empty), empty, tmp_path / "empty.png")
    bare = blob().drop_vars(["y", "x"])
    predicted = forecast_of(blob()).drop_vars(["y", "x"])
    drawn(predicted, bare, tmp_path / "bare.png")


def test_the_reference_time_with_the_most_going_on_is_chosen(blob: Maker, forecast_of: Maker, tmp_path: Path) -> None:
    cube = blob(frames=9)
    calm, lively = forecast_of(cube, 1), forecast_of(cube, 4)
    both = xr.concat([calm, lively], "forecast_reference_time")
    chosen = drawn(both, cube, tmp_path / "a.png")
    np.testing.assert_array_equal(chosen, drawn(lively, cube, tmp_path / "b.png"))
    assert not np.array_equal(chosen, drawn(calm, cube, tmp_path / "c.png"))


def test_a_clock_that_jitters_leaves_no_frame_blank(blob: Maker, forecast_of: Maker, tmp_path: Path) -> None:
    """As in the scores: a frame a few seconds beside the valid time is the truth of that time."""
    cube = blob()
    late = cube.assign_coords(time=cube["time"].values + np.arange(6) % 2 * np.timedelta64(9, "s"))
    plain = drawn(forecast_of(cube), cube, tmp_path / "plain.png")
    np.testing.assert_array_equal(drawn(forecast_of(cube), late, tmp_path / "late.png"), plain)


def test_baselines_stand_between_model_and_persistence(
    blob: Maker, forecast_of: Maker, tmp_path: Path, shown: list[np.ndarray]
) -> None:
    cube = blob(frames=9)
    both = xr.concat([forecast_of(cube, 1), forecast_of(cube, 3)], "forecast_reference_time")
    beside = {"advection": 0.5 * both[:, ::-1], "climatology": 0.25 * both.isel(forecast_reference_time=[0])}
    report.picture(both, cube, tmp_path / "a.png", beside=beside)
    assert len(shown) == 5 * 3
    for lead in range(3):
        np.testing.assert_array_equal(shown[6 + lead], 0.5 * cube.values[4 + lead, 0])
        assert np.isnan(shown[9 + lead]).all(), "a reference time that the baseline lacks is blank"
        np.testing.assert_array_equal(shown[12 + lead], cube.values[3, 0])


def test_a_forecast_is_paler_where_a_baseline_knows_nothing(
    blob: Maker, forecast_of: Maker, tmp_path: Path, shown: list[np.ndarray]
) -> None:
    cube = blob(frames=9)
    forecast = forecast_of(cube, 1)
    known = forecast.where(forecast["x"] > forecast["x"][3])
    late = forecast["lead_time"] == forecast["lead_time"][-1]
    report.picture(forecast, cube, tmp_path / "a.png", beside={"advection": xr.where(late, known, forecast)})
    veils = [each for each in shown if each.ndim == 3]
    assert len(veils) == 1
    assert (veils[0][:, :4, 3] > 0).all()
    assert not veils[0][:, 4:].any()
