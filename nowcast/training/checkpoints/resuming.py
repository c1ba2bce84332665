"""What a training is taken up from: the newest whole checkpoint, if it is of this training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nowcast.atomic import clear
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.ranks import here
from nowcast.training.checkpoints.folder import OURS, newest
from nowcast.training.planning import Budget
from nowcast.training.steps import Task
from nowcast.training.watching import rows_of

__all__ = ["Begun", "taken_up"]

HELD = {
    "epoch",
    "global_step",
    "pytorch-lightning_version",
    "state_dict",
    "loops",
    "callbacks",
    "optimizer_states",
    "lr_schedulers",
    "versions",
    OURS,
}
"""What Lightning and we put into a checkpoint."""


@dataclass(frozen=True)
class Begun:
    """A training that was begun.

    Attributes
    ----------
    step, epochs
        Steps taken, and epochs that are whole.
    metrics
        The losses of the last epoch.
    random
        For `set_random_state`, of each process that it was begun by.
    over
        Whether nothing is left to do within the budget.
    """

    path: Path
    step: int
    epochs: int
    metrics: dict[str, float]
    random: list[dict[str, Any]]
    over: bool


def taken_up(folder: Path, task: Task, budget: Budget) -> Begun | None:
    """The newest whole checkpoint in the folder, its weights in the task; None where none was written yet.

    Raises
    ------
    InputError
        All are damaged or gone, or they are of another training.
    """
    if folder.is_dir():
        clear(folder)
    found = newest(folder)
    if found is None:
        rows = rows_of(folder.parent / "history.jsonl")
        if len(rows) > 1:
            raise InputError(
                f"{folder}: nothing to resume from, though {len(rows)} epochs were done; nothing was changed",
                found="no checkpoint",
                next_step="begin another run: leave out --resume, and name another --run",
            )
        tell("resume   no checkpoint was written yet: the training begins at its first step")
        return None
    path, state = found
    judged = any(str(name).startswith("discriminator.") for name in state.get("state_dict", ()))
    if judged != (task.recipe.adversarial is not None):
        raise InputError(
            f"{folder.parent}: begun {'with' if judged else 'without'} a discriminator; nothing was changed",
            next_step="--adversarial as it was begun, or begin another run",
        )
    try:
        if set(state) != HELD:
            raise ValueError(f"other parts than {', '.join(sorted(HELD))}")
        task.load_state_dict(state["state_dict"])
        told = state[OURS]
        epochs, minutes = told["budget"]
        more = budget.epochs > epochs or (minutes is not None and (budget.minutes is None or budget.minutes > minutes))
        over = told["epochs"] >= budget.epochs or (told["ended"] and not more)
        random = [told["random"], *told.get("others", [])]  # older ones hold the first's alone
        begun = Begun(path, told["step"], told["epochs"], told["metrics"], random, over)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a checkpoint of this training; nothing was changed", found=str(error).splitlines()[0]
        ) from error
    if not begun.over and len(random) != here().world:
        tell(
            f"beware   begun by {len(random)} process(es), and now {here().world}: what follows is not the same to the "
            "bit; if blocks are shared, some windows of this epoch come twice or not at all"
        )
    if not begun.over:
        tell(f"resume   from step {begun.step}, in epoch {begun.epochs + 1} of {budget.epochs}")
    return begun
