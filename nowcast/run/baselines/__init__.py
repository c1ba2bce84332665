"""What a forecast is scored beside: forecasts that nothing was learnt for, made from the very frames that it had."""

from __future__ import annotations

from nowcast.run.baselines.naming import BASELINES, USUAL, baseline, checked

__all__ = ["BASELINES", "USUAL", "baseline", "checked"]
