"""From short events to a run: whole events as parts, and parts of nothing where they are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import config, model_file, run
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError

SMALL: dict[str, Any] = {"epochs": 1, "hidden": [4], "batch": 8, "stride": 4, "context": 4, "horizon": 4}


def event(frames: int = 30, *, day: int = 1, size: int = 24) -> xr.DataArray:
    cube = advected_echoes(frames=frames, size=size, seed=day)
    start = np.datetime64("2026-05-01", "ns") + np.timedelta64(day, "D")
    return cube.assign_coords(time=start + np.arange(frames) * np.timedelta64(5, "m"))


def audit(place: Path, name: str = "split.json") -> dict[str, Any]:
    told: dict[str, Any] = json.loads((place / name).read_text())
    return told


def test_three_events_are_trained_on_validated_on_and_tested_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cubes, place = [event(day=1), event(day=2), event(day=3)], tmp_path / "run"
    scores = run.fit(cubes, run=place, **SMALL)
    told = capsys.readouterr().err
    assert told.count("split    by events") == 1
    assert list(scores["forecaster"].values) == ["cascade", "persistence", "advection", "climatology"]
    assert scores.attrs["first_reference_time"].startswith("2026-05-04")
    held = [audit(place, name)["parts"] for name in ("split.json", "split-2.json", "split-3.json")]
    assert [[part[name]["frames"] for name in part] for part in held] == [[30, 0, 0], [0, 30, 0], [0, 0, 30]]
    assert audit(place)["split_by"] == "whole events"
    assert not (place / "scores.nc").exists()
    xr.testing.assert_identical(scores.drop_attrs(), xr.load_dataset(place / "scores-3.nc").drop_attrs())
    card = model_file.load_card(place / "model.safetensors")
    assert card.verdict["reference_times"] > 0
    text = run.report(place, progress=False).read_text("utf-8")
    assert "Errors by lead time, cube 3" in text
    assert "Errors by lead time, cube 1" not in text
    assert "Split by whole events" in text
    run.fit(cubes, run=place, resume=True, epochs=2, progress=False)
    assert len((place / "history.jsonl").read_text().splitlines()) == 2


def test_values_of_other_events_touch_neither_scaler_nor_what_is_learnt(tmp_path: Path) -> None:
    first, second, third = event(day=1), event(day=2), event(day=3)
    keywords = SMALL | {"fractions": (0.7, 0.15, 0.15), "progress": False}
    cards = []
    for name, others in (("a", [second, third]), ("b", [second, third * 50 + 3])):
        others = [cube.assign_attrs(first.attrs).rename(first.name) for cube in others]
        run.fit([first, *others], run=tmp_path / name, **keywords)
        cards.append(model_file.load(tmp_path / name / "model.safetensors"))
    (one, card), (other, spoilt) = cards
    assert card.scaler == spoilt.scaler
    assert all((one.state_dict()[name] == value).all() for name, value in other.state_dict().items())


def test_the_climatology_of_events_is_that_of_the_training_event(tmp_path: Path) -> None:
    first = event(day=1)
    cubes = [first, event(day=2), event(day=3)]
    scores = run.fit(cubes, run=tmp_path / "run", progress=False, **SMALL)
    wanted = float(((first.mean("time") - cubes[2][4:]) ** 2).mean())
    assert float(scores["mse"].sel(forecaster="climatology").mean()) == pytest.approx(wanted, rel=0.3)
    other = run.fit([first, event(day=2), event(day=3, size=32)], run=tmp_path / "other", progress=False, **SMALL)
    assert "climatology" not in other["forecaster"].values, "of another grid there is none"


def test_weights_and_events_are_of_the_cubes_that_are_trained_on(tmp_path: Path) -> None:
    cubes = [event(day=day) for day in (1, 2, 3, 4)]
    run.fit(cubes, run=tmp_path / "run", weights=[2, 1, 1, 1], events="auto", augment="auto", progress=False, **SMALL)
    assert {path.name for path in (tmp_path / "run").glob("events*")} == {"events.nc", "events-2.nc"}


def test_gaps_within_an_event_are_bridged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cubes = [event(day=day).drop_isel(time=[12]) for day in (1, 2, 3)]
    run.fit(cubes, run=tmp_path / "run", gaps="hold", **SMALL)
    told = capsys.readouterr().err
    assert told.count("1 of 1 bridged") == 3
    assert audit(tmp_path / "run", "split-3.json")["parts"]["test"]["runs"] == [[0, 30]]


@pytest.mark.parametrize("fractions", [(0.8, 0.2, 0.0), (1.0, 0.0, 0.0)])
@pytest.mark.parametrize("more", [{}, {"adversarial": 0.01, "model": "convlstm"}], ids=["plain", "adversarial"])
def test_a_run_without_a_test_part_goes_all_the_way(
    fractions: tuple[float, float, float],
    more: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place, cube = tmp_path / "run", event(48)
    scores = run.fit(cube, run=place, fractions=fractions, **SMALL | more)
    told = capsys.readouterr().err
    assert ("no validation part: the last weights are kept" in told) is (fractions[1] == 0)
    assert "nowcast forecast OTHER --every -o f.nc --run RUN; nowcast evaluate f.nc OTHER" in told
    assert "test  " not in told
    assert (list(scores.data_vars), scores["forecaster"].values.tolist()) == ([], [more.get("model", "cascade")])
    np.testing.assert_array_equal(scores["lead_time"].values, np.arange(1, 5) * np.timedelta64(5, "m"))
    assert scores.attrs["run"] == str(place)
    left = {entry.name for entry in place.iterdir()} - {"events.nc"}
    assert left == {
        "begun.json", "checkpoints", "circumstances.json", "config.yaml", "history.csv", "history.jsonl",
        "model.safetensors", "model_card.md", "split.json",
    }  # fmt: skip
    assert config.resolve(place / "config.yaml").windows.fractions == fractions
    assert audit(place)["parts"]["test"]["frames"] == 0
    assert "It was never scored" in (place / "model_card.md").read_text("utf-8")
    page = run.report(place, progress=False).read_text("utf-8")
    assert "Not scored: it has no test part" in page
    assert "What was trained on what" in page
    for words in ("Errors by lead time", "Numbers", "Best case", "forecast(s) scored"):
        assert words not in page
    run.fit(cube, run=place, resume=True, epochs=2, progress=False)
    assert len((place / "history.jsonl").read_text().splitlines()) == 2
    capsys.readouterr()
    other = event(30, day=5)
    forecast = run.forecast(other, run=scores.attrs["model_file"], every=True)
    assert capsys.readouterr().err.count("never scored on a test part") == 1
    table = nowcast.evaluate(forecast, other, progress=False)
    assert table.sizes["forecaster"] == 3


def test_an_empty_part_that_nobody_asked_for_is_refused_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too few frames") as caught:
        run.fit(event(30), run=tmp_path / "run", progress=False, **SMALL | {"horizon": 12})
    assert "--fractions 1,0,0" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_not_scored_yet_is_told_from_one_that_has_no_test_part(tmp_path: Path) -> None:
    run.fit(event(48), run=tmp_path / "run", progress=False, **SMALL)
    (tmp_path / "run" / "scores.nc").unlink()
    with pytest.raises(InputError, match="not scored yet"):
        run.report(tmp_path / "run", progress=False)
