"""The verb that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Channel, Debug, Json, Paths, Quiet, Thresholds, Variable, choice
from nowcast.cli.parsing import numbers_of, shares_of
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, figures, print_json, print_scores, tell_next

__all__ = ["fit"]


@reads
def fit(
    paths: Paths,
    config: Annotated[Path | None, typer.Option("--config", help="a YAML file; flags win over it")] = None,
    run_folder: Annotated[str | None, typer.Option("--run", help="the folder to write [runs/NAME-DATE-TIME]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --run")] = False,
    variable: Variable = None,
    channel: Channel = None,
    model: Annotated[
        str | None, choice("cascade", "convlstm", "multiscale", "predrnn", "predrnn++", "e3dlstm", says=" [cascade]")
    ] = None,
    frame: Annotated[
        str | None, choice("still", "lagrangian", "auto", says=": what moves is held still [auto]")
    ] = None,
    output: Annotated[
        str | None, choice("mean", "chances", says=": to reach thresholds, beside the mean [chances]")
    ] = None,
    hidden: Annotated[str | None, typer.Option(help="channels of each layer, such as 64,64")] = None,
    kernel: Annotated[int | None, typer.Option(help="side of the convolutions")] = None,
    context: Annotated[int | None, typer.Option(help="frames given")] = None,
    horizon: Annotated[int | None, typer.Option(help="frames asked for")] = None,
    stride: Annotated[int | None, typer.Option(help="frames between neighbouring starts")] = None,
    patch: Annotated[int | None, typer.Option(help="side of training patches in pixels")] = None,
    fractions: Annotated[str | None, typer.Option(help="of training, validation, test [0.7,0.15,0.15]")] = None,
    gaps: Annotated[str | None, choice("skip", "mask", "hold", says=" absent frames [skip]")] = None,
    max_missing: Annotated[int | None, typer.Option(help="frames missing per context at most [a quarter]")] = None,
    scaling: Annotated[str | None, choice("unit", "symmetric", "zscore", "log", "db")] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="mse, mae, ssim, ms_ssim, balanced_mse, balanced_mae, csi, fss, or mixed: mse=1,ssim=0.1"),
    ] = None,
    optimiser: Annotated[str | None, choice("adam", "adamw", "rmsprop")] = None,
    learning_rate: Annotated[str | None, typer.Option(help="at its highest; or find [0.002]")] = None,
    adversarial: Annotated[float | None, typer.Option(help="weight of a discriminator's term: sharper frames")] = None,
    batch: Annotated[int | None, typer.Option(help="windows a step")] = None,
    epochs: Annotated[int | None, typer.Option(help="[suits machine and data]")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="the longest that training may take")] = None,
    schedule: Annotated[
        str | None, choice("cosine", "one_cycle", "constant", says=": of the learning rate [cosine]")
    ] = None,
    accumulate: Annotated[int | None, typer.Option(help="batches that make a step [1]")] = None,
    monitor: Annotated[
        str | None, typer.Option(help="keep the weights of the best: mae, csi@1mm/h, fss@1mm/h/11 [validation loss]")
    ] = None,
    ema: Annotated[float | None, typer.Option(help="keep averaged weights: their decay, such as 0.999")] = None,
    precision: Annotated[str | None, choice("float32", "bfloat16", says=", which is for GPUs [float32]")] = None,
    low_memory: Annotated[bool | None, typer.Option(help="remember less, work more [if it must]")] = None,
    seed: Annotated[int | None, typer.Option(help="of weights and order")] = None,
    log: Annotated[str | None, typer.Option(help="tensorboard: figures go to its files in the run's folder")] = None,
    events: Annotated[
        str | None,
        choice("none", "auto", "rain", "motion", "divisions", says=": what draws windows [rain where it rains]"),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="of several cubes: shares of an epoch, such as 2,1")] = None,
    augment: Annotated[
        str | None, choice("none", "auto", "flips", "rotations", "all", says=": turn and mirror windows [auto]")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="that it may take, such as 2GB")] = None,
    workers: Annotated[int | None, typer.Option(help="processes that read; 0: a thread [0]")] = None,
    thresholds: Thresholds = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Train on a cube and score it on the last part of its time. Beside persistence, advection and climatology."""
    set_debug(debug)
    from nowcast import run

    scores = run.fit(
        paths,
        run=run_folder,
        config_file=config,
        resume=resume,
        variable=variable,
        channel=channel,
        options=options,
        model=model,
        frame=frame,
        output=output,
        hidden=numbers_of(hidden, "--hidden", int),
        kernel=kernel,
        context=context,
        horizon=horizon,
        stride=stride,
        patch=patch,
        fractions=numbers_of(fractions, "--fractions", float),
        gaps=gaps,
        max_missing=max_missing,
        scaling=scaling,
        loss=shares_of(loss),
        optimiser=optimiser,
        learning_rate=learning_rate,
        adversarial=adversarial,
        batch=batch,
        epochs=epochs,
        max_minutes=max_minutes,
        schedule=schedule,
        accumulate=accumulate,
        ema=ema,
        monitor=monitor,
        precision=precision,
        low_memory=low_memory,
        seed=seed,
        log=log,
        events=events,
        weights=numbers_of(weights, "--weights", float),
        augment=augment,
        memory=memory,
        workers=workers,
        thresholds=numbers_of(thresholds, "--thresholds", float),
        progress=not quiet,
    )
    where = scores.attrs["run"]
    if as_json:
        print_json({"run": where, "model_file": scores.attrs["model_file"], **figures(scores)})
        return
    print_scores(scores)
    held = "model, scores, picture" if scores.data_vars else "model, not scored"
    tell_next(
        f"{where}: {held}; next: nowcast report {again([where])}, "
        f"or nowcast forecast {again(paths)} -o forecast.nc --run {again([where])}",
        quiet=quiet,
    )
