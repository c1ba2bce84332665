"""SEVIR: events with their true times, the published date between training and test, nothing outside the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nowcast.cube import runs, time_step
from nowcast.datasets.sevir import sevir
from nowcast.errors import InputError, UnsafeError
from nowcast.readers.options import Options

OFFSETS = ":".join(str(minute) for minute in range(-10, 15, 5))
FILE = "vil/2019/SEVIR_VIL_STORMEVENTS_2019_0101_0630.h5"


def row(name: str, index: int, when: str, **told: Any) -> dict[str, Any]:
    plain = {
        "id": name,
        "file_name": FILE,
        "file_index": index,
        "img_type": "vil",
        "time_utc": when,
        "minute_offsets": OFFSETS,
        "event_type": "Hail",
        "proj": "+proj=laea +lat_0=38 +lon_0=-98",
        "size_x": 6,
        "size_y": 6,
        "height_m": 6000.0,
        "width_m": 6000.0,
        "data_min": 0,
        "data_max": 254,
        "pct_missing": 0,
    }
    return plain | told


ROWS = [
    row("S3", 2, "2019-06-01 00:05:00"),
    row("S1", 0, "2019-05-01 12:00:00"),
    row("S2", 1, "2019-05-31 23:55:00"),
    row("S1", 0, "2019-05-01 12:00:00"),
    row("S4", 3, "2019-05-02 12:00:00", pct_missing=3.5),
    row("S1", 0, "2019-05-01 12:00:00", img_type="ir069", file_name="ir069/2019/ir.h5", width_m=12000.0),
]


def stored(events: int = 4) -> np.ndarray:
    """A pixel tells its event, row, column and frame; dims `(event, y, x, frame)` as SEVIR has them."""
    event, y, x, frame = np.indices((events, 6, 6, 5))
    return (50 * event + 30 * (y == 2) + 10 * (x == 4) + frame).astype(np.uint8)


def published(folder: Path, rows: list[dict[str, Any]] = ROWS, *, inside: str = "") -> Path:
    pd.DataFrame(rows).to_csv(folder / "CATALOG.csv", index=False)
    file = folder / inside / FILE
    file.parent.mkdir(parents=True)
    with h5py.File(file, "w") as out:
        out["id"] = np.array([b"S1", b"S2", b"S3", b"S4"])
        out["vil"] = stored()
    return folder


@pytest.mark.parametrize("inside", ["", "data"])
def test_events_are_sequences_with_true_times(inside: str, tmp_path: Path) -> None:
    cube = sevir(published(tmp_path, inside=inside), Options())
    assert cube.shape == (15, 1, 6, 6)
    assert cube["sequence"].values[::5].tolist() == ["S1", "S2", "S3"]
    assert cube["part"].values[::5].tolist() == ["training", "training", "test"]
    np.testing.assert_array_equal(cube.values[:, 0], np.moveaxis(stored()[:3], 3, 1).reshape(15, 6, 6))
    assert str(cube["time"].values[0]) == "2019-05-01T11:50:00.000000000"
    assert time_step(cube) == 300
    assert [len(run) for run in runs(cube)] == [5, 5, 5]
    assert cube["x"].values.tolist() == [0, 1000, 2000, 3000, 4000, 5000]
    assert cube.chunks[0] == (5, 5, 5)
    assert "exp((X - 83.9) / 38.9)" in cube.attrs["comment"]


def test_the_day_itself_is_training_as_in_the_authors_generators(tmp_path: Path) -> None:
    rows = [row("A", 0, "2019-06-01 00:00:00"), row("B", 1, "2019-06-01 00:00:01")]
    cube = sevir(published(tmp_path, rows), Options())
    assert cube["part"].values[::5].tolist() == ["training", "test"]


def test_missing_is_255_and_degrees_are_hundredths(tmp_path: Path) -> None:
    published(tmp_path)
    with h5py.File(tmp_path / FILE, "a") as out:
        out["vil"][0, 0, 0, 0] = 255
    assert np.isnan(sevir(tmp_path, Options()).values[0, 0, 0, 0])
    file = tmp_path / "ir069/2019/ir.h5"
    file.parent.mkdir(parents=True)
    with h5py.File(file, "w") as out:
        out["ir069"] = np.full((1, 3, 3, 5), -4250, np.int16)
    cube = sevir(tmp_path, Options(variable="ir069"))
    assert cube.attrs["units"] == "degree_Celsius"
    np.testing.assert_allclose(cube.values, -42.5, rtol=1e-6)
    assert cube["y"].values.tolist() == [0, 4000, 8000]


def test_a_part_of_the_files_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*ROWS, row("S9", 0, "2019-07-01 00:00:00", file_name="vil/2019/other.h5")]
    cube = sevir(published(tmp_path, rows), Options())
    assert "S9" not in cube["sequence"].values
    assert "1 file(s) that CATALOG.csv names are not at hand" in capsys.readouterr().err
    (tmp_path / FILE).unlink()
    with pytest.raises(InputError, match="none of the files"):
        sevir(tmp_path, Options())


@pytest.mark.parametrize("name", ["../outside.h5", "/etc/passwd", "vil/../../x.h5", "..\\x.h5", "C:x.h5"])
def test_the_catalogue_may_not_lead_out_of_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeError, match="leads out of its folder"):
        sevir(published(tmp_path, [row("A", 0, "2019-05-01", file_name=name)]), Options())


def test_a_file_may_not_lead_to_another(tmp_path: Path) -> None:
    published(tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as out:
        out["vil"] = stored()
    with h5py.File(tmp_path / FILE, "w") as out:
        out["vil"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "vil")
    with pytest.raises(UnsafeError):
        sevir(tmp_path, Options())


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"file_index": 4}, "does not hold what CATALOG.csv says"),
        ({"file_index": -1}, "does not hold what CATALOG.csv says"),
        ({"minute_offsets": "0:5"}, "does not hold what CATALOG.csv says"),
        ({"minute_offsets": "0:0:5"}, "times of event A cannot be read"),
        ({"minute_offsets": "a:b"}, "times of event A cannot be read"),
        ({"minute_offsets": ":".join("1" * 5000)}, "times of event A cannot be read"),
        ({"time_utc": "soon"}, "not SEVIR's catalogue"),
        ({"file_index": "x"}, "not SEVIR's catalogue"),
        ({"file_index": "nan"}, "not SEVIR's catalogue"),
        ({"file_index": 1e300}, "not SEVIR's catalogue|does not hold"),
        ({"time_utc": ""}, "cannot be read|not SEVIR"),
        ({"width_m": "wide"}, "not SEVIR's catalogue"),
        ({"pct_missing": 1}, "no event of type vil without missing"),
    ],
)
def test_rows_that_make_no_sense(told: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        sevir(published(tmp_path, [row("A", 0, "2019-05-01") | told]), Options())
    assert any(part in str(caught.value) for part in said.split("|"))


def test_what_is_not_sevir(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no CATALOG.csv"):
        sevir(tmp_path, Options())
    with pytest.raises(InputError, match="no images of type 'lght'"):
        sevir(tmp_path, Options(variable="lght"))
    (tmp_path / "CATALOG.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column"):
        sevir(tmp_path, Options())
    (tmp_path / "CATALOG.csv").write_bytes(b"\x00\xff\xfe" * 100)
    with pytest.raises(InputError):
        sevir(tmp_path, Options())


def test_an_event_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    cube: xr.DataArray = sevir(published(tmp_path), Options())
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="SEVIR_VIL_STORMEVENTS"):
        cube.compute()
