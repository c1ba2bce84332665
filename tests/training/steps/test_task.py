"""What every task has: the optimiser of its forecaster, the learning rate, clipping, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from nowcast.losses import mse
from nowcast.models import Forecaster, Lifted
from nowcast.tensors import Batch
from nowcast.training.recipe import OPTIMISERS, Recipe
from nowcast.training.steps.supervised import Supervised
from nowcast.training.steps.task import MOST_LEADS


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


@pytest.mark.parametrize("name", OPTIMISERS)
def test_each_optimiser_steps_the_forecaster_s_weights(name: str) -> None:
    task = Supervised(Scale(), mse, recipe=Recipe(optimiser=name, learning_rate=0.1), steps=100)
    optimiser, _ = task.forecaster_optimiser()
    assert type(optimiser) is OPTIMISERS[name]
    assert [id(p) for group in optimiser.param_groups for p in group["params"]] == [id(task.forecaster.factor)]
    mse(task.forecaster(batch().context, 2), batch().target, batch().weight).backward()
    optimiser.step()
    assert task.forecaster.factor.item() > 1


def test_the_gradient_s_norm_is_cut() -> None:
    task = Supervised(Scale(), mse, recipe=Recipe(clip=0.5))
    task.forecaster.factor.grad = torch.tensor(40.0)
    task.on_before_optimizer_step(torch.optim.Adam(task.parameters()))
    assert task.forecaster.factor.grad.item() == pytest.approx(0.5)
    task.forecaster.factor.grad = torch.tensor(0.1)
    task.on_before_optimizer_step(torch.optim.Adam(task.parameters()))
    assert task.forecaster.factor.grad.item() == pytest.approx(0.1)


def test_each_optimiser_s_own_gradient_is_cut() -> None:
    task = Supervised(Scale(), mse, recipe=Recipe(clip=0.5))
    other = nn.Parameter(torch.tensor(0.0))
    task.forecaster.factor.grad, other.grad = torch.tensor(40.0), torch.tensor(-30.0)
    task.on_before_optimizer_step(torch.optim.Adam([other]))
    assert (task.forecaster.factor.grad.item(), other.grad.item()) == pytest.approx((40, -0.5))


def test_the_steps_taken_are_those_of_the_forecaster() -> None:
    task = Supervised(Scale(), mse)
    assert task.taken == 0
    optimiser, schedule = task.forecaster_optimiser()
    for _ in range(3):
        optimiser.step()
        schedule.step()
    assert task.taken == 3


class Apart(Scale):
    """One that tells each lead time by itself, in lifted channels, and knows only the left half."""

    leads_apart = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[int]] = []

    def lift(self, frames: Tensor) -> Tensor:
        return torch.cat([frames, 3 * frames], dim=2)

    def lifted(self, context: Tensor, leads: Sequence[int]) -> Lifted:
        self.asked.append(list(leads))
        values = self.lift(self(context, leads[-1])[:, [lead - 1 for lead in leads]])
        known = torch.ones_like(values[:, :, :1])
        known[..., 2:] = 0
        return Lifted(values, known)

    def expected(self, values: Tensor) -> Tensor:
        return values[:, :, :1]


def test_a_forecaster_is_compared_in_the_space_that_it_learns_in_where_it_knows() -> None:
    task = Supervised(Apart(), mse)
    good = batch()
    good.target[..., 2:] = 99.0
    answer = task.answer(good)
    assert answer.pixels.item() == pytest.approx((1 + 9) / 2)
    assert answer.forecast.shape == good.target.shape


def test_a_step_looks_at_a_few_lead_times_that_are_told_apart_and_the_same_again() -> None:
    task = Supervised(Apart(), mse)
    context = torch.ones(1, 2, 1, 4, 4)
    long = Batch(context, torch.ones(1, 12, 1, 4, 4), torch.ones(1, 12, 1, 4, 4))
    task.answer(long)
    task.answer(long)
    first, again = task.forecaster.asked
    assert first == again
    assert len(first) == MOST_LEADS
    assert first == sorted(set(first))
    task.forecaster_optimiser()
    assert task._schedule is not None
    task._schedule.last_epoch = 7
    task.answer(long)
    assert task.forecaster.asked[-1] != first


def test_validation_sees_every_lead_time(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Apart(), mse)
    monkeypatch.setattr(task, "log", lambda *_, **__: None)
    context = torch.ones(1, 2, 1, 4, 4)
    task.validation_step(Batch(context, torch.ones(1, 12, 1, 4, 4), torch.ones(1, 12, 1, 4, 4)), 0)
    assert task.forecaster.asked == [list(range(1, 13))]
