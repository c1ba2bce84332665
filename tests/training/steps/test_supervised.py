"""The supervised task: its loss, what it logs, and where it stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import Forecaster
from nowcast.tensors import Batch
from nowcast.training import Budget, Recipe, fit
from nowcast.training.steps.supervised import Supervised


class Scale(Forecaster):
    """The newest frame times one learnt number."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(start))

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return (self.factor * context[:, -1:]).expand(-1, horizon, -1, -1, -1)


def batch(value: float = 1.0, size: int = 2) -> Batch:
    context = torch.full((size, 2, 1, 4, 4), value)
    return Batch(context, 2 * context, torch.ones_like(context))


def logged(task: Supervised, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, int]]:
    seen: dict[str, tuple[float, int]] = {}

    def log(name: str, value: Tensor, *, batch_size: int, **_: object) -> None:
        seen[name] = (value.item(), batch_size)

    monkeypatch.setattr(task, "log", log)
    return seen


def test_training_and_validation_log_their_loss_and_persistence_s_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Scale(1.5), mse)
    seen = logged(task, monkeypatch)
    assert task.training_step(batch(), 0).item() == pytest.approx(0.25)
    task.validation_step(batch(size=3), 0)
    assert seen == {"validation": (0.25, 3), "persistence": (1.0, 3)}
    total, windows = task.sums["training"]
    assert (total.item() / windows, windows) == (0.25, 2)


def test_missing_pixels_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Scale(2.0), mse)
    logged(task, monkeypatch)
    good = batch()
    good.target[..., 0, 0] = 99
    good.weight[..., 0, 0] = 0
    assert task.training_step(good, 0).item() == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_it_with_what_to_try(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Scale(value), mse, recipe=Recipe(learning_rate=0.01))
    logged(task, monkeypatch)
    optimiser, _ = task.forecaster_optimiser()
    task.training_step(batch(), 0).backward()
    with pytest.raises(InputError, match=r"the loss became (nan|inf) in epoch 1, step 0") as caught:
        task.on_before_optimizer_step(optimiser)
    assert "--learning-rate 0.001" in str(caught.value)


class Holes(Forecaster):
    """One pixel from the newest frame around it."""

    def __init__(self) -> None:
        super().__init__(masked=True)
        torch.manual_seed(0)
        self.kernel = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return self.kernel(context[:, -1])[:, None].expand(-1, horizon, -1, -1, -1)


@pytest.mark.parametrize("holes", [False, True])
def test_a_step_of_several_batches_is_that_of_one(
    holes: bool, blobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 x 8 and 4 x 2 over three epochs; 21 windows: the last step of each is of five. Where pixels are missing too."""
    if holes:
        blobs.cube.values[np.random.default_rng(0).random(blobs.cube.shape) < 0.3] = np.nan
        blobs.cube[9:13, :, :8] = np.nan
    found: dict[int, list[Tensor]] = {}
    before = Supervised.on_before_optimizer_step

    def watched(self: Supervised, optimiser: torch.optim.Optimizer) -> None:
        before(self, optimiser)
        steps.append(torch.cat([each.grad.flatten() for each in self.forecaster.parameters() if each.grad is not None]))

    monkeypatch.setattr(Supervised, "on_before_optimizer_step", watched)
    for parts, size in ((1, 8), (4, 2)):
        model, recipe = Holes(), Recipe(learning_rate=0.01, accumulate=parts, clip=1e9)
        steps = found[parts] = []
        place = tmp_path / str(parts)
        place.mkdir()
        loaders = blobs.loaders(batch=size, masked=True)
        outcome = fit(model, mse, *loaders, folder=place, budget=Budget(3, None, ""), recipe=recipe)
        assert outcome.steps == 9
    assert len(found[1]) == len(found[4]) == 9
    torch.testing.assert_close(torch.stack(found[4]), torch.stack(found[1]), rtol=1e-4, atol=1e-6)
    assert torch.stack(found[1]).abs().min() > 1e-3


def test_a_rehearsed_step_has_gradients_and_changes_no_weight() -> None:
    task = Supervised(Scale(1.5), mse)
    task.rehearse(batch())
    assert task.forecaster.factor.grad.item() == pytest.approx(-1.0)
    assert task.forecaster.factor.item() == 1.5
    assert task.taken == 0
