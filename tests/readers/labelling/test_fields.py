from __future__ import annotations

import numpy as np

from nowcast.readers.labelling.gridded import as_cube
from nowcast.readers.options import Options
from tests.readers.labelling.test_gridded import gridded, refused


def test_choosing_the_variable() -> None:
    dataset = gridded().assign(
        w=(("time", "y", "x"), np.zeros((2, 3, 4)), {"long_name": "wind"}), ground=(("y", "x"), np.zeros((3, 4)))
    )
    message = refused(dataset)
    assert "w (time 2, y 3, x 4) wind" in message
    assert "ground" not in message
    assert "--variable v" in message
    assert as_cube(dataset, "file", Options(variable="w")).name == "w"
    assert "did you mean 'ground'" in refused(dataset, variable="groud")
    assert "no field" in refused(dataset, variable="time")
