"""The fourth axis: kept whole as `channel`, or one entry of it chosen by label or position."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np
import xarray as xr

from nowcast.errors import InputError

__all__ = ["select_extra"]


def select_extra(
    array: xr.DataArray, roles: dict[str, str], label: str, channel: str | int | None
) -> tuple[xr.DataArray, dict[str, str]]:
    """The array without dims that no role was found for, and the source's names of those that stay.

    Raises
    ------
    InputError
        Such a dim is longer than one, and `channel` does not say which entry; or `channel` is none of its entries.
    """
    names = {role: dim for dim, role in roles.items()}
    array = array.squeeze([dim for dim in array.dims if dim not in names and array.sizes[dim] == 1])
    extra = [str(dim) for dim in array.dims if dim not in names]
    if len(extra) > 1 or (extra and (channel is None or "channel" in names)):
        entries = array.coords[extra[0]].values[:8].tolist() if extra[0] in array.coords else []
        raise InputError(
            f"{label}: variable {array.name!r} has the axis {extra[0]!r} beside time, channel, y and x",
            found=f"{array.sizes[extra[0]]} entries" + (f": {', '.join(map(str, entries))}" if entries else ""),
            needed="one of them",
            next_step="choose one: --channel VALUE, or --channel 0 for the first"
            if len(extra) == 1 and "channel" not in names
            else "take one out first: xarray.open_dataset(path).isel(...).to_netcdf(...)",
        )
    if channel is not None:
        axis = extra[0] if extra else "channel"
        if axis not in array.dims:
            raise InputError(f"{label}: has no channels to choose from", found=f"channel {channel!r}")
        position = _position(array, axis, label, channel)
        array = array.isel({axis: position} if extra else {axis: [position]})
    return array, names


def _position(array: xr.DataArray, axis: str, label: str, channel: str | int) -> int:
    entries = [str(entry) for entry in array.coords[axis].values.tolist()] if axis in array.coords else []
    if isinstance(channel, str) and channel in entries:
        return entries.index(channel)
    size = array.sizes[axis]
    if not isinstance(channel, str) or channel.isdigit():
        if 0 <= int(channel) < size:
            return int(channel)
    elif entries:
        numbers = array.coords[axis].values
        if numbers.dtype.kind in "iuf":
            try:
                equal = np.flatnonzero(numbers == float(channel))
            except ValueError:
                equal = np.array([], dtype=int)
            if len(equal):
                return int(equal[0])
    near = get_close_matches(str(channel), entries, n=1)
    raise InputError(
        f"{label}: no channel {channel!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        found=", ".join(entries[:12]) or f"channels 0 to {size - 1}",
        next_step=f"--channel {(near or entries or ['0'])[0]}",
    )
