from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nowcast.readers.naming import name_time, natural, places


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("OR_GLM-L2-GLMM1-M3_G16_s20181830433000_e20181830434000_c20182551446.nc", "2018-07-02T04:33:00"),
        ("AQC151351545F_00005.801.gif", "2015-05-15T15:45"),
        ("AQC161930000V_00005.gif", "2016-07-11T00:00"),
        ("201705091045_FINUTM.tif", "2017-05-09T10:45"),
        ("2_20180616_100600.prcp-cscn.nc", "2018-06-16T10:06:00"),
        ("S_NWC_CT_MSG4_FRANCE_20160101T001500Z.nc", "2016-01-01T00:15:00"),
        ("radar-2021-03-28_01-30-00.png", "2021-03-28T01:30:00"),
        ("rain_201602291200.asc", "2016-02-29T12:00"),
        ("cells_t007.tif", None),
        ("rain_201502291200.asc", None),
        ("20180616.nc", None),
        ("from_201801010000_to_201801020000.nc", None),
        ("id_18001332.nc", None),
        ("123456789012345678.nc", None),
    ],
)
def test_the_time_in_a_name(name: str, time: str | None) -> None:
    assert name_time(name) == (None if time is None else np.datetime64(time, "ns"))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["c_t0", "c_t1", "c_t3"], [0, 1, 3]),
        (["c_t10", "c_t2", "c_t9"], [8, 0, 7]),
        (["c_t5", "c_t10", "c_t20"], [0, 1, 3]),
        (["c_t0_mask", "c_t2_mask", "c_t1_mask"], [0, 2, 1]),
        (["b", "c", "a"], [1, 2, 0]),
        (["a1", "b", "c3"], [0, 1, 2]),
        (["a9", "b1", "c5"], [0, 1, 2]),
        (["x1", "x2", "x1000000000"], [0, 1, 2]),
        (["1588334400", "1588334700", "1588335300"], [0, 1, 3]),
    ],
)
def test_places_in_a_series_by_the_last_number(names: list[str], numbers: list[int]) -> None:
    found = places([Path(f"{name}.png") for name in names])
    assert [each.number for each in found if each] == numbers
    assert {each.twice for each in found if each} == {None}


def test_names_that_count_one_frame_twice_are_told() -> None:
    found = places([Path(f"{name}.png") for name in ("a_t0", "a_t1", "b_t1")])
    assert [each and each.twice for each in found] == ["a_t1.png and b_t1.png"] * 3
    assert found[0] is not None
    assert found[0].order == "a_t0.png … b_t1.png"
    assert places([Path("a.png")]) == [None]


def test_natural_order() -> None:
    assert sorted(map(Path, ["f10", "f9", "f1", "g"]), key=natural) == [Path(n) for n in ("f1", "f9", "f10", "g")]
