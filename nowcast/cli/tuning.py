"""The verb that searches settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Channel, Debug, Json, Paths, Quiet, Variable
from nowcast.cli.parsing import numbers_of
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, print_json, results, tell_next

__all__ = ["tune"]


@reads
def tune(
    paths: Paths,
    config: Annotated[Path | None, typer.Option("--config", help="a YAML file: what it sets is not searched")] = None,
    run_folder: Annotated[
        str | None, typer.Option("--run", help="the folder to write [runs/tune-NAME-DATE-TIME]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the search in --run")] = False,
    variable: Variable = None,
    channel: Channel = None,
    model: Annotated[str | None, typer.Option(help="as of fit [cascade]")] = None,
    context: Annotated[int | None, typer.Option(help="frames given [searched]")] = None,
    horizon: Annotated[int | None, typer.Option(help="frames asked for")] = None,
    hidden: Annotated[str | None, typer.Option(help="channels of each layer, such as 64,64 [searched]")] = None,
    trials: Annotated[int, typer.Option(help="trainings in all, at most")] = 20,
    max_minutes: Annotated[float, typer.Option(help="the longest that all of them may take together")] = 30.0,
    epochs: Annotated[int | None, typer.Option(help="of each, whatever time it takes [its share of the time]")] = None,
    monitor: Annotated[
        str | None, typer.Option(help="the score to compare trials by: csi@1mm/h, fss@1mm/h/11, mae [the loss]")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="that it may take, such as 2GB")] = None,
    seed: Annotated[int | None, typer.Option(help="of weights, order and what is tried")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Search the settings that matter, by short trainings.

    They are judged on the validation part, never on test; the best settings are written for fit.
    """
    set_debug(debug)
    from nowcast import report, run

    tuned = run.tune(
        paths,
        run=run_folder,
        config_file=config,
        resume=resume,
        variable=variable,
        channel=channel,
        options=options,
        model=model,
        context=context,
        horizon=horizon,
        hidden=numbers_of(hidden, "--hidden", int),
        trials=trials,
        max_minutes=max_minutes,
        epochs=epochs,
        monitor=monitor,
        memory=memory,
        seed=seed,
        progress=not quiet,
    )
    rows = tuned.table()
    if as_json:
        print_json({"run": str(tuned.folder), "best_file": str(tuned.best_file), "trials": rows})
    else:
        results().print(report.plain_table(rows, title=f"{tuned.by}, the best first"))
    tell_next(
        f"{tuned.best_file}: the settings of trial {tuned.best.number}; "
        f"next: nowcast fit {again(paths)} --config {again([tuned.best_file])}",
        quiet=quiet,
    )
