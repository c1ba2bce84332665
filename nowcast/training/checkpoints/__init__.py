"""What is kept of a training while it goes on, and how it is taken up again, to the bit.

`file` is one checkpoint, `folder` those of a run, `random_numbers` where generators stand; `saving` says when they are
written, `resuming` which one a training goes on from.
"""

from nowcast.training.checkpoints.folder import PlainCheckpoints
from nowcast.training.checkpoints.resuming import Begun, taken_up
from nowcast.training.checkpoints.saving import Best, Saving

__all__ = ["Begun", "Best", "PlainCheckpoints", "Saving", "taken_up"]
