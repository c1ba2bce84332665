from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from pyproj import Proj

from nowcast import open_cube
from nowcast.cube import grid_mapping
from nowcast.errors import InputError

VALUES = np.array([[0, 64, 65, 255], [10, 100, 200, 254], [1, 2, 3, 4]], dtype="uint8")
FMI = """# obstime 201705091045
# producttype CAPPI
# productname LOWEST
# param CorrectedReflectivity
# projection radar {
# type stereographic
# centrallongitude 25
# centrallatitude 90
# truelatitude 60
# bottomleft 18.600000 57.930000
# topright 34.903000 69.005000
# }
"""


def write(path: Path, values: np.ndarray = VALUES, comments: str = FMI, largest: int = 255) -> Path:
    data = values.astype("u1" if largest < 256 else ">u2").tobytes()
    content = f"P5\n{comments}{values.shape[1]} {values.shape[0]}\n{largest}\n".encode() + data
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.pgm", "a.pgm.gz"])
def test_reflectivity_by_fmi_s_formula(name: str, tmp_path: Path) -> None:
    cube = open_cube(write(tmp_path / name))
    expected = 0.5 * VALUES.astype(float) - 32
    expected[0, 3] = np.nan
    np.testing.assert_array_equal(cube.values[0, 0], expected)
    assert cube["time"].values.tolist() == [np.datetime64("2017-05-09T10:45", "ns").astype(int)]
    assert (cube.name, cube.attrs["units"], cube.attrs["no_echo_value"]) == ("reflectivity", "dBZ", -32)


def test_rows_run_from_the_north_between_the_stated_corners(tmp_path: Path) -> None:
    cube = open_cube(write(tmp_path / "a.pgm"))
    height, width = -np.diff(cube["y"].values).mean(), np.diff(cube["x"].values).mean()
    assert height > 0 < width
    edges = cube["x"].values[[0, -1]] + [-width / 2, width / 2], cube["y"].values[[-1, 0]] + [-height / 2, height / 2]
    project = Proj("+proj=stere +lat_0=90 +lon_0=25 +lat_ts=60 +R=6371288")
    np.testing.assert_allclose(project(*edges, inverse=True), [[18.6, 34.903], [57.93, 69.005]], atol=1e-6)
    assert cube["crs"].attrs["grid_mapping_name"] == "polar_stereographic"


def test_no_echo_is_no_rain(tmp_path: Path) -> None:
    rain = open_cube(write(tmp_path / "a.pgm"), zr="223,1.53").values[0, 0]
    assert rain[0, 0] == 0
    assert rain[0, 1] == pytest.approx((1 / 223) ** (1 / 1.53), rel=1e-5)
    assert np.isnan(rain[0, 3])


def test_other_fields_of_fmi_have_their_projection(tmp_path: Path) -> None:
    cube = open_cube(write(tmp_path / "a.pgm", comments=FMI.replace("CorrectedReflectivity", "EchoTop")))
    assert cube.name == "grey_level"
    mapping = grid_mapping(cube)
    assert mapping is not None
    assert mapping.attrs["grid_mapping_name"] == "polar_stereographic"


def test_plain_grey_levels_are_not_stretched(tmp_path: Path) -> None:
    values = np.array([[0, 300], [999, 1000]])
    path = write(tmp_path / "radar_201705091045.pgm", values, "# nothing known\n", largest=1000)
    cube = open_cube(path)
    np.testing.assert_array_equal(cube.values[0, 0], values)
    assert cube.attrs["time_source"] == "file name"
    assert "x" not in cube.coords
    assert open_cube(path, pixel_size="1km")["x"].attrs["units"] == "km"
    assert cube["time"].dt.strftime("%H:%M").values.tolist() == ["10:45"]


@pytest.mark.parametrize("name", ["a.pgm", "a.pgm.gz"])
@pytest.mark.parametrize("damage", ["cut", "longer", "header", "size", "time"])
def test_damage_is_told(name: str, damage: str, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    content = {
        "cut": content[:-1],
        "longer": content + b"12345",
        "header": content[:200],
        "size": content.replace(b"4 3\n", b"999999999 3\n"),
        "time": content.replace(b"201705091045", b"201713991045"),
    }[damage]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    with pytest.raises(InputError, match=r"a\.pgm"):
        open_cube(path).compute()


def test_a_broken_gzip_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pgm.gz")
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # its checksum
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"a\.pgm\.gz"):
        open_cube(path).compute()


def test_the_real_composites(shared_data: Path) -> None:
    cube = open_cube(shared_data / "radar" / "fmi_20170509_pgm")
    assert cube.shape == (40, 1, 1226, 760)
    assert float(cube[0].isnull().mean()) == pytest.approx(0.243, abs=5e-4)
    assert np.diff(cube["x"].values).mean() == pytest.approx(999.674053, abs=1e-6)
    assert -np.diff(cube["y"].values).mean() == pytest.approx(999.62859, abs=1e-5)
    assert str(cube["time"].values[-1])[:16] == "2017-05-09T14:00"
