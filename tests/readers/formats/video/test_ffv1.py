from __future__ import annotations

from nowcast.readers.formats.video.ffv1 import checksums_hold


def crc(data: bytes) -> int:
    """Bit by bit, as RFC 9043 writes it: polynomial 0x04C11DB7, begun with 0, highest bit first."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if value >> 31 else value << 1
    return value


def piece(content: bytes) -> bytes:
    body = content + len(content).to_bytes(3, "big") + b"\0"
    return body + crc(body).to_bytes(4, "big")


def test_a_frame_of_two_slices_holds_and_any_other_bit_breaks_it() -> None:
    frame = piece(b"the first slice") + piece(bytes(range(40)))
    assert checksums_hold(frame)
    for bit in range(len(frame) * 8):
        spoilt = bytearray(frame)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert not checksums_hold(bytes(spoilt))


def test_frames_without_checksums_never_hold() -> None:
    assert not checksums_hold(b"")
    assert not checksums_hold(b"short")
    assert not checksums_hold(bytes(range(200)))
