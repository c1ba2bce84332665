"""What moves goes on moving: the baseline that a network has to beat wherever something moves.

`motion` finds how far everything moved from frame to frame, `transport` carries a frame along with it, `sampling` reads
fields between their pixels for both, and `forecaster` makes a forecaster of them.
"""

from nowcast.models.advection.forecaster import Advection
from nowcast.models.advection.motion import motion
from nowcast.models.advection.transport import aligned, carried, completed, transport

__all__ = ["Advection", "aligned", "carried", "completed", "motion", "transport"]
