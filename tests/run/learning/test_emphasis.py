"""--events and --augment: training windows alone are drawn and turned; what was drawn is recorded, and found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from nowcast import run
from nowcast.errors import InputError
from nowcast.run import folder
from nowcast.run.learning import emphasis
from nowcast.tensors import Loader
from nowcast.training.checkpoints.file import read

QUICK: dict[str, Any] = {
    "context": 4,
    "horizon": 2,
    "epochs": 2,
    "hidden": [4],
    "patch": 16,
    "stride": 3,
    "progress": False,
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[list[int]]]:
    """Of each loader, by the number of its windows, those of each pass."""
    passes: dict[int, list[list[int]]] = {}
    begin = Loader.cut

    def watched(self: Loader) -> Any:
        mine: list[int] = []
        passes.setdefault(self.blocks.windows, []).append(mine)
        for cut in begin(self):
            mine.extend(cut.numbers.tolist())
            yield cut

    monkeypatch.setattr(Loader, "cut", watched)
    return passes


def test_wet_windows_come_more_often_in_training_and_all_in_validation(
    showers: xr.DataArray, tmp_path: Path, seen: dict[int, list[list[int]]]
) -> None:
    run.fit(showers, run=tmp_path / "run", events="rain", **QUICK)
    table = xr.load_dataset(tmp_path / "run" / folder.EVENTS)
    assert table.attrs["statistic"] == "rain"
    assert "typical" in table.attrs["parameters"]
    windows = table["probability"].size
    chances = table["probability"].values.ravel()
    assert chances.sum() == pytest.approx(windows // 2, rel=1e-5)
    assert np.corrcoef(chances, table["importance"].values.ravel())[0, 1] > 0.5
    trained = [each for each in seen.pop(windows) if len(each) == windows // 2]
    assert len(trained) == 2
    assert trained[0] != trained[1]
    assert all(len(set(each)) == windows // 2 for each in trained)
    for size, passes in seen.items():
        assert all(each == list(range(size)) for each in passes), "validation is not weighted"
    assert len(seen) == 1


def test_what_was_found_is_found_again_when_a_run_is_taken_up(
    showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = QUICK | {"epochs": 3, "events": "motion", "augment": "auto"}
    run.fit(showers, run=tmp_path / "whole", **told)
    run.fit(showers, run=tmp_path / "parted", **told | {"epochs": 3, "max_minutes": None})
    one, other = (read(max((tmp_path / name / "checkpoints").glob("step-*.ckpt"))) for name in ("whole", "parted"))
    assert all(torch.equal(a, b) for a, b in zip(one["state_dict"].values(), other["state_dict"].values(), strict=True))
    monkeypatch.setattr(
        "nowcast.run.learning.emphasis.event_index", lambda *_, **__: pytest.fail("it was looked at again")
    )
    run.fit(showers, run=tmp_path / "parted", resume=True, epochs=4, progress=False)


def test_frames_are_looked_at_within_the_memory_that_is_given(
    showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    look = emphasis.event_index

    def noted(*arguments: Any, memory: int, **told: Any) -> Any:
        asked.append(memory)
        return look(*arguments, memory=memory, **told)

    monkeypatch.setattr(emphasis, "event_index", noted)
    run.fit(showers, run=tmp_path / "run", events="rain", memory="240M", **QUICK | {"epochs": 1})
    assert asked == [60_000_000]


def test_a_table_of_other_windows_is_made_anew(showers: xr.DataArray, tmp_path: Path) -> None:
    run.fit(showers, run=tmp_path / "run", events="rain", **QUICK)
    table = xr.load_dataset(tmp_path / "run" / folder.EVENTS)
    table.assign_attrs(statistic="motion").to_netcdf(tmp_path / "run" / folder.EVENTS)
    run.fit(showers, run=tmp_path / "run", resume=True, epochs=3, progress=False)
    assert xr.load_dataset(tmp_path / "run" / folder.EVENTS).attrs["statistic"] == "rain"


def test_augmentation_changes_what_is_trained_on_and_nothing_else(
    showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned: list[int] = []
    from nowcast.tensors.augmenting import Augmentation

    begin = Augmentation.__call__
    monkeypatch.setattr(
        Augmentation,
        "__call__",
        lambda self, batch, windows, epoch: turned.append(len(windows)) or begin(self, batch, windows, epoch),
    )
    plain = run.fit(showers, run=tmp_path / "plain", augment="none", events="none", **QUICK)
    assert not turned
    shown = run.fit(showers, run=tmp_path / "turned", augment="rotations", events="none", **QUICK)
    assert turned
    assert not (tmp_path / "turned" / folder.EVENTS).exists()
    beside = [scores["mse"].sel(forecaster="persistence") for scores in (plain, shown)]
    xr.testing.assert_equal(*beside)
    ours = [scores["mse"].sel(forecaster="cascade").values for scores in (plain, shown)]
    assert not np.array_equal(*ours)


def test_what_the_grid_does_not_allow_is_refused_before_training(showers: xr.DataArray, tmp_path: Path) -> None:
    degrees = showers.assign_coords(
        y=("y", 50 - 0.01 * np.arange(showers.sizes["y"]), {"units": "degrees_north"}),
        x=("x", 0.01 * np.arange(showers.sizes["x"]), {"units": "degrees_east"}),
    )
    with pytest.raises(InputError, match="--augment rotations"):
        run.fit(degrees, run=tmp_path / "run", augment="rotations", **QUICK)
    assert not (tmp_path / "run").exists()
