"""A checkpoint as one file: a tree of plain values and tensors. Reading it runs nothing and opens nothing else.

It is one safetensors file. Its header's metadata holds one JSON object (key `nowcast`): versions, and the tree, in
which a tensor is named by its number; and a sha256 over that text and all tensors (key `sha256`), compared on reading.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from nowcast import model_file
from nowcast.atomic import replacing
from nowcast.errors import InputError, MachineError
from nowcast.plain_json import parsed

__all__ = ["FORMAT", "DamagedError", "packed", "read", "unpacked", "versions", "write"]

FORMAT = 1
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""How files of `torch.save` begin."""

_KINDS = {"tensor", "tuple", "dict", "float"}


class DamagedError(InputError):
    """The file is not what was written."""


def versions() -> dict[str, str]:
    """Those that the bits of a training depend on."""
    return {**model_file.versions(), "lightning": str(lightning.__version__)}


def packed(state: Mapping[str, Any]) -> bytes:
    """A checkpoint as its file has it.

    Parameters
    ----------
    state
        Dicts with text or whole numbers as keys, lists, tuples, numbers, texts, None and tensors.

    Raises
    ------
    TypeError
        Something else is in the state.
    """
    tensors: dict[str, Tensor] = {}
    told = {"kind": "checkpoint", "format": FORMAT, "versions": versions(), "state": _plain(dict(state), tensors)}
    text = json.dumps(told, allow_nan=False)
    return to_bytes(tensors, metadata={"nowcast": text, "sha256": _checksum(text, tensors)})


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Put a checkpoint in the file's place: aside, fsync, rename, fsync of the folder.

    Parameters
    ----------
    state
        As `packed` takes it.

    Raises
    ------
    MachineError
        The disk is full or may not be written; what stood there is untouched.
    TypeError
        As `packed`.
    """
    data = packed(state)
    try:
        with replacing(path) as aside:
            aside.write_bytes(data)
    except MachineError as error:
        raise MachineError(
            f"{path}: this checkpoint could not be written, so training ended here; older ones are as they were",
            found=error.found,
            needed=f"{len(data) / 1e6:.1f} MB ({len(data)} bytes) on the disk of {path.parent.resolve()}",
        ) from error


def read(path: Path) -> dict[str, Any]:
    """What was written, its tensors on the CPU; `versions` tells by what.

    Raises
    ------
    DamagedError
        It is cut, changed or no checkpoint.
    InputError
        It cannot be opened, is of a newer nowcast, or of one that wrote checkpoints by pickle.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: this checkpoint cannot be read", found=str(error.strerror)) from error
    return unpacked(data, name=str(path))


def unpacked(data: bytes, *, name: str) -> dict[str, Any]:
    """What was packed; errors, as of `read`, call it by the name."""
    if data[8:9] != b"{" and data.startswith((ZIP, PICKLE)):
        raise InputError(
            f"{name}: written by torch.save, as older versions of nowcast did; it was not opened",
            found="pickle, which can run any program",
            needed=f"a checkpoint of nowcast's own format {FORMAT}",
            next_step="begin another run: leave out --resume, and name another --run",
        )
    try:
        text, checksum = _told(data)
        tensors = from_bytes(data)
        if checksum != _checksum(text, tensors):
            raise ValueError("another checksum")
        told = parsed(text)
        if told["kind"] != "checkpoint" or type(told["format"]) is not int:
            raise ValueError("it is no checkpoint")
        if told["format"] > FORMAT:
            raise InputError(
                f"{name}: written by a newer nowcast ({told['versions']['nowcast']})",
                found=f"format {told['format']}",
                needed=f"format {FORMAT}",
                next_step="update nowcast",
            )
        if set(told) != {"kind", "format", "versions", "state"} or not _is_versions(told["versions"]):
            raise ValueError("what it tells of itself is not understood")
        state = _built(told["state"], tensors)
        if tensors or not isinstance(state, dict):
            raise ValueError("it holds what its description does not name")
    except (SafetensorError, ValueError, TypeError, KeyError, RecursionError, OverflowError, MemoryError) as error:
        raise DamagedError(
            f"{name}: damaged, it is not the checkpoint that was written",
            found=(str(error).splitlines() or [type(error).__name__])[0],
        ) from error
    return {**state, "versions": told["versions"]}


def _told(data: bytes) -> tuple[str, str]:
    """The two texts of the header's metadata."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError(f"{len(data)} bytes, and a header of {length}")
    header = parsed(data[8 : 8 + length])
    told = header["__metadata__"]
    if set(told) != {"nowcast", "sha256"}:
        raise ValueError("a safetensors file, but not one of nowcast")
    return told["nowcast"], told["sha256"]


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors, key=int):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON has it, with its tensors taken out."""
    if isinstance(value, Tensor):
        number = len(tensors)
        tensors[str(number)] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": number}
    if isinstance(value, Mapping):
        return {"dict": [[_key(key), _plain(each, tensors)] for key, each in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(each, tensors) for each in value]}
    if isinstance(value, list):
        return [_plain(each, tensors) for each in value]
    if type(value) is float and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a checkpoint holds no {type(value).__name__}")


def _key(key: Any) -> str | int:
    if type(key) not in (str, int):
        raise TypeError(f"a checkpoint's names are text or whole numbers, not {type(key).__name__}")
    named: str | int = key
    return named


def _built(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The other way; each tensor is taken once."""
    if isinstance(value, list):
        return [_built(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not value.keys() <= _KINDS:
        raise ValueError("its description is not understood")
    [(kind, inner)] = value.items()
    if kind == "tensor" and type(inner) is int:
        return tensors.pop(str(inner))
    if kind == "tuple" and isinstance(inner, list):
        return tuple(_built(each, tensors) for each in inner)
    if kind == "dict" and isinstance(inner, list):
        built = {_key(key): _built(each, tensors) for key, each in inner}
        if len(built) == len(inner):
            return built
    if kind == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    raise ValueError("its description is not understood")


def _is_versions(told: Any) -> bool:
    known = {"nowcast", "torch", "lightning"}
    return isinstance(told, dict) and set(told) == known and all(_is_version(each) for each in told.values())


def _is_version(told: Any) -> bool:
    return isinstance(told, str) and re.fullmatch(r"[\w.+-]{1,64}", told) is not None
