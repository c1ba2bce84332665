"""Training in bfloat16: convolutions alone are, and a run is taken up as it was begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import nowcast
from nowcast import config, products
from nowcast.config import Model
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.models.discriminator import Discriminator
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Loader, Windows
from nowcast.training import Budget, Outcome, Recipe, fit, plan_budget
from nowcast.training.steps.adversarial import Adversarial
from nowcast.windows import plan

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def echoes() -> xr.DataArray:
    return advected_echoes(frames=48, size=16)


def loaders(cube: xr.DataArray) -> tuple[Loader, Loader]:
    scaler = Scaler("unit", 0.0, 10.0)
    parts = [Windows(each, plan(each, context=2, horizon=2), scaler, masked=False) for each in (cube[:24], cube[24:32])]
    return Loader([parts[0]], batch=4, shuffle=True), Loader([parts[1]], batch=4, shuffle=False)


def network(seed: int = 0) -> ConvLSTM:
    torch.manual_seed(seed)
    return ConvLSTM(hidden=(4,), patch=2)


def fitted(folder: Path, cube: xr.DataArray, *, model: ConvLSTM | None = None, epochs: int = 1, **told: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    loss = told.pop("loss", mse)
    budget, resume = Budget(epochs, None, "as asked"), told.pop("resume", False)
    recipe = Recipe(**told)
    return fit(model or network(), loss, *loaders(cube), recipe=recipe, folder=folder, budget=budget, resume=resume)


@pytest.mark.parametrize("adversarial", [None, 0.01])
def test_it_learns_much_the_same_and_goes_on(adversarial: float | None, echoes: xr.DataArray, tmp_path: Path) -> None:
    """Measured: losses within 0.0005 of those in single precision."""
    told = {"adversarial": adversarial, "learning_rate": 1e-2}
    outcomes = []
    for precision in ("float32", "bfloat16"):
        model, place = network(), tmp_path / precision
        fitted(place, echoes, epochs=2, precision=precision, **told)
        outcomes.append(fitted(place, echoes, model=model, epochs=4, precision=precision, resume=True, **told))
        assert {each.dtype for each in model.state_dict().values()} == {torch.float32}
    exact, lower = outcomes
    assert (lower.epochs, lower.steps) == (exact.epochs, exact.steps)
    assert lower.best != exact.best
    assert lower.best == pytest.approx(exact.best, rel=5e-3)


def test_the_loss_sees_single_precision_and_the_convolutions_half(echoes: xr.DataArray, tmp_path: Path) -> None:
    seen: dict[str, set[torch.dtype]] = {"loss": set(), "gates": set(), "cell": set()}

    def loss(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        found = mse(prediction, target, weight)
        seen["loss"] |= {prediction.dtype, target.dtype, found.dtype}
        return found

    model = network()
    model.encoder[0].register_forward_hook(lambda _, given, made: seen["cell"].add(made[1].dtype))
    model.encoder[0].register_forward_hook(lambda _, given, made: seen["gates"].add(made[0].values.dtype))
    fitted(tmp_path, echoes, model=model, loss=loss, precision="bfloat16")
    assert seen == {"loss": {torch.float32}, "gates": {torch.bfloat16}, "cell": {torch.float32}}


def test_a_discriminator_is_not_reached_into() -> None:
    torch.manual_seed(0)
    judge = Discriminator(width=4).eval()
    context, following = torch.rand(2, 3, 1, 16, 16), torch.rand(2, 4, 1, 16, 16)
    exact = judge(context, following, torch.ones_like(following))
    with torch.autocast("cpu", torch.bfloat16):
        judged = judge(context, following, torch.ones_like(following))
    for one, other in zip(judged, exact, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("adversarial", [None, 0.01])
def test_steps_are_timed_as_they_are_taken(
    precision: Any, adversarial: float | None, echoes: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[torch.dtype] = []
    forward = ConvLSTM.emit

    def watched(self: ConvLSTM, *arguments: Any) -> Any:
        frame, state = forward(self, *arguments)
        found.append(frame.dtype)
        return frame, state

    monkeypatch.setattr(ConvLSTM, "emit", watched)
    plan_budget(network(), mse, *loaders(echoes), recipe=Recipe(precision=precision, adversarial=adversarial))
    assert set(found) == {getattr(torch, precision)}


def test_an_adversarial_step_under_autocast_has_the_gradients_of_one_without() -> None:
    torch.manual_seed(3)
    given = Batch(torch.rand(2, 3, 1, 16, 16), torch.rand(2, 4, 1, 16, 16), torch.ones(2, 4, 1, 16, 16))
    found = []
    for lower in (False, True):
        task = Adversarial(network(), mse, recipe=Recipe(adversarial=0.01), width=4, warm_up=0)
        torch.manual_seed(4)
        task.discriminator = Discriminator(width=4).eval()
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            task.rehearse(given)
        found.append(torch.cat([each.grad.flatten() for each in task.parameters() if each.grad is not None]))
    assert float((found[1] - found[0]).norm() / found[0].norm()) < 0.02


# From a cube


def run_of(cube: xr.DataArray, place: Path, **told: Any) -> xr.Dataset:
    return nowcast.fit(cube, run=place, **{"hidden": [4], "epochs": 1, "batch": 4, "progress": False, **told})


def test_a_run_goes_on_as_it_was_begun_or_says_so(echoes: xr.DataArray, tmp_path: Path) -> None:
    for begun, other in (("bfloat16", "float32"), ("float32", "bfloat16")):
        place = tmp_path / begun
        run_of(echoes, place, precision=begun)
        before = (place / "config.yaml").read_text()
        with pytest.raises(InputError, match="precision: begun with"):
            run_of(echoes, place, epochs=2, precision=other, resume=True)
        assert (place / "config.yaml").read_text() == before
        scores = run_of(echoes, place, epochs=2, resume=True)
        assert np.isfinite(scores["mse"]).all()
        assert config.resolve(place / "config.yaml").training.precision == begun
        assert len((place / "history.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("model", get_args(Model.model_fields["name"].annotation))
def test_every_network_is_fitted_and_forecasts(model: str, echoes: xr.DataArray, tmp_path: Path) -> None:
    place = tmp_path / "run"
    scores = run_of(echoes, place, model=model, hidden=[4, 4], precision="bfloat16", context=3, horizon=2)
    assert np.isfinite(scores["mse"]).all()
    assert products.mean(nowcast.forecast(echoes, run=place, progress=False)).dtype == np.float32
