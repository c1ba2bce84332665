from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from nowcast.errors import InputError
from nowcast.readers.formats.stacks import Stack, dataset_of, in_seconds, length_in_um, planes_of, reduced_dtype
from nowcast.readers.options import Options

PATH = Path("a.tif")


def frames(count: int = 3, side: int = 4) -> da.Array:
    return da.from_array(np.arange(count * side * side, dtype="uint8").reshape(count, 1, side, side))


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        (0.35, "µm", (0.35, "um")),
        (0.35, "\\u00B5m", (0.35, "um")),
        (350, "nm", (0.35, "um")),
        (1, "mm", (1000, "um")),
        (2, "m", (2, "m")),
        (1, "kilometer", (1, "km")),
        (0.5, "micrometer", (0.5, "um")),
        (1, "pixel", None),
        (1, "", None),
        (0, "um", None),
        (float("nan"), "um", None),
    ],
)
def test_lengths(size: float, unit: str, expected: tuple[float, str] | None) -> None:
    assert length_in_um(size, unit) == expected


@pytest.mark.parametrize(
    ("span", "unit", "expected"),
    [
        (2, "min", 120),
        (5, "s", 5),
        (5, "seconds", 5),
        (40, "ms", 0.04),
        (1, "h", 3600),
        (1, "parsec", None),
        (0, "s", None),
    ],
)
def test_spans(span: float, unit: str, expected: float | None) -> None:
    assert in_seconds(span, unit) == expected


def test_the_file_wins_and_flags_fill_in() -> None:
    told = Stack("a", frames(), step=2.0, pixel=((0.5, "um"), (0.25, "um")))
    options = Options(time_step="30s", pixel_size="9um", start_time="2026-05-01")
    dataset = dataset_of([told], PATH, options)
    assert np.diff(dataset["time"].values).tolist() == [2_000_000_000] * 2
    assert dataset["time"].values[0] == np.datetime64("2026-05-01")
    assert dataset["y"].values.tolist() == [0, 0.5, 1.0, 1.5]
    assert dataset["x"].attrs["units"] == "um"
    silent = dataset_of([Stack("a", frames())], PATH, options)
    assert np.diff(silent["time"].values).tolist() == [30_000_000_000] * 2
    assert silent["x"].values.tolist() == [0, 9, 18, 27]


def test_without_a_start_times_count_from_the_first_frame() -> None:
    assert dataset_of([Stack("a", frames(), step=1.0)], PATH, Options())["time"].attrs["counted_from"] == "first frame"
    assert "units" in dataset_of([Stack("a", frames(), step=1.0)], PATH, Options())["x"].attrs
    with pytest.raises(InputError, match="time lies between frames") as caught:
        dataset_of([Stack("a", frames())], PATH, Options())
    assert "--time-step 30s" in str(caught.value)


def test_a_single_frame_has_a_time_only_if_the_file_has() -> None:
    assert "time" not in dataset_of([Stack("a", frames(1))], PATH, Options()).coords
    dated = Stack("a", frames(1), start=pd.Timestamp("2020-01-02"))
    assert dataset_of([dated], PATH, Options())["time"].values.tolist() == [
        np.datetime64("2020-01-02", "ns").astype(int)
    ]


def test_images_alike_are_sequences_and_others_are_chosen_by_name() -> None:
    two = [Stack("p", frames(2), step=1.0), Stack("p", frames(3), step=1.0)]
    assert dataset_of(two, PATH, Options())["sequence"].values.tolist() == ["p 0", "p 0", "p 1", "p 1", "p 1"]
    unlike = [Stack("left", frames(2), step=1.0), Stack("right", frames(2, side=5), step=1.0)]
    with pytest.raises(InputError, match="not alike") as caught:
        dataset_of(unlike, PATH, Options())
    assert "--variable 'left'" in str(caught.value)
    assert dataset_of(unlike, PATH, Options(variable="right"))["right"].shape == (2, 5, 5)


def test_planes() -> None:
    assert planes_of(1, PATH, Options()) == 0
    assert planes_of(5, PATH, Options(z="MAX")) == "max"
    assert planes_of(5, PATH, Options(z=4)) == 4
    for wrong in (None, "5", "median", "-1"):
        with pytest.raises(InputError, match=r"planes|--z"):
            planes_of(5, PATH, Options(z=wrong))
    assert reduced_dtype(np.dtype("uint8"), "max", 5) == np.uint8
    assert reduced_dtype(np.dtype("uint16"), "sum", 5) == np.float32
    assert reduced_dtype(np.dtype("uint32"), "sum", 5) == np.float64
