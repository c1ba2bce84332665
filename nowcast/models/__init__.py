"""Forecasters: one `forward(context, horizon)` each, from the trained networks to the baselines."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from nowcast.errors import InputError
from nowcast.models.advection import Advection
from nowcast.models.base import Forecaster, Lifted
from nowcast.models.cascade import Cascade
from nowcast.models.exceedance import Exceedance
from nowcast.models.framed import FRAMES, Framed
from nowcast.models.persistence import Persistence
from nowcast.models.recurrent import (
    E3DLSTM,
    ConvLSTM,
    MultiscaleConvLSTM,
    PredRNN,
    PredRNNPlusPlus,
    RecurrentForecaster,
)

__all__ = [
    "E3DLSTM",
    "FRAMES",
    "MODELS",
    "Advection",
    "Cascade",
    "ConvLSTM",
    "Exceedance",
    "Forecaster",
    "Framed",
    "Lifted",
    "MultiscaleConvLSTM",
    "Persistence",
    "PredRNN",
    "PredRNNPlusPlus",
    "RecurrentForecaster",
    "build",
]

MODELS: dict[str, type[Forecaster]] = {
    "cascade": Cascade,
    "convlstm": ConvLSTM,
    "predrnn": PredRNN,
    "predrnn++": PredRNNPlusPlus,
    "e3dlstm": E3DLSTM,
    "multiscale": MultiscaleConvLSTM,
    "persistence": Persistence,
    "advection": Advection,
}
"""The closed list: a name from a file is looked up here and nowhere else."""


def build(name: str, keywords: dict[str, Any]) -> Forecaster:
    """Make a forecaster by its name and plain keywords.

    Beside the model's own keywords there may be `frame`, one of `FRAMES`, and `exceedance`, those of `Exceedance`: the
    model is the network inside of a `Framed` one then.

    Raises
    ------
    InputError
        A name that is not in `MODELS`, or a keyword that the model does not have.
    """
    around = {key: keywords[key] for key in ("frame", "exceedance") if key in keywords}
    if around:
        return _framed(name, {key: value for key, value in keywords.items() if key not in around}, **around)
    if name not in MODELS:
        nearest = difflib.get_close_matches(name, MODELS, n=1)
        raise InputError(
            f"model {name!r} is not known",
            needed="one of " + ", ".join(MODELS),
            next_step=f"--model {nearest[0]}" if nearest else None,
        )
    return MODELS[name](**_known(keywords, MODELS[name], f"model {name!r}"))


def _framed(name: str, keywords: dict[str, Any], *, frame: str = "still", exceedance: Any = None) -> Framed:
    channels, masked = int(keywords.pop("channels", 1)), bool(keywords.pop("masked", False))
    told = None if exceedance is None else Exceedance(**_known(exceedance, Exceedance, "exceedance"))
    share = 1 if told is None else told.share
    inner = build(name, {**keywords, "channels": channels * share, "masked": True})
    return Framed(inner, channels=channels, masked=masked, frame=frame, exceedance=told)


def _known(keywords: dict[str, Any], kind: type, name: str) -> dict[str, Any]:
    """The keywords, none of which may be unknown to what is made of them."""
    known = list(inspect.signature(kind).parameters)
    unknown = sorted(set(keywords) - set(known))
    if unknown:
        raise InputError(f"{name} has no keyword {unknown[0]!r}", needed="one of " + ", ".join(known))
    return keywords
