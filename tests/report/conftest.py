"""Small fields, and forecasts of them that know the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

Maker = Callable[..., xr.DataArray]


@pytest.fixture
def blob(cube_maker: Maker) -> Maker:
    """Rain in the north-west corner that grows, on a field of 16 x 24."""

    def make(frames: int = 6) -> xr.DataArray:
        values = np.zeros((frames, 1, 16, 24), "float32")
        for frame in range(frames):
            values[frame, 0, 1:5, 1:7] = 5 * (frame + 1)
        return cube_maker(values.shape, values=values)

    return make


@pytest.fixture
def forecast_of() -> Maker:
    """The truth times a share, as a forecast cube."""
    return _forecast_of


def _forecast_of(cube: xr.DataArray, reference: int = 2, leads: int = 3, *, share: float = 1.0) -> xr.DataArray:
    time = cube["time"].values
    lead = (time[reference + 1 : reference + 1 + leads] - time[reference]).astype("timedelta64[ns]")
    return xr.DataArray(
        share * cube.values[None, reference + 1 : reference + 1 + leads],
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": time[[reference]],
            "lead_time": lead,
            "valid_time": (("forecast_reference_time", "lead_time"), time[[reference], None] + lead[None]),
            "y": cube["y"],
            "x": cube["x"],
        },
        name=cube.name,
        attrs={**cube.attrs, "nowcast_model": "oracle"},
    )


@pytest.fixture
def made_scores() -> Maker:
    """A table of scores that holds all that there can be, or what is named; numbers are made up."""
    return _made_scores


def _made_scores(*names: str, forecasters: tuple[str, ...] = ("convlstm", "persistence", "advection")) -> xr.Dataset:
    random = np.random.default_rng(0)
    sizes = {
        "forecaster": len(forecasters),
        "lead_time": 4,
        "threshold": 3,
        "scale": 2,
        "against": len(forecasters) - 1,
    }
    sizes |= {"probability_bin": 10, "rank_bin": 10, "wavenumber": 12}
    plain, event = ("forecaster", "lead_time"), ("forecaster", "lead_time", "threshold")
    binned = (*event, "probability_bin")
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(
        ("mse", "mae", "crps", "ssim", "psnr", "bias", "correlation"), plain
    )
    dims |= dict.fromkeys(("csi", "brier"), event)
    dims |= {"fss": (*event, "scale"), "rank_histogram": (*plain, "rank_bin")}
    dims |= dict.fromkeys(("reliability", "reliability_probability", "reliability_forecasts"), binned)
    dims |= dict.fromkeys(("power_spectrum", "power_spectrum_matched"), (*plain, "wavenumber"))
    dims["power_spectrum_observed"] = ("lead_time", "wavenumber")
    for ratio in ("mse_ratio", "crps_ratio"):
        dims |= dict.fromkeys((ratio, ratio + "_low", ratio + "_high"), ("against", "lead_time"))
    dims |= dict.fromkeys(
        ("csi_difference", "csi_difference_low", "csi_difference_high"), ("against", "lead_time", "threshold")
    )
    kept = {name: of for name, of in dims.items() if not names or name in names}
    variables = {
        name: (of, random.uniform(0.1, 0.9, [sizes[dim] for dim in of]), {"long_name": name, "source": "doi:10.1/x"})
        for name, of in kept.items()
    }
    table = xr.Dataset(variables).assign_coords(
        forecaster=list(forecasters),
        lead_time=(np.arange(1, 5) * 300_000_000_000).astype("timedelta64[ns]"),
    )
    marks = {"threshold": [0.1, 1.0, 5.0], "scale": [1, 5], "against": list(forecasters[1:])}
    table = table.assign_coords({dim: marks[dim] for dim in marks if dim in table.dims})
    if "wavenumber" in table.dims:
        table = table.assign_coords(wavenumber=("wavenumber", np.arange(1, 13) / 32_000, {"units": "m-1"}))
    for name in ("mse_ratio", "crps_ratio", "csi_difference"):
        for end, step in (("_low", -0.05), ("_high", 0.05)):
            if name + end in table and name in table:
                table[name + end] = table[name] + step
    return table.assign_attrs(variable="rain_rate", units="mm h-1", level=0.9, blocks=5, nowcast_version="0.1.0")


@pytest.fixture
def made_cases() -> Maker:
    """Three cases as a run keeps them, of rain that moves."""
    return _made_cases


def _made_cases(*, side: int = 24, variable: str = "rain_rate", units: str = "mm h-1") -> xr.Dataset:
    field = np.zeros((3, 3, 4, side, side), "float32")
    for case, member, lead in np.ndindex(3, 3, 4):
        field[case, member, lead, case : case + 8, 2 * lead : 2 * lead + 6] = 3 + 5 * case + member
    return xr.Dataset(
        {"field": (("case", "forecaster", "lead_time", "y", "x"), field, {"units": units})},
        coords={
            "case": ["best", "median", "worst"],
            "forecaster": ["observed", "convlstm", "persistence"],
            "lead_time": (np.arange(4) * 300_000_000_000).astype("timedelta64[ns]"),
            "reference": ("case", ["2026-05-01T00:00:00"] * 3),
            "share_of_error": ("case", [0.5, 0.8, 1.2]),
            "y": ("y", 1000.0 * np.arange(side)[::-1], {"units": "m"}),
            "x": ("x", 1000.0 * np.arange(side), {"units": "m"}),
        },
        attrs={
            "variable": variable,
            "against": "persistence",
            "pixels_averaged": 1,
            "clip": 0,
            "cases_to_choose_from": 9,
        },
    )
