"""A step that does not fit is worked out with less memory, or refused before anything is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nowcast import config, training
from nowcast.datasets import advected_echoes
from nowcast.errors import MachineError
from nowcast.models import RecurrentForecaster
from nowcast.run import fit
from nowcast.run.learning import memory
from nowcast.run.learning.memory import fitted_into_memory
from nowcast.run.learning.objective import objective
from nowcast.run.preparing.prepared import Prepared, prepare
from nowcast.training import Recipe, step_memory


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a network this small matters."""
    monkeypatch.setattr(memory, "LIBRARIES", 0)
    monkeypatch.setattr(memory, "ALLOCATOR", 1.5)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    flags = {"context": 5, "horizon": 5, "model": "predrnn", "hidden": [8, 8], "batch": 8}
    return prepare(advected_echoes(frames=60, size=64), config.resolve(flags=flags))


def network(prepared: Prepared) -> RecurrentForecaster:
    torch.manual_seed(0)
    forecaster = prepared.forecaster()
    assert isinstance(forecaster, RecurrentForecaster)
    return forecaster


def asked(prepared: Prepared, low_memory: bool | None) -> Prepared:
    own = prepared.settings.training.model_copy(update={"low_memory": low_memory})
    return replace(prepared, settings=prepared.settings.model_copy(update={"training": own}))


def needed(prepared: Prepared, *, low_memory: bool, batch: int = 8) -> int:
    forecaster = network(prepared)
    forecaster.low_memory = low_memory
    loss, curriculum = objective(prepared)
    found = step_memory(forecaster, loss, recipe=Recipe(curriculum=curriculum))
    return int(memory.LIBRARIES + memory.ALLOCATOR * found.bytes(pixels=batch * 64 * 64, context=5, horizon=5))


def test_what_fits_is_told(
    prepared: Prepared, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "free_memory", lambda device: 8_000_000_000)
    forecaster = network(prepared)
    fitted_into_memory(prepared, forecaster)
    assert not forecaster.low_memory
    shown = capsys.readouterr()
    assert (
        f"a step takes up to {needed(prepared, low_memory=False) / 1e6:.0f} MB of 8.0 GB free" in shown.err + shown.out
    )


def test_what_does_not_fit_is_worked_out_again_on_the_way_back(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = needed(prepared, low_memory=True)
    assert less < 0.85 * needed(prepared, low_memory=False)
    monkeypatch.setattr(training, "free_memory", lambda device: int(1.05 * less))
    forecaster = network(prepared)
    fitted_into_memory(prepared, forecaster)
    assert forecaster.low_memory
    with pytest.raises(MachineError, match="does not fit into memory"):
        fitted_into_memory(asked(prepared, False), network(prepared))


def test_what_does_not_fit_even_so_is_refused_with_what_would(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "free_memory", lambda device: needed(prepared, low_memory=True, batch=3) + 10_000)
    with pytest.raises(MachineError) as caught:
        fitted_into_memory(prepared, network(prepared))
    assert "8 windows of 64 x 64" in caught.value.what
    assert caught.value.next_step == "--batch 3"
    assert caught.value.exit_code == 3


def test_what_may_not_fit_is_begun_with_a_warning(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "free_memory", lambda device: int(0.8 * needed(prepared, low_memory=True)))
    forecaster = network(prepared)
    fitted_into_memory(prepared, forecaster)
    assert forecaster.low_memory
    shown = "".join(capsys.readouterr())
    assert "beware   that may be more than there is; what fits: --batch 6" in shown


def test_small_work_is_not_looked_at(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> int:
        raise AssertionError

    monkeypatch.setattr(training, "free_memory", never)
    own = prepared.settings.training.model_copy(update={"batch": 1, "low_memory": True})
    forecaster = network(prepared)
    fitted_into_memory(replace(prepared, settings=prepared.settings.model_copy(update={"training": own})), forecaster)
    assert forecaster.low_memory


def test_a_fit_that_is_refused_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "free_memory", lambda device: 1_000_000)
    cube = advected_echoes(frames=60, size=64)
    with pytest.raises(MachineError):
        fit(cube, run=tmp_path / "run", context=5, horizon=5, hidden=[4], epochs=1, progress=False)
    assert not (tmp_path / "run").exists()
