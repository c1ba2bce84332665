"""The test part is scored whole, or from starting times spread evenly over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import config
from nowcast.datasets import advected_echoes
from nowcast.run.forecasting import predict
from nowcast.run.judging import judge
from nowcast.run.preparing.prepared import Prepared, prepare


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    flags = {"context": 3, "horizon": 2, "hidden": [4]}
    return prepare(advected_echoes(frames=120, size=24), config.resolve(flags=flags))


@pytest.mark.parametrize("most", [2, 5, 40])
def test_no_more_starting_times_than_asked_are_scored_and_they_are_spread(
    prepared: Prepared,
    most: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picked: list[int] = []

    def keep(*given: Any, references: Sequence[int], **told: Any) -> xr.DataArray:
        picked.extend(references)
        return predict(*given, references=references, **told)

    monkeypatch.setattr("nowcast.run.judging.predict", keep)
    asked = prepared.settings.model_copy(update={"scores": config.Scores(most_references=most)})
    part = replace(prepared, settings=asked)
    references = list(prepared.plans["test"].references)
    there = len(references)
    scores = judge(part, part.forecaster(), tmp_path / "picture.png")
    assert len(picked) == min(most, there)
    assert set(picked) <= set(references)
    assert max(np.diff(picked)) - min(np.diff(picked)) <= 1
    assert picked[-1] - picked[0] >= (there - 1) * (len(picked) - 1) // len(picked)
    assert list(scores["forecaster"].values) == ["cascade", "persistence", "advection", "climatology"]
    assert np.isfinite(scores["mse"]).all()
    assert (tmp_path / "picture.png").stat().st_size > 1000
    shown = "".join(capsys.readouterr())
    assert (f"{most} of the {there} starting times are scored, evenly spread" in shown) is (most < there)


def test_climatology_is_that_of_the_training_part_alone(prepared: Prepared, tmp_path: Path) -> None:
    cube, first = prepared.cube, prepared.split.test[0].start
    doubled = cube.where(cube["time"] < cube["time"][first], 2 * cube + 1)
    before = judge(prepared, prepared.forecaster(), tmp_path / "a.png")
    after = judge(replace(prepared, cube=doubled), prepared.forecaster(), tmp_path / "b.png")
    mean = cube.isel(time=prepared.split.frames("training")).mean("time")
    for scores, truth in ((before, cube), (after, doubled)):
        frames = [index + lead for index in prepared.plans["test"].references for lead in (1, 2)]
        error = float(((truth.isel(time=frames) - mean) ** 2).mean())
        assert float(scores["mse"].sel(forecaster="climatology").mean()) == pytest.approx(error, rel=0.3)
