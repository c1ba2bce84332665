from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nowcast.errors import InputError
from nowcast.readers.formats.tiff.pages import pages_of
from nowcast.readers.formats.tiff.planes import MISSING, Layout, frames_of, placed
from nowcast.readers.options import Options

VALUES = np.arange(6 * 4 * 5, dtype="int16").reshape(6, 4, 5)


def test_planes_in_any_order_of_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VALUES)
    pages = pages_of(path)
    numbers = np.array([[5, 0, 3], [2, 4, 1]])
    planes, lost = placed((pages,), numbers)
    assert lost == 0
    data, channels = frames_of(Layout("ZT", planes, (pages,)), path, Options(z="sum"))
    assert channels == ()
    np.testing.assert_array_equal(data.compute()[:, 0], VALUES[numbers].sum(axis=0))
    assert data.dtype == np.float32


def test_planes_that_are_not_there_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VALUES)
    pages = pages_of(path)
    planes, lost = placed((pages,), np.array([[0, 9], [1, 2]]))
    assert lost == 1
    assert planes[0, 1, 1] == MISSING
    data, _ = frames_of(Layout("TZ", planes, (pages,)), path, Options(z="max"))
    assert np.isnan(data.compute()[0]).all()
    np.testing.assert_array_equal(data.compute()[1, 0], VALUES[2])


def test_pages_of_two_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(VALUES[0], metadata=None)
        file.write(VALUES[0, :3], metadata=None)
    pages = pages_of(path)
    planes, _ = placed((pages,), np.arange(2))
    with pytest.raises(InputError, match="different sizes or types"):
        frames_of(Layout("T", planes, (pages,)), path, Options())


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "float16", "float64", "complex64"])
def test_types(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    values = (VALUES[:2] % 2).astype(dtype)
    tifffile.imwrite(path, values, photometric="minisblack")
    pages = pages_of(path)
    layout = Layout("T", placed((pages,), np.arange(2))[0], (pages,))
    if dtype == "complex64":
        with pytest.raises(InputError, match="no real numbers"):
            frames_of(layout, path, Options())
        return
    data, _ = frames_of(layout, path, Options())
    assert data.dtype == {"bool": "uint8", "float16": "float32"}.get(dtype, dtype)
    np.testing.assert_array_equal(data.compute()[:, 0], VALUES[:2] % 2)
