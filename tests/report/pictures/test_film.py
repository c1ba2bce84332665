"""A case moves, is stamped and scaled, and stays small."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from nowcast.report.pictures.film import Film, palette_of

Maker = Callable[..., xr.Dataset]


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_there_is_a_frame_for_each_lead_time(made_cases: Maker) -> None:
    cases = made_cases()
    image = opened(Film(cases["field"][0], palette_of(cases), "rain (mm h-1)").animation())
    assert (image.format, image.is_animated, image.n_frames) == ("PNG", True, cases.sizes["lead_time"])
    frames = []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
    assert all((a != b).any() for a, b in pairwise(frames))
    assert image.info.get("loop") == 0


def test_the_sheet_is_still_and_shows_what_the_fields_hold(made_cases: Maker) -> None:
    cases = made_cases()
    sheet = opened(Film(cases["field"][0], palette_of(cases), "rain").sheet())
    assert not getattr(sheet, "is_animated", False)
    wet = cases.copy(deep=True)
    wet["field"][0, 1, 2, 4:8, 4:8] = 40.0
    other = opened(Film(wet["field"][0], palette_of(cases), "rain").sheet())
    changed = (np.asarray(sheet.convert("RGB")) != np.asarray(other.convert("RGB"))).any(axis=-1)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert sheet.height / 4 < rows[0] < rows[-1] < sheet.height / 1.8, "the second forecaster's row"
    assert 0.4 * sheet.width < columns[0] < columns[-1] < 0.7 * sheet.width, "the second of three lead times"


def test_large_films_are_made_coarser(made_cases: Maker) -> None:
    noise = made_cases(side=150)
    noise["field"] = noise["field"].copy(data=np.random.default_rng(0).gamma(1, 5, noise["field"].shape))
    made = Film(noise["field"][0], palette_of(noise), "rain", most=80_000)
    assert len(made.sheet()) < 80_000
    moving = made.animation()
    assert len(moving) < 80_000
    assert opened(moving).n_frames == noise.sizes["lead_time"]


@pytest.mark.parametrize(
    ("step", "units", "text"), [(1000.0, "m", "5 km"), (0.5, "um", "2 µm"), (0.01, "degrees_east", None)]
)
def test_the_scale_bar_is_a_round_length(made_cases: Maker, step: float, units: str, text: str | None) -> None:
    cases = made_cases()
    axes = {axis: (axis, step * np.arange(cases.sizes[axis]), {"units": units}) for axis in ("y", "x")}
    found = Film(cases.assign_coords(axes)["field"][0], palette_of(cases), "rain")._length(cases.sizes["x"] / 3)
    assert (found and found[1]) == text
    if found is not None:
        assert found[0] * step <= cases.sizes["x"] / 3 * step


def test_fields_of_any_kind_and_without_any_value(made_cases: Maker) -> None:
    cases = made_cases(variable="bt", units="K").isel(lead_time=[1])
    palette = palette_of(cases)
    assert palette.levels is None
    image = opened(Film(cases["field"][0], palette, "<b>\x1b[31m").animation())
    assert image.size[0] > 100
    empty = made_cases()
    empty["field"] = empty["field"] * np.nan
    assert Film(empty["field"][0], palette_of(empty), "rain").sheet()
