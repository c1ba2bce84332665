from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nowcast.errors import InputError
from nowcast.readers.formats.tiff.pages import is_tiff, pages_of

FRAMES = np.arange(3 * 8 * 10, dtype="uint16").reshape(3, 8, 10)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_lie_where_tifffile_finds_them(
    byteorder: str, bigtiff: bool, compression: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        FRAMES,
        byteorder=byteorder,
        bigtiff=bigtiff,
        compression=compression,
        rowsperstrip=4,
        photometric="minisblack",
    )
    assert is_tiff(path)
    pages = pages_of(path)
    assert pages.complete
    assert pages.size == path.stat().st_size
    with tifffile.TiffFile(path) as file:
        assert [page.offset for page in pages.pages] == [page.offset for page in file.pages]
        assert [page.data for page in pages.pages] == [page.dataoffsets[0] for page in file.pages]
        ends = [page.dataoffsets[-1] + page.databytecounts[-1] for page in file.pages]
        assert [page.end for page in pages.pages] == ends
    assert {page.nbytes for page in pages.pages} == {160}
    assert len({page.kind for page in pages.pages}) == 1
    assert not pages.whole(3)
    assert not pages.whole(-1)


def test_a_broken_chain(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES, metadata=None, photometric="minisblack")
    whole = pages_of(path)
    with path.open("r+b") as file:
        file.truncate(whole.pages[2].offset + 3)
    cut = pages_of(path)
    assert not cut.complete
    assert len(cut.pages) == 2
    path.write_bytes(path.read_bytes()[:5])
    with pytest.raises(InputError, match="damaged"):
        pages_of(path)
    path.write_bytes(b"II*\0\0\0\0\0")
    with pytest.raises(InputError, match="no pages"):
        pages_of(path)
