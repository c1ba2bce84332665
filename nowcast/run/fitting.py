"""Files in, a trained, scored run out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from nowcast import config, model_file
from nowcast.atomic import write_text
from nowcast.config import Settings
from nowcast.cube import grid_step, iso, label, time_step
from nowcast.models import Forecaster
from nowcast.progress import quiet, tell
from nowcast.readers import reading
from nowcast.run import folder
from nowcast.run.circumstances import write_circumstances
from nowcast.run.emphasis import drawn_by, turned
from nowcast.run.judging import judge, unscored
from nowcast.run.learning import objective, patience_for, settled
from nowcast.run.memory import fitted_into_memory
from nowcast.run.preparing import Prepared
from nowcast.run.several import Sources, cubes_from, prepare_all
from nowcast.run.source import given, held, remembered, stem
from nowcast.sizes import bytes_of
from nowcast.tensors import Loader, Windows
from nowcast.verification import record, verdict
from nowcast.writers import write_dataset

__all__ = ["fit"]

LITTLE_REUSE = 2.0
"""A pass that uses each byte it decodes less often is spent decoding."""


def fit(
    source: Sources,
    *,
    run: str | os.PathLike[str] | None = None,
    config_file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    model: str | None = None,
    frame: str | None = None,
    output: str | None = None,
    hidden: Sequence[int] | None = None,
    kernel: int | None = None,
    context: int | None = None,
    horizon: int | None = None,
    stride: int | None = None,
    patch: int | None = None,
    fractions: Sequence[float] | None = None,
    gaps: str | None = None,
    max_missing: int | None = None,
    scaling: str | None = None,
    loss: Mapping[str, float] | None = None,
    optimiser: str | None = None,
    learning_rate: float | None = None,
    adversarial: float | None = None,
    batch: int | None = None,
    epochs: int | None = None,
    max_minutes: float | None = None,
    precision: str | None = None,
    low_memory: bool | None = None,
    seed: int | None = None,
    events: str | None = None,
    weights: Sequence[float] | None = None,
    augment: str | None = None,
    memory: str | None = None,
    workers: int | None = None,
    thresholds: Sequence[float] | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Train a forecaster on a cube and score it, beside baselines, on the last part of its time.

    What is not given comes from `config_file`, and what is not there either is chosen from the data and told.

    Parameters
    ----------
    source
        A cube `(time, channel, y, x)`, or paths. Several cubes of one quantity and time step, or paths that make
        several, are one training set: patches come from each, scaled by the statistics of all, split each on its own.
        Where each is too short for that, whole events are parts: the last is the test, the one before it validation.
    run
        The folder to write to; None: `runs/<name>-<date>-<time>`.
    resume
        Go on with the run in that folder from its last checkpoint, with its own settings.
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`.
    frame
        `"still"`, the grid's own; `"lagrangian"`: what moves is held still and carried along afterwards; `"auto"`: of
        these the one in which less changes in the training part. For the cascade auto if None, else still.
    output
        `"mean"`, or `"chances"` to reach thresholds beside it. For the cascade chances if None, else mean.
    fractions
        Shares of the windows for training, validation and test, 0.7, 0.15, 0.15 if None. `(0.8, 0.2, 0)` leaves no test
        part, so that nothing is scored; `(1, 0, 0)` no validation either, so that the last weights are kept.
    precision
        Of convolutions: `"float32"` or `"bfloat16"`, for GPUs; what they are added to stays float32.
    low_memory
        Steps are worked out again on the way back: about a third slower, and less memory; None: if they must be.
    adversarial
        Weight of a discriminator's term beside the loss, such as 0.01: sharper frames, from longer training.
    events
        Training windows are drawn by how much happens in them: `"rain"`, `"motion"`, `"divisions"`, `"auto"`.
    weights
        Of several cubes: in what proportion their windows make an epoch; None: all windows.
    augment
        Training windows are turned and mirrored as the grid allows: `"auto"`, `"flips"`, `"rotations"`, `"all"`.
    memory
        That the program may take, `"2GB"`: windows of larger cubes are cut from blocks that a quarter of it holds.
    workers
        Processes that read blocks; 0: a thread, which is enough unless a cube is computed by slow Python.

    Returns
    -------
    xarray.Dataset
        The scores on the test part (see `nowcast.evaluate`); attributes `run` and `model_file` tell where all lies.
        Without a test part no variable is in it, the coordinates `forecaster` (the model) and `lead_time` alone.

    Raises
    ------
    InputError
        Files or settings that do not fit, too few frames, no value at all.
    MachineError
        The disk is full or may not be written.
    """
    flags = {name: value for name, value in locals().items() if name in config.FLAGS}
    flags |= given(options)
    with quiet(not progress):
        place = folder.place(run, stem(source), resume=resume)
        if resume and config_file is None:
            config_file = place / folder.CONFIG
        settings = config.resolve(config_file, flags)
        cubes = cubes_from(source, **_read_by(source, settings))
        with reading(label(cubes[0])):
            most = bytes_of(settings.loading.memory) // 2 // len(cubes)
            parts = settled(prepare_all([held(cube, memory=most) for cube in cubes], settings))
        place.mkdir(parents=True, exist_ok=True)
        try:
            if not resume:
                write_circumstances(place, source)
            return _train(parts, place, resume=resume)
        except BaseException:
            if not resume and not any((place / "checkpoints").glob("*.ckpt")):
                shutil.rmtree(place, ignore_errors=True)
            raise


def _read_by(source: Sources, settings: Settings) -> dict[str, Any]:
    """What a source is read by: nothing, where it is a cube already."""
    told = settings.data.model_dump(exclude={"variable", "channel"}, exclude_none=True)
    own = {"variable": settings.data.variable, "channel": settings.data.channel}
    first = source if isinstance(source, xr.DataArray | str | os.PathLike) else next(iter(source), None)
    return own | {"options": None if isinstance(first, xr.DataArray) else told}


def _train(parts: Sequence[Prepared], place: Path, *, resume: bool) -> xr.Dataset:
    prepared = parts[0]
    settings = prepared.settings
    others = {"others": [part.fingerprint() for part in parts[1:]]} if len(parts) > 1 else {}
    folder.begin(place, prepared.fingerprint() | others, resume=resume)
    torch.manual_seed(settings.training.seed)
    forecaster = prepared.forecaster()
    loaders = [_loader(parts, "training", place=place)]
    if any("validation" in part.plans for part in parts):
        loaders.append(_loader(parts, "validation"))
    try:
        return _fitted(parts, forecaster, loaders, place, resume=resume)
    finally:
        for each in loaders:
            each.close()


def _loader(parts: Sequence[Prepared], name: str, *, place: Path | None = None) -> Loader:
    """Of a part; training windows are drawn and turned as the settings say, which the run's folder `place` records."""
    settings = parts[0].settings
    held = [part for part in parts if name in part.plans]
    made = Loader(
        [Windows(part.cube, part.plans[name], part.scaler, masked=part.masked, held=part.held) for part in held],
        batch=parts[0].batch,
        shuffle=name == "training",
        seed=settings.training.seed,
        memory=bytes_of(settings.loading.memory) // 4,
        workers=settings.loading.workers,
        device="cuda" if torch.cuda.is_available() else "cpu",
        drawn=None if place is None else drawn_by(parts, place),
        prepared=None if place is None else turned(parts),
    )
    if name == "training":
        tell(f"blocks   {made.blocks}")
        if not made.blocks.held and made.blocks.reuse < LITTLE_REUSE:
            tell("beware   its chunks make it slow to cut windows from: nowcast convert PATH cube.zarr cures that")
    return made


def _fitted(
    parts: Sequence[Prepared],
    forecaster: Forecaster,
    loaders: Sequence[Loader],
    place: Path,
    *,
    resume: bool,
) -> xr.Dataset:
    from nowcast import training

    prepared = parts[0]
    settings = prepared.settings
    loss, curriculum = objective(prepared)
    parameters = sum(p.numel() for p in forecaster.parameters())
    tell(f"model    {settings.model.name}, {parameters:,} parameters")
    fitted_into_memory(prepared, forecaster)
    validation = loaders[1] if len(loaders) > 1 else None
    if validation is None:
        tell("beware   no validation part: the last weights are kept, were they worse, and nothing ends it early")
    epochs, max_minutes = settings.training.epochs, settings.training.max_minutes
    if resume and epochs is not None:
        budget = training.Budget(epochs, max_minutes, "as the run was begun")
    else:
        budget = training.plan_budget(
            forecaster,
            loss,
            loaders[0],
            validation,
            epochs=epochs,
            max_minutes=max_minutes,
            adversarial=settings.training.adversarial,
            curriculum=curriculum,
            precision=settings.training.precision,
        )
    tell(f"budget   {budget}  (--epochs or --max-minutes to change)")
    settled = {"epochs": budget.epochs, "low_memory": forecaster.low_memory}
    settings = settings.model_copy(update={"training": settings.training.model_copy(update=settled)})
    write_text(place / folder.CONFIG, config.dump(settings))
    for number, part in enumerate(parts, 1):
        audit = json.dumps(part.split.audit(part.cube), indent=2)
        write_text(place / folder.numbered(folder.SPLIT, number), audit)
    outcome = training.fit(
        forecaster,
        loss,
        loaders[0],
        validation,
        folder=place,
        budget=budget,
        optimiser=settings.training.optimiser,
        learning_rate=settings.training.learning_rate,
        patience=patience_for(prepared, steps=len(loaders[0])),
        adversarial=settings.training.adversarial,
        curriculum=curriculum,
        precision=settings.training.precision,
        resume=resume,
    )
    judged_by = f"; validation {outcome.best_validation:.5f}, persistence {outcome.persistence:.5f}"
    tell(f"trained  {outcome.steps} steps, {outcome.ended}{'' if validation is None else judged_by}")
    card = _card(parts)
    model_file.save(place / folder.MODEL, forecaster, card)
    return _judged(parts, forecaster, card, place)


def _judged(parts: Sequence[Prepared], forecaster: Forecaster, card: model_file.Card, place: Path) -> xr.Dataset:
    """The scores of the first cube with a test part, written as those of the others are; empty if there is none."""
    judged, verdicts = [], []
    for number, part in enumerate(parts, 1):
        if "test" not in part.plans:
            continue
        scores = judge(part, forecaster, place / folder.numbered(folder.PICTURE, number), learnt_from=parts)
        scores.attrs.update(run=str(place), model_file=str(place / folder.MODEL))
        table = place / folder.numbered(folder.SCORES, number)
        write_dataset(scores, table)
        judged.append(scores)
        verdicts.append(verdict(scores))
        write_text(place / folder.numbered(folder.VERDICT, number), json.dumps(verdicts[-1], indent=2))
        if len(parts) > 1:
            ours, still = (float(scores["mse"].isel(forecaster=i).mean()) for i in (0, 1))
            tell(f"scores   cube {number}: MSE {ours / still:.3f} of persistence's; {table}")
    if not judged:
        scores = unscored(parts[0])
        return scores.assign_attrs(run=str(place), model_file=str(place / folder.MODEL))
    model_file.save(place / folder.MODEL, forecaster, replace(card, verdict=record(verdicts)))
    return judged[0]


def _card(parts: Sequence[Prepared]) -> model_file.Card:
    prepared = parts[0]
    cube = prepared.cube
    time = cube["time"].values
    first, last = prepared.split.training[0].start, prepared.split.training[-1].stop - 1
    return model_file.Card(
        model=prepared.settings.model.name,
        keywords=prepared.keywords(),
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
            "source": ", ".join(
                str(part.cube.encoding.get("source", "a cube in memory")) for part in parts if part.split.training
            ),
            "first": iso(time[first]),
            "last": iso(time[last]),
        },
        versions=model_file.versions(),
        read_as=remembered(given(prepared.settings.data.model_dump())),
        gaps=prepared.gaps,
        other_grids=[grid_step(part.cube) for part in parts[1:]],
    )
