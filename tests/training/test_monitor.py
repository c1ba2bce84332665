"""Scores that weights are kept by: those of verification, over the validation part alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor, nn

import nowcast
from nowcast import verification
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import Forecaster, Persistence, build
from nowcast.rollout import forecast, usable_references
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Windows
from nowcast.training import Budget, Monitor, Outcome, Recipe, asked_for, fit
from nowcast.training.monitor import Asked, Tally
from nowcast.windows import plan

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("mae", Asked("mae")),
        ("CRPS", Asked("crps")),
        ("csi@1mm/h", Asked("csi", 1.0, "mm/h")),
        ("csi@35dBZ", Asked("csi", 35.0, "dBZ")),
        ("hss@-0.5", Asked("hss", -0.5)),
        ("brier@1e-3 kg m-2 s-1", Asked("brier", 1e-3, "kg m-2 s-1")),
        ("fss@1mm/h/11", Asked("fss", 1.0, "mm/h", 11)),
        ("fss@0.5/5", Asked("fss", 0.5, None, 5)),
    ],
)
def test_a_text_asks_for_a_score(text: str, asked: Asked) -> None:
    assert asked_for(text) == asked


@pytest.mark.parametrize(
    "text",
    ["", "csi", "csi@", "csi@wet", "mse@1", "skill@1", "fss@1mm/h", "fss@1/4", "fss@1/0", "csi@1.2.3", "__import__"],
)
def test_what_asks_for_none_is_refused_with_what_can_be_asked(text: str) -> None:
    with pytest.raises(InputError, match="no such score") as caught:
        asked_for(text)
    assert "csi@1mm/h" in str(caught.value)


# The same as verification's


class Faint(Forecaster):
    """The newest frame, a fifth weaker each step: an error at every threshold."""

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        newest = context[:, -1:, : self.channels]
        return torch.cat([newest * 0.8**lead for lead in range(1, horizon + 1)], dim=1)


def scored(cube: xr.DataArray, forecaster: Forecaster, scaler: Scaler, text: str) -> tuple[float, float]:
    """Of the forecaster and of persistence, as a training has them."""
    asked = asked_for(text)
    tally = Tally(Monitor(text, asked, scaler, asked.threshold or 0.0))
    windows = Windows(cube, plan(cube, context=2, horizon=3), scaler, masked=forecaster.masked)
    with torch.no_grad():
        for first in range(0, len(windows), 4):
            several = [windows[index] for index in range(first, min(first + 4, len(windows)))]
            batch = Batch(*(torch.stack(part) for part in zip(*several, strict=True)))
            still = Persistence(masked=forecaster.masked)(batch.context, 3)
            tally.add(forecaster, forecaster.lifted(batch.context, range(1, 4)).values, still, batch)
    return tally.scores()


def verified(cube: xr.DataArray, forecaster: Forecaster, scaler: Scaler, text: str) -> float:
    """The same by the cube's own way: a forecast from each time, scored over all lead times together."""
    asked = asked_for(text)
    references = usable_references(cube, 2)[:-3]
    made = forecast(forecaster, scaler, cube, context=2, horizon=3, references=references, name="it")
    level = [1.0] if asked.threshold is None else [asked.threshold]
    sums = verification.sums({"it": made}, cube, thresholds=level, scales=[asked.scale or 1], data_range=1.0)
    total = sums.sum(("forecast_reference_time", "lead_time"), keep_attrs=True)
    return float(verification.finish(total)[asked.name].squeeze())


def chancy(masked: bool) -> Forecaster:
    """One that tells chances beside the mean."""
    torch.manual_seed(0)
    exceedance = {"thresholds": [0.2, 0.4], "spreads": [0.3, 0.4, 0.4], "bend": 1.0}
    keywords = {"channels": 1, "masked": masked, "hidden": [4], "exceedance": exceedance}
    return build("cascade", keywords).eval()


@pytest.fixture(scope="module")
def packed() -> xr.DataArray:
    """As files have it: steps of 0.1 mm/h, so that many pixels lie at a threshold itself."""
    cube = advected_echoes(frames=14, size=32)
    return cube.copy(data=np.round(cube.values, 1).astype("float32"))


TEXTS = ["mse", "mae", "crps", "brier@1", "csi@1", "csi@0.7", "hss@1mm/h", "fss@1/5"]


@pytest.mark.parametrize("method", ["unit", "log"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_a_score_is_that_of_verification(text: str, holes: bool, method: str, packed: xr.DataArray) -> None:
    cube = packed
    if holes:
        cube = cube.where(np.random.default_rng(1).random(cube.shape) > 0.2)
        cube[:, :, :6, :6] = np.nan
    scaler = Scaler.fit(cube, method=method)
    forecaster = Faint(masked=holes)
    mine, still = scored(cube, forecaster, scaler, text)
    assert mine == pytest.approx(verified(cube, forecaster, scaler, text), rel=1e-6, abs=1e-9)
    if not holes:  # else verification leaves out for both what persistence lacks
        assert still == pytest.approx(verified(cube, Persistence(), scaler, text), rel=1e-6, abs=1e-9)
    assert mine != still


@pytest.mark.parametrize("text", ["crps", "brier@1", "csi@1", "fss@0.5/5"])
def test_so_is_that_of_chances(text: str, packed: xr.DataArray) -> None:
    scaler = Scaler.fit(packed, method="log")
    forecaster = chancy(masked=False)
    mine, _ = scored(packed, forecaster, scaler, text)
    assert mine == pytest.approx(verified(packed, forecaster, scaler, text), rel=1e-6)


def test_events_are_summed_not_averaged(packed: xr.DataArray) -> None:
    """One batch or many: the same, though most of them have hardly an event."""
    scaler = Scaler.fit(packed, method="unit")
    windows = Windows(packed, plan(packed, context=2, horizon=3), scaler, masked=False)
    found = []
    for size in (1, 3, len(windows)):
        tally = Tally(Monitor("csi@2", asked_for("csi@2"), scaler, 2.0))
        for first in range(0, len(windows), size):
            several = [windows[index] for index in range(first, min(first + size, len(windows)))]
            batch = Batch(*(torch.stack(part) for part in zip(*several, strict=True)))
            tally.add(Faint(), Faint()(batch.context, 3), Persistence()(batch.context, 3), batch)
        found.append(tally.scores())
    assert found[0] == found[1] == found[2]


def test_ranks_add_up(packed: xr.DataArray) -> None:
    tally = Tally(Monitor("csi@1", asked_for("csi@1"), Scaler("unit", 0, 1), 1.0))
    tally.sums += [[3, 1, 0], [1, 3, 0]]
    tally.pixels, tally.events = 10, 4
    tally.add_up(lambda own, reduce_op: own * (2 if reduce_op == "sum" else 1))
    assert (tally.pixels, tally.events) == (20, 8)
    assert tally.scores() == (0.75, 0.25)


def test_a_validation_part_without_events_says_so() -> None:
    tally = Tally(Monitor("csi@50mm/h", asked_for("csi@50mm/h"), Scaler("unit", 0, 1), 50.0), pixels=7)
    with pytest.raises(InputError, match=r"csi@50mm/h: the validation part does not tell it") as caught:
        tally.scores()
    assert "none of which reaches 50" in str(caught.value)


# Which weights are kept


class Fading(Forecaster):
    """A frame times a number that each step makes smaller, whatever the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return (self.factor * context[:, -1:]).expand(-1, horizon, -1, -1, -1)


def faded(folder: Path, blobs: Any, text: str | None, *, patience: int = 15) -> tuple[Fading, Outcome]:
    folder.mkdir(exist_ok=True)
    monitor = None if text is None else Monitor(text, asked_for(text), blobs.scaler, asked_for(text).threshold or 0.0)
    recipe = Recipe(learning_rate=0.03, schedule="constant", weight_decay=0.0, monitor=monitor, patience=patience)
    model = Fading()
    return model, fit(model, mse, *blobs.loaders(), folder=folder, budget=Budget(6, None, ""), recipe=recipe)


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_weights_are_those_of_the_best_score_not_of_the_least_loss(tmp_path: Path, blobs: Any) -> None:
    """The square moves: a weak one has less squared error, and reaches the threshold nowhere."""
    by_loss, plain = faded(tmp_path / "loss", blobs, None)
    by_score, outcome = faded(tmp_path / "score", blobs, "csi@0.8mm/h", patience=3)
    history = rows(tmp_path / "score")
    scores = [line["csi@0.8mm/h"] for line in history]
    assert scores[0] > 0 == scores[-1]
    assert outcome.best == max(scores)
    assert outcome.persistence == history[0]["csi@0.8mm/h of persistence"] > 0
    assert outcome.ended == "no better csi@0.8mm/h for 3 epochs"
    assert plain.best == min(line["validation"] for line in rows(tmp_path / "loss"))
    assert by_loss.factor.item() < 0.5 < 0.8 < by_score.factor.item()


def test_of_an_error_less_is_better(tmp_path: Path, blobs: Any) -> None:
    _, outcome = faded(tmp_path, blobs, "mae")
    scores = [line["mae"] for line in rows(tmp_path)]
    assert outcome.best == min(scores) < max(scores)


# From a cube


def test_units_are_the_field_s_or_lead_to_them(tmp_path: Path) -> None:
    cube = advected_echoes(frames=40, size=16)
    small: dict[str, Any] = {"hidden": [4], "epochs": 1, "context": 3, "horizon": 2, "progress": False}
    small |= {"model": "convlstm"}
    nowcast.fit(cube, run=tmp_path / "one", monitor="csi@1mm/h", **small)
    nowcast.fit(cube, run=tmp_path / "other", monitor="csi@0.000277777778 kg m-2 s-1", **small)
    one, other = (rows(tmp_path / name)[0] for name in ("one", "other"))
    assert one["csi@1mm/h of persistence"] == other["csi@0.000277777778 kg m-2 s-1 of persistence"] > 0
    assert math.isfinite(one["csi@1mm/h"])
    for told, said in (
        ({"monitor": "csi@20dBZ"}, "the field is in other units"),
        ({"monitor": "fss@1mm/h/99"}, "cannot be laid over the grid"),
        ({"monitor": "csi@1", "fractions": (1.0, 0.0, 0.0)}, "no validation part"),
        ({"monitor": "kge"}, "no such score"),
    ):
        with pytest.raises(InputError, match=said):
            nowcast.fit(cube, run=tmp_path / "none", **{**small, **told})
        assert not (tmp_path / "none").exists()
