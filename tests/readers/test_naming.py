from __future__ import annotations

import numpy as np
import pytest

from nowcast.readers.naming import name_time


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
