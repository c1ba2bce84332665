"""The model file: weights and, as plain data, everything that a forecast needs. Loading it executes nothing.

It is one file of `nowcast.tensor_file`, and its plain data are the `Card`. Format 1 had no checksum; it is read still.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from safetensors import SafetensorError

import nowcast
from nowcast import tensor_file
from nowcast.atomic import replacing
from nowcast.card import FORMAT, Card, card_format, card_from
from nowcast.cube import grid_step, label, time_step
from nowcast.errors import InputError, UnsafeError
from nowcast.models import Forecaster, build

__all__ = ["Card", "load", "load_card", "mismatches", "parameters", "require", "save", "versions"]

LARGEST_FILE = 2**31
"""Bytes."""

GRID_TOLERANCE = 0.01
METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0, "kilometre": 1000.0}


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


def require(card: Card, cube: xr.DataArray, *, path: str | os.PathLike[str]) -> None:
    """Refuse a cube that the model was not made for.

    Raises
    ------
    InputError
        A table of what the model wants and what the cube has, for what does not match.
    """
    wrong = mismatches(card, cube)
    if wrong:
        width = max(len(name) for name, _, _ in wrong)
        rows = "\n".join(f"    {name:<{width}}  model wants {want}; cube has {has}" for name, want, has in wrong)
        raise InputError(
            f"{path} was not trained for {label(cube)}; no forecast was made\n{rows}",
            next_step="choose another --run or another --variable, or train on such files: nowcast fit PATH",
        )


def mismatches(card: Card, cube: xr.DataArray) -> list[tuple[str, str, str]]:
    """What does not fit: (name, what the model wants, what the cube has)."""
    step = time_step(cube)
    grid = grid_step(cube)
    rows = [
        ("variable", card.variable, str(cube.name), card.variable == str(cube.name)),
        ("units", str(card.units), str(cube.attrs.get("units")), card.units == cube.attrs.get("units")),
        ("channels", str(card.channels), str(cube.sizes["channel"]), card.channels == cube.sizes["channel"]),
        (
            "time step",
            f"{card.time_step_seconds:g} s",
            "one frame" if step is None else f"{step:g} s",
            # One frame has no step: a model with a context of one can still forecast from it.
            step is None or abs(step - card.time_step_seconds) <= 0.01 * card.time_step_seconds,
        ),
        (
            "grid step",
            _grid_text(card.grid_step, beside=grid),
            _grid_text(grid, beside=card.grid_step),
            any(_same_grid(each, grid) for each in [card.grid_step, *card.other_grids]),
        ),
    ]
    return [(name, want, has) for name, want, has, good in rows if not good]


def _same_grid(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    if any(one[way] != other[way] for way in ("y_rises", "x_rises")):
        return False
    lengths = [METRES.get(str(grid["units"])) for grid in (one, other)]
    if lengths[0] is None or lengths[1] is None:
        if one["units"] != other["units"]:
            return False
        lengths = [1.0, 1.0]
    scale = float(lengths[1] or 1.0) / float(lengths[0] or 1.0)
    return all(abs(other[axis] * scale - one[axis]) <= GRID_TOLERANCE * one[axis] for axis in ("y", "x"))


def _grid_text(grid: dict[str, Any] | None, *, beside: dict[str, Any] | None) -> str:
    if grid is None:
        return "none"
    text = f"{grid['y']:g} x {grid['x']:g} {grid['units'] or '(no units)'}"
    turned = [axis for axis in ("y", "x") if beside is not None and grid[f"{axis}_rises"] != beside[f"{axis}_rises"]]
    return ", ".join([text, *(f"{axis} {'rising' if grid[f'{axis}_rises'] else 'falling'}" for axis in turned)])


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"nowcast": nowcast.__version__, "torch": str(torch.__version__)}
