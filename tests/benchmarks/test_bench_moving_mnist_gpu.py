"""The benchmark on a GPU moves digits and scores forecasts as the locked protocol does; its path without a GPU runs."""

from __future__ import annotations

import gzip
import importlib
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from nowcast.datasets.moving_mnist import moving_mnist

PROGRAM = Path(__file__).parent / "bench_moving_mnist_gpu.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a hundred pictures, whatever they show."""
    made = np.random.default_rng(0).integers(0, 256, (100, 28, 28), np.uint8)
    head = np.array([0x803, *made.shape], ">u4").tobytes()
    place = tmp_path_factory.mktemp("digits")
    (place / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + made.tobytes()))
    return place


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    return importlib.import_module("moving_digits"), importlib.import_module("bench_moving_mnist_gpu")


@pytest.mark.filterwarnings("ignore:.*not the published file")
@pytest.mark.parametrize("part", ["training", "validation", "test"])
def test_numbered_sequences_are_those_of_the_dataset(
    folder: Path, benches: tuple[ModuleType, ModuleType], part: str
) -> None:
    moving_digits, _ = benches
    cube = moving_mnist(folder, sequences=36, seed=3)
    expected = cube[cube.part == part].to_numpy()[: 3 * 20].reshape(3, 20, 1, 64, 64)
    pictures = moving_digits.digits(folder, "cpu")[part]
    np.testing.assert_array_equal(moving_digits.numbered(pictures, 3, part=part, seed=3), expected)


def test_drawn_sequences_show_two_different_digits_of_their_part(
    folder: Path, benches: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    moving_digits, _ = benches
    asked = []
    monkeypatch.setattr(moving_digits, "moved", lambda *given: asked.append(given))
    moving_digits.drawn(torch.zeros(3, 28, 28), 500, torch.Generator().manual_seed(0))
    _, picked, start, velocity = asked[0]
    assert {tuple(pair) for pair in picked.tolist()} == {(a, b) for a in range(3) for b in range(3) if a != b}
    assert 0 <= start.min() < 0.02
    assert 0.98 < start.max() < 1
    torch.testing.assert_close(velocity.norm(dim=-1), torch.full((500, 2), 0.1, dtype=torch.float64))
    assert velocity.amin() < -0.099
    assert velocity.amax() > 0.099


def test_similarity_is_scikit_images(benches: tuple[ModuleType, ModuleType]) -> None:
    _, bench = benches
    one, other = torch.rand(2, 2, 10, 1, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = bench.similarity(one, other, data_range=2.0)
    for b, t in ((0, 0), (1, 9)):
        expected = structural_similarity(one[b, t].numpy(), other[b, t].numpy(), data_range=2.0, channel_axis=0)
        assert float(found[b, t]) == pytest.approx(expected, rel=1e-9)


def test_scores_are_sums_over_a_frame_by_lead(benches: tuple[ModuleType, ModuleType]) -> None:
    _, bench = benches
    sequences = torch.zeros(3, 20, 1, 64, 64, dtype=torch.uint8)
    found = bench.scores(lambda context, horizon: torch.full_like(context, 0.5), sequences, 2)
    assert found["mse"] == pytest.approx(64 * 64 / 4)
    assert found["mae"] == pytest.approx(64 * 64 / 2)
    assert found["psnr"] == pytest.approx(10 * math.log10(4))
    assert len(found["by lead"]["ssim"]) == 10


def test_without_time_one_step_is_taken_and_all_that_follows_it(
    folder: Path,
    tmp_path: Path,
    benches: tuple[ModuleType, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, bench = benches
    words = ["--digits", str(folder), "--small", "--device", "cpu", "--seconds", "0", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *words])
    bench.main()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["steps"] == found["curve"][-1]["step"] == 1
    assert 0 < found["persistence"]["mse"] != found["convlstm"]["mse"] > 0
    assert found["files"] == ["weights-0.safetensors"]
    assert (tmp_path / "weights-0.safetensors").is_file()
    with Image.open(tmp_path / "strip.png") as strip:
        assert strip.size == (20 * 66, 8 * 66)
