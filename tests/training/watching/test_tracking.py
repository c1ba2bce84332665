"""Each epoch's figures go to TensorBoard and to any logger, and nothing else of a training changes."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from lightning.pytorch.loggers import CSVLogger, Logger

from nowcast import run
from nowcast.errors import InputError
from nowcast.training.watching.tracking import loggers_for

pytest.importorskip("tensorboard", reason="the extra track is not installed: pip install 'nowcast[track]'")

QUICK: dict[str, Any] = {"context": 3, "horizon": 2, "epochs": 2, "hidden": [4], "batch": 8, "progress": False}


class Notebook(Logger):
    """Remembers what it is told."""

    name, version = "notebook", 0

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {}
        self.told: list[tuple[int | None, dict[str, float]]] = []

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.settings |= params

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.told.append((step, dict(metrics)))


@pytest.fixture(scope="module")
def echoes() -> xr.DataArray:
    from nowcast.datasets import advected_echoes

    return advected_echoes(frames=50, size=16)


def scalars(folder: Path) -> dict[str, list[float]]:
    """What TensorBoard itself reads there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        events = EventAccumulator(str(folder))
        events.Reload()
    return {name: [each.value for each in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_figures_of_each_epoch_go_to_both_and_the_history_stays(
    echoes: xr.DataArray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook, place = Notebook(), tmp_path / "run"
    run.fit(echoes, run=place, log="tensorboard", logger=notebook, **QUICK | {"progress": True})
    assert f"watch    tensorboard --logdir {place / 'tensorboard'}" in capsys.readouterr().err
    rows = [json.loads(line) for line in (place / "history.jsonl").read_text().splitlines()]
    seen = scalars(place / "tensorboard")
    for name in ("training", "validation", "persistence", "learning_rate"):
        wanted = pytest.approx([row[name] for row in rows], rel=1e-5)
        assert seen[name] == wanted
        assert [told[name] for _, told in notebook.told if name in told] == wanted
    assert notebook.settings["training.batch"] == 8
    assert notebook.settings["model.name"] == "cascade"
    run.fit(echoes, run=tmp_path / "plain", **QUICK)
    plain = [json.loads(line) for line in (tmp_path / "plain" / "history.jsonl").read_text().splitlines()]
    assert [{**row, "seconds": 0} for row in plain] == [{**row, "seconds": 0} for row in rows]


def test_a_curve_that_is_taken_up_has_each_point_once(echoes: xr.DataArray, tmp_path: Path) -> None:
    place = tmp_path / "run"
    run.fit(echoes, run=place, log="tensorboard", **QUICK | {"epochs": 3})
    seen, steps = scalars(place / "tensorboard"), sorted((place / "checkpoints").glob("step-*.ckpt"))
    assert len(seen["validation"]) == 3
    steps[-1].unlink()  # as if it had been killed in the last epoch, of which more was told than is kept
    run.fit(echoes, run=place, resume=True, progress=False)
    assert scalars(place / "tensorboard") == seen
    assert len(list((place / "tensorboard").glob("events*"))) == 2


def test_what_is_no_logger_is_refused(tmp_path: Path) -> None:
    one = CSVLogger(tmp_path)
    assert loggers_for(None, None, folder=tmp_path, settings={}) == []
    assert loggers_for(None, [one], folder=tmp_path, settings={"a.b": 1}) == [one]
    with pytest.raises(InputError, match=r"not one of Lightning's\n  found:  str"):
        loggers_for(None, ["wandb"], folder=tmp_path, settings={})  # type: ignore[list-item]
    assert not list(tmp_path.glob("tensorboard*"))
