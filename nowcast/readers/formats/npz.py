"""Arrays in NumPy's zip files: MeteoNet's rainfall, whose dates are pickled, and plain ones with `data` and `time`.

MeteoNet: Larvor et al. 2020, https://meteonet.umr-cnrm.fr
"""

from __future__ import annotations

import io
import pickle
import zipfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import xarray as xr

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.damage import damaged, parsing
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options

__all__ = ["NPZReader"]

LARGEST_MEMBER = 2**34
LARGEST_PICKLE = 2**24
_FIELD = "data"
_METEONET = "dates"


class NPZReader:
    """`data` (time, y, x), its times (`time`, or MeteoNet's `dates`), and `lats`, `lons` in the file or beside it."""

    name = "NumPy .npz"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
        return f"{_FIELD}.npy" in _names(path)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        with parsing(str(path)):
            shape, dtype = _header(path, _FIELD)
            names = _names(path)
        if len(shape) != 3 or dtype.kind not in "iuf" or min(shape) < 1:
            raise InputError(f"{path}: its array {_FIELD!r} is no field over time", found=f"{dtype} {shape}")
        field = lazily(path, partial(_load, path), frames=shape[0], shape=shape[1:], dtype=dtype, at_once=shape[0])
        dims = ("time", "y", "x")
        time = {"standard_name": "time"}
        if f"{_METEONET}.npy" in names:
            coords = {"time": xr.Variable(("time",), _dates(path, options, shape[0]), time), **_places(path, shape)}
            attrs = {
                "units": "mm",
                "scale_factor": np.float32(0.01),
                "_FillValue": dtype.type(-1),
                "standard_name": "lwe_thickness_of_precipitation_amount",
                "long_name": "precipitation in 5 min",
                "cell_methods": "time: sum (interval: 5 minutes)",
            }
            return xr.Dataset({"precipitation_amount": (dims, field, attrs)}, coords=coords)
        coords = _places(path, shape)
        if "time.npy" in names:
            with parsing(str(path)):
                moments = _plain(path, "time")
            if moments.shape != shape[:1] or moments.dtype.kind != "M":
                raise InputError(f"{path}: 'time' does not fit", found=f"{moments.dtype} {moments.shape}")
            coords["time"] = xr.Variable(("time",), moments.astype("datetime64[ns]"), time)
        return xr.Dataset({_FIELD: (dims, field, {})}, coords=coords)


def _names(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as file:
            return set(file.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return set()


def _opened(file: zipfile.ZipFile, name: str) -> BinaryIO:
    return cast(BinaryIO, file.open(f"{name}.npy"))


def _read_header(member: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(member)
    return shape, fortran, dtype


def _header(path: Path, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a member, once the file can hold what it promises."""
    with zipfile.ZipFile(path) as file:
        info = file.getinfo(f"{name}.npy")
        with _opened(file, name) as member:
            shape, _, dtype = _read_header(member)
    needed = int(np.prod(shape, dtype=float)) * dtype.itemsize
    if dtype.kind != "O" and (needed > info.file_size or info.file_size > LARGEST_MEMBER):
        raise damaged(
            path,
            f"{name!r} is not the size that it states",
            found=f"{info.file_size:,} bytes",
            needed=f"{needed:,}",
        )
    return shape, dtype


def _plain(path: Path, name: str) -> np.ndarray:
    """A member without objects, its checksum checked."""
    _header(path, name)
    with zipfile.ZipFile(path) as file, _opened(file, name) as member:
        values: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
        member.read()
    return values


def _load(path: Path, first: int, stop: int) -> np.ndarray:
    with parsing(str(path)):
        return _plain(path, _FIELD)[first:stop]


def _dates(path: Path, options: Options, frames: int) -> np.ndarray:
    """The pickled dates, if that is allowed; even then nothing but dates and arrays of them is made."""
    if not options.trust_pickle:
        raise UnsafeError(
            f"{path}: its dates are pickled Python objects, which can run any program when they are read",
            needed="your word that you trust who made the file",
            next_step="--trust-pickle reads them (nothing but dates and arrays is made of them)",
        )
    with parsing(str(path)), zipfile.ZipFile(path) as file:
        if file.getinfo(f"{_METEONET}.npy").file_size > LARGEST_PICKLE:
            raise UnsafeError(f"{path}: its pickled dates are too long to be dates")
        with _opened(file, _METEONET) as member:
            _read_header(member)
            dates = _DatesAlone(io.BytesIO(member.read())).load()
    moments = np.array([np.datetime64(date, "ns") for date in np.ravel(dates)])
    if moments.shape != (frames,):
        raise damaged(path, f"{len(moments)} dates for {frames} frames")
    return moments


class _DatesAlone(pickle.Unpickler):
    """Makes dates and arrays, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("datetime", "datetime"):
            return datetime
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np._core.multiarray._reconstruct
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise UnsafeError(
            f"its pickled dates ask for {module}.{name}, which is no date", next_step="do not use this file"
        )


def _places(path: Path, shape: tuple[int, ...]) -> dict[str, xr.Variable]:
    """Latitude and longitude of this file, or of the one beside it that holds them for this size."""
    attrs = {
        "lat": {"units": "degrees_north", "standard_name": "latitude"},
        "lon": {"units": "degrees_east", "standard_name": "longitude"},
    }
    beside = sorted(other for other in path.parent.glob("*.npz") if other != path)
    for file in (path, *beside):
        if not {"lats.npy", "lons.npy"} <= _names(file):
            continue
        with parsing(str(file)):
            lat, lon = _plain(file, "lats"), _plain(file, "lons")
        if lat.shape == lon.shape == shape[1:]:
            return {name: xr.Variable(("y", "x"), values, attrs[name]) for name, values in (("lat", lat), ("lon", lon))}
    return {}
