"""A model, a cube and reference times make a forecast cube: frame by frame, tile by tile, on the source's own grid."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import dask
import dask.array as da
import numpy as np
import xarray as xr

import nowcast
from nowcast import products
from nowcast.cube import FORECAST_DIMS, iso, label, time_step
from nowcast.errors import InputError
from nowcast.models import Forecaster
from nowcast.outlook import ends_of, levels_of, told
from nowcast.rollout.blending import tiled_by_lead
from nowcast.rollout.references import inputs_of, require_context
from nowcast.scaling import Scaler
from nowcast.tensors import load, to_context

__all__ = ["HALO", "forecast"]

HALO = 64

OF_THE_VALUE = ("long_name", "standard_name", "cell_methods")
"""Attributes of a field that are not true of the probability that it reaches a threshold."""

_one_at_a_time = threading.Lock()


def forecast(
    forecaster: Forecaster,
    scaler: Scaler,
    cube: xr.DataArray,
    *,
    context: int,
    horizon: int,
    references: Sequence[int],
    name: str,
    most_missing: int = 0,
    held: bool = False,
    tile: int | None = None,
    halo: int = HALO,
    device: str = "cpu",
    done: Callable[[], None] | None = None,
) -> xr.DataArray | xr.Dataset:
    """Forecast from each reference time; lazy, a dask chunk per reference time.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, physical units, NaN where missing; `absent` along time tells frames that are not
        there (see `nowcast.timeline`).
    references
        Indices along time, from 0, of the newest context frames.
    name
        What made the forecast, for the attribute `nowcast_model`.
    most_missing
        How many context frames may be absent. If any may, coordinates along `forecast_reference_time` tell how many
        were (`missing_inputs`), and how much older than that time the newest was that is there (`input_age`).
    held
        As `nowcast.tensors.to_context`.
    tile, halo
        Fields larger than `tile` pixels, by default the forecaster's own, are forecast in tiles; neighbours overlap by
        twice the halo and are blended.
    done
        Called after each reference time.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Dims `(forecast_reference_time, lead_time, channel, y, x)`, float32, the cube's units, coordinates and
        attributes; `valid_time` is reference plus lead. A pixel that no context frame observed is NaN. Of a forecaster
        that tells chances, a Dataset of the mean, a field that is matched to them, and of them (`nowcast.products`).

    Raises
    ------
    InputError
        A reference time without `context` frames in a row before it, or with too many of them absent.
    """
    if not references:
        raise InputError(
            f"{label(cube)}: no time has {context} frames in a row up to it", next_step="nowcast inspect shows the gaps"
        )
    step = time_step(cube)
    if step is None:
        raise InputError(f"{label(cube)}: one frame has no time step", needed=f"{context} frames in a row")
    require_context(cube, references, context, most_missing)
    if horizon < 1:
        raise InputError("--horizon must be at least 1", found=str(horizon))
    forecaster = forecaster.to(device).eval()

    def one(index: int) -> tuple[np.ndarray, ...]:
        frames = load(cube.isel(time=slice(index - context + 1, index + 1)))
        seen = np.isfinite(frames).any(axis=0)
        if not seen.any() and len(references) == 1:
            raise InputError(
                f"{label(cube)}: no pixel has a value in the {context} frames up to {iso(cube['time'].values[index])}",
                next_step="forecast from another time: --at TIME",
            )
        with _one_at_a_time:  # torch has its own threads; two forecasts at a time would only fight for them
            scaled = to_context(scaler.apply(frames), masked=forecaster.masked, held=held)[None].to(device)
            answer = tiled_by_lead(forecaster, scaled, horizon, tile=tile or forecaster.tile, halo=halo)
            fields, chances = told(forecaster, scaler, answer, seen, horizon=horizon)
        if done is not None:
            done()
        return tuple(each[None] for each in (*fields, *chances))

    made = [dask.delayed(one, nout=3)(index) for index in references]
    time = cube["time"].values[list(references)]
    # that a clip's times have no date holds for those of its forecasts
    clock = {key: value for key, value in cube["time"].attrs.items() if key == "counted_from"}
    # Each is rounded, not the step: of 30 frames a second the tenth would lie a tenth of a step beside its frame.
    lead = np.round(np.arange(1, horizon + 1) * step * 1e6).astype("timedelta64[us]").astype("timedelta64[ns]")
    coords = {key: coord for key, coord in cube.coords.items() if key != "sequence" and "time" not in coord.dims}
    if "sequence" in cube.coords and cube["sequence"].dims == ("time",):
        coords["sequence"] = ("forecast_reference_time", cube["sequence"].values[list(references)])
    if most_missing:
        coords |= inputs_of(cube, references, context)
    coords = {
        **coords,
        "forecast_reference_time": ("forecast_reference_time", time, clock),
        "lead_time": ("lead_time", lead),
        "valid_time": (("forecast_reference_time", "lead_time"), time[:, None] + lead[None]),
    }
    attrs = {
        **cube.attrs,
        "nowcast_model": name,
        "nowcast_version": nowcast.__version__,
        "nowcast_context": context,
        **({"nowcast_max_missing": most_missing} if most_missing else {}),
        "nowcast_inputs": f"{cube.encoding.get('source', 'a cube in memory')}; {context} frames up to each reference "
        "time",
    }

    def product(place: int, *levels: int) -> da.Array:
        shape = (1, horizon, *levels, *cube.shape[1:])
        pieces: da.Array = da.concatenate([da.from_delayed(each[place], shape, dtype="float32") for each in made])
        return pieces

    mean = xr.DataArray(product(0), dims=FORECAST_DIMS, coords=coords, name=cube.name, attrs=attrs)
    if not forecaster.thresholds:
        return mean
    chances = xr.DataArray(
        product(2, len(forecaster.thresholds)),
        dims=products.PROBABILITY_DIMS,
        coords={**coords, "threshold": ("threshold", levels_of(forecaster, scaler))},
        attrs={
            **{key: value for key, value in attrs.items() if key not in OF_THE_VALUE},
            "long_name": f"probability that {cube.name} reaches the threshold",
            **ends_of(forecaster, scaler),
        },
    )
    return products.combined(mean, mean.copy(data=product(1)), chances)
