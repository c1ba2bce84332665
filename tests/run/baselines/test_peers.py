"""pysteps through the door of the baselines; where it is not installed, it is refused with what to type."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import products, run
from nowcast.errors import InputError, MachineError
from nowcast.run.baselines import peers
from nowcast.run.baselines.peers import peer

Maker = Like = Callable[..., xr.DataArray]
MINUTE = np.timedelta64(1, "m")

installed = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("pysteps", "cv2")), reason="pysteps is not installed"
)


@pytest.fixture
def moving(cube_maker: Maker) -> xr.DataArray:
    """Showers that move to the right by 3 pixels a step, over 96 x 96, missing in a corner."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:96, :160].astype("float64")
    field = np.zeros((96, 160))
    for middle_y, middle_x, width in zip(*generator.uniform(0, 1, (3, 40)), strict=True):
        away = (y - 96 * middle_y) ** 2 + (x - 160 * middle_x) ** 2
        field += 8 * np.exp(-away / (2 * (3 + 4 * width) ** 2))
    frames = np.stack([field[:, 60 - 3 * frame : 156 - 3 * frame] for frame in range(12)])[:, None].astype("float32")
    frames[frames < 0.3] = 0
    frames[:, :, :10, :10] = np.nan
    return cube_maker(frames.shape, values=frames)


@pytest.mark.parametrize("name", peers.PEERS)
def test_what_is_not_installed_is_refused_with_the_command_that_installs_it(
    name: str, moving: xr.DataArray, monkeypatch: pytest.MonkeyPatch, like: Like
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(MachineError, match=f"{name}: needs the package pysteps and opencv") as caught:
        run.evaluate(like(moving, [5], leads=3), moving, baselines=["persistence", name], progress=False)
    assert "pip install 'nowcast[pysteps]'" in str(caught.value)


def test_an_ensembles_mean_keeps_its_pattern_and_takes_the_members_values() -> None:
    members = np.array([[[0.0, 1.0, 8.0], [0.0, 0.0, 4.0]], [[0.0, 3.0, 2.0], [0.0, 0.0, 6.0]]])
    known = np.array([[True, True, True], [True, True, False]])
    matched = peers._matched(members.mean(axis=0), members, known)
    # Ten values are known: 0 six times, 1, 2, 3, 8. Of each two neighbours in rank, their median.
    np.testing.assert_array_equal(np.sort(matched[known]), [0, 0, 0, 1.5, 5.5])
    assert matched[0, 2] == 5.5
    assert matched[0, 1] == 1.5
    assert matched[1, 2] == 0


@installed
def test_extrapolation_follows_what_moves(moving: xr.DataArray, capsys: pytest.CaptureFixture[str], like: Like) -> None:
    wanted = like(moving, [4, 7], leads=3)
    found = peer("pysteps", moving, wanted, context=4)
    assert found.chunks is not None
    xr.testing.assert_identical(found.coords.to_dataset(), wanted.coords.to_dataset())
    values = found.values
    for case, reference in enumerate((4, 7)):
        for lead in (1, 3):
            truth, still = moving.values[reference + lead], moving.values[reference]
            known = np.isfinite(values[case, lead - 1]) & np.isfinite(truth) & np.isfinite(still)
            assert 0.7 < known.mean() < 0.98
            error = np.mean((values[case, lead - 1] - truth)[known] ** 2)
            assert error < 0.3 * np.mean((still - truth)[known] ** 2)
    assert "".join(capsys.readouterr()) == ""


@installed
def test_a_late_frame_is_reached_by_a_longer_way(moving: xr.DataArray, like: Like) -> None:
    late = like(moving, [7], leads=3, context=5).assign_attrs(nowcast_max_missing=1)
    late = late.assign_coords(input_age=("forecast_reference_time", np.array([5]) * MINUTE))
    found = peer("pysteps", moving, late, context=5)[0, :2].values
    np.testing.assert_array_equal(found, peer("pysteps", moving, like(moving, [6], leads=3), context=4)[0, 1:].values)
    gap = moving.drop_isel(time=5)
    assert np.isnan(peer("pysteps", gap, late, context=5)).all(), "no three frames in a row"


@installed
def test_an_ensemble_tells_mean_and_probabilities(
    moving: xr.DataArray, monkeypatch: pytest.MonkeyPatch, like: Like
) -> None:
    monkeypatch.setattr(peers, "MEMBERS", 4)
    found = peer("steps", moving, like(moving, [5], leads=2), context=4, thresholds=[0.7]).compute()
    mean, probability = products.mean(found), products.probability(found)
    assert products.is_forecast(found)
    assert {0.1, 0.7, 100.0} <= set(probability["threshold"].values.tolist())
    known = np.isfinite(mean)
    assert known.mean() > 0.7
    assert not known.isel(y=slice(0, 8), x=slice(0, 8)).any(), "nothing is known of what was never observed"
    assert set(np.unique(probability.values[np.isfinite(probability.values)])) <= {0, 0.25, 0.5, 0.75, 1}
    assert (probability.diff("threshold").fillna(0) <= 0).all()
    assert 0.1 < float(probability.sel(threshold=1.0).mean()) < 0.9
    correlation = float(xr.corr(mean[0, 1, 0], moving[7, 0]))
    assert correlation > max(0.5, float(xr.corr(moving[5, 0], moving[7, 0])))
    again = peer("steps", moving, like(moving, [5], leads=2), context=4, thresholds=[0.7]).compute()
    xr.testing.assert_identical(found, again)


@installed
def test_fields_without_rain_stay_dry(moving: xr.DataArray, like: Like) -> None:
    dry = xr.zeros_like(moving)
    assert (products.mean(peer("steps", dry, like(dry, [5], leads=3), context=4)).values == 0).all()
    assert (peer("pysteps", dry, like(dry, [5], leads=3), context=4).values == 0).all()
    nothing: Any = moving.where(False)
    assert np.isnan(peer("pysteps", nothing, like(dry, [5], leads=3), context=4)).all()


@installed
def test_what_it_cannot_forecast_is_refused(moving: xr.DataArray, like: Like) -> None:
    with pytest.raises(InputError, match="needs 3 frames"):
        peer("pysteps", moving, like(moving, [5], leads=3), context=2)
    kelvin = moving.rename("temperature").assign_attrs(units="K", standard_name="air_temperature")
    with pytest.raises(InputError, match="ensemble of rain"):
        peer("steps", kelvin, like(kelvin, [5], leads=3), context=4)
