"""A cube or a forecast as moving pictures: `.gif` by Pillow; `.mp4`, and without loss `.mkv` and `.avi`, by PyAV.

Video goes out as it came in, as grey or coloured frames; other fields are drawn in colours over a fixed range, with
their time. MP4 holds H.264 (ITU-T H.264), MKV and AVI hold FFV1 (RFC 9043), which keeps every bit.
"""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from PIL import Image

from nowcast.cube import COLOURS, label
from nowcast.errors import InputError, MachineError, NowcastWarning
from nowcast.writers.drawing import Drawing

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["SUFFIXES", "write", "write_pictures"]

SUFFIXES = (".gif", ".mp4", ".mkv", ".avi")

BLOCK_FRAMES = 64
"""Of a cube in memory; a lazy one is taken by its own chunks."""

SLOW_FPS = 5
"""Frames a second where the field's own steps are too long to wait for."""

MOST_SHOWN = 24
"""Forecasts that follow one another in a GIF or MP4, which are to be looked at."""

SMALL = 256
"""Pixels of the longer side that a GIF or a drawn field has at least."""

Progress = Callable[[int, int], object]


def write(cube: xr.DataArray, path: Path, progress: Progress | None = None) -> None:
    """Write to a new file, block by block, and read it again to see that it is complete.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, or `(forecast_reference_time, lead_time[, realization], channel, y, x)`: then the
        forecasts follow one another. Steps shorter than a second keep their pace; longer ones pass at `SLOW_FPS`.

    Raises
    ------
    InputError
        Several channels that are not red, green and blue.
    MachineError
        The package av is lacking, or the file that was written is not whole.
    OSError
        The disk is full, or the place may not be written.
    """
    if "realization" in cube.dims:
        _warn(cube, f"the first of {cube.sizes['realization']} members is shown")
        cube = cube.isel(realization=0)
    count = cube.sizes.get("forecast_reference_time", 1)
    if count > MOST_SHOWN and path.suffix in (".gif", ".mp4"):
        _warn(cube, f"{MOST_SHOWN} of its {count} forecasts are shown, evenly spread (.nc and .zarr hold all)")
        shown = np.linspace(0, count - 1, MOST_SHOWN).round().astype(int)
        cube = cube.isel(forecast_reference_time=shown)
    drawing = None if _is_grey(cube) or _is_colour(cube) else Drawing(cube, SMALL)
    if drawing is not None and cube.sizes["channel"] > 1:
        raise InputError(
            f"{label(cube)}: several channels cannot be shown at once",
            found=f"{cube.sizes['channel']} channels",
            needed="one, or red, green and blue",
            next_step="choose one: --channel 0",
        )
    total = int(np.prod([cube.sizes[dim] for dim in cube.dims if dim not in ("channel", "y", "x")]))
    pictures = _counted(_pictures(cube, drawing, path.suffix), total, progress)
    if path.suffix == ".gif":
        _write_gif(pictures, path, total, _fps(cube), grow=drawing is None)
    else:
        if path.suffix == ".mp4" and drawing is None:
            _warn(cube, "MP4 keeps the look of a video, not its exact values (.mkv keeps them)")
        _write_video(pictures, path, total, _fps(cube))


def write_pictures(pictures: Sequence[Image.Image], path: Path, *, milliseconds: int) -> None:
    """Write pictures that are drawn already, of one size and mode P, to a new `.gif` or `.mp4` that repeats.

    Raises
    ------
    MachineError
        The package av is lacking, or the file that was written is not whole.
    OSError
        The disk is full, or the place may not be written.
    """
    fps = Fraction(1000, milliseconds)
    if path.suffix == ".gif":
        _write_gif(iter(pictures), path, len(pictures), fps, grow=False)
    else:
        _write_video(iter(pictures), path, len(pictures), fps)


def _warn(cube: xr.DataArray, text: str) -> None:
    warnings.warn(f"{label(cube)}: {text}", NowcastWarning, stacklevel=4)


def _is_grey(cube: xr.DataArray) -> bool:
    levels = cube.name == "grey" or cube.attrs.get("long_name") == "grey level"
    return cube.sizes["channel"] == 1 and cube.attrs.get("units") == "1" and (levels or cube.dtype == np.uint8)


def _is_colour(cube: xr.DataArray) -> bool:
    return "channel" in cube.coords and tuple(map(str, cube["channel"].values)) == COLOURS


def _fps(cube: xr.DataArray) -> Fraction:
    times = cube["lead_time" if "lead_time" in cube.dims else "time"].values
    steps = np.diff(times) / np.timedelta64(1, "s")
    step = float(np.median(steps)) if len(steps) else 1.0
    # 1001: the rates of NTSC, such as 30000/1001
    return Fraction(1 / step).limit_denominator(1001) if 0 < step < 1 else Fraction(SLOW_FPS)


def _pictures(cube: xr.DataArray, drawing: Drawing | None, suffix: str) -> Iterator[Image.Image | np.ndarray]:
    """Frame by frame: drawn ones as pictures with a palette, others as arrays `(y, x)` or `(y, x, 3)` of integers."""
    deep = suffix in (".mkv", ".avi") and cube.dtype == np.uint16
    shift = 8 if cube.dtype == np.uint16 and not deep else 0
    rounded = False
    for block in _blocks(cube):
        for frame in block:
            if drawing is not None:
                yield drawing.picture(frame)
                continue
            values = np.moveaxis(frame.values, 0, -1)
            values = values[..., 0] if values.shape[-1] == 1 else values
            if values.dtype.kind == "f":
                whole = np.clip(np.nan_to_num(np.round(values)), 0, 255)
                if suffix in (".mkv", ".avi") and not rounded and (whole != values).any():
                    _warn(cube, "values are rounded to grey levels of 0 to 255, missing ones to 0")
                    rounded = True
                values = whole
            elif shift:
                values = values >> shift
            elif not deep and values.dtype != np.uint8:
                values = np.clip(values, 0, 255)
            yield np.ascontiguousarray(values.astype("uint16" if deep else "uint8"))


def _blocks(cube: xr.DataArray) -> Iterator[Iterable[xr.DataArray]]:
    """Loaded stretches of frames, along lead time for one forecast after another."""
    if "forecast_reference_time" in cube.dims:
        for reference in range(cube.sizes["forecast_reference_time"]):
            yield cube.isel(forecast_reference_time=reference).load().transpose("lead_time", "channel", "y", "x")
        return
    lengths = cube.chunks[0] if cube.chunks else (BLOCK_FRAMES,) * -(-cube.sizes["time"] // BLOCK_FRAMES)
    first = 0
    for length in lengths:
        yield cube.isel(time=slice(first, first + length)).compute()
        first += length


def _counted(pictures: Iterator[Any], total: int, progress: Progress | None) -> Iterator[Any]:
    for number, picture in enumerate(pictures, start=1):
        yield picture
        if progress is not None:
            progress(number, total)


def _write_gif(pictures: Iterator[Any], path: Path, total: int, fps: Fraction, *, grow: bool) -> None:
    milliseconds = max(10, round(1000 / fps / 10) * 10)
    images = (_grown(Image.fromarray(each)) if grow else each for each in pictures)
    first = next(images)
    first.save(path, save_all=True, append_images=images, duration=milliseconds, loop=0, optimize=False)
    shown = 0
    with Image.open(path) as written:
        for number in range(getattr(written, "n_frames", 1)):
            written.seek(number)
            written.load()
            shown += int(written.info.get("duration", milliseconds))
    # Frames alike are written once, for as long as all of them.
    if shown != total * milliseconds:
        raise _incomplete(path, f"{shown} ms", f"{total * milliseconds} ms")


def _grown(image: Image.Image) -> Image.Image:
    factor = -(-SMALL // max(image.size))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _write_video(pictures: Iterator[Any], path: Path, total: int, fps: Fraction) -> None:
    av = _av()
    lossless = path.suffix != ".mp4"
    codec = "ffv1" if lossless else "libx264" if "libx264" in av.codecs_available else "mpeg4"
    checksum = 0
    with av.open(str(path), "w", options={} if lossless else {"movflags": "+faststart"}) as file:
        stream: Any = None
        for each in pictures:
            values = np.asarray(each.convert("RGB")) if isinstance(each, Image.Image) else each
            kind = "rgb24" if values.ndim == 3 else "gray16le" if values.dtype == np.uint16 else "gray"
            if lossless:
                checksum = zlib.crc32(values.tobytes(), checksum)
            else:
                values = _even(values)
            if stream is None:
                stream = file.add_stream(codec, rate=fps)
                stream.height, stream.width = values.shape[:2]
                stream.pix_fmt = {"rgb24": "bgr0"}.get(kind, kind) if lossless else "yuv420p"
                stream.options = (
                    {"crf": "18"} if codec == "libx264" else {"slicecrc": "1", "g": "1"} if lossless else {}
                )
                if codec == "mpeg4":
                    stream.codec_context.qscale = 2
            frame = av.VideoFrame.from_ndarray(values, format=kind)
            file.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        if stream is not None:
            file.mux(stream.encode(None))
    _check_video(path, total, kind, checksum if lossless else None)


def _even(values: np.ndarray) -> np.ndarray:
    """Its last row and column twice where their number is odd: colours of yuv420p are told for 2 x 2 pixels."""
    margins = [(0, values.shape[0] % 2), (0, values.shape[1] % 2), (0, 0)][: values.ndim]
    return np.pad(values, margins, mode="edge")


def _check_video(path: Path, total: int, kind: str, checksum: int | None) -> None:
    av = _av()
    count = read = 0
    try:
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                count += 1
                if checksum is not None:
                    read = zlib.crc32(frame.to_ndarray(format=kind).tobytes(), read)
    except av.error.FFmpegError as error:
        raise _incomplete(path, str(error), f"{total} frames") from error
    if count != total:
        raise _incomplete(path, f"{count} frames", f"{total} frames")
    if checksum not in (None, read):
        raise _incomplete(path, "frames other than those written", "the same")


def _incomplete(path: Path, found: str, needed: str) -> MachineError:
    return MachineError(
        f"{os.fspath(path.name)}: could not be read again as it was written; nothing in its place was changed",
        found=found,
        needed=needed,
        next_step="see that the disk is sound and has room, and write it again",
    )


def _av() -> ModuleType:
    try:
        import av
        import av.error
    except ImportError as error:
        raise MachineError("video: needs the package av", next_step="pip install 'nowcast[video]'") from error
    return av
