"""A cube or a forecast to OME-TIFF: TCYX, an image for each sequence or forecast, zlib pages (with checksums), sealed.

OME-TIFF specification, https://ome-model.readthedocs.io/en/stable/ome-tiff/specification.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr

from nowcast import __version__
from nowcast.errors import MachineError
from nowcast.sealing import seal_file
from nowcast.writers.images import NAMESPACE, Image, blocks, images_of, pixel_dtype
from nowcast.writers.packing import DoesNotFitError

__all__ = ["SUFFIXES", "write"]

SUFFIXES = (".tif", ".tiff")

LARGEST_CLASSIC = 2**32 - 2**26
"""Bytes of pixels beyond which offsets of 32 bits may not do."""

Progress = Callable[[int, int], object]


def write(cube: xr.DataArray, path: Path, progress: Progress | None = None) -> None:
    """Write to a new file, page by page; integers as such where the cube or its source has them, else float32.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, or `(forecast_reference_time, lead_time[, realization], channel, y, x)`.
    progress
        Called with (pages done, pages in all).

    Raises
    ------
    InputError
        A value beyond float32.
    MachineError
        The file does not hold what was written.
    OSError
        The disk is full, or the place may not be written.
    """
    try:
        _write(cube, path, pixel_dtype(cube), progress)
    except DoesNotFitError:
        _write(cube, path, pixel_dtype(cube, packed=False), progress)


def _write(cube: xr.DataArray, path: Path, dtype: np.dtype[Any], progress: Progress | None) -> None:
    images = images_of(cube)
    total = sum(image.frames.shape[0] * image.frames.shape[1] for image in images)
    done = iter(range(1, total + 1))

    def pages(image: Image) -> Iterator[np.ndarray]:
        for block in blocks(image.frames, dtype):
            for page in block.reshape(-1, *block.shape[2:]):
                if progress is not None:
                    progress(next(done), total)
                yield page

    bigtiff = cube.size * dtype.itemsize > LARGEST_CLASSIC
    with tifffile.TiffWriter(path, bigtiff=bigtiff, ome=True) as file:
        for image in images:
            file.write(
                pages(image),
                shape=image.frames.shape,
                dtype=dtype,
                compression="zlib",
                photometric="minisblack",
                maxworkers=1,
                metadata=_metadata(image),
            )
    seal_file(path, guarded=_guarded(path, total))


def _metadata(image: Image) -> dict[str, Any]:
    told = {key: value for key, value in image.notes.items() if key != "name"}
    description = "; ".join(f"{key}: {value}" for key, value in told.items())
    metadata: dict[str, Any] = {
        "axes": "TCYX",
        "Creator": f"nowcast {__version__}",
        "Name": image.name,
        "Description": description or None,
        "MapAnnotation": {"Namespace": NAMESPACE, "Value": image.notes},
    }
    if image.start is not None:
        metadata["AcquisitionDate"] = image.start.isoformat()
    if image.step is not None:
        metadata |= {"TimeIncrement": image.step, "TimeIncrementUnit": "s"}
    if image.offsets is not None:
        channels = image.frames.shape[1]
        spans = [span for span in image.offsets for _ in range(channels)]
        metadata["Plane"] = {"DeltaT": spans, "DeltaTUnit": ["s"] * len(spans)}
    if image.pixel is not None:
        for axis, side in zip("YX", image.pixel, strict=True):
            unit = image.unit.replace("um", "µm")
            metadata |= {f"PhysicalSize{axis}": side, f"PhysicalSize{axis}Unit": unit}
    if image.channels:
        metadata["Channel"] = {"Name": list(image.channels)}
    return metadata


def _guarded(path: Path, total: int) -> list[tuple[int, int]]:
    """Where the pages lie, which zlib guards by Adler-32."""
    places = []
    with tifffile.TiffFile(path) as file:
        file.pages.useframes = True
        if len(file.pages) != total:
            raise MachineError(f"{path.name}: is incomplete on disk", found=f"{len(file.pages)} of {total} pages")
        for page in file.pages:
            pairs = zip(page.dataoffsets, page.databytecounts, strict=True)
            places += [(offset, offset + count) for offset, count in pairs]
    return places
