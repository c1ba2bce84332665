"""Who is measured: baselines, trained models, and models fitted by the protocol's recipes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr

from nowcast import config, model_file
from nowcast.errors import InputError
from nowcast.progress import quiet
from nowcast.protocols.cutting import Test
from nowcast.protocols.schema import Budget, Protocol, Recipe
from nowcast.run import fit, folder
from nowcast.run.baselines import baseline
from nowcast.run.baselines.untrained import pattern
from nowcast.run.finding import find_model_for
from nowcast.run.forecasting import predict
from nowcast.scaling import Scaler

__all__ = ["Maker", "fitted", "of_baseline", "of_model"]

Maker = Callable[[xr.DataArray, Sequence[int]], Any]
"""The forecast (a cube or a Dataset of products) of a cube in memory, from positions along its time."""


def of_baseline(name: str, protocol: Protocol) -> Maker:
    """A baseline, from the frames that the protocol gives."""
    context, horizon = protocol.windows.context, protocol.windows.horizon

    def make(cube: xr.DataArray, references: Sequence[int]) -> Any:
        like = pattern(cube, context=context, horizon=horizon, references=references, name=name)
        return baseline(name, cube, like).compute()

    return make


def of_model(run: str | os.PathLike[str], cube: xr.DataArray, protocol: Protocol) -> tuple[str, dict[str, Any], Maker]:
    """A trained model: its name with the first digits of its hash, what it is, and its forecasts.

    Raises
    ------
    InputError
        No model file, one that was trained for other data, or that needs more frames than the protocol gives.
    """
    path, _ = find_model_for(run, lambda _: cube)
    forecaster, card = model_file.load(path)
    model_file.require(card, cube, path=path)
    context, horizon = protocol.windows.context, protocol.windows.horizon
    if card.context > context:
        raise InputError(
            f"{path}: needs more frames than protocol {protocol.name} gives",
            found=f"{card.context} frames in",
            needed=f"{context} at most",
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def make(frames: xr.DataArray, references: Sequence[int]) -> Any:
        with quiet():
            return predict(
                forecaster,
                Scaler.from_dict(card.scaler),
                frames,
                title=card.model,
                context=card.context,
                horizon=horizon,
                references=references,
                name=card.model,
                gaps=card.gaps,
            ).compute()

    told = {
        "model": card.model,
        "keywords": card.keywords,
        "sha256": digest,
        "context": card.context,
        "trained_first": card.trained_on.get("first"),
        "trained_last": card.trained_on.get("last"),
        "versions": card.versions,
    }
    return f"{card.model} {digest[:8]}", told, make


def fitted(
    cube: xr.DataArray, test: Test, protocol: Protocol, name: str, recipe: Recipe, *, seed: int, budget: Budget
) -> Path:
    """The folder of a run that a recipe was fitted in, on the frames that the protocol's split leaves for it.

    Raises
    ------
    InputError
        Data or settings that do not fit.
    """
    place = folder.place(None, f"{protocol.name}-{name}-seed-{seed}", resume=False)
    settings = config.Settings(
        windows=config.Windows(
            context=protocol.windows.context,
            horizon=protocol.windows.horizon,
            fractions=protocol.split.fractions,
            embargo=protocol.split.embargo,
            patch=recipe.patch,
        ),
        scaling=recipe.scaling,
        sampling=recipe.sampling,
        model=recipe.model,
        training=recipe.training.model_copy(
            update={"seed": seed, "epochs": budget.epochs, "max_minutes": budget.max_minutes}
        ),
        scores=config.Scores(most_references=1),
    )
    with TemporaryDirectory() as aside:
        told = Path(aside) / "recipe.yaml"
        told.write_text(config.dump(settings), encoding="utf-8")
        fit(cube, run=place, config_file=told)
    tested = json.loads((place / folder.SPLIT).read_text(encoding="utf-8"))["parts"]["test"]["runs"]
    if tested != [[run.start, run.stop] for run in test.runs]:
        raise InputError(f"{place}: was fitted with another test part than protocol {protocol.name} has")
    return place
