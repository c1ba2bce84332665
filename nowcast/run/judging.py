"""What a model that was just trained is worth on the part of time that it never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from nowcast import model_file, products, report
from nowcast.atomic import replacing, write_text
from nowcast.cube import grid_step, time_step
from nowcast.models import Forecaster
from nowcast.progress import tell
from nowcast.rollout import usable_references, with_empty_marked
from nowcast.run import folder
from nowcast.run.baselines import USUAL, baseline
from nowcast.run.baselines.climatology import climatology
from nowcast.run.evaluation import drawn, score_beside_baselines
from nowcast.run.folder.cases import cases_beside, keep_cases
from nowcast.run.forecasting import computed, predict
from nowcast.run.preparing.prepared import Prepared
from nowcast.timeline import absent_frames
from nowcast.verification import record, verdict
from nowcast.writers import write_dataset

__all__ = ["judge", "judge_all", "unscored"]

MOST_SCORED = 20_000_000
"""Pixels of forecasts that are scored at the end of fit, about a minute's work on two cores."""


def judge_all(parts: Sequence[Prepared], forecaster: Forecaster, card: model_file.Card, place: Path) -> xr.Dataset:
    """The scores of the first cube with a test part, written as those of the others are; empty if there is none."""
    judged, verdicts = [], []
    for number, part in enumerate(parts, 1):
        if "test" not in part.plans:
            continue
        scores = judge(part, forecaster, place / folder.numbered(folder.PICTURE, number), learnt_from=parts)
        scores.attrs.update(run=str(place), model_file=str(place / folder.MODEL))
        table = place / folder.numbered(folder.SCORES, number)
        write_dataset(scores, table)
        judged.append(scores)
        verdicts.append(verdict(scores))
        write_text(place / folder.numbered(folder.VERDICT, number), json.dumps(verdicts[-1], indent=2))
        if len(parts) > 1:
            ours, still = (float(scores["mse"].isel(forecaster=i).mean()) for i in (0, 1))
            tell(f"scores   cube {number}: MSE {ours / still:.3f} of persistence's; {table}")
    if not judged:
        scores = unscored(parts[0])
        return scores.assign_attrs(run=str(place), model_file=str(place / folder.MODEL))
    model_file.save(place / folder.MODEL, forecaster, replace(card, verdict=record(verdicts)))
    return judged[0]


def judge(
    prepared: Prepared, forecaster: Forecaster, picture: Path, *, learnt_from: Sequence[Prepared] = ()
) -> xr.Dataset:
    """Whole-field forecasts from the test part's reference times, scored beside baselines; one of them drawn.

    Beside persistence and advection stands the climatology of the training part, which is not drawn; of whole events,
    that of the first cube of `learnt_from` that was trained on, if it is on the same grid.
    """
    settings, window = prepared.settings, prepared.plans["test"]
    most = max(1, min(settings.scores.most_references, MOST_SCORED // (window.horizon * prepared.cube[0].size)))
    references = window.references
    picked = references if len(references) <= most else [references[i * len(references) // most] for i in range(most)]
    if len(picked) < len(references):
        tell(f"test     {len(picked)} of the {len(references)} starting times are scored, evenly spread")
    cube, most = prepared.cube, prepared.gaps["most"]
    if most:
        cube = with_empty_marked(cube, picked, window.context)
        picked = sorted({*picked} & {*usable_references(cube, window.context, most_missing=most)})
    predicted = predict(
        forecaster,
        prepared.scaler,
        cube,
        title="test",
        context=window.context,
        horizon=window.horizon,
        references=picked,
        name=settings.model.name,
        gaps=prepared.gaps,
    )
    beside = {name: computed(baseline(name, prepared.cube, predicted)) for name in USUAL}
    scores = score_beside_baselines(
        predicted,
        prepared.cube,
        {**beside, **_climatology([prepared, *learnt_from], predicted)},
        thresholds=settings.scores.thresholds,
        scales=settings.scores.scales,
    )
    with replacing(picture) as aside:
        report.picture(products.matched(predicted), prepared.cube, aside, beside=drawn(beside))
    keep_cases(products.mean(predicted), prepared.cube, cases_beside(picture), others=drawn(beside))
    return scores


def unscored(prepared: Prepared) -> xr.Dataset:
    """What stands for scores where there is no test part: no variable; what could have them, told with what to do."""
    window, name = next(iter(prepared.plans.values())), prepared.settings.model.name
    step = np.timedelta64(round((time_step(prepared.cube) or 0.0) * 1e9), "ns")
    tell("scores   none: there is no test part. On another event:")
    tell("         nowcast forecast OTHER --every -o f.nc --run RUN; nowcast evaluate f.nc OTHER")
    return xr.Dataset(
        coords={"forecaster": [name], "lead_time": np.arange(1, window.horizon + 1) * step},
        attrs={"variable": str(prepared.cube.name), "units": str(prepared.cube.attrs.get("units", ""))},
    )


def _climatology(parts: Sequence[Prepared], predicted: xr.DataArray | xr.Dataset) -> dict[str, xr.DataArray]:
    """Of the training part of the first of the cubes that has one, on the first one's grid."""
    first = parts[0].cube
    for part in parts:
        absent = absent_frames(part.cube)
        known = [index for index in part.split.frames("training") if not absent[index]]
        if known and part.cube.shape[1:] == first.shape[1:] and grid_step(part.cube) == grid_step(first):
            return {"climatology": climatology(part.cube, known, predicted)}
    return {}
