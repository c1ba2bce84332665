"""Which epoch it is, by which windows come in their order, and what its losses are."""

from __future__ import annotations

from typing import Any

import lightning as L

from nowcast.training.steps import Task

__all__ = ["EpochMeans", "EpochOrders"]


class EpochOrders(L.Callback):
    """Tells the loader which epoch begins, by which it shuffles."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        loader: Any = trainer.train_dataloader
        loader.set_epoch(trainer.current_epoch)


class EpochMeans(L.Callback):
    """Logs the means of what the task's steps told in an epoch; a training that is taken up within one goes on."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.task.sums.clear()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for name, (total, windows) in self.task.sums.items():
            pl_module.log(name, total / windows, batch_size=windows)

    def state_dict(self) -> dict[str, Any]:
        return {"sums": dict(self.task.sums)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.task.sums.update(state_dict["sums"])
