"""The model file: weights and, as plain data, everything that a forecast needs. Loading it executes nothing.

It is one safetensors file; its header's metadata holds one JSON object (key `nowcast`), the `Card`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

import nowcast
from nowcast.atomic import replacing
from nowcast.cube import grid_step, label, time_step
from nowcast.errors import InputError
from nowcast.models import Forecaster, build
from nowcast.scaling import Scaler
from nowcast.verification import is_record

__all__ = ["FORMAT", "Card", "load", "load_card", "mismatches", "require", "save", "versions"]

FORMAT = 1
GRID_TOLERANCE = 0.01
METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0, "kilometre": 1000.0}


@dataclass(frozen=True)
class Card:
    """What a model is, what it was trained on, and what a cube must be for it to forecast.

    Attributes
    ----------
    model, keywords
        How `nowcast.models.build` makes it.
    scaler
        `Scaler.to_dict()`.
    grid_step
        `nowcast.cube.grid_step` of the training cube, or None.
    trained_on
        First and last training time, the file and what it states of its licence, for the record.
    read_as
        The options of `nowcast.open_cube` that the training cube was read with.
    other_grids
        `grid_step` of further cubes that it was trained on.
    verdict
        To whom it lost on its test part (`nowcast.verification.record`); empty where that is not known.
    gaps
        How absent frames are treated: `{"policy": "skip", "mask" or "hold", "most": N}`, at most N of a context.
    """

    model: str
    keywords: dict[str, Any]
    scaler: dict[str, Any]
    variable: str
    units: str | None
    channels: int
    grid_step: dict[str, Any] | None
    time_step_seconds: float
    context: int
    horizon: int
    masked: bool
    trained_on: dict[str, Any]
    versions: dict[str, str]
    read_as: dict[str, Any] = field(default_factory=dict)
    other_grids: list[dict[str, Any] | None] = field(default_factory=list)
    gaps: dict[str, Any] = field(default_factory=lambda: {"policy": "skip", "most": 0})
    verdict: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def save(path: str | os.PathLike[str], forecaster: Forecaster, card: Card) -> Path:
    """Write a model file, atomically.

    Raises
    ------
    MachineError
        The disk is full or may not be written; a previous file is untouched.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in forecaster.state_dict().items()}
    data = to_bytes(weights, metadata={"nowcast": json.dumps(asdict(card))})
    with replacing(path) as aside:
        aside.write_bytes(data)
    return Path(path)


def load_card(path: str | os.PathLike[str]) -> Card:
    """What a model file says of its model, without the weights.

    Raises
    ------
    InputError
        As `load`.
    """
    path = _existing(path)
    with _understood(path), safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get("nowcast")
    return _card(path, text)


def load(path: str | os.PathLike[str]) -> tuple[Forecaster, Card]:
    """Rebuild a forecaster, in evaluation mode on the CPU, and its card.

    Raises
    ------
    InputError
        No such file, not a model file, a damaged one, or one of a newer version.
    """
    path = _existing(path)
    with _understood(path), safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get("nowcast")
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    card = _card(path, text)
    try:
        with torch.device("meta"):  # no memory is taken for sizes that the weights do not have
            forecaster = build(card.model, card.keywords)
        forecaster.load_state_dict(weights, assign=True)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: its weights do not fit the model {card.model!r} that it names",
            found=str(error).splitlines()[-1].strip(),
        ) from error
    return forecaster.eval(), card


def _existing(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such model file", next_step="train one: nowcast fit PATH")
    return path


@contextlib.contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: this is not a model file, or it is damaged",
            found=str(error).splitlines()[0],
            needed="a model.safetensors written by nowcast fit",
        ) from error


def _card(path: Path, text: str | None) -> Card:
    if text is None:
        raise InputError(
            f"{path}: a safetensors file, but not one of nowcast", needed="a model.safetensors written by nowcast fit"
        )
    try:
        plain = json.loads(text)
        written = plain.get("format")
        if not isinstance(written, int):
            raise ValueError(f"format {written!r} is not a number")
        if written > FORMAT:
            raise InputError(
                f"{path}: written by a newer nowcast ({plain.get('versions', {}).get('nowcast')})",
                found=f"format {written}",
                needed=f"format {FORMAT} or older (this is nowcast {nowcast.__version__})",
                next_step="update nowcast",
            )
        card = Card(**plain)
        sizes_good = all(isinstance(value, int) and value > 0 for value in (card.channels, card.context, card.horizon))
        step_good = 0 < float(card.time_step_seconds) < float("inf")
        grid_good = all(
            grid is None or (set(grid) == {"y", "x", "units", "y_rises", "x_rises"} and grid["y"] > 0 and grid["x"] > 0)
            for grid in [card.grid_step, *card.other_grids]
        )
        named = {each.name for each in fields(Card)}
        whole = named - {"read_as", "gaps", "other_grids", "verdict"} <= set(plain) <= named and isinstance(
            card.read_as, dict
        )
        if not (whole and sizes_good and step_good and grid_good and _gaps_good(card) and is_record(card.verdict)):
            raise ValueError("fields are missing or of the wrong kind")
        Scaler.from_dict(card.scaler)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        raise InputError(f"{path}: what the file says of its model cannot be read", found=str(error)) from error
    return card


def _gaps_good(card: Card) -> bool:
    """Whether absent frames are treated in a known way, and a model that may lack some is told which."""
    if set(card.gaps) != {"policy", "most"} or type(card.gaps["most"]) is not int:
        return False
    if card.gaps["policy"] == "skip":
        return bool(card.gaps["most"] == 0)
    return card.gaps["policy"] in ("mask", "hold") and card.gaps["most"] > 0 and card.masked


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
