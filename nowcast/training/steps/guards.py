"""Losses and gradients that are not finite: which windows they come of, and whether training goes on without them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.ranks import gathered
from nowcast.tensors import Loader, located
from nowcast.training.steps.together import several

if TYPE_CHECKING:
    from nowcast.training.steps.task import Task

__all__ = ["Guard"]


class _Step(NamedTuple):
    """A step's gradient norm and its losses, in one tensor; the batches that it saw, and when that was."""

    figures: Tensor
    batches: tuple[int, ...]
    epoch: int
    number: int


class Guard:
    """Looks at each step's losses and at its gradients' norm before the weights change.

    A GPU is not made to wait for the answer where training ends anyway: its numbers are read one step later, and
    before anything is kept (`settle`). To leave a step out they must be known in time.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int, Tensor]] = []
        self._waiting: tuple[_Step, torch.cuda.Event] | None = None

    def saw(self, batch: int, loss: Tensor) -> None:
        """The loss of a batch, counted from 0 in its epoch, of the step in progress."""
        self._seen.append((batch, loss.detach()))

    def allows(self, task: Task, norm: Tensor) -> bool:
        """Whether the step may be taken.

        Raises
        ------
        InputError
            It may not, and the recipe says to stop; or too many were skipped.
        """
        seen, self._seen = self._seen, []
        figures = torch.stack([norm.float(), *(loss.float() for _, loss in seen)])
        step = _Step(figures, tuple(batch for batch, _ in seen), task.current_epoch, task.taken)
        if norm.device.type == "cuda" and task.recipe.nonfinite == "stop":
            self.settle(task)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._waiting = step._replace(figures=figures.to("cpu", non_blocking=True)), done
            done.record()
            return True
        return self._judge(task, step)

    def settle(self, task: Task) -> None:
        """Judge the step whose numbers were not yet read.

        Raises
        ------
        InputError
            It had to be stopped at.
        """
        if self._waiting is not None:
            (step, done), self._waiting = self._waiting, None
            done.synchronize()
            self._judge(task, step)

    def _judge(self, task: Task, step: _Step) -> bool:
        norm, *losses = step.figures.tolist()
        fine = all(map(math.isfinite, (norm, *losses)))
        if several(task):  # all of them do the same
            fine = task.trainer.strategy.reduce_boolean_decision(fine, all=True)
        if fine:
            return True
        bad = [loss for loss in losses if not math.isfinite(loss)]
        what = f"the loss became {bad[0]}" if bad else f"the gradients' norm became {norm}"
        what += f" in epoch {step.epoch + 1}, step {step.number}"
        batches = [n for n, loss in zip(step.batches, losses, strict=True) if not (bad and math.isfinite(loss))]
        where = _where(task, batches, step.epoch)
        said = [json.loads(each) for each in gathered(json.dumps([what, where] if bad else None))]
        what, where = next((each for each in said if each), (what, where))  # of the process whose loss it was
        if task.recipe.nonfinite == "skip":
            task.skipped += 1
            left_out = int(task.skipped)
            if left_out <= task.recipe.most_skipped:
                tell(f"skipped  {what}: {where}")
                return False
            what = f"{what}, after {left_out - 1} skipped step(s)"
        lower = f"--learning-rate {task.recipe.learning_rate / 10:g}"
        raise InputError(
            what,
            found=where,
            needed="numbers that can be learnt from, and a learning rate that is not too high",
            next_step=f"look at these frames (nowcast inspect PATH), or {lower}, or training.nonfinite: skip",
        )


def _where(task: Task, batches: Sequence[int], epoch: int) -> str:
    """The windows of these batches, in words."""
    loader = None if task._trainer is None else task.trainer.train_dataloader
    if not isinstance(loader, Loader) or loader.epoch != epoch or not batches:
        return f"batch {', '.join(str(batch + 1) for batch in batches)}"
    return located(loader, batches)
