from __future__ import annotations

import struct
from pathlib import Path

import pytest

from nowcast.readers.formats.video.containers import container_of, stated_bytes

FTYP = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
EBML = b"\x1a\x45\xdf\xa3\x84" + bytes(4)
SEGMENT = b"\x18\x53\x80\x67"
RIFF = b"RIFF" + struct.pack("<I", 20) + b"AVI " + bytes(16)
FILES = {
    "avi": (RIFF, "avi", 28),
    "avi with a second part": (RIFF + b"RIFF" + struct.pack("<I", 100) + b"AVIX", "avi", 136),
    "avi of a stream": (RIFF[:4] + bytes(4) + RIFF[8:], "avi", None),
    "mp4": (FTYP + struct.pack(">I4s", 50, b"mdat"), "mov", 66),
    "mp4 beyond 4 GB": (FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**33), "mov", 2**33 + 16),
    "mp4 to the end": (FTYP + struct.pack(">I4s", 0, b"mdat"), "mov", None),
    "old mov": (struct.pack(">I4s", 8, b"wide") + struct.pack(">I4s", 8, b"mdat"), "mov", 16),
    "mkv": (EBML + SEGMENT + b"\x01" + (300).to_bytes(7, "big"), "matroska", 9 + 12 + 300),
    "mkv of a stream": (EBML + SEGMENT + b"\x01" + b"\xff" * 7, "matroska", None),
    "still": (FTYP.replace(b"isom", b"avif"), None, 0),
    "sound": (b"RIFF" + struct.pack("<I", 20) + b"WAVE" + bytes(16), None, 0),
    "playlist": (b"#EXTM3U\n/etc/passwd", None, 0),
    "nothing": (b"", None, 0),
}


@pytest.mark.parametrize("name", FILES)
def test_containers_are_known_by_their_bytes_and_say_their_length(name: str, tmp_path: Path) -> None:
    content, container, stated = FILES[name]
    (tmp_path / "a.bin").write_bytes(content)
    assert container_of(tmp_path / "a.bin") == container
    if container:
        assert stated_bytes(tmp_path / "a.bin", container) == stated


def test_every_beginning_of_a_file_is_borne(tmp_path: Path) -> None:
    for content, container, _ in FILES.values():
        for length in range(len(content)):
            (tmp_path / "a.bin").write_bytes(content[:length])
            if container and container_of(tmp_path / "a.bin"):
                stated_bytes(tmp_path / "a.bin", container)
