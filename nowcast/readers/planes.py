"""From stacks of planes and colours to frames: Z projected or picked, colours to grey. Shared by pictures and stacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nowcast.errors import InputError
from nowcast.readers.options import Options

__all__ = ["LUMA", "flattened", "require_plane", "sizes_of"]

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601)."""

_PROJECTIONS: dict[str, Callable[..., np.ndarray]] = {"max": np.max, "mean": np.mean, "sum": np.sum}
_COLOURS = ["red", "green", "blue", "alpha"]

Flatten = Callable[[np.ndarray], np.ndarray]


def sizes_of(axes: str, shape: tuple[int, ...]) -> dict[str, int]:
    """Lengths by the letters of the axes."""
    return dict(zip(axes, shape, strict=True))


def flattened(
    sizes: dict[str, int], dtype: np.dtype[Any], options: Options
) -> tuple[list[str], tuple[int, ...], np.dtype[Any]]:
    """Names of the channels (none: no such axis), the shape of a frame, and its dtype, once planes are one."""
    colours = sizes.get("S", 1) if options.rgb else 1
    count = sizes.get("C", 1) * min(colours, 3)
    names = _COLOURS[:count] if colours > 1 and count <= 3 else [str(index) for index in range(count)]
    if sizes.get("Z", 1) > 1 and options.z in ("mean", "sum"):
        dtype = np.dtype("float32")
    channels = names if "C" in sizes or colours > 1 else []
    return channels, (*((count,) if channels else ()), sizes["Y"], sizes["X"]), dtype


def require_plane(sizes: dict[str, int], options: Options, *, label: str) -> Flatten:
    """What makes `(time, channel, z, y, x, colour)` to `(time, [channel,] y, x)`.

    Raises
    ------
    InputError
        There are several planes and nothing says what to do with them.
    """
    depth = sizes.get("Z", 1)
    z = options.z
    if depth > 1 and not (z in _PROJECTIONS or (str(z).isdigit() and int(str(z)) < depth)):
        raise InputError(
            f"{label}: each frame is a stack of {depth} planes",
            found="" if z is None else f"--z {z}",
            needed=f"one: max, mean or sum over them, or the number of one, 0 to {depth - 1}",
            next_step="--z max",
        )
    channels, shape, dtype = flattened(sizes, np.dtype("float32"), options)

    def flat(values: np.ndarray) -> np.ndarray:
        kind = values.dtype
        if depth > 1 and z in _PROJECTIONS:
            values = _PROJECTIONS[str(z)](values, axis=2)
        else:
            values = values[:, :, int(str(z)) if depth > 1 else 0]
        if values.shape[-1] >= 3:
            values = _colours(values[..., :3], kind, rgb=options.rgb)
        else:
            values = values[..., 0]
        return values.reshape(len(values), *shape)

    return flat


def _colours(values: np.ndarray, kind: np.dtype[Any], *, rgb: bool) -> np.ndarray:
    """`(time, channel, y, x, 3)` to grey `(time, channel, y, x)`, or to `(time, channel, 3, y, x)`."""
    if rgb:
        return np.moveaxis(values, -1, 2)
    grey = values @ np.array(LUMA)
    return np.round(grey).astype(kind) if kind.kind in "iu" else grey.astype(kind)
