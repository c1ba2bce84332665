"""Values as integers: a plain cube's as in its source, where every value fits, at no value's cost; probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nowcast.errors import InputError

__all__ = ["PROBABILITY", "DoesNotFitError", "Packing", "as_float32", "pack_probability", "packing_of"]


class DoesNotFitError(Exception):
    """A value cannot be held by the source's packing: write the cube again with `packed=False`."""


@dataclass(frozen=True)
class Packing:
    """Values as integers: `value = code * scale + offset`, and the code `fill` where missing; None where not stated."""

    dtype: np.dtype[Any]
    scale: Any
    offset: Any
    fill: Any

    def attrs(self) -> dict[str, Any]:
        """As CF attributes."""
        named = {"_FillValue": self.fill, "scale_factor": self.scale, "add_offset": self.offset}
        return {name: value for name, value in named.items() if value is not None}

    def unpack(self, values: Any) -> np.ndarray:
        scale = 1 if self.scale is None else self.scale
        offset = 0 if self.offset is None else self.offset
        return np.asarray(values, dtype="float64") * scale + offset

    def pack(self, block: np.ndarray) -> np.ndarray:
        """The codes of values, to within half a scale step.

        Raises
        ------
        DoesNotFitError
            A value beyond the codes, one that would become `fill`, or NaN without a `fill`.
        """
        missing = np.isnan(block)
        if self.fill is None and missing.any():
            raise DoesNotFitError("a missing pixel, and no _FillValue")
        scale = 1 if self.scale is None else float(self.scale)
        offset = 0 if self.offset is None else float(self.offset)
        exact = (np.where(missing, offset, block).astype("float64") - offset) / scale
        codes = np.rint(exact)
        limits = np.iinfo(self.dtype)
        # an int64 limit is no float64; one step inside it is
        low, high = np.nextafter(float(limits.min), 0), np.nextafter(float(limits.max), 0)
        low, high = (limits.min, limits.max) if self.dtype.itemsize < 8 else (low, high)
        if not ((codes >= low) & (codes <= high)).all():
            raise DoesNotFitError(f"a value beyond {self.dtype}")
        if self.scale is None and (codes != exact).any():
            raise DoesNotFitError(f"a fraction, and {self.dtype} without scale_factor")
        packed = codes.astype(self.dtype)
        if self.fill is not None:
            if (packed[~missing] == self.fill).any():
                raise DoesNotFitError("a value that would be packed as _FillValue")
            packed[missing] = self.fill
        return packed


def packing_of(encoding: Mapping[Any, Any]) -> Packing | None:
    """The integer packing that a source's encoding tells, or None where there is none that can be kept."""
    if "dtype" not in encoding or np.dtype(encoding["dtype"]).kind not in "iu":
        return None
    dtype = np.dtype(encoding["dtype"]).newbyteorder("=")
    fill = encoding.get("_FillValue", encoding.get("missing_value"))
    unsigned = str(encoding.get("_Unsigned", "")).lower()
    if unsigned == "true" and dtype.kind == "i":
        signed, dtype = dtype, np.dtype(f"u{dtype.itemsize}")
        fill = None if fill is None else np.asarray(fill).astype(signed).view(dtype)[()]
    elif unsigned == "false" and dtype.kind == "u":
        return None
    scale, offset = encoding.get("scale_factor"), encoding.get("add_offset")
    if np.size(fill) != 1 or (scale is not None and not (np.isfinite(scale) and scale != 0)):
        return None
    if fill is not None:
        limits = np.iinfo(dtype)
        if not limits.min <= fill <= limits.max:
            return None
        fill = dtype.type(fill)
    return Packing(dtype, scale, offset, fill)


PROBABILITY = Packing(np.dtype("uint16"), 1e-4, None, np.uint16(65535))
"""Four digits, for the sake of rare events; to within 5e-5."""


def pack_probability(block: np.ndarray) -> np.ndarray:
    """The codes of probabilities by `PROBABILITY`; what is beyond 0 and 1 by less than half a step is 0 and 1.

    Raises
    ------
    InputError
        Numbers that are no probabilities.
    """
    half = PROBABILITY.scale / 2
    wrong = (block < -half) | (block > 1 + half)
    if wrong.any():
        raise InputError(
            "these are no probabilities",
            found=f"values from {np.nanmin(block):g} to {np.nanmax(block):g}",
            needed="0 to 1, NaN where missing",
        )
    return PROBABILITY.pack(np.clip(block, 0, 1))


def as_float32(block: np.ndarray, what: str = "the field") -> np.ndarray:
    """Values as float32; `what` names them in messages.

    Raises
    ------
    InputError
        One is beyond its range.
    """
    try:
        with np.errstate(over="raise"):
            return block.astype("float32")
    except FloatingPointError as error:
        raise InputError(
            f"{what}: values beyond the range of float32 cannot be written",
            found=f"up to {np.nanmax(np.abs(block)):g}",
            needed="less than 3.4e38",
        ) from error
