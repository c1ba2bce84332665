"""The formats that are damaged: for each one line, and the maker of a small whole file."""

from __future__ import annotations

import gzip
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

__all__ = ["FORMATS", "Format"]

START = {"start_time": "2026-05-01T12:00"}
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


def _odim(folder: Path) -> Path:
    """The real file, cut to a part of 220 x 190 pixels."""
    import h5py

    path = _real("radar/opera*/*.hdf")(folder)
    small = folder / "small.hdf"
    with h5py.File(path, "r") as file, h5py.File(small, "w") as cut:
        for name in file:
            if name != "dataset2":
                file.copy(name, cut)
        cut.attrs.update(file.attrs)
        place = cut["dataset1/data1"]
        values = place["data"][900:1120, 900:1090]
        attrs = dict(place["data"].attrs)
        del place["data"]
        place.create_dataset("data", data=values, compression=6, chunks=(110, 190)).attrs.update(attrs)
        for holder in (cut["where"], cut["dataset1"].get("where", cut["where"])):
            holder.attrs.update({"xsize": 190, "ysize": 220})
    path.unlink()
    with h5py.File(small, "r") as cut, h5py.File(path, "w") as file:  # without the room of what was cut off
        for name in cut:
            cut.copy(name, file)
        file.attrs.update(cut.attrs)
    small.unlink()
    return path


def _npz(folder: Path) -> Path:
    cube = echoes(6, 64)
    path = folder / "data.npz"
    values = np.nan_to_num(cube.values[:, 0], nan=-1).astype("float32")
    np.savez_compressed(path, data=values, time=cube["time"].values.astype("datetime64[s]"))
    return path


def _geotiff(folder: Path) -> Path:
    """UTM 35N, 250 m, two strips, deflate."""
    import tifffile

    path = folder / "201705091045.tif"
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3067)
    tags = [
        (33550, "d", 3, (250.0, 250.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 300000.0, 7000000.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    values = np.nan_to_num(echoes(1, 64).values[0, 0] * 10, nan=255).astype("uint8")
    tifffile.imwrite(path, values, extratags=tags, metadata=None, compression="zlib", rowsperstrip=32)
    return path


def _imagej(folder: Path) -> Path:
    import tifffile

    path = folder / "stack.tif"
    values = np.nan_to_num(echoes(6, 64).values[:, 0] * 10).astype("uint16")
    tifffile.imwrite(
        path, values, imagej=True, resolution=(2.8, 2.8), metadata={"axes": "TYX", "finterval": 5.0, "unit": "um"}
    )
    return path


def _zlib_tiff(folder: Path) -> Path:
    import tifffile

    path = folder / "stack.tif"
    values = np.nan_to_num(echoes(6, 64).values[:, 0] * 10).astype("uint16")
    tifffile.imwrite(path, values, compression="zlib", metadata=None, photometric="minisblack")
    return path


def _grib(folder: Path) -> Path:
    import pyproj  # noqa: F401  (before ecCodes, which brings another PROJ)

    try:
        import eccodes
    except (ImportError, RuntimeError) as error:
        raise LookupError(f"no ecCodes: {error}") from error
    path = folder / "fields.grib2"
    with path.open("wb") as file:
        for number in range(3):
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            keys = {"Ni": 40, "Nj": 30, "dataDate": 20260501, "dataTime": 100 * number, "bitsPerValue": 16}
            keys |= {"longitudeOfLastGridPointInDegrees": 39.0, "latitudeOfLastGridPointInDegrees": 31.0}
            keys |= {"latitudeOfFirstGridPointInDegrees": 60.0, "iDirectionIncrementInDegrees": 1.0}
            for key, value in keys.items():
                eccodes.codes_set(handle, key, value)
            eccodes.codes_set_values(handle, np.nan_to_num(echoes(3, 64).values[number, 0, :30, :40]).ravel())
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    return path


def _picture(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from PIL import Image

        path = folder / f"20260501_120000{suffix}"
        Image.fromarray(np.nan_to_num(echoes(1, 64).values[0, 0] * 10).astype("uint8")).save(path)
        return path

    return make


def _film(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import nowcast

        frames, side = 12, 64
        cube = echoes(frames, side).fillna(0)
        grey = (
            (cube * 10).astype("uint8").rename("grey").drop_vars("crs").assign_attrs(units="1", long_name="grey level")
        )
        grey.attrs.pop("grid_mapping")
        grey.encoding = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that MP4 loses
            return nowcast.write_cube(grey, folder / name)

    return make


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
    Format("ODIM HDF5, part of a real file", _odim),
    Format("KNMI HDF5, real", _real("radar/knmi*/*.h5")),
    Format("PGM real, FMI", _real("radar/fmi*pgm/*.gz", unzip=True)),
    Format("PGM gzipped real, FMI", _real("radar/fmi*pgm/*.gz"), checksum=True),
    Format("GIF real, MeteoSwiss", _real("radar/meteoswiss_2015*/*.gif"), options={"colour_table": "meteoswiss"}),
    Format("npz", _npz, checksum=True),
    Format("GRIB 2", _grib),
    Format("GeoTIFF", _geotiff, checksum=True, options=START),
    Format("TIFF of ImageJ", _imagej),
    Format("TIFF zlib", _zlib_tiff, checksum=True, options={"axes": "TYX", "time_step": "5min"}),
    Format("OME-TIFF real, nucleus", _real("microscopy/nucleus*/*.tif"), options={"z": "max"}),
    Format("AVI real, HMDB51", _real("video/hmdb51/*.avi")),
    Format("MKV, FFV1", _film("film.mkv"), options=START),
    Format("MP4, H.264", _film("film.mp4"), options=START),
    Format("GIF, animation", _film("film.gif"), options={**START, "colour_table": "meteoswiss"}),
    Format("PNG", _picture(".png"), checksum=True, options=START),
    Format("JPEG", _picture(".jpg"), options=START),
)
