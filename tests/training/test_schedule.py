"""The learning rate rises and falls as its name says, and as torch's own one cycle does."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from nowcast.training.schedule import SCHEDULES, scheduled


def optimiser() -> torch.optim.Optimizer:
    return torch.optim.Adam([nn.Parameter(torch.ones(1))], lr=0.1)


def rates(schedule: LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return found


def test_the_cosine_warms_up_and_falls_along_half_a_cosine_to_a_hundredth() -> None:
    found = rates(scheduled(optimiser(), "cosine", 200), 220)
    assert found[0] == pytest.approx(0.1 / 20)
    assert max(found) == pytest.approx(0.1, rel=0.05)
    assert found.index(max(found)) in range(17, 23)
    assert found[100] == pytest.approx(0.1 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 2))))
    assert found[200:] == pytest.approx([0.001] * 20)
    assert all(later <= earlier for earlier, later in pairwise(found[20:]))


@pytest.mark.parametrize("steps", [10, 57, 200])
def test_the_one_cycle_is_torch_s_and_may_go_on_after_its_end(steps: int) -> None:
    theirs = rates(OneCycleLR(optimiser(), 0.1, total_steps=steps + 1, cycle_momentum=False), steps)
    mine = rates(scheduled(optimiser(), "one_cycle", steps + 1), steps + 30)
    assert mine[:steps] == pytest.approx(theirs, rel=1e-6)
    assert mine[steps + 1 :] == pytest.approx([0.1 / 250_000] * 29)


def test_constant_is_constant() -> None:
    assert set(rates(scheduled(optimiser(), "constant", 5), 9)) == {0.1}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_the_shortest_trainings_have_a_rate_too(name: str, steps: int) -> None:
    assert all(0 < rate <= 0.1 for rate in rates(scheduled(optimiser(), name, steps), 4))
