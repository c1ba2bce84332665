"""A model file written and read: one file of `tensor_file`, whose plain data are the `Card`.

Format 1 had no checksum; it is read still.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError

import nowcast
from nowcast.atomic import replacing
from nowcast.errors import InputError, UnsafeError
from nowcast.model_file import tensor_file
from nowcast.model_file.card import FORMAT, Card, card_format, card_from
from nowcast.models import Forecaster, build

__all__ = ["load", "load_card", "parameters", "save", "versions"]

LARGEST_FILE = 2**31
"""Bytes."""


def save(path: str | os.PathLike[str], forecaster: Forecaster, card: Card) -> Path:
    """Write a model file, atomically.

    Raises
    ------
    MachineError
        The disk is full or may not be written; a previous file is untouched.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in forecaster.state_dict().items()}
    data = tensor_file.packed(asdict(card), weights)
    with replacing(path) as aside:
        aside.write_bytes(data)
    return Path(path)


def load_card(path: str | os.PathLike[str]) -> Card:
    """What a model file says of its model, without the weights.

    Raises
    ------
    InputError, UnsafeError
        As `load`.
    """
    path = Path(path)
    return _card(path, _bytes_of(path))


def load(path: str | os.PathLike[str]) -> tuple[Forecaster, Card]:
    """Rebuild a forecaster, in evaluation mode on the CPU, and its card.

    Raises
    ------
    InputError
        No such file, not a model file, a damaged one, or one of a newer version.
    UnsafeError
        It is larger, or asks for a larger network, than any that nowcast writes.
    """
    path = Path(path)
    data = _bytes_of(path)
    card = _card(path, data)
    with _understood(path):
        weights = tensor_file.unpacked(data)
    if not all(torch.isfinite(tensor).all() for tensor in weights.values() if tensor.is_floating_point()):
        raise InputError(f"{path}: some of its weights are not finite; no forecast can be made by them")
    try:
        with torch.device("meta"):  # no memory is taken for sizes that the weights do not have
            forecaster = build(card.model, card.keywords)
        forecaster.load_state_dict(weights, assign=True)
    except (RuntimeError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, MemoryError) as error:
        raise InputError(
            f"{path}: its weights do not fit the model {card.model!r} that it names",
            found=(str(error).splitlines() or [type(error).__name__])[-1].strip()[:200],
        ) from error
    return forecaster.eval(), card


def parameters(path: str | os.PathLike[str]) -> int:
    """How many numbers the weights of a model file are.

    Raises
    ------
    InputError, UnsafeError
        As `load`.
    """
    with _understood(Path(path)):
        return sum(tensor.numel() for tensor in tensor_file.unpacked(_bytes_of(Path(path))).values())


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: no such model file", next_step="train one: nowcast fit PATH")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise UnsafeError(
            f"{path}: too large for a model file", found=f"{size} bytes", needed=f"at most {LARGEST_FILE}"
        )
    with _understood(path):
        return path.read_bytes()


@contextlib.contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: this is not a model file, or it is damaged",
            found=(str(error).splitlines() or [type(error).__name__])[0][:200],
            needed="a model.safetensors written by nowcast fit",
        ) from error


def _card(path: Path, data: bytes) -> Card:
    with _understood(path):
        plain = tensor_file.told_by(data)
    if plain is None:
        raise InputError(
            f"{path}: a safetensors file, but not one of nowcast", needed="a model.safetensors written by nowcast fit"
        )
    try:
        written = card_format(plain)
        if written > FORMAT:
            raise InputError(
                f"{path}: written by a newer nowcast ({plain.get('versions', {}).get('nowcast')})",
                found=f"format {written}",
                needed=f"format {FORMAT} or older (this is nowcast {nowcast.__version__})",
                next_step="update nowcast",
            )
        if written > 1 and not tensor_file.is_intact(data):
            raise InputError(
                f"{path}: damaged, it is not the model file that was written",
                found="another checksum",
                next_step="copy it again, or train the model again: nowcast fit PATH",
            )
        return card_from(plain)
    except UnsafeError as error:
        raise UnsafeError(f"{path}: {error.what}", needed=error.needed) from error
    except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError) as error:
        raise InputError(f"{path}: what the file says of its model cannot be read", found=str(error)[:200]) from error


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"nowcast": nowcast.__version__, "torch": str(torch.__version__)}
