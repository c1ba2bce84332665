"""The data that a protocol names, from its own folder or from where the user says they lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import xarray as xr

from nowcast.datasets import open_dataset
from nowcast.errors import InputError, UnsafeError
from nowcast.progress import tell
from nowcast.protocols.loading import load
from nowcast.protocols.schema import Data, Protocol
from nowcast.readers import open_cube
from nowcast.readers.options import Options

__all__ = ["chosen", "open_data"]


def chosen(protocol: Protocol, place: Path, given: Path | None) -> tuple[Protocol, Path]:
    """The protocol itself, or the one that it names to be run `instead` where its file is not given; told.

    Raises
    ------
    InputError
        A place is given, and neither the protocol's file nor that of another one lies there.
    """
    if protocol.data.file is None or protocol.instead is None or _file(protocol.data, given) is not None:
        return protocol, place
    other, folder = load(protocol.instead)
    if given is not None and (other.data.file is None or _file(other.data, given) is None):
        names = [name for name in (protocol.data.file, other.data.file) if name]
        raise InputError(f"{given}: holds no data of {protocol.name}", needed=" or ".join(names))
    tell(f"beware   this is {other.name}, not {protocol.name}: {protocol.data.file} is not given")
    tell("         its numbers stand beside those of the same name alone")
    return chosen(other, folder, given)


def open_data(data: Data, place: Path, given: Path | None) -> xr.DataArray:
    """The lazy cube `(time, channel, y, x)` that a protocol is about.

    Parameters
    ----------
    place
        The protocol's folder, that its paths are relative to.
    given
        `--data`: a folder to look in instead, or the one file that is needed.

    Raises
    ------
    InputError
        Nothing there, another file than the protocol needs, or what the readers refuse.
    UnsafeError
        A path that leads out of the folder.
    """
    if given is not None and not given.exists():
        raise InputError(f"--data {given}: does not exist", next_step="name the folder that holds the data")
    if data.file is not None:
        _check_file(data, given)
    folder = given.parent if given is not None and given.is_file() else given
    options = Options(**data.reading.model_dump(exclude_none=True))
    if data.dataset is not None:
        return open_dataset(data.dataset, folder, options=options, **data.keywords)
    root = (folder or place).resolve()
    paths = [path for pattern in data.paths or () for path in _inside(root, pattern)]
    return open_cube(paths, **options.given())


def _inside(root: Path, pattern: str) -> list[Path]:
    """What lies in the folder under a relative path or pattern, by name.

    Raises
    ------
    InputError
        Nothing.
    UnsafeError
        An address, an absolute path, `..`, or a link that leads out of the folder.
    """
    needed = "a path relative to the protocol's folder, and within it; elsewhere they may lie by --data FOLDER"
    parts = Path(pattern.replace("\\", "/")).parts
    if not parts or "://" in pattern or ":" in parts[0] or parts[0].startswith(("/", "~")) or ".." in parts:
        raise UnsafeError(f"data.paths: {pattern!r} leads out of the protocol's folder", needed=needed)
    found = sorted(root.glob(pattern.replace("\\", "/")))
    for path in found:
        if not path.resolve().is_relative_to(root):
            raise UnsafeError(f"{path}: a link that leads out of the folder", found=str(path.resolve()), needed=needed)
    if not found:
        raise InputError(f"{root / pattern}: no such file", next_step="say where the data lie: --data FOLDER")
    return found


def _file(data: Data, given: Path | None) -> Path | None:
    """The one file that is needed, where it is given or lies in the folder that is given."""
    if given is None or data.file is None:
        return None
    path = given if given.is_file() else given / data.file
    return path if path.is_file() and path.name == data.file else None


def _check_file(data: Data, given: Path | None) -> None:
    path = _file(data, given)
    if path is None:
        raise InputError(
            f"the data need {data.file}",
            found="no --data" if given is None else f"--data {given}",
            next_step=f"--data FOLDER, where it lies, or --data {data.file}",
        )
    if data.file_md5 is not None:
        found = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                found.update(piece)
        if found.hexdigest() != data.file_md5:
            raise InputError(
                f"{path}: not the file that the protocol is about",
                found=f"md5 {found.hexdigest()}",
                needed=f"md5 {data.file_md5}",
                next_step="fetch it again; of other data, write a protocol with a name of its own",
            )
