"""A step of several processes: their losses and gradients are those of all their windows as one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from nowcast.ranks import SILENCE, here
from nowcast.tensors import Loader

if TYPE_CHECKING:
    from nowcast.training.steps.task import Task

__all__ = ["added_up", "environment", "layout", "several", "shared"]


def layout() -> dict[str, Any]:
    """What Lightning's Trainer is told of the processes: this one alone, or as torchrun says."""
    place = here()
    if place.world == 1:
        return {"devices": 1, "num_nodes": 1}
    # Not every weight has a part in every step: a lead time that is not looked at, a layer for what is missing.
    ddp = DDPStrategy(find_unused_parameters=True, timeout=SILENCE)
    return {
        "devices": place.beside,
        "num_nodes": place.world // place.beside,
        "strategy": ddp,
        "use_distributed_sampler": False,
    }


def environment() -> LightningEnvironment | TorchElasticEnvironment:
    """Who started the processes; never guessed from a scheduler's variables, in whose job there may be just one."""
    return LightningEnvironment() if here().world == 1 else TorchElasticEnvironment()


def several(task: Task) -> bool:
    """Whether other processes take the same step."""
    return task._trainer is not None and task.trainer.world_size > 1


def shared(task: Task, windows: int, index: int) -> tuple[int, int]:
    """Of a batch by its number: the place of this process's first window in it, and windows of all processes."""
    if not several(task):
        return 0, windows
    trainer = task.trainer
    loader = trainer.train_dataloader if trainer.training else trainer.val_dataloaders
    if not isinstance(loader, Loader):
        raise TypeError(f"several processes need a Loader, not {type(loader).__name__}")
    return loader.share(index)


def added_up(task: Task, means: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Means over so many pixels of this process's, `(n,)`: over those of all, and the mean count of a process."""
    if not several(task):
        return means, count
    counted = torch.cat((means.detach() * count, count[None]))
    every: Any = task.trainer.strategy.reduce(counted, reduce_op="sum")
    total = every[-1]
    return every[:-1] / torch.where(total > 0, total, 1), total / task.trainer.world_size
