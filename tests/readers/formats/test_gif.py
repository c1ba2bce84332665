from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nowcast import open_cube
from nowcast.cube import grid_step
from nowcast.errors import InputError

CODES = np.array([[0, 1, 2, 100], [150, 250, 251, 255]], dtype="uint8")


def picture(codes: np.ndarray) -> Image.Image:
    """Colours that do not tell the codes: all the same but two."""
    image = Image.fromarray(codes, mode="P") if False else Image.new("P", codes.shape[::-1])
    image.putdata(codes.ravel().tolist())
    image.putpalette([value for index in range(256) for value in (index // 2, 7, 255 - index // 2)])
    return image


def test_the_index_counts_and_not_the_colour(tmp_path: Path) -> None:
    picture(CODES).save(tmp_path / "AQC151351545F_00005.801.gif", optimize=False)
    cube = open_cube(tmp_path, colour_table="meteoswiss")
    rate = [(10 ** ((code - 71.5) / 20) / 316) ** (1 / 1.5) for code in (2, 100, 150, 250)]
    np.testing.assert_allclose(cube.values.ravel(), [0, 0, rate[0], rate[1], rate[2], rate[3], 0, np.nan], rtol=1e-5)
    assert cube["time"].values.tolist() == [np.datetime64("2015-05-15T15:45", "ns").astype(int)]
    assert cube.attrs["units"] == "mm h-1"


def test_a_table_of_one_s_own(tmp_path: Path) -> None:
    picture(CODES).save(tmp_path / "r_202605011200.gif", optimize=False)
    table = tmp_path / "table.csv"
    table.write_text("# units: mm h-1\n# long_name: rain\nindex,value\n0,0\n1,0.5\n2,1\n100,2\n150,4\n250,8\n251,nan\n")
    cube = open_cube(tmp_path / "r_202605011200.gif", colour_table=str(table))
    np.testing.assert_array_equal(cube.values.ravel(), [0, 0.5, 1, 2, 4, 8, np.nan, np.nan])
    assert (cube.name, cube.attrs["units"]) == ("rain", "mm h-1")


def test_an_animation_with_other_palettes_is_refused(tmp_path: Path) -> None:
    frames = [picture(np.roll(CODES, step, axis=1)) for step in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=500, optimize=False)
    with pytest.raises(InputError, match="palette of its own"):
        open_cube(tmp_path / "a.gif", colour_table="meteoswiss").compute()


@pytest.mark.parametrize(
    ("told", "match"),
    [(None, "--colour-table meteoswiss"), ("nonsense", "is no table"), ("table.csv", "no table of col")],
)
def test_no_table_no_values(told: str | None, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture(CODES).save(tmp_path / "r_202605011200.gif")
    Path("table.csv").write_text("0,0\n999,1\n")
    with pytest.raises(InputError, match=match):
        open_cube(tmp_path / "r_202605011200.gif", colour_table=told)


def test_a_cut_picture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r_202605011200.gif"
    picture(np.arange(4096, dtype="uint8").reshape(64, 64)).save(path, optimize=False)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match="damaged"):
        open_cube(path, colour_table="meteoswiss").compute()


def test_the_real_composites(shared_data: Path) -> None:
    cube = open_cube(shared_data / "radar" / "meteoswiss_20160711_gif", colour_table="meteoswiss")
    assert cube.shape == (40, 1, 640, 710)
    times = cube["time"].values
    assert [str(times[0])[:16], str(times[-1])[:16]] == ["2016-07-11T20:45", "2016-07-12T00:00"]
    assert set(np.diff(times).tolist()) == {300_000_000_000}


def test_the_size_of_a_pixel_can_be_said(tmp_path: Path) -> None:
    picture(CODES).save(tmp_path / "r_202605011200.gif", optimize=False)
    cube = open_cube(tmp_path / "r_202605011200.gif", colour_table="meteoswiss", pixel_size="1km")
    assert grid_step(cube) == {"y": 1, "x": 1, "units": "km", "y_rises": True, "x_rises": True}
