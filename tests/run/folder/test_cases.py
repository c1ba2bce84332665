"""The best, the median and the worst case are those, and are kept small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.run.folder import cases
from nowcast.run.folder.cases import cases_beside, keep_cases

Maker = Callable[..., xr.DataArray]


def moving(cube_maker: Maker, frames: int = 14, side: int = 24) -> xr.DataArray:
    """Rain that goes one pixel to the east with each frame."""
    values = np.zeros((frames, 1, side, side), "float32")
    for frame in range(frames):
        values[frame, 0, 4:10, frame : frame + 6] = 7.0
    return cube_maker(values.shape, values=values)


def forecasts_of(cube: xr.DataArray, shares: list[float], leads: int = 3) -> xr.DataArray:
    """One forecast from each of the first frames: the truth plus a share of what persistence errs."""
    time, frames = cube["time"].values, cube.values
    stack = [
        frames[i + 1 : i + 1 + leads] + share * (frames[i] - frames[i + 1 : i + 1 + leads])
        for i, share in enumerate(shares)
    ]
    lead = (time[1 : 1 + leads] - time[0]).astype("timedelta64[ns]")
    starts = time[: len(shares)]
    return xr.DataArray(
        np.stack(stack),
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": starts,
            "lead_time": lead,
            "valid_time": (("forecast_reference_time", "lead_time"), starts[:, None] + lead[None]),
            "y": cube["y"],
            "x": cube["x"],
        },
        name=cube.name,
        attrs={**cube.attrs, "nowcast_model": "oracle"},
    )


def kept(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, decode_timedelta=True) as cases:
        return cases.load()


def test_cases_are_chosen_by_their_share_of_persistences_error(cube_maker: Maker, tmp_path: Path) -> None:
    cube = moving(cube_maker)
    keep_cases(forecasts_of(cube, [0.5, 0.9, 0.1, 0.7, 0.3]), cube, tmp_path / "cases.nc")
    cases = kept(tmp_path / "cases.nc")
    assert cases["case"].values.tolist() == ["best", "median", "worst"]
    assert cases["share_of_error"].values == pytest.approx([0.01, 0.25, 0.81], rel=1e-3)
    start = [f"2026-05-01T00:{minute:02d}:00" for minute in (10, 0, 5)]
    assert cases["reference"].values.tolist() == start
    assert cases["forecaster"].values.tolist() == ["observed", "oracle", "persistence"]
    best = cases["field"].sel(case="best")
    np.testing.assert_allclose(best.sel(forecaster="observed").values, cube.values[2:6, 0])
    for name in ("oracle", "persistence"):
        np.testing.assert_allclose(best.sel(forecaster=name).values[0], cube.values[2, 0])
    np.testing.assert_allclose(best.sel(forecaster="persistence").values[3], cube.values[2, 0])
    np.testing.assert_allclose(best.sel(forecaster="oracle").values[3].max(), 7.0, rtol=1e-3)
    assert cases.attrs["cases_to_choose_from"] == 5


def test_advection_is_what_cases_are_compared_with(cube_maker: Maker, tmp_path: Path) -> None:
    cube = moving(cube_maker)
    predicted = forecasts_of(cube, [0.5, 0.5, 0.5])
    advection = forecasts_of(cube, [0.9, 0.3, 0.6])[::-1].isel(lead_time=[0, 1, 2])
    keep_cases(predicted, cube, tmp_path / "cases.nc", others={"advection": advection})
    cases = kept(tmp_path / "cases.nc")
    assert cases.attrs["against"] == "advection"
    assert cases["share_of_error"].values == pytest.approx([(5 / 9) ** 2, (5 / 6) ** 2, (5 / 3) ** 2], rel=1e-3)
    assert cases["forecaster"].values.tolist() == ["observed", "oracle", "advection", "persistence"]


def test_lead_times_that_a_baseline_lacks_are_blank(cube_maker: Maker, tmp_path: Path) -> None:
    cube = moving(cube_maker)
    short = forecasts_of(cube, [0.2, 0.2]).isel(lead_time=[0, 2], forecast_reference_time=[1])
    keep_cases(forecasts_of(cube, [0.5, 0.6]), cube, tmp_path / "cases.nc", others={"pysteps": short})
    field = kept(tmp_path / "cases.nc")["field"].sel(forecaster="pysteps")
    assert np.isfinite(field).all(("y", "x")).values.tolist() == [[True] + [False] * 3, [True, True, False, True]]


def test_few_or_dull_cases_are_told_apart(cube_maker: Maker, tmp_path: Path) -> None:
    cube = moving(cube_maker)
    keep_cases(forecasts_of(cube, [0.5]), cube, tmp_path / "one.nc")
    assert kept(tmp_path / "one.nc")["case"].values.tolist() == ["only"]
    keep_cases(forecasts_of(cube, [0.5, 0.1]), cube, tmp_path / "two.nc")
    assert kept(tmp_path / "two.nc")["case"].values.tolist() == ["best", "worst"]
    still = xr.zeros_like(cube)
    keep_cases(forecasts_of(still, [0.5, 0.1]), still, tmp_path / "none.nc")
    assert not (tmp_path / "none.nc").exists(), "nothing ever happens"
    calm = cube.copy(deep=True)
    calm.values[:4] = calm.values[:1] * (1 + 1e-4 * np.arange(4)[:, None, None, None])
    keep_cases(forecasts_of(calm, [0.0, 0.5, 0.5, 0.4, 0.6], leads=2), calm, tmp_path / "calm.nc")
    assert "2026-05-01T00:00:00" not in kept(tmp_path / "calm.nc")["reference"].values


def test_what_was_never_seen_is_cut_off_and_large_fields_are_averaged(
    cube_maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cube = moving(cube_maker)
    cube.values[:, :, 16:] = np.nan
    predicted = forecasts_of(cube, [0.5, 0.2])
    keep_cases(predicted, cube, tmp_path / "cut.nc")
    cut = kept(tmp_path / "cut.nc")
    assert (cut.sizes["y"], cut.sizes["x"]) == (16, 24)
    np.testing.assert_array_equal(cut["y"], cube["y"][:16])
    monkeypatch.setattr(cases, "MOST_SIDE", 9)
    keep_cases(predicted, cube, tmp_path / "small.nc")
    small = kept(tmp_path / "small.nc")
    assert (small.sizes["y"], small.sizes["x"], small.attrs["pixels_averaged"]) == (5, 8, 3)
    assert small["x"].values.tolist() == [1000.0 * (3 * i + 1) for i in range(8)]
    truth = cube.values[1, 0, :15].reshape(5, 3, 8, 3).mean((1, 3))
    best = small["field"].sel(case="best", forecaster="observed")
    np.testing.assert_allclose(best.values[0], truth, rtol=1e-3)


def test_north_is_up_whichever_way_rows_run(cube_maker: Maker, tmp_path: Path) -> None:
    cube = moving(cube_maker)
    south_up = cube.isel(y=slice(None, None, -1))
    keep_cases(forecasts_of(cube, [0.5, 0.2]), cube, tmp_path / "a.nc")
    keep_cases(forecasts_of(south_up, [0.5, 0.2]), south_up, tmp_path / "b.nc")
    xr.testing.assert_equal(kept(tmp_path / "a.nc"), kept(tmp_path / "b.nc"))


def test_values_are_kept_to_a_thousandth_and_missing_ones_missing() -> None:
    values = np.random.default_rng(0).gamma(0.3, 20, 1000).astype("float32")
    values[::7] = np.nan
    values[1::7] = 0
    rounded = cases._rounded(values)
    np.testing.assert_allclose(rounded, values, rtol=1.01e-3)
    assert (rounded[1::7] == 0).all()
    assert len(np.unique(rounded.view("uint32") & 0x3FFF)) <= 2


def test_files_are_numbered_as_their_pictures() -> None:
    assert cases_beside(Path("run/forecast.png")) == Path("run/cases.nc")
    assert cases_beside(Path("run/forecast-3.png")) == Path("run/cases-3.nc")
