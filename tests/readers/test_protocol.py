from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.readers import open_cube, opening
from nowcast.readers.options import Options
from nowcast.readers.protocol import Reader


class FakeReader:
    name = "fake"

    def recognises(self, path: Path) -> bool:
        return path.read_bytes().startswith(b"FAKE")

    def open(self, path: Path, options: Options) -> xr.Dataset:
        times = np.array(["2020-01-01"], dtype="datetime64[s]")
        return xr.Dataset({"v": (("time", "row", "col"), np.full((1, 2, 3), 7, "u1"))}, coords={"time": times})


def test_a_reader_is_whatever_satisfies_the_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(FakeReader(), Reader)
    assert all(isinstance(reader, Reader) for reader in opening.READERS)
    monkeypatch.setattr(opening, "READERS", (FakeReader(), *opening.READERS))
    (tmp_path / "a.bin").write_bytes(b"FAKE")
    cube = open_cube(tmp_path / "a.bin")
    assert cube.shape == (1, 1, 2, 3)
    assert int(cube.sum()) == 42
    assert cube.attrs["source_dims"] == "time=time y=row x=col"
