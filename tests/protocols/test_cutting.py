"""The test that a rule makes, and its hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.datasets import open_dataset
from nowcast.errors import InputError
from nowcast.protocols import Protocol, load
from nowcast.protocols.cutting import cut
from nowcast.readers.counting import counted


def test_all_frames_are_the_test(echoes: xr.DataArray, protocol_of: Callable[..., Protocol]) -> None:
    test = cut(echoes, protocol_of())
    assert test.references == tuple(range(2, 38, 5))
    assert len(test.frames) == 40
    assert len(test.learnt_from) == 0


def test_the_test_of_blocks_of_time_is_never_learnt_from(
    echoes: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    test = cut(echoes, protocol_of(split={"rule": "time"}, windows={"context": 3, "horizon": 2, "stride": 1}))
    assert test.learnt_from.max() + 5 < test.frames.min()
    assert min(test.references) - 2 >= test.frames.min()
    assert max(test.references) + 2 <= test.frames.max()


@pytest.mark.parametrize(
    "rooms",
    [
        {"split": {"rule": "time", "fractions": [0.6, 0.2, 0.2]}},
        {"split": {"rule": "time", "embargo": 6}},
        {"split": {"rule": "all"}},
        {"windows": {"context": 2, "horizon": 2, "stride": 5}},
        {"windows": {"context": 3, "horizon": 1, "stride": 5}},
        {"windows": {"context": 3, "horizon": 2, "stride": 4}},
    ],
    ids=str,
)
def test_one_setting_changes_the_hash(
    echoes: xr.DataArray, protocol_of: Callable[..., Protocol], rooms: dict[str, Any]
) -> None:
    base = {"split": {"rule": "time"}}
    plain = cut(echoes, protocol_of(**base)).hash()
    assert cut(echoes.chunk(time=7), protocol_of(**base, missing="left out")).hash() == plain
    assert cut(echoes, protocol_of(**{**base, **rooms})).hash() != plain


def test_a_rule_that_cannot_be_kept_is_refused(echoes: xr.DataArray, protocol_of: Callable[..., Protocol]) -> None:
    with pytest.raises(InputError, match=r"split\.rule sequences cannot be kept") as told:
        cut(echoes, protocol_of(split={"rule": "sequences"}))
    assert "split.rule: time" in str(told.value)
    with pytest.raises(InputError, match="no window"):
        cut(echoes, protocol_of(split={"rule": "published"}))
    with pytest.raises(InputError, match="no window"):
        cut(echoes, protocol_of(windows={"context": 30, "horizon": 20, "stride": 1}))


def test_published_parts_alone_or_beside_training() -> None:
    protocol, _ = load("moving-mnist-drawn")
    cube = open_dataset("moving-mnist", only="drawn", sequences=24)
    test = cut(cube, protocol)
    assert [cube["part"].values[i] for i in test.references] == ["test"] * 2
    alone = cut(cube.isel(time=test.frames), protocol)
    assert alone.hash() == test.hash()
    assert set(cube["part"].values[test.learnt_from]) == {"training", "validation"}


def test_the_published_test_set_has_the_split_that_is_locked() -> None:
    protocol, _ = load("moving-mnist")
    once, count = counted(20, 1.0), 10_000
    cube = xr.DataArray(
        np.broadcast_to(np.uint8(0), (20 * count, 1, 1, 1)),
        dims=("time", "channel", "y", "x"),
        coords={
            "time": xr.Variable("time", np.tile(once.values, count), once.attrs),
            "sequence": ("time", np.repeat(np.arange(count), 20)),
            "part": ("time", np.repeat(["test"], 20 * count)),
        },
    )
    test = cut(cube, protocol)
    assert len(test.references) == count
    assert test.hash() == protocol.split.sha256
