"""A search of real, tiny trainings: the same twice, resumed to more, taken up after a kill; blind to the test part."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import config, run
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError, MachineError
from nowcast.run.search.trials import DONE, trials_in

pytest.importorskip("optuna", reason="the extra tune is not installed: pip install 'nowcast[tune]'")

QUICK: dict[str, Any] = {"model": "convlstm", "hidden": [4], "horizon": 2, "epochs": 1, "seed": 1, "progress": False}


@pytest.fixture(scope="module")
def echoes() -> xr.DataArray:
    return advected_echoes(frames=60, size=32).coarsen(y=2, x=2).mean().astype("float32")


@pytest.fixture(scope="module")
def tuned(echoes: xr.DataArray, tmp_path_factory: pytest.TempPathFactory) -> run.Tuned:
    """Three trials; read them, never write to them."""
    return run.tune(echoes, run=tmp_path_factory.mktemp("tune") / "a", trials=3, **QUICK)


def seen(tuned: run.Tuned) -> list[Any]:
    return [(trial.number, trial.values, trial.state, trial.score, trial.marks) for trial in tuned.trials]


def test_the_best_settings_are_a_file_that_fit_takes(tuned: run.Tuned, echoes: xr.DataArray, tmp_path: Path) -> None:
    assert [trial.state for trial in tuned.trials] == 3 * [DONE]
    assert tuned.best.score == min(trial.score or 9 for trial in tuned.trials)
    assert tuned.trials[0].values["learning_rate"] == 0.002, "the first is what fit would choose"
    assert len({trial.values["learning_rate"] for trial in tuned.trials}) == 3
    assert 0 < (tuned.best.score or 0) < 2
    settings = config.resolve(tuned.best_file)
    assert settings.training.learning_rate == tuned.best.values["learning_rate"]
    assert settings.windows.context == tuned.best.values["context"]
    assert settings.training.epochs is None
    assert (settings.model.name, settings.model.hidden) == ("convlstm", (4,))
    assert tuned.best_file.read_text().startswith(f"# nowcast tune: trial {tuned.best.number} of 3; ")
    scores = run.fit(echoes, run=tmp_path / "run", config_file=tuned.best_file, epochs=1, progress=False)
    final = json.loads((tmp_path / "run" / "split.json").read_text())["parts"]
    tried = json.loads((tuned.best.folder(tuned.folder) / "split.json").read_text())["parts"]
    assert final == tried, "fit parts time as the best trial did"
    assert np.isfinite(scores["mse"]).all()


def test_each_trial_is_a_folder_that_is_not_scored(tuned: run.Tuned) -> None:
    for trial in tuned.trials:
        assert {path.name for path in trial.folder(tuned.folder).iterdir()} == {
            "config.yaml", "history.csv", "history.jsonl", "split.json", "trial.json",
        }  # fmt: skip
    assert not [path for path in tuned.folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".db", ".nc")]
    assert next(row["trial"] for row in tuned.table()) == tuned.best.number


def test_values_of_the_test_part_change_nothing(tuned: run.Tuned, echoes: xr.DataArray, tmp_path: Path) -> None:
    parts = [json.loads(path.read_text())["parts"] for path in tuned.folder.rglob("split.json")]
    start = max(part["validation"]["runs"][-1][1] for part in parts)
    changed = echoes.copy(deep=True)
    last = changed.sizes["time"] - 1
    changed[start:last] = np.random.default_rng(0).uniform(0, 90, changed[start:last].shape).astype("float32")
    assert seen(run.tune(changed, run=tmp_path / "b", trials=3, **QUICK)) == seen(tuned)


def test_a_search_goes_on_to_more_as_if_it_had_never_ended(
    tuned: run.Tuned, echoes: xr.DataArray, tmp_path: Path
) -> None:
    place = tmp_path / "b"
    run.tune(echoes, run=place, trials=1, **QUICK)
    with pytest.raises(InputError, match="something is there already"):
        run.tune(echoes, run=place, trials=3, **QUICK)
    with pytest.raises(InputError, match="was begun with something else"):
        run.tune(echoes + 1, run=place, trials=3, resume=True, epochs=1, progress=False)
    again = run.tune(echoes, run=place, trials=3, resume=True, epochs=1, progress=False)
    assert seen(again) == seen(tuned)
    assert again.best_file.read_text().splitlines()[1:] == tuned.best_file.read_text().splitlines()[1:]


def test_trials_are_compared_by_the_score_that_is_monitored(echoes: xr.DataArray, tmp_path: Path) -> None:
    place, name = tmp_path / "b", "csi@1mm/h"
    tuned = run.tune(echoes, run=place, trials=2, monitor=name, **QUICK)
    rows = [json.loads((trial.folder(place) / "history.jsonl").read_text()) for trial in tuned.trials]
    assert [trial.score for trial in tuned.trials] == [row[name] for row in rows]
    assert tuned.best.score == max(row[name] for row in rows)
    assert tuned.table()[0]["trial"] == tuned.best.number
    assert config.resolve(tuned.best_file).training.monitor == name
    with pytest.raises(InputError, match="begun with another --monitor"):
        run.tune(echoes, run=place, trials=3, resume=True, monitor="mae", epochs=1, progress=False)
    again = run.tune(echoes, run=place, trials=2, resume=True, epochs=1, progress=False)
    assert seen(again) == seen(tuned)


@pytest.mark.slow
def test_a_trial_that_was_killed_is_taken_up(echoes: xr.DataArray, tmp_path: Path) -> None:
    nowcast.write_cube(echoes, tmp_path / "cube.zarr")
    words = ["tune", "cube.zarr", "--run", "killed", "--model", "convlstm", "--hidden", "4", "--horizon", "2"]
    words += ["--trials", "3", "--epochs", "12", "--seed", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "nowcast", *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        begun, end = tmp_path / "killed" / "trials" / "001" / "history.jsonl", time.monotonic() + 100
        while time.monotonic() < end and process.poll() is None and not (begun.is_file() and begun.read_text()):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    before = trials_in(tmp_path / "killed")
    assert [trial.state for trial in before] == ["done", "begun"]
    told = QUICK | {"epochs": 12}
    after = run.tune(tmp_path / "cube.zarr", run=tmp_path / "killed", trials=3, resume=True, epochs=12, progress=False)
    assert len(after.trials) == 3
    assert (after.trials[0], after.trials[1].values) == (before[0], before[1].values)
    whole = run.tune(tmp_path / "cube.zarr", run=tmp_path / "whole", trials=3, **told)
    assert seen(after) == seen(whole)


def test_what_cannot_be_searched_is_refused(
    echoes: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="--trials must be above 0"):
        run.tune(echoes, run=tmp_path / "a", trials=0, **QUICK)
    (tmp_path / "c.yaml").write_text("windows: {fractions: [1, 0, 0]}\n")
    with pytest.raises(InputError, match="compared on the validation part, and there is none"):
        run.tune(echoes, run=tmp_path / "a", config_file=tmp_path / "c.yaml", **QUICK)
    still = xr.zeros_like(echoes) + echoes[0].values
    with pytest.raises(InputError, match=r"(?s)none of 1 trial\(s\) went to its end.*nothing changes"):
        run.tune(still, run=tmp_path / "still", trials=1, **QUICK)
    assert not (tmp_path / "a").exists()
    monkeypatch.setattr("nowcast.run.tuning.find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"pip install 'nowcast\[tune\]'"):
        run.tune(echoes, run=tmp_path / "a", **QUICK)
