"""The adversarial task: each side learns from its own loss alone, in turn, and goes on where it was."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor, nn

import nowcast
from nowcast import model_file, products
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import ConvLSTM, Forecaster
from nowcast.models.discriminator import Logits
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Loader, Windows
from nowcast.training import Budget, Outcome, Recipe, fit, plan_budget
from nowcast.training.checkpoints.file import read
from nowcast.training.steps.adversarial import Adversarial, hinge
from nowcast.windows import plan

pytestmark = pytest.mark.usefixtures("alone")


def network(seed: int = 0, *, masked: bool = False) -> ConvLSTM:
    torch.manual_seed(seed)
    return ConvLSTM(hidden=(4,), patch=2, masked=masked)


def task(forecaster: Forecaster | None = None, *, seed: int = 0, **keywords: Any) -> Adversarial:
    forecaster = network(seed) if forecaster is None else forecaster
    recipe = Recipe(adversarial=keywords.pop("adversarial", 0.01), learning_rate=keywords.pop("learning_rate", 1e-3))
    return Adversarial(forecaster, mse, recipe=recipe, **{"width": 4, "warm_up": 0, **keywords})


def batch(*, masked: bool = False) -> Batch:
    torch.manual_seed(3)
    context, target = torch.rand(2, 3, 2 if masked else 1, 16, 16), torch.rand(2, 4, 1, 16, 16)
    return Batch(context, target, torch.ones_like(target))


def loaders() -> tuple[Loader, Loader]:
    values = np.zeros((24, 1, 16, 16), "float32")
    for frame in range(24):
        values[frame, 0, 4:9, 4:9] = 1
        values[frame, 0] = np.roll(values[frame, 0], (2 * frame, 2 * frame), axis=(0, 1))
    times = np.datetime64("2026-05-01", "ns") + np.arange(24) * np.timedelta64(60, "s")
    cube = xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="blob")
    windows = [
        Windows(part, plan(part, context=2, horizon=2), Scaler("unit", 0.0, 1.0), masked=False)
        for part in (cube[:16], cube[16:])
    ]
    return Loader([windows[0]], batch=4, shuffle=True), Loader([windows[1]], batch=4, shuffle=False)


def fitted(folder: Path, model: Forecaster, *, epochs: int = 2, **keywords: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    budget = Budget(epochs, None, "as asked")
    loss = keywords.pop("loss", mse)
    resume = keywords.pop("resume", False)
    recipe = Recipe(**{"adversarial": 0.01, **keywords})
    return fit(model, loss, *loaders(), recipe=recipe, folder=folder, budget=budget, resume=resume)


def history(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def gradients(module: nn.Module) -> set[bool]:
    """Whether parameters have a gradient that is not zero."""
    return {each.grad is not None and bool((each.grad != 0).any()) for each in module.parameters()}


# Losses


def literal(truth: Tensor, forecast: Tensor) -> float:
    """-E[min(0, -1 + D(x))] - E[min(0, -1 - D(G(z)))] of Lim & Ye, one logit after the other."""
    real = sum(-min(0.0, -1 + each) for each in truth.flatten().tolist()) / truth.numel()
    false = sum(-min(0.0, -1 - each) for each in forecast.flatten().tolist()) / forecast.numel()
    return real + false


def test_the_hinge_is_that_of_the_paper_and_both_branches_count_alike() -> None:
    torch.manual_seed(0)
    truth, forecast = (Logits(2 * torch.randn(2, 3, 4, 4), 2 * torch.randn(2, 1, 2, 2)) for _ in range(2))
    expected = (literal(truth.spatial, forecast.spatial) + literal(truth.temporal, forecast.temporal)) / 2
    assert hinge(truth, forecast).item() == pytest.approx(expected, rel=1e-5)


def test_who_knows_nothing_has_a_loss_of_two_and_who_is_sure_and_right_none() -> None:
    nothing, true, false = (Logits(torch.full((1, 1), value), torch.full((1, 1), value)) for value in (0.0, 1.5, -1.5))
    assert hinge(nothing, nothing).item() == 2
    assert hinge(true, false).item() == 0
    assert hinge(false, true).item() == 5


def test_truth_and_forecast_are_judged_as_they_would_be_alone() -> None:
    one, given = task(), batch()
    one.discriminator.eval()
    forecast = one.forecaster(given.context, 4)
    judged = [one.discriminator(given.context, each, given.weight) for each in (given.target, forecast)]
    assert one.discriminator_loss(given, forecast).item() == pytest.approx(hinge(*judged).item(), rel=1e-5)
    mean = (judged[1].spatial.mean() + judged[1].temporal.mean()) / 2
    assert one.realism(given, forecast).item() == pytest.approx(mean.item(), rel=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_a_gradient_reaches_one_side_alone(masked: bool) -> None:
    one, given = task(network(masked=masked)), batch(masked=masked)
    forecast = one.forecaster(given.context, 4)
    one.discriminator_loss(given, forecast).backward()
    assert gradients(one.forecaster) == {False}
    assert True in gradients(one.discriminator)
    one.zero_grad()
    one.realism(given, forecast).backward()
    assert True in gradients(one.forecaster)
    assert gradients(one.discriminator) == {False}
    assert all(each.requires_grad for each in one.discriminator.parameters())


def test_what_stands_in_missing_pixels_changes_neither_loss() -> None:
    one, given = task(), batch()
    one.discriminator.eval()
    given.weight[..., 2:9, 5:12] = 0
    forecast = one.forecaster(given.context, 4)
    before = one.discriminator_loss(given, forecast), one.realism(given, forecast)
    other = forecast.detach().clone()
    other[..., 2:9, 5:12] = 99
    given.target[..., 2:9, 5:12] = float("nan")
    assert torch.equal(one.discriminator_loss(given, other), before[0])
    assert torch.equal(one.realism(given, other), before[1])


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_a_weight_that_is_not_above_zero_is_refused(weight: float) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        task(adversarial=weight)


def test_a_rehearsed_step_has_all_gradients_and_changes_no_weight() -> None:
    one = task()
    before = {name: value.clone() for name, value in one.named_parameters()}
    one.rehearse(batch())
    assert True in gradients(one.discriminator)
    assert True in gradients(one.forecaster)
    assert all(torch.equal(value, before[name]) for name, value in one.named_parameters())


# Steps


class Watched(Adversarial):
    """Notes which side's weights an optimiser changed, step by step."""

    def __init__(self, forecaster: Forecaster, **keywords: Any) -> None:
        super().__init__(forecaster, mse, width=4, **keywords)
        self.changed: list[str] = []
        self.norms: list[float] = []

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        super().on_before_optimizer_step(optimizer)
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        self.norms.append(float(torch.stack([each.grad.norm() for each in parameters if each.grad is not None]).norm()))
        self._kept = {name: value.clone() for name, value in self.named_parameters()}

    def _learn(self, loss: Tensor, optimiser: Any, schedule: Any) -> None:
        super()._learn(loss, optimiser, schedule)
        sides = {
            name.split(".")[0] for name, value in self.named_parameters() if not torch.equal(value, self._kept[name])
        }
        self.changed.append("+".join(sorted(sides)))


def trained(one: L.LightningModule, steps: int) -> None:
    trainer = L.Trainer(
        max_steps=-1,
        max_epochs=1,
        limit_train_batches=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(one, torch.utils.data.DataLoader([batch()] * steps, batch_size=None))


LIGHTNING = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*defined a `validation_step` but have no"),
    pytest.mark.filterwarnings("ignore:.*Trying to infer the `batch_size`"),
]


def quietly(function: Any) -> Any:
    for mark in LIGHTNING:
        function = mark(function)
    return function


@quietly
def test_weights_change_in_turn_and_after_the_warm_up() -> None:
    one = Watched(network(), warm_up=2, recipe=Recipe(adversarial=0.01, learning_rate=0.01))
    trained(one, 5)
    assert one.changed == ["forecaster"] * 2 + ["discriminator", "forecaster"] * 3
    assert one.taken == 5


@quietly
def test_the_gradients_of_both_sides_are_cut() -> None:
    one = Watched(network(), warm_up=0, recipe=Recipe(adversarial=0.01, clip=1e-4))
    trained(one, 2)
    assert one.norms == pytest.approx([1e-4] * 4, rel=1e-2)


@quietly
def test_the_forecaster_learns_to_look_true_where_nothing_else_is_asked() -> None:
    def nothing(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        return 0 * prediction.sum()

    given = batch()
    # A discriminator that stays as it is, once its norms have settled.
    one = Adversarial(
        network(),
        nothing,
        width=4,
        warm_up=0,
        recipe=Recipe(adversarial=1.0, learning_rate=0.01),
        discriminator_learning_rate=0,
    )
    for _ in range(60):
        before = one.realism(given, one.forecaster(given.context, 4)).item()
    trained(one, 20)
    assert one.realism(given, one.forecaster(given.context, 4)).item() > before + 1e-3


def test_both_learning_rates_fall_to_a_hundredth_the_discriminator_s_being_its_own() -> None:
    one = task(learning_rate=0.1, discriminator_learning_rate=0.2, steps=100, warm_up=40)
    optimisers, schedules = one.configure_optimizers()
    for _ in range(100):
        optimisers[0].step()
        schedules[0].step()
    for _ in range(60):
        optimisers[1].step()
        schedules[1].step()
    assert [each.param_groups[0]["lr"] for each in optimisers] == pytest.approx([0.001, 0.002])
    sides = [{id(each) for group in one.param_groups for each in group["params"]} for one in optimisers]
    assert sides[0] == {id(each) for each in one.forecaster.parameters()}
    assert sides[1] == {id(each) for each in one.discriminator.parameters()}


# A whole training


def test_the_history_counts_the_forecaster_s_steps_and_tells_the_discriminator_s_loss(tmp_path: Path) -> None:
    model = network()
    outcome = fitted(tmp_path, model, epochs=2)
    steps = len(loaders()[0])
    assert [line["step"] for line in history(tmp_path)] == [steps, 2 * steps]
    assert outcome.steps == 2 * steps
    for line in history(tmp_path):
        assert set(line) == {
            "epoch", "step", "training", "validation", "persistence", "discriminator", "learning_rate", "seconds",
        }  # fmt: skip
        assert 0 < line["discriminator"] < 4
    assert outcome.best == min(line["validation"] for line in history(tmp_path))
    assert outcome.persistence > 0
    with torch.no_grad():
        parts = [mse(model(each.context, 2), each.target, each.weight).item() for each in loaders()[1]]
    assert np.mean(parts) == pytest.approx(outcome.best, rel=0.3), "the plain loss"


class Judged:
    """The plain loss, and a validation loss that only gets worse."""

    def __init__(self) -> None:
        self.validations = 0

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        loss = mse(prediction, target, weight)
        if torch.is_grad_enabled():
            return loss
        self.validations += 1
        return loss + self.validations


def test_blurred_weights_of_the_beginning_are_neither_kept_nor_a_reason_to_end(tmp_path: Path) -> None:
    model = network()
    outcome = fitted(tmp_path, model, epochs=8, loss=Judged(), patience=2)
    losses = [line["validation"] for line in history(tmp_path)]
    assert losses == sorted(losses)
    assert len(losses) == 6, "two epochs after the fourth, where the second half begins"
    assert outcome.ended == "no better validation loss for 2 epochs"
    assert outcome.best == pytest.approx(losses[3])
    best = read(tmp_path / "checkpoints" / "best.ckpt")
    assert best["epoch"] == 4
    assert all(
        torch.equal(value, best["state_dict"]["forecaster." + name]) for name, value in model.state_dict().items()
    )


def test_a_training_that_ends_in_its_first_half_keeps_the_weights_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = L.Trainer.__init__
    monkeypatch.setattr(L.Trainer, "__init__", lambda self, **keywords: begin(self, **{**keywords, "max_epochs": 1}))
    model = network()
    outcome = fitted(tmp_path, model, epochs=8)
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()
    assert outcome.best == history(tmp_path)[0]["validation"]
    last = read(max((tmp_path / "checkpoints").glob("step-*.ckpt")))["state_dict"]
    assert all(torch.equal(value, last["forecaster." + name]) for name, value in model.state_dict().items())


def test_a_training_in_two_halves_is_the_one_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = network()
    fitted(tmp_path / "whole", whole, epochs=4)
    begin = L.Trainer.__init__
    # The same four epochs were planned; the first run was cut off after two.
    with monkeypatch.context() as patch:
        patch.setattr(L.Trainer, "__init__", lambda self, **keywords: begin(self, **{**keywords, "max_epochs": 2}))
        fitted(tmp_path / "half", network(), epochs=4)
    rest = network(seed=9)
    fitted(tmp_path / "half", rest, epochs=4, resume=True)
    for one, other in zip(history(tmp_path / "whole"), history(tmp_path / "half"), strict=True):
        for key in set(one) - {"seconds"}:
            assert one[key] == other[key], key
    last = [
        read(max((tmp_path / half / "checkpoints").glob("step-*.ckpt")))["state_dict"] for half in ("whole", "half")
    ]
    assert set(last[0]) == set(last[1])
    assert any(name.startswith("discriminator.") for name in last[0])
    for name, value in last[0].items():
        assert torch.equal(last[1][name], value), name


@pytest.mark.parametrize("begun", [None, 0.01])
def test_a_run_is_not_taken_up_the_other_way(begun: float | None, tmp_path: Path) -> None:
    fitted(tmp_path, network(), epochs=1, adversarial=begun)
    with pytest.raises(InputError, match="without a discriminator" if begun is None else "with a discriminator"):
        fitted(tmp_path, network(), epochs=2, adversarial=0.01 if begun is None else None, resume=True)


def test_a_loss_that_is_not_finite_is_bad_input(tmp_path: Path) -> None:
    model = network()
    with torch.no_grad():
        model.output.bias.fill_(math.nan)
    with pytest.raises(InputError, match="the loss became nan in epoch 1, step 0") as caught:
        fitted(tmp_path, model, learning_rate=0.02)
    assert "--learning-rate 0.002" in str(caught.value)


def test_an_adversarial_step_is_timed_as_one_and_nothing_else_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed = []
    monkeypatch.setattr(Adversarial, "rehearse", lambda self, given: rehearsed.append(given))
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    plan_budget(model, mse, *loaders(), recipe=Recipe(adversarial=0.01))
    assert torch.equal(torch.rand(1), drawn), "the discriminator that was tried took no random numbers"
    assert len(rehearsed) == 3
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_from_a_cube_to_forecasts_and_the_model_file_holds_the_forecaster_alone(tmp_path: Path) -> None:
    cube = advected_echoes(frames=40, size=24)
    place = tmp_path / "run"
    scores = nowcast.fit(cube, run=place, adversarial=0.01, epochs=1, hidden=[4], batch=4, progress=False)
    assert np.isfinite(scores["mse"]).all()
    assert "adversarial: 0.01" in (place / "config.yaml").read_text()
    assert "discriminator" in history(place)[0]
    forecaster, card = model_file.load(scores.attrs["model_file"])
    assert card.model == "cascade"
    assert not any("discriminator" in name for name in forecaster.state_dict())
    made = nowcast.forecast(cube, run=place, progress=False)
    assert np.isfinite(products.mean(made).values).all()
    with pytest.raises(InputError, match=r"16 x 16 pixels"):
        nowcast.fit(cube[..., :15, :15], run=tmp_path / "small", adversarial=0.01, epochs=1, progress=False)
    assert not (tmp_path / "small").exists()
