"""The verb that writes any input as a store."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Channel, Debug, Quiet, Variable
from nowcast.cli.parsing import sizes_of
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, tell_next
from nowcast.errors import InputError

__all__ = ["convert"]


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
    """Any readable input to a zarr store that suits training. Or to a file of another kind, by its suffix."""
    set_debug(debug)
    if len(paths) < 2:
        raise InputError("convert needs what to read and what to write", next_step="nowcast convert PATH… cube.zarr")
    from nowcast import run

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
    typed = again([out])
    tell_next(f"wrote {out}; next: nowcast inspect {typed}, or nowcast fit {typed}", quiet=quiet)
