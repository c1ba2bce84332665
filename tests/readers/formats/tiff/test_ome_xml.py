from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.formats.tiff.ome_xml import Run, images_of, metadata_file

PATH = Path("a.ome.tif")
HEAD = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'


def xml(pixels: str = "", inside: str = "", before: str = "", order: str = "XYCZT", sizes: str = "2 1 3") -> str:
    c, z, t = sizes.split()
    return (
        f'{HEAD}<Image ID="Image:0" Name="p">{before}<Pixels DimensionOrder="{order}" SizeC="{c}" SizeZ="{z}" '
        f'SizeT="{t}" SizeX="4" SizeY="4" Type="uint8" {pixels}>{inside}</Pixels></Image></OME>'
    )


def test_what_an_image_says() -> None:
    (image,) = images_of(
        xml(
            'TimeIncrement="2" TimeIncrementUnit="min" PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25"',
            '<Channel Name="a"/><Channel Name="b"/><TiffData FirstT="1" FirstC="1" IFD="4"/>',
            "<AcquisitionDate>2020-01-01T02:00:00+02:00</AcquisitionDate>",
        ),
        PATH,
    )
    assert (image.axes, image.shape) == ("TZC", (3, 1, 2))
    assert image.step == 120
    assert image.start == pd.Timestamp("2020-01-01")
    assert image.pixel == ((0.25, "um"), (0.5, "um"))
    assert image.channels == ("a", "b")
    assert image.runs == (Run(3, 1, 4, None),)


def test_times_of_planes() -> None:
    planes = "".join(f'<Plane TheC="0" TheZ="0" TheT="{t}" DeltaT="{t * 7.5}" DeltaTUnit="s"/>' for t in range(3))
    assert images_of(xml(inside=planes), PATH)[0].offsets == (0, 7.5, 15)
    assert images_of(xml(inside=planes[: planes.rindex("<Plane")]), PATH)[0].offsets is None
    assert images_of(xml(), PATH)[0].step is None


def test_own_planes_and_those_of_others() -> None:
    runs = '<TiffData><UUID FileName="{}">urn:uuid:{}</UUID></TiffData>'
    assert images_of(xml(inside=runs.format("old_name.tif", 1)), PATH)[0].runs[0].file is None
    assert images_of(xml(inside=runs.format("b.tif", 2)), PATH)[0].runs == (Run(0, None, 0, "b.tif"),)
    with pytest.raises(UnsafeError):
        images_of(xml(inside=runs.format("../b.tif", 2)), PATH)


@pytest.mark.parametrize(
    "text",
    [
        "<OME",
        "<html></html>",
        f"{HEAD}</OME>",
        xml(order="XYCCT"),
        xml(order="YXCZT"),
        xml(sizes="0 1 1"),
        xml(sizes="2 one 1"),
        xml(inside='<TiffData FirstT="3"/>'),
        xml(inside='<Channel SamplesPerPixel="3"/>'),
        xml('TimeIncrement="soon"'),
    ],
)
def test_damage(text: str) -> None:
    with pytest.raises(InputError, match="OME-XML"):
        images_of(text, PATH)


def test_entities_are_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><OME>&b;</OME>'
    with pytest.raises(UnsafeError, match="entities"):
        images_of(bomb, PATH)


def test_metadata_in_a_companion(tmp_path: Path) -> None:
    text = f'{HEAD}<BinaryOnly MetadataFile="{{}}" UUID="urn:uuid:2"/></OME>'
    with pytest.raises(InputError, match="which is missing"):
        metadata_file(text.format("a.companion.ome"), tmp_path / "a.tif")
    (tmp_path / "a.companion.ome").write_text("<OME/>")
    assert metadata_file(text.format("a.companion.ome"), tmp_path / "a.tif") == tmp_path / "a.companion.ome"
    with pytest.raises(UnsafeError):
        metadata_file(text.format("/etc/passwd"), tmp_path / "a.tif")
    assert metadata_file(xml(), tmp_path / "a.tif") is None
