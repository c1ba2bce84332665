"""Teaching: its chances by step, what is drawn, the loss of the context's frames, and taking it up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.losses import mae, mse
from nowcast.models import ConvLSTM, PredRNN
from nowcast.models.recurrent import Kernels, RecurrentForecaster
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Loader, Windows
from nowcast.training import Budget, Curriculum, Recipe, fit, plan_budget
from nowcast.training.steps.adversarial import Adversarial
from nowcast.training.steps.supervised import Supervised
from nowcast.windows import plan

pytestmark = pytest.mark.usefixtures("alone")

METHODS: tuple[Literal["scheduled", "reverse"], ...] = ("scheduled", "reverse")


class Next(RecurrentForecaster):
    """Adds a learnt number to the frame that it takes in."""

    fed_back = True

    def __init__(self, *, by: float = 1.0, masked: bool = False) -> None:
        super().__init__(channels=1, masked=masked, patch=1, blend=False)
        self.by = nn.Parameter(torch.tensor(by))

    def begin(self, frame: Tensor) -> Tensor:
        return frame

    def absorb(self, frame: Tensor, state: Tensor, kernels: Kernels) -> Tensor:
        return frame

    def emit(self, state: Tensor, kernels: Kernels) -> tuple[Tensor, Tensor]:
        return state[:, :1] + self.by, state


def counting(*, size: int = 2, context: int = 4, horizon: int = 3, masked: bool = False) -> Batch:
    """Frames 0, 1, 2, ...: `Next` foretells each."""
    frames = torch.arange(context + horizon, dtype=torch.float32).view(1, -1, 1, 1, 1).expand(size, -1, 1, 4, 4).clone()
    given, target = frames[:, :context], frames[:, context:]
    return Batch(torch.cat((given, torch.ones_like(given)), 2) if masked else given, target, torch.ones_like(target))


def task(
    model: RecurrentForecaster, method: Literal["scheduled", "reverse"] = "scheduled", **keywords: Any
) -> Supervised:
    made = Supervised(model, mse, recipe=Recipe(curriculum=Curriculum(method, mse)), **keywords)
    made.log = lambda *_, **__: None  # type: ignore[method-assign]
    return made


# By step


def published(method: str, step: int) -> tuple[float, float]:
    """The chances at a step of 125,000 as predrnn-pytorch and OpenSTL set them."""
    if method == "scheduled":
        return (1.0 - 0.00002 * step if step < 50_000 else 0.0), 1.0
    if step < 25_000:
        return 0.5, 0.5
    if step < 50_000:
        return 0.5 - 0.5 / 25_000 * (step - 25_000), 1.0 - 0.5 * float(np.exp(-(step - 25_000) / 5_000))
    return 0.0, 1.0


@pytest.mark.parametrize("method", METHODS)
def test_the_chances_are_the_published_ones_stretched_over_the_training(method: Any) -> None:
    for step in (0, 1, 12_345, 24_999, 25_000, 25_001, 40_000, 49_999, 50_000, 50_001, 124_999, 125_000):
        assert Curriculum(method, mse).chances(step / 125_000) == pytest.approx(published(method, step), abs=1e-9)


def test_the_first_step_is_all_truth_and_the_last_none() -> None:
    lesson = Curriculum("scheduled", mse).teaching(counting(), step=0, steps=7)
    assert (lesson.scheduled, lesson.reverse) == (1, 1)
    for method in METHODS:
        lesson = Curriculum(method, mse).teaching(counting(), step=6, steps=7)
        assert (lesson.scheduled, lesson.reverse) == (0, 1)


def test_a_step_draws_by_its_number_and_the_seed_whatever_was_drawn_before() -> None:
    def drawn(seed: int, step: int) -> list[float]:
        torch.rand(3)
        generator = Curriculum("reverse", mse, seed=seed).teaching(counting(), step=step, steps=100).generator
        return torch.rand(4, generator=generator).tolist()

    assert drawn(0, 5) == drawn(0, 5)
    assert len({tuple(drawn(seed, step)) for seed in (0, 1) for step in (5, 6)}) == 4
    state = torch.get_rng_state()
    Curriculum("reverse", mse).teaching(counting(), step=1, steps=100)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_task_teaches_by_the_steps_that_it_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    one, told = task(Next(), steps=10), []
    teaching = Curriculum.teaching

    def spy(self: Curriculum, batch: Batch, *, step: int, steps: int, share: Any) -> Any:
        told.append((step, steps))
        return teaching(self, batch, step=step, steps=steps, share=share)

    monkeypatch.setattr(Curriculum, "teaching", spy)
    optimiser, schedule = one.forecaster_optimiser()
    free = []
    for _ in range(6):
        free.append(one.free)
        one.training_step(counting(), 0).backward()
        optimiser.step()
        schedule.step()
    assert told == [(step, 10) for step in range(6)]
    assert free == [False] * 4 + [True] * 2
    one.validation_step(counting(), 0)
    assert len(told) == 6, "validation is a forecast"


# The loss of the context


@pytest.mark.parametrize("masked", [False, True])
def test_who_foretells_each_frame_of_the_context_loses_nothing(masked: bool) -> None:
    """Shifted by one frame, either way, each would be wrong by 1."""
    given = counting(masked=masked)
    answer = task(Next(by=1.0, masked=masked)).answer(given)
    assert answer.wanted.item() == 0
    for by in (0.0, 2.0):
        assert task(Next(by=by, masked=masked)).answer(given).wanted.item() == pytest.approx(1)


def test_frames_of_context_and_horizon_count_alike() -> None:
    given = counting(context=4, horizon=2)
    given.target.add_(3)
    answer = task(Next()).answer(given)
    # The first frame of the horizon is wrong by 3, the second follows from the truth; three of the context are right.
    assert answer.pixels.item() == pytest.approx(9 / 2)
    assert answer.wanted.item() == pytest.approx(9 / 5)
    given.context[:, 1:] += 2
    curriculum = Curriculum("scheduled", mae)
    seen = torch.zeros(2, 3, 1, 4, 4)
    expected = (3 * mae(seen, given.context[:, 1:], torch.ones_like(seen)) + 2 * 4.5) / 5
    torch.testing.assert_close(curriculum.with_context(torch.tensor(4.5), seen, given), expected)


def test_missing_pixels_of_the_context_carry_no_loss() -> None:
    given = counting(masked=True)
    given.context[:, 1:, 1, 0, 0] = 0  # not observed, shown as what it is not
    given.context[:, 1:, 0, 0, 0] = 77
    one = task(Next(masked=True))
    seen = torch.arange(1.0, 4.0).view(1, -1, 1, 1, 1).expand(2, 3, 1, 4, 4)
    assert one.recipe.curriculum is not None
    assert one.recipe.curriculum.with_context(torch.tensor(0.0), seen, given).item() == 0
    given.context[:, 1:, 1, 0, 0] = 1
    assert one.recipe.curriculum.with_context(torch.tensor(0.0), seen, given) > 0


def test_a_context_of_one_frame_has_nothing_to_foretell() -> None:
    answer = task(Next()).answer(counting(context=1))
    assert answer.wanted is answer.pixels


def test_what_is_logged_is_the_loss_of_the_horizon() -> None:
    one = task(Next(by=0.0))
    given = counting()
    given.context[:, 1:] = 9
    one.training_step(given, 0)
    (total, windows) = one.sums.pop("training")
    assert total.item() / windows == pytest.approx(one.answer(given).pixels.item())
    assert one.sums == {}


@pytest.mark.parametrize("adversarial", [False, True])
@pytest.mark.parametrize("method", [None, *METHODS])
def test_the_decoupling_adapter_learns_in_a_step(method: Any, adversarial: bool) -> None:
    torch.manual_seed(0)
    model = PredRNN(hidden=(3, 3), patch=2, decoupling=0.1)
    curriculum = None if method is None else Curriculum(method, mse)
    kind = Adversarial if adversarial else Supervised
    recipe = Recipe(curriculum=curriculum, adversarial=0.01 if adversarial else None)
    given = Batch(*(torch.rand(2, 3, 1, 16, 16) for _ in range(2)), torch.ones(2, 3, 1, 16, 16))
    kind(model, mse, recipe=recipe).rehearse(given)
    assert model.adapter is not None
    assert model.adapter.weight.grad is not None
    assert model.adapter.weight.grad.abs().sum() > 0
    torch.testing.assert_close(
        kind(model, mse, recipe=recipe).answer(given).wanted
        - kind(_without_decoupling(model), mse, recipe=recipe).answer(given).wanted,
        model.unroll(given.context, 3, curriculum and curriculum.teaching(given, step=0, steps=1000)).apart,
    )


def _without_decoupling(model: PredRNN) -> PredRNN:
    other = PredRNN(hidden=(3, 3), patch=2)
    other.load_state_dict({name: each for name, each in model.state_dict().items() if "adapter" not in name})
    return other


# What it is not for


def test_a_network_that_is_not_fed_its_own_frames_is_refused() -> None:
    for kind in (Supervised, Adversarial):
        with pytest.raises(InputError, match="only a network that is fed its own frames"):
            kind(ConvLSTM(hidden=(2,)), mse, recipe=Recipe(adversarial=0.01, curriculum=Curriculum("scheduled", mse)))


# Whole trainings


def fitted(folder: Path, model: RecurrentForecaster, method: Any, **keywords: Any) -> Any:
    values = np.random.default_rng(0).random((24, 1, 16, 16)).astype("float32")
    times = np.datetime64("2026-05-01", "ns") + np.arange(24) * np.timedelta64(60, "s")
    cube = xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="noise")
    windows = [
        Windows(part, plan(part, context=3, horizon=3), Scaler("unit", 0.0, 1.0), masked=False)
        for part in (cube[:16], cube[16:])
    ]
    folder.mkdir(exist_ok=True)
    curriculum = None if method is None else Curriculum(method, mse)
    both = [Loader([windows[0]], batch=4, shuffle=True), Loader([windows[1]], batch=4, shuffle=False)]
    recipe = Recipe(curriculum=curriculum, adversarial=keywords.pop("adversarial", None))
    return fit(model, mse, *both, recipe=recipe, folder=folder, budget=Budget(4, None, "as asked"), **keywords)


def network(seed: int = 0) -> PredRNN:
    torch.manual_seed(seed)
    return PredRNN(hidden=(3, 3), patch=2, decoupling=0.1)


def history(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.mark.parametrize("adversarial", [None, 0.01])
@pytest.mark.parametrize("method", METHODS)
def test_a_taught_training_in_two_pieces_is_the_one_in_one_piece(
    method: Any, adversarial: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = network()
    fitted(tmp_path / "whole", whole, method, adversarial=adversarial)
    begin = L.Trainer.__init__
    # The same four epochs were planned; the first run was cut off after one, within its teaching.
    with monkeypatch.context() as patch:
        patch.setattr(L.Trainer, "__init__", lambda self, **keywords: begin(self, **{**keywords, "max_epochs": 1}))
        fitted(tmp_path / "parts", network(), method, adversarial=adversarial)
    rest = network(seed=9)
    fitted(tmp_path / "parts", rest, method, adversarial=adversarial, resume=True)
    assert history(tmp_path / "whole") == history(tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.equal(rest.state_dict()[name], value), name


@pytest.mark.parametrize("adversarial", [None, 0.01])
def test_decoupling_is_learnt_in_every_step_of_a_training(adversarial: float | None, tmp_path: Path) -> None:
    model, gradients = network(), []
    assert model.adapter is not None
    model.adapter.weight.register_post_accumulate_grad_hook(lambda weight: gradients.append(weight.grad.abs().sum()))
    fitted(tmp_path, model, "reverse", adversarial=adversarial)
    assert len(gradients) == 4 * 3
    assert min(gradients) > 0


def test_each_way_of_teaching_learns_something_else(tmp_path: Path) -> None:
    learnt = []
    for method in (None, *METHODS):
        model = network()
        fitted(tmp_path / str(method), model, method)
        learnt.append(torch.cat([each.flatten() for each in model.parameters()]))
    assert not any(torch.allclose(learnt[i], learnt[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_a_step_that_is_timed_is_a_taught_one(monkeypatch: pytest.MonkeyPatch) -> None:
    unrolled = []
    unroll = PredRNN.unroll

    def spy(self: PredRNN, context: Tensor, horizon: int, teaching: Any = None) -> Any:
        unrolled.append(teaching)
        return unroll(self, context, horizon, teaching)

    monkeypatch.setattr(PredRNN, "unroll", spy)
    given = [Batch(torch.rand(2, 3, 1, 8, 8), torch.rand(2, 2, 1, 8, 8), torch.ones(2, 2, 1, 8, 8))]
    plan_budget(network(), mse, given, given, recipe=Recipe(curriculum=Curriculum("reverse", mse)))  # type: ignore[arg-type]
    assert [teaching.reverse for teaching in unrolled] == [0.5] * 3
