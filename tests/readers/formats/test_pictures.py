from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.formats.pictures import PicturesReader
from nowcast.readers.options import Options

LEVELS = (np.arange(20 * 30).reshape(20, 30) % 256).astype("uint8")


def opened(path: Path, **options: object) -> xr.Dataset:
    assert PicturesReader().recognises(path)
    return PicturesReader().open(path, Options(**options))


def test_grey_is_read_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(LEVELS).save(tmp_path / "a.png")
    field = opened(tmp_path / "a.png")["grey"]
    assert field.chunks is not None
    assert field.dims == ("y", "x")
    assert field.dtype == np.uint8
    assert field.attrs == {"long_name": "grey level", "units": "1"}
    assert "time" not in field.coords
    np.testing.assert_array_equal(field, LEVELS)


def test_sixteen_bits_stay(tmp_path: Path) -> None:
    deep = LEVELS.astype("uint16") * 257
    Image.fromarray(deep).save(tmp_path / "a.png")
    field = opened(tmp_path / "a.png")["grey"]
    assert field.dtype == np.uint16
    np.testing.assert_array_equal(field, deep)
    with pytest.raises(InputError, match="has no colours"):
        opened(tmp_path / "a.png", rgb=True)


def test_colours_are_grey_or_three_channels(tmp_path: Path) -> None:
    colours = np.stack([LEVELS, LEVELS[::-1], np.full_like(LEVELS, 9)], axis=-1)
    Image.fromarray(colours).save(tmp_path / "a.png")
    field = opened(tmp_path / "a.png", rgb=True)["colour"]
    assert field["channel"].values.tolist() == ["red", "green", "blue"]
    np.testing.assert_array_equal(field, colours)
    luma = colours @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(opened(tmp_path / "a.png")["grey"].values, luma, atol=1)


def test_what_is_transparent_is_missing(tmp_path: Path) -> None:
    alpha = np.where(LEVELS < 100, 0, 255).astype("uint8")
    Image.merge("LA", [Image.fromarray(LEVELS), Image.fromarray(alpha)]).save(tmp_path / "a.png")
    field = opened(tmp_path / "a.png")["grey"]
    np.testing.assert_array_equal(field, np.where(alpha == 0, np.nan, LEVELS))
    deep = LEVELS.astype("uint16") * 257
    Image.fromarray(deep).save(tmp_path / "b.png", transparency=257)
    np.testing.assert_array_equal(opened(tmp_path / "b.png")["grey"], np.where(deep == 257, np.nan, deep))


def test_a_jpeg_looks_as_it_did(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(20), np.arange(30)).astype("uint8") * 4
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(opened(tmp_path / "a.jpg")["grey"].values.astype(int), smooth, atol=4)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_cut_short_is_damage(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64)).astype("uint8")).save(path)
    content = path.read_bytes()
    for length in range(12, len(content) * 2 // 3, 97):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="damaged"):
            opened(path).compute()


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    for side in (9000, 60000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        data = chunk(b"IDAT", zlib.compress(b""))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data)
        with pytest.raises(UnsafeError, match=r"a\.png"):
            opened(tmp_path / "a.png")


def test_other_files_are_not_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"GIF89a")
    assert not PicturesReader().recognises(tmp_path / "a.png")
    assert not PicturesReader().recognises(tmp_path)


def test_the_size_of_a_pixel_can_be_said(tmp_path: Path) -> None:
    Image.fromarray(LEVELS).save(tmp_path / "a.png")
    field = opened(tmp_path / "a.png", pixel_size="250nm")["grey"]
    assert field["y"].values[:3].tolist() == [0, 0.25, 0.5]
    assert field["x"].attrs["units"] == "um"
