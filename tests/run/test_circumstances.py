"""What a run was begun on is written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.run.circumstances import write_circumstances


@pytest.mark.parametrize(
    ("source", "paths"),
    [("radar.zarr", ["radar.zarr"]), (Path("a"), ["a"]), (["a", Path("b")], ["a", "b"]),
     (xr.DataArray(np.zeros(2)), []), ([xr.DataArray(np.zeros(2))], [])],
    ids=["text", "path", "several", "cube", "cubes"],
)  # fmt: skip
def test_paths_machine_and_time_are_told(tmp_path: Path, source: Any, paths: list[str]) -> None:
    write_circumstances(tmp_path, source)
    told = json.loads((tmp_path / "circumstances.json").read_text())
    assert told["sources"] == paths
    assert "core(s)" in told["hardware"]
    assert told["begun"].endswith(" UTC")
    assert told["python"].startswith("3.")
