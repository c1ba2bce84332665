"""Values that part the field into classes and events, in the scaled units that losses see."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nowcast.errors import InputError

__all__ = ["THRESHOLDS", "checked"]

THRESHOLDS = (0.25, 0.5)
"""Where nobody names any: a quarter and a half of a range scaled to [0, 1]."""


def checked(thresholds: Sequence[float]) -> tuple[float, ...]:
    """The thresholds ascending, each once.

    Raises
    ------
    InputError
        None at all, or one that is not a finite number.
    """
    values = tuple(sorted({float(value) for value in thresholds}))
    if not values or not all(map(math.isfinite, values)):
        raise InputError(
            "thresholds: no loss can be made of these", found=str(list(thresholds)), needed="finite numbers"
        )
    return values
