"""A tiny protocol on a synthetic cube, as a file beside its data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import yaml

from nowcast.datasets import advected_echoes
from nowcast.protocols import Protocol
from nowcast.writers import write_cube

PLAIN: dict[str, Any] = {
    "name": "tiny",
    "description": "advected echoes",
    "data": {"paths": ["tiny.nc"]},
    "windows": {"context": 3, "horizon": 2, "stride": 5},
    "split": {"rule": "all"},
    "metrics": {"mse": {"over": "sum"}, "mae": {"over": "mean"}},
}


@pytest.fixture(scope="session")
def echoes() -> xr.DataArray:
    return advected_echoes(frames=40, size=16)


@pytest.fixture
def protocol_of() -> Callable[..., Protocol]:
    """The tiny protocol, with other rooms in place of its own."""

    def made(**rooms: Any) -> Protocol:
        return Protocol.model_validate({**PLAIN, **rooms})

    return made


@pytest.fixture
def written(tmp_path: Path, echoes: xr.DataArray) -> Callable[..., Path]:
    """The tiny protocol as a file beside its data, with other rooms in place of its own."""

    def write(name: str = "tiny.yaml", **rooms: Any) -> Path:
        if not (tmp_path / "tiny.nc").exists():
            write_cube(echoes, tmp_path / "tiny.nc")
        path = tmp_path / name
        path.write_text(yaml.safe_dump({**PLAIN, **rooms}, sort_keys=False))
        return path

    return write
