"""How long a training may take: as asked, or as its steps take here."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.training import Budget, plan_budget
from nowcast.training.planning.budget import DEFAULT_MINUTES, FEW, MOST_EPOCHS
from nowcast.training.recipe import Recipe
from nowcast.windows import plan


@pytest.fixture(autouse=True)
def _alone(alone: None) -> None:
    """On one thread."""


def loaders() -> tuple[Loader, Loader]:
    times = np.datetime64("2026-05-01", "ns") + np.arange(34) * np.timedelta64(60, "s")
    values = np.random.default_rng(0).random((34, 1, 16, 16)).astype("float32")
    cube = xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="noise")
    scaler = Scaler("unit", 0.0, 1.0)
    windows = [Windows(part, plan(part, context=2, horizon=2), scaler, masked=False) for part in (cube[:24], cube[24:])]
    return Loader([windows[0]], batch=4, shuffle=True), Loader([windows[1]], batch=4, shuffle=False)


def network() -> ConvLSTM:
    return ConvLSTM(hidden=(8,), patch=2)


def test_epochs_that_are_asked_for_are_the_budget() -> None:
    assert plan_budget(network(), mse, *loaders(), epochs=7) == Budget(7, None, "as asked")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step takes two seconds."""
    ticks = iter(range(0, 10**6, 2))
    module = sys.modules["nowcast.training.planning.budget"]
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))


@pytest.mark.usefixtures("clock")
def test_the_time_there_is_settles_the_epochs() -> None:
    training, validation = loaders()
    epoch = 2 * (len(training) + len(validation) / 3)
    free = plan_budget(network(), mse, training, validation)
    assert free.epochs == min(MOST_EPOCHS, int(0.95 * DEFAULT_MINUTES * 60 / epoch))
    assert free.minutes == 1.5 * DEFAULT_MINUTES
    assert free.reason.startswith("2.00 s a step")
    hour = plan_budget(network(), mse, training, validation, max_minutes=10)
    assert hour.epochs == int(0.95 * 600 / epoch) >= FEW
    assert (hour.minutes, hour.batches) == (10, None)
    assert plan_budget(network(), mse, training, validation, max_minutes=1e6).epochs == MOST_EPOCHS
    both = plan_budget(network(), mse, training, validation, epochs=3, max_minutes=10)
    assert (both.epochs, both.minutes, both.batches) == (3, 10, None)
    assert plan_budget(network(), mse, training, validation, epochs=99999, max_minutes=10).epochs == hour.epochs


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("minutes", [0.01, 0.2, 0.5, 1.0, 1.2])
@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_little_time_is_used_up_by_epochs_of_some_windows(minutes: float, validated: bool, accumulate: int) -> None:
    training, judged = loaders()
    validation = judged if validated else None
    found = plan_budget(network(), mse, training, validation, recipe=Recipe(accumulate=accumulate), max_minutes=minutes)
    judging = 2 * len(judged) / 3 if validated else 0
    assert found.batches is not None
    assert found.batches % accumulate == 0 or found.batches == len(training)
    taken, seconds = found.epochs * (2 * found.batches + judging), 0.95 * 60 * minutes
    least = 2 * accumulate + judging
    assert taken <= max(seconds, least)
    assert taken > seconds - found.epochs * 2 * accumulate - judging or found.batches == len(training)
    assert found.epochs == 1 or found.epochs * judging <= seconds / 2


@pytest.mark.usefixtures("clock")
def test_batches_of_an_epoch_that_are_asked_for_are_kept() -> None:
    training, validation = loaders()
    found = plan_budget(network(), mse, training, None, max_minutes=1, batches=3)
    assert (found.epochs, found.batches) == (int(0.95 * 60 / 6), 3)
    assert plan_budget(network(), mse, training, validation, epochs=2, batches=3).batches == 3


def test_epochs_without_validation_take_less_of_the_time(clock: None) -> None:
    training, validation = loaders()
    with_it, without = (plan_budget(network(), mse, training, other, max_minutes=10) for other in (validation, None))
    assert without.epochs > with_it.epochs


def test_trying_a_step_changes_no_weight() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plan_budget(model, mse, *loaders())
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("keywords", "said"),
    [({"epochs": 0}, "--epochs must be above 0"), ({"max_minutes": -1.0}, "--max-minutes must be above 0")],
)
def test_no_epoch_and_no_time_are_refused(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan_budget(network(), mse, *loaders(), **keywords)
