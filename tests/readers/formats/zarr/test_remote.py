"""Zarr stores by their address: they hold what a local one holds; nothing is asked of the net without a word."""

from __future__ import annotations

import functools
import http.server
import json
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr

import nowcast
from nowcast.errors import InputError, MachineError, UnsafeError
from nowcast.readers.finding import shown
from nowcast.readers.stored import stored

Maker = Callable[..., xr.DataArray]


@pytest.fixture
def store(cube_maker: Maker, tmp_path: Path) -> Path:
    return nowcast.write_cube(cube_maker((6, 1, 8, 10)), tmp_path / "radar.zarr")


@pytest.fixture
def memory(store: Path) -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.put(str(store), "/radar.zarr", recursive=True)
    yield "memory://radar.zarr"
    files.rm("/radar.zarr", recursive=True)


@pytest.fixture
def web(store: Path) -> Iterator[str]:
    """A plain web server, whose listings are pages of HTML."""
    pytest.importorskip("aiohttp", reason="https:// needs the extra remote")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(store.parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/radar.zarr"
    server.shutdown()
    thread.join()
    server.server_close()


def same(address: str, store: Path) -> None:
    there, here = nowcast.open_cube(address, remote=True), nowcast.open_cube(store)
    assert there.encoding["source"] == address
    xr.testing.assert_identical(there.drop_attrs(deep=False).compute(), here.drop_attrs(deep=False).compute())
    assert there.attrs["units"] == here.attrs["units"]


def test_in_memory(memory: str, store: Path) -> None:
    same(memory, store)


def test_a_file_by_its_address(store: Path) -> None:
    same(f"file://{store}", store)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
def test_consolidated_metadata_are_enough(
    version: int, cube_maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cube = cube_maker((6, 1, 8, 10))[:, 0].drop_vars("crs")
    cube.to_dataset().to_zarr(tmp_path / "a.zarr", consolidated=True, zarr_format=version)

    def unlisted(*_: object, **__: object) -> None:
        raise NotImplementedError

    local = type(fsspec.filesystem("file"))
    monkeypatch.setattr(local, "ls", unlisted)
    monkeypatch.setattr(local, "find", unlisted)
    there = nowcast.open_cube(f"file://{tmp_path}/a.zarr", remote=True)
    np.testing.assert_array_equal(there.values[:, 0], cube.values)
    assert there.attrs["absent_chunks"] == "unknown of 1: they cannot be listed there"


def test_over_http(web: str, store: Path) -> None:
    same(web, store)


def test_windows_are_cut_from_it_packed(memory: str, store: Path) -> None:
    cube = nowcast.open_cube(memory, remote=True)
    found = stored(cube)
    assert found is not None
    region = slice(1, 4), slice(2, 6), slice(0, 10)
    np.testing.assert_array_equal(found.read(*region), stored(nowcast.open_cube(store)).read(*region))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).read(*region), found.read(*region))


def test_nothing_is_asked_of_the_net_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket was opened"))
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda *_, **__: pytest.fail("a file system was opened"))
    for address in ("s3://bucket/radar.zarr", "https://example.org/radar.zarr", "memory://radar.zarr"):
        with pytest.raises(InputError, match=r"(?s)nothing was asked of it.*--remote"):
            nowcast.open_cube(address)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://me:secret@example.org/a.zarr?token=secret#x", "https://example.org/a.zarr"),
        ("s3://bucket/radar.zarr", "s3://bucket/radar.zarr"),
        ("memory://radar.zarr", "memory://radar.zarr"),
    ],
)
def test_secrets_are_not_shown(address: str, told: str) -> None:
    assert shown(address) == told
    with pytest.raises(InputError) as caught:
        nowcast.open_cube(address)
    assert "secret" not in str(caught.value)


def test_nothing_there(memory: str) -> None:
    with pytest.raises(InputError, match="no zarr store is there"):
        nowcast.open_cube("memory://other.zarr", remote=True)


def test_a_driver_that_is_lacking_is_named() -> None:
    with pytest.raises(MachineError, match="pip install adlfs"):
        nowcast.open_cube("az://container/radar.zarr", remote=True)


def test_a_place_that_does_not_answer() -> None:
    pytest.importorskip("aiohttp", reason="https:// needs the extra remote")
    with pytest.raises(MachineError, match="does not answer"):
        nowcast.open_cube("http://127.0.0.1:1/radar.zarr", remote=True)


def test_a_chunk_that_swells_is_refused(tmp_path: Path, cube_maker: Maker) -> None:
    cube = cube_maker((4, 1, 8, 8))[:, 0].drop_vars("crs")
    cube.to_dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    chunk = next(path for path in (tmp_path / "a.zarr" / "rain_rate" / "c").rglob("*") if path.is_file())
    bomb = zarr.codecs.ZstdCodec(level=1)
    whole = zarr.create_array(
        tmp_path / "bomb.zarr", shape=(2**28,), chunks=(2**28,), dtype="uint8", compressors=bomb, fill_value=1
    )
    whole[:] = 0
    chunk.write_bytes((tmp_path / "bomb.zarr" / "c" / "0").read_bytes())
    opened = nowcast.open_cube(f"file://{tmp_path}/a.zarr", remote=True)
    with pytest.raises(InputError, match="damaged or hostile"):
        opened.compute()


def test_pickled_objects_are_refused(tmp_path: Path, cube_maker: Maker) -> None:
    cube_maker((4, 1, 8, 8))[:, 0].drop_vars("crs").to_dataset().to_zarr(
        tmp_path / "a.zarr", consolidated=False, zarr_format=2
    )
    place = tmp_path / "a.zarr" / "rain_rate" / ".zarray"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"filters": [{"id": "pickle"}]}))
    with pytest.raises(UnsafeError, match="pickled Python objects"):
        nowcast.open_cube(f"file://{tmp_path}/a.zarr", remote=True)


def test_consolidated_metadata_are_judged_too(tmp_path: Path, cube_maker: Maker) -> None:
    store = tmp_path / "a.zarr"
    cube_maker((4, 1, 8, 8))[:, 0].drop_vars("crs").to_dataset().to_zarr(store, consolidated=True, zarr_format=2)
    content = json.loads((store / ".zmetadata").read_text())
    content["metadata"]["rain_rate/.zarray"]["filters"] = [{"id": "pickle"}]
    (store / ".zmetadata").write_text(json.dumps(content))
    with pytest.raises(UnsafeError, match="rain_rate: holds pickled Python objects"):
        nowcast.open_cube(f"file://{store}", remote=True)


def test_absent_chunks_are_told(memory: str) -> None:
    files = fsspec.filesystem("memory")
    files.rm(next(path for path in files.find("/radar.zarr/rain_rate") if "/c/" in path))
    assert nowcast.open_cube(memory, remote=True).attrs["absent_chunks"] == "1 of 1"
