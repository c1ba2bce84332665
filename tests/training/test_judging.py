"""A training is judged at moments spread over it, by its least loss beside persistence's, and ends if it is told to."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch

from nowcast.training.judging import Judged


def trainer_at(epoch: int, **metrics: float) -> Any:
    """As much of a Trainer as is looked at."""
    told = {name: torch.tensor(value) for name, value in metrics.items()}
    return SimpleNamespace(current_epoch=epoch, max_epochs=16, callback_metrics=told, should_stop=False)


def test_the_least_ratio_is_told_an_eighth_after_another() -> None:
    seen: list[tuple[int, float]] = []

    def judge(mark: int, least: float) -> bool:
        seen.append((mark, least))
        return mark < 3

    judged = Judged(judge)
    stops = []
    for epoch, validation in enumerate((0.5, 1.0, 0.25, math.nan, 2.0, 2.0)):
        trainer = trainer_at(epoch, validation=validation, persistence=2.0)
        judged.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        stops.append(trainer.should_stop)
    assert seen == [(1, 0.25), (2, 0.125), (3, 0.125)]
    assert stops == [False] * 5 + [True]


def test_without_anything_to_compare_nothing_is_told() -> None:
    judged = Judged(lambda mark, least: not math.nan)
    for metrics in ({}, {"validation": 1.0}, {"validation": 1.0, "persistence": 0.0}):
        trainer = trainer_at(15, **metrics)
        judged.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        assert not trainer.should_stop


def test_taken_up_again_it_goes_on_where_it_was() -> None:
    seen: list[tuple[int, float]] = []

    def judge(mark: int, least: float) -> bool:
        seen.append((mark, least))
        return True

    first, second = Judged(judge), Judged(judge)
    first.on_train_epoch_end(trainer_at(3, validation=0.5, persistence=1.0), None)  # type: ignore[arg-type]
    second.load_state_dict(first.state_dict())
    second.on_train_epoch_end(trainer_at(3, validation=1.0, persistence=1.0), None)  # type: ignore[arg-type]
    second.on_train_epoch_end(trainer_at(5, validation=1.0, persistence=1.0), None)  # type: ignore[arg-type]
    assert seen == [(2, 0.5), (3, 0.5)]
