"""The card of a model that is trained on prepared cubes: what its file says of it."""

from __future__ import annotations

from collections.abc import Sequence

from nowcast import model_file
from nowcast.cube import grid_step, iso, time_step
from nowcast.models import Forecaster, Framed
from nowcast.readers.options import given
from nowcast.run.folder.circumstances import licences
from nowcast.run.preparing.prepared import Prepared
from nowcast.run.source import remembered

__all__ = ["card_of"]


def card_of(parts: Sequence[Prepared], forecaster: Forecaster) -> model_file.Card:
    """Without a verdict, which only scores can tell."""
    prepared = parts[0]
    keywords = prepared.keywords()
    if isinstance(forecaster, Framed) and forecaster.exceedance is not None:
        keywords["exceedance"] = {**keywords["exceedance"], "slopes": forecaster.exceedance.slopes}
    cube = prepared.cube
    time = cube["time"].values
    first, last = prepared.split.training[0].start, prepared.split.training[-1].stop - 1
    return model_file.Card(
        model=prepared.settings.model.name,
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
            "source": ", ".join(
                str(part.cube.encoding.get("source", "a cube in memory")) for part in parts if part.split.training
            ),
            "first": iso(time[first]),
            "last": iso(time[last]),
            **({"licences": stated} if (stated := licences([part.cube for part in parts])) else {}),
        },
        versions=model_file.versions(),
        read_as=remembered(given(prepared.settings.data.model_dump())),
        gaps=prepared.gaps,
        other_grids=[grid_step(part.cube) for part in parts[1:]],
    )
