"""Moving pictures of a cube, of a forecast, or of a forecast beside the truth, in the field's usual colours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from nowcast import products
from nowcast.atomic import replacing
from nowcast.cube import is_counted, label, upright
from nowcast.errors import InputError, printable
from nowcast.report.pages.inline import moving
from nowcast.report.pictures.film import Film, palette_of
from nowcast.report.pictures.still import frames_seen
from nowcast.report.wording import with_units
from nowcast.writers.animation import write_pictures
from nowcast.writers.drawing import moment

__all__ = ["Animation", "beside", "of_cube", "of_forecast"]

MOST_BYTES = 1_500_000
"""Of a picture in a notebook."""

MOST_SIDE = 400
"""Pixels of the longer side; larger fields are drawn as means of squares."""

MILLISECONDS, SLOW = 200, 500
"""That a frame stays: of a cube, and of a forecast, which has few."""

SUFFIXES = (".png", ".gif", ".mp4")


class Animation:
    """Moving pictures that a notebook shows by itself, again and again, and that `save` keeps.

    Parameters
    ----------
    film
        The frames.
    told
        What they are, in a sentence.
    """

    def __init__(self, film: Film, told: str) -> None:
        self._film, self._told = film, printable(told)

    @cached_property
    def png(self) -> bytes:
        """As an animated PNG, drawn coarser where it would be too large for a notebook."""
        return self._film.animation()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the pictures, with all that is drawn on them, to `.gif`, `.mp4` or (animated) `.png`.

        Raises
        ------
        InputError
            Another suffix, or no such folder.
        MachineError
            The disk is full, or the place may not be written; for `.mp4`, the extra `video` is lacking.
        """
        path = Path(path)
        if path.suffix not in SUFFIXES:
            raise InputError(
                f"{path}: moving pictures are not written so",
                needed=", ".join(SUFFIXES),
                next_step="for the values themselves: nowcast.write_cube(cube, path), to .nc, .zarr, .mkv",
            )
        if not path.parent.is_dir():
            raise InputError(f"{path}: cannot be written", found=f"no folder {path.parent}")
        with replacing(path) as aside:
            if path.suffix == ".png":
                aside.write_bytes(self.png)
            else:
                write_pictures(self._film.images(), aside, milliseconds=self._film.milliseconds)
        return path

    def __repr__(self) -> str:
        return f"<animation: {self._told} (.save('x.gif') keeps it)>"

    def _repr_html_(self) -> str:
        return moving(self.png, alt=self._told, caption=self._told)


def of_cube(cube: xr.DataArray, *, frames: int) -> Animation:
    """The newest frames of a cube `(time, channel, y, x)`.

    Raises
    ------
    InputError
        Several channels, or no frame to show.
    """
    if frames < 1:
        raise InputError(f"frames={frames}: nothing is to be seen", needed="one or more")
    field = _seen(cube).isel(time=slice(-frames, None))
    time = field["time"]
    counted = is_counted(time)
    stamps = [moment(each, counted=counted) for each in time.values]
    steps = np.diff(time.values) / np.timedelta64(1, "ms")
    step = float(np.median(steps)) if len(steps) else 0.0
    pace = round(max(20.0, step)) if 0 < step < 1000 else MILLISECONDS
    shown = f"{len(stamps)} frames" if len(stamps) == cube.sizes["time"] else f"the last {len(stamps)} of "
    shown += "" if len(stamps) == cube.sizes["time"] else f"{cube.sizes['time']} frames"
    told = f"{_name(cube)}: {shown}, {stamps[0]} to {stamps[-1]}"
    return _animation({_name(cube): field.values}, time.values - time.values[0], field, stamps, told, pace)


def of_forecast(forecast: xr.DataArray | xr.Dataset) -> Animation:
    """The newest forecast of those given; of several products the matched field, which is no blur.

    Raises
    ------
    InputError
        Several channels.
    """
    field = _seen(products.matched(forecast)).isel(forecast_reference_time=-1)
    model = str(field.attrs.get("nowcast_model", "forecast"))
    start, stamps = _leads(field)
    told = f"{_name(field)}: forecast of {model} from {start}"
    return _animation({model: field.values}, field["lead_time"].values, field, stamps, told, SLOW)


def beside(forecast: xr.DataArray | xr.Dataset, observed: xr.DataArray) -> Animation:
    """What was observed, the newest forecast of those given (its mean), and persistence, side by side.

    Parameters
    ----------
    observed
        The cube; frames that it does not hold stay blank.

    Raises
    ------
    InputError
        Several channels, or another grid.
    """
    mean = products.mean(forecast)
    if mean.shape[-2:] != observed.shape[-2:]:
        raise InputError(
            f"{label(mean)}: the forecast is on another grid than the cube",
            found=f"{mean.sizes['y']} x {mean.sizes['x']}",
            needed=f"{observed.sizes['y']} x {observed.sizes['x']}",
        )
    field, truth = _seen(mean).isel(forecast_reference_time=-1), _seen(observed)
    model = str(field.attrs.get("nowcast_model", "forecast"))
    seen = frames_seen(truth.expand_dims("channel", axis=1))
    newest = seen(field["forecast_reference_time"].values)
    start, stamps = _leads(field)
    panels = {
        "observed": [newest, *(seen(time) for time in field["valid_time"].values)],
        model: [newest, *field.values],
        "persistence": [newest] * (1 + len(stamps)),
    }
    leads = np.concatenate([[np.timedelta64(0, "ns")], field["lead_time"].values])
    told = f"{_name(field)}: {model} from {start}, beside what was observed and persistence"
    stacks = {name: np.stack(frames) for name, frames in panels.items()}
    return _animation(stacks, leads, field, [start, *stamps], told, SLOW)


def _seen(field: xr.DataArray) -> xr.DataArray:
    """The one channel, north up, of large fields the means of squares; dims `(..., y, x)`, as lazy as it was."""
    if field.sizes["channel"] > 1:
        raise InputError(
            f"{label(field)}: several channels cannot be shown at once",
            found=f"{field.sizes['channel']} channels",
            needed="one",
            next_step="choose one: .isel(channel=[0])",
        )
    rows, columns = upright(field)
    field = field.isel(channel=0, y=rows, x=columns)
    side = -(-max(field.sizes["y"], field.sizes["x"]) // MOST_SIDE)
    if side == 1:
        return field
    coarse: xr.DataArray = field.coarsen(y=side, x=side, boundary="trim").mean(keep_attrs=True)
    return coarse


def _leads(field: xr.DataArray) -> tuple[str, list[str]]:
    """When a forecast begins, and what stands over each of its frames."""
    clock = field["forecast_reference_time"]
    counted = is_counted(clock)
    start = moment(clock.values, counted=counted)
    return start, [
        f"{start} +{moment(np.datetime64(0, 'ns') + lead, counted=True)}" for lead in field["lead_time"].values
    ]


def _name(field: xr.DataArray) -> str:
    return str(field.attrs.get("long_name", field.name)).replace("_", " ")


def _animation(
    panels: Mapping[str, np.ndarray],
    leads: np.ndarray,
    field: xr.DataArray,
    stamps: Sequence[str],
    told: str,
    milliseconds: int,
) -> Animation:
    case = xr.DataArray(
        np.stack([np.asarray(values, "float32") for values in panels.values()]),
        dims=("forecaster", "lead_time", "y", "x"),
        coords={
            "forecaster": list(panels),
            "lead_time": leads,
            **{
                axis: field[axis].variable
                for axis in ("y", "x")
                if axis in field.coords and field[axis].dims == (axis,)
            },
        },
        attrs=field.attrs,
    )
    palette = palette_of(xr.Dataset({"field": case.expand_dims("case")}, attrs={"variable": str(field.name)}))
    title = with_units(_name(field), str(field.attrs.get("units", "")))
    film = Film(case, palette, title, most=MOST_BYTES, stamps=stamps, milliseconds=milliseconds)
    return Animation(film, told)
