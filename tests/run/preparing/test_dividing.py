"""How much is given and asked for, and which frames, cubes and events are which part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.config import resolve
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.run.preparing.dividing import cut, cut_all, tell_events, tell_windows
from nowcast.windows import BY_EVENT, BY_TIME, PARTS, Split


def event(frames: int = 40, *, day: int = 1, units: str = "mm h-1") -> xr.DataArray:
    """Rain, or what has other units; every five minutes from midnight."""
    cube = advected_echoes(frames=frames, size=16, seed=day).assign_attrs(units=units)
    start = np.datetime64("2026-05-01", "ns") + np.timedelta64(day, "D")
    cube = cube.assign_coords(time=start + np.arange(frames) * np.timedelta64(5, "m"))
    if units == "mm h-1":
        return cube
    return cube.rename("grey").drop_attrs().assign_attrs(units=units)


def lengths(splits: list[Split]) -> list[list[int]]:
    return [[len(each.frames(name)) for name in PARTS] for each in splits]


def test_rain_is_given_four_frames_and_other_fields_more() -> None:
    assert cut(event(300), resolve())[:2] == (4, 10)
    assert cut(event(300, units="1"), resolve())[:2] == (10, 10)
    assert cut(event(300), resolve(flags={"context": 7}))[:2] == (7, 10)


def test_three_short_events_are_the_parts() -> None:
    cubes = [event(day=day) for day in (1, 2, 3)]
    context, horizon, splits = cut_all(cubes, resolve(flags={"horizon": 12}))
    assert (context, horizon) == (4, 12)
    assert lengths(splits) == [[40, 0, 0], [0, 40, 0], [0, 0, 40]]


def test_of_one_cube_two_events_are_parts_where_blocks_of_time_do_not_fit() -> None:
    cubes = [event(day=day) for day in (1, 2, 3)]
    context, horizon, split = cut(xr.concat(cubes[:2], "time"), resolve(flags={"horizon": 12}))
    assert (context, horizon, split.basis) == (4, 12, BY_EVENT)
    assert [split.frames(name) for name in PARTS] == [list(range(40)), list(range(40, 80)), []]
    assert cut(xr.concat(cubes, "time"), resolve(flags={"horizon": 12}))[2].basis == BY_TIME


def test_what_can_be_cut_on_its_own_is() -> None:
    cubes = [event(day=day) for day in (1, 2, 3)]
    context, _, splits = cut_all(cubes, resolve())
    assert {each.basis for each in splits} == {BY_TIME}
    assert all(each.training and each.validation and each.test for each in splits)
    assert context >= 3
    with pytest.raises(InputError, match="too few frames"):
        cut_all([*cubes, event(100, day=4)], resolve(flags={"context": 4, "horizon": 12}))


def test_published_parts_are_never_events() -> None:
    cubes = [event(day=day).assign_coords(part=("time", ["training"] * 40)) for day in (1, 2, 3)]
    with pytest.raises(InputError, match="too few frames"):
        cut_all(cubes, resolve(flags={"horizon": 12}))


@pytest.mark.parametrize(
    ("frames", "flags", "said"),
    [
        (40, {"horizon": 12}, "--fractions 1,0,0 trains on all of it, without validation and test"),
        (50, {"horizon": 12}, "--fractions 0.8,0.2,0 does without a test part"),
        (40, {"horizon": 12, "fractions": (0.8, 0.2, 0.0), "context": 4}, "--fractions 1,0,0 trains on all of it"),
    ],
)
def test_the_next_step_names_the_fractions_that_would_do(frames: int, flags: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match="too few frames") as caught:
        cut(event(frames), resolve(flags=flags))
    assert said in str(caught.value)
    told = said.split()[1]
    context, horizon, split = cut(
        event(frames), resolve(flags=flags | {"fractions": tuple(map(float, told.split(",")))})
    )
    assert (context >= 3, horizon) == (True, 12)
    assert split.training
    assert not split.test


def test_no_fractions_help_where_nothing_does() -> None:
    with pytest.raises(InputError) as caught:
        cut(event(12), resolve(flags={"horizon": 12}))
    assert "--fractions" not in str(caught.value)
    assert "lower --context or --horizon" in str(caught.value)


def test_a_context_that_tells_no_motion_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    cube, settings = event(66), resolve(flags={"horizon": 12})
    context, horizon, _ = cut(cube, settings)
    assert context == 1
    tell_windows(cube, settings, context, horizon, starts=3)
    told = capsys.readouterr().err
    assert "1 frames in, 12 out (60 min ahead): few frames are at hand" in told
    assert "hardly any motion" in told
    assert "or --fractions 0.8,0.2,0" in told
    tell_windows(cube, resolve(flags={"context": 1, "horizon": 12}), 1, 12, starts=3)
    told = capsys.readouterr().err
    assert "as asked" in told
    assert "beware" not in told


def test_events_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = resolve(flags={"context": 4, "horizon": 12})
    tell_events(cut_all([event(day=1), event(day=2)], wanted)[2])
    told = capsys.readouterr().err
    assert "split    by events: too short to be cut in three, each is one part as a whole\n" in told
    assert "no event is left to test on" in told
    tell_events(cut_all([event(day=1), event(48, day=2)], wanted)[2])
    told = capsys.readouterr().err
    assert "but for the last, which is cut into validation and test" in told
    assert "no event" not in told
    tell_events(cut_all([event(300)], wanted)[2])
    assert capsys.readouterr().err == ""
