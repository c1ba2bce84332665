"""From what the user typed to files: folders and globs spread out, names that lead nowhere told."""

from __future__ import annotations

import glob
import os
import re
import stat
import warnings
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from nowcast.errors import InputError, MachineError, NowcastWarning
from nowcast.readers.naming import natural

__all__ = ["PathLike", "find", "is_address", "refusal", "shown"]

PathLike = str | os.PathLike[str]

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://?(?!$)|^[A-Za-z][A-Za-z0-9+.-]+::")
_KNOWN = {
    b"version https://git-lfs": "a git-LFS pointer, the file itself was never fetched (git lfs pull)",
    b"\x1f\x8b": "gzip (gunzip it first)",
    b"PK\x03\x04": "a zip archive (unzip it first)",
    b"BZh": "bzip2 (bunzip2 it first)",
}


def find(paths: PathLike | Sequence[PathLike], recognised: Callable[[Path], bool]) -> list[Path]:
    """Files and stores in the order given, those of a glob or a folder in natural order (2 before 10).

    A folder's entries that are no data are left out with a warning.

    Raises
    ------
    InputError
        A path does not exist, a glob matches nothing, a folder holds nothing that can be read, a URL.
    MachineError
        Permission is lacking.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("no path was given", needed="files, folders, globs or zarr stores")
    found: list[Path] = []
    for path in given:
        found += _spread(os.fspath(path), recognised)
    return found


def is_address(text: str) -> bool:
    """Whether it is a URL, and no path."""
    return _SCHEME.match(text) is not None


def shown(address: str) -> str:
    """A URL as it may be printed and recorded: without the name and password of a user, query and fragment."""
    scheme, slashes, rest = address.partition("://")
    if not slashes:
        return address
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _spread(text: str, recognised: Callable[[Path], bool]) -> list[Path]:
    if is_address(text):
        raise InputError(
            f"{shown(text)}: an address; nothing was asked of it",
            needed="a local path, or your word that the network may be used",
            next_step="--remote opens one zarr store by its address; or fetch it first (curl -O, aws s3 cp, ...)",
        )
    path = Path(text).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{text!r}: no usable path", found=str(error)) from error
    if not exists and any(sign in text for sign in "*?["):
        matches = sorted((Path(name) for name in glob.glob(str(path), recursive=True)), key=natural)  # noqa: PTH207  (absolute patterns)
        if not matches:
            raise InputError(f"{text}: no file matches", next_step=f"ls {path.parent}")
        return [file for match in matches for file in _entries(match, recognised)]
    if not exists:
        raise _missing(path)
    return _entries(path, recognised)


def _entries(path: Path, recognised: Callable[[Path], bool]) -> list[Path]:
    if not path.is_dir() or recognised(path):
        return [path]
    try:
        entries = sorted((entry for entry in path.iterdir() if not entry.name.startswith(".")), key=natural)
    except PermissionError as error:
        raise MachineError(f"{path}: may not be read", next_step=f"chmod -R u+rX {path}") from error
    if not entries:
        raise InputError(
            f"{path}: an empty folder", needed="files that can be read, or a zarr store", next_step="name the files"
        )
    refused = {entry: reason for entry in entries if (reason := refusal(entry, recognised)) is not None}
    readable = [entry for entry in entries if entry not in refused]
    told = "; ".join(f"{entry.name}: {reason}" for entry, reason in list(refused.items())[:5])
    told += f"; and {len(refused) - 5} more" if len(refused) > 5 else ""
    if not readable:
        raise InputError(f"{path}: a folder with nothing that can be read", found=told)
    if refused:
        message = f"{path}: {len(refused)} of {len(entries)} entries are left out: {told}"
        warnings.warn(message, NowcastWarning, stacklevel=2)
    return readable


def refusal(path: Path, recognised: Callable[[Path], bool]) -> str | None:
    """Why a path is no data that can be read, in a few words; None if it can be.

    Raises
    ------
    MachineError
        Permission is lacking.
    """
    try:
        if path.is_dir():
            return None if recognised(path) else "a folder that is no store"
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return "no regular file (a pipe, socket or device)"
        with path.open("rb") as file:
            start = file.read(64)
        if not start:
            return "an empty file"
        if recognised(path):
            return None
    except PermissionError as error:
        raise MachineError(f"{path}: may not be read", next_step=f"chmod u+r {path}") from error
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    for magic, told in _KNOWN.items():
        if start.startswith(magic):
            return told
    text = start.decode("ascii", errors="replace")
    if all(sign.isprintable() or sign.isspace() for sign in text.replace("\ufffd", "\0")):
        return f"text that begins {' '.join(text.split())[:32]!r}"
    return f"an unknown format that begins with the bytes {start[:8].hex(' ')}"


def _missing(path: Path) -> InputError:
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        path, folder = folder, folder.parent
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        names = []
    near = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return InputError(
        f"{path}: does not exist" + (f"; did you mean {folder / near[0]}?" if near else ""),
        next_step=f"ls {folder}",
    )
