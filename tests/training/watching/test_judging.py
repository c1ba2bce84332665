"""A training is judged at moments spread over it, by the best of its epochs, and ends if it is told to."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nowcast.training.watching.judging import Judged

LOSS: dict[str, Any] = {"score": lambda row: row.get("validation", math.nan), "higher": False}


def trainer_at(epoch: int, **metrics: float) -> Any:
    """As much of a Trainer as is looked at."""
    told = {name: torch.tensor(value) for name, value in metrics.items()}
    return SimpleNamespace(current_epoch=epoch, max_epochs=16, callback_metrics=told, should_stop=False)


def test_the_best_score_is_told_an_eighth_after_another() -> None:
    seen: list[tuple[int, float]] = []

    def judge(mark: int, best: float) -> bool:
        seen.append((mark, best))
        return mark < 3

    judged = Judged(judge, **LOSS)
    stops = []
    for epoch, validation in enumerate((0.5, 1.0, 0.25, math.nan, 2.0, 2.0)):
        trainer = trainer_at(epoch, validation=validation)
        judged.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        stops.append(trainer.should_stop)
    assert seen == [(1, 0.5), (2, 0.25), (3, 0.25)]
    assert stops == [False] * 5 + [True]


def test_without_anything_to_compare_nothing_is_told() -> None:
    judged = Judged(lambda mark, best: not math.nan, **LOSS)
    for metrics in ({}, {"validation": math.nan}, {"training": 0.0}):
        trainer = trainer_at(15, **metrics)
        judged.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        assert not trainer.should_stop


def test_taken_up_again_it_goes_on_where_it_was() -> None:
    seen: list[tuple[int, float]] = []

    def judge(mark: int, best: float) -> bool:
        seen.append((mark, best))
        return True

    first, second = Judged(judge, **LOSS), Judged(judge, **LOSS)
    first.on_train_epoch_end(trainer_at(3, validation=0.5), None)  # type: ignore[arg-type]
    second.load_state_dict(first.state_dict())
    second.on_train_epoch_end(trainer_at(3, validation=1.0), None)  # type: ignore[arg-type]
    second.on_train_epoch_end(trainer_at(5, validation=1.0), None)  # type: ignore[arg-type]
    assert seen == [(2, 0.5), (3, 0.5)]


def test_of_a_skill_more_is_better() -> None:
    seen: list[tuple[int, float]] = []
    judged = Judged(lambda mark, best: not seen.append((mark, best)), score=lambda row: row["csi@1"], higher=True)  # type: ignore[func-returns-value]
    for epoch, csi in enumerate((0.1, 0.3, 0.2, math.nan)):
        judged.on_train_epoch_end(trainer_at(epoch, **{"csi@1": csi}), None)  # type: ignore[arg-type]
    assert seen == [(1, pytest.approx(0.3)), (2, pytest.approx(0.3))]
