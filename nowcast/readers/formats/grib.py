"""GRIB 1 and 2 by cfgrib and ECMWF's ecCodes; no index file is left beside the data."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import xarray as xr

from nowcast.errors import InputError, MachineError
from nowcast.readers import projections  # noqa: F401  (pyproj before ecCodes, which brings another PROJ)
from nowcast.readers.damage import damaged, parsing
from nowcast.readers.options import Options

__all__ = ["GRIBReader"]

_OF_A_FORECAST = ("time", "step", "valid_time")


class GRIBReader:
    """Fields by the time that they are valid for; levels and other scalars stay as coordinates."""

    name = "GRIB"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        with path.open("rb") as file:
            return file.read(4) == b"GRIB"

    def open(self, path: Path, options: Options) -> xr.Dataset:
        try:
            import cfgrib  # noqa: F401
        except (ImportError, RuntimeError) as error:
            raise MachineError(
                f"{path}: GRIB needs the packages cfgrib and eccodes", next_step="pip install 'nowcast[grib]'"
            ) from error
        _require_whole(path)
        with parsing(str(path)):
            # errors="raise": cfgrib would otherwise leave out messages that do not fit together
            dataset = xr.open_dataset(
                path, engine="cfgrib", chunks=None, cache=False, backend_kwargs={"indexpath": "", "errors": "raise"}
            )
        along = [str(dim) for dim in dataset.dims if dim in ("time", "step")]
        if len(along) > 1:
            raise InputError(
                f"{path}: forecasts from several times, not observed frames",
                found=", ".join(f"{dim} {dataset.sizes[dim]}" for dim in along),
                needed="one axis of time",
                next_step="take one out: cdo seltimestep, or grib_copy -w step=0",
            )
        valid = dataset["valid_time"].variable
        plain = dataset.drop_vars([name for name in _OF_A_FORECAST if name in dataset.variables])
        if along:
            plain = plain.rename({along[0]: "time"})
            return plain.assign_coords(time=("time", valid.values, {"standard_name": "time"}))
        return plain.assign_coords(time=((), valid.values, {"standard_name": "time"}))


def _require_whole(path: Path) -> None:
    """Refuse a file whose messages are cut: each says its length, and ends in 7777."""
    size, place, count = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            start = file.read(16)
            edition = start[7] if len(start) == 16 else 0
            length = int.from_bytes(start[8:16] if edition == 2 else start[4:7], "big")
            file.seek(max(place, place + length - 4))
            if start[:4] != b"GRIB" or length < 16 or place + length > size or file.read(4) != b"7777":
                raise damaged(
                    path,
                    f"message {count} is cut short or no GRIB message",
                    found=f"{size} bytes",
                    needed=f"{place + length} bytes" if start[:4] == b"GRIB" else "GRIB ... 7777",
                )
            file.seek(place)
            if not _sections_fit(file, edition, length):
                raise damaged(
                    path,
                    f"the sections of message {count} do not fit together",
                    needed=f"sections that fill its {length} bytes",
                )
            place, count = place + length, count + 1


def _sections_fit(file: BinaryIO, edition: int, length: int) -> bool:
    """Whether the sections of the message that begins here follow each other to its end: ecCodes crashes on others."""
    if edition == 1:
        file.seek(8, 1)
        left, flags = length - 12, None
        order = [1]
        while order:
            head = file.read(8)
            size = int.from_bytes(head[:3], "big")
            if flags is None:
                flags = head[7] if len(head) == 8 else 0
                order += [2] * bool(flags & 128) + [3] * bool(flags & 64) + [4]
            left -= size
            if size < 8 or left < 0:
                return False
            file.seek(size - 8, 1)
            order.pop(0)
        return left == 0
    file.seek(16, 1)
    left, before = length - 20, 0
    while left > 0:
        head = file.read(5)
        size, number = int.from_bytes(head[:4], "big"), head[4] if len(head) == 5 else 0
        follows = number == before + 1 or (number == 3 and before == 1) or (number in (2, 3, 4) and before == 7)
        if size < 5 or size > left or not follows:
            return False
        file.seek(size - 5, 1)
        left, before = left - size, number
    return left == 0 and before == 7
