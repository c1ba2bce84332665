"""Moving pictures: a frame for each time, stamped, in the field's colours, shown by themselves and saved."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from nowcast.errors import InputError
from nowcast.report.pictures import motion
from nowcast.report.pictures.colours import RAIN
from nowcast.report.pictures.film import GAP

Maker = Callable[..., xr.DataArray]


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def colours(png: bytes, frame: int) -> set[str]:
    image = opened(png)
    image.seek(frame)
    return {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in image.convert("RGB").getcolors(1 << 20) or []}


def test_a_cube_moves_from_its_first_to_its_last_frame(blob: Maker) -> None:
    shown = motion.of_cube(blob(), frames=48)
    image = opened(shown.png)
    assert (image.format, image.n_frames, image.info.get("loop")) == ("PNG", 6, 0)
    assert "rain rate: 6 frames, 2026-05-01 00:00 UTC to 2026-05-01 00:25 UTC" in repr(shown)
    assert colours(shown.png, 5) & set(RAIN)
    newest = motion.of_cube(blob(), frames=2)
    assert opened(newest.png).n_frames == 2
    assert "the last 2 of 6 frames, 2026-05-01 00:20 UTC" in repr(newest)
    assert shown._repr_html_().count('src="data:image/png;base64,') == 1


def test_a_clip_keeps_its_pace_and_counts_its_time(cube_maker: Maker) -> None:
    clip = cube_maker(step="40ms", start="1970-01-01", units="1", name="grey")
    clip["time"].attrs["counted_from"] = "first frame"
    shown = motion.of_cube(clip, frames=48)
    assert "12 frames, 0 s to 0.44 s" in repr(shown)
    assert opened(shown.png).info["duration"] == 40


def test_a_forecast_beside_the_truth_begins_with_what_was_seen(blob: Maker, forecast_of: Maker) -> None:
    cube = blob()
    shown = motion.beside(forecast_of(cube), cube)
    image = opened(shown.png)
    assert image.n_frames == 1 + 3
    assert "oracle from 2026-05-01 00:10 UTC, beside what was observed and persistence" in repr(shown)
    image.seek(3)
    last = np.asarray(image.convert("RGB"))
    panel = (image.width - 2 * GAP) // 3
    truth, oracle, still = (last[130, 40 + number * (panel + GAP)] for number in range(3))
    assert (truth == oracle).all(), "within the rain"
    assert (truth != still).any()


def test_of_several_products_the_matched_one_moves(
    cube_maker: Maker, products_maker: Callable[..., xr.Dataset]
) -> None:
    cube = cube_maker()
    products = products_maker(cube)
    shown = motion.of_forecast(products)
    assert opened(shown.png).n_frames == products.sizes["lead_time"]
    alone = motion.of_forecast(products["rain_rate_matched"].rename("rain_rate"))
    assert alone.png == shown.png
    assert alone.png != motion.of_forecast(products["rain_rate"]).png


@pytest.mark.parametrize(("suffix", "kind"), [(".gif", "GIF"), (".png", "PNG")])
def test_it_is_saved_as_it_is_shown(suffix: str, kind: str, blob: Maker, tmp_path: Path) -> None:
    path = motion.of_cube(blob(), frames=48).save(tmp_path / f"rain{suffix}")
    with Image.open(path) as image:
        assert (image.format, image.n_frames, image.info["loop"]) == (kind, 6, 0)
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_saved_as_video(blob: Maker, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = motion.of_cube(blob(), frames=48).save(tmp_path / "rain.mp4")
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 6


def test_what_cannot_be_shown_or_saved_is_refused(blob: Maker, forecast_of: Maker, tmp_path: Path) -> None:
    cube = blob()
    with pytest.raises(InputError, match=r"(?s)2 channels.*isel\(channel"):
        motion.of_cube(xr.concat([cube, cube], "channel"), frames=3)
    with pytest.raises(InputError, match="frames=0"):
        motion.of_cube(cube, frames=0)
    with pytest.raises(InputError, match=r"(?s)another grid.*16 x 12.*16 x 24"):
        motion.beside(forecast_of(cube)[..., :12], cube)
    shown = motion.of_cube(cube, frames=3)
    with pytest.raises(InputError, match=r"\.png, \.gif, \.mp4"):
        shown.save(tmp_path / "rain.nc")
    with pytest.raises(InputError, match="no folder"):
        shown.save(tmp_path / "absent" / "rain.gif")


def test_large_fields_are_drawn_as_means_and_a_blank_one_is_drawn(cube_maker: Maker) -> None:
    values = np.random.default_rng(0).gamma(1, 5, (2, 1, 900, 500)).astype("float32")
    shown = motion.of_cube(cube_maker(values.shape, values=values), frames=2)
    assert max(opened(shown.png).size) < 600
    blank = cube_maker()
    assert opened(motion.of_cube(blank.where(blank < 0), frames=3).png).n_frames >= 1


def test_names_of_files_are_no_markup(blob: Maker) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m"
    shown = motion.of_cube(blob().assign_attrs(long_name=hostile, units=hostile), frames=2)
    assert "\x1b" not in repr(shown)
    assert "<script" not in shown._repr_html_()
    assert "&lt;script" in shown._repr_html_()
