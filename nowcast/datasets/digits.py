"""Pictures of digits, 28 x 28: those of MNIST where they are at hand, else scikit-learn's, else drawn ones."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from nowcast.datasets.idx import read_idx
from nowcast.errors import InputError, NowcastWarning

__all__ = ["DRAWN_ALONE", "MD5", "SIDE", "TEST_FILE", "TRAINING_FILE", "Digits", "found", "pictures"]

SIDE = 28
"""Pixels of a picture."""

TRAINING_FILE, TEST_FILE = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"

MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "mnist_test_seq.npy": "be083ec986bfe91a449d63653c411eb2",
}
"""Of the published files."""

SHARES = {"training": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
"""Where one set of digits must do for all parts, each part has its own of them."""

DRAWN = 400
"""Drawn digits, forty of each."""

DRAWN_ALONE = "drawn"


@dataclass(frozen=True)
class Digits:
    """Pictures `(digit, y, x)`, uint8, for each part; no picture is in two parts. `source` says where they are from."""

    parts: dict[str, np.ndarray]
    source: str


def pictures(folder: Path | None, *, only: str | None = None) -> Digits:
    """The digits that a folder holds, or, without a folder, those that this machine has or can draw.

    Parameters
    ----------
    only
        One of the files, whatever else lies there; `"drawn"`: drawn digits, whatever else this machine has.

    Raises
    ------
    InputError
        A damaged file, or pictures of another size.
    """
    if only == DRAWN_ALONE:
        made, source = _drawn()
        return Digits(_shared_out(made), source)
    if folder is not None:
        training, test = (_mnist(folder, name) if only in (None, name) else None for name in (TRAINING_FILE, TEST_FILE))
        if training is not None and test is not None:
            # The last 10,000 of the training digits are for validation, as is usual for MNIST.
            edge = len(training) * 5 // 6
            parts = {"training": training[:edge], "validation": training[edge:], "test": test}
            return Digits(parts, "MNIST, training digits for training and validation, test digits for the test")
        one, name = (training, TRAINING_FILE) if training is not None else (test, TEST_FILE)
        if one is not None:
            return Digits(_shared_out(one), f"MNIST {name} alone, each part with digits of its own")
        raise InputError(
            f"{folder}: holds no digits of MNIST",
            needed=f"{TRAINING_FILE}.gz and {TEST_FILE}.gz, or one of them",
            next_step="give their folder, moving-mnist:FOLDER, or none to move drawn digits",
        )
    made, source = _scanned() if importlib.util.find_spec("sklearn") else _drawn()
    warnings.warn(
        f"moving-mnist: no MNIST file is at hand, the digits are {source}; give one: moving-mnist:FOLDER",
        NowcastWarning,
        stacklevel=2,
    )
    return Digits(_shared_out(made), source)


def found(folder: Path, name: str) -> Path | None:
    """The file of that name, packed or not, in the folder or in the MNIST/raw that torchvision leaves; or None."""
    names = (f"{name}.gz", name, name.replace("-idx", ".idx"))
    places = (inside / file for inside in (folder, folder / "MNIST" / "raw", folder / "raw") for file in names)
    return next((place for place in places if place.is_file()), None)


def _shared_out(made: np.ndarray) -> dict[str, np.ndarray]:
    return {name: made[round(low * len(made)) : round(high * len(made))] for name, (low, high) in SHARES.items()}


def _mnist(folder: Path, name: str) -> np.ndarray | None:
    path = found(folder, name)
    if path is None:
        return None
    scanned = read_idx(path)
    if scanned.ndim != 3 or scanned.shape[1:] != (SIDE, SIDE) or len(scanned) < 10:
        raise InputError(
            f"{path}: not the digits of MNIST", found=f"shape {scanned.shape}", needed=f"(10 or more, {SIDE}, {SIDE})"
        )
    known = MD5.get(path.name)
    if known is not None and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != known:
        warnings.warn(f"{path}: not the published file (md5 {known})", NowcastWarning, stacklevel=2)
    return scanned


def _scanned() -> tuple[np.ndarray, str]:
    small = importlib.import_module("sklearn.datasets").load_digits().images / 16.0
    large = ndimage.zoom(small, (1, 20 / 8, 20 / 8), order=1)
    framed = np.pad(large, ((0, 0), (4, 4), (4, 4)))
    return (255 * framed).round().astype(np.uint8), "scikit-learn's load_digits, 8 x 8 made 28 x 28"


def _drawn() -> tuple[np.ndarray, str]:
    """Printed digits, turned, sheared and thickened by a fixed seed."""
    from PIL import Image, ImageDraw, ImageFont

    random = np.random.default_rng(28)
    made = np.zeros((DRAWN, SIDE, SIDE), np.uint8)
    for number in range(DRAWN):
        sheet = Image.new("L", (2 * SIDE, 2 * SIDE))
        font = ImageFont.load_default(size=float(random.uniform(20, 26)))
        thick = float(random.uniform(0.0, 1.0))
        draw = ImageDraw.Draw(sheet)
        draw.text((SIDE, SIDE), str(number % 10), fill=255, font=font, anchor="mm", stroke_width=thick)
        turned = sheet.rotate(float(random.uniform(-15, 15)), resample=Image.Resampling.BILINEAR)
        shear = float(random.uniform(-0.25, 0.25))
        leaning = turned.transform(
            turned.size,
            Image.Transform.AFFINE,
            (1, shear, -shear * SIDE, 0, 1, 0),
            resample=Image.Resampling.BILINEAR,
        )
        made[number] = np.asarray(leaning)[SIDE // 2 : SIDE // 2 + SIDE, SIDE // 2 : SIDE // 2 + SIDE]
    return made, "drawn from a printed font, turned, sheared and thickened"
