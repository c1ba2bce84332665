"""What a model that was just trained is worth on the part of time that it never saw."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from nowcast import products, report
from nowcast.atomic import replacing
from nowcast.models import Forecaster
from nowcast.progress import tell
from nowcast.rollout import usable_references, with_empty_marked
from nowcast.run.baselines import USUAL, baseline, climatology
from nowcast.run.evaluation import drawn, score_beside_baselines
from nowcast.run.forecasting import computed, predict
from nowcast.run.preparing import Prepared
from nowcast.run.showcase import cases_beside, keep_cases
from nowcast.timeline import absent_frames

__all__ = ["judge"]

MOST_SCORED = 20_000_000
"""Pixels of forecasts that are scored at the end of fit, about a minute's work on two cores."""


def judge(prepared: Prepared, forecaster: Forecaster, picture: Path) -> xr.Dataset:
    """Whole-field forecasts from the test part's reference times, scored beside baselines; one of them drawn.

    Beside persistence and advection stands the climatology of the training part, which is not drawn.
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
    known = [index for index in prepared.split.frames("training") if not absent_frames(prepared.cube)[index]]
    scores = score_beside_baselines(
        predicted,
        prepared.cube,
        {**beside, "climatology": climatology(prepared.cube, known, predicted)},
        thresholds=settings.scores.thresholds,
        scales=settings.scores.scales,
    )
    with replacing(picture) as aside:
        report.picture(products.mean(predicted), prepared.cube, aside, beside=drawn(beside))
    keep_cases(products.mean(predicted), prepared.cube, cases_beside(picture), others=drawn(beside))
    return scores
