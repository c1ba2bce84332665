from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr

from nowcast.errors import InputError
from nowcast.writers import write_cube
from nowcast.writers.zarr import CHUNKS_ATTRIBUTE, chunk_sizes


def _objects(array: Path) -> int:
    return sum(entry.is_file() for entry in array.rglob("*")) - 1  # but for zarr.json


def test_every_chunk_lies_there_and_is_counted(cube_maker: Callable[..., xr.DataArray], tmp_path: Path) -> None:
    cube = cube_maker((40, 1, 300, 300))
    cube = cube.copy(data=np.full(cube.shape, np.nan, dtype="float32"))
    path = write_cube(cube.chunk(time=7), tmp_path / "out.zarr")
    group = zarr.open_group(path, mode="r")
    counts = group.attrs[CHUNKS_ATTRIBUTE]
    assert counts == {name: _objects(path / name) for name in ("rain_rate", "time", "y", "x", "crs")}
    assert counts["rain_rate"] == 2 * 2 * 2
    assert group.metadata.zarr_format == 3
    assert group.metadata.consolidated_metadata is None


def test_damage_is_detected(cube: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cube, tmp_path / "out.zarr")
    group = zarr.open_group(path, mode="r")
    for name, array in group.arrays():
        assert [type(codec).__name__ for codec in array.compressors] == ["ZstdCodec", "Crc32cCodec"], name
    chunk = path / "rain_rate" / "c" / "0" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        group["rain_rate"][:]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((288, 1, 512, 512), (32, 1, 256, 256)),
        ((288, 1, 300, 200), (32, 1, 150, 200)),
        ((288, 4, 512, 512), (16, 2, 256, 256)),
        ((20000, 1, 64, 64), (64, 1, 64, 64)),
        ((5, 1, 8, 10), (5, 1, 8, 10)),
    ],
)
def test_chunks_suit_windows(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    variable = xr.Variable(("time", "channel", "y", "x"), da.zeros(shape, chunks=shape, dtype="float32"))
    assert tuple(chunk_sizes(variable).values()) == expected


def test_leftovers_of_the_sources_encoding_do_no_harm(cube: xr.DataArray, tmp_path: Path) -> None:
    cube = cube.chunk(time=5)
    cube.encoding = {"chunks": (3, 1, 2, 2), "shards": (6, 1, 4, 4), "filters": ("x",), "preferred_chunks": {"time": 3}}
    cube["time"].encoding = {"units": "days since 2026-01-01", "dtype": "int16", "chunks": (2,)}
    path = write_cube(cube, tmp_path / "out.zarr")
    with xr.open_dataset(path, engine="zarr", consolidated=False) as again:
        np.testing.assert_array_equal(again["rain_rate"].values, cube.values[:, 0])
        np.testing.assert_array_equal(again["time"].values, cube["time"].values)


def test_labels_come_back_without_a_warning(cube_maker: Callable[..., xr.DataArray], tmp_path: Path) -> None:
    cube = cube_maker((4, 2, 8, 10)).assign_coords(
        channel=["vis", "ir108"], sequence=("time", np.array(["a", "a", "bb", "bb"]))
    )
    for name, options in (("out.zarr", {"engine": "zarr", "consolidated": False}), ("out.nc", {})):
        with xr.open_dataset(write_cube(cube, tmp_path / name), **options) as again:
            assert [str(label) for label in again["channel"].values] == ["vis", "ir108"]
            assert [str(label) for label in again["sequence"].values] == ["a", "a", "bb", "bb"]


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file"])
def test_what_is_no_store_is_refused_and_kept(cube: xr.DataArray, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "out.zarr"
    if kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        if kind == "folder":
            (path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="in the way"):
        write_cube(cube, path)
    assert path.exists()
    assert kind != "folder" or (path / "thesis.tex").read_text() == "mine"


def test_an_older_store_is_replaced_as_a_whole(cube: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cube, tmp_path / "out.zarr")
    write_cube(cube.rename("other"), path)
    assert sorted(name for name, _ in zarr.open_group(path, mode="r").arrays()) == ["crs", "other", "time", "x", "y"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.zarr"]


def test_a_lazy_cube_is_never_whole_in_memory(tmp_path: Path) -> None:
    alive: list[int] = []
    most = 0

    def block(block_info: object = None) -> np.ndarray:
        nonlocal most
        values = np.ones((1, 1, 64, 64), dtype="float32")
        alive.append(1)
        most = max(most, len(alive))
        import weakref

        weakref.finalize(values, alive.pop)
        return values

    frames = 1024
    lazy = da.map_blocks(block, chunks=((1,) * frames, (1,), (64,), (64,)), dtype="float32", meta=np.empty((0,) * 4))
    time = np.datetime64("2026-05-01", "ns") + np.arange(frames) * np.timedelta64(5, "m")
    cube = xr.DataArray(lazy, dims=("time", "channel", "y", "x"), coords={"time": time}, name="v")
    write_cube(cube, tmp_path / "out.zarr")
    assert 0 < most < frames // 2
