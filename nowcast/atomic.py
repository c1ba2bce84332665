"""Write aside, fsync, rename: a failed or killed command leaves the previous output as it was."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nowcast.errors import InputError, MachineError

__all__ = ["REFUSALS", "clear", "is_aside", "put_in_place", "replacing", "sync", "write_text"]


REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
"""What the system answers where a disk is full or a place may not be written."""


@contextlib.contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path beside `target` to write a file or a folder to; put it in the target's place if all went well.

    The name given keeps the target's suffix. On an error the aside is removed and the target is untouched.

    Raises
    ------
    InputError
        The target's folder does not exist, or a folder stands where a file is to go (and the other way round).
    MachineError
        The disk is full, or the place may not be written.
    """
    target = Path(target)
    folder = target.parent
    if not folder.is_dir():
        raise InputError(f"{target}: cannot be written", found=f"no folder {folder}", next_step=f"mkdir -p {folder}")
    try:
        room = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".part", dir=folder))
    except OSError as error:
        raise _machine_error(target, error) from error
    aside = room / target.name
    try:
        yield aside
        put_in_place(aside, target)
    except OSError as error:
        if error.errno in REFUSALS and not _elsewhere(error, folder):
            _remove(room, aside)
            raise _machine_error(target, error) from error
        raise
    finally:
        _remove(room, aside)


def put_in_place(aside: Path, target: Path) -> None:
    """Put a finished file or folder in the target's place in one step; an old folder is left where `aside` was.

    Raises
    ------
    InputError
        A folder stands where a file is to go, or the other way round.
    OSError
        The disk is full, or the place may not be written.
    """
    if target.exists() and target.is_dir() != aside.is_dir():
        kind = "folder" if target.is_dir() else "file"
        raise InputError(
            f"{target}: a {kind} of that name is in the way",
            found=f"a {kind} that this command did not write",
            next_step="choose another name, or move it away yourself",
        )
    sync(aside)
    if target.is_dir():
        _swap_folders(aside, target)
    else:
        aside.replace(target)
    _sync_entry(target.parent)


def write_text(target: str | os.PathLike[str], text: str) -> None:
    """Put a file of this text in the target's place, as `replacing` does."""
    with replacing(target) as aside:
        aside.write_text(text, encoding="utf-8")


def is_aside(path: Path) -> bool:
    """Whether a killed `replacing` left it, or one that goes on writes to it."""
    return path.name.startswith(".") and path.name.endswith(".part") and path.is_dir()


def clear(folder: Path) -> None:
    """Remove what a killed `replacing` left in a folder; only where nobody else writes."""
    for path in folder.iterdir():
        if is_aside(path):
            shutil.rmtree(path, ignore_errors=True)


def _elsewhere(error: OSError, folder: Path) -> bool:
    """Whether the error is about a file outside the folder: one that was being read, say."""
    return isinstance(error.filename, str) and not Path(error.filename).absolute().is_relative_to(folder.absolute())


def _swap_folders(aside: Path, target: Path) -> None:
    """Put the folder `aside` in the place of the folder `target`; the old one is left in the room of `aside`.

    In one step where the system has it (Linux), so that a kill never leaves the place empty; else in two renames.
    """
    at_working_folder, exchange = -100, 2
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        names = os.fsencode(aside), os.fsencode(target)
        if renameat2(at_working_folder, names[0], at_working_folder, names[1], exchange) == 0:
            return
        if ctypes.get_errno() not in {errno.EINVAL, errno.ENOSYS}:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))
    previous = aside.with_name("previous")
    target.rename(previous)
    try:
        aside.rename(target)
    except OSError:
        previous.rename(target)
        raise


def _remove(room: Path, aside: Path) -> None:
    # HDF5 never closes a file that it failed to write: emptied first, the file gives its space back all the same.
    # A folder is left to rmtree: in it may be links to what is not ours.
    if aside.is_file() and not aside.is_symlink():
        with contextlib.suppress(OSError):
            os.truncate(aside, 0)
    shutil.rmtree(room, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk."""
    if path.is_dir():
        for folder, _, names in os.walk(path):
            for name in names:
                _sync_entry(Path(folder) / name)
            _sync_entry(Path(folder))
    else:
        _sync_entry(path)


def _sync_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _machine_error(target: Path, error: OSError) -> MachineError:
    free = shutil.disk_usage(target.parent).free
    return MachineError(
        f"{target}: could not be written; nothing in its place was changed",
        found=f"{error.strerror} ({free / 1e6:.1f} MB free on that disk)",
        next_step="make room, or write to another folder",
    )
