"""The echoes are what they are said to be: known motion, known lives, no end and no return."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nowcast import cube as cubes
from nowcast.datasets import advected_echoes, counter, known_motion
from nowcast.errors import InputError


@pytest.fixture(scope="module")
def echoes() -> xr.DataArray:
    return advected_echoes()


def correlation(first: np.ndarray, second: np.ndarray, across: int, down: int) -> float:
    """Correlation of the second frame with the first one moved; only where both are inside."""
    rows, columns = first.shape
    moved = first[max(0, -down) : rows - max(0, down), max(0, -across) : columns - max(0, across)]
    still = second[max(0, down) : rows - max(0, -down), max(0, across) : columns - max(0, -across)]
    return float(np.corrcoef(np.log1p(moved).ravel(), np.log1p(still).ravel())[0, 1])


def best_shift(first: np.ndarray, second: np.ndarray, reach: int = 4) -> tuple[int, int]:
    shifts = [(u, v) for u in range(-reach, reach + 1) for v in range(-reach, reach + 1)]
    return max(shifts, key=lambda shift: correlation(first, second, *shift))


def test_it_is_a_cube_that_says_it_is_synthetic(echoes: xr.DataArray) -> None:
    cubes.check(echoes)
    assert echoes.shape == (160, 1, 96, 96)
    assert echoes.dtype == np.float32
    assert cubes.time_step(echoes) == 300
    assert cubes.grid_step(echoes) == {"y": 1000.0, "x": 1000.0, "units": "m", "y_rises": False, "x_rises": True}
    assert cubes.grid_mapping(echoes) is not None
    assert echoes["y"][0] > echoes["y"][-1]
    assert echoes.attrs["units"] == "mm h-1"
    assert "synthetic" in echoes.attrs["dataset:title"]
    assert "synthetic" in echoes.attrs["dataset:source"]
    assert echoes.attrs["known_motion_pixels_per_frame"] == [1.8, 0.8]
    assert cubes.source_dims(echoes) == {"time": "time", "y": "y", "x": "x"}


def test_a_seed_is_a_cube() -> None:
    small = advected_echoes(frames=6, size=(40, 50), seed=3)
    xr.testing.assert_identical(small, advected_echoes(frames=6, size=(40, 50), seed=3))
    assert small.shape == (6, 1, 40, 50)
    assert not np.array_equal(small, advected_echoes(frames=6, size=(40, 50), seed=4))


def test_the_known_motion_explains_the_next_frame_best(echoes: xr.DataArray) -> None:
    values = echoes.values[:, 0]
    motion = known_motion(echoes)
    for frame in range(0, 155, 38):
        # Five frames ahead, so that whole pixels tell a direction to within a few degrees.
        expected = motion[frame : frame + 5].sum(axis=0)
        found = best_shift(values[frame], values[frame + 5], reach=13)
        assert np.abs(np.array(found) - expected).max() <= 1, (frame, expected, found)


@pytest.mark.parametrize("motion", [(2.0, 0.0), (-2.0, 1.0), (0.0, -2.0), (1.0, 2.0)])
def test_motion_points_east_and_south_where_positive(motion: tuple[float, float]) -> None:
    echoes = advected_echoes(frames=3, size=64, motion=motion, seed=2)
    assert best_shift(echoes.values[0, 0], echoes.values[1, 0]) == motion


def test_the_direction_turns_by_eight_degrees_at_one_speed(echoes: xr.DataArray) -> None:
    motion = known_motion(echoes)
    assert motion.shape == (159, 2)
    np.testing.assert_allclose(np.hypot(*motion.T), np.hypot(1.8, 0.8))
    angle = np.rad2deg(np.arctan2(motion[:, 1], motion[:, 0]))
    assert angle[-1] - angle[0] == pytest.approx(8.0)
    np.testing.assert_allclose(motion[79], (1.8, 0.8), atol=1e-9)


def test_without_growth_echoes_only_move() -> None:
    # Two frames turn nothing: the motion is a whole number of pixels.
    frozen = advected_echoes(frames=2, size=64, motion=(2.0, 1.0), growth=0.0).values[:, 0]
    np.testing.assert_allclose(frozen[1][1:, 2:], frozen[0][:-1, :-2], atol=1e-4)
    alive = advected_echoes(frames=2, size=64, motion=(2.0, 1.0)).values[:, 0]
    assert np.abs(alive[1][1:, 2:] - alive[0][:-1, :-2]).max() > 0.5


def followed(echoes: xr.DataArray, frames: int) -> float:
    """How alike rain is, along the motion, after some frames."""
    across, down = np.round(known_motion(echoes)[:frames].sum(axis=0)).astype(int)
    return correlation(echoes.values[0, 0], echoes.values[frames, 0], int(across), int(down))


def test_growth_is_the_pace_of_life() -> None:
    def likeness(growth: float, frames: int) -> float:
        cubes_ = [advected_echoes(frames=21, size=72, growth=growth, seed=seed) for seed in range(2)]
        return float(np.mean([followed(each, frames) for each in cubes_]))

    frozen, slow, normal, quick = (likeness(growth, 20) for growth in (0.0, 0.5, 1.0, 2.0))
    assert frozen > 0.9
    assert frozen > slow + 0.05 > normal + 0.1 > quick + 0.1
    assert likeness(1.0, 1) > 0.9


def test_single_cells_live_15_to_40_frames() -> None:
    """Heavy rain seen along the motion is gone, or has come, within a cell's life."""
    still = advected_echoes(frames=80, motion=(0.0, 0.0), seed=5).values[:, 0]
    heavy = still > 10
    ever = heavy.any(axis=0)
    assert ever.mean() > 0.02
    assert heavy[:, ever].sum(axis=0).max() < 80
    # Half of the pixels that are heavy at once are not so 20 frames on.
    stays = (heavy[:-20] & heavy[20:]).sum() / heavy[:-20].sum()
    assert stays < 0.5
    assert (heavy[:-2] & heavy[2:]).sum() / heavy[:-2].sum() > 0.6


def test_rain_looks_the_same_from_first_to_last(echoes: xr.DataArray) -> None:
    values = echoes.values[:, 0]
    dry = (values == 0).mean(axis=(1, 2))
    assert 0.6 < dry.mean() < 0.85
    assert dry.max() < 0.95
    assert values.max(axis=(1, 2)).min() > 5
    assert 30 < values.max() < 60
    assert not ((values > 0) & (values < 0.08)).any()


def test_no_part_of_the_series_is_wetter_than_another() -> None:
    series = np.stack([advected_echoes(frames=80, size=64, seed=seed).values[:, 0] for seed in range(8)])
    quarters = np.split(series, 4, axis=1)
    dry = [(quarter == 0).mean() for quarter in quarters]
    rain = [quarter.mean() for quarter in quarters]
    assert max(dry) - min(dry) < 0.08
    assert max(rain) < 1.6 * min(rain)


def test_what_leaves_does_not_come_back() -> None:
    """A periodic field would show, at its far side, what leaves at the near one; or come round again later."""
    frozen = advected_echoes(frames=160, size=72, growth=0.0, seed=1).values[:, 0]
    entering = np.log1p(frozen[10:, :, :2].mean(axis=2))
    for delay in range(-10, 1):
        leaving = np.log1p(frozen[10 + delay : 160 + delay, :, -2:].mean(axis=2))
        assert abs(np.corrcoef(entering.ravel(), leaving.ravel())[0, 1]) < 0.5
    later = [np.corrcoef(np.log1p(frozen[0]).ravel(), np.log1p(each).ravel())[0, 1] for each in frozen[60:]]
    assert max(later) < 0.6


def test_missing_pixels_are_the_farthest_in_every_frame() -> None:
    whole = advected_echoes(frames=4, size=(40, 60))
    part = advected_echoes(frames=4, size=(40, 60), missing=0.25)
    gone = np.isnan(part.values)
    assert gone.mean() == 0.25
    assert (gone == gone[0]).all()
    assert gone[0, 0, 0, 0]
    assert not gone[0, 0, 20, 30]
    np.testing.assert_array_equal(part.values[~gone], whole.values[~gone])


def test_one_frame_and_long_steps() -> None:
    one = advected_echoes(frames=1, size=16, step="10min")
    assert one.shape == (1, 1, 16, 16)
    assert known_motion(one).shape == (0, 2)


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"size": 0}, {"growth": -1.0}, {"missing": 1.0}, {"missing": -0.1}], ids=str
)
def test_what_cannot_be_made_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="cannot be made"):
        advected_echoes(**wrong)  # type: ignore[arg-type]


def test_a_counter_tells_frame_row_and_column() -> None:
    cube = cubes.check(counter(frames=5, size=(7, 9)))
    assert cube.shape == (5, 1, 7, 9)
    assert cube[3, 0, 4, 8] == 30408
    assert cube.dtype == np.float32
    biggest = counter(frames=1600, size=(1, 100))
    assert len(np.unique(biggest)) == biggest.size
    with pytest.raises(InputError, match="tell their place"):
        counter(size=101)
    with pytest.raises(InputError, match="not known"):
        known_motion(cube)
