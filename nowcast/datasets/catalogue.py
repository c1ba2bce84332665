"""Standard datasets by name: what they are, where they are published, and how a folder of one becomes a cube.

Nothing is downloaded. `NAME` or `NAME:FOLDER` can stand wherever a path can.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast.cube import DATASET_PREFIX
from nowcast.datasets.ctc import ctc
from nowcast.datasets.digits import MD5
from nowcast.datasets.kth import kth
from nowcast.datasets.moving_mnist import moving_mnist
from nowcast.datasets.sevir import sevir
from nowcast.datasets.ucf101 import LISTS_URL, ucf101
from nowcast.errors import InputError
from nowcast.readers.options import Options
from nowcast.readers.shaping import shaped

__all__ = ["DATASETS", "Published", "near_miss", "open_dataset", "parse"]


@dataclass(frozen=True)
class Published:
    """A dataset as its authors published it.

    Attributes
    ----------
    files
        What its folder must hold, in words.
    md5
        By file name, where sums are published.
    open
        Of a folder (None only where none is `needed`) and the reader's options, and of keywords of its own.
    """

    description: str
    url: str
    licence: str
    citation: str
    files: str
    open: Callable[..., xr.DataArray]
    md5: Mapping[str, str] = field(default_factory=dict)
    needed: bool = True

    def own(self) -> list[str]:
        """Keywords that only this dataset knows."""
        names = inspect.signature(self.open).parameters
        return [name for name in names if name not in ("folder", "options", "size")]


def _moving_mnist(
    folder: Path | None,
    options: Options,
    *,
    sequences: int = 1200,
    length: int = 20,
    digits: int = 2,
    seed: int = 0,
    only: str | None = None,
) -> xr.DataArray:
    size = options.shape() or (64, 64)
    cube = moving_mnist(folder, sequences=sequences, length=length, digits=digits, size=size, seed=seed, only=only)
    return shaped(cube, replace(options, size=None))


DATASETS: Mapping[str, Published] = {
    "moving-mnist": Published(
        "two handwritten digits that move and bounce, 20 frames of 64 x 64; made here, from MNIST where it is at hand",
        url="https://www.cs.toronto.edu/~nitish/unsupervised_video/",
        licence="MNIST: CC BY-SA 3.0 (LeCun, Cortes, Burges)",
        citation="Srivastava, Mansimov, Salakhutdinov 2015, arXiv:1502.04681",
        files="train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz (of MNIST), or mnist_test_seq.npy",
        open=_moving_mnist,
        md5=MD5,
        needed=False,
    ),
    "kth": Published(
        "six human actions by 25 persons, grey, 25 frames a second; persons 17 to 25 are the test",
        url="https://www.csc.kth.se/cvap/actions/",
        licence="free for non-commercial use",
        citation="Schuldt, Laptev, Caputo 2004, doi:10.1109/ICPR.2004.1334462",
        files="clips such as person01_walking_d1_uncomp.avi, in folders or not",
        open=kth,
    ),
    "ucf101": Published(
        "13,320 clips of 101 actions; the test is that of the published split 1 (split=2, split=3)",
        url="https://www.crcv.ucf.edu/data/UCF101.php",
        licence="for research; the authors state no licence",
        citation="Soomro, Zamir, Shah 2012, arXiv:1212.0402",
        files="clips such as ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi, and trainlist01.txt, testlist01.txt of "
        + LISTS_URL,
        open=ucf101,
    ),
    "sevir": Published(
        "storms in radar and satellite images over the USA, 49 frames of 5 minutes; from 2019-06-01 on is the test",
        url="https://registry.opendata.aws/sevir/",
        licence="open data on AWS; see the page",
        citation="Veillette, Samsi, Mattioli 2020, SEVIR, NeurIPS 33",
        files="CATALOG.csv and vil/2019/SEVIR_VIL_....h5 (aws s3 sync --no-sign-request s3://sevir FOLDER)",
        open=sevir,
    ),
    "ctc": Published(
        "Cell Tracking Challenge: cells under the microscope, one dataset of it at a time",
        url="https://celltrackingchallenge.net/2d-datasets/",
        licence="free with citation; some datasets ask for more",
        citation="Maška et al. 2023, doi:10.1038/s41592-023-01879-y",
        files="folders 01, 02 of t000.tif, t001.tif, ...",
        open=ctc,
    ),
}


def open_dataset(
    name: str, folder: str | Path | None = None, *, options: Options | None = None, **told: Any
) -> xr.DataArray:
    """A standard dataset as one lazy cube, dims `(time, channel, y, x)`, with its published parts.

    Parameters
    ----------
    name
        One of `DATASETS`.
    folder
        Where its files lie; only `moving-mnist` can do without.
    options
        How to read, in place of the keywords of `nowcast.open_cube`.
    told
        Those keywords, and the dataset's own: `sequences`, `length`, `digits`, `seed`, `only` of
        moving-mnist, `split` of ucf101.

    Returns
    -------
    xr.DataArray
        Along time `sequence`, and `part` ("training", "validation", "test") where parts are published.

    Raises
    ------
    InputError
        An unknown name or keyword, no folder, or a folder that does not hold the dataset.
    MachineError
        A package that its files need is lacking.
    UnsafeError
        A file leads to others.
    """
    found = parse(name)
    if found is None or found[1] is not None:
        raise near_miss(name) or InputError(f"no dataset {name!r}", needed=", ".join(DATASETS))
    dataset = DATASETS[found[0]]
    own = {key: value for key, value in told.items() if key in dataset.own()}
    ways = {key: value for key, value in told.items() if key not in own}
    unknown = sorted(set(ways) - set(Options.names()))
    if unknown or (ways and options is not None):
        raise InputError(
            f"{found[0]}: no such keyword",
            found=", ".join(unknown or ways),
            needed=", ".join([*dataset.own(), *(Options.names() if options is None else [])]),
        )
    place = None if folder is None else Path(folder).expanduser()
    if place is None and dataset.needed:
        raise _to_fetch(found[0], f"{found[0]}: say where its files lie; nothing is downloaded")
    if place is not None and not place.is_dir():
        raise _to_fetch(found[0], f"{place}: {'not a folder' if place.exists() else 'does not exist'}")
    cube = dataset.open(place, options or Options(**ways), **own)
    cube.encoding["source"] = found[0] if place is None else f"{found[0]}:{place}"
    return cube.assign_attrs(
        {
            f"{DATASET_PREFIX}title": f"{found[0]}: {dataset.description}",
            f"{DATASET_PREFIX}source": dataset.url,
            f"{DATASET_PREFIX}references": dataset.citation,
            f"{DATASET_PREFIX}license": dataset.licence,
        }
    )


def parse(text: str) -> tuple[str, str | None] | None:
    """The dataset and the folder that `NAME` or `NAME:FOLDER` means; None where the name is no dataset's."""
    name, _, folder = text.partition(":")
    known = name.lower().replace("_", "-")
    return (known, folder or None) if known in DATASETS else None


def near_miss(text: str) -> InputError | None:
    """What to tell of a text that was perhaps meant as a dataset, and is none."""
    name, colon, folder = text.partition(":")
    if not re.fullmatch(r"[A-Za-z][\w-]{1,30}", name):
        return None
    plain = {re.sub("[^a-z0-9]", "", known): known for known in DATASETS}
    near = get_close_matches(re.sub("[^a-z0-9]", "", name.lower()), plain, n=1, cutoff=0.5 if colon else 0.75)
    if not near:
        return None
    meant = plain[near[0]]
    return InputError(
        f"{text}: no such file or folder, and no dataset of this name; did you mean {meant}?",
        needed=f"a path, or one of {', '.join(DATASETS)}",
        next_step=f"{meant}{colon}{folder}",
    )


def _to_fetch(name: str, what: str) -> InputError:
    dataset = DATASETS[name]
    sums = "; ".join(f"{file} md5 {md5}" for file, md5 in dataset.md5.items()) or "no published hash"
    return InputError(
        what,
        found=dataset.description,
        needed=f"{dataset.files} ({sums})",
        next_step=f"fetch them from {dataset.url} ({dataset.licence}), then: nowcast fit {name}:FOLDER",
    )
