"""Baselines by their names: checked, and made for the times of another forecast."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import xarray as xr

from nowcast import products
from nowcast.errors import InputError
from nowcast.run.baselines import peers
from nowcast.run.baselines.advection import advection
from nowcast.verification import persistence

__all__ = ["BASELINES", "USUAL", "baseline", "checked"]

USUAL = ("persistence", "advection")
"""What is scored beside every forecast."""

BASELINES = (*USUAL, *peers.PEERS)
"""What can be asked for by name: `--baselines`."""


def checked(names: Sequence[str], *, flag: str = "--baselines") -> tuple[str, ...]:
    """The names of baselines, each once.

    Raises
    ------
    InputError
        None at all, or one that is not in `BASELINES`.
    MachineError
        The package that one needs is not installed.
    """
    if not names:
        raise InputError(f"{flag} names none", needed="some of " + ", ".join(BASELINES))
    for name in names:
        if name not in BASELINES:
            nearest = difflib.get_close_matches(name, BASELINES, n=1)
            raise InputError(
                f"{flag} {name!r} is not known",
                needed="some of " + ", ".join(BASELINES),
                next_step=f"{flag} {nearest[0]}" if nearest else None,
            )
        if name in peers.PEERS:
            peers.require(name)
    return tuple(dict.fromkeys(names))


def baseline(
    name: str,
    observed: xr.DataArray,
    like: xr.DataArray | xr.Dataset,
    *,
    context: int | None = None,
    thresholds: Sequence[float] | None = None,
) -> xr.DataArray | xr.Dataset:
    """The forecast of a baseline for the reference and lead times of another forecast, lazy.

    Parameters
    ----------
    observed
        The cube `(time, channel, y, x)`.
    like
        A forecast: its coordinates are taken, its values never read.
    context
        Frames up to each reference time that may be looked at; None: as many as the other forecast had.
    thresholds
        At which an ensemble tells probabilities, beside its own.

    Raises
    ------
    InputError
        As `nowcast.verification.inputs`; a field that the baseline is not for.
    """
    like = products.mean(like)
    context = int(like.attrs.get("nowcast_context", 1)) if context is None else context
    if name == "persistence":
        return persistence(observed, like, context=context)
    if name == "advection":
        return advection(observed, like, context=context)
    return peers.peer(name, observed, like, context=context, thresholds=thresholds)
