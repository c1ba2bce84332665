from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from nowcast.errors import InputError, MachineError
from nowcast.readers import open_cube
from nowcast.readers.formats.video.decoding import decoded, is_sound, opened

av: ModuleType = pytest.importorskip("av")


def test_damage_lasts_until_a_key_frame() -> None:
    clean, spoilt, key = (
        SimpleNamespace(is_corrupt=corrupt, key_frame=key) for corrupt, key in [(False, 0), (True, 0), (False, 1)]
    )
    sound, told = True, []
    for frame in [clean, spoilt, clean, key, clean, None, clean, key]:
        sound = is_sound(frame, sound)
        told.append(sound)
    assert told == [True, False, False, True, True, False, False, True]


def test_frames_come_from_the_packet_asked_for_and_the_file_is_closed(shared_data: Path) -> None:
    path = shared_data / "video" / "ucf101" / "v_BaseballPitch_g01_c01.avi"
    with opened(path, "avi") as (file, stream):
        assert stream.frames == 107
    with pytest.raises(AssertionError, match="not open"):
        next(file.demux())
    whole = list(decoded(path, "avi", lenient=False, checked=False))
    later = list(decoded(path, "avi", lenient=False, checked=False, start=96))
    assert (len(whole), len(later)) == (107, 11)
    np.testing.assert_array_equal(whole[-1].to_ndarray(), later[-1].to_ndarray())


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MachineError, match="needs the package av") as caught:
        open_cube(path)
    assert caught.value.next_step == "pip install 'nowcast[video]'"


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), "int16"), format="s16", layout="mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(InputError, match="holds no video"):
        open_cube(path)
