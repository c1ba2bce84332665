"""A run's folder and a table of scores become a page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import xarray as xr

from nowcast import run
from nowcast.errors import InputError
from nowcast.writers import write_dataset


@pytest.fixture
def copied(trained: xr.Dataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.attrs["run"], tmp_path / "tiny"))


def test_a_run_becomes_a_page_that_tells_all_of_it(copied: Path) -> None:
    path = run.report(copied, progress=False)
    assert path == copied / "report.html"
    text = path.read_text("utf-8")
    for words in (
        "cascade", "persistence", "Best case", "Split", "Learning", "hardware", "core(s)", "training time",
        "1000 x 1000 m", "rain rate", "frames are left out between parts", "0 frames are in two parts",
        "Thresholds: 0.1, 1, 5, 10", "--config", "licence of the data", "fingerprint", "a step",
    ):  # fmt: skip
        assert words in text, words
    parameters = text.split("parameters</dt><dd>")[1].split("<")[0].replace(" ", "")
    assert int(parameters) > 1000
    assert 30_000 < path.stat().st_size < 8_000_000


def test_a_run_holds_the_card_of_its_model(trained: xr.Dataset) -> None:
    place = Path(trained.attrs["run"])
    text = (place / "model_card.md").read_text("utf-8")
    for words in (
        "# tiny: rain rate", "of rain_rate (mm h-1)", "## Verdict", "advection", "the files state none",
        "0 frames are in two parts", "| MSE, times that of persistence |", "hidden:", "thread(s)", "scoring ",
        f"nowcast report {place}",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("\n| 5 min |") == 1


def test_what_a_run_lacks_is_left_out(copied: Path) -> None:
    for name in ("cases.nc", "history.jsonl", "split.json", "circumstances.json", "model.safetensors"):
        (copied / name).unlink()
    (copied / "history.jsonl").write_text('{"epoch": 1, "validat\n[1]\nnull\n')
    (copied / "split.json").write_text("[")
    text = run.report(copied, copied / "out.html", progress=False).read_text("utf-8")
    for words in ("Best case", "Learning", "Split", "The model"):
        assert words not in text
    assert "nowcast fit PATH" in text


def test_several_cubes_have_parts_of_their_own(copied: Path) -> None:
    for name in ("scores.nc", "split.json", "cases.nc"):
        stem, suffix = name.split(".")
        shutil.copy(copied / name, copied / f"{stem}-2.{suffix}")
    text = run.report(copied, progress=False).read_text("utf-8")
    assert "Errors by lead time, cube 2" in text
    assert text.count("<h3>Best case") == 2


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_scores_become_a_page_beside_them(trained: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scores{suffix}"
    write_dataset(trained.drop_attrs(deep=False).assign_attrs(variable="rain_rate", units="mm h-1"), path)
    page = run.report(path, progress=False)
    assert page == tmp_path / "scores.html"
    text = page.read_text("utf-8")
    assert "CSI ≥ 1 mm h-1" in text
    assert "Best case" not in text
    assert run.report(trained, tmp_path / "own.html", progress=False).read_text("utf-8").count("<svg") > 5


def test_the_command_to_repeat_a_run_is_one_that_runs(copied: Path) -> None:
    (copied / "circumstances.json").write_text(json.dumps({"sources": ["my radar/*.h5"]}))
    text = run.report(copied, progress=False).read_text("utf-8")
    assert f"nowcast fit &#x27;my radar/*.h5&#x27; --config {copied / 'config.yaml'} --run {copied}-again" in text


def test_what_is_no_run_is_refused(tmp_path: Path, copied: Path) -> None:
    with pytest.raises(InputError, match="no such run"):
        run.report(tmp_path / "nothing")
    with pytest.raises(InputError, match="no run"):
        run.report(tmp_path)
    with pytest.raises(InputError, match="a report is a page"):
        run.report(copied, tmp_path / "report.pdf")
    (copied / "scores.nc").unlink()
    with pytest.raises(InputError, match="not scored yet") as refused:
        run.report(copied)
    assert "--resume" in str(refused.value)
    (tmp_path / "damaged.nc").write_bytes(b"no netcdf")
    with pytest.raises(InputError, match="cannot be read as scores"):
        run.report(tmp_path / "damaged.nc")
    write_dataset(xr.Dataset({"a": ("x", [1.0])}), tmp_path / "other.nc")
    with pytest.raises(InputError, match="no table of scores"):
        run.report(tmp_path / "other.nc")
    assert not list(tmp_path.glob("*.html"))
