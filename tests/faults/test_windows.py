"""Windows, splits and statistics over generated times, gaps, fractions and chunkings (RELIABILITY.md C3, D1, D2, D3).

A sample here; `pytest tests/faults/test_windows.py --full -s` tries 12,000 combinations and prints what they were.
Splits are checked whole; windows are read of one part, in turn; statistics are taken of every fourth.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nowcast.cube import PARTS, Run, runs
from nowcast.errors import InputError
from nowcast.scaling import Scaler, Statistics
from nowcast.tensors import Loader, Windows, to_context
from nowcast.windows import Sequences, Split, plan, split

SAMPLE, ALL = 120, 12_000


class Case(NamedTuple):
    cube: xr.DataArray
    context: int
    horizon: int
    fractions: tuple[float, float, float]
    embargo: int | None
    patch: tuple[int, int]
    stride: int
    patch_stride: int
    memory: int
    batch: int
    masked: bool


def case(number: int) -> Case:
    """Frames of one radar with holes, or clips; clocks that jitter; pixels that are missing; chunks of any sizes."""
    rng = np.random.default_rng(number)
    shape = int(rng.integers(6, 90)), int(rng.integers(1, 3)), int(rng.integers(2, 8)), int(rng.integers(2, 8))
    dropped = rng.choice([0.0, 0.02, 0.1])
    steps = 1 + (rng.random(shape[0]) < dropped) * rng.integers(1, 9, shape[0])
    seconds = 300 * np.cumsum(steps) + rng.choice([0, 10]) * rng.integers(-1, 2, shape[0])
    values = rng.gamma(0.5, 2.0, shape).astype(rng.choice(["float32", "float64"]))
    values[rng.random(shape) < rng.choice([0.0, 0.3])] = np.nan
    if rng.random() < 0.3:
        values = np.nan_to_num(values).astype(rng.choice(["uint8", "int16"]))
    coords: dict[str, object] = {"time": pd.Timestamp("2026-01-01") + pd.to_timedelta(seconds, "s")}
    if rng.random() < 0.3:  # clips, whose times count from their first frame
        long = int(rng.integers(3, 15))
        coords["sequence"] = ("time", np.arange(shape[0]) // long)
        within = pd.Timestamp("1970-01-01") + pd.to_timedelta(np.arange(shape[0]) % long, "s")
        coords["time"] = ("time", within, {"counted_from": "the first frame"})
    cube = xr.DataArray(values, dims=("time", "channel", "y", "x"), coords=coords, name="rain_rate")
    if rng.random() < 0.7:
        cube = cube.chunk({dim: int(rng.integers(1, size + 1)) for dim, size in cube.sizes.items()})
    shares = rng.dirichlet([4, 2, 2])
    context, horizon = (int(each) for each in rng.integers(1, 6, 2))
    patch = int(rng.integers(1, shape[2] + 1)), int(rng.integers(1, shape[3] + 1))
    return Case(
        cube,
        context,
        horizon,
        (float(shares[0]), float(shares[1]), float(1 - shares[0] - shares[1])),
        int(context + horizon + rng.integers(0, 4)) if rng.random() < 0.3 else None,
        patch,
        int(rng.integers(1, 4)),
        int(rng.integers(1, min(patch) + 1)),
        int(rng.choice([1, 3, 10, 10**5])),
        int(rng.integers(1, 9)),
        bool(rng.random() < 0.5),
    )


def check_split(given: Case, parts: Split) -> None:
    """D1: no frame and no time in two parts; between two blocks of time at least the embargo."""
    window = given.context + given.horizon
    frames = {name: set(parts.frames(name)) for name in PARTS}
    for one, other in (("training", "validation"), ("training", "test"), ("validation", "test")):
        assert frames[one]
        assert not frames[one] & frames[other]
        if "sequence" in given.cube.coords:
            continue
        time = given.cube["time"].values
        assert not set(time[sorted(frames[one])]) & set(time[sorted(frames[other])])
        distance = min(abs(a - b) for a in (min(frames[one]), max(frames[one])) for b in frames[other])
        assert distance > max(window, given.embargo or 0)
    assert parts.audit(given.cube)["shared_frames"] == 0


def check_windows(given: Case, stretches: tuple[Run, ...], scaler: Scaler) -> int:
    """C3 and D3: the windows of a part are those of numpy, each once; none leaves the part, none crosses a gap."""
    cube, window = given.cube, given.context + given.horizon
    chosen = plan(
        cube,
        context=given.context,
        horizon=given.horizon,
        stride=given.stride,
        patch=given.patch,
        patch_stride=given.patch_stride,
        within=stretches,
    )
    inside = {frame for run in stretches for frame in range(run.start, run.stop)}
    run_of = {frame: number for number, run in enumerate(runs(cube)) for frame in range(run.start, run.stop)}
    for start in chosen.starts:
        assert set(range(start, start + window)) <= inside
        assert run_of[start] == run_of[start + window - 1]
    pixel = cube.sizes["channel"] * 8
    largest = int(np.prod([max(cube.chunksizes[dim]) for dim in ("time", "y", "x")])) if cube.chunks else 1
    least = max(largest, window * given.patch[0] * given.patch[1]) * pixel
    made = Loader(
        [Windows(cube, chosen, scaler, masked=given.masked)],
        batch=given.batch,
        seed=len(chosen),
        memory=given.memory * least,
    )
    truth = scaler.apply(np.asarray(cube.values))
    order = iter([int(number) for each in made.cut() for number in each.numbers])
    seen = []
    for batch in made:
        for context, target, weight in zip(*batch, strict=True):
            seen.append(next(order))
            time, y, x = chosen[seen[-1]]
            expected = truth[time, :, y, x]
            asked = expected[given.context :]
            assert np.array_equal(context, to_context(expected[: given.context], masked=given.masked))
            assert np.array_equal(target, np.where(np.isfinite(asked), asked, 0))
            assert np.array_equal(weight, np.isfinite(asked))
    assert sorted(seen) == list(range(len(chosen)))
    made.close()
    return len(seen)


def check_statistics(given: Case, parts: Split) -> Scaler | None:
    """D2: what scales does not change by a bit when everything outside of the training part is garbage."""
    training = sorted(parts.frames("training"))
    garbage = given.cube.values.astype("float64")
    garbage[sorted(set(range(len(garbage))) - set(training))] = np.random.default_rng(0).choice([-1e30, 1e30, np.nan])
    spoilt = given.cube.copy(data=garbage.astype(given.cube.dtype if given.cube.dtype.kind == "f" else "float64"))
    if given.cube.chunks:
        spoilt = spoilt.chunk(given.cube.chunksizes)
    both = [cube.isel(time=training) for cube in (given.cube, spoilt)]
    if not np.isfinite(both[0].values).any():
        return None
    found = [Statistics.of(cube) for cube in both]
    scalers = [Scaler.fit(cube, method="log", statistics=each) for cube, each in zip(both, found, strict=True)]
    assert scalers[0] == scalers[1]
    assert np.array_equal(found[0].sample, found[1].sample)
    return scalers[0]


def outcome(number: int) -> str:
    given = case(number)
    pieces = runs(given.cube)
    window = given.context + given.horizon
    try:
        parts = split(
            pieces,
            window=window,
            fractions=given.fractions,
            embargo=given.embargo,
            sequences=Sequences.of(given.cube),
        )
    except InputError as error:
        return f"refused: {error.what[:14]}"
    check_split(given, parts)
    scaler = check_statistics(given, parts) if number % 4 == 0 else None
    check_windows(given, parts.part(PARTS[number % 3]), scaler or Scaler("log", 0.0, 2.0, floor=0.3))
    return f"split by {parts.basis}"


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_no_window_split_or_statistic_is_wrong(full: bool) -> None:
    found = Counter(outcome(number) for number in range(ALL if full else SAMPLE))
    print(dict(found))
    assert sum(found.values()) == (ALL if full else SAMPLE)
    assert {kind for kind in found if "refused" in kind} <= {"refused: too few frames"}
    assert found["split by blocks of time"] > 0.2 * sum(found.values())
    assert found["split by whole sequences"] > 0.01 * sum(found.values())
