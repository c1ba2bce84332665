"""From stored numbers to values: packing, sign, fill codes and valid ranges (CF conventions, sections 2.5 and 8.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

__all__ = ["Decoding", "decoding", "unpack"]

_PACKING = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
_EXACT_STEPS = 2**23


@dataclass(frozen=True)
class Decoding:
    """How a stored variable becomes values."""

    dtype: np.dtype[Any]
    attrs: dict[Any, Any]
    encoding: dict[str, Any]
    decode: Callable[[np.ndarray], np.ndarray] | None
    """None where the values are as stored."""


def unpack(variable: xr.Variable, *, coordinate: bool = False) -> xr.Variable:
    """Decode a variable as stored; fill codes, and values outside the valid range, become NaN.

    Floats come out as float32 where that tells neighbouring codes apart, else float64; integers without packing, fill
    code or range stay integers. A coordinate is not cut to its valid range, and unpacks to float64. How it was stored
    is in `encoding`: dtype, and the packing attributes as they stood.
    """
    how, data = decoding(variable, coordinate=coordinate), variable.data
    if how.decode is not None and isinstance(data, da.Array):
        data = da.map_blocks(how.decode, data, dtype=how.dtype, meta=np.empty((0,) * data.ndim, how.dtype))
    elif how.decode is not None:
        data = how.decode(np.asarray(data))
    return xr.Variable(variable.dims, data, how.attrs, how.encoding)


def decoding(variable: xr.Variable, *, coordinate: bool = False) -> Decoding:
    """What `unpack` does, without doing it."""
    attrs = dict(variable.attrs)
    packing = {key: attrs.pop(key) for key in _PACKING if key in attrs}
    stored = variable.dtype
    encoding: dict[str, Any] = {"dtype": stored, **_writable(packing)}
    if stored.kind not in "iuf":
        return Decoding(stored, {**attrs, **packing}, {}, None)
    native = _signed(stored, packing.get("_Unsigned"))
    scale = _single(packing.get("scale_factor"))
    offset = _single(packing.get("add_offset"))
    packed = scale is not None or offset is not None
    fills = [*_codes(packing.get("_FillValue"), native), *_codes(packing.get("missing_value"), native)]
    low, high, of_values = _valid_range(attrs, native, packed) if not coordinate else (None, None, False)
    masked = bool(fills) or low is not None or high is not None
    out = _float_for(native, 1.0 if scale is None else scale, offset or 0.0) if packed or masked else native
    if coordinate and packed:
        out = np.dtype("float64")
    decode = partial(
        _decode,
        native=native,
        out=out,
        fills=fills,
        low=low,
        high=high,
        of_values=of_values,
        scale=scale,
        offset=offset,
    )
    plain = out == stored and not packed and not masked
    return Decoding(out, attrs, encoding, None if plain else decode)


def _decode(
    block: np.ndarray,
    *,
    native: np.dtype[Any],
    out: np.dtype[Any],
    fills: list[float | int],
    low: float | int | None,
    high: float | int | None,
    of_values: bool,
    scale: float | None,
    offset: float | None,
) -> np.ndarray:
    raw = block.astype(block.dtype.newbyteorder("="), copy=False).view(native)
    wrong = np.zeros(raw.shape, dtype=bool)
    for fill in fills:
        wrong |= raw == fill
    values: np.ndarray = raw
    if scale is not None or offset is not None:
        values = raw * np.float64(1.0 if scale is None else scale) + np.float64(offset or 0.0)
    judged = values if of_values else raw
    if low is not None:
        wrong |= judged < low
    if high is not None:
        wrong |= judged > high
    values = values.astype(out)
    if wrong.any():
        values[wrong] = np.nan
    return values


def _signed(stored: np.dtype[Any], unsigned: Any) -> np.dtype[Any]:
    native = stored.newbyteorder("=")
    text = str(unsigned).lower()
    if native.kind == "i" and text == "true":
        return np.dtype(f"u{native.itemsize}")
    if native.kind == "u" and text == "false":
        return np.dtype(f"i{native.itemsize}")
    return native


def _single(value: Any) -> float | None:
    return None if value is None else float(np.asarray(value).ravel()[0])


def _codes(value: Any, native: np.dtype[Any]) -> list[float | int]:
    """Fill codes as numbers of the stored type; NaN needs no code, text that is no number is none."""
    codes: list[float | int] = []
    for item in [] if value is None else np.atleast_1d(np.asarray(value)).tolist():
        try:
            number = float(item)
        except (TypeError, ValueError):
            continue
        if np.isnan(number):
            continue
        if native.kind == "f":
            with np.errstate(over="ignore"):
                codes.append(float(native.type(number)))
        elif number == int(number):
            codes.append(_wrapped(int(item), native))
    return codes


def _wrapped(code: int, native: np.dtype[Any]) -> int:
    """The same bits read with the other sign, where the code does not fit: -1 is 255 in unsigned bytes."""
    span = 2 ** (8 * native.itemsize)
    limits = np.iinfo(native)
    if code < limits.min and code + span <= limits.max:
        return int(code + span)
    if code > limits.max and code - span >= limits.min:
        return int(code - span)
    return code


def _valid_range(attrs: dict[str, Any], native: np.dtype[Any], packed: bool) -> tuple[Any, Any, bool]:
    """Low, high, and whether they are in units of the decoded values (floats on packed integers) or of the codes."""
    low, high = attrs.get("valid_min"), attrs.get("valid_max")
    both = attrs.get("valid_range")
    if both is not None and np.size(both) == 2:
        low, high = np.asarray(both).tolist()
    limits = [None if limit is None else np.asarray(limit).ravel()[:1] for limit in (low, high)]
    if any(limit is not None and (not limit.size or limit.dtype.kind not in "iuf") for limit in limits):
        return None, None, False
    of_values = packed and native.kind in "iu" and any(x is not None and x.dtype.kind == "f" for x in limits)
    told = [None if limit is None else limit[0].item() for limit in limits]
    if not of_values and native.kind in "iu":
        told = [_wrapped(limit, native) if isinstance(limit, int) else limit for limit in told]
    if native.kind == "f" and not packed:
        # A limit in double precision must not cut off the same limit in the single precision of the data.
        told = [None if limit is None else float(native.type(limit)) for limit in told]
    return told[0], told[1], of_values


def _float_for(native: np.dtype[Any], scale: float, offset: float) -> np.dtype[Any]:
    if native.kind == "f":
        return native
    if native.itemsize > 2:
        return np.dtype("float64")
    limits = np.iinfo(native)
    largest = max(abs(offset + scale * limits.min), abs(offset + scale * limits.max))
    return np.dtype("float32" if largest <= abs(scale) * _EXACT_STEPS else "float64")


def _writable(packing: dict[str, Any]) -> dict[str, Any]:
    """The packing that can be written again: one fill code, not two that differ."""
    kept = {key: value for key, value in packing.items() if np.size(value) == 1}
    if "_FillValue" in kept and "missing_value" in kept and str(kept["_FillValue"]) != str(kept["missing_value"]):
        del kept["missing_value"]
    return kept
