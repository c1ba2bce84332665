"""Every example runs, in a folder of its own, on small data with short training; so does what it says is next."""

from __future__ import annotations

import runpy
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
from typer.testing import CliRunner

from nowcast import cli, datasets, open_cube
from nowcast.readers import open_forecast

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synthetic data of 32 x 32 pixels."""
    monkeypatch.chdir(tmp_path)
    echoes, dataset = datasets.advected_echoes, datasets.open_dataset

    def few_echoes(**told: Any) -> xr.DataArray:
        return echoes(**{**told, "frames": 60, "size": 32})

    def few_clips(name: str, folder: str | None = None, **told: Any) -> xr.DataArray:
        return dataset(name, folder, size="32x32", **{**told, "sequences": 6})

    monkeypatch.setattr(datasets, "advected_echoes", few_echoes)
    monkeypatch.setattr(datasets, "open_dataset", few_clips)


@pytest.fixture
def told(small: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """What the example of that name prints; its last line names a command, and that is typed."""

    def run(name: str) -> str:
        monkeypatch.setattr("sys.argv", [name, "--minutes", "0.03"])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        out = capsys.readouterr().out
        place = Path(f"{name.removesuffix('.py').replace('_', '-')}-example")
        assert (place / "forecast.gif").read_bytes().startswith(b"GIF8")
        *_, before, last = out.splitlines()
        assert f"{place}/forecast.gif" in before
        command = shlex.split(last.removeprefix("next: nowcast "))
        assert last.startswith("next: nowcast ")
        typed = CliRunner().invoke(cli.app, command)
        assert typed.exit_code == 0, typed.output
        if command[0] == "report":
            assert "<html" in (place / "run-1" / "report.html").read_text()
        return out

    return run


def assert_judged(out: str) -> None:
    assert "cascade" in out
    for baseline in ("persistence", "advection"):
        assert f" {baseline}" in out


def test_radar(told: Callable[[str], str]) -> None:
    assert_judged(told("radar.py"))
    with xr.open_dataset("radar-example/forecast.nc") as forecast:
        assert (forecast["valid_time"] == forecast["forecast_reference_time"] + forecast["lead_time"]).all()
    newest = open_forecast("radar-example/newest.nc")
    assert newest["forecast_reference_time"].values[0] == open_cube("radar-example/radar.nc")["time"].values[-1]


def test_satellite(told: Callable[[str], str]) -> None:
    out = told("satellite.py")
    assert_judged(out)
    assert "hold blocks of exactly 0 with straight edges" in out
    cube = open_cube("satellite-example/satellite.nc", missing_value=0)
    lost = cube.isnull().mean(("channel", "y", "x"))
    assert lost[4] == lost[13] > 0
    assert lost[5] == 0
    assert f"missing: {float(lost.mean()):.1%}" in out
    assert isinstance(open_forecast("satellite-example/forecast.nc"), xr.Dataset)


def test_microscopy(told: Callable[[str], str]) -> None:
    assert_judged(told("microscopy.py"))
    written = open_forecast("microscopy-example/forecast.nc")
    assert isinstance(written, xr.Dataset)
    assert written["x"].attrs["units"] == "um"
    stack = tifffile.imread("microscopy-example/forecast.ome.tif")
    matched = written[f"{written.attrs['nowcast_variable']}_matched"]
    np.testing.assert_array_equal(stack.squeeze(), matched.values.squeeze())


@pytest.mark.filterwarnings("ignore:moving-mnist. no MNIST file is at hand")
def test_video(told: Callable[[str], str]) -> None:
    assert_judged(told("video.py"))
    clips = open_cube(sorted(Path("video-example").glob("clip-*.mkv")))
    assert clips.sizes["time"] == 6 * 20


@pytest.mark.filterwarnings("ignore:moving-mnist. no MNIST file is at hand")
def test_moving_mnist(told: Callable[[str], str]) -> None:
    out = told("moving_mnist.py")
    assert "'test': 20, 'training': 80, 'validation': 20} frames" in out
    assert "convlstm" in out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_tested_and_can_be_read_in_one_go(path: Path) -> None:
    assert f"test_{path.stem}" in globals()
    assert 40 <= len(path.read_text().splitlines()) <= 70
