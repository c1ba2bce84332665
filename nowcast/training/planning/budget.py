"""How long a training may take, settled before it starts."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass

import torch

from nowcast import machine
from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.tensors import Batch, Loader
from nowcast.training.recipe import PLAIN, Recipe
from nowcast.training.steps import task_of

__all__ = ["Budget", "plan_budget"]

MOST_EPOCHS = 200
DEFAULT_MINUTES = 6.0
"""Without --epochs and --max-minutes: about this long on this machine, or `MOST_EPOCHS`, whichever is less."""

FEW, FEWEST = 8, 4
"""Where fewer epochs of all windows fit into the time, an epoch is of some of them: so that no time is left over, and
of so many epochs at least the weights can be judged."""


@dataclass(frozen=True)
class Budget:
    """How long a training may take, settled before it starts so that the learning rate can fall in time.

    Attributes
    ----------
    batches
        Of an epoch; None: all windows.
    """

    epochs: int
    minutes: float | None
    reason: str
    batches: int | None = None

    def __str__(self) -> str:
        limit = "" if self.minutes is None else f", {self.minutes:g} min at most"
        return f"{self.epochs} epoch(s){limit}: {self.reason}"


def plan_budget(
    forecaster: Forecaster,
    loss: Loss,
    training: Loader,
    validation: Loader | None,
    *,
    recipe: Recipe = PLAIN,
    epochs: int | None = None,
    max_minutes: float | None = None,
    batches: int | None = None,
) -> Budget:
    """Time a few steps on a copy of the forecaster and settle the number of epochs.

    Parameters
    ----------
    validation, recipe
        As `fit`.
    batches
        Of an epoch, if that is asked for.

    Raises
    ------
    InputError
        No epoch, or no time.
    """
    for name, value in (("epochs", epochs), ("max-minutes", max_minutes)):
        if value is not None and value <= 0:
            raise InputError(f"--{name} must be above 0", found=str(value))
    if epochs is not None and max_minutes is None:
        return Budget(epochs, None, "as asked", batches)
    device = machine.device()
    with torch.random.fork_rng(devices=[]):  # a training that is timed begins as one that is not
        trial = task_of(copy.deepcopy(forecaster), loss, recipe=recipe).to(device)
    batch = Batch(*(part.to(device) for part in next(iter(training))))
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            trial.rehearse(batch)
        if device == "cuda":
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - start)
    step = min(durations[1:])
    judging = step * (0 if validation is None else len(validation) / 3)
    epoch = step * min(len(training), batches or len(training)) + judging
    minutes = DEFAULT_MINUTES if max_minutes is None else max_minutes
    # Without --max-minutes the time is an estimate: a machine that turns out busier may take half as long again.
    limit = minutes if max_minutes is not None else 1.5 * minutes
    seconds = 0.95 * minutes * 60
    reason = f"{step:.2f} s a step here, {epoch:.0f} s an epoch"
    if epochs is not None or batches is not None or seconds >= FEW * epoch:
        most = MOST_EPOCHS if epochs is None else epochs
        reason += "" if seconds >= epoch else ", so that not even one is finished"
        return Budget(max(1, min(most, int(seconds / epoch))), limit, reason, batches)
    least = max(2 * judging, judging + step * recipe.accumulate)  # at most half of the time goes to validation
    several = max(1, min(max(FEWEST, math.ceil(seconds / epoch)), int(seconds / least)))
    batches = int((seconds / several - judging) / step) // recipe.accumulate * recipe.accumulate
    batches = min(len(training), max(recipe.accumulate, batches))
    reason += f" of all {len(training)} batches; so an epoch is of {batches}, drawn anew for each"
    return Budget(several, limit, reason, batches)
