"""The loss that fit trains on, and what the network is taught: from settings to what a step is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

from nowcast import config, run
from nowcast.config import Settings, resolve
from nowcast.errors import InputError
from nowcast.losses import LOSSES, csi, mixture, mse
from nowcast.progress import quiet
from nowcast.run.learning.objective import objective, recipe_for, settled
from nowcast.run.preparing.prepared import prepare
from nowcast.run.preparing.several import prepare_all


def settings(tmp_path: Path, text: str = "", **flags: Any) -> Settings:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return resolve(path, {"context": 4, "horizon": 3, **flags})


# Thresholds


@pytest.mark.parametrize("method", ["log", "db", "unit", "symmetric", "zscore"])
def test_thresholds_in_the_fields_units_reach_the_loss_as_the_network_sees_them(
    method: str, showers: xr.DataArray, tmp_path: Path
) -> None:
    told = settings(tmp_path, "training: {loss: {balanced_mae: 1.0}, thresholds: [1.0]}", scaling=method)
    prepared = settled([prepare(showers, told)])[0]
    loss, curriculum = objective(prepared)
    assert curriculum is None
    ones = torch.ones(1, 3, 1, 12, 12)
    # A class from 1 mm/h on counts double: a field half just above and half just below has its errors 2 to 1.
    for low, high, importance in ((0.99, 1.01, (1, 2)), (0.5, 0.99, (1, 1)), (1.01, 2.0, (2, 2))):
        target = torch.full((1, 3, 1, 12, 12), low)
        target[..., 6:] = high
        scaled = torch.from_numpy(prepared.scaler.apply(target.numpy()))
        wrong = scaled.clone()
        wrong[..., 6:] += 0.3
        expected = 0.3 * importance[1] / sum(importance)
        assert loss(wrong, scaled, ones).item() == pytest.approx(expected, rel=1e-4)


def test_the_scores_thresholds_are_the_losss_if_it_has_none_of_its_own(showers: xr.DataArray, tmp_path: Path) -> None:
    def chosen(text: str, **flags: Any) -> Any:
        return settled([prepare(showers, settings(tmp_path, text, **flags))])[0].settings.training.thresholds

    assert chosen("training: {loss: {csi: 1}}") == (0.1, 1.0, 5.0), "10 mm/h falls nowhere in its training part"
    assert chosen("training: {loss: {fss: 1}}", thresholds=[0.5, 2.0]) == (0.5, 2.0)
    assert chosen("training: {loss: {csi: 1}, thresholds: [3.0]}", thresholds=[0.5, 2.0]) == (3.0,)
    assert chosen("training: {loss: {csi: 1}}", thresholds=[0.0, -1.0, 2.0, 99.0]) == (2.0,)
    assert chosen("training: {loss: {mse: 1}}", thresholds=[0.5]) is None


def test_the_loss_s_scores_are_those_of_its_thresholds(showers: xr.DataArray, tmp_path: Path) -> None:
    told = settings(tmp_path, "training: {loss: {mse: 1.0, csi: 0.5}}", thresholds=[0.5, 2.0])
    prepared = settled([prepare(showers, told)])[0]
    random = torch.Generator().manual_seed(0)
    pair = [torch.rand(2, 3, 1, 12, 12, generator=random) for _ in range(2)]
    ones = torch.ones_like(pair[0])
    floor, factor = prepared.scaler.floor, prepared.scaler.factor
    assert floor is not None
    by_hand = [float(np.log1p(value / floor) / factor) for value in (0.5, 2.0)]
    expected = mse(*pair, ones) + 0.5 * csi(*pair, ones, thresholds=by_hand)
    torch.testing.assert_close(objective(prepared)[0](*pair, ones), expected)


def test_below_the_floor_of_a_logarithm_nothing_parts_values(showers: xr.DataArray, tmp_path: Path) -> None:
    floor = prepare(showers, settings(tmp_path, scaling="db")).scaler.floor
    assert floor is not None
    told = settings(tmp_path, "training: {loss: {csi: 1}}", thresholds=[floor / 2, 2 * floor], scaling="db")
    assert settled([prepare(showers, told)])[0].settings.training.thresholds == (2 * floor,)


def test_thresholds_that_part_no_values_are_refused_with_what_there_is(showers: xr.DataArray, tmp_path: Path) -> None:
    told = settings(tmp_path, "training: {loss: {csi: 1}}", thresholds=[500.0, 900.0])
    with pytest.raises(InputError, match="no threshold that some training values reach") as caught:
        settled([prepare(showers, told)])
    assert "500, 900; values from 0 to" in str(caught.value)
    assert "mm h-1" in str(caught.value)


def test_of_several_cubes_all_values_decide_which_thresholds_part_them(showers: xr.DataArray, tmp_path: Path) -> None:
    heavy = (showers * 4).assign_attrs(showers.attrs).rename(showers.name)
    told = settings(tmp_path, "training: {loss: {csi: 1}}")
    parts = settled(prepare_all([showers, heavy], told))
    assert [part.settings.training.thresholds for part in parts] == [(0.1, 1.0, 5.0, 10.0)] * 2


# Lead times


def test_lead_weights_reach_the_loss_of_the_horizon_and_not_that_of_the_context(
    showers: xr.DataArray, tmp_path: Path
) -> None:
    told = settings(tmp_path, "training: {lead_weights: [4, 2, 1]}", model="predrnn")
    loss, curriculum = objective(prepare(showers, told))
    target = torch.rand(2, 3, 1, 8, 8)
    ones = torch.ones_like(target)
    wrong = target.clone()
    wrong[:, 2] += 1
    assert loss(wrong, target, ones).item() == pytest.approx(1 / 7)
    assert curriculum is not None
    assert curriculum.loss(wrong[:, :2], target[:, :2], ones[:, :2]).item() == 0
    assert curriculum.loss(wrong[:, 1:], target[:, 1:], ones[:, 1:]).item() == pytest.approx(1 / 2)


# Teaching


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("", None),
        ("model: {name: convlstm, fed_back: true}", "scheduled"),
        ("model: {name: predrnn}", "scheduled"),
        ("model: {name: e3dlstm}", "scheduled"),
        ("model: {name: predrnn}\ntraining: {teaching: reverse, seed: 3}", "reverse"),
        ("model: {name: predrnn}\ntraining: {teaching: none}", None),
        ("training: {teaching: none}", None),
    ],
)
def test_networks_that_are_fed_back_are_taught_if_nothing_is_said(
    text: str, method: str | None, showers: xr.DataArray, tmp_path: Path
) -> None:
    with quiet():
        prepared = prepare(showers, settings(tmp_path, text))
    assert prepared.settings.training.teaching == (method or "none")
    curriculum = objective(prepared)[1]
    assert (curriculum and curriculum.method) == method
    assert curriculum is None or curriculum.seed == prepared.settings.training.seed


# All of it


def test_what_is_settled_is_told_and_kept_with_the_run_and_no_missing_value_reaches_a_loss(
    showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frames: list[tuple[int, bool]] = []

    def spied(*arguments: Any, **keywords: Any) -> Any:
        loss = mixture(*arguments, **keywords)

        def watched(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
            assert all(torch.isfinite(each).all() for each in (prediction, target, weight))
            assert set(weight.unique().tolist()) <= {0.0, 1.0}
            frames.append((target.shape[1], bool((weight == 0).any())))
            return loss(prediction, target, weight)

        return watched

    monkeypatch.setattr("nowcast.run.learning.objective.mixture", spied)
    holed = showers.copy(deep=True)
    holed[:, :, :4, :4] = np.nan
    holed[20, :, 8:, 9] = np.inf
    shares = ", ".join(f"{name}: 0.1" for name in LOSSES)
    text = f"model: {{name: predrnn, decoupling: 0.1}}\ntraining: {{loss: {{{shares}}}, lead_weights: [1, 1, 0.5]}}"
    path = tmp_path / "given.yaml"
    path.write_text(text)
    options: dict[str, Any] = {"context": 3, "horizon": 3, "hidden": [4, 4], "epochs": 2, "batch": 4}
    scores = run.fit(holed, run=tmp_path / "run", config_file=path, **options)
    assert np.isfinite(scores["mse"]).all()
    assert set(frames) == {(2, True), (3, True)}, "of the context's second and third frame, and of the horizon's"
    told = " ".join(capsys.readouterr().err.split())
    for words in ("teaching scheduled: the truth is fed", "counts 1, 1, 0.5", "csi, fss: thresholds 0.1, 1, 5 mm h-1"):
        assert words in told
    assert "left out, as all training values or none reach them: 10" in told
    kept = config.resolve(tmp_path / "run" / "config.yaml").training
    assert (kept.teaching, kept.thresholds, kept.lead_weights) == ("scheduled", (0.1, 1.0, 5.0), (1.0, 1.0, 0.5))
    frames.clear()
    run.fit(holed, run=tmp_path / "run", resume=True, epochs=3, progress=False)
    assert set(frames) == {(2, True), (3, True)}
    assert config.resolve(tmp_path / "run" / "config.yaml").training.thresholds == (0.1, 1.0, 5.0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_lower_precision_is_told(
    precision: str, showers: xr.DataArray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settled([prepare(showers, settings(tmp_path, precision=precision))])
    assert ("numbers  bfloat16 in convolutions" in capsys.readouterr().err) == (precision == "bfloat16")


def test_short_epochs_are_given_more_of_them(showers: xr.DataArray) -> None:
    with quiet():
        prepared = prepare(showers, resolve())
    assert recipe_for(prepared, None, steps=5).patience == 60
    assert recipe_for(prepared, None, steps=1000).patience == prepared.settings.training.patience


# How it is worked out


def test_without_a_gpu_nothing_is_compiled_and_that_is_told(
    showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    prepared = settled([prepare(showers, settings(tmp_path, "training: {compiled: true}"))])[0]
    assert "compiled not: no GPU is at hand (training.compiled)" in capsys.readouterr().err
    assert not recipe_for(prepared, None).compiled
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    settled([prepared])
    told = capsys.readouterr().err
    assert "compiled for this GPU" in told
    assert "tf32" in told
    assert recipe_for(prepared, None).compiled
