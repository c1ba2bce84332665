"""One forecaster measured by a protocol's own definitions, on its own: what stands beside it changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from nowcast import products
from nowcast.protocols import frames
from nowcast.protocols.schema import Csi, Errors, Metrics, Protocol, Psnr, Ssim, Values
from nowcast.verification import finish, persistence, sums
from nowcast.verification.adding.pixelwise import psnr
from nowcast.verification.adding.spectra import SPECTRA

__all__ = ["Tally"]

Forecast = xr.DataArray | xr.Dataset
Clip = tuple[float, float] | None

NAME = "forecaster"


class Tally:
    """Adds up batches of forecasts, and says what they come to.

    Errors, categories and distributions are those of `nowcast.verification`; what tables of video prediction average
    frame by frame is `nowcast.protocols.frames`.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.leads = protocol.windows.horizon
        self._sums: dict[Clip, xr.Dataset] = {}
        self._whole = np.zeros(self.leads, dtype=int)
        self._frames = {name: np.zeros((2, self.leads)) for name in ("psnr", "ssim")}
        self._size = 0

    def add(self, forecast: Forecast, observed: xr.DataArray) -> None:
        """Add a batch.

        Parameters
        ----------
        forecast
            From some reference times, in the cube's units.
        observed
            The cube, in memory, with the frames before and after them.
        """
        if self.protocol.missing == "newest":
            held = persistence(observed, products.mean(forecast), context=self.protocol.windows.context)
            forecast = _filled(forecast, held)
        truth = observed.astype(np.float64)
        if self.protocol.values is not None:
            forecast, truth = _mapped(forecast, self.protocol.values), _as_mapped(truth, self.protocol.values)
        self._size = int(np.prod(truth.shape[1:]))
        for clip, metrics in _by_clip(self.protocol.metrics).items():
            clipped = _clipped(forecast, clip)
            if any(not _by_frame(metric) for metric in metrics.values()):
                self._add_sums(clip, metrics, clipped, truth)
            self._add_frames(metrics, products.mean(clipped), truth)

    def _add_sums(self, clip: Clip, metrics: dict[str, Any], forecast: Forecast, truth: xr.DataArray) -> None:
        csi, ssim = metrics.get("csi"), metrics.get("ssim")
        rows = sums(
            {NAME: forecast},
            truth,
            thresholds=csi.thresholds if isinstance(csi, Csi) else [0.5],
            scales=[1],
            data_range=ssim.range if isinstance(ssim, Ssim) else 1.0,
        )
        rows = rows.drop_vars([*SPECTRA, "wavenumber"], errors="ignore")
        total = rows.sum("forecast_reference_time", keep_attrs=True)
        so_far = self._sums.get(clip)
        self._sums[clip] = total if so_far is None else (so_far + total).assign_attrs(total.attrs)

    def _add_frames(self, metrics: dict[str, Any], mean: xr.DataArray, truth: xr.DataArray) -> None:
        by_frame = {name: metric for name, metric in metrics.items() if _by_frame(metric)}
        by_psnr, by_ssim = by_frame.get("psnr"), by_frame.get("ssim")
        if not by_frame:
            return
        for case, after in zip(mean.values, _after(mean, truth), strict=True):
            for lead, (field, known) in enumerate(zip(case.astype(float), after, strict=True)):
                if not (np.isfinite(field).all() and np.isfinite(known).all()):
                    continue
                self._whole[lead] += field.size
                if by_psnr is not None:
                    frames.add(self._frames["psnr"], lead, frames.frame_psnr(field, known, peak=by_psnr.peak))
                if by_ssim is not None:
                    value = frames.frame_ssim(field, known, data_range=by_ssim.range)
                    frames.add(self._frames["ssim"], lead, value)

    def scores(self) -> dict[str, list[float]]:
        """By metric (of `csi` for each threshold, `csi >= 1`) one number for each lead time; what is 0/0 is NaN."""
        found: dict[str, list[float]] = {}
        for clip, metrics in _by_clip(self.protocol.metrics).items():
            for name in [name for name, metric in metrics.items() if _by_frame(metric)]:
                total, count = self._frames[name]
                found[name] = np.divide(total, count, out=np.full(self.leads, np.nan), where=count > 0).tolist()
            if clip not in self._sums:
                continue
            scores = finish(self._sums[clip]).isel(forecaster=0)
            for name, metric in metrics.items():
                if isinstance(metric, Errors):
                    found[name] = (scores[name] * (self._size if metric.over == "sum" else 1)).values.tolist()
                elif isinstance(metric, Csi):
                    for threshold in scores["threshold"].values:
                        found[f"csi >= {threshold:g}"] = scores["csi"].sel(threshold=threshold).values.tolist()
                elif isinstance(metric, Psnr) and metric.over == "all":
                    found[name] = psnr(scores["mse"], metric.peak).values.tolist()
                elif not _by_frame(metric):
                    found[name] = scores[name].values.tolist()
        order = list(self.protocol.metrics.asked())
        return dict(sorted(found.items(), key=lambda item: order.index(item[0].split(" ")[0])))

    def pixels(self) -> list[int]:
        """How many pixels were measured at each lead time; by metrics of whole frames alone, those of whole frames."""
        for total in self._sums.values():
            return [int(count) for count in total["pixels"].values]
        return [int(count) for count in self._whole]


def _by_frame(metric: Any) -> bool:
    """Whether it is taken frame by frame, not by `nowcast.verification`."""
    return (isinstance(metric, Psnr) and metric.over == "frame") or (
        isinstance(metric, Ssim) and metric.window == "uniform-7"
    )


def _by_clip(metrics: Metrics) -> dict[Clip, dict[str, Any]]:
    groups: dict[Clip, dict[str, Any]] = {}
    for name, metric in metrics.asked().items():
        groups.setdefault(metric.clip, {})[name] = metric
    return groups


def _each(forecast: Forecast, change: Any) -> Forecast:
    """The forecast with its mean and matched field changed, coordinates and attributes kept."""
    if isinstance(forecast, xr.DataArray):
        changed: xr.DataArray = change(forecast)
        return changed.assign_attrs(forecast.attrs)
    names = [name for name, field in forecast.data_vars.items() if "threshold" not in field.dims]
    return forecast.assign({name: change(forecast[name]).assign_attrs(forecast[name].attrs) for name in names})


def _filled(forecast: Forecast, held: xr.DataArray) -> Forecast:
    """What is not told, by the newest value given, of which a distribution is then certain."""
    filled = _each(forecast, lambda field: field.copy(data=np.where(np.isnan(field.values), held.values, field.values)))
    chances = products.probability(forecast)
    if chances is None or isinstance(filled, xr.DataArray):
        return filled
    levels = chances["threshold"].values[:, None, None, None]
    value = held.values[:, :, None]
    certain = np.where(np.isnan(value), np.nan, value >= levels)
    return filled.assign(
        {str(chances.name): chances.copy(data=np.where(np.isnan(chances.values), certain, chances.values))}
    )


def _clipped(forecast: Forecast, clip: Clip) -> Forecast:
    return forecast if clip is None else _each(forecast, lambda field: field.clip(*clip))


def _as_mapped(field: xr.DataArray, values: Values) -> xr.DataArray:
    (low, high), (least, most) = values.given, values.become
    return field.copy(data=(field.values.astype(float) - low) * ((most - least) / (high - low)) + least)


def _mapped(forecast: Forecast, values: Values) -> Forecast:
    mapped = _each(forecast, lambda field: _as_mapped(field, values))
    probability = products.probability(forecast)
    if probability is None or isinstance(mapped, xr.DataArray):
        return mapped
    (low, high), (least, most) = values.given, values.become
    scale = (most - least) / (high - low)
    ends = {name: (float(probability.attrs[name]) - low) * scale + least for name in ("lowest", "highest")}
    levels = probability["threshold"]
    moved = probability.assign_coords(threshold=levels.copy(data=(levels.values - low) * scale + least))
    return products.combined(products.mean(mapped), products.matched(mapped), moved.assign_attrs(ends))


def _after(mean: xr.DataArray, truth: xr.DataArray) -> list[np.ndarray]:
    """The truth of each forecast, `(lead, channel, y, x)`."""
    by_sequence = "sequence" in truth.coords and "sequence" in mean.coords

    def keys(times: xr.DataArray) -> list[Any]:
        owners = times["sequence"].values.tolist() if by_sequence else [0] * times.size
        return list(zip(times.values.astype("datetime64[ns]").tolist(), owners, strict=True))

    at = {key: place for place, key in enumerate(keys(truth["time"]))}
    places = [at[key] for key in keys(mean["forecast_reference_time"])]
    values = truth.values
    return [values[place + 1 : place + 1 + mean.sizes["lead_time"]] for place in places]
