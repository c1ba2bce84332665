"""HDF5 files that lead elsewhere or promise too much are refused, and nothing else is opened on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.errors import InputError, UnsafeError
from nowcast.readers.formats.hdf5 import attributes, check_safe, is_hdf5, numbered, opened, top_of

FIELD = np.arange(12.0).reshape(3, 4)


def external_link(file: h5py.File, other: str) -> None:
    file["stolen"] = h5py.ExternalLink(other, "/secret")


def external_link_deep_down(file: h5py.File, other: str) -> None:
    file["a/b/c/stolen"] = h5py.ExternalLink(other, "/secret")


def soft_link_through_an_external_one(file: h5py.File, other: str) -> None:
    file["hidden/door"] = h5py.ExternalLink(other, "/")
    file["stolen"] = h5py.SoftLink("/hidden/door/secret")


def soft_link_to_a_group_beside_an_external_one(file: h5py.File, other: str) -> None:
    file["deep/within/stolen"] = h5py.ExternalLink(other, "/secret")
    file["a"] = h5py.SoftLink("/b")
    file["b"] = h5py.SoftLink("/deep/within")


def external_storage(file: h5py.File, other: str) -> None:
    file.create_dataset("stolen", (3, 4), "f8", external=[(other, 0, 96)])


def external_storage_within(file: h5py.File, other: str) -> None:
    file.create_group("a").create_dataset("stolen", (3, 4), "f8", external=[(other, 0, 96)])


def virtual_dataset(file: h5py.File, other: str) -> None:
    layout = h5py.VirtualLayout((3, 4), "f8")
    layout[...] = h5py.VirtualSource(other, "secret", (3, 4))
    file.create_virtual_dataset("stolen", layout)


def virtual_dataset_without_end(file: h5py.File, other: str) -> None:
    """To ask for the shape of such a one is to open its sources."""
    layout = h5py.VirtualLayout((3, 4), "f8", maxshape=(None, 4))
    source = h5py.VirtualSource(other, "secret", (3, 4), maxshape=(None, 4))
    layout[0 : h5py.h5s.UNLIMITED :, :] = source[0 : h5py.h5s.UNLIMITED :, :]
    file.create_virtual_dataset("stolen", layout)


LEADING_AWAY = [
    external_link,
    external_link_deep_down,
    soft_link_through_an_external_one,
    soft_link_to_a_group_beside_an_external_one,
    external_storage,
    external_storage_within,
    virtual_dataset,
    virtual_dataset_without_end,
]


def written(path: Path, trap: Callable[[h5py.File, str], None], other: str) -> Path:
    xr.Dataset(
        {"rain": (("time", "y", "x"), FIELD[None], {"units": "mm h-1"})},
        coords={"time": [np.datetime64("2026-05-01", "ns")]},
    ).to_netcdf(path, engine="netcdf4")
    with h5py.File(path, "a") as file:
        trap(file, other)
    return path


@pytest.mark.parametrize("trap", LEADING_AWAY, ids=lambda trap: trap.__name__)
def test_what_leads_away_is_refused(tmp_path: Path, trap: Callable[[h5py.File, str], None]) -> None:
    path = written(tmp_path / "rain.nc", trap, "other.h5")
    for refuse in (check_safe, nowcast.open_cube):
        with pytest.raises(UnsafeError, match="other files are not opened") as refusal:
            refuse(path)
        assert "rain.nc" in str(refusal.value)
        assert "other.h5" in str(refusal.value)


def test_the_other_file_is_never_opened(tmp_path: Path) -> None:
    """It is a pipe that nobody writes to: whoever opened it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    paths = [written(tmp_path / f"{trap.__name__}.nc", trap, str(pipe)) for trap in LEADING_AWAY]
    program = (
        "import sys, nowcast\n"
        "from nowcast.errors import UnsafeError\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        nowcast.open_cube(path).values\n"
        "    except UnsafeError:\n"
        "        print('refused')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, paths)], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["refused"] * len(paths)


@pytest.mark.parametrize("start", ["odim", "knmi"])
def test_layouts_with_links_are_refused_too(tmp_path: Path, start: str) -> None:
    path = tmp_path / f"{start}.h5"
    with h5py.File(path, "w") as file:
        if start == "odim":
            file.attrs["Conventions"] = "ODIM_H5/V2_4"
            file["what"] = h5py.ExternalLink("other.h5", "/what")
        else:
            for group in ("overview", "geographic", "image1"):
                file.create_group(group)
            file["image1/image_data"] = h5py.ExternalLink("other.h5", "/secret")
    with pytest.raises(UnsafeError, match="external link"):
        nowcast.open_cube(path)


def test_a_user_block_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rain.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["stolen"] = h5py.ExternalLink("other.h5", "/secret")
    assert is_hdf5(path)
    with pytest.raises(UnsafeError, match="external link"):
        nowcast.open_cube(path)


def test_a_slash_in_a_name_would_be_a_path(tmp_path: Path) -> None:
    path = tmp_path / "rain.h5"
    with h5py.File(path, "w") as file:
        file["field"] = FIELD
    path.write_bytes(path.read_bytes().replace(b"field", b"fi/ld"))
    with pytest.raises(UnsafeError, match="slash"):
        check_safe(path)


def bomb_of_chunks(file: h5py.File) -> None:
    file.create_dataset("rain", (100_000, 100_000), "f4", chunks=(10_000, 20_000), compression=1)


def bomb_without_chunks(file: h5py.File) -> None:
    file.create_dataset("rain", (10**5, 10**6), "f4")


def bomb_of_times(file: h5py.File) -> None:
    file.create_dataset("time", (10**12,), "f8", chunks=(1000,))


def bomb_of_one_item(file: h5py.File) -> None:
    file.create_dataset("name", (), "S1000000000")


@pytest.mark.parametrize("bomb", [bomb_of_chunks, bomb_without_chunks, bomb_of_times, bomb_of_one_item])
def test_sizes_that_the_file_cannot_hold(tmp_path: Path, bomb: Callable[[h5py.File], None]) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        bomb(file)
    assert path.stat().st_size < 20_000
    with pytest.raises(UnsafeError, match="declares more than the file can hold"):
        nowcast.open_cube(path)


def test_groups_without_end(tmp_path: Path) -> None:
    path = tmp_path / "deep.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(200):
            group = group.create_group("g")
    with pytest.raises(UnsafeError, match="groups within groups"):
        check_safe(path)


def test_more_objects_than_are_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        for name in "abcdef":
            file.create_group(name)
    monkeypatch.setattr("nowcast.readers.formats.hdf5._MOST_LINKS", 6)
    check_safe(path)
    monkeypatch.setattr("nowcast.readers.formats.hdf5._MOST_LINKS", 5)
    with pytest.raises(UnsafeError, match="more objects"):
        check_safe(path)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_what_stays_within_is_let_pass(tmp_path: Path, version: str) -> None:
    """Loops of groups, soft links (dangling too), virtual datasets of the same file, large fields never written."""
    path = tmp_path / "rain.h5"
    with h5py.File(path, "w", libver=version) as file:
        file["a/field"] = FIELD
        file["a/b/up"] = file["a"]
        file["soft"], file["nowhere"] = h5py.SoftLink("/a/field"), h5py.SoftLink("/b")
        file["empty"], file["type"] = h5py.Empty("f4"), np.dtype("i4")
        file["names"] = np.array(["x", "y"], dtype=h5py.string_dtype())
        file.create_dataset("large", (10**6, 1000, 1000), "f4", chunks=(1, 1000, 1000), compression=1)
        layout = h5py.VirtualLayout((3, 4), "f8")
        layout[...] = h5py.VirtualSource(".", "a/field", (3, 4))
        file.create_virtual_dataset("virtual", layout)
    check_safe(path)
    with opened(path) as file:
        np.testing.assert_array_equal(file["virtual"][()], FIELD)


def test_real_files_pass(shared_data: Path, melbourne: list[Path]) -> None:
    for path in (*melbourne[:2], *sorted((shared_data / "radar").glob("*/*.h5"))[:2]):
        check_safe(path)


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rain.h5"
    with h5py.File(path, "w") as file:
        file["field"] = FIELD
    path.write_bytes(path.read_bytes()[:600])
    assert top_of(path) == ("", set())
    with pytest.raises(InputError, match=r"rain.h5: damaged"):
        check_safe(path)
    path.write_bytes(b"no HDF5 at all")
    assert not is_hdf5(path)
    assert top_of(path) == ("", set())


def test_errors_met_within_are_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rain.h5"
    with h5py.File(path, "w") as file:
        file["field"] = FIELD
    with pytest.raises(InputError, match="damaged"), opened(path) as file:
        file["absent"]
    with pytest.raises(UnsafeError, match="as it was"), opened(path):
        raise UnsafeError("as it was")


def test_the_top_and_its_attributes(tmp_path: Path) -> None:
    path = tmp_path / "rain.h5"
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_(b"ODIM_H5/V2_0")
        file.attrs["array"] = np.array([b"KM,KM\0"], dtype="S8")
        file.attrs["size"], file.attrs["three"], file.attrs["digits"] = np.array([0.5]), np.arange(3), "17"
        file.attrs["endless"] = np.inf
        file.create_group("what")
        file["away"] = h5py.SoftLink("/what")
    assert top_of(path) == ("ODIM_H5/V2_0", {"what"})
    with opened(path) as file:
        plain = attributes(file)
        assert (plain["Conventions"], plain["size"], plain["three"].tolist()) == ("ODIM_H5/V2_0", 0.5, [0, 1, 2])
        assert (plain["array"], plain["digits"]) == ("KM,KM", "17")


def test_names_that_end_in_numbers_are_ordered_by_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("data10", "data2", "data", "data1x", "other1"):
            file.create_group(name)
        assert numbered(file, "data") == ["data2", "data10"]
