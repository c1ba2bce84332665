"""What a cube holds, in plain data: what `nowcast inspect` tells before anything is done with it."""

from __future__ import annotations

from nowcast.description.describing import Description, describe

__all__ = ["Description", "describe"]
