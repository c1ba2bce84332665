"""Fitting, for real and in seconds: it learns, it can be ended at any time, and it can be taken up again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

from nowcast.errors import InputError, StoppedError
from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.training import Budget, Outcome, Recipe, fit
from nowcast.training.checkpoints.file import read
from nowcast.windows import plan

KEYS = {"epoch", "step", "training", "validation", "persistence", "learning_rate", "seconds"}


def read_history(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.fixture(autouse=True)
def _alone(alone: None) -> Iterator[None]:
    """Signals are as they were, too."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


def moving_blob(frames: int = 40, size: int = 16) -> xr.DataArray:
    """A square that moves two pixels a frame around a field without borders: the next frame is certain."""
    values = np.zeros((frames, 1, size, size), "float32")
    for frame in range(frames):
        values[frame, 0, 4:9, 4:9] = 1
        values[frame, 0] = np.roll(values[frame, 0], (2 * frame, 2 * frame), axis=(0, 1))
    times = np.datetime64("2026-05-01", "ns") + np.arange(frames) * np.timedelta64(60, "s")
    return xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="blob")


def loaders(frames: int = 24, batch: int = 4) -> tuple[Loader, Loader]:
    cube = moving_blob(frames + 10)
    scaler = Scaler("unit", 0.0, 1.0)
    parts = cube[:frames], cube[frames:]
    windows = [Windows(part, plan(part, context=2, horizon=2), scaler, masked=False) for part in parts]
    return Loader([windows[0]], batch=batch, shuffle=True), Loader([windows[1]], batch=batch, shuffle=False)


def network(seed: int = 0, hidden: int = 8) -> ConvLSTM:
    torch.manual_seed(seed)
    return ConvLSTM(hidden=(hidden,), patch=2)


def fitted(folder: Path, model: ConvLSTM, *, epochs: int = 2, minutes: float | None = None, **keywords: Any) -> Outcome:
    training, validation = keywords.pop("loaders", None) or loaders()
    loss = keywords.pop("loss", mse)
    resume = keywords.pop("resume", False)
    recipe, budget = Recipe(**keywords), Budget(epochs, minutes, "as asked")
    folder.mkdir(exist_ok=True)
    return fit(model, loss, training, validation, recipe=recipe, folder=folder, budget=budget, resume=resume)


def last_of(folder: Path) -> Path:
    return max((folder / "checkpoints").glob("step-*.ckpt"))


def weights(path: Path) -> dict[str, Tensor]:
    state = read(path)["state_dict"]
    return {name.removeprefix("forecaster."): value for name, value in state.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def validation_of(model: ConvLSTM) -> float:
    with torch.no_grad():
        parts = [(mse(model(b.context, 2), b.target, b.weight).item(), len(b.context)) for b in loaders()[1]]
    return sum(loss * size for loss, size in parts) / sum(size for _, size in parts)


def test_a_network_learns_what_moves_and_beats_persistence(tmp_path: Path) -> None:
    model = network()
    outcome = fitted(tmp_path, model, epochs=20, learning_rate=3e-2)
    assert outcome.best < 0.5 * outcome.persistence
    assert outcome.epochs == 20
    assert outcome.ended == "all 20 epochs done"
    history = read_history(tmp_path)
    assert [line["epoch"] for line in history] == list(range(1, 21))
    assert history[-1]["training"] < 0.5 * history[0]["training"]
    assert min(line["validation"] for line in history) == pytest.approx(outcome.best)
    assert validation_of(model) == pytest.approx(outcome.best, rel=1e-4)


def test_the_history_has_a_line_an_epoch_with_the_documented_keys(tmp_path: Path) -> None:
    outcome = fitted(tmp_path, network(), epochs=3)
    text = (tmp_path / "history.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["step"] for line in lines] == [6, 12, 18]
    assert all(set(line) == KEYS for line in lines)
    assert lines[-1]["persistence"] == pytest.approx(outcome.persistence)
    kept = {f"step-{step:08}.ckpt" for step in (6, 12, 18)}
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best.ckpt", *kept}


def test_the_best_weights_stand_in_the_forecaster_not_the_last(tmp_path: Path) -> None:
    judged = iter(range(1000))

    def worse_and_worse(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        loss = mse(prediction, target, weight)
        return loss if torch.is_grad_enabled() else loss + next(judged)

    model = network()
    outcome = fitted(tmp_path, model, epochs=3, loss=worse_and_worse)
    losses = [line["validation"] for line in read_history(tmp_path)]
    assert losses == sorted(losses)
    best, last = weights(tmp_path / "checkpoints" / "best.ckpt"), weights(last_of(tmp_path))
    assert same(model.state_dict(), best)
    assert not same(best, last)
    assert outcome.best == pytest.approx(losses[0])
    assert outcome.epochs == 3


def test_without_validation_the_last_weights_stand_and_nothing_ends_it_early(tmp_path: Path) -> None:
    model, (training, _) = network(), loaders()
    outcome = fitted(tmp_path, model, epochs=3, loaders=(training, None), patience=1, learning_rate=1e-9)
    assert outcome.ended == "all 3 epochs done"
    assert np.isnan(outcome.best)
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()
    assert same(weights(last_of(tmp_path)), model.state_dict())
    assert all(set(line) == KEYS - {"validation", "persistence"} for line in read_history(tmp_path))
    again = fitted(tmp_path, network(), epochs=4, loaders=(loaders()[0], None), resume=True)
    assert again.epochs == 4
    assert [line["epoch"] for line in read_history(tmp_path)] == [1, 2, 3, 4]


def test_without_validation_an_adversarial_training_ends_with_its_last_weights_too(tmp_path: Path) -> None:
    model = network()
    outcome = fitted(tmp_path, model, epochs=2, loaders=(loaders()[0], None), adversarial=0.01)
    assert outcome.ended == "all 2 epochs done"
    last = weights(last_of(tmp_path))
    assert all(torch.equal(last[name], value) for name, value in model.state_dict().items())


def test_the_same_seed_learns_the_same_weights(tmp_path: Path) -> None:
    one, other, third = network(1), network(1), network(2)
    for name, model in (("one", one), ("other", other), ("third", third)):
        fitted(tmp_path / name, model)
    assert same(one.state_dict(), other.state_dict())
    assert not same(one.state_dict(), third.state_dict())


def test_each_epoch_has_its_own_order(tmp_path: Path) -> None:
    orders: list[list[int]] = []

    cube = moving_blob(20)
    windows = Windows(cube, plan(cube, context=2, horizon=2), Scaler("unit", 0.0, 1.0), masked=False)
    training = Loader([windows], batch=4, shuffle=True)
    begin = Loader.cut

    def watched(self: Loader) -> Any:
        mine = self is training
        if mine:
            orders.append([])
        for cut in begin(self):
            if mine:
                orders[-1].extend(cut.numbers.tolist())
            yield cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "cut", watched)
        fitted(tmp_path, network(), epochs=3, loaders=(training, loaders()[1]))
    full = [order for order in orders if sorted(order) == list(range(17))]
    assert len(full) == 3
    assert len({tuple(order) for order in full}) == 3


# Taken up again


def test_it_is_taken_up_after_the_last_epoch_and_no_epoch_is_told_twice(tmp_path: Path) -> None:
    fitted(tmp_path, network(), epochs=2)
    before = (tmp_path / "history.jsonl").read_text().splitlines()
    model = network(seed=7)
    outcome = fitted(tmp_path, model, epochs=4, resume=True)
    after = (tmp_path / "history.jsonl").read_text().splitlines()
    assert after[:2] == before
    assert [line["epoch"] for line in read_history(tmp_path)] == [1, 2, 3, 4]
    assert [line["step"] for line in read_history(tmp_path)] == [6, 12, 18, 24]
    assert outcome.epochs == 4
    assert same(model.state_dict(), weights(tmp_path / "checkpoints" / "best.ckpt"))


def test_a_training_in_two_halves_is_the_one_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = network()
    fitted(tmp_path / "whole", whole, epochs=4)
    half = network()
    begin = L.Trainer.__init__
    # The same four epochs were planned; the first run was cut off after two.
    with monkeypatch.context() as patch:
        patch.setattr(L.Trainer, "__init__", lambda self, **keywords: begin(self, **{**keywords, "max_epochs": 2}))
        fitted(tmp_path / "half", half, epochs=4, minutes=5.0)
    rest = network(seed=9)
    fitted(tmp_path / "half", rest, epochs=4, minutes=5.0, resume=True)
    for one, other in zip(read_history(tmp_path / "whole"), read_history(tmp_path / "half"), strict=True):
        assert {key: one[key] for key in KEYS - {"seconds"}} == {key: other[key] for key in KEYS - {"seconds"}}
    assert same(whole.state_dict(), rest.state_dict())


def test_without_a_checkpoint_it_begins_at_its_first_step_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("nowcast.training.checkpoints.resuming.tell", told.append)
    model, whole = network(), network()
    assert fitted(tmp_path / "begun", model, resume=True).epochs == 2
    assert told == ["resume   no checkpoint was written yet: the training begins at its first step"]
    fitted(tmp_path / "whole", whole)
    assert same(model.state_dict(), whole.state_dict())


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    one, other, less = network(), network(seed=5), network(seed=6)
    outcome = fitted(tmp_path, one, epochs=3)
    before = (tmp_path / "history.jsonl").read_bytes()
    again = fitted(tmp_path, other, epochs=3, resume=True)
    assert again.idle
    assert not outcome.idle
    assert (again.epochs, again.steps) == (outcome.epochs, outcome.steps)
    assert (again.best, again.persistence) == (outcome.best, outcome.persistence)
    assert same(one.state_dict(), other.state_dict())
    assert fitted(tmp_path, less, epochs=2, resume=True).idle, "the way to a model when it shall end earlier"
    assert same(one.state_dict(), less.state_dict())
    assert (tmp_path / "history.jsonl").read_bytes() == before


def test_what_ended_early_is_over_unless_more_is_asked_for(tmp_path: Path) -> None:
    told: dict[str, Any] = {"learning_rate": 1e-12, "patience": 2}
    assert fitted(tmp_path, network(), epochs=30, **told).epochs == 3
    assert fitted(tmp_path, network(), epochs=30, resume=True, **told).idle
    more = fitted(tmp_path, network(), epochs=31, resume=True, **told)
    assert (more.idle, more.epochs) == (False, 4)


# Ends before its time


def test_it_ends_when_validation_gets_no_better(tmp_path: Path) -> None:
    outcome = fitted(tmp_path, network(), epochs=30, learning_rate=1e-12, patience=2)
    assert outcome.epochs == 3
    assert outcome.ended == "no better validation loss for 2 epochs"
    assert len(read_history(tmp_path)) == 3


class Sending:
    """A loss in whose n-th call signals come."""

    def __init__(self, at: int, *numbers: signal.Signals) -> None:
        self.left, self.numbers = at, numbers

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        self.left -= 1
        if self.left == 0:
            for number in self.numbers:
                os.kill(os.getpid(), number)
        return mse(prediction, target, weight)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("at", "step"), [(3, 3), (6, 6), (8, 6), (6 + 2 * 2 + 2, 8)])
def test_a_signal_keeps_all_and_the_rest_is_what_it_would_have_been(
    number: signal.Signals, at: int, step: int, tmp_path: Path
) -> None:
    """Within an epoch, in its last step, in its validation, and in the second epoch."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(StoppedError, match=rf"by {number.name} after step {step} of 12") as caught:
        fitted(tmp_path / "parts", network(), loss=Sending(at, number))
    assert caught.value.exit_code == 128 + number
    assert str(tmp_path / "parts" / "checkpoints" / f"step-{step:08}.ckpt") in str(caught.value)
    assert caught.value.next_step == "the same call with resume=True"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    model, whole = network(), network()
    assert fitted(tmp_path / "parts", model, resume=True).ended == "all 2 epochs done"
    fitted(tmp_path / "whole", whole)
    assert same(model.state_dict(), whole.state_dict())
    one, other = (read_history(tmp_path / name) for name in ("whole", "parts"))
    assert [{**line, "seconds": 0} for line in one] == [{**line, "seconds": 0} for line in other]


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(StoppedError, match="at once") as caught:
        fitted(tmp_path, network(), loss=Sending(9, signal.SIGINT, signal.SIGTERM, signal.SIGINT))
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} <= {"best.ckpt", "step-00000006.ckpt"}


def test_the_minutes_end_it(tmp_path: Path) -> None:
    outcome = fitted(tmp_path, network(), epochs=100_000, minutes=1 / 60)
    assert outcome.ended == f"the 0.0166667 minutes were over in epoch {outcome.epochs} of 100000"
    assert 1 <= outcome.epochs < 2000
    assert np.isfinite(outcome.best)


def test_a_loss_that_is_not_finite_is_bad_input(tmp_path: Path) -> None:
    cube = moving_blob(20)
    windows = Windows(cube, plan(cube, context=2, horizon=2), Scaler("unit", 0.0, 1e-30), masked=False)
    bad = Loader([windows], batch=4, shuffle=True)
    with pytest.raises(InputError, match=r"the loss became (inf|nan) in epoch 1, step 0") as caught:
        fitted(tmp_path, network(), loaders=(bad, loaders()[1]), learning_rate=0.02)
    assert "--learning-rate 0.002" in str(caught.value)


def test_an_error_gives_the_signal_back(tmp_path: Path) -> None:
    def broken(*_: Tensor) -> Tensor:
        raise RuntimeError("broken")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="broken"):
        fitted(tmp_path, network(), loss=broken)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_validation_loss_that_is_not_finite_ends_it_in_words(tmp_path: Path) -> None:
    """A code for missing values that nobody declared, in the validation part alone."""
    cube = moving_blob(20)
    windows = Windows(cube, plan(cube, context=2, horizon=2), Scaler("unit", 0.0, 1e-30), masked=False)
    outcome = fitted(tmp_path, network(), epochs=5, loaders=(loaders()[0], Loader([windows], batch=4, shuffle=False)))
    assert "validation" in outcome.ended
    assert "finite" in outcome.ended


def test_an_unknown_optimiser_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="optimiser 'sgd' is not known"):
        fitted(tmp_path, network(), optimiser="sgd")
    assert list(tmp_path.iterdir()) == []


def test_both_ways_to_convolve_train_alike(tmp_path: Path) -> None:
    """A whole run of each: the losses coincide, and what was learnt answers the same either way."""
    runs, trained = {}, {}
    for way in ("direct", "winograd"):
        model = network(hidden=16)
        model.convolution = way  # type: ignore[assignment]
        fitted(tmp_path / way, model, epochs=8, learning_rate=0.02)
        runs[way], trained[way] = read_history(tmp_path / way), model
    assert runs["direct"][-1]["validation"] < 0.8 * runs["direct"][0]["validation"]
    for one, other in zip(runs["direct"], runs["winograd"], strict=True):
        for name in ("training", "validation"):
            assert other[name] == pytest.approx(one[name], rel=2e-3)
    model = trained["direct"].train()
    began = network(hidden=16)
    grown = max(each.abs().max().item() for each in model.parameters())
    assert grown > 2 * max(each.abs().max().item() for each in began.encoder.parameters() if each.dim() > 1)
    context, answers, gradients = torch.rand(2, 3, 1, 16, 16), [], []
    for way in ("direct", "winograd"):
        model.convolution = way  # type: ignore[assignment]
        model.zero_grad()
        answers.append(model(context, 4))
        answers[-1].square().mean().backward()
        gradients.append([each.grad.clone() for each in model.parameters() if each.grad is not None])
    torch.testing.assert_close(*answers, rtol=0, atol=1e-5)
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() <= 1e-4 * one.norm()
