"""Forecasters: one `forward(context, horizon)` each, from the trained networks to the baselines."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from nowcast.errors import InputError
from nowcast.models.advection import Advection
from nowcast.models.base import Forecaster
from nowcast.models.convlstm import ConvLSTM
from nowcast.models.e3dlstm import E3DLSTM
from nowcast.models.multiscale import MultiscaleConvLSTM
from nowcast.models.persistence import Persistence
from nowcast.models.predrnn import PredRNN
from nowcast.models.predrnn_plus_plus import PredRNNPlusPlus
from nowcast.models.recurrent import RecurrentForecaster

__all__ = [
    "E3DLSTM",
    "MODELS",
    "Advection",
    "ConvLSTM",
    "Forecaster",
    "MultiscaleConvLSTM",
    "Persistence",
    "PredRNN",
    "PredRNNPlusPlus",
    "RecurrentForecaster",
    "build",
]

MODELS: dict[str, type[Forecaster]] = {
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
    """Make a forecaster by its name.

    Raises
    ------
    InputError
        A name that is not in `MODELS`, or a keyword that the model does not have.
    """
    if name not in MODELS:
        nearest = difflib.get_close_matches(name, MODELS, n=1)
        raise InputError(
            f"model {name!r} is not known",
            needed="one of " + ", ".join(MODELS),
            next_step=f"--model {nearest[0]}" if nearest else None,
        )
    known = list(inspect.signature(MODELS[name]).parameters)
    unknown = sorted(set(keywords) - set(known))
    if unknown:
        raise InputError(f"model {name!r} has no keyword {unknown[0]!r}", needed="one of " + ", ".join(known))
    return MODELS[name](**keywords)
