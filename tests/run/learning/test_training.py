"""Prepared cubes become a trained forecaster: of the training part alone, taken up again, ended early."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import nowcast
from nowcast import config, model_file, products, run
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.run.folder.circumstances import circumstances


def test_history_has_a_line_per_epoch(trained: xr.Dataset) -> None:
    lines = (Path(trained.attrs["run"]) / "history.jsonl").read_text().splitlines()
    assert len(lines) == 1
    assert set(json.loads(lines[0])) >= {"epoch", "training", "validation", "persistence", "learning_rate", "seconds"}


def test_values_of_the_test_period_touch_neither_scaler_nor_weights(
    trained: xr.Dataset, showers: xr.DataArray, tmp_path: Path
) -> None:
    told = json.loads((Path(trained.attrs["run"]) / "split.json").read_text())
    start = told["parts"]["validation"]["runs"][-1][1]  # the embargo before the test part is of no part either
    changed = showers.copy(deep=True)
    changed[start:] = np.random.default_rng(1).uniform(0, 500, changed[start:].shape).astype("float32")
    again = run.fit(changed, run=tmp_path / "run", epochs=1, hidden=[4], batch=4, progress=False)
    weights, card = (model_file.load(trained.attrs["model_file"])[i] for i in (0, 1))
    others, other = (model_file.load(again.attrs["model_file"])[i] for i in (0, 1))
    assert card.scaler == other.scaler
    assert weights.state_dict().keys() == others.state_dict().keys()
    for name, tensor in weights.state_dict().items():
        assert torch.equal(tensor, others.state_dict()[name]), name
    assert not np.allclose(trained["mse"], again["mse"]), "the test part itself is scored anew"


def test_values_of_the_training_period_do(trained: xr.Dataset, showers: xr.DataArray, tmp_path: Path) -> None:
    changed = showers.copy(deep=True)
    changed[:5] = changed[:5] * 2
    again = run.fit(changed, run=tmp_path / "run", epochs=1, hidden=[4], batch=4, progress=False)
    ours, theirs = (model_file.load(one.attrs["model_file"])[0].state_dict() for one in (trained, again))
    assert not all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_resuming_adds_epochs(showers: xr.DataArray, tmp_path: Path) -> None:
    place = tmp_path / "run"
    run.fit(showers, run=place, epochs=1, hidden=[4], batch=4, progress=False)
    first = (place / "history.jsonl").read_text().splitlines()
    run.fit(showers, run=place, epochs=3, resume=True, progress=False)
    lines = (place / "history.jsonl").read_text().splitlines()
    assert lines[0] == first[0]
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    settings = config.resolve(place / "config.yaml")
    assert settings.training.epochs == 3
    assert settings.model.hidden == (4,)
    assert settings.training.batch == 4
    told = circumstances(place)
    assert len(told["resumed"]) == 1
    assert told["durations"]["training"] >= json.loads(lines[0])["seconds"]
    assert "; resumed " in (place / "model_card.md").read_text()


def test_more_epochs_than_had_time_are_not_bound_by_that_time(showers: xr.DataArray, tmp_path: Path) -> None:
    told: dict[str, Any] = {"run": tmp_path / "run", "progress": False}
    run.fit(showers, max_minutes=0.002, hidden=[4], batch=4, **told)
    begun = config.resolve(tmp_path / "run" / "config.yaml").training
    assert (begun.epochs, begun.max_minutes) == (1, 0.002)
    with pytest.raises(InputError, match="nothing is left to do") as caught:
        run.fit(showers, resume=True, **told)
    assert caught.value.next_step == "--epochs 2 to go on"
    run.fit(showers, resume=True, epochs=2, **told)
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("missing", ["model.safetensors", "scores.nc"])
def test_what_was_learnt_and_not_scored_is_scored(showers: xr.DataArray, missing: str, tmp_path: Path) -> None:
    """Ended between the last step and the end: without a model, or with one that has no verdict yet."""
    place = tmp_path / "run"
    told: dict[str, Any] = {"run": place, "epochs": 1, "progress": False}
    scores = run.fit(showers, hidden=[4], batch=4, **told)
    weights, card = model_file.load(place / "model.safetensors")
    (place / missing).unlink()
    if missing == "scores.nc":
        model_file.save(place / "model.safetensors", weights, replace(card, verdict={}))
    again = run.fit(showers, resume=True, **told)
    xr.testing.assert_equal(again, scores)
    others, told_of_it = model_file.load(place / "model.safetensors")
    assert told_of_it.verdict == card.verdict
    assert all(torch.equal(others.state_dict()[name], each) for name, each in weights.state_dict().items())


def test_a_signal_keeps_all_and_tells_the_command_that_goes_on(
    typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, of the program as it is typed; SIGTERM at many steps: tests/faults/test_training_kills.py."""
    nowcast.write_cube(advected_echoes(frames=40, size=16), tmp_path / "a cube.zarr")
    (tmp_path / "c.yaml").write_text("training: {patience: 1000}\nwindows: {context: 2, horizon: 2}\n")
    words = ["fit", "a cube.zarr", "--run", "run", "--config", "c.yaml", "--epochs", "500", "--hidden", "4"]
    with subprocess.Popen(
        [sys.executable, "-m", "nowcast", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        history = tmp_path / "run" / "history.jsonl"
        end = time.monotonic() + 300
        while time.monotonic() < end and process.poll() is None:
            if history.is_file() and history.read_text().count("\n"):
                break
            time.sleep(0.05)
        try:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGINT, err
    assert "stopped: training ended by SIGINT after step" in err
    assert "Traceback" not in err
    command = "nowcast fit 'a cube.zarr' --resume --run run"
    assert f"  next:   {command}\n" in err
    done = len(history.read_text().splitlines())
    assert 1 <= done < 500
    monkeypatch.chdir(tmp_path)
    ended = typed(*shlex.split(command)[1:], "--epochs", done)
    assert ended.code == 0, ended.err
    forecast = run.forecast(tmp_path / "a cube.zarr", run=tmp_path / "run", progress=False)
    assert np.isfinite(products.mean(forecast).values).all()
