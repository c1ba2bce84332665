"""Files made to do harm are refused: nothing outside of them is read, nothing swells, nothing steers the terminal.

Each is read in a child process that watches its memory; what stands outside is a file whose bytes must not come in.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from formats import echoes
from fuzzing import Worker

import nowcast
from nowcast.errors import NowcastError, UnsafeError

SPARE = 100 * 2**20
SECRET = b"root:x:0:0: no byte of this may come in " * 3000
Maker = Callable[[Path], Path]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(tmp_path_factory.mktemp("worker"))
    yield worker
    worker.close()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the store, with a file and a chunk in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    return folder


def field(frames: int = 4, side: int = 64) -> xr.Dataset:
    cube = echoes(frames, side).isel(channel=0, drop=True).drop_vars("crs")
    cube.attrs.pop("grid_mapping")
    return cube.to_dataset().drop_encoding()


def plain_store(path: Path, version: int, compressor: Any = None) -> Path:
    """One chunk of 64 KB."""
    encoding: dict[str, Any] = {"rain_rate": {"chunks": (4, 64, 64)}}
    if compressor is not None:
        encoding["rain_rate"]["compressors"] = compressor
    field().to_zarr(path, zarr_format=version, consolidated=False, encoding=encoding)
    return path


# What leads out of a store.


def chunk_is_a_link(store: Path, outside: Path) -> None:
    chunk = store / "rain_rate" / "0.0.0"
    chunk.unlink()
    chunk.symlink_to(outside / "secret")


def chunk_is_a_relative_link(store: Path, outside: Path) -> None:
    chunk = store / "rain_rate" / "0.0.0"
    chunk.unlink()
    chunk.symlink_to("../../outside/secret")


def array_is_a_link(store: Path, outside: Path) -> None:
    shutil.move(store / "rain_rate", outside / "rain_rate")
    (store / "rain_rate").symlink_to(outside / "rain_rate", target_is_directory=True)


def coordinate_is_a_link(store: Path, outside: Path) -> None:
    shutil.move(store / "x", outside / "x")
    (store / "x").symlink_to(outside / "x", target_is_directory=True)


def metadata_are_a_link(store: Path, outside: Path) -> None:
    shutil.move(store / ".zattrs", outside / "attributes")
    (store / ".zattrs").symlink_to(outside / "attributes")


def array_metadata_are_a_link(store: Path, outside: Path) -> None:
    shutil.move(store / "rain_rate" / ".zarray", outside / "metadata")
    (store / "rain_rate" / ".zarray").symlink_to(outside / "metadata")


def consolidated_name_leads_up(store: Path, outside: Path) -> None:
    shutil.move(store / "rain_rate", outside / "rain_rate")
    entries = {str(file.relative_to(store)): json.loads(file.read_text()) for file in store.rglob(".z*")}
    for name in (".zarray", ".zattrs"):
        entries[f"../outside/rain_rate/{name}"] = json.loads((outside / "rain_rate" / name).read_text())
    (store / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": entries}))
    (store / ".zgroup").unlink()


def consolidated_name_is_absolute(store: Path, outside: Path) -> None:
    consolidated_name_leads_up(store, outside)
    text = (store / ".zmetadata").read_text()
    (store / ".zmetadata").write_text(text.replace("../outside", str(outside)))


LEADING_OUT = [
    chunk_is_a_link,
    chunk_is_a_relative_link,
    array_is_a_link,
    coordinate_is_a_link,
    metadata_are_a_link,
    array_metadata_are_a_link,
    consolidated_name_leads_up,
    consolidated_name_is_absolute,
]


@pytest.mark.parametrize("change", LEADING_OUT, ids=lambda change: change.__name__)
def test_a_store_stays_within_its_folder(
    change: Callable[[Path, Path], None], outside: Path, tmp_path: Path, worker: Worker
) -> None:
    store = plain_store(tmp_path / "a.zarr", 2)
    assert worker.ask(store, {})["outcome"] == "read"
    change(store, outside)
    answer = worker.ask(store, {})
    assert answer["outcome"] == "refused", answer
    assert answer["told"].startswith("UnsafeError"), answer
    assert "leads out of the store" in answer["told"]


def test_a_store_that_is_itself_a_link_is_the_users_choice(tmp_path: Path, worker: Worker) -> None:
    plain_store(tmp_path / "a.zarr", 2)
    (tmp_path / "b.zarr").symlink_to("a.zarr", target_is_directory=True)
    assert worker.ask(tmp_path / "b.zarr", {})["outcome"] == "read"


def test_a_link_within_the_store_is_fine(tmp_path: Path, worker: Worker) -> None:
    store = plain_store(tmp_path / "a.zarr", 2)
    (store / "rain_rate" / "0.0.0").rename(store / "rain_rate" / "other")
    (store / "rain_rate" / "0.0.0").symlink_to("other")
    assert worker.ask(store, {})["outcome"] == "read"


# HDF5 that leads to other files.


def external_link(path: Path, outside: Path) -> None:
    with h5py.File(outside / "other.h5", "w") as file:
        file["rain"] = np.ones((2, 8, 8), "f4")
    with h5py.File(path, "r+") as file:
        file["rain"] = h5py.ExternalLink(str(outside / "other.h5"), "/rain")


def external_storage(path: Path, outside: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.create_dataset("rain", (2, 8, 8), "f4", external=[(str(outside / "secret"), 0, 512)])


def virtual_dataset(path: Path, outside: Path) -> None:
    with h5py.File(outside / "other.h5", "w") as file:
        file["rain"] = np.ones((2, 8, 8), "f4")
    layout = h5py.VirtualLayout((2, 8, 8), "f4")
    layout[:] = h5py.VirtualSource(str(outside / "other.h5"), "rain", (2, 8, 8))
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset("rain", layout)


def link_in_a_group(path: Path, outside: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.create_group("deep/down")["rain"] = h5py.ExternalLink("outside/secret", "/rain")


HDF5 = [external_link, external_storage, virtual_dataset, link_in_a_group]


@pytest.mark.parametrize("change", HDF5, ids=lambda change: change.__name__)
def test_hdf5_does_not_lead_to_other_files(
    change: Callable[[Path, Path], None], outside: Path, tmp_path: Path, worker: Worker
) -> None:
    path = tmp_path / "a.nc"
    field().to_netcdf(path, engine="netcdf4")
    change(path, outside)
    answer = worker.ask(path, {"variable": "rain_rate"})
    assert answer["outcome"] == "refused", answer
    assert answer["told"].startswith("UnsafeError"), answer


# What would run.


def pickled_v2(store: Path) -> None:
    metadata = store / "rain_rate" / ".zarray"
    content = json.loads(metadata.read_text()) | {"dtype": "|O", "filters": [{"id": "pickle"}]}
    metadata.write_text(json.dumps(content))


@pytest.mark.parametrize("within_shards", [False, True])
def test_pickles_in_zarr_are_refused(within_shards: bool, tmp_path: Path, worker: Worker) -> None:
    store = plain_store(tmp_path / "a.zarr", 3 if within_shards else 2)
    if within_shards:
        metadata = store / "rain_rate" / "zarr.json"
        content = json.loads(metadata.read_text())
        inner = [{"name": "bytes"}, {"name": "numcodecs.pickle", "configuration": {}}]
        shard = {"chunk_shape": [1, 64, 64], "codecs": inner, "index_codecs": [{"name": "bytes"}, {"name": "crc32c"}]}
        metadata.write_text(json.dumps(content | {"codecs": [{"name": "sharding_indexed", "configuration": shard}]}))
    else:
        pickled_v2(store)
    answer = worker.ask(store, {})
    assert (answer["outcome"], answer["told"].split()[0]) == ("refused", "UnsafeError"), answer


# What swells: a kilobyte to a megabyte that become 200 MB.

SWOLLEN = 3 * 2**26


def _zstd_without_size() -> bytes:
    """A frame of run-length blocks, each 128 KB of zeros in four bytes, that does not state its size."""
    head = b"\x28\xb5\x2f\xfd" + bytes([0]) + bytes([0x58])
    block, last = ((2**17 << 3 | 1 << 1 | end).to_bytes(3, "little") + b"\0" for end in (0, 1))
    return head + block * (SWOLLEN // 2**17 - 1) + last


def _zeros_through(compress: Any) -> bytes:
    return b"".join([compress.compress(bytes(2**24)) for _ in range(SWOLLEN // 2**24)]) + compress.flush()


def _blosc() -> bytes:
    from numcodecs import Blosc

    return bytes(Blosc("zstd", clevel=1).encode(bytes(SWOLLEN)))


def _zstd() -> bytes:
    from numcodecs import Zstd

    return bytes(Zstd(1).encode(bytes(SWOLLEN)))


def _lz4() -> bytes:
    from numcodecs import LZ4

    return bytes(LZ4().encode(bytes(SWOLLEN)))


BOMBS: dict[str, tuple[dict[str, Any], Callable[[], bytes]]] = {
    "zstd": ({"id": "zstd", "level": 1}, _zstd),
    "zstd without size": ({"id": "zstd", "level": 1}, _zstd_without_size),
    "blosc": ({"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 0, "blocksize": 0}, _blosc),
    "lz4": ({"id": "lz4", "acceleration": 1}, _lz4),
    "zlib": ({"id": "zlib", "level": 1}, lambda: _zeros_through(zlib.compressobj(1))),
    "gzip": ({"id": "gzip", "level": 1}, lambda: _zeros_through(zlib.compressobj(1, wbits=31))),
    "bz2": ({"id": "bz2", "level": 1}, lambda: bz2.compress(bytes(2**22)) * 48),
    "lzma": (
        {"id": "lzma", "format": 1, "check": -1, "preset": 0, "filters": None},
        lambda: _zeros_through(lzma.LZMACompressor(preset=0)),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_chunk_of_zarr_does_not_swell(name: str, tmp_path: Path, worker: Worker) -> None:
    compressor, make = BOMBS[name]
    store = plain_store(tmp_path / "a.zarr", 2)
    metadata = store / "rain_rate" / ".zarray"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"compressor": compressor}))
    chunk = store / "rain_rate" / "0.0.0"
    chunk.write_bytes(make())
    assert chunk.stat().st_size < 2**23
    _small(worker.ask(store, {}), declared=4 * 64 * 64 * 4)


def test_a_chunk_of_zarr_v3_does_not_swell(tmp_path: Path, worker: Worker) -> None:
    store = plain_store(tmp_path / "a.zarr", 3)
    (store / "rain_rate" / "c" / "0" / "0" / "0").write_bytes(_zstd_without_size())
    _small(worker.ask(store, {}), declared=4 * 64 * 64 * 4)


def _small(answer: dict[str, Any], *, declared: int) -> None:
    assert answer["outcome"] == "refused", answer
    assert answer["grown"] <= 2 * declared + SPARE, f"grew by {answer['grown'] / 1e6:.0f} MB: {answer['told']}"


def classic_of_terabytes(folder: Path) -> Path:
    path = folder / "a.nc"
    field().to_netcdf(path, engine="netcdf4", format="NETCDF3_64BIT")
    data = path.read_bytes()
    place = data.index(b"\0\0\0\4time") + 8
    path.write_bytes(data[:place] + struct.pack(">I", 2**31 - 8) + data[place + 4 :])
    return path


def hdf5_chunk_of_gigabytes(folder: Path) -> Path:
    path = folder / "a.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("rain", (2, 30000, 30000), "f8", chunks=(1, 20000, 20000), compression=9)
        file["rain"].id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(1000)))
        for place, name in enumerate(("time", "y", "x")):
            file[name] = np.arange(file["rain"].shape[place], dtype="f8")
            file[name].make_scale(name)
            file["rain"].dims[place].attach_scale(file[name])
        file["time"].attrs["units"] = "minutes since 2026-01-01"
    return path


def tiff_of_gigabytes(folder: Path) -> Path:
    import tifffile

    path = folder / "a.tif"
    tifffile.imwrite(path, np.zeros((2, 64, 64), "u1"), imagej=True, metadata={"axes": "TYX", "finterval": 5.0})
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        for name in ("ImageWidth", "ImageLength"):
            tag = page.tags[name]
            width = {3: "H", 4: "I"}[int(tag.dtype)]
            struct.pack_into(file.byteorder + width, data, tag.valueoffset, 60000)
    path.write_bytes(data)
    return path


def tiff_deflate_bomb(folder: Path) -> Path:
    import tifffile

    path = folder / "a.tif"
    payload = _zeros_through(zlib.compressobj(1))
    tifffile.imwrite(
        path,
        iter([payload]),
        shape=(64, 64),
        dtype="u1",
        compression=8,
        rowsperstrip=64,
        metadata=None,
        photometric="minisblack",
    )
    return path


def npz_bomb(folder: Path) -> Path:
    path = folder / "a.npz"
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (16, 4096, 4096), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("rain.npy", "w") as member:
        member.write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)
        for _ in range(16):
            member.write(bytes(2**24))
    return path


def npz_that_leads_up(folder: Path) -> Path:
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside/rain.npy", b"\x93NUMPY\x01\0")
    return path


def npz_of_pickles(folder: Path) -> Path:
    path = folder / "a.npz"
    np.savez(path, data=np.array([{"a": 1}], dtype=object), dates=np.array([{"b": 1}], dtype=object))
    return path


def pgm_gzip_bomb(folder: Path) -> Path:
    path = folder / "201705091045_fmi.pgm.gz"
    path.write_bytes(
        gzip.compress(b"P5\n# obstime 201705091045\n64 64\n255\n") + _zeros_through(zlib.compressobj(1, wbits=31))
    )
    return path


def pgm_of_terabytes(folder: Path) -> Path:
    path = folder / "201705091045_fmi.pgm"
    path.write_bytes(b"P5\n# obstime 201705091045\n999999 999999\n255\n" + bytes(100))
    return path


def png_bomb(folder: Path) -> Path:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = _zeros_through(zlib.compressobj(1))
    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    path = folder / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b""))
    return path


def gif_of_gigabytes(folder: Path) -> Path:
    path = folder / "AQC151351545F_00005.801.gif"
    palette = bytes(768)
    image = b"," + struct.pack("<HHHH", 0, 0, 65000, 65000) + b"\0" + b"\x08" + b"\x02\x00\x01" + b"\0"
    path.write_bytes(b"GIF89a" + struct.pack("<HH", 65000, 65000) + b"\xf7\0\0" + palette + image + b";")
    return path


def _ome(entities: str, name: str) -> str:
    root = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    return f'<?xml version="1.0"?><!DOCTYPE OME [{entities}]>{root}<Image ID="Image:0" Name="{name}"/></OME>'


def xml_of_laughs(folder: Path) -> Path:
    import tifffile

    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    text = _ome(entities, "&a9;")
    path = folder / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 64, 64), "u1"), description=text, metadata=None)
    return path


def xml_of_other_files(folder: Path) -> Path:
    import tifffile

    secret = folder / "outside" / "secret"
    text = _ome(f'<!ENTITY a SYSTEM "file://{secret}">', "&a;")
    path = folder / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 64, 64), "u1"), description=text, metadata=None)
    return path


def playlist(folder: Path) -> Path:
    path = folder / "a.mp4"
    path.write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    return path


def list_of_other_files(folder: Path) -> Path:
    path = folder / "a.mkv"
    path.write_text(f"ffconcat version 1.0\nfile '{folder / 'outside' / 'secret'}'\n")
    return path


SWELLING: list[Maker] = [
    classic_of_terabytes,
    hdf5_chunk_of_gigabytes,
    tiff_of_gigabytes,
    tiff_deflate_bomb,
    npz_bomb,
    npz_that_leads_up,
    npz_of_pickles,
    pgm_gzip_bomb,
    pgm_of_terabytes,
    png_bomb,
    gif_of_gigabytes,
    xml_of_laughs,
    xml_of_other_files,
    playlist,
    list_of_other_files,
]


TOLD = {"time_step": "5min", "start_time": "2026-01-01", "axes": "TYX", "colour_table": "meteoswiss"}


@pytest.mark.parametrize("make", SWELLING, ids=lambda make: make.__name__)
def test_a_file_that_lies_is_refused_and_takes_no_memory(
    make: Maker, tmp_path: Path, outside: Path, worker: Worker
) -> None:
    path = make(tmp_path)
    _small(worker.ask(path, {}), declared=2**16)
    _small(worker.ask(path, TOLD), declared=2**16)


# Addresses, and names that would steer a terminal.

ADDRESSES = [
    "http://127.0.0.1:9/a.nc",
    "https://127.0.0.1:9/a.zarr",
    "s3://bucket/a.zarr",
    "file:///etc/passwd",
    "ftp://127.0.0.1/a.nc",
    "simplecache::http://127.0.0.1:9/a.zarr",
    "concat:a.ts|b.ts",
    "rtsp://127.0.0.1/a",
    "subfile,,start,0,end,9,,:/etc/passwd",
    "pipe:0",
    "data:text/plain,P5",
    "/vsicurl/http://127.0.0.1:9/a.tif",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_not_opened(address: str, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def connected(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", connected)
    with pytest.raises(NowcastError):
        nowcast.open_cube(address)


STEERING = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\r"


def _raw(text: str) -> bool:
    return any(sign in text for sign in "\x1b\x07\x9b\u202e\r")


def test_names_and_attributes_do_not_steer_the_terminal(tmp_path: Path, typed: Callable[..., Any]) -> None:
    path = tmp_path / "a.zarr"
    dataset = field().rename({"rain_rate": f"rain{STEERING}"})
    dataset[f"rain{STEERING}"].attrs |= {"units": f"mm h-1{STEERING}", "long_name": f"[bold]rain{STEERING}"}
    dataset[f"snow{STEERING}"] = dataset[f"rain{STEERING}"]
    dataset.to_zarr(path, zarr_format=2, consolidated=False)
    refused = typed("inspect", path)
    assert refused.code == 2
    assert "2 fields" in refused.err
    assert r"\x1b]0;owned\x07" in refused.err
    assert not _raw(refused.err + refused.out)
    shutil.rmtree(path / f"snow{STEERING}")
    shown = typed("inspect", path)
    assert shown.code == 0
    assert "[bold]rain" in shown.out
    assert not _raw(shown.err + shown.out)
    told = typed("inspect", path, "--json")
    assert not _raw(told.out)
    assert json.loads(told.out)["units"] == f"mm h-1{STEERING}"


def test_names_of_files_do_not_steer_the_terminal(tmp_path: Path, typed: Callable[..., Any]) -> None:
    path = tmp_path / f"a{STEERING}.nc"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    for words in (["inspect", path], ["inspect", path, "--debug"], ["inspect", f"{path}x"]):
        ended = typed(*words)
        assert ended.code == 2
        assert not _raw(ended.err + ended.out)


def test_a_folder_with_a_hostile_name_in_it_does_not_steer_the_terminal(
    tmp_path: Path, typed: Callable[..., Any]
) -> None:
    field().to_netcdf(tmp_path / "a.nc")
    (tmp_path / f"b{STEERING}").write_text("words")
    ended = typed("inspect", tmp_path)
    assert ended.code == 0
    assert "b\\x1b" in ended.err
    assert not _raw(ended.err + ended.out)


def test_enough_is_tried() -> None:
    count = len(LEADING_OUT) + len(HDF5) + 2 + len(BOMBS) + 1 + len(SWELLING) + len(ADDRESSES) + 3
    print(f"\n{count} hostile artefacts")
    assert count >= 50
    assert issubclass(UnsafeError, NowcastError)
