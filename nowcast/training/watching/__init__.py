"""Who looks on while it trains, as callbacks of Lightning's.

`epochs` knows which one it is and what its losses come to, `ending` when enough is enough, `judging` lets somebody else
say that; `history` writes rows down, `tracking` tells loggers, `telling` the people who wait.
"""

from nowcast.training.watching.ending import Patience, Signals
from nowcast.training.watching.epochs import EpochMeans, EpochOrders
from nowcast.training.watching.history import History, rows_of
from nowcast.training.watching.judging import MARKS, Judged
from nowcast.training.watching.telling import Progress
from nowcast.training.watching.tracking import LearningRate, loggers_for

__all__ = [
    "MARKS",
    "EpochMeans",
    "EpochOrders",
    "History",
    "Judged",
    "LearningRate",
    "Patience",
    "Progress",
    "Signals",
    "loggers_for",
    "rows_of",
]
