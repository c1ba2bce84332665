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
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.readers import opening
from nowcast.readers.protocol import Reader

Pages = Callable[[str], Any]
Cli = Callable[..., Any]

LEAKS = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
"""Sockets of distributed's that its own end leaves to Python."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def words_of(block: str) -> list[list[str]]:
    """The words of each line behind its first, which is `nowcast`."""
    return [shlex.split(line, comments=True)[1:] for line in block.strip().splitlines()]


@pytest.fixture
def reader(page: Pages) -> Any:
    return page("how_to/add_a_reader.md")


@pytest.fixture
def names(reader: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's reader defines, with its reader registered."""
    found: dict[str, Any] = reader.execute({"__name__": "ascii_grid"}, 0)
    monkeypatch.setattr(opening, "READERS", (found["AsciiGridReader"](), *opening.READERS))
    return found


def write_grid(path: Path, values: np.ndarray) -> None:
    header = f"ncols {values.shape[1]}\nnrows {values.shape[0]}\nxllcorner 1000\nyllcorner 500\ncellsize 250\n"
    rows = "\n".join(" ".join(f"{value:g}" for value in row) for row in values)
    path.write_text(f"{header}NODATA_value -9999\n{rows}\n")


def test_the_reader_on_the_page_is_short_and_a_reader(reader: Any, names: dict[str, Any]) -> None:
    assert len(reader.blocks()[0].splitlines()) < 60
    assert isinstance(names["AsciiGridReader"](), Reader)


def test_the_reader_on_the_page_reads(reader: Any, names: dict[str, Any]) -> None:
    Path("grids").mkdir()
    frames = np.arange(3 * 4 * 5, dtype="float32").reshape(3, 4, 5)
    frames[1, 2, 3] = -9999
    for index in (2, 0, 1):
        write_grid(Path(f"grids/rain_2018051612{5 * index:02d}.asc"), frames[index])
    cube = reader.execute(names, 1)["cube"]
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


def test_missing_and_late_frames_as_on_the_page(page: Pages, typed: Cli) -> None:
    shown = page("how_to/missing_frames.md")
    time = np.datetime64("2026-05-01T05:00", "ns") - np.arange(80)[::-1] * np.timedelta64(5, "m")
    cube = advected_echoes(frames=80, size=16).assign_coords(time=time)
    nowcast.write_cube(cube.drop_isel(time=[10, 21, 22, 78, 79]), "radar.zarr")
    fit, forecast = shown.blocks("sh")[0].strip().splitlines()
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
    names = shown.execute({}, 0)
    assert names["forecast"]["missing_inputs"].values.tolist() == [2]
    with xr.open_dataset("forecast.nc", decode_timedelta=True) as written:
        assert written["missing_inputs"].values.tolist() == [2]
        assert written["input_age"].values == np.timedelta64(10, "m")


@LEAKS
def test_the_page_on_large_archives(page: Pages, typed: Cli) -> None:
    shown = page("how_to/large_archives.md")
    nowcast.write_cube(advected_echoes(frames=60, size=32, seed=1), "archive.nc")
    wide = advected_echoes(frames=60, size=40, seed=2)
    wide = wide.assign_coords({axis: (axis, 2 * wide[axis].values, wide[axis].attrs) for axis in ("y", "x")})
    nowcast.write_cube(wide, "other.zarr")
    commands = [words for block in shown.blocks("sh") for words in words_of(block)]
    assert [words[0] for words in commands] == ["convert", "fit", "fit", "fit"]
    for words in commands:
        short = ["--epochs", "1", "--hidden", "4", "--context", "3", "--horizon", "2"] if words[0] == "fit" else []
        ended = typed(*words, *short)
        assert ended.code == 0, ended.err
    names = shown.execute({})
    assert names["context"].shape == (8, 4, 2, 16, 16)
    assert len(names["dataset"]) == len(names["windows"]) > 0


@LEAKS
def test_the_page_on_fields_of_full_size(page: Pages, typed: Cli) -> None:
    nowcast.write_cube(advected_echoes(frames=40, size=160), "composite.zarr")
    commands = words_of(page("how_to/full_size_fields.md").blocks("sh")[0])
    assert len(commands) == 3
    for words in commands:
        short = ["--epochs", "1", "--hidden", "4,4", "--context", "3", "--horizon", "2", "--stride", "4"]
        ended = typed(*words, *short)
        assert ended.code == 0, ended.err


@LEAKS
def test_the_page_on_reports(page: Pages, typed: Cli) -> None:
    shown = page("how_to/read_the_report.md")
    nowcast.write_cube(advected_echoes(frames=60, size=16), "radar.zarr")
    Path("runs").mkdir()
    for words in words_of(shown.blocks("sh")[0]):
        small = ["--hidden", "4", "--context", "3", "--horizon", "2"]
        short = ["--epochs", "1", *small] if words[0] == "fit" else []
        ended = typed(*words, *short)
        assert ended.code == 0, ended.err
        if words[0] in ("fit", "evaluate"):
            assert re.search(r"next: nowcast report (runs/first|scores.nc)", ended.err)
    shown.execute({}, 0)
    first = Path("runs/first/report.html").read_text("utf-8")
    assert Path("first.html").read_text("utf-8") == Path("again.html").read_text("utf-8") == first
    assert "Best case" in first
    assert "Best case" not in Path("scores.html").read_text("utf-8")
    picture = shown.path.parent / re.search(r"\.\./images/.*?\.png", shown.path.read_text())[0]  # type: ignore[index]
    assert 50_000 < picture.stat().st_size < 400_000
    # What the page says to type does the same again.
    again = shlex.split(html.unescape(first.split("<pre", 1)[1].split(">", 1)[1].splitlines()[0]))
    ended = typed(*again[1:], "-q")
    assert ended.code == 0, ended.err
    with xr.open_dataset("runs/first/scores.nc") as one, xr.open_dataset("runs/first-again/scores.nc") as other:
        xr.testing.assert_equal(one[["mse", "csi"]], other[["mse", "csi"]])


def test_the_page_on_events(page: Pages, typed: Cli) -> None:
    shown = page("how_to/train_on_events.md")
    Path("events").mkdir()
    for day, name in ((1, "monday"), (2, "tuesday"), (5, "friday")):
        cube = advected_echoes(frames=40, size=16, seed=day)
        start = np.datetime64("2026-06-01", "ns") + np.timedelta64(day, "D")
        time = start + np.arange(40) * np.timedelta64(5, "m")
        nowcast.write_cube(cube.assign_coords(time=time), f"events/{name}.nc")
    told = []
    for block in shown.blocks("sh"):
        for words in words_of(block):
            short = ["--epochs", "1", "--hidden", "4", "--stride", "6"] if words[0] == "fit" else []
            ended = typed(*words, *short)
            assert ended.code == 0, ended.err
            told.append(ended.err)
    assert "windows  4 frames in, 12 out" in told[0]
    assert "no validation part: the last weights are kept" in told[1]
    assert "never scored on a test part" in told[2]
    assert "Not scored" in Path("runs/monday/report.html").read_text("utf-8")
    assert shown.execute({}, 0)["scores"].sizes["lead_time"] == 12


@LEAKS
def test_the_page_on_benchmarks(page: Pages, typed: Cli) -> None:
    shown = page("how_to/benchmark.md")
    nowcast.write_cube(advected_echoes(frames=80, size=16), "radar.zarr")
    protocol = shown.blocks("yaml")[0]
    quick = protocol.replace("hidden: [32, 32]", "hidden: [4]").replace("epochs: 20", "epochs: 1")
    assert quick != protocol
    Path("radar.yaml").write_text(quick)
    first, second, third = words_of(shown.blocks("sh")[0])
    ended = typed(*first)
    assert ended.code == 0, ended.err
    hashes = dict(re.findall(r"unlocked (\S+): ([0-9a-f]{64})", ended.err))
    assert set(hashes) == set(re.findall(r"^\| `(\S+sha256)`", shown.path.read_text(), flags=re.M))
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
    assert shown.execute({}, 0)["result"]["same"]["data"]["sha256"] == hashes["data.sha256"]


def test_the_notebook_page_runs_cell_by_cell(page: Pages) -> None:
    nowcast.write_cube(advected_echoes(frames=60, size=32), "radar.nc")
    cells = page("how_to/in_a_notebook.md").blocks()
    names: dict[str, Any] = {}
    for cell in cells:
        exec(
            compile(cell.replace("max_minutes=1.0", "epochs=1, hidden=[4], batch=4"), "in_a_notebook.md", "exec"), names
        )
    assert Path("forecast.gif").read_bytes().startswith(b"GIF8")
    assert Path("newest.nc").is_file()
    assert Path("radar-run/report.html").is_file()


def test_the_page_on_tuning(page: Pages, typed: Cli) -> None:
    pytest.importorskip("optuna", reason="the extra tune is not installed: pip install 'nowcast[tune]'")
    pytest.importorskip("tensorboard", reason="the extra track is not installed: pip install 'nowcast[track]'")
    shown = page("how_to/tune.md")
    nowcast.write_cube(advected_echoes(frames=60, size=32).coarsen(y=2, x=2).mean().astype("float32"), "radar.zarr")
    small = {
        "tune": ["--hidden", "4", "--context", "3", "--horizon", "2", "--model", "convlstm", "--epochs", "1"],
        "fit": ["--epochs", "1", "--model", "convlstm", "--hidden", "4", "--context", "3", "--horizon", "2"],
    }
    for line in "".join(shown.blocks("sh")).strip().splitlines():
        program, verb, *words = shlex.split(line)
        if program != "nowcast":
            continue
        fewer = [{"20": "2", "30": "3"}.get(word, word) for word in words] if verb == "tune" else words
        ended = typed(verb, *fewer, *small[verb])
        assert ended.code == 0, ended.err
    assert len(list(Path("runs/search/trials").iterdir())) == 3
    assert list(Path("runs/watched/tensorboard").iterdir())
    for name in re.findall(r"^\| `(\S+?)/?` \|", shown.path.read_text(), flags=re.M):
        assert name.startswith(("cascade", "convlstm")) or Path("runs/search", name).exists(), name
    assert shown.execute({})["tuned"].best.score < 2
    assert Path("logged").is_dir()


@LEAKS
def test_the_page_on_training(page: Pages, typed: Cli) -> None:
    shown = page("how_to/train.md")
    nowcast.write_cube(advected_echoes(frames=40, size=16), "radar.zarr")
    small = ["--model", "convlstm", "--hidden", "4", "--epochs", "1", "--context", "3", "--horizon", "2"]
    told = {}
    for line in (line for block in shown.blocks("sh") for line in block.strip().splitlines()):
        ended = typed(*line.split()[1:], *small)
        assert ended.code == 0, ended.err
        told[line.split()[-1]] = ended.err
    assert re.search(r"trained .*; csi@1mm/h 0\.\d+, persistence 0\.\d+", told["runs/by-csi"])
    assert re.search(r"rate     0\.\d+, a tenth of the rate of the least loss; losses: ", told["runs/found"])
    assert len(told) == 4
    wrong = typed("fit", "radar.zarr", *small, "--learning-rate", "1e30", "--run", "runs/wrong")
    assert wrong.code == 2
    for line in shown.blocks("text")[0].splitlines():
        assert re.search(re.sub(r"\d+", r"\\d+", re.escape(line)), wrong.err), line
    Path("skip.yaml").write_text(shown.blocks("yaml")[0])
    ended = typed("fit", "radar.zarr", *small, "--config", "skip.yaml", "--run", "runs/skipping")
    assert ended.code == 0, ended.err
    assert '"skipped": 0' in Path("runs/skipping/history.jsonl").read_text()
    assert shown.execute({}, 0)["scores"].sizes["lead_time"] >= 1
