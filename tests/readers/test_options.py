from __future__ import annotations

import pandas as pd
import pytest

from nowcast.errors import InputError
from nowcast.readers.options import Options


def test_nothing_said_is_nothing_meant() -> None:
    options = Options()
    assert options.given() == {}
    assert options.remembered() == {}
    assert options.step_seconds() is None
    assert options.first_moment() is None
    assert options.span() == (None, None)
    assert options.pixel() is None
    assert options.window() is None
    assert options.shape() is None
    assert options.marshall_palmer() is None
    assert options.codes() is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5min", 300), ("2h", 7200), ("59.86 s", 59.86), (0.04, 0.04), ("40ms", 0.04), ("12", 12)],
)
def test_a_time_step_is_a_duration(text: str | float, seconds: float) -> None:
    assert Options(time_step=text).step_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "pixel"),
    [
        ("0.35um", (0.35, "um")),
        ("0.35 µm", (0.35, "um")),
        ("1km", (1.0, "km")),
        (2, (2.0, "")),
        ("250nm", (250.0, "nm")),
    ],
)
def test_a_pixel_size_is_a_length(text: str | float, pixel: tuple[float, str]) -> None:
    assert Options(pixel_size=text).pixel() == pixel


def test_places_sizes_and_numbers() -> None:
    assert Options(crop="100:356,:256").window() == (slice(100, 356), slice(None, 256))
    assert Options(size="128x96").shape() == (128, 96)
    assert Options(size="64").shape() == (64, 64)
    assert Options(zr="223,1.53").marshall_palmer() == (223.0, 1.53)
    assert Options(classes="7,8").codes() == [7, 8]


def test_python_may_give_numbers_and_pairs() -> None:
    assert Options(size=(128, 96)).shape() == (128, 96)
    assert Options(zr=(223, 1.53)).marshall_palmer() == (223.0, 1.53)
    assert Options(classes=[7, 8]).codes() == [7, 8]
    assert (Options(coarsen="2").factor(), Options(coarsen=2).factor(), Options().factor()) == (2, 2, 1)
    assert (Options(missing_value=0).stands_for_missing(), Options().stands_for_missing()) == (0.0, None)


def test_times_are_brought_to_utc() -> None:
    assert Options(start_time="2026-05-01T12:00+02:00").first_moment() == pd.Timestamp("2026-05-01T10:00")
    assert Options(since="2026-05-01", until="2026-05-02").span() == (
        pd.Timestamp("2026-05-01"),
        pd.Timestamp("2026-05-02"),
    )


@pytest.mark.parametrize(
    ("options", "method", "flag"),
    [
        (Options(time_step="soon"), "step_seconds", "--time-step"),
        (Options(time_step="-3s"), "step_seconds", "--time-step"),
        (Options(time_step="0"), "step_seconds", "--time-step"),
        (Options(pixel_size="wide"), "pixel", "--pixel-size"),
        (Options(pixel_size="0um"), "pixel", "--pixel-size"),
        (Options(pixel_size="0.1degrees"), "pixel", "--pixel-size"),
        (Options(crop="1:2"), "window", "--crop"),
        (Options(size="0x8"), "shape", "--size"),
        (Options(size="big"), "shape", "--size"),
        (Options(zr="200"), "marshall_palmer", "--zr"),
        (Options(zr="200,-1"), "marshall_palmer", "--zr"),
        (Options(classes="rain"), "codes", "--classes"),
        (Options(classes="7.5"), "codes", "--classes"),
        (Options(classes="inf"), "codes", "--classes"),
        (Options(coarsen="1.5"), "factor", "--coarsen"),
        (Options(coarsen=0), "factor", "--coarsen"),
        (Options(missing_value="none"), "stands_for_missing", "--missing-value"),
        (Options(start_time="teatime"), "first_moment", "--start-time"),
        (Options(until="NaT"), "span", "--until"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_by_its_flag(options: Options, method: str, flag: str) -> None:
    with pytest.raises(InputError, match=flag):
        getattr(options, method)()


def test_a_model_remembers_what_holds_for_its_kind_of_files() -> None:
    said = Options(
        variable="v", z="max", zr="223,1.53", trust_pickle=True, since="2026-01-01", colour_table="meteoswiss"
    )
    assert said.remembered() == {"z": "max", "zr": "223,1.53", "colour_table": "meteoswiss"}


def test_no_model_leads_to_a_file_of_colours() -> None:
    assert Options(colour_table="/etc/passwd").remembered() == {}
    assert Options(colour_table="table.csv").remembered() == {}


def test_numbers_are_finite() -> None:
    for told in ("nan", "inf", float("nan")):
        with pytest.raises(InputError, match="--missing-value"):
            Options(missing_value=told).stands_for_missing()  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--zr"):
        Options(zr="nan,1.5").marshall_palmer()
