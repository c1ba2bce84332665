from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nowcast.cube import time_step
from nowcast.errors import InputError, MachineError, UnsafeError
from nowcast.readers import open_cube
from nowcast.readers.formats.tiff.reader import TIFFReader
from nowcast.readers.options import Options

TYX = np.arange(6 * 8 * 10, dtype="uint16").reshape(6, 8, 10)
STACK = np.random.default_rng(0).integers(0, 60000, (3, 4, 2, 8, 10), dtype="uint16")
"""Dims TZCYX."""


def imagej(path: Path, values: np.ndarray, axes: str, **metadata: Any) -> Path:
    tifffile.imwrite(
        path,
        values,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": axes, "unit": "um", "finterval": 1.5, **metadata},
    )
    return path


def ome(path: Path, values: np.ndarray, axes: str, **metadata: Any) -> Path:
    tifffile.imwrite(
        path, values, ome=True, photometric="minisblack", metadata={"axes": axes, "TimeIncrement": 2.0, **metadata}
    )
    return path


def test_golgi(shared_data: Path) -> None:
    path = next((shared_data / "microscopy" / "golgi_imagej").glob("*.tif"))
    cube = open_cube(path)
    assert cube.shape == (30, 1, 137, 147)
    assert time_step(cube) == 59.86
    assert cube["time"].attrs["counted_from"] == "first frame"
    for axis in "yx":
        assert cube[axis].attrs["units"] == "um"
        assert float(cube[axis][1]) == pytest.approx(1 / 2.845474)
    np.testing.assert_array_equal(cube.values[:, 0], tifffile.imread(path))


def test_cancer_cells_need_flags(shared_data: Path) -> None:
    path = next((shared_data / "microscopy" / "cancer_cell_migration").glob("*.tif"))
    with pytest.raises(InputError, match="does not say what its frames are") as caught:
        open_cube(path)
    assert "--axes TYX --time-step 30s [--pixel-size 0.35um]" in str(caught.value)
    with pytest.raises(InputError, match="--time-step 30s"):
        open_cube(path, axes="TYX")
    cube = open_cube(path, axes="TYX", time_step="5min", pixel_size="250nm")
    assert (cube.shape, time_step(cube), float(cube["x"][1])) == ((48, 1, 130, 130), 300, 0.25)
    stored = np.fromfile(path, "<u2", 130 * 130, offset=256)
    np.testing.assert_array_equal(cube.values[0, 0].ravel(), stored)


@pytest.mark.parametrize("z", ["max", "mean", "sum", 2])
def test_nucleus(shared_data: Path, z: str | int) -> None:
    path = next((shared_data / "microscopy" / "nucleus_ometiff").glob("*.tif"))
    whole = tifffile.imread(path).astype(float)
    cube = open_cube(path, z=z)
    expected = whole[:, z] if isinstance(z, int) else getattr(whole, z)(axis=1)
    np.testing.assert_allclose(cube.values[:, 0], expected, rtol=1e-7)
    assert time_step(cube) == 180
    assert str(cube["time"].values[0])[:19] == "2014-03-25T10:57:07"
    assert float(cube["y"][1]) == 0.41513292348643577
    with pytest.raises(InputError, match="5 planes along z") as caught:
        open_cube(path)
    assert "--z max" in str(caught.value)


def test_imagej_hyperstacks(tmp_path: Path) -> None:
    path = imagej(tmp_path / "a.tif", STACK, "TZCYX")
    cube = open_cube(path, z=1)
    np.testing.assert_array_equal(cube.values, STACK[:, 1])
    assert time_step(cube) == 1.5
    assert (float(cube["y"][1]), float(cube["x"][1]), cube["y"].attrs["units"]) == (0.5, 0.25, "um")
    np.testing.assert_array_equal(open_cube(path, z="max", channel=1).values[:, 0], STACK.max(axis=1)[:, 1])


def test_imagej_knows_other_units_of_time(tmp_path: Path) -> None:
    assert time_step(open_cube(imagej(tmp_path / "a.tif", TYX, "TYX", tunit="min"))) == 90
    path = imagej(tmp_path / "b.tif", TYX, "TYX", finterval=0)
    with pytest.raises(InputError, match="--time-step"):
        open_cube(path)
    assert time_step(open_cube(path, time_step="20s")) == 20
    assert time_step(open_cube(tmp_path / "a.tif", time_step="20s")) == 90


def test_slices_of_imagej_may_be_times(tmp_path: Path) -> None:
    description = "ImageJ=1.53t\nimages=6\nslices=6\nloop=false\n"
    tifffile.imwrite(tmp_path / "a.tif", TYX, description=description, metadata=None)
    with pytest.raises(InputError, match="--axes TYX"):
        open_cube(tmp_path / "a.tif")
    cube = open_cube(tmp_path / "a.tif", axes="TYX", time_step=2)
    np.testing.assert_array_equal(cube.values[:, 0], TYX)
    planes = open_cube(tmp_path / "a.tif", z="max", start_time="2026-05-01")
    np.testing.assert_array_equal(planes.values[0, 0], TYX.max(axis=0))


def test_frames_behind_one_page(tmp_path: Path) -> None:
    """ImageJ writes stacks beyond 4 GB so: one directory, then all frames."""
    path = tmp_path / "a.tif"
    description = "ImageJ=1.53t\nimages=6\nframes=6\nfinterval=3\n"
    tifffile.imwrite(path, TYX[0], description=description, metadata=None, byteorder=">")
    with path.open("ab") as file:
        place = file.tell()
        file.write(TYX[1:].astype(">u2").tobytes())
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].dataoffsets[0] + TYX[0].nbytes == place
    np.testing.assert_array_equal(open_cube(path).values[:, 0], TYX)
    with path.open("r+b") as raw:
        raw.truncate(place + 3 * TYX[0].nbytes + 5)
    with pytest.raises(InputError, match="2 of 6 planes are not there"):
        open_cube(path)
    cube = open_cube(path, missing="nan")
    np.testing.assert_array_equal(cube.values[:4, 0], TYX[:4])
    assert np.isnan(cube.values[4:]).all()
    assert cube.attrs["absent_frames"] == "2 of 6 planes, read as missing"


@pytest.mark.parametrize("axes", ["ZTCYX", "TCZYX", "TZCYX"])
def test_axes_that_the_user_names(tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", metadata={"axes": "QQQYX"})
    cube = open_cube(tmp_path / "a.tif", axes=axes, z=0, time_step=1)
    order = [axes.index(axis) for axis in "ZTCYX"]
    np.testing.assert_array_equal(cube.values, STACK.transpose(order)[0])


@pytest.mark.parametrize("axes", ["TYXQ", "TTYX", "TXY", "TZYX", "YX", ""])
def test_axes_that_do_not_fit(tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", TYX, photometric="minisblack")
    with pytest.raises(InputError, match="--axes"):
        open_cube(tmp_path / "a.tif", axes=axes, time_step=1)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours(tmp_path: Path, planar: str) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 8, 10, 3), dtype="uint8")
    values = colours if planar == "contig" else np.moveaxis(colours, -1, 1)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar)
    grey = open_cube(tmp_path / "a.tif", axes="TYX", time_step=1)
    np.testing.assert_allclose(grey.values[:, 0], colours @ [0.299, 0.587, 0.114], rtol=1e-6)
    kept = open_cube(tmp_path / "a.tif", axes="TYX", time_step=1, rgb=True)
    assert kept["channel"].values.tolist() == ["red", "green", "blue"]
    np.testing.assert_array_equal(kept.values, np.moveaxis(colours, -1, 1))


def test_a_single_page_is_a_frame_without_a_time(tmp_path: Path) -> None:
    for number, values in enumerate(TYX):
        tifffile.imwrite(tmp_path / f"frame{number}.tif", values)
    cube = open_cube(tmp_path, time_step="10s")
    np.testing.assert_array_equal(cube.values[:, 0], TYX)
    assert time_step(cube) == 10


@pytest.mark.parametrize("compression", ["zlib", "packbits", "lzw", "zstd"])
def test_compressed(tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(tmp_path / "a.tif", TYX, compression=compression, photometric="minisblack")
    flags = {"axes": "TYX", "time_step": 1}
    np.testing.assert_array_equal(open_cube(tmp_path / "a.tif", **flags).values[:, 0], TYX)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    if compression in ("lzw", "zstd"):
        with pytest.raises(MachineError, match="imagecodecs") as caught:
            open_cube(tmp_path / "a.tif", **flags)
        assert "pip install 'nowcast[microscopy]'" in str(caught.value)
    else:
        open_cube(tmp_path / "a.tif", **flags)


def test_big_tiff_and_the_other_byte_order(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", TYX, bigtiff=True, byteorder=">", metadata={"axes": "TYX"})
    np.testing.assert_array_equal(open_cube(tmp_path / "a.tif", time_step=1).values[:, 0], TYX)


def test_nothing_stays_open_and_nothing_is_read_at_first(tmp_path: Path) -> None:
    path = imagej(tmp_path / "a.tif", TYX, "TYX")
    cube = open_cube(path)
    path.rename(tmp_path / "b.tif")
    with pytest.raises(InputError, match="damaged"):
        cube.compute()
    (tmp_path / "b.tif").rename(path)
    np.testing.assert_array_equal(cube.values[:, 0], TYX)


def test_ome_with_positions_and_channels(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for number, name in enumerate(["left", "right"]):
            file.write(
                STACK[:, 0] + number,
                photometric="minisblack",
                metadata={
                    "axes": "TCYX",
                    "Name": name,
                    "TimeIncrement": 250.0,
                    "TimeIncrementUnit": "ms",
                    "PhysicalSizeX": 300.0,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 0.5,
                    "Channel": {"Name": ["DAPI", "GFP"]},
                },
            )
    cube = open_cube(tmp_path / "a.ome.tif")
    assert cube["sequence"].values.tolist() == ["left"] * 3 + ["right"] * 3
    assert cube["channel"].values.tolist() == ["DAPI", "GFP"]
    assert (float(cube["y"][1]), float(cube["x"][1]), time_step(cube)) == (0.5, 0.3, 0.25)
    np.testing.assert_array_equal(cube.values, np.concatenate([STACK[:, 0], STACK[:, 0] + 1]))


def multifile(folder: Path, name: str = "{}.ome.tif") -> list[Path]:
    """One file for each of three times."""
    uuids = [f"urn:uuid:0000000{number}-0000-0000-0000-000000000000" for number in range(3)]
    runs = "".join(
        f'<TiffData FirstT="{number}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name.format(number)}">{uuid}</UUID></TiffData>'
        for number, uuid in enumerate(uuids)
    )
    paths = []
    for number, uuid in enumerate(uuids):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="10" SizeY="8" '
            f'SizeZ="1" SizeC="1" SizeT="3" TimeIncrement="4">{runs}</Pixels></Image></OME>'
        )
        paths.append(folder / f"{number}.ome.tif")
        tifffile.imwrite(paths[-1], TYX[number], description=xml, metadata=None)
    return paths


def test_frames_in_several_files(tmp_path: Path) -> None:
    paths = multifile(tmp_path)
    for path in paths:
        np.testing.assert_array_equal(open_cube(path).values[:, 0], TYX[:3])
        dataset = TIFFReader().open(path, Options())
        assert dataset["intensity"].encoding["files"] == [str(each) for each in paths]
    np.testing.assert_array_equal(open_cube(tmp_path).values[:, 0], TYX[:3])
    paths[1].unlink()
    with pytest.raises(InputError, match="1 of the 3 files") as caught:
        open_cube(paths[0])
    assert "1.ome.tif" in str(caught.value)
    cube = open_cube(paths[0], missing="nan")
    np.testing.assert_array_equal(cube.values[[0, 2], 0], TYX[[0, 2]])
    assert np.isnan(cube.values[1]).all()
    assert cube.attrs["absent_frames"] == "1 of 3 planes, read as missing"


@pytest.mark.parametrize("name", ["../{}.ome.tif", "/etc/{}", "a\\{}.tif", "http://x/{}"])
def test_files_elsewhere_are_not_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeError, match="does not lie beside"):
        open_cube(multifile(tmp_path, name)[0])


def test_cut_short(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.tif", TYX, "TYX")
    content = path.read_bytes()
    for part in (0.2, 0.5, 0.9, 0.99):
        path.write_bytes(content[: int(part * len(content))])
        with pytest.raises(InputError, match=r"damaged|cannot be read"):
            open_cube(path).compute()


def test_any_byte_may_be_wrong(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.tif", TYX[:2, :3, :4], "TYX")
    content = path.read_bytes()
    for place in range(4, len(content), 7):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        path.write_bytes(broken)
        try:
            open_cube(path).compute()
        except (InputError, UnsafeError, MachineError):
            continue


def test_lies_about_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, TYX[0], compression="zlib", rowsperstrip=8)
    content = bytearray(path.read_bytes())
    for code in (256, 257, 278):
        place = content.index(struct.pack("<H", code), 8)
        kind = struct.unpack_from("<H", content, place + 2)[0]
        struct.pack_into("<I" if kind == 4 else "<H", content, place + 8, 60000)
    path.write_bytes(content)
    with pytest.raises(UnsafeError, match="far larger than its data"):
        open_cube(path)


def test_pages_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, TYX[0], metadata=None)
    content = bytearray(path.read_bytes())
    first = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, first)[0]
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    path.write_bytes(content)
    with pytest.raises(InputError, match="in a circle"):
        open_cube(path)
