"""Files in, a trained, scored run out."""

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
from nowcast.errors import InputError, MachineError
from nowcast.run.evaluation import score_beside_baselines
from nowcast.tensors import to_context
from nowcast.verification import record, verdict

PARTS = ("training", "validation", "test")


def test_scores_of_model_and_baselines(trained: xr.Dataset) -> None:
    assert list(trained["forecaster"].values) == ["cascade", "persistence", "advection", "climatology"]
    assert set(trained.dims) >= {"forecaster", "lead_time", "threshold", "scale", "against"}
    for name in ("mse", "mae", "psnr", "ssim"):
        assert trained[name].dims == ("forecaster", "lead_time")
    for name in ("csi", "pod", "far"):
        assert trained[name].dims == ("forecaster", "lead_time", "threshold")
    assert trained["fss"].dims == ("forecaster", "lead_time", "threshold", "scale")
    assert np.isfinite(trained["mse"]).all()
    np.testing.assert_array_equal(
        trained["lead_time"].values, np.arange(1, trained.sizes["lead_time"] + 1) * np.timedelta64(5, "m")
    )


def test_what_lies_in_the_run_folder(trained: xr.Dataset) -> None:
    place = Path(trained.attrs["run"])
    assert trained.attrs["model_file"] == str(place / "model.safetensors")
    assert {entry.name for entry in place.iterdir()} == {
        "begun.json", "cases.nc", "checkpoints", "circumstances.json", "config.yaml", "events.nc", "forecast.png",
        "history.csv", "history.jsonl", "model.safetensors", "model_card.md", "scores.nc", "split.json", "verdict.json",
    }  # fmt: skip
    assert (place / "forecast.png").read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(place / "scores.nc") as scores:
        xr.testing.assert_allclose(scores.load().drop_attrs(), trained.drop_attrs())
    told = json.loads((place / "verdict.json").read_text())
    assert told == verdict(trained)
    assert {each["against"] for each in told["standings"]} == {"persistence", "advection", "climatology"}
    kept = model_file.load_card(place / "model.safetensors").verdict
    assert kept == record([told])
    assert kept["lost"], "one epoch of four channels is beaten by advection"


def test_the_configuration_is_resolved_and_reads_back(trained: xr.Dataset) -> None:
    path = Path(trained.attrs["run"]) / "config.yaml"
    settings = config.resolve(path)
    assert config.dump(settings) == path.read_text()
    assert settings.data.variable == "rain_rate"
    assert settings.model.hidden == (4,)
    assert settings.training.epochs == 1
    assert settings.training.batch == 4
    assert settings.windows.context is not None
    assert settings.windows.horizon == trained.sizes["lead_time"]
    assert settings.windows.embargo is not None
    assert settings.scaling.method == "log"


def test_parts_share_no_frame_and_statistics_are_of_training(trained: xr.Dataset, showers: xr.DataArray) -> None:
    place = Path(trained.attrs["run"])
    told = json.loads((place / "split.json").read_text())
    assert told["shared_frames"] == 0
    assert told["statistics_from"] == "training"
    frames = {
        name: {frame for start, stop in told["parts"][name]["runs"] for frame in range(start, stop)} for name in PARTS
    }
    _, card = model_file.load(place / "model.safetensors")
    window = card.context + card.horizon
    for earlier, later in (("training", "validation"), ("validation", "test")):
        assert min(frames[later]) - max(frames[earlier]) > window
    values = showers.values[sorted(frames["training"])]
    top = np.log1p(values.max() / card.scaler["floor"])
    assert card.scaler["factor"] == pytest.approx(top, rel=1e-6)
    assert np.log1p(showers.values.max() / card.scaler["floor"]) != pytest.approx(top, rel=1e-3)
    first, last = (str(told["parts"]["training"][name]) for name in ("first", "last"))
    assert (card.trained_on["first"], card.trained_on["last"]) == (first, last)
    # the scored forecasts start and end within the test part
    assert trained.attrs["first_reference_time"] >= told["parts"]["test"]["first"]
    assert trained.attrs["last_reference_time"] < told["parts"]["test"]["last"]


def test_missing_pixels_are_masked_and_the_model_is_told(showers: xr.DataArray, tmp_path: Path) -> None:
    holed = showers.copy(deep=True)
    holed[:, :, :4, :4] = np.nan
    holed[7] = np.nan
    scores = run.fit(holed, run=tmp_path / "run", epochs=1, hidden=[4], progress=False)
    _, card = model_file.load(scores.attrs["model_file"])
    assert card.masked is True
    assert np.isfinite(scores["mse"]).all()
    known = scores["pixels"] / scores["cases"]
    assert (known <= 32 * 32 - 16).all()
    assert (known > 0.5 * 32 * 32).all()


def test_a_folder_in_use_is_refused(trained: xr.Dataset, showers: xr.DataArray) -> None:
    place = Path(trained.attrs["run"])
    before = {entry.name: entry.read_bytes() for entry in place.iterdir() if entry.is_file()}
    with pytest.raises(InputError, match="something is there already"):
        run.fit(showers, run=place, epochs=1, hidden=[4], progress=False)
    assert {entry.name: entry.read_bytes() for entry in place.iterdir() if entry.is_file()} == before


def test_a_config_file_and_flags_over_it(showers: xr.DataArray, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("windows: {context: 3, horizon: 2}\nmodel: {hidden: [3]}\ntraining: {epochs: 1}\n")
    scores = run.fit(showers, run=tmp_path / "run", config_file=tmp_path / "c.yaml", horizon=1, progress=False)
    settings = config.resolve(tmp_path / "run" / "config.yaml")
    assert (settings.windows.context, settings.windows.horizon) == (3, 1)
    assert settings.model.hidden == (3,)
    assert scores.sizes["lead_time"] == 1


def test_a_gap_in_time(tmp_path: Path) -> None:
    holed = advected_echoes(frames=60, size=16).isel(time=[*range(30), *range(35, 60)])
    scores = run.fit(holed, run=tmp_path / "run", epochs=1, hidden=[4], progress=False)
    assert np.isfinite(scores["mse"]).all()
    assert "refused" not in run.inspect(holed, progress=False)[1]


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_jittering_clocks_are_scored(unit: str, tmp_path: Path) -> None:
    cube = advected_echoes(frames=60, size=16)
    off = np.random.default_rng(0).integers(-12, 13, 60) * np.timedelta64(1, unit)
    cube = cube.assign_coords(time=cube["time"].values.astype("datetime64[ns]") + off)
    scores = run.fit(cube, run=tmp_path / "run", epochs=1, hidden=[4], context=4, horizon=4, progress=False)
    assert (scores["cases"] >= 4).all()


def test_a_tracker_that_is_not_installed_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nowcast.run.fitting.find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"needs the package tensorboard\n  next:   pip install 'nowcast\[track\]'"):
        run.fit(tmp_path / "nothing.nc", run=tmp_path / "run", log="tensorboard", progress=False)
    assert not (tmp_path / "run").exists()


def test_too_few_frames_names_the_file(tmp_path: Path) -> None:
    path = nowcast.write_cube(advected_echoes(frames=1, size=16), tmp_path / "one.nc")
    with pytest.raises(InputError, match=r"one\.nc"):
        run.fit(path, run=tmp_path / "run", progress=False)


# Gaps


@pytest.mark.parametrize(("policy", "held"), [("skip", False), ("mask", False), ("hold", True)])
def test_what_is_missing_is_shown_alike_in_training_in_the_test_and_live(
    policy: str, held: bool, showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, set[tuple[bool, bool]]] = {"tensors": set(), "rollout": set()}

    def watch(room: str) -> Any:
        def spy(values: np.ndarray, *, masked: bool, held: bool = False) -> Any:
            shown[room].add((masked, held))
            return to_context(values, masked=masked, held=held)

        return spy

    monkeypatch.setattr("nowcast.tensors.batches.to_context", watch("tensors"))
    monkeypatch.setattr("nowcast.rollout.forecasting.to_context", watch("rollout"))
    values = showers.values.copy()
    values[55] = np.nan
    source = showers.copy(data=values).drop_isel(time=[10, 20])
    scores = run.fit(
        source, run=tmp_path / "run", context=4, horizon=2, epochs=1, hidden=[4], gaps=policy, progress=False
    )
    as_told = {(policy != "skip", held)}
    assert shown == {"tensors": as_told, "rollout": as_told}
    assert scores.sizes["forecaster"] == 4
    shown["rollout"].clear()
    live = run.forecast(source, run=tmp_path / "run", progress=False)
    assert shown["rollout"] == as_told
    assert ("missing_inputs" in live.coords) == (policy != "skip")


def test_test_frames_without_a_value_beyond_the_limit_are_not_forecast_from(
    showers: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[xr.DataArray] = []

    def keep(predicted: xr.DataArray, *rest: Any, **keywords: Any) -> xr.Dataset:
        made.append(predicted)
        return score_beside_baselines(predicted, *rest, **keywords)

    monkeypatch.setattr("nowcast.run.judging.score_beside_baselines", keep)
    values = showers.values.copy()
    values[52:54] = np.nan
    options: dict[str, Any] = {"context": 4, "horizon": 2, "epochs": 1, "hidden": [4], "progress": False}
    run.fit(showers.copy(data=values), run=tmp_path / "run", gaps="mask", **options)
    references = np.searchsorted(showers["time"].values, made[0]["forecast_reference_time"].values)
    assert references.tolist() == [56, 57], "from 53 to 55, two of four frames are missing"
    assert made[0]["missing_inputs"].max() == 1
