"""Synthetic cubes whose truth is known: rain echoes that move and live by the book; pixels that tell their place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy import fft, ndimage

from nowcast.errors import InputError

__all__ = ["advected_echoes", "counter", "known_motion"]

PIXEL = 1000.0
"""Metres."""

TURN = 8.0
"""Degrees by which the direction of motion turns from the first frame to the last."""

CELL_LIFE = (15.0, 40.0)
"""Frames from a cell's birth to its death, at growth 1."""

SITE_DISTANCE = 40.0
"""Pixels between clusters of cells, on the average."""

CELLS_PER_SITE = 7
HEAVIEST = 60.0
"""mm h-1: rates level off towards this."""

DRY_BELOW = 0.08
"""mm h-1: what a radar does not see."""

MARGIN = 48
"""Pixels beyond the swept area, so that the field's far sides, which are alike, are never seen in one series."""

BANDS = ((20.0, 110.0, 70.0), (6.0, 20.0, 28.0), (2.0, 6.0, 9.0))
"""Texture by scale: shortest and longest wavelength in pixels, frames after which it is another. The large lasts."""


@dataclass(frozen=True)
class _Cells:
    """Rain cells on the moving plane; each array has one entry per cell."""

    row: np.ndarray
    column: np.ndarray
    height: np.ndarray
    width: np.ndarray
    peak: np.ndarray
    birth: np.ndarray
    life: np.ndarray


def advected_echoes(
    *,
    frames: int = 160,
    size: int | tuple[int, int] = 96,
    seed: int = 0,
    step: str = "5min",
    motion: tuple[float, float] = (1.8, 0.8),
    growth: float = 1.0,
    missing: float = 0.0,
) -> xr.DataArray:
    """A synthetic rain-rate cube: clusters of showers over textured rain, moved by a known motion, with lives.

    Everything lives on a plane that moves past the window, larger than what is ever seen of it: echoes enter and leave,
    and none comes back. Two thirds to four fifths of the pixels are dry; the heaviest rain nears 60 mm/h.

    Parameters
    ----------
    frames, step
        Number of frames and the time between them.
    size
        Rows and columns (one number for both), pixels of 1 km.
    seed
        The same seed gives the same cube, bit by bit.
    motion
        `(u, v)` in pixels per frame: columns to the east and rows to the south, at the middle of the series. Its
        direction turns by 8 degrees, evenly over the series; `known_motion` tells it for every frame.
    growth
        Pace of life: 1 for cells that live 15 to 40 frames, 2 for half as long, 0 for echoes that only move.
    missing
        Share of pixels that are NaN in every frame: those farthest from the radar in the middle.

    Returns
    -------
    xr.DataArray
        Dims `(time, channel, y, x)`, float32, mm h-1, y from north to south.

    Raises
    ------
    InputError
        Sizes below one, a negative growth, a share of missing pixels outside 0 to 1 (without 1).
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(frames, rows, columns) < 1 or growth < 0 or not 0 <= missing < 1:
        raise InputError(
            "advected_echoes: such a cube cannot be made",
            found=f"frames={frames}, size={size}, growth={growth}, missing={missing}",
            needed="at least one frame, row and column; growth >= 0; 0 <= missing < 1",
        )
    random = np.random.default_rng(seed)
    # Where the window's corner lies on the moving plane: echoes move one way, the window the other.
    corner = -np.vstack([np.zeros(2), np.cumsum(_motion(frames, motion), axis=0)])[:, ::-1]
    corner = corner - corner.min(axis=0) + MARGIN
    reach = np.ceil(corner.max(axis=0)).astype(int) + np.array([rows, columns]) + MARGIN
    extent = np.array([fft.next_fast_len(int(length), real=True) for length in reach])
    ages = growth * np.arange(frames)
    cells = _cells(random, extent, ages[-1])
    texture = [_texture(random, extent, band, ages[-1]) for band in BANDS]
    rain = np.empty((frames, 1, rows, columns), dtype=np.float32)
    for frame in range(frames):
        rain[frame, 0] = _rain(cells, texture, corner[frame], (rows, columns), ages[frame])
    if missing:
        down, across = np.ogrid[:rows, :columns]
        distance = np.hypot(down - (rows - 1) / 2, across - (columns - 1) / 2)
        farthest = np.argsort(distance, axis=None, kind="stable")[distance.size - round(missing * distance.size) :]
        rain.reshape(frames, -1)[:, farthest] = np.nan
    cube = _on_a_grid(rain, step=step, name="rain_rate", title="synthetic advected rain echoes")
    return cube.assign_attrs(
        seed=seed,
        known_motion_pixels_per_frame=[float(motion[0]), float(motion[1])],
        known_motion_turn_degrees=TURN,
        known_growth=float(growth),
    )


def known_motion(cube: xr.DataArray) -> np.ndarray:
    """The motion `(frame - 1, 2)` from each frame of `advected_echoes` to its next: columns east, rows south.

    For the whole cube as it was made: a part of it does not know where in the series it stood.

    Raises
    ------
    InputError
        A cube that does not state its motion.
    """
    if "known_motion_pixels_per_frame" not in cube.attrs:
        raise InputError("this cube's motion is not known", needed="a cube made by nowcast.datasets.advected_echoes")
    u, v = (float(value) for value in cube.attrs["known_motion_pixels_per_frame"])
    return _motion(cube.sizes["time"], (u, v))


def _motion(frames: int, motion: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(TURN) * (np.linspace(0, 1, frames - 1) - 0.5) if frames > 2 else np.zeros(frames - 1)
    u, v = motion
    return np.stack([u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)], axis=1)


def _cells(random: np.random.Generator, extent: np.ndarray, last: float) -> _Cells:
    """Each site bears several cells at a time; where one dies, another is born elsewhere about the site."""
    down, across = (np.arange(0.0, length, SITE_DISTANCE) for length in extent)
    site = np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1).reshape(-1, 1, 1, 2)
    site = site + SITE_DISTANCE * random.random(site.shape)
    generations = int(np.ceil(last / CELL_LIFE[0])) + 2
    shape = (len(site), CELLS_PER_SITE, generations)
    life = random.uniform(*CELL_LIFE, shape)
    birth = np.cumsum(life, axis=2) - life - life[..., :1] * random.random((*shape[:2], 1))
    place = site + random.normal(0, 7.0, (*shape, 2))
    size = random.uniform(1.4, 3.6, shape)
    stretch = np.exp(random.normal(0, 0.3, shape))
    # Sites differ: some hold showers, some thunderstorms.
    vigour = np.exp(random.normal(0, 0.5, (len(site), 1, 1)))
    peak = np.minimum(vigour * np.exp(random.normal(1.5, 0.9, shape)), 90.0)
    fields = (place[..., 0], place[..., 1], size * stretch, size / stretch, peak, birth, life)
    return _Cells(*(each.ravel() for each in fields))


def _texture(
    random: np.random.Generator, extent: np.ndarray, band: tuple[float, float, float], last: float
) -> tuple[np.ndarray, float]:
    """Gaussian random fields of one band of scales, as spline coefficients `(key, row, column)`, one per lifetime."""
    shortest, longest, lifetime = band
    rows, columns = (int(length) for length in extent)
    wavenumber = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
    inside = (wavenumber >= 1 / longest) & (wavenumber < 1 / shortest)
    # Amplitude k**-1.5: a power spectrum of slope -3 in the plane, as rain fields have.
    weight = np.where(inside, np.maximum(wavenumber, 1 / longest) ** -1.5, 0.0).astype(np.float32)
    keys = int(last // lifetime) + 2
    fields = fft.irfft2(
        fft.rfft2(random.standard_normal((keys, rows, columns), dtype=np.float32)) * weight, s=(rows, columns)
    )
    # The power left to each band follows from the spectrum of the whole, k**-3 over the plane: as the wavelength.
    fields *= np.sqrt((longest - shortest) / BANDS[0][1]) / fields.std()
    return np.stack([ndimage.spline_filter(field, order=3, output=np.float32) for field in fields]), lifetime


def _rain(
    cells: _Cells,
    texture: list[tuple[np.ndarray, float]],
    corner: np.ndarray,
    shape: tuple[int, int],
    age: float,
) -> np.ndarray:
    """Rain rate in mm h-1 on the window whose upper left corner lies at `corner` of the moving plane."""
    bands = [_at_age(fields, lifetime, corner, shape, age) for fields, lifetime in texture]
    fine = bands[1] + bands[2]
    phase = (age - cells.birth) / cells.life
    row, column = cells.row - corner[0], cells.column - corner[1]
    reach = 30.0
    near = (row > -reach) & (row < shape[0] + reach) & (column > -reach) & (column < shape[1] + reach)
    here = near & (phase >= 0) & (phase < 1)
    # Quick growth, slow decay; 1 at its height, at two fifths of the life.
    strength = (phase[here] / 0.4) ** 1.2 * ((1 - phase[here]) / 0.6) ** 1.8
    row, column = row[here], column[here]
    height, width = cells.height[here], cells.width[here]
    down = np.arange(shape[0])[None, :] - row[:, None]
    across = np.arange(shape[1])[None, :] - column[:, None]
    core = np.exp(-0.5 * (down / height[:, None]) ** 2) * (cells.peak[here] * strength)[:, None]
    showers = core.T @ np.exp(-0.5 * (across / width[:, None]) ** 2)
    # About its core each cell has a wide light area, which fills the gaps of a cluster.
    apron = np.exp(-0.5 * (down / (3.2 * height[:, None])) ** 2) * np.sqrt(strength)[:, None]
    around = apron.T @ np.exp(-0.5 * (across / (3.2 * width[:, None])) ** 2)
    wet = bands[0] + 0.9 * fine + 0.7 * np.minimum(around, 3.0) - 1.55
    light = 0.9 * np.expm1(np.clip(wet, 0, 3))
    # Ragged rims: a shower's skirt shows only where the texture lets rain through.
    rate = light + showers * np.exp(0.9 * fine) * np.clip(2 * wet, 0, 1)
    rate = HEAVIEST * -np.expm1(-rate / HEAVIEST)
    return np.where(rate < DRY_BELOW, 0.0, rate)


def _at_age(fields: np.ndarray, lifetime: float, corner: np.ndarray, shape: tuple[int, int], age: float) -> np.ndarray:
    """One band at a fractional place and age; the variance stays the same between two keys."""
    key, share = divmod(age / lifetime, 1.0)
    low = np.floor(corner).astype(int)
    # A spline of order 3 looks one pixel back and two ahead.
    part = np.s_[low[0] - 1 : low[0] + shape[0] + 2, low[1] - 1 : low[1] + shape[1] + 2]
    first, second = fields[int(key)][part], fields[int(key) + 1][part]
    between = np.cos(share * np.pi / 2) * first + np.sin(share * np.pi / 2) * second
    down, across = (_spline_weights(float(fraction)) for fraction in corner - low)
    rows = sum(weight * between[k : k + shape[0]] for k, weight in enumerate(down))
    moved: np.ndarray = sum(weight * rows[:, k : k + shape[1]] for k, weight in enumerate(across))
    return moved


def _spline_weights(fraction: float) -> tuple[float, float, float, float]:
    """Weights of the four coefficients about a point, a fraction of a pixel past the second, in a cubic B-spline."""
    back = 1 - fraction
    near = (4 - 6 * fraction**2 + 3 * fraction**3) / 6
    return back**3 / 6, near, (4 - 6 * back**2 + 3 * back**3) / 6, fraction**3 / 6


def counter(*, frames: int = 12, size: int | tuple[int, int] = (8, 10), step: str = "5min") -> xr.DataArray:
    """A cube whose pixels hold `10000 * frame + 100 * row + column`: whoever turns or shifts it is found out.

    Raises
    ------
    InputError
        More than 100 rows or columns or 1600 frames, so that float32 would not tell them apart.
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    if not (1 <= rows <= 100 and 1 <= columns <= 100 and 1 <= frames <= 1600):
        raise InputError(
            "counter: pixels would not tell their place",
            found=f"{frames} frames of {rows} rows and {columns} columns",
            needed="1 to 1600 frames of 1 to 100 rows and columns",
        )
    frame, _, row, column = np.indices((frames, 1, rows, columns))
    values = (10_000 * frame + 100 * row + column).astype(np.float32)
    return _on_a_grid(values, step=step, name="rain_rate", title="counter: each pixel tells its place")


def _on_a_grid(values: np.ndarray, *, step: str, name: str, title: str) -> xr.DataArray:
    frames, _, rows, columns = values.shape
    crs = {
        "grid_mapping_name": "transverse_mercator",
        "latitude_of_projection_origin": 0.0,
        "longitude_of_central_meridian": 27.0,
        "scale_factor_at_central_meridian": 0.9996,
        "false_easting": 500000.0,
        "false_northing": 0.0,
    }
    x = {"units": "m", "standard_name": "projection_x_coordinate"}
    y = {"units": "m", "standard_name": "projection_y_coordinate"}
    times = pd.date_range("2026-05-01T00:00", periods=frames, freq=step).values
    return xr.DataArray(
        values,
        dims=("time", "channel", "y", "x"),
        coords={
            "time": ("time", times, {"standard_name": "time"}),
            "y": ("y", PIXEL * np.arange(rows)[::-1], y),
            "x": ("x", PIXEL * np.arange(columns), x),
            "crs": ((), np.int32(0), crs),
        },
        name=name,
        attrs={
            "units": "mm h-1",
            "long_name": "rain rate",
            "standard_name": "rainfall_rate",
            "grid_mapping": "crs",
            "source_dims": "time=time y=y x=x",
            "dataset:title": title,
            "dataset:source": "synthetic data: nowcast.datasets, no observation",
        },
    )
