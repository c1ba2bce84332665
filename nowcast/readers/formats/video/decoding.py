"""Frames of one video file, decoded by PyAV.

The demuxer is named by the file's first bytes and is given one open file, so that no playlist can lead it elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from nowcast.errors import InputError, MachineError, NowcastError, UnsafeError
from nowcast.readers.damage import damaged, told
from nowcast.readers.formats.video.ffv1 import checksums_hold

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["REPAIR", "decoded", "is_sound", "opened"]

REPAIR = "fetch or write it again, leave it out, or keep what can be read: --missing nan"
"""The next step where a video is damaged."""


def is_sound(frame: Any, before: bool) -> bool:
    """Whether a frame is as it was encoded, given whether the one before is: damage lasts until the next key frame."""
    return frame is not None and not frame.is_corrupt and bool(frame.key_frame or before)


def decoded(path: Path, container: str, *, lenient: bool, checked: bool, start: int = 0) -> Iterator[Any]:
    """Frames as they decode, of the packets from `start` on; None in the place of one that cannot be, if `lenient`.

    `checked`: the frames are FFV1 with checksums.

    Raises
    ------
    InputError
        A frame cannot be decoded, unless `lenient`.
    """
    av = _av()
    with opened(path, container) as (file, stream):
        number = 0
        for packet in file.demux(stream):
            number += bool(packet.size)
            if packet.size and number <= start:
                continue
            try:
                spoilt = checked and packet.size and not checksums_hold(bytes(packet))
                frames = [None] if spoilt else packet.decode()
            except av.error.InvalidDataError:
                frames = [None]
            if None in frames and not lenient:
                raise InputError(f"{path}: frame {number - 1} is damaged", needed="a complete frame", next_step=REPAIR)
            yield from frames


@contextlib.contextmanager
def opened(path: Path, container: str) -> Iterator[tuple[Any, Any]]:
    """The open file and its first video stream, closed at the end; libav's errors are told as damage.

    Raises
    ------
    InputError
        Damaged, or without a video that can be decoded.
    MachineError
        The package av is lacking.
    UnsafeError
        The file leads to another.
    """
    av = _av()
    try:
        with (
            path.open("rb") as source,
            av.open(source, format=container, metadata_errors="replace", io_open=_refuse) as file,
        ):
            if not file.streams.video:
                raise InputError(f"{path}: holds no video", found=f"{len(file.streams)} streams of other kinds")
            stream = file.streams.video[0]
            if stream.codec_context is None:
                raise InputError(f"{path}: its video cannot be decoded", found="a codec that FFmpeg does not know")
            yield file, stream
    except NowcastError:
        raise
    except (av.error.FFmpegError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
        raise damaged(path, found=told(error), next_step=REPAIR) from error


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise UnsafeError(f"a video leads to another file, which is not opened: {url}")


def _av() -> ModuleType:
    try:
        import av
        import av.error
    except ImportError as error:
        raise MachineError("video: needs the package av", next_step="pip install 'nowcast[video]'") from error
    return av
