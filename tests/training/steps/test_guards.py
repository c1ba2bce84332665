"""What is not finite, missing or too large: a pixel is left out, a step is named, and nothing is learnt of either."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses import LOSSES, mse
from nowcast.models import ConvLSTM
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Windows
from nowcast.training import Budget, Outcome, Recipe, fit
from nowcast.training.steps.guards import Guard
from nowcast.training.steps.supervised import Supervised
from nowcast.windows import plan

pytestmark = [
    pytest.mark.usefixtures("alone"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


def network(seed: int = 0, *, masked: bool = False) -> ConvLSTM:
    torch.manual_seed(seed)
    return ConvLSTM(hidden=(4,), patch=2, masked=masked)


def fitted(
    folder: Path, blobs: Any, *, model: ConvLSTM | None = None, loss: Any = mse, epochs: int = 2, **recipe: Any
) -> Outcome:
    folder.mkdir(exist_ok=True)
    resume, model = recipe.pop("resume", False), model or network()
    both = blobs.loaders(masked=model.masked)
    budget = Budget(epochs, None, "as asked")
    return fit(model, loss, *both, folder=folder, budget=budget, recipe=Recipe(**recipe), resume=resume)


def skipped(folder: Path) -> list[int]:
    return [json.loads(line)["skipped"] for line in (folder / "history.jsonl").read_text().splitlines()]


class Now:
    """A loss that is what it is told to be at some of its training steps."""

    def __init__(self, at: dict[int, float]) -> None:
        self.at, self.step = at, 0

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        loss = mse(prediction, target, weight)
        if not torch.is_grad_enabled():
            return loss
        self.step += 1
        return loss * self.at.get(self.step - 1, 1.0)


# Named


def test_the_message_names_the_times_the_place_the_file_and_the_step(tmp_path: Path, blobs: Any) -> None:
    blobs.cube[13, 0, 3, 5] = 1e38
    blobs.cube.encoding["source"] = "/data/rain.nc"
    with pytest.raises(InputError, match=r"the loss became inf in epoch 1, step [0-5]\b") as caught:
        fitted(tmp_path, blobs, learning_rate=0.02)
    told = str(caught.value)
    assert "--learning-rate 0.002" in told
    first = caught.value.found.splitlines()[1]  # of several windows, first the one with the largest value
    assert "values from 0 to 1e+38 mm h-1" in first
    assert "rows 0 to 15, columns 0 to 15 of /data/rain.nc: variable 'rain'" in first
    start, stop = (np.datetime64(each, "m") for each in (first.split()[0], first.split()[2].rstrip(",")))
    assert start <= np.datetime64("2026-05-01T00:13") <= stop == start + 3


def test_gradients_that_are_not_finite_stop_it_too(tmp_path: Path, blobs: Any) -> None:
    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Tensor) -> Tensor:
            return value.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
            return gradient * math.inf

    def loss(*given: Tensor) -> Tensor:
        found: Tensor = Steep.apply(mse(*given))  # type: ignore[no-untyped-call]
        return found

    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=r"the gradients' norm became (nan|inf) in epoch 1, step 0"):
        fitted(tmp_path, blobs, model=model, loss=loss)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items()), "nothing was learnt"


# Skipped


def test_a_skipped_step_leaves_weights_and_optimiser_alone_and_is_counted(tmp_path: Path, blobs: Any) -> None:
    model = network()
    task = Supervised(model, mse, recipe=Recipe(nonfinite="skip", learning_rate=0.1))
    task.log = lambda *_, **__: None  # type: ignore[method-assign]
    optimiser, _ = task.forecaster_optimiser()
    batch = next(iter(blobs.loaders()[0]))
    for number, factor in enumerate((1.0, math.nan, 1.0)):
        before = [each.detach().clone() for each in model.parameters()]
        steps = [float(state["step"]) for state in optimiser.state.values()]
        optimiser.zero_grad()
        loss = task.answer(batch).wanted * factor
        task.guard.saw(number, loss)
        loss.backward()
        task.on_before_optimizer_step(optimiser)
        optimiser.step()
        same = all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
        assert same == math.isnan(factor)
        if same:
            assert steps == [float(state["step"]) for state in optimiser.state.values()]
    assert int(task.skipped) == 1


def test_skipped_steps_are_in_the_history_and_a_resume_goes_on_counting(tmp_path: Path, blobs: Any) -> None:
    outcome = fitted(tmp_path, blobs, loss=Now({1: math.nan, 8: math.inf}), nonfinite="skip")
    assert outcome.skipped == 2
    assert skipped(tmp_path) == [1, 2]
    assert math.isfinite(outcome.best)
    again = fitted(tmp_path, blobs, loss=Now({0: math.nan}), epochs=3, nonfinite="skip", resume=True)
    assert again.skipped == 3
    assert skipped(tmp_path) == [1, 2, 3]


def test_too_many_skipped_steps_stop_it(tmp_path: Path, blobs: Any) -> None:
    with pytest.raises(InputError, match=r"in epoch 1, step 3, after 2 skipped step\(s\)"):
        fitted(tmp_path, blobs, loss=Now(dict.fromkeys((0, 2, 3), math.nan)), nonfinite="skip", most_skipped=2)


def test_of_several_batches_that_make_a_step_the_one_at_fault_is_named(tmp_path: Path, blobs: Any) -> None:
    blobs.cube[13, 0, 3, 5] = 1e38
    with pytest.raises(InputError, match="the loss became inf in epoch 1, step 0") as caught:
        fitted(tmp_path, blobs, accumulate=6)
    assert " 1e+38 " in caught.value.found
    windows = int(caught.value.found.split()[0])
    assert windows <= 16, "those four windows that hold the value lie in no more batches than that"


def test_what_waits_is_judged_before_it_is_kept() -> None:
    """As on a GPU, whose numbers are read a step later."""

    class Ready:
        def synchronize(self) -> None:
            pass

    task = Supervised(network(), mse)
    guard = task.guard
    guard.saw(0, torch.tensor(math.nan))
    with pytest.raises(InputError):
        guard.allows(task, torch.tensor(1.0))
    from nowcast.training.steps.guards import _Step

    guard._waiting = _Step(torch.tensor([1.0, math.nan]), (4,), 0, 7), Ready()  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"the loss became nan in epoch 1, step 7") as caught:
        task.on_save_checkpoint({})
    assert caught.value.found == "batch 5"
    task.on_save_checkpoint({})
    assert isinstance(Guard(), Guard)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_is_not_made_to_wait() -> None:
    task = Supervised(network(), mse).to("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number in range(3):
            task.guard.saw(number, torch.ones((), device="cuda"))
            task.guard.allows(task, torch.ones((), device="cuda"))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    task.guard.saw(3, torch.full((), math.nan, device="cuda"))
    assert task.guard.allows(task, torch.ones((), device="cuda"))
    with pytest.raises(InputError, match="the loss became nan"):
        task.guard.settle(task)


# Pixels


def windows(blobs: Any, *, masked: bool = True) -> Windows:
    return Windows(blobs.cube, plan(blobs.cube, context=2, horizon=2), blobs.scaler, masked=masked)


@pytest.mark.parametrize("name", ["mse", "mae", "balanced_mse", "csi"])
def test_the_loss_with_a_missing_pixel_is_that_without_it(name: str, blobs: Any) -> None:
    """The pixel takes any value, in the forecast too, and neither loss nor gradients change."""
    blobs.cube[12, 0, 6, 7] = np.nan
    given = Batch(*(part[None] for part in windows(blobs)[10]))  # frames 10 to 13
    assert given.weight[0, 0, 0, 6, 7] == 0
    assert given.weight.sum() == given.weight.numel() - 1
    found = []
    for value in (0.0, 5.0, -1e30, math.nan):
        torch.manual_seed(0)
        forecast = torch.rand(given.target.shape)
        forecast[0, 0, 0, 6, 7] = value
        forecast.requires_grad_()
        loss = LOSSES[name](forecast, given.target, given.weight)
        loss.backward()
        assert forecast.grad is not None
        assert forecast.grad[0, 0, 0, 6, 7] == 0
        assert torch.isfinite(forecast.grad).all()
        found.append(loss.item())
    assert len(set(found)) == 1
    if name in ("mse", "mae"):
        torch.manual_seed(0)
        others = (torch.rand(given.target.shape) - given.target)[given.weight > 0]
        wanted = others.square().mean() if name == "mse" else others.abs().mean()
        assert found[0] == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize("missing", ["pixel", "frame", "all of a window"])
def test_missing_values_are_trained_around(missing: str, tmp_path: Path, blobs: Any) -> None:
    where = {"pixel": (12, 0, 6, 7), "frame": 12, "all of a window": slice(8, 14)}[missing]
    blobs.cube[where] = np.nan
    model = network(masked=True)
    outcome = fitted(tmp_path, blobs, model=model, learning_rate=0.01)
    assert math.isfinite(outcome.best)
    assert all(torch.isfinite(each).all() for each in model.parameters())


def test_infinities_of_half_precision_count_as_missing(tmp_path: Path, blobs: Any) -> None:
    """70,000 in a field of float16 is infinite: beyond its largest number."""
    with np.errstate(over="ignore"):
        blobs.cube = (blobs.cube * 70_000).astype("float16")
    assert np.isinf(blobs.cube.values).any()
    model = network(masked=True)
    given = Batch(*(part[None] for part in windows(blobs)[10]))
    assert not given.weight.all()
    assert torch.isfinite(given.context).all()
    assert math.isfinite(fitted(tmp_path, blobs, model=model).best)


@pytest.mark.parametrize(("kind", "most"), [(torch.float16, 65504.0), (torch.bfloat16, 3.3e38)])
def test_losses_of_half_precision_are_summed_in_single(kind: torch.dtype, most: float) -> None:
    """Of float16 the sum of 512 squares of 200 would be infinite, and of bfloat16 that of 1e19."""
    value = min(200.0, most / 2)
    prediction, target = torch.full((1, 2, 1, 16, 16), value, dtype=kind), torch.zeros(1, 2, 1, 16, 16, dtype=kind)
    loss = mse(prediction, target, torch.ones_like(target))
    assert loss.item() == pytest.approx(float(prediction[0, 0, 0, 0, 0]) ** 2, rel=1e-3)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_an_overflow_of_half_precision_stops_the_step(kind: torch.dtype, blobs: Any) -> None:
    model = network()
    task = Supervised(model, mse)
    task.log = lambda *_, **__: None  # type: ignore[method-assign]
    optimiser, _ = task.forecaster_optimiser()
    with torch.no_grad():
        model.output.weight.fill_(torch.finfo(kind).max)
    with torch.autocast("cpu", kind):
        loss = task.training_step(next(iter(blobs.loaders()[0])), 0)
    loss.backward()
    before = [each.detach().clone() for each in model.parameters()]
    with pytest.raises(InputError, match=r"(loss|norm) became (inf|nan) in epoch 1, step 0"):
        task.on_before_optimizer_step(optimiser)
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_1e38_that_is_scaled_to_one_is_learnt_around_or_refused(tmp_path: Path, blobs: Any) -> None:
    """A code for missing values that nobody declared, in the training part: its range is then that of the field."""
    blobs.cube[13, 0, 3, 5] = 1e38
    blobs.scaler = Scaler.fit(blobs.cube[:24], method="unit")
    outcome = fitted(tmp_path, blobs)
    assert math.isfinite(outcome.best)
