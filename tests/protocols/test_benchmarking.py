"""A protocol from file to result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

import nowcast
from nowcast.errors import InputError
from nowcast.protocols import benchmark, benchmarking, content_hash, load, plain_hash
from nowcast.protocols.cutting import cut

OTHER = "0" * 64


def test_the_same_numbers_twice_and_those_of_plain_numpy(
    written: Callable[..., Path], echoes: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written()
    one = benchmark(path, progress=False)
    monkeypatch.setattr(benchmarking, "AT_ONCE", 2 * 2 * 256)
    again = benchmark(path, progress=False)
    assert again["same"] == one["same"]
    assert again["same_sha256"] == one["same_sha256"] == plain_hash(one["same"])
    values = echoes.values.astype(float)[:, 0]
    starts = range(2, 38, 5)
    for lead in (1, 2):
        error = np.stack([values[i + lead] - values[i] for i in starts])
        found = one["same"]["scores"]["persistence"]["by_lead"]
        assert found["mse"][lead - 1] == pytest.approx((error**2).mean(axis=0).sum(), rel=5e-6)
        assert found["mae"][lead - 1] == pytest.approx(np.abs(error).mean(), rel=5e-6)
    assert set(one["same"]["scores"]) == {"persistence", "advection"}
    assert one["same"]["scores"]["advection"]["mean"]["mse"] < one["same"]["scores"]["persistence"]["mean"]["mse"]
    assert json.loads(json.dumps(one)) == one


def test_all_that_a_number_hangs_on_is_in_the_result(written: Callable[..., Path], echoes: xr.DataArray) -> None:
    path = written()
    protocol, _ = load(path)
    found = benchmark(path, progress=False)
    same, differs = found["same"], found["differs"]
    assert same["protocol"] == yaml.safe_load(path.read_text())
    assert differs["protocol_with_defaults"] == protocol.model_dump(mode="json")
    assert same["protocol_sha256"] == plain_hash(same["protocol"])
    assert same["data"]["sha256"] == content_hash(echoes)
    assert same["split"]["sha256"] == cut(echoes, protocol).hash()
    assert (same["data"]["locked"], same["split"]["starting_times"], same["seeds"]) == (False, 8, [0])
    assert same["lead_seconds"] == [300, 600]
    assert set(same["metrics"]) == {"mse", "mae"}
    assert {"versions", "hardware", "seconds", "seconds_in_all", "fitted"} <= set(differs)
    assert str(path.parent) not in json.dumps(same)


def test_another_hash_is_refused_and_a_missing_one_told(
    written: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found = benchmark(written())
    data, split = found["same"]["data"]["sha256"], found["same"]["split"]["sha256"]
    told = capsys.readouterr().err
    assert f"unlocked data.sha256: {data}" in told
    assert f"unlocked split.sha256: {split}" in told
    locked = written(data={"paths": ["tiny.nc"], "sha256": data}, split={"rule": "all", "sha256": split})
    assert benchmark(locked, progress=False)["same"]["scores"] == found["same"]["scores"]
    for rooms in (
        {"data": {"paths": ["tiny.nc"], "sha256": OTHER}},
        {"split": {"rule": "all", "sha256": OTHER}},
    ):
        with pytest.raises(InputError, match="nothing was scored") as error:
            benchmark(written(**rooms), progress=False)
        assert error.value.needed == OTHER
        assert error.value.found in (data, split)


def test_one_changed_pixel_is_refused(written: Callable[..., Path], echoes: xr.DataArray) -> None:
    path = written()
    data = benchmark(path, progress=False)["same"]["data"]["sha256"]
    changed = echoes.copy(deep=True)
    changed.values[7, 0, 3, 3] += 1
    (path.parent / "tiny.nc").unlink()
    nowcast.write_cube(changed, path.parent / "tiny.nc")
    with pytest.raises(InputError, match="nothing was scored"):
        benchmark(written(data={"paths": ["tiny.nc"], "sha256": data}), progress=False)


def test_models_fitted_here_stand_apart_and_trained_ones_among_the_same(
    written: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {"model": {"name": "convlstm", "hidden": [4]}}
    path = written(split={"rule": "time"}, models={"small": recipe}, budget={"epochs": 1}, seeds=[0, 1])
    found = benchmark(path, progress=False)
    assert set(found["same"]["scores"]) == {"persistence", "advection"}
    assert set(found["differs"]["fitted"]) == {"small seed 0", "small seed 1"}
    one, other = found["differs"]["fitted"].values()
    assert one["mean"]["mse"] != other["mean"]["mse"]
    assert len(found["same"]["data"]["training_sha256"]) == 64
    with_run = benchmark(written(split={"rule": "time"}), runs=[one["run"]], progress=False)
    name = f"convlstm {one['model']['sha256'][:8]}"
    assert with_run["same"]["scores"][name]["mean"] == one["mean"]
    assert with_run["same"]["models"][name]["sha256"] == one["model"]["sha256"]
    capsys.readouterr()
    benchmark(path.with_name("tiny.yaml"), runs=[one["run"]])
    assert "trained on times of the test" not in capsys.readouterr().err
    benchmark(written(), runs=[one["run"]])
    assert f"{name} was trained on times of the test" in capsys.readouterr().err


def test_minutes_without_a_model_to_fit(written: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="fits no model"):
        benchmark(written(), max_minutes=1, progress=False)
