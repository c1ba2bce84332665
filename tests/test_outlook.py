"""What a forecaster tells, as the products of a forecast."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from nowcast.models import Forecaster, Persistence, build
from nowcast.outlook import ends_of, levels_of, told
from nowcast.scaling import Scaler

RAIN = Scaler("log", 0.0, 6.0, floor=0.1, lowest=0.0, units="mm h-1")


def teller(levels: list[float], scaler: Scaler) -> Forecaster:
    scaled = scaler.apply(np.array(levels)).tolist()
    spreads = [0.2] + [0.3] * len(levels)
    return build("persistence", {"exceedance": {"thresholds": scaled, "spreads": spreads, "bend": scaler.factor}})


def by_lead(model: Forecaster, context: Tensor) -> Iterator[Tensor]:
    return (each.values for each in model.lifted_by_lead(context, [1, 2, 3]))


def test_thresholds_come_back_as_they_were_told() -> None:
    levels = [0.1, 0.2, 0.5, 1.0, 3.5, 10.0, 20.0]
    assert levels_of(teller(levels, RAIN), RAIN) == levels


def test_rain_begins_at_nothing_and_ends_beyond_the_last_threshold() -> None:
    ends = ends_of(teller([0.1, 1.0, 5.0], RAIN), RAIN)
    assert ends["lowest"] == 0.0
    assert ends["highest"] == pytest.approx(0.1 * np.expm1(6.0), rel=1e-5)  # the training part's largest value


@pytest.mark.parametrize("scaler", [Scaler("zscore", 280.0, 4.0), Scaler("unit", 0.0, 255.0, lowest=0.0)])
def test_ends_lie_around_the_thresholds(scaler: Scaler) -> None:
    model = build("persistence", {"exceedance": {"thresholds": [0.0, 0.4], "spreads": [1.0, 0.5, 0.5]}})
    ends, levels = ends_of(model, scaler), levels_of(model, scaler)
    assert ends["lowest"] < levels[0]
    assert ends["highest"] > levels[-1]


def test_products_of_one_forecaster() -> None:
    context = torch.rand(1, 2, 1, 6, 7)
    model = teller([0.2, 1.0], RAIN)
    seen = np.ones((1, 6, 7), dtype=bool)
    seen[0, 2, 3] = False
    fields, chances = told(model, RAIN, by_lead(model, context), seen, horizon=3)
    assert [each.shape for each in fields] == [(3, 1, 6, 7)] * 2
    assert [each.shape for each in chances] == [(3, 2, 1, 6, 7)]
    wanted = np.where(seen, RAIN.invert(context[0, -1].numpy()), np.nan)
    np.testing.assert_allclose(fields[0][0], wanted, rtol=1e-3)
    assert all((np.isnan(each) == ~seen).all() for each in (*fields, *chances))
    alone, none = told(Persistence(), RAIN, by_lead(Persistence(), context), seen, horizon=3)
    assert len(alone) == 1
    assert none == []
