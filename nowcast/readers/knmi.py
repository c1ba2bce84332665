"""KNMI's own HDF5 layout of radar composites (not ODIM), as in its open archive of rainfall and reflectivity.

Format: https://cdn.knmi.nl/knmi/pdf/bibliotheek/knmipubIR/IR2003-05.pdf
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.hdf5 import attributes, begins_as_hdf5, opened
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.projections import grid_mapping_of, projected_axes

__all__ = ["KNMIReader"]

_FORMULA = re.compile(r"GEO=([-+0-9.eE]+)\*PV\+?([-+0-9.eE]+)")
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_LARGEST = 50_000


class KNMIReader:
    """One composite to a file. Accumulations are stamped with the end of their interval; its start is kept beside."""

    name = "KNMI HDF5"

    def recognises(self, path: Path) -> bool:
        if not begins_as_hdf5(path):
            return False
        import h5py

        try:
            with h5py.File(path, "r", locking=False) as file:
                kinds = [file.get(name, getclass=True, getlink=True) for name in ("overview", "geographic", "image1")]
        except (OSError, RuntimeError, KeyError):
            return False
        return all(kind is h5py.HardLink for kind in kinds)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        with opened(path) as file:
            image, grid = attributes(file["image1"]), attributes(file["geographic"])
            calibration, overview = attributes(file["image1/calibration"]), attributes(file["overview"])
            projection = attributes(file["geographic/map_projection"])["projection_proj4_params"]
            shape, dtype = file["image1/image_data"].shape, file["image1/image_data"].dtype
            end, start = (_moment(str(overview[f"product_datetime_{name}"])) for name in ("end", "start"))
            rows, columns = int(grid["geo_number_rows"]), int(grid["geo_number_columns"])
            scale, offset = _formula(path, str(calibration["calibration_formulas"]))
            codes = {
                int(calibration[name])
                for name in ("calibration_missing_data", "calibration_out_of_image")
                if name in calibration
            }
            y, x = (
                1000 * float(grid[f"geo_pixel_size_{axis}"]) * (float(grid[f"geo_{side}_offset"]) + sign + 0.5)
                for axis, side, sign in (("y", "row", np.arange(rows)), ("x", "column", np.arange(columns)))
            )
        if shape != (rows, columns) or max(rows, columns) > _LARGEST or dtype.kind not in "iu":
            raise InputError(
                f"{path}: damaged, the image is not the size that the file states",
                found=f"{dtype} {shape}",
                needed=f"integers ({rows}, {columns})",
                next_step="fetch it again, or leave it out",
            )
        name, attrs = _meaning(str(image.get("image_geo_parameter", "")), (end - start) / np.timedelta64(1, "m"))
        packing = {"scale_factor": scale, "add_offset": offset, "missing_value": np.array(sorted(codes), dtype)}
        field = lazily(path, _load(path), frames=1, shape=shape, dtype=dtype)
        return xr.Dataset(
            {
                name: (("y", "x"), field[0], {**attrs, **packing, "grid_mapping": "crs"}),
                "crs": grid_mapping_of(projection, label=str(path)),
            },
            coords={
                "time": ((), end, {"standard_name": "time"}),
                "start_time": ((), start, {"long_name": "start of the interval"}),
                **projected_axes(y, x),
            },
            attrs={"institution": "KNMI", "product": str(overview.get("product_group_name", ""))},
        )


def _load(path: Path) -> Any:
    def load(first: int, stop: int) -> np.ndarray:
        with opened(path) as file:
            values: np.ndarray = file["image1/image_data"][()][None]
        return values

    return load


def _formula(path: Path, text: str) -> tuple[float, float]:
    found = _FORMULA.fullmatch(text.replace(" ", ""))
    if found is None:
        raise InputError(f"{path}: its calibration cannot be understood", found=repr(text), needed="GEO=a*PV+b")
    return float(found[1]), float(found[2])


def _moment(text: str) -> np.datetime64:
    """`26-AUG-2010;00:00:00.000`, whatever the language of the machine."""
    day, month, rest = text.split("-", 2)
    number = _MONTHS.index(month.upper()) + 1
    return np.datetime64(datetime.strptime(f"{day}-{number}-{rest}", "%d-%m-%Y;%H:%M:%S.%f"), "ns")  # noqa: DTZ007


def _meaning(parameter: str, minutes: float) -> tuple[str, dict[str, str]]:
    """Name and CF attributes by KNMI's words for what is in the image."""
    unit = re.search(r"\[(.*?)\]", parameter)
    words = parameter.split("_[")[0].lower()
    if "accumulated_precipitation" in words:
        return "precipitation_amount", {
            "units": "mm",
            "standard_name": "lwe_thickness_of_precipitation_amount",
            "long_name": f"precipitation in {minutes:g} min",
            "cell_methods": f"time: sum (interval: {minutes:g} minutes)",
        }
    if "reflectivity" in words:
        return "reflectivity", {"units": "dBZ", "standard_name": "equivalent_reflectivity_factor", "long_name": words}
    return re.sub(r"\W+", "_", words) or "image", {"units": unit[1].lower() if unit else "", "long_name": words}
