"""A score of the user's choice over the validation part: by it weights are kept, and training ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from nowcast.errors import InputError
from nowcast.models import Forecaster
from nowcast.outlook import ends_of, levels_of, told
from nowcast.scaling import Scaler
from nowcast.tensors import Batch
from nowcast.verification.adding.distribution import Knots, brier_sum, crps_sum, probability_at
from nowcast.verification.adding.events import counts, event_scores, exceeds
from nowcast.verification.adding.neighbourhood import centres, fraction_sums, integral, window_sums
from nowcast.verification.adding.pixelwise import error_sums
from nowcast.verification.finishing import HIGHER

__all__ = ["Asked", "Monitor", "Tally", "asked_for"]

_EXAMPLES = "mse, mae, crps, brier@1mm/h, csi@1mm/h, hss@1mm/h or fss@1mm/h/11 (the window's width in pixels)"
_FORM = re.compile(r"(?P<name>[a-z]+)(?:@(?P<threshold>[-+]?[\d.]+(?:e[-+]?\d+)?)\s*(?P<rest>.*))?", re.I)


class Asked(NamedTuple):
    """A score as it was asked for: `csi@1mm/h`; units None: the field's."""

    name: str
    threshold: float | None = None
    units: str | None = None
    scale: int | None = None

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return self.name in HIGHER


def asked_for(text: str) -> Asked:
    """What a score's text asks for.

    Raises
    ------
    InputError
        Not one of those that can be: a name, for some `@` and a threshold, for fss `/` and an odd width in pixels.
    """
    found = _FORM.fullmatch(text.strip())
    name = found["name"].lower() if found else ""
    refused = InputError(f"--monitor {text}: no such score", needed=_EXAMPLES)
    if found is None or name not in _ADDED or (found["threshold"] is None) != (name in ("mse", "mae", "crps")):
        raise refused
    if found["threshold"] is None:
        return Asked(name)
    rest, scale = found["rest"].strip(), None
    if name == "fss":
        rest, _, width = rest.rpartition("/")
        if not width.strip().isdigit() or int(width) % 2 == 0:
            raise refused
        scale = int(width)
    try:
        return Asked(name, float(found["threshold"]), rest.strip() or None, scale)
    except ValueError as error:
        raise refused from error


class _Frame(NamedTuple):
    """One frame of a forecast and of the truth, in the field's units; `valid` pixels count. All `(y, x)`.

    `reached` tells where the truth reaches the threshold; `chances` `(level, y, x)`.
    """

    mean: np.ndarray
    matched: np.ndarray
    chances: np.ndarray | None
    knots: Knots | None
    truth: np.ndarray
    reached: np.ndarray
    valid: np.ndarray


def _squared(frame: _Frame, monitor: Monitor) -> tuple[float, ...]:  # noqa: ARG001
    _, squared, absolute = error_sums(frame.mean[frame.valid].astype(float), frame.truth[frame.valid].astype(float))
    return squared, absolute


def _distance(frame: _Frame, monitor: Monitor) -> tuple[float, ...]:
    if frame.chances is None or frame.knots is None:
        return (_squared(frame, monitor)[1],)
    return (crps_sum(frame.chances[:, frame.valid], frame.knots, frame.truth[frame.valid].astype(float)),)


def _probability(frame: _Frame, monitor: Monitor) -> tuple[float, ...]:
    if frame.chances is None or frame.knots is None:
        _, misses, false_alarms = counts(monitor.reaches(frame.mean) & frame.valid, frame.reached)
        return (misses + false_alarms,)
    probability = probability_at(frame.chances[:, frame.valid], frame.knots, monitor.level)
    return (brier_sum(probability, frame.reached[frame.valid]),)


def _table(frame: _Frame, monitor: Monitor) -> tuple[float, ...]:
    return counts(monitor.reaches(frame.matched) & frame.valid, frame.reached)


def _neighbourhood(frame: _Frame, monitor: Monitor) -> tuple[float, ...]:
    width = monitor.asked.scale or 1
    events = np.stack([frame.reached, monitor.reaches(frame.matched) & frame.valid])
    inside, pixels = (window_sums(integral(each), width) for each in (events, frame.valid))
    difference, squares = fraction_sums(inside, pixels, centres(frame.valid, width))
    return float(difference[0]), float(squares[0])


_ADDED: dict[str, Callable[[_Frame, Monitor], tuple[float, ...]]] = {
    "mse": _squared,
    "mae": _squared,
    "crps": _distance,
    "brier": _probability,
    "csi": _table,
    "hss": _table,
    "fss": _neighbourhood,
}
"""What one frame adds to the sums that a score is made of."""


@dataclass(frozen=True)
class Monitor:
    """A score with its threshold in the field's units; definitions and sums are those of `nowcast.verification`.

    Attributes
    ----------
    text
        As it is told, and named in the history.
    level
        The threshold in the field's units.
    """

    text: str
    asked: Asked
    scaler: Scaler
    level: float = 0.0

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return self.asked.higher

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """Where the field's values reach the threshold."""
        return exceeds(values, self.level)


@dataclass
class Tally:
    """Sums over a pass of the validation part, of a forecast and of persistence: they add, and become a score at last.

    Attributes
    ----------
    sums
        `(2, n)`: of the forecast, and of persistence.
    pixels, events
        That counted, and those of them that reached the threshold.
    """

    monitor: Monitor
    sums: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))
    pixels: int = 0
    events: int = 0

    def add(self, forecaster: Forecaster, values: Tensor, persistence: Tensor, batch: Batch) -> None:
        """A batch's forecast `values`, as `Forecaster.lifted` gives them, and persistence's `(b t c h w)`.

        A pixel counts where the truth is known and any frame of the context was, as it has a forecast then.
        """
        context, target, weight = batch
        scaler, wanted = self.monitor.scaler, target.float().cpu().numpy()
        truth, still = scaler.invert(wanted), scaler.invert(persistence.float().cpu().numpy())
        # Compared as they are scaled: what was stored at the threshold itself reaches it, whatever rounding does.
        bound = scaler.apply(np.array([self.monitor.level], "float32"))[0]
        seen = (forecaster.parted(context)[1] > 0).any(dim=1).cpu().numpy()
        counted = (weight > 0).expand_as(target).cpu().numpy() & seen[:, None]
        knots = None
        if forecaster.thresholds:
            ends = ends_of(forecaster, scaler)
            knots = Knots(ends["lowest"], np.array(levels_of(forecaster, scaler)), ends["highest"])
        for window in range(len(wanted)):
            by_lead = torch.split(values[window : window + 1].float(), 1, dim=1)
            fields, chances = told(forecaster, scaler, by_lead, seen[window], horizon=target.shape[1])
            mean, matched, constant = fields[0], fields[-1], still[window]
            for lead, channel in np.ndindex(wanted.shape[1:3]):
                at, valid = (lead, channel), counted[window, lead, channel]
                if not valid.any():
                    continue
                reached = (wanted[window][at] >= bound) & valid
                self.pixels += int(np.count_nonzero(valid))
                self.events += int(np.count_nonzero(reached))
                shares = chances[0][lead, :, channel] if chances else None
                told_of = (mean[at], matched[at], shares, knots), (constant[at], constant[at], None, None)
                for sums, products in zip(self.sums, told_of, strict=True):
                    frame = _Frame(*products, truth[window][at], reached, valid)
                    added = _ADDED[self.monitor.asked.name](frame, self.monitor)
                    sums[: len(added)] += added

    def add_up(self, reduce: Callable[..., Any]) -> None:
        """Those of all processes, by the strategy's `reduce`."""
        own = torch.tensor([*self.sums.ravel(), self.pixels, self.events], dtype=torch.float64)
        every = reduce(own, reduce_op="sum").cpu().numpy()
        self.sums, (pixels, events) = every[:-2].reshape(self.sums.shape), every[-2:]
        self.pixels, self.events = int(pixels), int(events)

    def scores(self) -> tuple[float, float]:
        """Of the forecast, and of persistence.

        Raises
        ------
        InputError
            No pixel counted, or none reached the threshold, so that the score says nothing.
        """
        name = self.monitor.asked.name
        if not self.pixels or (self.monitor.higher and not self.events):
            raise InputError(
                f"--monitor {self.monitor.text}: the validation part does not tell it",
                found=f"{self.pixels} pixels with a value, none of which reaches {self.monitor.level:g}"
                if self.pixels
                else "no pixel with a value",
                next_step="another threshold, or other --fractions",
            )
        if name in ("csi", "hss"):
            hits, misses, false_alarms = (xr.DataArray(each) for each in self.sums.T)
            found = event_scores(hits, misses, false_alarms, xr.DataArray(float(self.pixels)))[name].values
        elif name == "fss":
            found = 1 - self.sums[:, 0] / self.sums[:, 1]
        else:
            found = self.sums[:, 1 if name == "mae" else 0] / self.pixels
        return float(found[0]), float(found[1])
