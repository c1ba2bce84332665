from __future__ import annotations

import numpy as np
import pandas as pd

from nowcast.readers.counting import FIRST_FRAME, counted


def test_frames_are_counted_without_adding_up_errors() -> None:
    axis = counted(3001, 1 / 30)
    assert axis.attrs["counted_from"] == FIRST_FRAME
    assert axis.values[-1] == np.datetime64(100, "s")
    dated = counted(2, 300.0, pd.Timestamp("2026-05-01T12:00"))
    assert "counted_from" not in dated.attrs
    assert dated.values[1] == np.datetime64("2026-05-01T12:05")
