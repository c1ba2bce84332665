"""The parts of a cube, told so that they can be checked by eye."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from nowcast.cube import Run
from nowcast.windows import Split, split

Maker = Callable[..., xr.DataArray]


def test_the_audit_tells_what_each_part_holds(counted: Maker) -> None:
    cube = counted(60)
    parts = split([Run(0, 60)], window=6)
    audit = parts.audit(cube)
    assert audit["shared_frames"] == 0
    assert audit["embargo_frames"] == 6
    assert audit["embargo_seconds"] == 360.0
    told = audit["parts"]
    assert audit["statistics_times"] == [told["training"]["first"], told["training"]["last"]]
    assert told["training"]["first"] == "2026-05-01T00:00:00"
    assert told["test"]["last"] == "2026-05-01T00:59:00"
    assert told["validation"]["frames"] == len(set(parts.frames("validation")))
    overlapping = Split(training=(Run(0, 30),), validation=(Run(20, 40),), test=(Run(35, 60),), embargo=0)
    assert overlapping.audit(cube)["shared_frames"] == 15
