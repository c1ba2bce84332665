"""An epoch's losses are means over its windows, also if it was taken up within; the loader is told which one it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nowcast.training.watching.epochs import EpochMeans, EpochOrders


class Told:
    """As much of a task as is looked at: sums of losses by window, and what is logged."""

    def __init__(self) -> None:
        self.sums: dict[str, Any] = {}
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: torch.Tensor, *, batch_size: int) -> None:
        self.logged[name] = float(value)


def test_a_mean_is_over_windows_and_goes_on_after_a_resume() -> None:
    task, again = Told(), Told()
    means = EpochMeans(task)  # type: ignore[arg-type]
    task.sums["training"] = torch.tensor(6.0), 3
    taken_up = EpochMeans(again)  # type: ignore[arg-type]
    taken_up.load_state_dict(means.state_dict())
    total, windows = again.sums["training"]
    again.sums["training"] = total + 2.0, windows + 1
    taken_up.on_train_epoch_end(None, again)  # type: ignore[arg-type]
    assert again.logged == {"training": pytest.approx(8 / 4)}
    taken_up.on_train_epoch_start(None, again)  # type: ignore[arg-type]
    assert again.sums == {}


def test_the_loader_is_told_the_epoch() -> None:
    told: list[int] = []
    trainer: Any = SimpleNamespace(train_dataloader=SimpleNamespace(set_epoch=told.append), current_epoch=4)
    EpochOrders().on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
    assert told == [4]
