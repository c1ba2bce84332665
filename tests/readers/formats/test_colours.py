from __future__ import annotations

import numpy as np
import pytest

from nowcast.readers.formats.colours import TABLES, colour_table


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_value_or_missing_for_each_index(name: str) -> None:
    table = colour_table(name, label="a.gif")
    assert table.values.shape == (256,)
    assert table.values.dtype == "float32"
    assert {"units", "long_name"} <= set(table.attrs)


def test_meteoswiss_grows_with_the_index() -> None:
    values = colour_table("meteoswiss", label="a.gif").values
    assert (np.diff(values[2:251]) > 0).all()
    assert not values[:2].any()
    assert not values[251:255].any()
    assert np.isnan(values[255])
