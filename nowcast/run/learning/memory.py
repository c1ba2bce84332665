"""Whether a training step fits into the memory that is free: told, and seen to, before the first one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nowcast.errors import MachineError
from nowcast.losses import SMALLEST
from nowcast.machine import device
from nowcast.models import Forecaster
from nowcast.progress import tell
from nowcast.ranks import here
from nowcast.run.learning.objective import objective, recipe_for
from nowcast.run.preparing.prepared import Prepared
from nowcast.sizes import told

if TYPE_CHECKING:
    from nowcast.models.footprint import Footprint

__all__ = ["fitted_into_memory"]

SMALL = 200_000
"""Pixels of all frames of a batch that fit anywhere: a gigabyte at the most that the published networks take."""

ALLOCATOR, LIBRARIES = 1.7, 100_000_000
"""What a process takes at most, but for one run in many: so many times what its tensors hold, for memory comes back in
pieces, and so many bytes for what is loaded with the first step (`tests/benchmarks/bench_full_size.py`)."""


def fitted_into_memory(prepared: Prepared, forecaster: Forecaster) -> bool:
    """Settle whether the forecaster works steps out again on the way back, and say it: as asked, else if it must.

    Raises
    ------
    MachineError
        Not even so do its tensors alone fit into what is free.
    """
    from nowcast.training import MOST_LEADS, free_memory, step_memory

    asked = prepared.settings.training.low_memory
    among = here()
    window, batch = prepared.plans["training"], max(1, prepared.batch // among.world)
    forecaster.low_memory = bool(asked)
    height, width = (-(-side // forecaster.multiple) * forecaster.multiple for side in window.patch)
    pixels = batch * height * width
    if pixels * (window.context + window.horizon) <= SMALL:
        return forecaster.low_memory
    place = device()
    free = free_memory(place)
    if free is not None and place == "cpu":
        free //= among.beside
    horizon = min(window.horizon, MOST_LEADS) if forecaster.leads_apart else window.horizon
    loss, curriculum = objective(prepared, even=True)

    def tried() -> Footprint:
        return step_memory(
            forecaster,
            loss,
            device=place,
            recipe=recipe_for(prepared, curriculum),
            least=max(SMALLEST.get(name, 1) for name in prepared.settings.training.loss),
        )

    def most_of(by: Footprint) -> float:
        return LIBRARIES + ALLOCATOR * by.bytes(pixels=pixels, context=window.context, horizon=horizon)

    found, why = tried(), ""
    if free is not None and most_of(found) > free and asked is None:
        forecaster.low_memory, why = True, f", not {told(most_of(found))}: steps are worked out again on the way back"
        found = tried()
    tell(f"memory   a step takes up to {told(most_of(found))}{'' if free is None else f' of {told(free)} free'}{why}")
    if free is None or most_of(found) <= free:
        return forecaster.low_memory
    fits = found.most((free - LIBRARIES) / ALLOCATOR, context=window.context, horizon=horizon)
    fewer, side = fits // (height * width), math.isqrt(fits)
    smaller = f"--patch {side // forecaster.multiple * forecaster.multiple} --batch {among.world}"
    larger = f"--batch {fewer * among.world}"
    remedy = larger if fewer else smaller if side >= forecaster.multiple else "a smaller --hidden"
    least = found.bytes(pixels=pixels, context=window.context, horizon=horizon)
    if least <= free:
        tell(f"beware   that may be more than there is; what fits: {remedy}")
        return forecaster.low_memory
    raise MachineError(
        f"a training step on {batch} windows of {height} x {width} pixels does not fit into memory; nothing was done",
        found=f"{told(free)} free",
        needed=f"{told(least)} at the very least",
        next_step=remedy,
    )
