"""What the how-to pages show is executed."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import cli
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.readers import opening
from nowcast.readers.protocol import Reader

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how_to" / "add_a_reader.md"
GAPS = ROOT / "docs" / "how_to" / "missing_frames.md"


def blocks(page: Path, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's reader defines, with its reader registered."""
    found: dict[str, Any] = {"__name__": "ascii_grid"}
    exec(compile(blocks(PAGE)[0], str(PAGE), "exec"), found)
    monkeypatch.setattr(opening, "READERS", (found["AsciiGridReader"](), *opening.READERS))
    return found


def write_grid(path: Path, values: np.ndarray) -> None:
    header = f"ncols {values.shape[1]}\nnrows {values.shape[0]}\nxllcorner 1000\nyllcorner 500\ncellsize 250\n"
    rows = "\n".join(" ".join(f"{value:g}" for value in row) for row in values)
    path.write_text(f"{header}NODATA_value -9999\n{rows}\n")


def test_the_reader_on_the_page_is_short_and_a_reader(names: dict[str, Any]) -> None:
    assert len(blocks(PAGE)[0].splitlines()) < 60
    assert isinstance(names["AsciiGridReader"](), Reader)


def test_the_reader_on_the_page_reads(names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grids").mkdir()
    frames = np.arange(3 * 4 * 5, dtype="float32").reshape(3, 4, 5)
    frames[1, 2, 3] = -9999
    for index in (2, 0, 1):
        write_grid(Path(f"grids/rain_2018051612{5 * index:02d}.asc"), frames[index])
    exec(compile(blocks(PAGE)[1], str(PAGE), "exec"), names)
    cube = names["cube"]
    assert (
        cube["time"].values.tolist()
        == np.arange("2018-05-16T12:00", "2018-05-16T12:15", 5, dtype="datetime64[m]").astype("datetime64[ns]").tolist()
    )
    frames[1, 2, 3] = np.nan
    np.testing.assert_array_equal(cube.values[:, 0], frames)
    assert cube["y"].values.tolist() == [1375, 1125, 875, 625]
    assert cube["x"].values[0] == 1125


def test_the_reader_on_the_page_refuses_damage(names: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rain_201805161200.asc").write_text("ncols 5\nnrows many\n")
    with pytest.raises(InputError, match="header"):
        opening.open_cube(tmp_path / "rain_201805161200.asc")


def test_missing_and_late_frames_as_on_the_page(
    typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    time = np.datetime64("2026-05-01T05:00", "ns") - np.arange(80)[::-1] * np.timedelta64(5, "m")
    cube = advected_echoes(frames=80, size=16).assign_coords(time=time)
    nowcast.write_cube(cube.drop_isel(time=[10, 21, 22, 78, 79]), "radar.zarr")
    fit, forecast = blocks(GAPS, "sh")[0].strip().splitlines()
    ended = typed(*fit.split()[1:], "--epochs", "1", "--hidden", "4")
    assert ended.code == 0, ended.err
    assert "2 of 2 bridged by --gaps hold (3 frame(s) absent" in ended.err
    late = typed(*forecast.replace("05:00", "04:55").split()[1:])
    assert late.code == 0, late.err
    assert "missing  1 of the 6 frames given; the newest is 5 min old" in late.err
    later = typed(*forecast.split()[1:])
    assert later.code == 0, later.err
    too_late = typed(*forecast.replace("05:00", "05:05").split()[1:])
    assert too_late.code == 2
    assert "3 frame(s) up to it missing" in too_late.err
    assert "at most 2 late or in a gap" in too_late.err
    names: dict[str, Any] = {}
    exec(compile(blocks(GAPS)[0], str(GAPS), "exec"), names)
    assert names["forecast"]["missing_inputs"].values.tolist() == [2]
    with xr.open_dataset("forecast.nc", decode_timedelta=True) as written:
        assert written["missing_inputs"].values.tolist() == [2]
        assert written["input_age"].values == np.timedelta64(10, "m")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_on_large_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "how_to" / "large_archives.md"
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=60, size=32, seed=1), "archive.nc")
    wide = advected_echoes(frames=60, size=40, seed=2)
    wide = wide.assign_coords({axis: (axis, 2 * wide[axis].values, wide[axis].attrs) for axis in ("y", "x")})
    nowcast.write_cube(wide, "other.zarr")
    commands = [line for block in blocks(page, "sh") for line in block.strip().splitlines()]
    assert [line.split()[1] for line in commands] == ["convert", "fit", "fit", "fit"]
    for command in commands:
        words = shlex.split(command, comments=True)[1:]
        short = ["--epochs", "1", "--hidden", "4", "--context", "3", "--horizon", "2"] if words[0] == "fit" else []
        monkeypatch.setattr("sys.argv", ["nowcast", *words, *short])
        try:
            cli.main()
        except SystemExit as end:
            assert not end.code, f"{command!r} ended with {end.code}"  # noqa: PT017
    names: dict[str, Any] = {}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)
    assert names["context"].shape == (8, 4, 2, 16, 16)
    assert len(names["dataset"]) == len(names["windows"]) > 0


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_on_fields_of_full_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "how_to" / "full_size_fields.md"
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=40, size=160), "composite.zarr")
    commands = blocks(page, "sh")[0].strip().splitlines()
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command, comments=True)[1:]
        short = ["--epochs", "1", "--hidden", "4,4", "--context", "3", "--horizon", "2", "--stride", "4"]
        monkeypatch.setattr("sys.argv", ["nowcast", *words, *short])
        try:
            cli.main()
        except SystemExit as end:
            assert not end.code, f"{command!r} ended with {end.code}"  # noqa: PT017


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_on_reports(typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "how_to" / "read_the_report.md"
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=60, size=16), "radar.zarr")
    Path("runs").mkdir()
    for line in blocks(page, "sh")[0].strip().splitlines():
        words = shlex.split(line, comments=True)[1:]
        small = ["--hidden", "4", "--context", "3", "--horizon", "2"]
        short = ["--epochs", "1", *small] if words[0] == "fit" else []
        ended = typed(*words, *short)
        assert ended.code == 0, ended.err
        if words[0] in ("fit", "evaluate"):
            assert re.search(r"next: nowcast report (runs/first|scores.nc)", ended.err)
    exec(compile(blocks(page)[0], str(page), "exec"), {})
    first = Path("runs/first/report.html").read_text("utf-8")
    assert Path("first.html").read_text("utf-8") == Path("again.html").read_text("utf-8") == first
    assert "Best case" in first
    assert "Best case" not in Path("scores.html").read_text("utf-8")
    picture = ROOT / "docs" / re.search(r"\.\./(images/.*?\.png)", page.read_text())[1]  # type: ignore[index]
    assert 50_000 < picture.stat().st_size < 400_000
    # What the page says to type does the same again.
    again = shlex.split(html.unescape(first.split("<pre", 1)[1].split(">", 1)[1].splitlines()[0]))
    ended = typed(*again[1:], "-q")
    assert ended.code == 0, ended.err
    with xr.open_dataset("runs/first/scores.nc") as one, xr.open_dataset("runs/first-again/scores.nc") as other:
        xr.testing.assert_equal(one[["mse", "csi"]], other[["mse", "csi"]])


def test_the_page_on_events(typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "how_to" / "train_on_events.md"
    monkeypatch.chdir(tmp_path)
    Path("events").mkdir()
    for day, name in ((1, "monday"), (2, "tuesday"), (5, "friday")):
        cube = advected_echoes(frames=40, size=16, seed=day)
        start = np.datetime64("2026-06-01", "ns") + np.timedelta64(day, "D")
        time = start + np.arange(40) * np.timedelta64(5, "m")
        nowcast.write_cube(cube.assign_coords(time=time), f"events/{name}.nc")
    told = []
    for block in blocks(page, "sh"):
        for line in block.strip().splitlines():
            words = line.split()[1:]
            short = ["--epochs", "1", "--hidden", "4", "--stride", "6"] if words[0] == "fit" else []
            ended = typed(*words, *short)
            assert ended.code == 0, ended.err
            told.append(ended.err)
    assert "windows  4 frames in, 12 out" in told[0]
    assert "no validation part: the last weights are kept" in told[1]
    assert "never scored on a test part" in told[2]
    assert "Not scored" in Path("runs/monday/report.html").read_text("utf-8")
    names: dict[str, Any] = {}
    exec(compile(blocks(page)[0], str(page), "exec"), names)
    assert names["scores"].sizes["lead_time"] == 12


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_on_benchmarks(typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "how_to" / "benchmark.md"
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=80, size=16), "radar.zarr")
    protocol = blocks(page, "yaml")[0]
    quick = protocol.replace("hidden: [32, 32]", "hidden: [4]").replace("epochs: 20", "epochs: 1")
    assert quick != protocol
    Path("radar.yaml").write_text(quick)
    first, second, third = (shlex.split(line, comments=True)[1:] for line in blocks(page, "sh")[0].strip().splitlines())
    ended = typed(*first)
    assert ended.code == 0, ended.err
    hashes = dict(re.findall(r"unlocked (\S+): ([0-9a-f]{64})", ended.err))
    assert set(hashes) == set(re.findall(r"^\| `(\S+sha256)`", page.read_text(), flags=re.M))
    next(Path("runs").iterdir()).rename("runs/mine")
    # Without models, as it is quicker: of the same data and split.
    Path("radar.yaml").write_text(quick.split("models:")[0])
    ended = typed(*first)
    assert ended.code == 0, ended.err
    ended = typed(*second)
    assert ended.code == 0, ended.err
    assert "same     as result.json" in ended.err
    ended = typed(*third)
    assert ended.code == 0, ended.err
    assert re.search(r"convlstm [0-9a-f]{8}", ended.out)
    names: dict[str, Any] = {}
    exec(compile(blocks(page)[0], str(page), "exec"), names)
    assert names["result"]["same"]["data"]["sha256"] == hashes["data.sha256"]


def test_the_notebook_page_runs_cell_by_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=60, size=32), "radar.nc")
    cells = blocks(ROOT / "docs" / "how_to" / "in_a_notebook.md")
    names: dict[str, Any] = {}
    for cell in cells:
        exec(
            compile(cell.replace("max_minutes=1.0", "epochs=1, hidden=[4], batch=4"), "in_a_notebook.md", "exec"), names
        )
    assert Path("forecast.gif").read_bytes().startswith(b"GIF8")
    assert Path("newest.nc").is_file()
    assert Path("radar-run/report.html").is_file()


def test_the_page_on_tuning(typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna", reason="the extra tune is not installed: pip install 'nowcast[tune]'")
    pytest.importorskip("tensorboard", reason="the extra track is not installed: pip install 'nowcast[track]'")
    page = ROOT / "docs" / "how_to" / "tune.md"
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=60, size=32).coarsen(y=2, x=2).mean().astype("float32"), "radar.zarr")
    small = {
        "tune": ["--hidden", "4", "--context", "3", "--horizon", "2", "--model", "convlstm", "--epochs", "1"],
        "fit": ["--epochs", "1", "--model", "convlstm", "--hidden", "4", "--context", "3", "--horizon", "2"],
    }
    for line in "".join(blocks(page, "sh")).strip().splitlines():
        program, verb, *words = shlex.split(line)
        if program != "nowcast":
            continue
        fewer = [{"20": "2", "30": "3"}.get(word, word) for word in words] if verb == "tune" else words
        ended = typed(verb, *fewer, *small[verb])
        assert ended.code == 0, ended.err
    assert len(list(Path("runs/search/trials").iterdir())) == 3
    assert list(Path("runs/watched/tensorboard").iterdir())
    for name in re.findall(r"^\| `(\S+?)/?` \|", page.read_text(), flags=re.M):
        assert name.startswith(("cascade", "convlstm")) or Path("runs/search", name).exists(), name
    names: dict[str, Any] = {}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)
    assert names["tuned"].best.score < 2
    assert Path("logged").is_dir()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_on_training(typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "how_to" / "train.md"
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=40, size=16), "radar.zarr")
    small = ["--model", "convlstm", "--hidden", "4", "--epochs", "1", "--context", "3", "--horizon", "2"]
    told = {}
    for line in (line for block in blocks(page, "sh") for line in block.strip().splitlines()):
        ended = typed(*line.split()[1:], *small)
        assert ended.code == 0, ended.err
        told[line.split()[-1]] = ended.err
    assert re.search(r"trained .*; csi@1mm/h 0\.\d+, persistence 0\.\d+", told["runs/by-csi"])
    assert re.search(r"rate     0\.\d+, a tenth of the rate of the least loss; losses: ", told["runs/found"])
    assert len(told) == 4
    wrong = typed("fit", "radar.zarr", *small, "--learning-rate", "1e30", "--run", "runs/wrong")
    assert wrong.code == 2
    for line in blocks(page, "text")[0].splitlines():
        assert re.search(re.sub(r"\d+", r"\\d+", re.escape(line)), wrong.err), line
    Path("skip.yaml").write_text(blocks(page, "yaml")[0])
    ended = typed("fit", "radar.zarr", *small, "--config", "skip.yaml", "--run", "runs/skipping")
    assert ended.code == 0, ended.err
    assert '"skipped": 0' in Path("runs/skipping/history.jsonl").read_text()
    names: dict[str, Any] = {}
    exec(compile(blocks(page)[0], str(page), "exec"), names)
    assert names["scores"].sizes["lead_time"] >= 1
