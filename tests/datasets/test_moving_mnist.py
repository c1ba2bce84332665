"""Digits move as in the generator published with the paper, from a seed; the published test set is taken as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.cube import check, runs, time_step
from nowcast.datasets.moving_mnist import bounced, moving_mnist
from nowcast.errors import InputError, NowcastWarning

pytestmark = pytest.mark.filterwarnings("ignore::nowcast.errors.NowcastWarning")


def slowly(start: np.ndarray, velocity: np.ndarray, frames: int) -> list[list[tuple[float, float]]]:
    """The dynamics of Srivastava's generator, digit by digit and side by side."""
    ways = []
    for (y, x), (v_y, v_x) in zip(start.tolist(), velocity.tolist(), strict=True):
        way = []
        for _ in range(frames):
            y += v_y
            x += v_x
            if x <= 0:
                x, v_x = 0.0, -v_x
            if x >= 1:
                x, v_x = 1.0, -v_x
            if y <= 0:
                y, v_y = 0.0, -v_y
            if y >= 1:
                y, v_y = 1.0, -v_y
            way.append((y, x))
        ways.append(way)
    return ways


@pytest.mark.parametrize("seed", range(5))
def test_places_are_those_of_the_published_generator(seed: int) -> None:
    random = np.random.default_rng(seed)
    start, angle = random.random((4, 2)), random.uniform(0, 2 * np.pi, 4)
    velocity = 0.1 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    places = bounced(start, velocity, 60)
    np.testing.assert_allclose(places.transpose(1, 0, 2), slowly(start, velocity, 60), atol=1e-12)
    assert places.min() >= 0
    assert places.max() <= 1
    assert (places == 0).any() or (places == 1).any(), "in 60 frames every digit meets a border"


def test_a_digit_comes_back_from_the_border() -> None:
    way = bounced(np.array([[0.5, 0.75]]), np.array([[0.0, 0.1]]), 6)[:, 0, 1]
    np.testing.assert_allclose(way, [0.85, 0.95, 1.0, 0.9, 0.8, 0.7])


@pytest.fixture(scope="module")
def small() -> xr.DataArray:
    return moving_mnist(sequences=24, length=12, seed=3)


def test_a_cube_of_sequences(small: xr.DataArray) -> None:
    check(small)
    assert small.shape == (24 * 12, 1, 64, 64)
    assert small.dtype == np.uint8
    assert [len(run) for run in runs(small)] == [12] * 24
    assert time_step(small) == 1.0
    part = small["part"].values[::12].tolist()
    assert part == ["training"] * 20 + ["validation"] * 2 + ["test"] * 2
    assert "digits_source" in small.attrs
    assert small.chunks[0] == (12,) * 24, "a sequence to a chunk: memory is bounded"


def test_digits_are_bright_on_black_and_keep_their_shape(small: xr.DataArray) -> None:
    values = small.values[:, 0]
    assert values.min() == 0
    assert values.max() > 200
    lit = (values > 0).mean(axis=(1, 2))
    assert (lit > 0.01).all()
    assert (lit < 0.5).all()
    one = moving_mnist(sequences=3, length=8, digits=1, seed=1).values[:8, 0]
    totals = one.reshape(8, -1).sum(axis=1)
    assert (totals == totals[0]).all(), "one digit alone neither overlaps nor leaves"
    centre = np.array([np.average(np.indices((64, 64)), axis=(1, 2), weights=frame) for frame in one])
    assert np.hypot(*np.diff(centre, axis=0).T).max() < 3.6 + 1.5, "0.1 of 36 pixels a frame, whole pixels"
    assert np.ptp(centre, axis=0).max() > 3


def test_overlapping_digits_are_the_brighter_of_both() -> None:
    many = moving_mnist(sequences=3, length=3, digits=8, seed=2).values
    assert many.max() <= 255
    assert (many == many.max()).sum() > 100


def test_a_seed_is_a_cube_and_sequences_differ(small: xr.DataArray) -> None:
    again = moving_mnist(sequences=24, length=12, seed=3)
    xr.testing.assert_identical(again[::7].compute(), small[::7].compute())
    other = moving_mnist(sequences=24, length=12, seed=4)
    assert (other[:12].values != small[:12].values).any()
    starts = small.isel(time=slice(0, None, 12)).values.reshape(24, -1)
    assert len(np.unique(starts, axis=0)) == 24


def test_parts_of_a_chunk_are_parts_of_the_whole(small: xr.DataArray) -> None:
    whole = small.values
    np.testing.assert_array_equal(small.isel(time=slice(7, 31)).values, whole[7:31])
    np.testing.assert_array_equal(small.isel(time=[5, 200]).values, whole[[5, 200]])


def test_mnist_where_it_is_at_hand(shared_data: Path) -> None:
    cube = moving_mnist(shared_data / "mnist", sequences=12)
    assert "t10k" in cube.attrs["digits_source"]
    assert cube.shape == (240, 1, 64, 64)
    with pytest.warns(NowcastWarning, match="no MNIST"):
        moving_mnist(sequences=12)


def test_other_sizes() -> None:
    cube = moving_mnist(sequences=3, length=2, digits=3, size=(28, 50))
    assert cube.shape == (6, 1, 28, 50)
    assert cube.values.any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("told", [{"size": 27}, {"length": 0}, {"digits": 0}, {"sequences": 2}, {"seed": -1}])
def test_what_cannot_be_is_refused(told: dict[str, int]) -> None:
    with pytest.raises(InputError, match="cannot be made"):
        moving_mnist(**told)  # type: ignore[arg-type]


def test_more_digits_than_there_are() -> None:
    with pytest.raises(InputError, match="digits for"):
        moving_mnist(digits=1000)


# The published test set


def published(folder: Path, values: np.ndarray) -> Path:
    np.save(folder / "mnist_test_seq.npy", values)
    return folder


def frames_that_tell(count: int) -> np.ndarray:
    frame, sequence = np.indices((20, count))
    return np.broadcast_to((frame + 20 * sequence)[..., None, None], (20, count, 64, 64)).astype(np.uint8)


def test_the_published_test_set_is_the_test(tmp_path: Path) -> None:
    cube = moving_mnist(published(tmp_path, frames_that_tell(5)))
    assert cube.shape == (100, 1, 64, 64)
    assert set(cube["part"].values) == {"test"}
    np.testing.assert_array_equal(cube.values[:, 0, 5, 6], np.arange(100))


def test_one_source_alone_whatever_else_is_there(tmp_path: Path) -> None:
    import struct

    images = np.random.default_rng(0).integers(1, 255, (60, 28, 28), np.uint8)
    packed = b"\0\0\x08\x03" + struct.pack(">3I", *images.shape)
    for name, brightest in (("train-images-idx3-ubyte", 1), ("t10k-images-idx3-ubyte", 2)):
        (tmp_path / name).write_bytes(packed + np.minimum(images, brightest).tobytes())
    published(tmp_path, frames_that_tell(5))
    told = moving_mnist(tmp_path, only="mnist_test_seq.npy")
    assert set(told["part"].values) == {"test"}
    for name, brightest in (("train-images-idx3-ubyte", 1), ("t10k-images-idx3-ubyte", 2)):
        cube = moving_mnist(tmp_path, sequences=12, only=name)
        assert cube.values.max() == brightest
        assert set(cube["part"].values) == {"training", "validation", "test"}
    drawn = moving_mnist(tmp_path, sequences=12, only="drawn")
    assert "printed font" in drawn.attrs["digits_source"]
    with pytest.raises(InputError, match="names nothing"):
        moving_mnist(tmp_path, only="mnist_test_seq")
    with pytest.raises(InputError, match="is not there"):
        moving_mnist(None, only="mnist_test_seq.npy")


def test_training_digits_beside_it_make_the_training(tmp_path: Path) -> None:
    import struct

    images = np.random.default_rng(0).integers(0, 255, (60, 28, 28), np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(
        b"\0\0\x08\x03" + struct.pack(">3I", *images.shape) + images.tobytes()
    )
    cube = moving_mnist(published(tmp_path, frames_that_tell(5)), sequences=12)
    part = cube["part"].values[::20].tolist()
    assert part == ["training"] * 11 + ["validation"] + ["test"] * 5
    assert cube.values[-1].max() == 99
    check(cube)
    other = moving_mnist(tmp_path, sequences=12, length=10)
    assert other["part"].values[::10].tolist().count("test") == 1, "it has 20 frames: made ones take its place"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((5, 20, 64, 64), np.uint8), "not the published test set"),
        (np.zeros((20, 5, 64, 64), np.float32), "not the published test set"),
        (np.zeros(3, np.uint8), "not the published test set"),
        (np.array([{}], dtype=object), "damaged"),
    ],
)
def test_another_array_is_refused(values: np.ndarray, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        moving_mnist(published(tmp_path, values))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\0", b"PK\x03\x04nonsense", b"text"])
def test_a_damaged_array_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mnist_test_seq.npy").write_bytes(content)
    with pytest.raises(InputError, match="damaged, or no NumPy array"):
        moving_mnist(tmp_path)


def test_a_test_set_cut_short_is_told(tmp_path: Path) -> None:
    path = published(tmp_path, frames_that_tell(5)) / "mnist_test_seq.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        moving_mnist(tmp_path)
    archive = tmp_path / "a.npz"
    np.savez(archive, a=np.zeros(3))
    path.write_bytes(archive.read_bytes())
    with pytest.raises(InputError, match="damaged"):
        moving_mnist(tmp_path)
