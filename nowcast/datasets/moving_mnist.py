"""Moving MNIST: digits that move at a constant speed and bounce off the borders (Srivastava 2015, arXiv:1502.04681).

Sequences are made as they are read, each from its own seed. The published test set, `mnist_test_seq.npy`, is taken as
it is where it is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import PARTS
from nowcast.datasets.digits import DRAWN_ALONE, SIDE, TEST_FILE, TRAINING_FILE, found, pictures
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.readers import reading
from nowcast.readers.counting import counted, rows_and_columns
from nowcast.readers.lazy import lazily

__all__ = ["bounced", "moving_mnist"]

STEP = 0.1
"""Of the way that a digit has, per frame: 3.6 pixels on a canvas of 64 (the generator published with the paper)."""

OFFICIAL = "mnist_test_seq.npy"
OFFICIAL_LENGTH, OFFICIAL_SIZE, OFFICIAL_DIGITS = 20, 64, 2


def moving_mnist(
    folder: Path | None = None,
    *,
    sequences: int = 1200,
    length: int = OFFICIAL_LENGTH,
    digits: int = OFFICIAL_DIGITS,
    size: int | tuple[int, int] = OFFICIAL_SIZE,
    seed: int = 0,
    only: str | None = None,
) -> xr.DataArray:
    """Sequences of moving digits, ten twelfths for training, a twelfth each for validation and test.

    Parameters
    ----------
    folder
        Where `train-images-idx3-ubyte.gz`, `t10k-images-idx3-ubyte.gz` or `mnist_test_seq.npy` lie; None: digits of
        scikit-learn, or drawn ones.
    sequences
        How many are made. With the published test set none of them is for the test.
    length
        Frames of each.
    digits
        Digits in each frame.
    size
        Rows and columns (one number for both), 28 at least.
    seed
        The same seed gives the same cube.
    only
        `"mnist_test_seq.npy"`: the published test set and nothing to train on. `"train-images-idx3-ubyte"`,
        `"t10k-images-idx3-ubyte"`: digits of this file, `"drawn"`: drawn ones, whatever else is at hand.

    Returns
    -------
    xr.DataArray
        Dims `(time, channel, y, x)`, uint8, 0 to 255; coordinates `sequence` and `part` along time. A frame is a second
        by convention: digits have no clock.

    Raises
    ------
    InputError
        Sizes that cannot be, or a folder that holds none of the files.
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < SIDE or min(length, digits) < 1 or sequences < 3 or seed < 0:
        raise InputError(
            "moving-mnist: such sequences cannot be made",
            found=f"sequences={sequences}, length={length}, digits={digits}, size={rows}x{columns}, seed={seed}",
            needed=f"3 sequences, a frame and a digit at least, {SIDE} x {SIDE} pixels, a seed of 0 or above",
        )
    if only not in (None, OFFICIAL, TRAINING_FILE, TEST_FILE, DRAWN_ALONE):
        needed = ", ".join((OFFICIAL, TRAINING_FILE, TEST_FILE, DRAWN_ALONE))
        raise InputError("moving-mnist: only=... names nothing to make sequences from", found=only, needed=needed)
    official = None if folder is None or only not in (None, OFFICIAL) else _official(folder)
    if only == OFFICIAL and official is None:
        raise InputError(f"{folder}: the published test set of Moving MNIST is not there", needed=OFFICIAL)
    if official is not None and (length, rows, columns, digits) != (
        OFFICIAL_LENGTH,
        OFFICIAL_SIZE,
        OFFICIAL_SIZE,
        OFFICIAL_DIGITS,
    ):
        tell(f"beware   {OFFICIAL} is left out: it has two digits, 20 frames, 64 x 64 pixels")
        official = None
    pieces: list[da.Array] = []
    parts: list[str] = []
    source = "the published test set"
    # The published test set is made of MNIST's test digits: only its training digits are fit to train beside it.
    if folder is None or official is None or (found(folder, TRAINING_FILE) and only is None):
        drawn = pictures(folder, only=only)
        source = drawn.source
        few = max(1, sequences // 12)
        wanted = {"training": sequences - 2 * few, "validation": few, "test": few}
        if official is not None:
            wanted = {"training": sequences - few, "validation": few}
        for part, count in wanted.items():
            ours = drawn.parts[part]
            if len(ours) < digits:
                raise InputError(f"moving-mnist: {len(ours)} digits for {part}", needed=f"digits={digits}")
            maker = _Maker(ours, (rows, columns), length, digits, (seed, PARTS.index(part)))
            pieces.append(
                lazily(
                    folder or Path("moving-mnist"),
                    maker,
                    frames=count * length,
                    shape=(1, rows, columns),
                    dtype=np.uint8,
                    at_once=length,
                )
            )
            parts += [part] * count
    if official is not None:
        frames = official.count * OFFICIAL_LENGTH
        shape = (1, OFFICIAL_SIZE, OFFICIAL_SIZE)
        pieces.append(
            lazily(official.path, official, frames=frames, shape=shape, dtype=np.uint8, at_once=OFFICIAL_LENGTH)
        )
        parts += ["test"] * official.count
    width = len(str(len(parts) - 1))
    names = [f"{part}-{number:0{width}d}" for number, part in enumerate(parts)]
    once = counted(length, 1.0)
    time = xr.Variable(("time",), np.tile(once.values, len(parts)), once.attrs)
    return xr.DataArray(
        da.concatenate(pieces),
        dims=("time", "channel", "y", "x"),
        coords={
            "time": time,
            "sequence": ("time", np.repeat(names, length)),
            "part": ("time", np.repeat(parts, length)),
            **rows_and_columns(rows, columns),
        },
        name="grey",
        attrs={
            "units": "1",
            "long_name": "grey level",
            "source_dims": "time=time y=y x=x",
            "digits_source": source,
            "suggested_context": 10,
            "suggested_horizon": 10,
        },
    )


def bounced(start: np.ndarray, velocity: np.ndarray, frames: int) -> np.ndarray:
    """Places `(frame, digit, 2)` in the unit square of digits that start and move so `(digit, 2)`.

    A digit that would leave stops at the border and comes back from there.
    """
    place, velocity = start.copy(), velocity.copy()
    places = np.empty((frames, *start.shape))
    for frame in range(frames):
        place += velocity
        out = (place <= 0) | (place >= 1)
        velocity[out] *= -1
        place = place.clip(0, 1)
        places[frame] = place
    return places


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes frames `first:stop` of one part's sequences, one after the other; `(frame, 1, y, x)`."""

    pictures: np.ndarray
    size: tuple[int, int]
    length: int
    digits: int
    seed: tuple[int, int]

    def __call__(self, first: int, stop: int) -> np.ndarray:
        frames = np.zeros((stop - first, 1, *self.size), np.uint8)
        for number in range(first // self.length, -(-stop // self.length)):
            start = number * self.length
            low, high = max(first, start), min(stop, start + self.length)
            frames[low - first : high - first, 0] = self._sequence(number)[low - start : high - start]
        return frames

    def _sequence(self, number: int) -> np.ndarray:
        random = np.random.default_rng((*self.seed, number))
        picked = self.pictures[random.choice(len(self.pictures), self.digits, replace=False)]
        start = random.random((self.digits, 2))
        angle = random.uniform(0, 2 * np.pi, self.digits)
        velocity = STEP * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        way = np.array(self.size) - SIDE
        corners = (bounced(start, velocity, self.length) * way).astype(int)
        frames = np.zeros((self.length, *self.size), np.uint8)
        for frame, places in zip(frames, corners, strict=True):
            for (row, column), picture in zip(places, picked, strict=True):
                part = frame[row : row + SIDE, column : column + SIDE]
                np.maximum(part, picture, out=part)
        return frames


@dataclass(frozen=True)
class _Official:
    """Frames `first:stop` of the published test set, sequence by sequence; the file is mapped, not read."""

    path: Path
    count: int

    def __call__(self, first: int, stop: int) -> np.ndarray:
        stored = _mapped(self.path)
        frames = np.arange(first, stop)
        return np.array(stored[frames % OFFICIAL_LENGTH, frames // OFFICIAL_LENGTH])[:, None]


def _official(folder: Path) -> _Official | None:
    path = folder / OFFICIAL
    if not path.is_file():
        return None
    stored = _mapped(path)
    fits = stored.ndim == 4 and stored.dtype == np.uint8
    if not fits or stored.shape[::2] != (OFFICIAL_LENGTH, OFFICIAL_SIZE) or stored.shape[3] != OFFICIAL_SIZE:
        raise InputError(
            f"{path}: not the published test set of Moving MNIST",
            found=f"{stored.dtype} {stored.shape}",
            needed="uint8 (20, 10000, 64, 64)",
        )
    return _Official(path, stored.shape[1])


def _mapped(path: Path) -> np.ndarray:
    with reading(str(path)):
        try:
            stored: np.ndarray = np.lib.format.open_memmap(path, mode="r")
        except (ValueError, EOFError, SyntaxError, TypeError) as error:
            raise InputError(f"{path}: damaged, or no NumPy array", found=str(error).split("\n")[0]) from error
    return stored
