from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

import nowcast
from nowcast.errors import InputError, MachineError
from nowcast.writers import resuming
from nowcast.writers.resuming import write_store

Maker = Callable[..., xr.DataArray]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "BLOCK_BYTES", 1)


def content(store: Path) -> dict[str, str]:
    """A checksum of each file of a store; the history has the time of day in it."""
    files = {}
    for file in sorted(file for file in store.rglob("*") if file.is_file()):
        data = file.read_bytes()
        if file.parent == store and file.name == "zarr.json":
            told = json.loads(data)
            told["attributes"].pop("history")
            told["attributes"].pop("nowcast_checksum")
            data = json.dumps(told, sort_keys=True).encode()
        files[str(file.relative_to(store))] = hashlib.sha256(data).hexdigest()
    return files


class StopError(KeyboardInterrupt):
    """What a test interrupts with."""


def stopping(cube: xr.DataArray, frame: int) -> xr.DataArray:
    """The cube, which cannot be read from a frame on."""

    def read(block: np.ndarray, block_info: object = None) -> np.ndarray:
        if block.size and float(block.ravel()[0]) >= 1000 * frame:
            raise StopError
        return block

    lazy = cube.chunk({"time": 2})
    return lazy.copy(data=lazy.data.map_blocks(read, dtype=cube.dtype, meta=np.empty((0,) * 4, cube.dtype)))


def test_what_was_interrupted_goes_on_where_it_stopped(cube: xr.DataArray, tmp_path: Path, small_blocks: None) -> None:
    whole = write_store(cube, tmp_path / "whole.zarr", made_of="a", chunks={"time": 2})
    path = tmp_path / "a.zarr"
    with pytest.raises(StopError):
        write_store(stopping(cube, 6), path, made_of="a", chunks={"time": 2})
    assert not path.exists()
    room = tmp_path / ".a.zarr.part"
    assert len((room / "journal.jsonl").read_text().splitlines()) == 1 + 3
    chunks = [file for file in (room / "a.zarr" / "rain_rate" / "c").rglob("0") if file.is_file()]
    stamps = {file: file.stat().st_mtime_ns for file in chunks}
    steps: list[tuple[int, int]] = []
    write_store(cube, path, made_of="a", chunks={"time": 2}, resume=True, progress=lambda *at: steps.append(at))
    assert steps[-1] == (6, 6)
    assert content(path) == content(whole)
    kept = [file for file in stamps if (path / file.relative_to(room / "a.zarr")).stat().st_mtime_ns == stamps[file]]
    assert len(kept) == 3
    assert not room.exists()


@pytest.mark.parametrize("cut", ['{"blo', '{"block": 3}'], ids=["within a line", "before its end"])
def test_a_line_that_a_kill_cut_off_spoils_no_later_one(
    cut: str, cube: xr.DataArray, tmp_path: Path, small_blocks: None
) -> None:
    path, journal = tmp_path / "a.zarr", tmp_path / ".a.zarr.part" / "journal.jsonl"
    with pytest.raises(StopError):
        write_store(stopping(cube, 6), path, made_of="a", chunks={"time": 2})
    with journal.open("a") as file:
        file.write(cut)
    with pytest.raises(StopError):
        write_store(stopping(cube, 10), path, made_of="a", chunks={"time": 2}, resume=True)
    assert [json.loads(line).get("block") for line in journal.read_text().splitlines()] == [None, 0, 1, 2, 3, 4]


def test_it_goes_on_with_the_same_alone(cube: xr.DataArray, tmp_path: Path, small_blocks: None) -> None:
    path = tmp_path / "a.zarr"
    with pytest.raises(InputError, match="nothing to go on with"):
        write_store(cube, path, made_of="a", resume=True)
    with pytest.raises(StopError):
        write_store(stopping(cube, 6), path, made_of="a", chunks={"time": 2})
    for other, made_of, chunks in ((cube, "b", 2), (cube.isel(time=slice(0, 11)), "a", 2), (cube, "a", 3)):
        with pytest.raises(InputError, match="begun with something else"):
            write_store(other, path, made_of=made_of, chunks={"time": chunks}, resume=True)
    write_store(cube.isel(time=slice(0, 5)), path, made_of="c")
    assert nowcast.open_cube(path).sizes["time"] == 5


def test_one_process_at_a_time(cube: xr.DataArray, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    with resuming._aside(path, resume=False), pytest.raises(MachineError, match="another process"):
        write_store(cube, path, made_of="a")


def test_chunks_and_shards_are_as_asked(cube: xr.DataArray, tmp_path: Path) -> None:
    write_store(cube, tmp_path / "a.zarr", made_of="a", chunks={"time": 2, "y": 4}, shards={"time": 6, "y": 8})
    array = zarr.open_array(tmp_path / "a.zarr" / "rain_rate", mode="r")
    assert (array.chunks, array.shards) == ((2, 4, 10), (6, 8, 10))
    np.testing.assert_array_equal(nowcast.open_cube(tmp_path / "a.zarr").values, cube.values)
    with pytest.raises(InputError, match="no dim 'lat'"):
        write_store(cube, tmp_path / "b.zarr", made_of="a", chunks={"lat": 2})


def test_packing_is_kept_where_it_is_lossless_and_left_where_it_is_not(cube_maker: Maker, tmp_path: Path) -> None:
    values = np.arange(2 * 4 * 4, dtype="float32").reshape(2, 1, 4, 4) / 2
    cube = cube_maker(values.shape, values=values)
    cube.encoding = {"dtype": np.dtype("uint8"), "scale_factor": 0.5, "_FillValue": np.uint8(255)}
    write_store(cube, tmp_path / "a.zarr", made_of="a")
    assert zarr.open_array(tmp_path / "a.zarr" / "rain_rate", mode="r").dtype == "uint8"
    wide = cube + 1000
    wide.encoding = cube.encoding
    wide.attrs = cube.attrs
    write_store(wide, tmp_path / "b.zarr", made_of="a")
    assert zarr.open_array(tmp_path / "b.zarr" / "rain_rate", mode="r").dtype == "float32"
    np.testing.assert_array_equal(nowcast.open_cube(tmp_path / "b.zarr").values, wide.values)


PROGRAM = """
import sys, time
import numpy as np
import nowcast
from pathlib import Path
from nowcast.writers import resuming
resuming.BLOCK_BYTES = 1
slow = resuming._note
def note(journal, line):
    slow(journal, line)
    time.sleep(0.05)
resuming._note = note
cube = nowcast.open_cube(sys.argv[1])
resuming.write_store(cube, Path(sys.argv[2]), made_of="a", chunks={"time": 1}, resume=len(sys.argv) > 3)
"""


@pytest.mark.slow
def test_kills_leave_the_old_store_and_work_to_go_on_with(cube: xr.DataArray, tmp_path: Path) -> None:
    source, path = tmp_path / "source.nc", tmp_path / "a.zarr"
    nowcast.write_cube(cube, source)
    nowcast.write_cube(cube.isel(time=slice(0, 4)), path)
    old = content(path)
    words = [sys.executable, "-c", PROGRAM, str(source), str(path)]
    journal = tmp_path / ".a.zarr.part" / "journal.jsonl"
    reached = 0
    for wanted in (2, 6, 10):
        process = subprocess.Popen([*words, *(["--resume"] if reached else [])])
        while process.poll() is None and (not journal.is_file() or len(journal.read_text().splitlines()) < wanted):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert content(path) == old
        lines = len(journal.read_text().splitlines())
        assert lines >= wanted > reached
        reached = lines
    subprocess.run([*words, "--resume"], check=True)
    whole = write_store(nowcast.open_cube(source), tmp_path / "whole.zarr", made_of="b", chunks={"time": 1})
    assert {k: v for k, v in content(path).items() if k != "zarr.json"} == {
        k: v for k, v in content(whole).items() if k != "zarr.json"
    }
    np.testing.assert_array_equal(nowcast.open_cube(path).values, cube.values)
    assert not journal.parent.exists()
