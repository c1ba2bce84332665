from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nowcast import atomic
from nowcast.atomic import replacing
from nowcast.errors import InputError, MachineError


def _folder(path: Path, text: str) -> None:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "a.txt").write_text(text)


def _file(path: Path, text: str) -> None:
    path.write_text(text)


def _text(path: Path) -> str:
    return (path / "inner" / "a.txt" if path.is_dir() else path).read_text()


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


KINDS = pytest.mark.parametrize("make", [_file, _folder])


@KINDS
def test_a_new_output_appears_and_nothing_else(make: Callable[[Path, str], None], tmp_path: Path) -> None:
    with replacing(tmp_path / "out.nc") as aside:
        assert aside.suffix == ".nc"
        make(aside, "new")
        assert not (tmp_path / "out.nc").exists()
    assert _text(tmp_path / "out.nc") == "new"
    assert _names(tmp_path) == ["out.nc"]


@KINDS
def test_an_old_output_is_replaced_as_a_whole(make: Callable[[Path, str], None], tmp_path: Path) -> None:
    target = tmp_path / "out"
    make(target, "old")
    if target.is_dir():
        (target / "stale").touch()
    with replacing(target) as aside:
        make(aside, "new")
        assert _text(target) == "old"
    assert _text(target) == "new"
    assert not (target / "stale").exists()
    assert _names(tmp_path) == ["out"]


@KINDS
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_keeps_the_old_output(
    make: Callable[[Path, str], None], error: type[BaseException], tmp_path: Path
) -> None:
    target = tmp_path / "out"
    make(target, "old")
    with pytest.raises(error), replacing(target) as aside:  # noqa: PT012
        make(aside, "half")
        raise error("stop")
    assert _text(target) == "old"
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize("exchange", [True, False])
def test_folders_are_swapped_with_and_without_renameat2(
    exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(atomic.ctypes, "CDLL", lambda *_, **__: object())
    _folder(tmp_path / "out", "old")
    with replacing(tmp_path / "out") as aside:
        _folder(aside, "new")
    assert _text(tmp_path / "out") == "new"
    assert _names(tmp_path) == ["out"]


def test_a_failed_swap_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic.ctypes, "CDLL", lambda *_, **__: object())
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if self.name == "out" and self.parent.suffix == ".part":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    _folder(tmp_path / "out", "old")
    with pytest.raises(OSError, match="no"), replacing(tmp_path / "out") as aside:
        _folder(aside, "new")
    assert _text(tmp_path / "out") == "old"


def test_what_links_in_the_old_folder_point_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    _folder(tmp_path / "out", "old")
    (tmp_path / "out" / "soft").symlink_to(tmp_path / "precious")
    os.link(tmp_path / "precious", tmp_path / "out" / "hard")
    with replacing(tmp_path / "out") as aside:
        _folder(aside, "new")
    assert (tmp_path / "precious").read_text() == "mine"


def test_another_kind_in_the_way_is_refused(tmp_path: Path) -> None:
    _folder(tmp_path / "out", "mine")
    with pytest.raises(InputError, match="in the way"), replacing(tmp_path / "out") as aside:
        aside.write_text("new")
    assert _text(tmp_path / "out") == "mine"


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written") as caught, replacing(tmp_path / "no" / "out"):
        pass
    assert f"mkdir -p {tmp_path / 'no'}" in str(caught.value)


def test_an_error_about_a_file_elsewhere_is_not_blamed_on_the_target(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), replacing(tmp_path / "out"):
        raise PermissionError(13, "Permission denied", "/elsewhere/source.nc")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux to mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "nowcast", place], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mount is refused here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_told_and_the_old_output_kept(small_disk: Path) -> None:
    target = small_disk / "out.bin"
    target.write_bytes(b"old")
    free = os.statvfs(small_disk).f_bavail
    with pytest.raises(MachineError, match="could not be written") as caught, replacing(target) as aside:
        aside.write_bytes(bytes(4_000_000))
    assert "No space left" in str(caught.value)
    assert target.read_bytes() == b"old"
    assert _names(small_disk) == ["out.bin"]
    assert os.statvfs(small_disk).f_bavail == free


def test_space_comes_back_though_a_library_never_closes_its_file(small_disk: Path) -> None:
    free = os.statvfs(small_disk).f_bavail
    handle = None
    try:
        with pytest.raises(MachineError), replacing(small_disk / "out.bin") as aside:  # noqa: PT012
            handle = aside.open("wb", buffering=0)
            while True:
                handle.write(bytes(100_000))
        assert os.statvfs(small_disk).f_bavail == free
    finally:
        if handle is not None:
            handle.close()


def test_a_read_only_place_is_told(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(MachineError, match="could not be written") as caught, replacing(small_disk / "out.bin"):
        pass
    assert "Read-only" in str(caught.value)
    assert caught.value.exit_code == 3
