"""Video: AVI, MP4, MOV, MKV and WebM by PyAV (FFmpeg's libraries, https://ffmpeg.org/documentation.html).

Frames count in the order in which they decode: the timestamps of real clips run backwards, so a frame's time is its
number over the frame rate.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import COLOURS
from nowcast.errors import InputError, NowcastWarning, UnsafeError
from nowcast.readers.counting import counted, rows_and_columns
from nowcast.readers.damage import damaged
from nowcast.readers.formats.stacks import pixel_of
from nowcast.readers.formats.video.containers import container_of, stated_bytes
from nowcast.readers.formats.video.decoding import REPAIR, decoded, is_sound, opened
from nowcast.readers.formats.video.ffv1 import checksums_hold
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options

__all__ = ["VideoReader"]

CHUNK_BYTES = 2**26
"""Decoded frames to a chunk: most clips are one, so that they are decoded once."""

MOST_PIXELS = 2**27
"""Of a frame; four times those of 8K. A header that states more is taken for a trap."""

_SEVERAL = {"vp8", "vp9", "av1"}
"""Codecs with packets that no frame comes of: their frames are counted by decoding."""

PLACEHOLDER_BYTES = 4
"""Shorter packets only hold the place of a frame: some MPEG-4 in AVI has one of a single byte."""


class VideoReader:
    """Clips as grey levels, or as red, green and blue; 8 bits, or 16 where the file has 16 bits of grey."""

    name = "video (AVI, MP4, MOV, MKV, WebM)"

    def recognises(self, path: Path) -> bool:
        return not path.is_dir() and container_of(path) is not None

    def open(self, path: Path, options: Options) -> xr.Dataset:
        """Dims `(time, y, x)` or `(time, y, x, channel)`; units 1, row 0 at the top.

        All packets are counted, a frame is decoded only where packets are no measure of frames.

        Raises
        ------
        InputError
            Damaged or cut short (without `options.missing`), no video in it, no frame rate in it or `options`.
        MachineError
            The package av is lacking.
        UnsafeError
            Frames of more than `MOST_PIXELS`.
        """
        clip = _survey(path, options.lenient())
        step = options.step_seconds() if clip.rate is None else 1 / clip.rate
        if step is None:
            raise InputError(
                f"{path}: does not say how many frames a second has",
                found=f"{clip.frames} frames without a frame rate",
                next_step="say how far apart they are: --time-step 0.04s",
            )
        dtype = np.dtype("float32" if clip.lenient else clip.grey if not options.rgb else "uint8")
        shape = (*clip.size, 3) if options.rgb else clip.size
        at_once = max(1, CHUNK_BYTES // (dtype.itemsize * int(np.prod(shape))))
        data = lazily(
            path, _Load(path, clip, options.rgb), frames=clip.frames, shape=shape, dtype=dtype, at_once=at_once
        )
        name, told = ("colour", "level of a colour") if options.rgb else ("grey", "grey level")
        attrs = {"long_name": told, "units": "1"}
        if clip.lost:
            attrs["absent_frames"] = clip.lost
        dims = ("time", "y", "x", "channel") if options.rgb else ("time", "y", "x")
        time = counted(clip.frames, step, options.first_moment())
        coords: dict[str, Any] = {"time": time, **rows_and_columns(*clip.size, pixel_of(options))}
        if options.rgb:
            coords["channel"] = ("channel", list(COLOURS))
        return xr.Dataset({name: (dims, data, attrs)}, coords=coords, attrs={"video_codec": clip.codec})


@dataclass(frozen=True)
class _Clip:
    """What a look at the packets tells.

    `presentation` holds the timestamps of all packets in ascending order, and `keys` the numbers of the packets where
    decoding can begin; both are empty where timestamps do not tell frames apart. `lenient`: damaged frames are NaN.
    `checked`: the frames are FFV1 with checksums.
    """

    container: str
    codec: str
    frames: int
    size: tuple[int, int]
    grey: str
    rate: float | None
    presentation: np.ndarray
    keys: np.ndarray
    lenient: bool
    checked: bool
    lost: str


class _Load:
    """Frames `first:stop`, decoded from a key frame that lies before them, or else from the beginning."""

    def __init__(self, path: Path, clip: _Clip, rgb: bool) -> None:
        self._path, self._clip, self._rgb = path, clip, rgb

    def __call__(self, first: int, stop: int) -> np.ndarray:
        clip = self._clip
        before = clip.keys[clip.keys <= first]
        # Frames after a key frame may need those before it; one key frame more is enough for the codecs that do so.
        frames = self._frames(first, stop, int(before[-2])) if len(before) > 1 and before[-2] else None
        if frames is None:
            frames = self._frames(first, stop, 0)
        if frames is None or len(frames) < stop - first:
            raise InputError(
                f"{self._path}: fewer frames than the file says",
                found=f"{first + len(frames or ())} frames that can be decoded",
                needed=f"{clip.frames} frames",
                next_step=REPAIR,
            )
        return np.stack(frames)

    def _frames(self, first: int, stop: int, start: int) -> list[np.ndarray] | None:
        """Frames from the packet `start` on; None if their timestamps do not tell which these are."""
        clip = self._clip
        found: list[np.ndarray] = []
        number = -1
        sound = True
        for frame in decoded(self._path, clip.container, lenient=clip.lenient, checked=clip.checked, start=start):
            if start:
                stamp = None if frame is None else frame.pts
                rank = -1 if stamp is None else int(np.searchsorted(clip.presentation, stamp))
                if rank != number + 1 if number >= 0 else not 0 <= rank <= first:
                    return None
                number = rank
            else:
                number += 1
            sound = is_sound(frame, sound)
            if number >= first:
                found.append(self._values(frame, number, sound))
            if number + 1 >= stop:
                break
        return found

    def _values(self, frame: Any, number: int, sound: bool) -> np.ndarray:
        shape = (*self._clip.size, 3) if self._rgb else self._clip.size
        if not sound and self._clip.lenient:
            return np.full(shape, np.nan, "float32")
        if not sound:
            raise InputError(f"{self._path}: frame {number} is damaged", needed="a complete frame", next_step=REPAIR)
        if (frame.height, frame.width) != self._clip.size:
            raise InputError(
                f"{self._path}: frame {number} has another size",
                found=f"{frame.height} x {frame.width}",
                needed="{} x {}, as before".format(*self._clip.size),
                next_step="cut the file where the size changes",
            )
        formats = {"uint8": "gray", "uint16": "gray16le"}
        values: np.ndarray = frame.to_ndarray(format="rgb24" if self._rgb else formats[self._clip.grey])
        return values


def _survey(path: Path, lenient: bool) -> _Clip:
    container = container_of(path) or ""
    stated, size = stated_bytes(path, container), path.stat().st_size
    cut = stated is not None and stated > size
    if cut and not lenient:
        raise damaged(path, "the file is cut short", found=f"{size} bytes", needed=f"{stated} bytes", next_step=REPAIR)
    with opened(path, container) as (file, stream):
        context = stream.codec_context
        size_told = f"frames of {stream.width} x {stream.height} pixels"
        if not stream.width * stream.height:
            raise damaged(path, "its frames have no size that could be", found=size_told)
        if stream.width * stream.height > MOST_PIXELS:
            raise UnsafeError(f"{path}: {size_told} are not decoded", needed=f"at most {MOST_PIXELS} pixels")
        codec, promised = str(context.name), int(stream.frames)
        rate = stream.average_rate or stream.guessed_rate
        grey = "uint16" if context.pix_fmt in ("gray16le", "gray16be") else "uint8"
        shape = (int(stream.height), int(stream.width))
        packets = [_Packet.of(packet, codec) for packet in file.demux(stream) if packet.size]
    checked = any(packet.checked for packet in packets)
    plain = codec not in _SEVERAL and _one_frame_each(packets)
    found = len(packets)
    lost = ""
    if lenient or not plain:
        found, unsound = _count(path, container, lenient, checked)
        if unsound:
            lost = f"{unsound} damaged of {found}"
    if not found:
        raise damaged(path, "no frame of it can be decoded", found=f"{promised} frames in the header")
    if found < promised:
        told = f"{path}: fewer frames than the header says: found {found}, header {promised}"
        warnings.warn(told, NowcastWarning, stacklevel=2)
        lost = f"{promised - found} of {promised} in the header" + (f", {lost}" if lost else "")
    elif cut:
        warnings.warn(f"{path}: the file is cut short: found {found} frames", NowcastWarning, stacklevel=2)
        lost = f"the file is cut short after {found}" + (f", {lost}" if lost else "")
    trusted = plain and found == len(packets)
    stamps = [packet.stamp for packet in packets] if trusted else []
    keys = [number for number, packet in enumerate(packets) if packet.key] if trusted else []
    return _Clip(
        container=container,
        codec=codec,
        frames=found,
        size=shape,
        grey=grey,
        rate=float(rate) if rate else None,
        presentation=np.sort(np.array(stamps, dtype="int64")),
        keys=np.array(keys, dtype="int64"),
        lenient=lenient,
        checked=checked,
        lost=lost,
    )


@dataclass(frozen=True, slots=True)
class _Packet:
    """What a packet tells; `doubtful`: a placeholder, damaged, or not to be shown; `checked`: its checksums hold."""

    stamp: int | None
    key: bool
    doubtful: bool
    checked: bool

    @classmethod
    def of(cls, packet: Any, codec: str) -> _Packet:
        doubtful = packet.size < PLACEHOLDER_BYTES or packet.is_corrupt or packet.is_discard
        checked = codec == "ffv1" and checksums_hold(bytes(packet))
        return cls(packet.pts, bool(packet.is_keyframe), bool(doubtful), checked)


def _one_frame_each(packets: list[_Packet]) -> bool:
    """Whether each packet gives one frame, so far as packets tell; a beginning without its key frame speaks against."""
    if not packets or not packets[0].key or any(packet.doubtful for packet in packets):
        return False
    stamps = [packet.stamp for packet in packets if packet.stamp is not None]
    return len(set(stamps)) == len(packets) and min(stamps) == stamps[0]


def _count(path: Path, container: str, lenient: bool, checked: bool) -> tuple[int, int]:
    """Frames that decode, and how many of them are not sound."""
    frames = unsound = 0
    sound = True
    for frame in decoded(path, container, lenient=lenient, checked=checked):
        sound = is_sound(frame, sound)
        frames += 1
        unsound += not sound
    return frames, unsound
