"""The best, the median and the worst case of a test, kept small beside the run for its report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import is_counted, iso, upright
from nowcast.report import frames_seen
from nowcast.run.folder import CASES, numbered
from nowcast.writers import write_dataset

__all__ = ["cases_beside", "keep_cases"]

MOST_SIDE = 384
"""Pixels of the longer side of what is kept; larger fields are kept as means of squares."""

MOST_LEADS = 12
KEPT_BITS = 9
"""Of 23 behind the point: to a thousandth of each value, which packs well."""

DULL = 0.1
"""Cases in which the baseline errs less than this share of its mean error are no example of anything."""

NONE: Mapping[str, xr.DataArray] = MappingProxyType({})


def cases_beside(picture: Path) -> Path:
    """Where the cases of a picture's cube are kept: `cases-2.nc` beside `forecast-2.png`."""
    found = re.search(r"-(\d+)$", picture.stem)
    return picture.with_name(numbered(CASES, int(found[1]) if found else 1))


def keep_cases(
    predicted: xr.DataArray,
    observed: xr.DataArray,
    path: Path,
    *,
    others: Mapping[str, xr.DataArray] = NONE,
) -> None:
    """Write the cases in which the model did best, middling and worst, truth and baselines with them.

    Parameters
    ----------
    predicted
        The model's forecast cube.
    observed
        The cube that it came from.
    path
        A NetCDF file: `field` by `case, forecaster, lead_time, y, x`; the first forecaster is the truth, the last one
        persistence, and the first lead time 0, when all show what was observed last.
    others
        Forecast cubes of baselines. Cases are told by the model's squared error as a share of advection's where there
        is one, else of persistence's.
    """
    every = -(-predicted.sizes["lead_time"] // MOST_LEADS)
    predicted = predicted.isel(lead_time=slice(every - 1, None, every), channel=0)
    seen = frames_seen(observed)
    against = "advection" if "advection" in others else "persistence"
    errors = np.array([_errors(each, seen, others.get(against)) for each in predicted])
    picked = _picked(errors)
    if not picked:
        return
    name = str(predicted.attrs.get("nowcast_model", "forecast"))
    stacks, shares = [], []
    for case in picked.values():
        one = predicted[case]
        start = one["forecast_reference_time"].values
        newest = seen(start)
        members = {
            "observed": np.stack([seen(time) for time in one["valid_time"].values]),
            name: one.values,
            **{other: _aligned(forecast, one) for other, forecast in others.items()},
            "persistence": np.stack([newest] * one.sizes["lead_time"]),
        }
        stacks.append(np.stack([np.concatenate([newest[None], frames]) for frames in members.values()]))
        shares.append(errors[case, 0] / errors[case, 1])
    part = _seen_part(np.stack(stacks))
    side = -(-max(axis.stop - axis.start for axis in part) // MOST_SIDE)
    table = _dataset(predicted, observed, picked, list(members), [stack[..., *part] for stack in stacks], part, side)
    shown = {"long_name": f"squared error as a share of that of {against}"}
    table = table.assign_coords(share_of_error=("case", shares, shown)).assign_attrs(against=against)
    write_dataset(table, path)


def _dataset(
    predicted: xr.DataArray,
    observed: xr.DataArray,
    picked: Mapping[str, int],
    names: list[str],
    fields: list[np.ndarray],
    part: tuple[slice, slice],
    side: int,
) -> xr.Dataset:
    rows, columns = upright(predicted)
    kept = {key: observed.attrs[key] for key in ("units", "long_name", "standard_name") if key in observed.attrs}
    leads = predicted["lead_time"].values
    starts = predicted["forecast_reference_time"].values[list(picked.values())]
    coords: dict[str, Any] = {
        "case": list(picked),
        "forecaster": names,
        "lead_time": ("lead_time", np.concatenate([[np.timedelta64(0, "ns")], leads])),
        "reference": ("case", [iso(start) for start in starts]),
    }
    for axis, kept_part, order in zip(("y", "x"), part, (rows, columns), strict=True):
        if axis in predicted.coords and predicted[axis].dtype.kind in "iuf":
            values = predicted[axis].values[kept_part].astype("float64")
            values = values[: len(values) // side * side].reshape(-1, side).mean(axis=1)[order]
            coords[axis] = (axis, values, dict(predicted[axis].attrs))
    stack = np.stack([_smaller(field, side)[..., rows, columns] for field in fields])
    return xr.Dataset(
        {"field": (("case", "forecaster", "lead_time", "y", "x"), _rounded(stack), kept)},
        coords=coords,
        attrs={
            "variable": str(observed.name),
            "pixels_averaged": side,
            "clip": int(is_counted(observed["time"])),
            "cases_to_choose_from": predicted.sizes["forecast_reference_time"],
        },
    )


def _errors(one: xr.DataArray, seen: object, baseline: xr.DataArray | None) -> tuple[float, float]:
    """Squared errors of the model and of the baseline, over the pixels that both and the truth have."""
    truth = np.stack([seen(time) for time in one["valid_time"].values])  # type: ignore[operator]
    start = one["forecast_reference_time"].values
    other = seen(start)[None] if baseline is None else _aligned(baseline, one)  # type: ignore[operator]
    both = [(values - truth) ** 2 for values in (one.values, other)]
    valid = np.isfinite(both[0]) & np.isfinite(both[1])
    return (float(both[0][valid].sum()), float(both[1][valid].sum()))


def _aligned(forecast: xr.DataArray, one: xr.DataArray) -> np.ndarray:
    """A baseline's frames at one reference time and the lead times kept; blank where it has none."""
    forecast = forecast.isel(channel=0) if "channel" in forecast.dims else forecast
    start, found = one["forecast_reference_time"].values, np.full(one.shape, np.nan, "float32")
    for case in np.flatnonzero(forecast["forecast_reference_time"].values == start):
        own = {lead: index for index, lead in enumerate(forecast["lead_time"].values)}
        chosen = [own[lead] for lead in one["lead_time"].values if lead in own]
        there = [index for index, lead in enumerate(one["lead_time"].values) if lead in own]
        found[there] = forecast.isel(forecast_reference_time=case, lead_time=chosen).values
    return found


def _picked(errors: np.ndarray) -> dict[str, int]:
    """Indices by name; `errors` has dims `(case, model and baseline)`."""
    model, baseline = errors.T
    lively = np.flatnonzero((baseline > 0) & (baseline >= DULL * baseline.mean()))
    order = lively[np.argsort(model[lively] / baseline[lively], kind="stable")]
    if len(order) == 0:
        return {}
    if len(order) == 1:
        return {"only": int(order[0])}
    found = {"best": int(order[0]), "median": int(order[len(order) // 2]), "worst": int(order[-1])}
    return {name: case for name, case in found.items() if name != "median" or len(order) > 2}


def _seen_part(stack: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns about all pixels that ever have a value."""
    known = np.isfinite(stack).any(axis=(0, 1, 2))
    found = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
    return slice(int(found[0][0]), int(found[0][-1]) + 1), slice(int(found[1][0]), int(found[1][-1]) + 1)


def _smaller(stack: np.ndarray, side: int) -> np.ndarray:
    """Means of squares of pixels; what is left over is cut off, and mostly missing squares are missing."""
    if side == 1:
        return stack
    height, width = (length // side for length in stack.shape[-2:])
    cut = stack[..., : height * side, : width * side]
    squares = cut.reshape(*stack.shape[:-2], height, side, width, side)
    known = np.isfinite(squares)
    count = known.sum(axis=(-3, -1))
    total = np.where(known, squares, 0).sum(axis=(-3, -1))
    return np.where(2 * count >= side * side, total / np.maximum(count, 1), np.nan)


def _rounded(values: np.ndarray) -> np.ndarray:
    lost = 23 - KEPT_BITS
    bits = np.ascontiguousarray(values, "float32").view("uint32") + np.uint32(1 << (lost - 1))
    rounded = (bits >> np.uint32(lost) << np.uint32(lost)).view("float32")
    return np.where(np.isfinite(values), rounded, np.nan).astype("float32")
