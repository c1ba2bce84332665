"""The verbs, thin: what was typed goes to `nowcast.run`, what comes back is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.parsing import numbers_of, product_of, shares_of, sizes_of
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, print_scores, results, tell_next

__all__ = ["app"]

app = typer.Typer(
    help="Forecast the next frames of image sequences with a physical meaning. Start with: nowcast demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="files, globs, folders, stores, or kth:FOLDER")]
Variable = Annotated[str | None, typer.Option("--variable", help="the field, where a file holds several")]
Channel = Annotated[str | None, typer.Option("--channel", help="one channel of several, by name or number")]
Debug = Annotated[bool, typer.Option("--debug", help="show the whole traceback of an error")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="tell nothing but the result")]
Run = Annotated[str | None, typer.Option("--run", help="a run's folder or a model file [newest fitting run]")]
Thresholds = Annotated[str | None, typer.Option("--thresholds", help="in the field's units, such as 0.1,1,5")]


def _show_version(asked: bool) -> None:
    if asked:
        import nowcast

        typer.echo(nowcast.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="print the version and end", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="where to write")] = Path("demo"),
    max_minutes: Annotated[float, typer.Option(help="the longest that training may take")] = 3.0,
    debug: Debug = False,
) -> None:
    """The whole path on a synthetic radar cube: convert, fit, forecast, evaluate, picture. No download."""
    set_debug(debug)
    from nowcast.run.demonstration import demo as run_demo

    scores = run_demo(folder, max_minutes=max_minutes)
    print_scores(scores)
    tell_next(f"{scores.attrs['picture']} shows a forecast; on your own file: nowcast fit PATH")


@app.command()
@reads
def inspect(
    paths: Paths,
    variable: Variable = None,
    channel: Channel = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """What these files are as one cube, and what fit would do with it."""
    set_debug(debug)
    from nowcast import run

    description, plan = run.inspect(
        paths, variable=variable, channel=channel, options=options, progress=not (as_json or quiet)
    )
    if as_json:
        print(json.dumps({**description.to_dict(), "fit": plan}))  # noqa: T201
    else:
        from nowcast import report

        results().print(report.description_table(description, plan))


@app.command()
@reads
def convert(
    paths: Annotated[list[str], typer.Argument(metavar="PATH... OUT", help="what to read, and what to write last")],
    variable: Variable = None,
    channel: Channel = None,
    chunks: Annotated[str | None, typer.Option(help="of a zarr store: time=16,y=256,x=256 [suits training]")] = None,
    shards: Annotated[str | None, typer.Option(help="of a zarr store: time=64,y=512,x=512 [none]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a zarr store that was interrupted")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Any readable input to a zarr store, chunked for training, or to a file of another kind."""
    set_debug(debug)
    from nowcast import run
    from nowcast.errors import InputError

    if len(paths) < 2:
        raise InputError("convert needs what to read and what to write", next_step="nowcast convert PATH… cube.zarr")
    out = run.convert(
        paths[:-1] if len(paths) > 2 else paths[0],
        paths[-1],
        variable=variable,
        channel=channel,
        options=options,
        chunks=sizes_of(chunks, "--chunks"),
        shards=sizes_of(shards, "--shards"),
        resume=resume,
        progress=not quiet,
    )
    tell_next(f"wrote {out}; next: nowcast inspect {out}, or nowcast fit {out}", quiet=quiet)


@app.command()
@reads
def fit(
    paths: Paths,
    config: Annotated[Path | None, typer.Option("--config", help="a YAML file; flags win over it")] = None,
    run_folder: Annotated[str | None, typer.Option("--run", help="the folder to write [runs/NAME-DATE-TIME]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --run")] = False,
    variable: Variable = None,
    channel: Channel = None,
    model: Annotated[
        str | None, typer.Option(help="cascade, convlstm, multiscale, predrnn, predrnn++ or e3dlstm [cascade]")
    ] = None,
    frame: Annotated[
        str | None, typer.Option(help="still, lagrangian or auto: what moves is held still [auto]")
    ] = None,
    output: Annotated[str | None, typer.Option(help="mean, or chances to reach thresholds beside it [chances]")] = None,
    hidden: Annotated[str | None, typer.Option(help="channels of each layer, such as 64,64")] = None,
    kernel: Annotated[int | None, typer.Option(help="side of the convolutions")] = None,
    context: Annotated[int | None, typer.Option(help="frames given")] = None,
    horizon: Annotated[int | None, typer.Option(help="frames asked for")] = None,
    stride: Annotated[int | None, typer.Option(help="frames between neighbouring starts")] = None,
    patch: Annotated[int | None, typer.Option(help="side of training patches in pixels")] = None,
    fractions: Annotated[str | None, typer.Option(help="of training, validation, test [0.7,0.15,0.15]")] = None,
    gaps: Annotated[str | None, typer.Option(help="absent frames: skip, mask or hold [skip]")] = None,
    max_missing: Annotated[int | None, typer.Option(help="frames missing per context at most [a quarter]")] = None,
    scaling: Annotated[str | None, typer.Option(help="unit, symmetric, zscore, log or db")] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="mse, mae, ssim, ms_ssim, balanced_mse, balanced_mae, csi, fss, or mixed: mse=1,ssim=0.1"),
    ] = None,
    optimiser: Annotated[str | None, typer.Option(help="adam, adamw or rmsprop")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="at its highest")] = None,
    adversarial: Annotated[float | None, typer.Option(help="weight of a discriminator's term: sharper frames")] = None,
    batch: Annotated[int | None, typer.Option(help="windows a step")] = None,
    epochs: Annotated[int | None, typer.Option(help="[suits machine and data]")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="the longest that training may take")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, or bfloat16 on a GPU [float32]")] = None,
    low_memory: Annotated[bool | None, typer.Option(help="remember less, work more [if it must]")] = None,
    seed: Annotated[int | None, typer.Option(help="of weights and order")] = None,
    events: Annotated[str | None, typer.Option(help="draw windows by: auto, rain, motion, divisions [none]")] = None,
    weights: Annotated[str | None, typer.Option(help="of several cubes: shares of an epoch, such as 2,1")] = None,
    augment: Annotated[str | None, typer.Option(help="turn and mirror: auto, flips, rotations, all [none]")] = None,
    memory: Annotated[str | None, typer.Option(help="that it may take, such as 2GB")] = None,
    workers: Annotated[int | None, typer.Option(help="processes that read; 0: a thread [0]")] = None,
    thresholds: Thresholds = None,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Train on a cube and score the result on the last part of its time, beside persistence and advection."""
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
        precision=precision,
        low_memory=low_memory,
        seed=seed,
        events=events,
        weights=numbers_of(weights, "--weights", float),
        augment=augment,
        memory=memory,
        workers=workers,
        thresholds=numbers_of(thresholds, "--thresholds", float),
        progress=not quiet,
    )
    print_scores(scores)
    where = scores.attrs["run"]
    held = "model, scores, picture" if scores.data_vars else "model, not scored"
    tell_next(
        f"{where}: {held}; next: nowcast report {where}, "
        f"or nowcast forecast {again(paths)} -o forecast.nc --run {where}",
        quiet=quiet,
    )


@app.command()
@reads
def forecast(
    paths: Paths,
    out: Annotated[str, typer.Option("-o", "--out", help=".nc, .zarr, .ome.tif, .ome.zarr, .gif, .mp4, .mkv or .avi")],
    run_path: Run = None,
    model: Annotated[str | None, typer.Option(help="without training: advection, persistence, pysteps, steps")] = None,
    at: Annotated[list[str] | None, typer.Option(help="reference time(s), ISO 8601 UTC [the newest frame]")] = None,
    every: Annotated[bool, typer.Option("--every", help="from every time with enough frames before it")] = False,
    horizon: Annotated[int | None, typer.Option(help="frames to forecast [as trained]")] = None,
    product: Annotated[
        str | None, typer.Option(help="of a probabilistic forecast: mean or matched [all; where one fits, matched]")
    ] = None,
    variable: Variable = None,
    channel: Channel = None,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Forecast from the newest frames; the suffix of --out says in what format."""
    set_debug(debug)
    from nowcast import products, run
    from nowcast.writers import holds_products, require_writable, write_cube

    wanted = product_of(product)
    require_writable(out)
    result = run.forecast(
        paths,
        run=run_path,
        model=model,
        at=at,
        every=every,
        horizon=horizon,
        variable=variable,
        channel=channel,
        options=options,
        progress=not quiet,
    )
    if wanted is not None:
        result = products.mean(result) if wanted == "mean" else products.matched(result)
    write_cube(result, out)
    if products.probability(result) is not None and not holds_products(out):
        tell_next(f"product  {out} holds the matched field alone (.nc and .zarr hold all; --product mean)", quiet=quiet)
    tell_next(f"wrote {out}; next: nowcast evaluate {out} {again(paths)}, or xarray.open_dataset({out!r})", quiet=quiet)


@app.command()
@reads
def evaluate(
    forecast_path: Annotated[str, typer.Argument(metavar="FORECAST", help="what nowcast forecast wrote")],
    paths: Paths,
    out: Annotated[str | None, typer.Option("-o", "--out", help="scores.nc or scores.zarr")] = None,
    baselines: Annotated[str, typer.Option(help="of persistence, advection, pysteps, steps")] = "persistence,advection",
    picture: Annotated[Path | None, typer.Option(help="truth over forecast over baselines, a PNG")] = None,
    thresholds: Thresholds = None,
    variable: Variable = None,
    channel: Channel = None,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Score a forecast where the truth is known, by lead time, beside persistence and advection."""
    set_debug(debug)
    from nowcast import run
    from nowcast.writers import require_writable, write_dataset

    if out is not None:
        require_writable(out, table=True)
    scores = run.evaluate(
        forecast_path,
        paths,
        baselines=[name for name in baselines.split(",") if name],
        thresholds=numbers_of(thresholds, "--thresholds", float),
        variable=variable,
        channel=channel,
        options=options,
        picture=picture,
        progress=not quiet,
    )
    if out is not None:
        write_dataset(scores, out)
    print_scores(scores)
    wrote = " and ".join(str(path) for path in (out, picture) if path is not None)
    page = "" if out is None else f"; next: nowcast report {out}"
    hint = "to keep the scores: -o scores.nc; to see it: --picture p.png"
    tell_next(f"wrote {wrote}{page}" if wrote else hint, quiet=quiet)
