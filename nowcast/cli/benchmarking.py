"""The verb that runs a locked protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Debug, Quiet
from nowcast.cli.telling import results, tell_next

__all__ = ["benchmark"]


def benchmark(
    protocol: Annotated[str, typer.Argument(metavar="NAME|FILE.yaml", help="moving-mnist, kth, or a protocol's file")],
    data: Annotated[str | None, typer.Option("--data", help="where its data lie [as the protocol says]")] = None,
    run_paths: Annotated[list[str] | None, typer.Option("--run", help="a trained model to measure; repeat it")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="of each training [the protocol's budget]")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="the result, JSON")] = None,
    against: Annotated[Path | None, typer.Option("--against", help="an earlier result: same numbers?")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a locked protocol. Data and split by their hashes, metrics as it defines them, one result."""
    set_debug(debug)
    from nowcast import protocols
    from nowcast.atomic import write_text
    from nowcast.errors import InputError

    earlier = None if against is None else _read(against)
    found = protocols.benchmark(protocol, data=data, runs=run_paths or (), max_minutes=max_minutes, progress=not quiet)
    if out is not None:
        write_text(out, json.dumps(found, indent=2) + "\n")
    _print(found)
    if earlier is not None:
        apart = protocols.differences(found, earlier)
        if apart:
            raise InputError(f"{against}: not the same numbers ({len(apart)} places)", found="; ".join(apart[:8]))
        tell_next(f"same     as {against}, to six digits", quiet=quiet)
    tell_next("to keep the result: -o result.json" if out is None else f"wrote {out}", quiet=quiet)


def _read(path: Path) -> Any:
    from nowcast.errors import InputError
    from nowcast.plain_json import parsed

    try:
        return parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a result", found=str(error)) from error


def _print(found: dict[str, Any]) -> None:
    """A table: forecasters by metrics, means over lead times; then what makes the numbers comparable."""
    from rich.table import Table

    same, trained = found["same"], found["differs"]["fitted"]
    scores = {**same["scores"], **trained}
    names = list(next(iter(scores.values()))["mean"]) if scores else []
    table = Table("mean over lead times", *names)
    for forecaster, each in scores.items():
        cells = ("" if value is None else f"{value:.6g}" for value in each["mean"].values())
        table.add_row(forecaster + (" (fitted here)" if forecaster in trained else ""), *cells)
    console = results()
    console.print(table)
    for name, words in same["metrics"].items():
        console.print(f"{name}: {words}", markup=False)
    locked = "" if same["data"]["locked"] else " (not locked by the protocol)"
    console.print(f"protocol {same['protocol']['name']} {same['protocol_sha256'][:16]}", markup=False)
    console.print(f"data {same['data']['sha256'][:16]}{locked}, split {same['split']['sha256'][:16]}", markup=False)
    console.print(f"result {found['same_sha256']}", markup=False)
