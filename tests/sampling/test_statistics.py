"""How much happens: rain by DGMR's saturated amount, motion by the change, divisions by spots that light up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.sampling import STATISTICS, choose, event_index
from nowcast.sampling.statistics import divisions, motion, prepared, rain
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]


def test_rain_is_the_saturated_amount_of_dgmr() -> None:
    frames = np.array([[[[0.0, 1.0, 2.0, -3.0, np.nan]]]], "float32")
    found = rain(frames, None, typical=2.0)
    np.testing.assert_allclose(found[0, 0, :4], [0, 1 - np.exp(-0.5), 1 - np.exp(-1), 0], rtol=1e-6)
    assert np.isnan(found[0, 0, 4])


def test_the_typical_rain_is_of_the_training_part_alone(cube_maker: Maker) -> None:
    values = np.zeros((10, 1, 4, 4), "float32")
    values[:5, 0, 0] = 3.0
    values[5:] = 1e6
    _, parameters = prepared("rain", cube_maker((10, 1, 4, 4), values=values)[:5])
    assert parameters == {"typical": 3.0}


def test_motion_is_the_change_from_the_frame_before() -> None:
    frames = np.arange(12, dtype="float32").reshape(3, 1, 2, 2) ** 2
    alone = motion(frames, None)
    assert np.isnan(alone[0]).all()
    np.testing.assert_array_equal(alone[1:], np.abs(np.diff(frames, axis=0))[:, 0])
    np.testing.assert_array_equal(motion(frames[1:], frames[0])[0], alone[1])


def cells(random: np.random.Generator, frames: int = 12, size: int = 64) -> tuple[np.ndarray, list[int]]:
    """Soft cells that drift, on noise; some round up to bright spots and become two. The frames of divisions."""
    y, x = np.mgrid[:size, :size]
    values = random.normal(100, 4, (frames, 1, size, size)).astype("float32")
    when = []
    for _ in range(5):
        place, drift = random.uniform(10, size - 10, 2), random.normal(0, 0.3, 2)
        divides = int(random.integers(3, 40))
        for t in range(frames):
            here = place + t * drift
            distance = ((y - here[0]) ** 2 + (x - here[1]) ** 2).astype("float32")
            if t == divides:
                values[t, 0] += 300 * np.exp(-distance / (2 * 1.8**2))
                when.append(t)
            elif t > divides:
                for side in (-4, 4):
                    values[t, 0] += 60 * np.exp(-((y - here[0]) ** 2 + (x - here[1] - side) ** 2) / (2 * 4.0**2))
            else:
                values[t, 0] += 60 * np.exp(-distance / (2 * 5.0**2))
    return values, when


def test_windows_with_a_division_stand_out(cube_maker: Maker) -> None:
    random = np.random.default_rng(0)
    scores, truth = [], []
    for _ in range(40):
        values, when = cells(random)
        cube = cube_maker(values.shape, values=values, units="1", name="intensity")
        chosen = plan(cube, context=2, horizon=2)
        found = event_index(cube, chosen, divisions).importance[:, 0]
        for start, score in zip(chosen.starts, found, strict=True):
            scores.append(score)
            truth.append(any(start <= t < start + 4 for t in when if t > start or start > 0))
    scores, truth = np.array(scores), np.array(truth)
    assert 20 < truth.sum() < len(truth) - 20
    ranks = scores.argsort().argsort() + 1
    area = (ranks[truth].sum() - truth.sum() * (truth.sum() + 1) / 2) / (truth.sum() * (~truth).sum())
    assert area > 0.95, f"area under the curve {area:.3f}"


@pytest.mark.parametrize(
    ("name", "units", "chosen"),
    [("rain_rate", "mm h-1", "rain"), ("reflectivity", "dBZ", "rain"), ("intensity", "1", "motion")],
)
def test_what_a_field_is_weighted_by(cube_maker: Maker, name: str, units: str, chosen: str) -> None:
    cube = cube_maker((4, 1, 4, 4), name=name, units=units).assign_attrs(standard_name="")
    del cube.attrs["standard_name"]
    assert choose(cube) == chosen
    assert chosen in STATISTICS
