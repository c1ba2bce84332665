"""Scaling: chosen by units and distribution, undone without loss, blind to everything but the training part."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nowcast.cube import runs
from nowcast.errors import InputError
from nowcast.scaling import METHODS, Scaler, Statistics
from nowcast.windows import split

Maker = Callable[..., xr.DataArray]
SHAPE = (12, 1, 8, 10)


def field(values: np.ndarray, units: str | None = None, name: str = "field", standard_name: str = "") -> xr.DataArray:
    attrs = {key: text for key, text in (("units", units), ("standard_name", standard_name)) if text}
    times = np.datetime64("2026-05-01", "ns") + np.arange(len(values)) * np.timedelta64(60, "s")
    return xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name=name, attrs=attrs)


def gamma(seed: int = 0) -> np.ndarray:
    """Skewed values, half of them zero."""
    random = np.random.default_rng(seed)
    values = random.gamma(0.3, 5, SHAPE) * (random.random(SHAPE) < 0.5)
    return values.astype("float32")


def waves() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, SHAPE).astype("float32")


# Which method

CASES: list[tuple[str, xr.DataArray, str]] = [
    *((f"rain in {units}", field(gamma(), units), "log") for units in ("mm h-1", "mm/h", "kg m-2", "mm", "kg m-2 s-1")),
    ("rain by its standard name", field(gamma() + 1, "1", "tp", "rainfall_flux"), "log"),
    ("precipitation by its name", field(gamma() + 1, "", "precipitation_amount"), "log"),
    ("reflectivity", field(gamma(), "dBZ"), "unit"),
    ("reflectivity with negative values", field(waves(), "dBZ"), "unit"),
    ("rain with negative values", field(waves(), "mm h-1"), "zscore"),
    ("bytes", field((gamma() * 10).clip(1, 255).astype("uint8")), "unit"),
    ("kelvin", field(280 + waves(), "K", "t2m"), "unit"),
    ("celsius", field(waves(), "degC", "t2m"), "zscore"),
    ("wind", field(waves(), "m s-1", "u"), "zscore"),
    ("wind speed", field(np.abs(waves()), "m s-1", "wind_speed"), "unit"),
    ("skewed zeros without a name", field(gamma()), "log"),
    ("zeros without a tail", field((gamma() > 0).astype("float32") * (1 + gamma(1) % 1)), "unit"),
]


@pytest.mark.parametrize(("cube", "method"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_units_names_and_distribution_choose_the_method(cube: xr.DataArray, method: str) -> None:
    scaler = Scaler.fit(cube)
    assert scaler.method == method
    assert scaler.reason
    assert scaler.units == cube.attrs.get("units")
    assert method in str(scaler)
    assert scaler.reason in str(scaler)


def test_a_method_that_is_asked_for_is_taken_and_an_unknown_one_is_refused() -> None:
    cube = field(gamma(), "mm h-1")
    for method in METHODS:
        assert Scaler.fit(cube, method=method).method == method
    with pytest.raises(InputError, match="scaling 'minmax' is not known"):
        Scaler.fit(cube, method="minmax")


# What it does

SCALED = {"unit": (0, 1), "symmetric": (-1, 1), "log": (0, 1), "db": (0, 1)}


@pytest.mark.parametrize("method", SCALED)
def test_the_training_range_goes_where_it_is_said_to_go(method: str) -> None:
    cube = field(gamma() + (0 if method in {"log", "db"} else 3))
    scaled = Scaler.fit(cube, method=method).apply(cube)
    assert (float(scaled.min()), float(scaled.max())) == pytest.approx(SCALED[method], abs=1e-6)


def test_zscore_has_mean_0_and_deviation_1() -> None:
    cube = field(waves() + 280)
    scaled = Scaler.fit(cube, method="zscore").apply(cube)
    assert float(scaled.mean()) == pytest.approx(0, abs=1e-4)
    assert float(scaled.std()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=40)
@given(
    values=hnp.arrays("float32", (3, 1, 4, 4), elements=st.just(0.0) | st.floats(2.0**-10, 2.0**13, width=32)),
    shift=st.sampled_from([0.0, -300.0, 273.15]),
)
def test_what_is_applied_can_be_undone(method: str, values: np.ndarray, shift: float) -> None:
    curved = method in {"log", "db"}
    cube = field(values if curved else (values + shift).astype("float32"))
    scaler = Scaler.fit(cube, method=method)
    scaled = scaler.apply(cube)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    back = scaler.invert(scaled).values
    # What a single-precision number near 1 can tell, back in the units of the curve and of the field.
    step = 4 * np.finfo("float32").eps
    if not curved:
        span = np.ptp(cube.values) + np.abs(cube.values).max()
        reach = max(1.0, float(np.abs(scaled).max()))
        np.testing.assert_allclose(back, cube.values, atol=step * (span + reach * scaler.factor), rtol=step)
        return
    assert scaler.floor is not None
    relative = step * scaler.factor * (1 if method == "log" else np.log(10) / 10) + step
    if method == "log":
        np.testing.assert_allclose(back, cube.values, rtol=relative, atol=relative * scaler.floor)
    else:  # below the floor all is dry
        wet = cube.values > scaler.floor * (1 + relative)
        np.testing.assert_allclose(back[wet], cube.values[wet], rtol=relative)
        assert (back[cube.values <= scaler.floor * (1 - relative)] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_missing_stays_missing_there_and_back(method: str) -> None:
    values = gamma()
    values[2] = np.nan
    values[:, :, 3, 3] = np.nan
    cube = field(values)
    scaler = Scaler.fit(cube, method=method)
    scaled = scaler.apply(cube)
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(values))
    np.testing.assert_array_equal(np.isnan(scaler.invert(scaled)), np.isnan(values))


def test_missing_pixels_enter_no_statistic() -> None:
    values = np.full(SHAPE, np.nan, "float32")
    values[:, :, :4] = gamma()[:, :, :4]
    whole, half = field(values), field(gamma()[:, :, :4])
    for method in METHODS:
        one, other = Scaler.fit(whole, method=method), Scaler.fit(half, method=method)
        assert (one.offset, one.factor, one.floor) == pytest.approx((other.offset, other.factor, other.floor))


@pytest.mark.parametrize("method", METHODS)
def test_lazy_cubes_stay_lazy_and_arrays_stay_arrays(method: str) -> None:
    cube = field(gamma(), "mm h-1")
    lazy = cube.chunk(time=3)
    scaler = Scaler.fit(cube, method=method)
    scaled = scaler.apply(lazy)
    assert scaled.chunks == lazy.chunks
    assert scaler.invert(scaled).chunks == lazy.chunks
    assert scaled.attrs == cube.attrs
    np.testing.assert_array_equal(scaled.values, scaler.apply(cube).values)
    np.testing.assert_array_equal(scaled.values, scaler.apply(cube.values))
    assert isinstance(scaler.invert(scaler.apply(cube.values)), np.ndarray)


@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("lazy", [False, True])
def test_frames_outside_the_training_part_change_no_bit(method: str | None, lazy: bool) -> None:
    random = np.random.default_rng(0)
    values = random.gamma(0.5, 4, (80, 1, 6, 6)).astype("float32")
    cube = field(values, "mm h-1")
    parts = split(runs(cube), window=6)
    frames = [i for run in parts.training for i in range(run.start, run.stop)]
    outside = np.setdiff1d(np.arange(80), frames)
    assert len(outside) > 20
    spoilt = values.copy()
    spoilt[outside] = random.choice(np.array([-1e30, 1e30, np.nan, np.inf], "float32"), (len(outside), 1, 6, 6))

    def fitted(data: np.ndarray) -> Scaler:
        part = field(data, "mm h-1")
        return Scaler.fit((part.chunk(time=7) if lazy else part).isel(time=frames), method=method)

    assert fitted(spoilt).to_dict() == fitted(values).to_dict()


@pytest.mark.parametrize("method", METHODS)
@given(answer=hnp.arrays("float32", 20, elements=st.floats(-10, 10, width=32)))
@settings(deadline=None, max_examples=30)
def test_no_answer_of_a_network_falls_below_the_lowest_value(method: str, answer: np.ndarray) -> None:
    scaler = Scaler.fit(field(gamma() + 0.5), method=method)
    assert scaler.lowest == 0
    back = scaler.invert(answer)
    assert (back >= 0).all()
    assert np.isfinite(back).all()


def test_a_field_of_both_signs_has_no_lowest_value() -> None:
    scaler = Scaler.fit(field(waves()))
    assert scaler.lowest is None
    assert float(scaler.invert(np.array([-3.0], "float32"))[0]) < -10


@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("value", [0.0, 7.5])
def test_a_field_where_nothing_happens_stays_finite(method: str | None, value: float) -> None:
    cube = field(np.full(SHAPE, value, "float32"), "mm h-1")
    scaler = Scaler.fit(cube, method=method)
    scaled = scaler.apply(cube)
    assert np.isfinite(scaled).all()
    assert np.isfinite(scaler.invert(scaled)).all()
    assert np.isfinite(scaler.invert(np.array([-2.0, 0.0, 0.5, 2.0], "float32"))).all()
    assert np.isfinite(scaler.apply(cube + 30)).all()
    Scaler.from_dict(scaler.to_dict())


@pytest.mark.parametrize("lazy", [False, True])
def test_a_training_part_without_a_value_is_refused(lazy: bool) -> None:
    cube = field(np.full(SHAPE, np.nan, "float32"), "mm h-1", "rain")
    with pytest.raises(InputError, match=r"variable 'rain': the training part holds no value") as caught:
        Scaler.fit(cube.chunk(time=1) if lazy else cube)
    assert "12 frames" in str(caught.value)


# As plain data


@pytest.mark.parametrize("method", METHODS)
def test_it_goes_through_json_and_comes_back_the_same(method: str) -> None:
    scaler = Scaler.fit(field(gamma(), "mm h-1"), method=method)
    assert Scaler.from_dict(json.loads(json.dumps(scaler.to_dict(), allow_nan=False))) == scaler


GOOD = Scaler("log", 0.0, 2.0, floor=0.1, lowest=0.0, units="mm h-1", reason="rain").to_dict()
HOSTILE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a method of its own": {**GOOD, "method": "__import__('os')"},
    "no method": {**GOOD, "method": None},
    "text for a number": {**GOOD, "offset": "0"},
    "a list for a number": {**GOOD, "factor": [1.0]},
    "a factor of nothing": {**GOOD, "factor": 0},
    "no factor": {**GOOD, "factor": None},
    "NaN": {**GOOD, "offset": float("nan")},
    "an infinite floor": {**GOOD, "floor": float("inf")},
    "one field too many": {**GOOD, "code": "x"},
    "one field too few": {key: value for key, value in GOOD.items() if key != "reason"},
}


@pytest.mark.parametrize("plain", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_not_a_scaler_is_refused(plain: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="scaler is not one"):
        Scaler.from_dict(plain)


@pytest.mark.parametrize("lazy", [False, True])
def test_frames_without_a_value_are_told(lazy: bool) -> None:
    values = gamma()
    values[3], values[9] = np.nan, np.inf
    values[7, 0].flat[1:] = np.nan
    seen = Statistics.of(field(values).chunk(time=2) if lazy else field(values))
    assert seen.empty.tolist() == [3, 9]
    assert (seen.count, seen.missing) == (int(np.isfinite(values).sum()), int((~np.isfinite(values)).sum()))
