"""The baseline that every model is shown beside."""

from __future__ import annotations

from torch import Tensor

from nowcast.models.base import Forecaster, last_observed

__all__ = ["Persistence"]


class Persistence(Forecaster):
    """Every pixel stays at its newest observed value. Nothing is learnt."""

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        newest = last_observed(context, self.channels)
        return newest[:, None].expand(-1, horizon, -1, -1, -1)
