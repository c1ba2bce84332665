"""The formats that are damaged: for each one line, and the maker of a small whole file."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

__all__ = ["FORMATS", "Format"]

SHARED = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Format:
    """A format to damage.

    Parameters
    ----------
    make
        Puts a small whole file into a folder; raises LookupError where it cannot be made here, with the reason.
    own
        Whether nowcast writes it, and so vouches for it.
    checksum
        Whether the format guards the field's bytes by itself.
    """

    name: str
    make: Callable[[Path], Path]
    own: bool = False
    checksum: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def echoes(frames: int = 8, side: int = 300) -> xr.DataArray:
    """Soft blobs that move, packed as int16, some pixels missing; projected."""
    frame, row, column = np.meshgrid(np.arange(frames), np.arange(side), np.arange(side), indexing="ij")
    values = 20 * np.sin((row + 2 * frame) / 17) * np.cos((column - 3 * frame) / 23)
    values = np.where(values > 4, np.round(values, 1), 0.0).astype("float32")
    values[:, :7, :9] = np.nan
    cube = xr.DataArray(
        values[:, None],
        dims=("time", "channel", "y", "x"),
        coords={
            "time": ("time", pd.date_range("2026-05-01", periods=frames, freq="5min"), {"standard_name": "time"}),
            "y": ("y", 1000.0 * np.arange(side)[::-1], {"units": "m", "standard_name": "projection_y_coordinate"}),
            "x": ("x", 1000.0 * np.arange(side), {"units": "m", "standard_name": "projection_x_coordinate"}),
            "crs": (
                (),
                np.int32(0),
                {
                    "grid_mapping_name": "transverse_mercator",
                    "latitude_of_projection_origin": 0.0,
                    "longitude_of_central_meridian": 27.0,
                    "scale_factor_at_central_meridian": 0.9996,
                    "false_easting": 500000.0,
                    "false_northing": 0.0,
                },
            ),
        },
        name="rain_rate",
        attrs={
            "units": "mm h-1",
            "long_name": "rain rate",
            "standard_name": "rainfall_rate",
            "grid_mapping": "crs",
            "source_dims": "time=time y=y x=x",
            "dataset:institution": "nowhere in particular",
            "dataset:comment": "free text, " * 20,
        },
    )
    cube.encoding = {"dtype": "int16", "scale_factor": 0.1, "add_offset": 0.0, "_FillValue": np.int16(-1)}
    return cube


def _ours(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import nowcast
        from nowcast.errors import NowcastError

        try:
            return nowcast.write_cube(echoes(), folder / name)
        except NowcastError as error:
            raise LookupError(f"not written: {error.what}") from error

    return make


def _dataset(side: int = 64) -> xr.Dataset:
    cube = echoes(side=side).isel(channel=0, drop=True)
    mapping = cube["crs"]
    dataset = cube.drop_vars("crs").to_dataset()
    return dataset.assign({"crs": mapping})


def _netcdf(name: str, *, kind: str, **encoding: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        dataset = _dataset()
        dataset["rain_rate"].encoding = encoding
        path = folder / name
        dataset.to_netcdf(path, engine="netcdf4", format=kind)
        return path

    return make


def _zarr(version: int, *, consolidated: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        dataset = _dataset().chunk({"time": 4, "y": 32, "x": 32})
        for variable in dataset.variables.values():
            variable.encoding = {}
        path = folder / "foreign.zarr"
        dataset.to_zarr(path, zarr_format=version, consolidated=consolidated)
        return path

    return make


def _real(name: str, *, unzip: bool = False) -> Callable[[Path], Path]:
    """The first real file that the pattern matches."""

    def make(folder: Path) -> Path:
        found = next(iter(sorted(SHARED.glob(name))), None)
        if found is None:
            raise LookupError(f"no real file {name}")
        path = folder / (found.name.removesuffix(".gz") if unzip else found.name)
        if found.is_dir():
            shutil.copytree(found, path)
        else:
            path.write_bytes(gzip.decompress(found.read_bytes()) if unzip else found.read_bytes())
        path.chmod(0o755 if path.is_dir() else 0o644)
        return path

    return make


def _seviri(folder: Path) -> Path:
    """The real store, its first seven frames: what else it holds is a matter of time only."""
    path = _real("satellite/seviri*/sat_data.zarr")(folder)
    for file in [*path.rglob("*")]:
        file.chmod(0o755 if file.is_dir() else 0o644)
        if file.parent.name == "data" and file.name[0] in "123":
            file.unlink()
    whole = json.loads((path / ".zmetadata").read_text())
    for name in ("data", "time"):
        whole["metadata"][f"{name}/.zarray"]["shape"][0] = 7
        (path / name / ".zarray").write_text(json.dumps(whole["metadata"][f"{name}/.zarray"]))
    (path / ".zmetadata").write_text(json.dumps(whole))
    return path


FORMATS: tuple[Format, ...] = (
    Format("nowcast .nc", _ours("own.nc"), own=True, checksum=True),
    Format("nowcast .zarr", _ours("own.zarr"), own=True, checksum=True),
    Format("nowcast .ome.tif", _ours("own.ome.tif"), own=True, checksum=True),
    Format("nowcast .ome.zarr", _ours("own.ome.zarr"), own=True, checksum=True),
    Format("NetCDF-3", _netcdf("classic.nc", kind="NETCDF3_CLASSIC")),
    Format("NetCDF-3 64 bit", _netcdf("offset.nc", kind="NETCDF3_64BIT")),
    Format("NetCDF-4 plain", _netcdf("plain.nc", kind="NETCDF4")),
    Format("NetCDF-4 zlib", _netcdf("zlib.nc", kind="NETCDF4", zlib=True, chunksizes=(2, 64, 64)), checksum=True),
    Format("NetCDF-4 real, Melbourne", _real("radar/bom_melbourne*/*.nc"), checksum=True),
    Format("zarr v2", _zarr(2, consolidated=True)),
    Format("zarr v3", _zarr(3, consolidated=False)),
    Format("zarr v2 real, SEVIRI", _seviri),
)
