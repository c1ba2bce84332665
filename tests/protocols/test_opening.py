"""The data of a protocol: from its folder or where they are said to lie, and from nowhere else."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nowcast.errors import InputError, UnsafeError
from nowcast.protocols import Protocol, load
from nowcast.protocols.opening import chosen, open_data
from nowcast.protocols.schema import Data


def test_beside_the_protocol_or_where_it_is_said(written: Callable[..., Path], tmp_path: Path) -> None:
    told, place = load(written())
    cube = open_data(told.data, place, None)
    assert cube.sizes["time"] == 40
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(place / "tiny.nc", elsewhere / "tiny.nc")
    with pytest.raises(InputError, match="--data FOLDER"):
        open_data(told.data, place, None)
    np.testing.assert_array_equal(open_data(told.data, place, elsewhere), cube)
    with pytest.raises(InputError, match="does not exist"):
        open_data(told.data, place, tmp_path / "none")


@pytest.mark.parametrize(
    "path",
    [
        "../tiny.nc",
        "/etc/passwd",
        "~/tiny.nc",
        "a/../../tiny.nc",
        "https://a.b/c.zarr",
        "file:///etc/passwd",
        "..\\a.nc",
        "",
    ],
)
def test_a_path_that_leads_out_is_refused(written: Callable[..., Path], path: str) -> None:
    _, place = load(written())
    with pytest.raises(UnsafeError, match="leads out"):
        open_data(Data(paths=(path,)), place, None)


def test_a_link_that_leads_out_is_refused(written: Callable[..., Path], tmp_path: Path) -> None:
    _, place = load(written())
    inner = place / "inner"
    inner.mkdir()
    (inner / "link.nc").symlink_to(place / "tiny.nc")
    assert open_data(Data(paths=("inner/*.nc",)), place, None).sizes["time"] == 40
    for pattern in ("link.nc", "*.nc"):
        with pytest.raises(UnsafeError, match="a link"):
            open_data(Data(paths=(pattern,)), inner, None)


def test_another_file_than_the_one_needed(tmp_path: Path) -> None:
    file = tmp_path / "mnist_test_seq.npy"
    np.save(file, np.zeros((20, 3, 64, 64), np.uint8))
    right = hashlib.md5(file.read_bytes()).hexdigest()
    keywords = {"only": "mnist_test_seq.npy"}
    data = Data(dataset="moving-mnist", keywords=keywords, file=file.name, file_md5=right)
    for given in (file, tmp_path):
        assert open_data(data, tmp_path, given).sizes["time"] == 60
    with pytest.raises(InputError, match="not the file") as told:
        open_data(data.model_copy(update={"file_md5": "0" * 32}), tmp_path, file)
    assert right in str(told.value)
    with pytest.raises(InputError, match=r"need mnist_test_seq\.npy"):
        open_data(data, tmp_path, None)


def test_what_stands_in_has_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published, place = load("moving-mnist")
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "mnist_test_seq.npy").touch()
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "t10k-images-idx3-ubyte.gz").touch()
    names: list[Protocol] = [
        chosen(published, place, given)[0] for given in (tmp_path / "published", tmp_path / "digits", None)
    ]
    assert [each.name for each in names] == ["moving-mnist", "moving-mnist-digits", "moving-mnist-drawn"]
    assert "this is moving-mnist-digits, not moving-mnist" in capsys.readouterr().err
    with pytest.raises(InputError, match="holds no data of moving-mnist"):
        chosen(published, place, tmp_path)
