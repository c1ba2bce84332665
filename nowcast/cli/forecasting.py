"""The verb that forecasts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Channel, Debug, Json, Paths, Quiet, Run, Variable, choice
from nowcast.cli.parsing import product_of
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, lead_seconds, print_json, tell_next

__all__ = ["forecast"]


@reads
def forecast(
    paths: Paths,
    out: Annotated[str, typer.Option("-o", "--out", help=".nc, .zarr, .ome.tif, .ome.zarr, .gif, .mp4, .mkv or .avi")],
    run_path: Run = None,
    model: Annotated[
        str | None, choice("advection", "persistence", "pysteps", "steps", says=", without training")
    ] = None,
    at: Annotated[list[str] | None, typer.Option(help="reference time(s), ISO 8601 UTC [the newest frame]")] = None,
    every: Annotated[bool, typer.Option("--every", help="from every time with enough frames before it")] = False,
    horizon: Annotated[int | None, typer.Option(help="frames to forecast [as trained]")] = None,
    product: Annotated[
        str | None, choice("mean", "matched", says=" of a probabilistic forecast [all; where one fits, matched]")
    ] = None,
    variable: Variable = None,
    channel: Channel = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Forecast from the newest frames, or from times of your choice. In the format that the output's suffix says."""
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
    if as_json:
        print_json({"forecast": out, **_told(result)})
        return
    if products.probability(result) is not None and not holds_products(out):
        tell_next(f"product  {out} holds the matched field alone (.nc and .zarr hold all; --product mean)", quiet=quiet)
    scored = (
        f"next: xarray.open_dataset({out!r}), or once its truth is there nowcast evaluate {again([out])} {again(paths)}"
    )
    then = scored if holds_products(out) else "to be scored it has to be a .nc or .zarr"
    tell_next(f"wrote {out}; {then}", quiet=quiet)


def _told(forecast: Any) -> dict[str, Any]:
    """From when to when, of what, by which model."""
    import numpy as np

    from nowcast import products

    field = products.mean(forecast)
    return {
        "variable": str(field.name),
        "units": field.attrs.get("units"),
        "model": field.attrs.get("nowcast_model"),
        "reference_times": np.datetime_as_string(field["forecast_reference_time"].values, "s").tolist(),
        "lead_seconds": lead_seconds(field),
        "products": [field.name] if field is forecast else [str(name) for name in forecast.data_vars],
        "missing_inputs": field["missing_inputs"].values.tolist() if "missing_inputs" in field.coords else None,
    }
