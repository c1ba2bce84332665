from __future__ import annotations

import pickle
import random
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nowcast.cube import time_step
from nowcast.errors import InputError, NowcastError, NowcastWarning, UnsafeError
from nowcast.readers import open_cube
from nowcast.readers.formats.video import reader
from nowcast.readers.formats.video.reader import VideoReader

av: ModuleType = pytest.importorskip("av")

Clip = Callable[..., Path]


def moving(frames: int, rows: int = 48, columns: int = 64) -> np.ndarray:
    """A bright bar that steps two columns a frame, on a slope that tells the frame's number."""
    values = np.zeros((frames, rows, columns), "uint8")
    for number, frame in enumerate(values):
        frame[:] = (np.arange(rows)[:, None] + 3 * number) % 200
        frame[:, (2 * number) % columns : (2 * number) % columns + 4] = 250
    return values


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Write arrays `(t, y, x)` or `(t, y, x, 3)` as a video, with libav alone."""

    def write(
        values: np.ndarray, name: str, codec: str = "ffv1", pixels: str = "gray", rate: int = 25, **options: str
    ) -> Path:
        with av.open(str(tmp_path / name), "w") as file:
            stream = file.add_stream(codec, rate=rate)
            stream.height, stream.width, stream.pix_fmt = *values.shape[1:3], pixels
            stream.options = options
            kind = "rgb24" if values.ndim == 4 else "gray16le" if values.dtype == np.uint16 else "gray"
            for frame in values:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=kind).reformat(format=pixels)))
            file.mux(stream.encode(None))
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("name", "frames", "shape", "rate"),
    [
        ("kth/person15_running_d1_uncomp.avi", 325, (120, 160), 25),
        ("kth/person16_boxing_d4_uncomp.avi", 460, (120, 160), 25),
        ("ucf101/v_ApplyEyeMakeup_g01_c01.avi", 164, (240, 320), 25),
        ("ucf101/v_BaseballPitch_g01_c01.avi", 107, (240, 320), 30000 / 1001),
        ("ucf101/v_Basketball_g01_c01.avi", 141, (240, 320), 30000 / 1001),
    ],
)
def test_real_clips_have_their_published_frames(
    name: str, frames: int, shape: tuple[int, int], rate: float, shared_data: Path
) -> None:
    cube = open_cube(shared_data / "video" / name)
    assert cube.shape == (frames, 1, *shape)
    assert cube.dtype == np.uint8
    assert (cube.name, cube.attrs["units"]) == ("grey", "1")
    assert cube["time"].attrs["counted_from"] == "first frame"
    seconds = cube["time"].values.astype("int64") / 1e9
    np.testing.assert_allclose(seconds, np.arange(frames) / rate, atol=1e-9)
    assert cube.isel(time=[0, -1]).values.std() > 10


def test_frames_keep_the_order_in_which_they_decode(shared_data: Path) -> None:
    path = shared_data / "video" / "ucf101" / "v_ApplyEyeMakeup_g01_c01.avi"
    with av.open(str(path)) as file:
        decoded = list(file.decode(video=0))
    stamps = [frame.pts for frame in decoded]
    assert stamps != sorted(stamps)
    expected = np.stack([frame.to_ndarray(format="gray") for frame in decoded])
    np.testing.assert_array_equal(open_cube(path).values[:, 0], expected)


def test_a_header_that_says_one_frame_too_many_is_told(shared_data: Path) -> None:
    path = shared_data / "video" / "hmdb51" / "TrumanShow_wave_f_nm_np1_fr_med_26.avi"
    with pytest.warns(NowcastWarning, match="found 48, header 49"):
        cube = open_cube(path)
    assert cube.shape == (48, 1, 240, 432)
    assert cube.attrs["absent_frames"] == "1 of 49 in the header"
    assert cube.values[-1].std() > 10


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_grey_is_read_without_loss_and_lazily(name: str, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    values = moving(12)
    path = clip(values, name)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 5 * 48 * 64)
    cube = open_cube(path)
    assert cube.chunks[0] == (5, 5, 2)
    np.testing.assert_array_equal(cube.values[:, 0], values)
    np.testing.assert_array_equal(cube[7, 0].values, values[7])
    assert time_step(cube) == 0.04
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(cube)).values[:, 0], values)


def test_colours_stay_apart_if_asked(clip: Clip) -> None:
    values = np.random.default_rng(1).integers(0, 256, (3, 16, 18, 3)).astype("uint8")
    path = clip(values, "a.mkv", pixels="bgr0")
    cube = open_cube(path, rgb=True)
    assert cube["channel"].values.tolist() == ["red", "green", "blue"]
    np.testing.assert_array_equal(cube.values, values.transpose(0, 3, 1, 2))
    grey = open_cube(path).values[:, 0].astype(int)
    luma = values @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey - luma).max() < 3


def test_sixteen_bits_of_grey_stay(clip: Clip) -> None:
    values = (moving(4).astype("uint16") << 8) + 77
    cube = open_cube(clip(values, "a.mkv", pixels="gray16le"))
    assert cube.dtype == np.uint16
    np.testing.assert_array_equal(cube.values[:, 0], values)


@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3"}, {"bf": "3", "x264-params": "open-gop=1"}])
def test_chunks_within_a_clip_are_what_decoding_from_the_start_gives(
    options: dict[str, str], clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip(moving(60), "a.mp4", "libx264", "yuv420p", g="8", sc_threshold="0", **options)
    whole = open_cube(path).values
    assert open_cube(path).chunks[0] == (60,)
    begun = []
    decoded = reader.decoded

    def watched(*given: object, start: int = 0, **named: object) -> object:
        begun.append(start)
        return decoded(*given, start=start, **named)

    monkeypatch.setattr(reader, "decoded", watched)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 7 * 48 * 64)
    np.testing.assert_array_equal(open_cube(path).compute(scheduler="sync").values, whole)
    assert begun == [0, 0, 0, 8, 16, 24, 32, 40, 48][: len(begun)] or max(begun) >= 40
    assert len(begun) == 9, "a start that is not trusted is taken twice"


def test_the_start_time_is_obeyed_and_the_file_knows_its_step(clip: Clip) -> None:
    cube = open_cube(clip(moving(3), "a.mkv"), start_time="2026-05-01T12:00", time_step="5min")
    assert str(cube["time"].values[2]) == "2026-05-01T12:00:00.080000000"
    assert "counted_from" not in cube["time"].attrs


@pytest.mark.parametrize(
    "text",
    [b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n"],
    ids=["playlist", "concat"],
)
def test_lists_of_other_files_are_no_video(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(text)
    assert not VideoReader().recognises(path)
    with pytest.raises(InputError, match="cannot be read"):
        open_cube(path)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), [("a.avi", "ffv1", "gray"), ("a.mkv", "ffv1", "gray"), ("a.mp4", "libx264", "yuv420p")]
)
def test_a_file_cut_short_is_told_by_its_bytes(name: str, codec: str, pixels: str, clip: Clip) -> None:
    path = clip(moving(20), name, codec, pixels)
    content = path.read_bytes()
    open_cube(path)
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match="cut short") as caught:
        open_cube(path)
    assert f"{len(content)} bytes" in str(caught.value)


def test_a_file_cut_short_is_read_as_far_as_it_goes_if_asked(clip: Clip) -> None:
    values = moving(20)
    path = clip(values, "a.avi")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.warns(NowcastWarning, match="fewer frames than the header says: found .* header 20"):
        cube = open_cube(path, missing="nan")
    frames = cube.sizes["time"]
    assert 3 < frames < 17
    assert f"{20 - frames} of 20 in the header" in cube.attrs["absent_frames"]
    assert cube.dtype == np.float32
    np.testing.assert_array_equal(cube.values[:-1, 0], values[: frames - 1])


def test_a_damaged_frame_is_told_or_missing(clip: Clip) -> None:
    values = moving(12)
    path = clip(values, "a.avi", slicecrc="1", g="1")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packet = next(packet for number, packet in enumerate(file.demux(video=0)) if number == 5)
        place = packet.pos + 8 + packet.size // 2
    content[place : place + 8] = bytes(255 - byte for byte in content[place : place + 8])
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"frame 5 is damaged"):
        open_cube(path).compute()
    cube = open_cube(path, missing="nan")
    assert cube.attrs["absent_frames"] == "1 damaged of 12"
    assert np.isnan(cube.values[5]).all()
    np.testing.assert_array_equal(np.delete(cube.values[:, 0], 5, 0), np.delete(values, 5, 0))


@pytest.mark.parametrize(("name", "codec", "pixels"), [("a.avi", "mpeg4", "yuv420p"), ("a.mkv", "ffv1", "gray")])
def test_any_damage_ends_in_an_error_of_ours_or_in_frames(name: str, codec: str, pixels: str, clip: Clip) -> None:
    path = clip(moving(6), name, codec, pixels)
    content = path.read_bytes()
    chance = random.Random(7)
    told = 0
    for _ in range(60):
        spoilt = bytearray(content)
        for _ in range(chance.choice([1, 4, 40])):
            spoilt[chance.randrange(12, len(spoilt))] = chance.randrange(256)
        path.write_bytes(spoilt)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NowcastWarning)
            try:
                cube = open_cube(path, missing=chance.choice([None, "nan"]))
                if cube.nbytes < 10_000_000:
                    assert cube.compute().shape == cube.shape
            except NowcastError:
                told += 1
    assert told > 5


def test_damage_lasts_until_the_next_key_frame(clip: Clip) -> None:
    noise = np.random.default_rng(0).integers(0, 50, (12, 48, 64)).astype("uint8")
    path = clip(moving(12) // 2 + noise, "a.avi", "mpeg4", "yuv420p", g="4")
    content = bytearray(path.read_bytes())
    sound = open_cube(path).values
    with av.open(str(path)) as file:
        packet = next(packet for number, packet in enumerate(file.demux(video=0)) if number == 5)
        place = packet.pos + 8 + packet.size // 2
    content[place : place + 8] = bytes(255 - byte for byte in content[place : place + 8])
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"frame 5 is damaged"):
        open_cube(path).compute()
    cube = open_cube(path, missing="nan")
    assert cube.attrs["absent_frames"] == "3 damaged of 12"
    missing = np.isnan(cube.values).all(axis=(1, 2, 3))
    assert np.flatnonzero(missing).tolist() == [5, 6, 7]
    np.testing.assert_array_equal(cube.values[~missing], sound[~missing])


def test_a_frame_of_absurd_size_is_refused(clip: Clip) -> None:
    path = clip(moving(3), "a.avi", "rawvideo", "gray")
    content = path.read_bytes()
    at = content.index(b"strf") + 8
    assert struct.unpack("<II", content[at + 4 : at + 12]) == (64, 48)
    path.write_bytes(content[: at + 4] + struct.pack("<II", 12000, 12000) + content[at + 12 :])
    with pytest.raises(UnsafeError, match="12000 x 12000 pixels are not decoded"):
        open_cube(path)
