"""The loaders of a run: its windows as batches, in the order and turned as its settings say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nowcast import ranks
from nowcast.machine import device
from nowcast.progress import tell
from nowcast.run.learning.emphasis import drawn_by, turned
from nowcast.run.preparing.prepared import Prepared
from nowcast.sizes import bytes_of
from nowcast.tensors import Loader, Windows

__all__ = ["loader"]

OTHERWISE = ", of blocks that are shared, so that they mix otherwise than on one (they do not with more --memory)"

LITTLE_REUSE = 2.0
"""A pass that uses each byte it decodes less often is spent decoding."""


def loader(parts: Sequence[Prepared], name: str, *, place: Path | None = None) -> Loader:
    """Of a part; training windows are drawn and turned as the settings say, which the run's folder `place` records."""
    settings = parts[0].settings
    held = [part for part in parts if name in part.plans]
    among = ranks.here()
    made = Loader(
        [Windows(part.cube, part.plans[name], part.scaler, masked=part.masked, held=part.held) for part in held],
        batch=parts[0].batch,
        shuffle=name == "training",
        seed=settings.training.seed,
        memory=bytes_of(settings.loading.memory) // 4,
        workers=settings.loading.workers,
        device=device(),
        rank=among.rank,
        world=among.world,
        drawn=None if place is None else ranks.first_alone(lambda: drawn_by(parts, place)),
        prepared=None if place is None else turned(parts),
    )
    if name == "training":
        tell(f"blocks   {made.blocks}")
        if among.world > 1:
            share = f"batches of {made.batch} are {made.batch // among.world} windows on each"
            tell(f"ranks    {among.world}, {among.backend}: {share}{'' if made.blocks.held else OTHERWISE}")
        if not made.blocks.held and made.blocks.reuse < LITTLE_REUSE:
            tell("beware   its chunks make it slow to cut windows from: nowcast convert PATH cube.zarr cures that")
    return made
