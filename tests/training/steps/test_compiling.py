"""A compiled network learns as the other does, and is compiled once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import ConvLSTM, Persistence, PredRNN, RecurrentForecaster
from nowcast.models.recurrent import Teaching
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Loader, Windows
from nowcast.training import Budget, Curriculum, Recipe, fit
from nowcast.training.checkpoints.file import read
from nowcast.training.steps import task
from nowcast.training.steps.choice import task_of
from nowcast.training.steps.compiling import Compiled
from nowcast.windows import plan

pytestmark = [pytest.mark.usefixtures("alone", "as_on_a_gpu")]


@pytest.fixture
def as_on_a_gpu() -> Iterator[None]:
    """In bfloat16 the convolutions and gates of a processor are those of a GPU, and not our own for float32."""
    with torch.autocast("cpu", torch.bfloat16):
        yield


def network(kind: type[RecurrentForecaster] = ConvLSTM, **keywords: Any) -> RecurrentForecaster:
    torch.manual_seed(0)
    return kind(hidden=(3, 3), patch=2, blend=False, **keywords)


def batch(windows: int = 2, seed: int = 1) -> Batch:
    frames = torch.rand(windows, 5, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    return Batch(frames[:, :3], frames[:, 3:], torch.ones_like(frames[:, 3:]))


class Counting:
    """A backend that works out what it is given as it stands, and counts how often it is given something."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        self.given += 1
        return graph.forward


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """What tasks compile with."""
    torch.compiler.reset()
    counting = Counting()
    monkeypatch.setattr(task, "Compiled", functools.partial(Compiled, backend=counting))
    return counting


def losses(model: RecurrentForecaster, recipe: Recipe, windows: list[int]) -> list[float]:
    made = task_of(model, mse, recipe=recipe, steps=10)
    optimiser, schedule = made.forecaster_optimiser()
    found = []
    for step, count in enumerate(windows):
        optimiser.zero_grad()
        loss = made.whole(batch(count, seed=step))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize(
    ("kind", "keywords"), [(ConvLSTM, {}), (ConvLSTM, {"fed_back": True}), (PredRNN, {"decoupling": 0.1})]
)
def test_it_learns_as_the_other_does_and_is_compiled_once(
    kind: type[RecurrentForecaster], keywords: dict[str, Any], backend: Counting
) -> None:
    windows = [2, 2, 2, 1, 2]  # an epoch's last batch is smaller
    expected = losses(network(kind, **keywords), Recipe(learning_rate=0.01), windows)
    assert backend.given == 0
    found = losses(network(kind, **keywords), Recipe(learning_rate=0.01, compiled=True), windows)
    assert found == pytest.approx(expected, rel=1e-3)
    assert backend.given == 1, "one graph, without a break"


def test_it_is_compiled_once_nothing_of_the_truth_is_shown_any_more(backend: Counting) -> None:
    lessons = Recipe(learning_rate=0.01, curriculum=Curriculum("scheduled", mse))
    told = Recipe(learning_rate=0.01, curriculum=Curriculum("scheduled", mse), compiled=True)
    expected = losses(network(fed_back=True), lessons, 4 * [2])
    assert losses(network(fed_back=True), told, 4 * [2]) == pytest.approx(expected, rel=1e-3)
    assert backend.given == 0, "the first 4 of 10 steps"
    expected = losses(network(fed_back=True), lessons, 6 * [2])
    assert losses(network(fed_back=True), told, 6 * [2]) == pytest.approx(expected, rel=1e-3)
    assert backend.given == 1


def test_what_is_seen_of_the_context_and_weights_channels_last_are_the_same() -> None:
    torch.compiler.reset()
    model = network(fed_back=True)
    context, target, weight = batch()
    lesson = Teaching(target, weight)
    expected = model.unroll(context, 2, lesson)
    names = set(model.state_dict())
    found = Compiled(model, backend="eager").unroll(context, 2, lesson)
    for one, other in ((expected.frames, found.frames), (expected.seen, found.seen)):
        assert other is not None
        torch.testing.assert_close(other, one, rtol=0, atol=1e-2)
    assert set(model.state_dict()) == names
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in model.parameters() if each.dim() == 4)


def test_some_lead_times_alone() -> None:
    torch.compiler.reset()
    compiled = Compiled(network(), backend="eager")
    context = batch().context
    whole = compiled.lifted(context, [1, 2, 3, 4]).values
    assert whole.shape[1] == 4
    torch.testing.assert_close(compiled.lifted(context, [2, 4]).values, whole[:, [1, 3]])


def test_what_is_not_recurrent_is_refused() -> None:
    with pytest.raises(InputError, match="only a recurrent network is compiled"):
        Compiled(Persistence())


def test_a_whole_training_keeps_the_best_weights(backend: Counting, tmp_path: Path) -> None:
    cube = xr.DataArray(
        torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0)).numpy(),
        dims=("time", "channel", "y", "x"),
        coords={"time": np.datetime64("2026-05-01", "ns") + np.arange(30) * np.timedelta64(60, "s")},
        name="noise",
    )
    scaler = Scaler("unit", 0.0, 1.0)
    parts = [Windows(part, plan(part, context=3, horizon=2), scaler, masked=False) for part in (cube[:20], cube[20:])]
    training, validation = (Loader([part], batch=5, shuffle=False) for part in parts)
    model = network(fed_back=True)
    began = {name: value.clone() for name, value in model.state_dict().items()}
    recipe = Recipe(precision="bfloat16", compiled=True)
    outcome = fit(model, mse, training, validation, recipe=recipe, folder=tmp_path, budget=Budget(2, None, "as asked"))
    assert outcome.epochs == 2
    assert outcome.best < 1
    assert backend.given == 1, "16 windows: three batches of five, and one of one that is not compiled"
    kept = read(tmp_path / "checkpoints" / "best.ckpt")["state_dict"]
    for name, value in model.state_dict().items():
        assert torch.equal(kept[f"forecaster.{name}"], value)
    assert not all(torch.equal(began[name], value) for name, value in model.state_dict().items())
