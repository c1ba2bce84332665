from __future__ import annotations

import numpy as np
import pandas as pd

from nowcast.readers.counting import FIRST_FRAME, counted, rows_and_columns


def test_frames_are_counted_without_adding_up_errors() -> None:
    axis = counted(3001, 1 / 30)
    assert axis.attrs["counted_from"] == FIRST_FRAME
    assert axis.values[-1] == np.datetime64(100, "s")
    dated = counted(2, 300.0, pd.Timestamp("2026-05-01T12:00"))
    assert "counted_from" not in dated.attrs
    assert dated.values[1] == np.datetime64("2026-05-01T12:05")


def test_rows_and_columns_are_counted_or_measured() -> None:
    plain = rows_and_columns(3, 4)
    assert plain["y"].attrs == {"units": "1", "long_name": "row from the top"}
    assert plain["x"].values.tolist() == [0, 1, 2, 3]
    measured = rows_and_columns(3, 4, (0.5, "um"))
    assert measured["y"].values.tolist() == [0, 0.5, 1]
    assert measured["x"].attrs == {"units": "um"}
    assert rows_and_columns(3, 4, (1.0, "km"))["y"].attrs["long_name"] == "distance from the top"
