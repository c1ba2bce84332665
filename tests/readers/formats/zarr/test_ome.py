from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from nowcast.cube import time_step
from nowcast.errors import InputError, UnsafeError
from nowcast.readers import open_cube
from nowcast.readers.formats.zarr.ome import OMEZarrReader
from nowcast.readers.formats.zarr.reader import ZarrReader

STACK = np.random.default_rng(0).integers(1, 60000, (3, 2, 4, 8, 10), dtype="uint16")
"""Dims TCZYX."""

AXES = [
    {"name": "t", "type": "time", "unit": "minute"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]
SCALE = [{"type": "scale", "scale": [2.0, 1, 1, 300.0, 0.25]}]


def image(
    path: Path, values: np.ndarray = STACK, *, version: str = "0.5", axes: list[Any] | None = None, **more: Any
) -> Path:
    """An image of two levels, each pixel of the coarse one wrong."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    for name, level in (("0", values), ("1", np.zeros_like(values[..., ::2, ::2]))):
        options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}} if version == "0.4" else {}
        chunks = (1,) * (values.ndim - 2) + level.shape[-2:]
        group.create_array(name, shape=level.shape, chunks=chunks, dtype=level.dtype, **options)[:] = level
    axes = AXES if axes is None else axes
    scale = [{"type": "scale", "scale": SCALE[0]["scale"][5 - values.ndim :]}]
    multiscale = {
        "name": "cells",
        "axes": axes,
        "datasets": [{"path": name, "coordinateTransformations": scale} for name in ("0", "1")],
        **more,
    }
    omero = {"channels": [{"label": "DAPI", "color": "FF0000"}, {"label": "GFP", "color": "00FF00"}]}
    told = {"multiscales": [{"version": version, **multiscale}], "omero": omero}
    group.attrs.update({"ome": {"version": version, **told}} if version == "0.5" else told)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_images(version: str, tmp_path: Path) -> None:
    path = image(tmp_path / "a.zarr", version=version)
    assert OMEZarrReader().recognises(path)
    assert ZarrReader().recognises(path)
    with pytest.raises(InputError, match="4 planes along z"):
        open_cube(path)
    cube = open_cube(path, z=3)
    np.testing.assert_array_equal(cube.values, STACK[:, :, 3])
    assert cube.dtype == np.uint16
    assert cube["channel"].values.tolist() == ["DAPI", "GFP"]
    assert time_step(cube) == 120
    assert (float(cube["y"][1]), float(cube["x"][1])) == (0.3, 0.25)
    assert cube["y"].attrs["units"] == cube["x"].attrs["units"] == "um"
    assert cube["time"].attrs["counted_from"] == "first frame"
    for how in ("max", "mean", "sum"):
        np.testing.assert_allclose(open_cube(path, z=how).values, getattr(STACK, how)(axis=2), rtol=1e-6)


def test_scales_of_all_levels_and_translations(tmp_path: Path) -> None:
    both = [
        {"type": "scale", "scale": [3.0, 1, 1, 2.0, 2.0]},
        {"type": "translation", "translation": [0, 0, 0, 900.0, 5.0]},
    ]
    cube = open_cube(image(tmp_path / "a.zarr", coordinateTransformations=both), z=0)
    assert time_step(cube) == 360
    np.testing.assert_allclose(cube["y"].values[:2], [0.9, 1.5])
    np.testing.assert_allclose(cube["x"].values[:2], [5.0, 5.5])


def test_axes_in_another_order_and_without_units(tmp_path: Path) -> None:
    axes = [{"name": name} for name in "ctyx"]
    path = image(tmp_path / "a.zarr", STACK[:, :, 0].transpose(1, 0, 2, 3), axes=axes)
    with pytest.raises(InputError, match="--time-step"):
        open_cube(path)
    cube = open_cube(path, time_step="5s", pixel_size="0.5um")
    np.testing.assert_array_equal(cube.values, STACK[:, :, 0])
    assert (time_step(cube), float(cube["x"][1])) == (5, 0.5)


def test_old_names_of_axes(tmp_path: Path) -> None:
    path = image(tmp_path / "a.zarr", STACK[0, 0], version="0.4", axes=["z", "y", "x"])
    cube = open_cube(path, z="max", start_time="2026-05-01")
    np.testing.assert_array_equal(cube.values[0, 0], STACK[0, 0].max(axis=0))


def test_a_collection(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    root.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    for number in range(2):
        image(tmp_path / "a.zarr" / str(number), STACK[:, :, :1] + number)
    cube = open_cube(tmp_path / "a.zarr")
    assert cube["sequence"].values.tolist() == ["cells 0"] * 3 + ["cells 1"] * 3
    np.testing.assert_array_equal(cube.values, np.concatenate([STACK[:, :, 0], STACK[:, :, 0] + 1]))
    image(tmp_path / "a.zarr" / "1", STACK[:, :, :1, :4], name="small")
    with pytest.raises(InputError, match="2 images that are not alike") as caught:
        open_cube(tmp_path / "a.zarr")
    assert "'small' 3 x 2 x 4 x 10" in str(caught.value)
    assert open_cube(tmp_path / "a.zarr" / "1").shape == (3, 2, 4, 10)
    (tmp_path / "a.zarr" / "OME").mkdir()
    series = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", "series": ["0"]}}}
    (tmp_path / "a.zarr" / "OME" / "zarr.json").write_text(json.dumps(series))
    assert open_cube(tmp_path / "a.zarr").sizes["time"] == 3


def test_a_plate(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/1"}], "version": "0.4"}
    for row in "AB":
        well = zarr.open_group(tmp_path / "a.zarr" / row / "1", mode="w", zarr_format=2)
        well.attrs["well"] = {"images": [{"path": "0"}], "version": "0.4"}
        image(tmp_path / "a.zarr" / row / "1" / "0", STACK[:, :, :1], version="0.4", name=None)
    cube = open_cube(tmp_path / "a.zarr")
    assert cube["sequence"].values.tolist() == ["A/1/0"] * 3 + ["B/1/0"] * 3


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_absent_chunks(version: str, tmp_path: Path) -> None:
    path = image(tmp_path / "a.zarr", STACK[:, :, :1], version=version)
    (path / "0" / {"0.4": "1/0/0/0/0", "0.5": "c/1/0/0/0/0"}[version]).unlink()
    assert open_cube(path).attrs["absent_chunks"] == "1 of 6"
    cube = open_cube(path, missing="nan")
    assert np.isnan(cube.values[1, 0]).all()
    assert np.isnan(cube.values).sum() == 80
    np.testing.assert_array_equal(cube.values[1, 1], STACK[1, 1, 0])


def test_places_elsewhere_and_pickles_are_refused(tmp_path: Path) -> None:
    path = image(tmp_path / "a.zarr", version="0.4")
    attributes = json.loads((path / ".zattrs").read_text())
    for place in ("../b.zarr/0", "/etc", "..", "0/../../x"):
        attributes["multiscales"][0]["datasets"][0]["path"] = place
        (path / ".zattrs").write_text(json.dumps(attributes))
        with pytest.raises(UnsafeError, match="not in the store"):
            open_cube(path)
    attributes["multiscales"][0]["datasets"][0]["path"] = "0"
    (path / ".zattrs").write_text(json.dumps(attributes))
    content = json.loads((path / "0" / ".zarray").read_text())
    (path / "0" / ".zarray").write_text(json.dumps({**content, "filters": [{"id": "pickle"}]}))
    with pytest.raises(UnsafeError, match="pickled"):
        open_cube(path)


@pytest.mark.parametrize(
    "broken",
    [
        {"multiscales": []},
        {"multiscales": {}},
        {"multiscales": [{"axes": AXES}]},
        {"multiscales": [{"axes": AXES, "datasets": [{"path": "0"}, 7], "coordinateTransformations": [3]}]},
        {"multiscales": [{"axes": AXES[:2], "datasets": [{"path": "0"}]}]},
        {"multiscales": [{"axes": AXES, "datasets": [{"path": "7"}]}]},
        {"multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}]},
        {"plate": {}},
        {"plate": {"wells": [{"path": "A/1"}]}},
        {"bioformats2raw.layout": 3},
    ],
)
def test_damage(broken: dict[str, Any], tmp_path: Path) -> None:
    path = image(tmp_path / "a.zarr", STACK[:, :, :1], version="0.4")
    (path / ".zattrs").write_text(json.dumps(broken))
    if "bioformats2raw.layout" in broken:
        (path / "0").rename(path / "x")
        (path / "1").rename(path / "y")
    with pytest.raises(InputError, match="damaged"):
        open_cube(path)


def test_what_is_not_recognised(tmp_path: Path) -> None:
    assert not OMEZarrReader().recognises(tmp_path)
    (tmp_path / ".zattrs").write_text("{")
    assert not OMEZarrReader().recognises(tmp_path)
    (tmp_path / ".zattrs").write_text('{"ome": 7}')
    assert not OMEZarrReader().recognises(tmp_path)
    zarr.open_group(tmp_path / "g", mode="w", zarr_format=3).attrs["title"] = "plain"
    assert not OMEZarrReader().recognises(tmp_path / "g")
