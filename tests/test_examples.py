"""Every example runs, in a folder of its own, with shorter training."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import xarray as xr

from nowcast import datasets

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


def test_radar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["radar.py", "--minutes", "0.05"])
    small = datasets.advected_echoes(frames=60, size=32)
    monkeypatch.setattr(datasets, "advected_echoes", lambda **_: small)
    runpy.run_path(str(EXAMPLES[0]), run_name="__main__")
    assert EXAMPLES[0].name == "radar.py"
    assert "radar-example/forecast.nc" in capsys.readouterr().out
    with xr.open_dataset("radar-example/forecast.nc") as forecast:
        assert (forecast["valid_time"] == forecast["forecast_reference_time"] + forecast["lead_time"]).all()
    assert Path("radar-example/forecast.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_can_be_read_in_one_go(path: Path) -> None:
    assert 30 <= len(path.read_text().splitlines()) <= 70
