"""Tables are read into memory, and what is none is refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.run.folder.tables import checked, opened, scores_from
from nowcast.writers import write_dataset


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_scores_are_read_into_memory(trained: xr.Dataset, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scores{suffix}"
    write_dataset(trained, path)
    read = scores_from(path)
    xr.testing.assert_allclose(read.drop_attrs(), trained.drop_attrs())
    assert all(variable.chunks is None for variable in read.variables.values())


def test_what_is_no_table_of_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such run"):
        scores_from(tmp_path / "nothing.nc")
    (tmp_path / "damaged.nc").write_bytes(b"no netcdf")
    with pytest.raises(InputError, match="cannot be read as scores"):
        opened(tmp_path / "damaged.nc")
    with pytest.raises(InputError, match=r"no table of scores\n  found:  dims a"):
        checked(xr.Dataset({"b": ("a", [1.0])}), None)
