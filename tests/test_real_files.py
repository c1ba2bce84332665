"""Every real file of the shared data, and what it must turn out to be: facts of its README, none of our readers.

`python tests/test_real_files.py` writes them as `docs/reference/real_files.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "real_files.md"

HEAD = """# Real files that are read

What `nowcast inspect` tells of each file or folder that the tests open, with the flags that it needs. The expected
values were taken from the files' documentation, not from the readers; `tests/test_real_files.py` compares the two.
Shape is time, channel, y, x. Where a file tells only the time between frames, times count from 1970-01-01.

"""


@dataclass(frozen=True)
class Fact:
    """What is known of a file: None where there is none of it, `...` where the README does not tell."""

    what: str
    path: str
    shape: tuple[int, int, int, int]
    start: str
    end: str
    step: float | None
    units: Any = None
    gaps: int = 0
    missing: float = 0.0
    crs: Any = None
    pixel: tuple[float, float, Any] | None = None
    rises: Any = ...
    options: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-3


VIDEO = {"units": "1", "pixel": (1, 1, "1")}


def _clip(what: str, path: str, frames: int, size: tuple[int, int], step: float, end: str) -> Fact:
    return Fact(what, path, (frames, 1, *size), "1970-01-01T00:00:00", end, step, **VIDEO)


FACTS = (
    Fact(
        "FMI reflectivity, gzipped PGM",
        "radar/fmi_20170509_pgm",
        (40, 1, 1226, 760),
        "2017-05-09T10:45:00",
        "2017-05-09T14:00:00",
        300,
        units="dBZ",
        missing=0.243,
        crs="polar_stereographic",
        pixel=(999.62859, 999.674053, "m"),
        rises=(False, True),
    ),
    Fact(
        "FMI reflectivity, GeoTIFF",
        "radar/fmi_20170509_geotiff",
        (1, 1, 7316, 4963),
        "2017-05-09T10:45:00",
        "2017-05-09T10:45:00",
        None,
        units="dBZ",
        missing=...,  # type: ignore[arg-type]
        crs="transverse_mercator",
        pixel=(250, 250, "m"),
        rises=(False, True),
        tolerance=0.01,
    ),
    Fact(
        "KNMI accumulation, HDF5",
        "radar/knmi_20100826_hdf5",
        (92, 1, 765, 700),
        "2010-08-26T00:00:00",
        "2010-08-26T07:35:00",
        300,
        units="mm",
        missing=0.744,
        crs="polar_stereographic",
        pixel=(1000, 1000, "m"),
        rises=(False, True),
    ),
    Fact(
        "Bureau of Meteorology accumulation, NetCDF",
        "radar/bom_melbourne_20180616_netcdf",
        (61, 1, 512, 512),
        "2018-06-16T10:00:00",
        "2018-06-16T16:00:00",
        360,
        units="kg m-2",
        crs="albers_conical_equal_area",
        pixel=(0.5, 0.5, "km"),
        rises=(False, True),
    ),
    Fact(
        "OPERA rain rate, ODIM HDF5",
        "radar/opera_20180824_odim",
        (2, 1, 2200, 1900),
        "2018-08-24T22:15:00",
        "2018-08-24T22:30:00",
        900,
        units="mm h-1",
        missing=0.50,
        crs="lambert_azimuthal_equal_area",
        pixel=(2000, 2000, "m"),
        rises=(False, True),
    ),
    Fact(
        "MeteoSwiss rain rate, GIF",
        "radar/meteoswiss_20150515_gif",
        (40, 1, 640, 710),
        "2015-05-15T15:45:00",
        "2015-05-15T19:00:00",
        300,
        units="mm h-1",
        missing=...,  # type: ignore[arg-type]
        options={"colour_table": "meteoswiss"},
    ),
    Fact(
        "MeteoSwiss rain rate, GIF, over midnight",
        "radar/meteoswiss_20160711_gif",
        (40, 1, 640, 710),
        "2016-07-11T20:45:00",
        "2016-07-12T00:00:00",
        300,
        units="mm h-1",
        missing=...,  # type: ignore[arg-type]
        options={"colour_table": "meteoswiss"},
    ),
    Fact(
        "MeteoNet accumulation, npz",
        "radar/meteonet_se_201608_npz/rainfall_SE_2016_08.3.npz",
        (45, 1, 515, 784),
        "2016-08-21T00:10:00",
        "2016-08-31T00:30:00",
        300,
        units=...,
        gaps=9,
        missing=0.04,
        pixel=...,  # type: ignore[arg-type]
        crs=...,
        options={"trust_pickle": True},
    ),
    Fact(
        "NOAA Stage IV accumulation, NetCDF",
        "radar/stageiv_florence_20180913_netcdf/test_stageiv_xyt.nc",
        (23, 1, 118, 87),
        "2018-09-13T19:00:00",
        "2018-09-14T17:00:00",
        3600,
        units="kg m^-2",
    ),
    Fact(
        "SEVIRI reflectance, zarr v2",
        "satellite/seviri_rss_ir016_20200401/sat_data.zarr",
        (25, 1, 298, 615),
        "2020-04-01T12:00:00",
        "2020-04-01T14:00:00",
        300,
        crs=...,
        pixel=(3000.4, 3000.4, "meter"),
        rises=(True, False),
    ),
    Fact(
        "MeteoNet cloud type, NetCDF",
        "satellite/meteonet_cloudtype_nw_20160101/CT_NW_2016.nc",
        (9, 1, 188, 261),
        "2016-01-01T00:00:00",
        "2016-01-01T02:15:00",
        900,
        gaps=1,
        pixel=(0.03, 0.03, ...),
        rises=(False, True),
        tolerance=0.01,
    ),
    Fact(
        "GOES-16 lightning, NetCDF",
        "satellite/goes16_glm_grid_20180702",
        (1, 1, 500, 500),
        "2018-07-02T04:33:00",
        "2018-07-02T04:33:00",
        None,
        units=...,
        missing=0.9997,
        crs="geostationary",
        pixel=(5.6e-5, 5.6e-5, "rad"),
        rises=(False, True),
        options={"variable": "flash_extent_density"},
    ),
    Fact(
        "Golgi under BFA, ImageJ TIFF",
        "microscopy/golgi_imagej",
        (30, 1, 137, 147),
        "1970-01-01T00:00:00",
        "1970-01-01T00:28:55.940000",
        59.86,
        units="1",
        pixel=(0.3514, 0.3514, "um"),
    ),
    Fact(
        "migrating nuclei, TIFF without metadata",
        "microscopy/cancer_cell_migration",
        (48, 1, 130, 130),
        "1970-01-01T00:00:00",
        "1970-01-01T03:55:00",
        300,
        units="1",
        pixel=(0.5, 0.5, "um"),
        options={"axes": "TYX", "time_step": "5min", "pixel_size": "0.5um"},
    ),
    Fact(
        "nucleus, OME-TIFF with Z",
        "microscopy/nucleus_ometiff",
        (4, 1, 51, 73),
        ...,  # type: ignore[arg-type]
        ...,  # type: ignore[arg-type]
        180,
        units="1",
        pixel=(0.4151, 0.4151, "um"),
        options={"z": "max"},
    ),
    _clip(
        "KTH running, AVI",
        "video/kth/person15_running_d1_uncomp.avi",
        325,
        (120, 160),
        0.04,
        "1970-01-01T00:00:12.960000",
    ),
    _clip(
        "KTH boxing, AVI",
        "video/kth/person16_boxing_d4_uncomp.avi",
        460,
        (120, 160),
        0.04,
        "1970-01-01T00:00:18.360000",
    ),
    _clip(
        "UCF-101 eye make-up, AVI",
        "video/ucf101/v_ApplyEyeMakeup_g01_c01.avi",
        164,
        (240, 320),
        0.04,
        "1970-01-01T00:00:06.520000",
    ),
    _clip(
        "UCF-101 pitch, AVI",
        "video/ucf101/v_BaseballPitch_g01_c01.avi",
        107,
        (240, 320),
        1001 / 30000,
        "1970-01-01T00:00:03.536866667",
    ),
    _clip(
        "UCF-101 basketball, AVI",
        "video/ucf101/v_Basketball_g01_c01.avi",
        141,
        (240, 320),
        1001 / 30000,
        "1970-01-01T00:00:04.671333333",
    ),
    _clip(
        "HMDB51 clip that claims 49 frames, AVI",
        "video/hmdb51/TrumanShow_wave_f_nm_np1_fr_med_26.avi",
        48,
        (240, 432),
        1 / 30,
        "1970-01-01T00:00:01.566666667",
    ),
)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: Path(fact.path).name)
@pytest.mark.filterwarnings("ignore::nowcast.errors.NowcastWarning")
def test_a_real_file_is_what_is_known_of_it(fact: Fact, shared_data: Path) -> None:
    from nowcast import open_cube
    from nowcast.description import describe

    told = describe(open_cube(shared_data / fact.path, **fact.options)).to_dict()
    found = {
        "shape": tuple(told["shape"]),
        "start": told["time_start"],
        "end": told["time_end"],
        "units": told["units"],
        "gaps": len(told["gaps"]),
        "crs": told["crs"],
        "sequences": told["sequences"],
    }
    expected = {key: getattr(fact, key, 1) for key in found}
    assert found == {key: found[key] if value is ... else value for key, value in expected.items()}
    assert told["time_step_seconds"] == (fact.step and pytest.approx(fact.step, rel=1e-4))
    if fact.missing is not ...:
        assert told["missing_fraction"] == pytest.approx(fact.missing, abs=0.005)
    if fact.pixel is None:
        assert told["pixel_size"] is None
    elif fact.pixel is not ...:
        pixel = told["pixel_size"]
        assert (pixel["y"], pixel["x"]) == pytest.approx(fact.pixel[:2], rel=fact.tolerance)
        assert fact.pixel[2] in (pixel["units"], ...)
        assert fact.rises in ((pixel["y_rises"], pixel["x_rises"]), ...)


def test_no_real_file_is_forgotten(shared_data: Path) -> None:
    known = [shared_data / fact.path for fact in FACTS]
    files = {path for path in shared_data.rglob("*") if path.is_file() and path.parent != shared_data}
    left = {path for path in files if not any(path == each or each in path.parents for each in known)}
    others = {"licences": 8, "mnist": 2, "meteonet_se_201608_npz": 1}  # digits for Moving MNIST; coordinates of the npz
    assert {name: sum(path.parent.name == name for path in left) for name in others} == others
    assert len(left) == sum(others.values()), sorted(left)


def page() -> str:
    """The facts as a table in markdown."""
    lines = [
        "| file | shape | time (UTC) | step | gaps | units | missing | projection | pixel | flags |",
        "|" + "---|" * 10,
    ]
    for fact in FACTS:
        flags = " ".join(
            f"--{key.replace('_', '-')}" + ("" if value is True else f" {value}") for key, value in fact.options.items()
        )
        cells = [
            fact.what,
            " x ".join(map(str, fact.shape)),
            "as the file tells"
            if fact.start is ...
            else fact.start
            if fact.start == fact.end
            else f"{fact.start} to {fact.end}",
            "one frame" if fact.step is None else f"{fact.step:.6g} s",
            str(fact.gaps or "none"),
            _cell(fact.units),
            "..." if fact.missing is ... else f"{fact.missing:.4g}",
            _cell(fact.crs),
            "..." if fact.pixel is ... else "none" if fact.pixel is None else _pixel(fact.pixel),
            f"`{flags}`" if flags else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return HEAD + "\n".join(lines) + "\n\n`...` is not in the documentation, and not compared.\n"


def _cell(value: Any) -> str:
    return "..." if value is ... else "none" if value is None else str(value)


def _pixel(pixel: tuple[float, float, Any]) -> str:
    return f"{pixel[0]:g} x {pixel[1]:g} {'' if pixel[2] is ... else pixel[2]}".rstrip()


def test_the_page_tells_these_facts() -> None:
    assert PAGE.read_text() == page(), "python tests/test_real_files.py writes it anew"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page())
