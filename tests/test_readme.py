"""What README, docs and the example show is executed, in their order, with shorter training."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.datasets import advected_echoes

ROOT = Path(__file__).parent.parent
SHORT = ["--epochs", "1", "--hidden", "4"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `melbourne/*.nc`: one file per time, the time a scalar."""
    (tmp_path / "melbourne").mkdir()
    cube = advected_echoes(frames=60, size=32, seed=1)
    for index in range(cube.sizes["time"]):
        frame = cube.isel(time=index, channel=0).drop_vars("crs").rename(time="valid_time")
        frame.attrs = {key: value for key, value in frame.attrs.items() if key in {"units", "standard_name"}}
        frame.to_dataset(name="rain_rate").to_netcdf(tmp_path / "melbourne" / f"radar_{index:03d}.nc")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(typed: Callable[..., Any], command: str) -> None:
    words = shlex.split(command, comments=True)
    assert words.pop(0) == "nowcast"
    found = [path for word in words for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    ended = typed(*found, *(SHORT if words[0] == "fit" else []))
    assert ended.code == 0, ended.err


def test_the_commands_of_the_readme(folder: Path, page: Callable[[str], Any], typed: Callable[..., Any]) -> None:
    makes, commands = page("../README.md").blocks("sh")
    targets = [line.split()[1] for line in makes.splitlines()]
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.M) for target in targets)
    lines = commands.strip().splitlines()
    assert [line.split()[1] for line in lines] == ["convert", "inspect", "fit", "forecast", "evaluate"]
    for line in lines[:4]:
        run(typed, line)
    assert xr.open_dataset("forecast.nc")["rain_rate"].dims == ("forecast_reference_time", "lead_time", "y", "x")
    # The newest frames have no truth yet: score a forecast from an earlier time, as the README says.
    time = np.datetime_as_string(xr.open_zarr("radar.zarr", consolidated=False)["valid_time"].values[-20], "s")
    run(typed, f"nowcast forecast radar.zarr -o forecast.nc --at {time}")
    run(typed, lines[4])


def test_the_python_of_the_readme_and_of_the_docs(
    folder: Path, page: Callable[[str], Any], typed: Callable[..., Any]
) -> None:
    run(typed, "nowcast convert melbourne/*.nc radar.zarr")
    shown = page("../README.md").blocks() + page("explanation/way_of_the_data.md").blocks()
    assert len(shown) == 3
    names: dict[str, object] = {}
    for block in shown:
        code = block.replace("nowcast.fit(cube)", "nowcast.fit(cube, epochs=1, hidden=[4])")
        code = re.sub(r'cube\.sel\(time="[^"]*"\)\.plot\(\)', "cube.isel(time=0).plot()", code)
        exec(compile(code, "shown", "exec"), names)
    assert isinstance(names["forecast"], xr.Dataset)
    assert names["forecast"]["rain_rate"].notnull().all()
