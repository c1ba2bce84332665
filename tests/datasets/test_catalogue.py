"""Standard datasets by name: what is typed, what is told where files lack, and nothing that is downloaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nowcast.cube import check
from nowcast.datasets import DATASETS, open_dataset
from nowcast.datasets.catalogue import near_miss, parse
from nowcast.errors import InputError
from nowcast.readers.options import Options


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("moving-mnist", ("moving-mnist", None)),
        ("kth:/data/KTH", ("kth", "/data/KTH")),
        ("KTH:data", ("kth", "data")),
        ("moving_mnist:/a:b", ("moving-mnist", "/a:b")),
        ("ctc:/data/Fluo-N2DH-SIM+", ("ctc", "/data/Fluo-N2DH-SIM+")),
        ("kth:", ("kth", None)),
        ("movingmnist", None),
        ("radar.nc", None),
        ("s3://kth/x", None),
        ("", None),
    ],
)
def test_names_and_folders(text: str, meant: tuple[str, str | None] | None) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("movingmnist", "moving-mnist"),
        ("moving-mnst:/data", "moving-mnist:/data"),
        ("ucf:/data", "ucf101:/data"),
        ("sevr", "sevir"),
        ("ucf-101", "ucf101"),
    ],
)
def test_a_near_miss_names_the_nearest(text: str, meant: str) -> None:
    error = near_miss(text)
    assert error is not None
    assert error.next_step == meant


@pytest.mark.parametrize("text", ["radar.nc", "data/kth.zarr", "radar", "cells", "s3://bucket/x", "*.tif", "-", ""])
def test_paths_are_no_near_misses(text: str) -> None:
    assert near_miss(text) is None


@pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if dataset.needed])
def test_without_a_folder_one_is_told_what_to_fetch(name: str, tmp_path: Path) -> None:
    dataset = DATASETS[name]
    for folder in (None, tmp_path / "nowhere"):
        with pytest.raises(InputError) as caught:
            open_dataset(name, folder)
        told = str(caught.value)
        for part in (dataset.url, dataset.files, "no published hash", f"nowcast fit {name}:FOLDER"):
            assert part in told
    with pytest.raises(InputError):
        open_dataset(name, tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not a folder") as caught:
        open_dataset("moving-mnist", tmp_path / "file")
    assert "t10k-images-idx3-ubyte.gz md5 9fb629c4189551a2d022fa330f9573f3" in str(caught.value)


def test_every_entry_is_complete() -> None:
    for name, dataset in DATASETS.items():
        assert parse(name) == (name, None)
        assert dataset.url.startswith("https://")
        assert re.search(r"arXiv:\d|doi:10\.|NeurIPS", dataset.citation)
        assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in dataset.md5.values())


def test_keywords_of_a_dataset_and_of_the_readers(shared_data: Path) -> None:
    cube = open_dataset("moving-mnist", shared_data / "mnist", sequences=12, length=4, size="32x40", crop="0:30,0:32")
    assert cube.shape == (48, 1, 30, 32)
    check(cube)
    assert cube.encoding["source"] == f"moving-mnist:{shared_data / 'mnist'}"
    assert cube.attrs["dataset:references"] == "Srivastava, Mansimov, Salakhutdinov 2015, arXiv:1502.04681"
    told = open_dataset("moving-mnist", shared_data / "mnist", options=Options(size="28x28"), sequences=3)
    assert told.shape == (60, 1, 28, 28)


def test_keywords_that_nobody_knows() -> None:
    with pytest.raises(InputError, match="no such keyword") as caught:
        open_dataset("moving-mnist", frames=3)
    assert "sequences, length, digits, seed" in str(caught.value)
    with pytest.raises(InputError, match="no such keyword"):
        open_dataset("kth", split=2)
    with pytest.raises(InputError, match="no such keyword"):
        open_dataset("kth", options=Options(), size="8x8")
    with pytest.raises(InputError, match="did you mean sevir"):
        open_dataset("sevr")
    with pytest.raises(InputError, match="no dataset 'weather'"):
        open_dataset("weather")
