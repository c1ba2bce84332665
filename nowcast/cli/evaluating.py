"""The verb that scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Channel, Debug, Json, Paths, Quiet, Thresholds, Variable
from nowcast.cli.parsing import numbers_of
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, figures, print_json, print_scores, tell_next

__all__ = ["evaluate"]


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
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Score a forecast where the truth is known, by lead time. Beside persistence and advection."""
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
    if as_json:
        print_json({"scores_file": out, "picture": picture and str(picture), **figures(scores)})
        return
    print_scores(scores)
    wrote = " and ".join(str(path) for path in (out, picture) if path is not None)
    page = "" if out is None else f"; next: nowcast report {again([out])}"
    hint = "to keep the scores: -o scores.nc; to see it: --picture p.png"
    tell_next(f"wrote {wrote}{page}" if wrote else hint, quiet=quiet)
