"""A cube to a zarr store, block by block, so that an interrupted conversion goes on where it stopped.

The store grows aside, in `.NAME.part/`, beside a journal of what it is made of and which blocks are on the disk; it
takes its place when it is complete, in one step.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.atomic import REFUSALS, put_in_place, sync
from nowcast.cube import source_dims
from nowcast.errors import InputError, MachineError
from nowcast.writers import cf, zarr
from nowcast.writers.packing import DoesNotFitError

__all__ = ["write_store"]

BLOCK_BYTES = 2**26
"""What is read, written and recorded at a time: whole chunks (or shards) along time, of about so many bytes."""

JOURNAL = "journal.jsonl"
LOCK = "lock"


def write_store(
    cube: xr.DataArray,
    path: Path,
    *,
    made_of: str,
    chunks: Mapping[str, int] | None = None,
    shards: Mapping[str, int] | None = None,
    resume: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Write a plain cube to a zarr store at `path`, keeping its integer packing where that is lossless.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, lazy or not.
    made_of
        What tells the source from any other: the store is only gone on with if it is the same.
    chunks, shards
        Sizes by dim of the cube; the rest is chosen.
    resume
        Go on with what an interrupted call left.
    progress
        Called with (blocks done, blocks in all).

    Raises
    ------
    InputError
        Nothing to go on with, or it was made of something else; dims that the cube does not have.
    MachineError
        The disk is full or may not be written; or another process is writing the same store. What was written stays, to
        go on with.
    """
    names = source_dims(cube)
    chunks, shards = (
        None if sizes is None else {names.get(dim, dim): size for dim, size in sizes.items()}
        for sizes in (chunks, shards)
    )
    with _aside(path, resume=resume) as room, _told(path):
        for packed in (True, False):
            try:
                dataset = zarr.encoded(cf.to_dataset(cube, packed=packed), chunks=chunks, shards=shards)
                _fill(dataset, room, path.name, made_of, progress)
                break
            except DoesNotFitError:
                shutil.rmtree(room / path.name, ignore_errors=True)
                (room / JOURNAL).unlink(missing_ok=True)
        zarr.finish(room / path.name)
        put_in_place(room / path.name, path)
        shutil.rmtree(room, ignore_errors=True)
    return path


@contextlib.contextmanager
def _aside(path: Path, *, resume: bool) -> Iterator[Path]:
    """The folder that the store grows in, held by this process alone."""
    room = path.parent / f".{path.name}.part"
    if resume and not (room / JOURNAL).is_file():
        raise InputError(
            f"{path}: nothing to go on with", found=f"no {room}", next_step="leave out --resume to begin it"
        )
    room.mkdir(exist_ok=True)
    with (room / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MachineError(f"{path}: another process is writing it", next_step="wait until it has ended") from error
        if not resume:
            shutil.rmtree(room / path.name, ignore_errors=True)
            (room / JOURNAL).unlink(missing_ok=True)
        yield room


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        free = shutil.disk_usage(path.parent).free
        raise MachineError(
            f"{path}: could not be written further; nothing in its place was changed",
            found=f"{error.strerror} ({free / 1e6:.1f} MB free on that disk)",
            next_step="make room, then the same command with --resume goes on where it stopped",
        ) from error


def _fill(
    dataset: xr.Dataset, room: Path, name: str, made_of: str, progress: Callable[[int, int], object] | None
) -> None:
    import zarr as library

    field = next(str(key) for key, variable in dataset.data_vars.items() if variable.ndim >= 3)
    variable = dataset[field].variable
    whole = variable.encoding.get("shards") or variable.encoding["chunks"]
    stretch = whole[0] * max(1, BLOCK_BYTES // (math.prod(variable.shape[1:]) * variable.dtype.itemsize * whole[0]))
    frames = variable.shape[0]
    total = -(-frames // stretch)
    begun = {
        "made_of": made_of,
        "metadata": _metadata(dataset, field),
        "shape": list(variable.shape),
        "dtype": str(variable.dtype),
        "cut": [list(whole), list(variable.encoding["chunks"])],
        "stretch": stretch,
    }
    done = _done(room / JOURNAL, begun, room.parent / name)
    if done is None:
        coords = [key for key in dataset.variables if key != field]
        plain = dataset.assign({key: dataset[key].load() for key in coords if key not in dataset.coords})
        plain = plain.assign_coords({key: dataset[key].load() for key in coords if key in dataset.coords})
        plain.to_zarr(room / name, mode="w", zarr_format=3, consolidated=False, write_empty_chunks=True, compute=False)
        sync(room / name)
        _note(room / JOURNAL, begun)
        done = set()
    with library.config.set({"array.write_empty_chunks": True}):
        array = library.open_array(room / name / field, mode="r+")
        left = [block for block in range(total) if block not in done]
        parts = [slice(block * stretch, min(frames, (block + 1) * stretch)) for block in left]
        for number, (block, part, values) in enumerate(
            zip(left, parts, _read_ahead(variable, parts, room), strict=True), total - len(left) + 1
        ):
            array[part] = values
            for row in range(part.start // whole[0], -(-part.stop // whole[0])):
                sync(room / name / field / "c" / str(row))
            _note(room / JOURNAL, {"block": block})
            if progress is not None:
                progress(number, total)


def _read_ahead(variable: xr.Variable, parts: list[slice], room: Path) -> Iterator[np.ndarray]:
    """The values of parts of the first dim, in turn; the next is computed, maybe on a cluster, while one is written."""

    def read(part: slice) -> np.ndarray:
        return np.asarray(variable.isel({variable.dims[0]: part}).data)

    with ThreadPoolExecutor(1, thread_name_prefix="nowcast-ahead") as pool:
        ahead = [pool.submit(read, part) for part in parts[:1]]
        for number in range(len(parts)):
            try:
                values = ahead.pop().result()
            except DoesNotFitError:
                raise
            except Exception:
                shutil.rmtree(room, ignore_errors=True)  # a source that cannot be read is not gone on with
                raise
            ahead = [pool.submit(read, part) for part in parts[number + 1 : number + 2]]
            yield values


def _metadata(dataset: xr.Dataset, field: str) -> str:
    """A checksum of everything but the field's values; the history has the time of day in it."""
    attrs = {key: value for key, value in dataset.attrs.items() if key != "history"}
    digest = hashlib.sha256(json.dumps([attrs, dataset[field].attrs], default=str, sort_keys=True).encode())
    for key in sorted(map(str, dataset.variables)):
        variable = dataset[key].variable
        digest.update(json.dumps([key, list(map(str, variable.dims)), variable.attrs], default=str).encode())
        if key != field and variable.ndim < 2:
            digest.update(str(np.asarray(variable.values).tolist()).encode())
    return digest.hexdigest()


def _done(journal: Path, begun: dict[str, Any], path: Path) -> set[int] | None:
    """The blocks that are written, None if nothing is begun; a line cut off by a kill does not count."""
    if not journal.is_file():
        return None
    lines, whole = [], 0
    for line in journal.read_bytes().splitlines(keepends=True):
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
        if not line.endswith(b"\n"):
            lines.pop()
            break
        whole += len(line)
    os.truncate(journal, whole)  # or else the next line would go on with the one that is cut
    if not lines:
        return None
    if lines[0] != begun:
        other = [name for name in begun if lines[0].get(name) != begun[name]]
        raise InputError(
            f"{path}: was begun with something else; nothing was changed",
            found=", ".join(other) + " differ",
            needed="the same files and options",
            next_step="leave out --resume to begin it anew",
        )
    return {int(line["block"]) for line in lines[1:]}


def _note(journal: Path, line: dict[str, Any]) -> None:
    with journal.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
