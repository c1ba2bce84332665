"""Prepared cubes become a trained forecaster: of the training part alone, taken up again, ended early."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import nowcast
from nowcast import config, model_file, products, run
from nowcast.run.circumstances import circumstances


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


def test_ctrl_c_ends_well_with_a_model(showers: xr.DataArray, tmp_path: Path) -> None:
    nowcast.write_cube(showers, tmp_path / "cube.zarr")
    (tmp_path / "c.yaml").write_text("training: {patience: 1000}\nwindows: {context: 2, horizon: 2}\n")
    words = ["fit", "cube.zarr", "--run", "run", "--config", "c.yaml", "--epochs", "500", "--hidden", "4"]
    with subprocess.Popen(
        [sys.executable, "-m", "nowcast", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        history = tmp_path / "run" / "history.jsonl"
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if history.is_file() and history.read_text().count("\n"):
                break
            time.sleep(0.05)
        try:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "interrupted in epoch" in err
    assert "Traceback" not in err
    assert "cascade | persistence | advection | climatology" in out
    lines = history.read_text().splitlines()
    assert 1 <= len(lines) < 500
    forecast = run.forecast(tmp_path / "cube.zarr", run=tmp_path / "run", progress=False)
    assert np.isfinite(products.mean(forecast).values).all()
