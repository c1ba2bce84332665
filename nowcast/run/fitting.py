"""Files in, a trained, scored run out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from nowcast import config, model_file, report, rollout
from nowcast.atomic import replacing
from nowcast.config import Settings
from nowcast.cube import grid_step, iso, label, runs, time_step
from nowcast.losses import mixture
from nowcast.models import Forecaster, build
from nowcast.progress import bar, quiet, tell
from nowcast.readers import reading
from nowcast.run import folder
from nowcast.run.evaluation import score_beside_persistence
from nowcast.run.source import Source, cube_from, minutes, stem
from nowcast.scaling import Scaler
from nowcast.tensors import Windows, loader
from nowcast.windows import PARTS, Split, WindowPlan, plan, split, suggest
from nowcast.writers import write_dataset

__all__ = ["fit"]

SHORT = {"training": "train", "validation": "validate", "test": "test"}

PATCH = 128
"""Side of training patches where the field is larger and none is asked for."""


def fit(
    source: Source,
    *,
    run: str | os.PathLike[str] | None = None,
    config_file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    variable: str | None = None,
    channel: str | int | None = None,
    model: str | None = None,
    hidden: Sequence[int] | None = None,
    kernel: int | None = None,
    context: int | None = None,
    horizon: int | None = None,
    stride: int | None = None,
    patch: int | None = None,
    scaling: str | None = None,
    loss: Mapping[str, float] | None = None,
    optimiser: str | None = None,
    learning_rate: float | None = None,
    batch: int | None = None,
    epochs: int | None = None,
    max_minutes: float | None = None,
    seed: int | None = None,
    thresholds: Sequence[float] | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Train a forecaster on a cube and score it, beside persistence, on the last part of its time.

    What is not given comes from `config_file`, and what is not there either is chosen from the data and told.

    Parameters
    ----------
    source
        A cube `(time, channel, y, x)`, or paths.
    run
        The folder to write to; None: `runs/<name>-<date>-<time>`.
    resume
        Go on with the run in that folder from its last checkpoint, with its own settings.

    Returns
    -------
    xarray.Dataset
        The scores on the test part (see `nowcast.evaluate`); attributes `run` and `model_file` tell where all lies.

    Raises
    ------
    InputError
        Files or settings that do not fit, too few frames, no value at all.
    MachineError
        The disk is full or may not be written.
    """
    flags = {name: value for name, value in locals().items() if name in config.FLAGS}
    with quiet(not progress):
        if resume and run is not None and config_file is None:
            config_file = Path(run) / folder.CONFIG
        settings = config.resolve(config_file, flags)
        cube = cube_from(source, variable=settings.data.variable, channel=settings.data.channel)
        with reading(label(cube)):
            prepared = _Prepared(cube, settings)
        place = folder.new(run, stem(source), resume=resume)
        return _train(prepared, place, resume=resume)


class _Prepared:
    """Everything that is settled before the first step, with what was decided told on the way."""

    def __init__(self, cube: xr.DataArray, settings: Settings) -> None:
        self.cube = cube
        pieces = runs(cube)
        wanted = settings.windows
        context, horizon = suggest(pieces, context=wanted.context, horizon=wanted.horizon)
        self.split: Split = split(pieces, window=context + horizon, fractions=wanted.fractions, embargo=wanted.embargo)
        step = time_step(cube) or 0.0
        tell(
            f"windows  {context} frames in, {horizon} out ({minutes(horizon * step)} ahead): "
            + ("as asked" if wanted.context and wanted.horizon else "the longest that leaves enough to learn from")
        )
        frames = [i for run in self.split.training for i in range(run.start, run.stop)]
        training = cube.isel(time=frames)
        self.scaler = Scaler.fit(training, method=settings.scaling.method)
        tell(f"scaling  {self.scaler}")
        missing = float((training.isnull().sum() / training.size).compute())
        self.masked = missing > 0
        if self.masked:
            tell(f"missing  {missing:.1%} of the training pixels: out of loss and scores, and shown to the model")
        self.patch = wanted.patch or min(PATCH, cube.sizes["y"], cube.sizes["x"])
        size = (min(self.patch, cube.sizes["y"]), min(self.patch, cube.sizes["x"]))
        self.plans: dict[str, WindowPlan] = {
            name: plan(
                cube,
                context=context,
                horizon=horizon,
                stride=wanted.stride,
                patch=size,
                patch_stride=max(1, self.patch * 3 // 4) if name == "training" else self.patch,
                within=self.split.part(name),
            )
            for name in PARTS
        }
        time = cube["time"].values
        for name in PARTS:
            part = self.split.part(name)
            tell(
                f"{SHORT[name]:<9}{iso(time[part[0].start])} to {iso(time[part[-1].stop - 1])}: "
                f"{len(self.plans[name].starts)} starting times x {len(self.plans[name].corners)} patches "
                f"of {size[0]} x {size[1]}"
            )
        tell(f"embargo  {self.split.embargo} frames between the parts, in none of them")
        self.settings = settings.model_copy(
            update={
                "data": settings.data.model_copy(update={"variable": str(cube.name)}),
                "windows": wanted.model_copy(
                    update={"context": context, "horizon": horizon, "patch": self.patch, "embargo": self.split.embargo}
                ),
                "scaling": settings.scaling.model_copy(update={"method": self.scaler.method}),
            }
        )

    def forecaster(self) -> tuple[Forecaster, dict[str, Any]]:
        keywords = {
            "channels": self.cube.sizes["channel"],
            "masked": self.masked,
            **self.settings.model.keywords(),
        }
        return build(self.settings.model.name, keywords), keywords


def _train(prepared: _Prepared, place: Path, *, resume: bool) -> xr.Dataset:
    from nowcast import training

    settings = prepared.settings
    torch.manual_seed(settings.training.seed)
    forecaster, keywords = prepared.forecaster()
    loss = mixture(settings.training.loss)
    loaders = [
        loader(
            Windows(prepared.cube, prepared.plans[name], prepared.scaler, masked=prepared.masked),
            batch=settings.training.batch,
            shuffle=name == "training",
            seed=settings.training.seed,
        )
        for name in ("training", "validation")
    ]
    parameters = sum(p.numel() for p in forecaster.parameters())
    tell(f"model    {settings.model.name}, {parameters:,} parameters")
    budget = training.plan_budget(
        forecaster,
        loss,
        *loaders,
        epochs=settings.training.epochs,
        max_minutes=settings.training.max_minutes,
    )
    tell(f"budget   {budget.epochs} epochs: {budget.reason}  (--epochs or --max-minutes to change)")
    settings = settings.model_copy(update={"training": settings.training.model_copy(update={"epochs": budget.epochs})})
    _write_text(place / folder.CONFIG, config.dump(settings))
    _write_text(place / folder.SPLIT, json.dumps(prepared.split.audit(prepared.cube), indent=2))
    outcome = training.fit(
        forecaster,
        loss,
        *loaders,
        folder=place,
        budget=budget,
        optimiser=settings.training.optimiser,
        learning_rate=settings.training.learning_rate,
        patience=settings.training.patience,
        resume=resume,
    )
    tell(
        f"trained  {outcome.epochs} epochs, {outcome.ended}; validation {outcome.best_validation:.5f}, "
        f"persistence {outcome.persistence:.5f}"
    )
    card = _card(prepared, keywords, settings)
    model_file.save(place / folder.MODEL, forecaster, card)
    scores = _judge(prepared, forecaster, settings, place)
    scores.attrs.update(run=str(place), model_file=str(place / folder.MODEL))
    write_dataset(scores, place / folder.SCORES)
    return scores


def _card(prepared: _Prepared, keywords: dict[str, Any], settings: Settings) -> model_file.Card:
    cube = prepared.cube
    time = cube["time"].values
    first, last = prepared.split.training[0].start, prepared.split.training[-1].stop - 1
    return model_file.Card(
        model=settings.model.name,
        keywords=keywords,
        scaler=prepared.scaler.to_dict(),
        variable=str(cube.name),
        units=cube.attrs.get("units"),
        channels=cube.sizes["channel"],
        grid_step=grid_step(cube),
        time_step_seconds=time_step(cube) or 0.0,
        context=prepared.plans["training"].context,
        horizon=prepared.plans["training"].horizon,
        masked=prepared.masked,
        trained_on={
            "source": str(cube.encoding.get("source", "a cube in memory")),
            "first": iso(time[first]),
            "last": iso(time[last]),
        },
        versions=model_file.versions(),
    )


def _judge(prepared: _Prepared, forecaster: Forecaster, settings: Settings, place: Path) -> xr.Dataset:
    """Whole-field forecasts from the test part's reference times, scored beside persistence; one of them drawn."""
    references = prepared.plans["test"].references
    most = settings.scores.most_references
    picked = references if len(references) <= most else [references[i * len(references) // most] for i in range(most)]
    window = prepared.plans["test"]
    with bar("test", total=len(picked)) as line:
        count = iter(range(1, len(picked) + 1))
        predicted = rollout.forecast(
            forecaster,
            prepared.scaler,
            prepared.cube,
            context=window.context,
            horizon=window.horizon,
            references=picked,
            name=settings.model.name,
            device="cuda" if torch.cuda.is_available() else "cpu",
            done=lambda: line.to(next(count, len(picked))),
        )
        if predicted.nbytes <= 2_000_000_000:
            predicted = predicted.compute()
    scores = score_beside_persistence(
        predicted,
        prepared.cube,
        context=window.context,
        thresholds=settings.scores.thresholds,
        scales=settings.scores.scales,
    )
    with replacing(place / folder.PICTURE) as aside:
        report.picture(predicted, prepared.cube, aside)
    return scores


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as aside:
        aside.write_text(text)
