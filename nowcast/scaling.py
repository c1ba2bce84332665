"""Scaler: physical values to numbers that a network likes, and back; its statistics come from training times alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import dask
import numpy as np
import xarray as xr

from nowcast.cube import DIMS, label, thinned
from nowcast.errors import InputError
from nowcast.units import is_rain, rain_rate_of_one

__all__ = ["METHODS", "Scaler", "Statistics"]

METHODS = {
    "unit": "the training range to [0, 1]",
    "symmetric": "the training range to [-1, 1]",
    "zscore": "mean 0, standard deviation 1",
    "log": "log(1 + x / floor), its training range to [0, 1]",
    "db": "10 log10(x / floor) above the floor, 0 below it, its training range to [0, 1]",
}

A = TypeVar("A", xr.DataArray, np.ndarray)


@dataclass(frozen=True)
class Statistics:
    """What one pass over a cube tells: how many values are finite and how many are not, and how they are spread.

    `sample` holds the finite values of `nowcast.cube.thinned`, flat, float64; `empty` tells the frames, by their
    positions along time, that hold no finite value.
    """

    count: int
    missing: int
    lowest: float
    highest: float
    mean: float
    std: float
    sample: np.ndarray
    empty: np.ndarray

    @classmethod
    def of(cls, cube: xr.DataArray) -> Statistics:
        """Read the cube once, by dask; values that are not finite count as missing."""
        values = cube.astype("float64")
        values = values.where(np.isfinite(values))
        lazy = [values.notnull().sum(DIMS[1:]), values.fillna(np.inf).min(), values.fillna(-np.inf).max()]
        lazy += [values.fillna(0).sum(), (values.fillna(0) ** 2).sum(), thinned(values)]
        counts, lowest, highest, total, squares, sample = dask.compute(*(part.data for part in lazy))
        count, empty = int(counts.sum()), np.flatnonzero(counts == 0)
        n = max(count, 1)
        mean = float(total) / n
        std = math.sqrt(max(float(squares) / n - mean**2, 0.0))
        if std < 1e-3 * abs(mean):  # the difference of two large numbers: take the spread about the mean instead
            std = math.sqrt(float(((values - mean) ** 2).fillna(0).sum().compute()) / n)
        flat = np.asarray(sample).ravel()
        flat = flat[np.isfinite(flat)]
        return cls(count, cube.size - count, float(lowest), float(highest), mean, std, flat, empty)

    @classmethod
    def together(cls, parts: Sequence[Statistics]) -> Statistics:
        """Of several cubes in one unit as if they were one; `empty` is not known then."""
        count = sum(part.count for part in parts)
        weights = [part.count / max(count, 1) for part in parts]
        mean = sum(weight * part.mean for weight, part in zip(weights, parts, strict=True))
        spread = sum(w * (part.std**2 + (part.mean - mean) ** 2) for w, part in zip(weights, parts, strict=True))
        return cls(
            count,
            sum(part.missing for part in parts),
            min(part.lowest for part in parts),
            max(part.highest for part in parts),
            mean,
            math.sqrt(spread),
            np.concatenate([part.sample for part in parts]),
            np.empty(0, dtype=int),
        )


@dataclass(frozen=True)
class Scaler:
    """`y = (f(x) - offset) / factor`, where `f` is a logarithm for rain-like fields and nothing otherwise.

    Attributes
    ----------
    method
        One of `METHODS`.
    offset, factor
        In units of `f(x)`.
    floor
        In the field's units; where the logarithm bends. None for linear methods.
    lowest
        In the field's units: what `invert` never goes below (0 for a field that is never negative), or None.
    units
        The units of the field that the statistics were taken from.
    reason
        Why this method, in words.
    """

    method: str
    offset: float
    factor: float
    floor: float | None = None
    lowest: float | None = None
    units: str | None = None
    reason: str = ""

    @classmethod
    def fit(cls, cube: xr.DataArray, *, method: str | None = None, statistics: Statistics | None = None) -> Scaler:
        """Choose a method from units and distribution, unless told one, and take its statistics by dask.

        Parameters
        ----------
        cube
            The training part, dims `(time, channel, y, x)`; what is not finite stays out of every statistic.
        statistics
            Of that part, if they are known already.

        Raises
        ------
        InputError
            An unknown method, or no value at all.
        """
        if method is not None and method not in METHODS:
            known = "; ".join(f"{name}: {meaning}" for name, meaning in METHODS.items())
            raise InputError(f"scaling {method!r} is not known", found=method, needed=known)
        seen = statistics or Statistics.of(cube)
        if seen.count == 0:
            raise InputError(
                f"{label(cube)}: the training part holds no value at all",
                found=f"{cube.sizes['time']} frames, every pixel missing",
                next_step="choose other files or another --variable",
            )
        lowest, highest, sample = seen.lowest, seen.highest, seen.sample
        chosen, reason = (method, "as asked") if method else _choose(cube, lowest, sample)
        units = cube.attrs.get("units")
        bound = 0.0 if lowest >= 0 else None
        if chosen == "zscore":
            return cls(chosen, seen.mean, seen.std or 1.0, lowest=bound, units=units, reason=reason)
        if chosen in {"log", "db"}:
            wet = sample[sample > 0]
            floor = float(np.quantile(wet, 0.25 if chosen == "log" else 0.05)) if len(wet) else 1.0
            curve = _log if chosen == "log" else _db
            top = float(curve(np.asarray(highest), floor))
            return cls(chosen, 0.0, top if top > 0 else 1.0, floor=floor, lowest=0.0, units=units, reason=reason)
        span = highest - lowest or 1.0
        if chosen == "unit":
            return cls(chosen, lowest, span, lowest=bound, units=units, reason=reason)
        return cls(chosen, lowest + span / 2, span / 2, lowest=bound, units=units, reason=reason)

    def apply(self, values: A) -> A:
        """Physical values to scaled ones; float32, NaN stays NaN. Takes a cube (lazy ones stay lazy) or an array."""

        def there(x: np.ndarray) -> np.ndarray:
            y = x.astype("float64")
            if self.method in {"log", "db"}:
                y = _CURVES[self.method](y, self.floor or 1.0)
            scaled: np.ndarray = ((y - self.offset) / self.factor).astype("float32")
            return scaled

        return _map(there, values)

    def invert(self, values: A) -> A:
        """Scaled values back to physical ones, never below `lowest`; float32, NaN stays NaN."""

        def back(y: np.ndarray) -> np.ndarray:
            x = y.astype("float64") * self.factor + self.offset
            if self.method in {"log", "db"}:
                x = _INVERSES[self.method](x, self.floor or 1.0)
            if self.lowest is not None:
                x = np.maximum(x, self.lowest)
            return x.astype("float32")

        return _map(back, values)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Scaler:
        """The inverse of `to_dict`.

        Raises
        ------
        InputError
            Not the plain data of a scaler.
        """
        numbers = ("offset", "factor", "floor", "lowest")
        good = isinstance(settings, dict) and set(settings) == set(cls.__dataclass_fields__)
        good = good and isinstance(settings["method"], str) and settings["method"] in METHODS
        good = good and all(
            _is_number(settings.get(name))
            for name in numbers
            if not (name in {"floor", "lowest"} and settings.get(name) is None)
        )
        good = good and settings["factor"] > 0 and (settings["floor"] is None or settings["floor"] > 0)
        good = good and isinstance(settings["units"], str | None) and isinstance(settings["reason"], str)
        if not good:
            raise InputError("the model file's scaler is not one", found=repr(settings)[:200])
        return cls(**settings)

    def __str__(self) -> str:
        floor = f", floor {self.floor:.3g} {self.units or ''}".rstrip() if self.floor is not None else ""
        return f"{self.method} ({METHODS[self.method]}{floor}): {self.reason}"


def _choose(cube: xr.DataArray, lowest: float, sample: np.ndarray) -> tuple[str, str]:
    units = str(cube.attrs.get("units", "")).strip()
    names = f"{cube.name} {cube.attrs.get('standard_name', '')}".lower().strip()
    if "dbz" in units.lower():
        return "unit", f"units {units} are logarithmic already"
    if lowest >= 0 and (is_rain(cube) or rain_rate_of_one(cube) is not None):
        return "log", f"rain-like by its units or name ({units or names}), never negative"
    dry = float((sample == 0).mean()) if len(sample) else 0.0
    if lowest >= 0 and dry > 0.3:
        wet = sample[sample > 0]
        if len(wet) and np.quantile(wet, 0.99) > 10 * np.median(wet):
            return "log", f"rain-like by its distribution: {dry:.0%} zeros and a long tail"
    if cube.dtype.kind in "bu" or lowest >= 0:
        return "unit", "never negative" if cube.dtype.kind == "f" else f"stored as {cube.dtype}"
    return "zscore", "takes both signs"


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _log(x: np.ndarray, floor: float) -> np.ndarray:
    result: np.ndarray = np.log1p(np.maximum(x, 0) / floor)
    return result


def _log_back(y: np.ndarray, floor: float) -> np.ndarray:
    result: np.ndarray = floor * np.expm1(y)
    return result


def _db(x: np.ndarray, floor: float) -> np.ndarray:
    result: np.ndarray = 10 * np.log10(np.maximum(x, floor) / floor)
    return result


def _db_back(y: np.ndarray, floor: float) -> np.ndarray:
    return np.where(y > 0, floor * 10 ** (y / 10), np.where(np.isnan(y), np.nan, 0.0))


_CURVES = {"log": _log, "db": _db}
_INVERSES = {"log": _log_back, "db": _db_back}


def _map(function: Callable[[np.ndarray], np.ndarray], values: A) -> A:
    if isinstance(values, xr.DataArray):
        return xr.apply_ufunc(  # type: ignore[no-any-return]
            function, values, dask="parallelized", output_dtypes=["float32"], keep_attrs=True
        )
    return function(np.asarray(values))
