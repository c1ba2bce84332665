"""What the ConvLSTM of the Moving MNIST benchmark learns in minutes on one GPU, 10 -> 10 frames of 64 x 64.

    PYTHONPATH=. python tests/benchmarks/bench_moving_mnist_gpu.py --digits FOLDER [--seconds 600] [--model convlstm]
                                     [--batch 16] [--rate 0.001] [--out FOLDER] [--device cuda] [--small]

The preset (patch 4, hidden 128 x 4, kernels 5 x 5) in bfloat16, compiled, as a CUDA graph of the whole step. New
sequences for each step are made on the GPU of the first 8,000 of MNIST's test digits; they are tested on the 1,000
sequences of `nowcast benchmark moving-mnist-digits`, which are made of the last 1,000. Adam, its rate rising for 3 % of
the time and falling along a cosine to 0. The loss is squared error over the horizon and over what the network makes of
the context's frames before it sees them, each frame counting alike, as published; no scheduled sampling: it is fed its
own frames from the first step on.

It ends within so many seconds after its start, whatever compilation took. On the way it tells a learning curve, in
bfloat16, on sequences of 1,000 digits more; then, in float32, squared and absolute error summed over a frame's pixels
between 0 and 1, SSIM (with the data range of 2 of OpenSTL's tables) and PSNR of clipped frames, by lead time and as
means, beside persistence. Written to `--out`: the weights, in files of less than 16 MB, and a picture of context,
truth and forecast. The last line is JSON. It needs torch, pillow, safetensors and `nowcast.models` alone.
`--small --device cpu` is a look at it without a GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import moving_digits
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from whole_step import FRAMES, How, Size, Training

from nowcast.models.recurrent import Teaching

STARTED = time.monotonic()
RISES = 0.03
SEED = 1
LOOKS = 16
"""Points of the learning curve."""

KEPT_FROM = 0.8
"""Of the time: from here on weights are written at each look, for a machine that is taken back too early."""

MOST_BYTES = 15e6
"""Of a file of weights."""


class Learning(Training):
    """The step with the loss of the published training, over all frames but the first."""

    def __init__(self, name: str, size: Size, how: How, *, learning_rate: float) -> None:
        super().__init__(name, size, how, learning_rate=learning_rate)
        self.forward = torch.compile(self.made, dynamic=False) if how.compiled else self.made

    def made(self, context: Tensor, target: Tensor) -> Tensor:
        """Each frame from the second on, as it is made from those before it."""
        lesson = Teaching(target, torch.ones_like(target), scheduled=0.0, reverse=1.0)
        unrolled = self.model.unroll(context, FRAMES, lesson)
        assert unrolled.seen is not None
        return torch.cat([unrolled.seen, unrolled.frames], dim=1)

    def loss_of(self, context: Tensor, target: Tensor) -> Tensor:
        truth = torch.cat([context[:, 1:], target], dim=1)
        return (self.forward(context, target) - truth).square().mean()

    def pace(self, learning_rate: float) -> None:
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate


def parted(sequences: Tensor) -> tuple[Tensor, Tensor]:
    """Context and truth of uint8 sequences, between 0 and 1."""
    return sequences[:, :FRAMES].float() / 255, sequences[:, FRAMES:].float() / 255


def begun(options: argparse.Namespace, size: Size, example: tuple[Tensor, Tensor]) -> Learning:
    """A training whose step is ready; not compiled if that fails, which is told."""
    gpu = size.device == "cuda"
    for compiled in ["model", ""] if gpu else [""]:
        how = How(tf32=gpu, bfloat16=True, channels_last=True, compiled=compiled, captured=gpu)
        training = Learning(options.model, size, how, learning_rate=1e-6)
        try:
            training.first(*example)
        except Exception as error:
            if not compiled:
                raise
            print(f"not compiled: {type(error).__name__}: {str(error)[:300]}", flush=True)
            continue
        return training
    raise AssertionError


def learnt(training: Learning, pictures: dict[str, Tensor], options: argparse.Namespace, ends: float) -> dict[str, Any]:
    """Train until then: a line and a record for each look."""
    device = training.device
    random = torch.Generator(device).manual_seed(SEED)
    looked_at = moving_digits.numbered(pictures["validation"], options.looked_at, part="validation")
    began = time.monotonic()
    curve: list[dict[str, float]] = []
    steps, share, last = 0, 0.0, math.nan
    print("   step  seconds  training  validation MSE of a frame", flush=True)
    while True:
        if share * LOOKS >= len(curve) + 1 or share >= 1:
            with torch.autocast(device, torch.bfloat16):
                found = scores(training.model, looked_at, options.at_once)["mse"]
            curve.append({"step": steps, "seconds": time.monotonic() - began, "training": last, "mse": found})
            print(f"{steps:7} {curve[-1]['seconds']:8.1f} {last:9.5f} {found:9.2f}", flush=True)
            if share >= KEPT_FROM:
                written(training.model, options.out)
        if share >= 1:
            break
        training.pace(options.rate * min(1.0, share / RISES + 1e-3) * 0.5 * (1 + math.cos(math.pi * share)))
        sequences = moving_digits.drawn(pictures["training"], options.together * options.batch, random)
        for batch in sequences.split(options.batch):
            loss = training(*parted(batch))
        steps += options.together
        last = loss.item()  # waits for the device: the clock below is that of what is done
        share = (time.monotonic() - began) / max(ends - began, 1e-9)
    return {"steps": steps, "seconds": time.monotonic() - began, "curve": curve}


def scores(forecaster: Callable[..., Tensor], sequences: Tensor, at_once: int) -> dict[str, Any]:
    """Means, and under `by lead` those of each lead time."""
    sums = dict.fromkeys(("mse", "mae", "ssim", "psnr"), torch.zeros(FRAMES, dtype=torch.float64))
    for some in sequences.split(at_once):
        context, truth = parted(some)
        with torch.no_grad():
            answer = forecaster(context, FRAMES).double()
        truth, clipped = truth.double(), answer.clamp(0, 1)
        error = answer - truth
        found = {
            "mse": error.square().sum((2, 3, 4)),
            "mae": error.abs().sum((2, 3, 4)),
            "ssim": similarity(clipped, truth, data_range=2.0),
            "psnr": -10 * (clipped - truth).square().mean((2, 3, 4)).log10(),
        }
        sums = {name: total + found[name].sum(0).cpu() for name, total in sums.items()}
    by_lead = {name: (total / len(sequences)).tolist() for name, total in sums.items()}
    return {name: sum(each) / FRAMES for name, each in by_lead.items()} | {"by lead": by_lead}


def similarity(one: Tensor, other: Tensor, *, data_range: float) -> Tensor:
    """SSIM `(b, t)` in windows of 7 x 7, all pixels alike, with the sample covariance, as scikit-image by default."""
    one, other = one.flatten(0, 1), other.flatten(0, 1)

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, 7, 1)

    m, n = mean(one), mean(other)
    pairs = ((one, one, m * m), (other, other, n * n), (one, other, m * n))
    v, w, c = (49 / 48 * (mean(a * b) - means) for a, b, means in pairs)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    each = (2 * m * n + c1) * (2 * c + c2) / ((m**2 + n**2 + c1) * (v + w + c2))
    return each.mean((1, 2, 3)).unflatten(0, (-1, FRAMES))


def persistence(context: Tensor, horizon: int) -> Tensor:
    return context[:, -1:].expand(-1, horizon, -1, -1, -1)


def written(model: torch.nn.Module, folder: Path) -> list[str]:
    """The weights, in as many files as their size asks for."""
    pieces: list[dict[str, Tensor]] = [{}]
    room = MOST_BYTES
    for name, weight in model.state_dict().items():
        values = weight.cpu().contiguous()
        if values.nbytes > room and pieces[-1]:
            pieces.append({})
            room = MOST_BYTES
        pieces[-1][name] = values
        room -= values.nbytes
    names = [f"weights-{number}.safetensors" for number in range(len(pieces))]
    for name, piece in zip(names, pieces, strict=True):
        save_file(piece, folder / name)
    return names


def draw(model: Callable[..., Tensor], sequences: Tensor, path: Path) -> None:
    """Of each sequence a row of the context and the truth, and below it the forecast."""
    context, truth = parted(sequences)
    with torch.no_grad():
        answer = model(context, FRAMES).clamp(0, 1)
    above = torch.cat([context, truth], dim=1)
    below = torch.cat([torch.ones_like(context), answer], dim=1)
    framed = F.pad(torch.stack([above, below], dim=1)[:, :, :, 0], (1, 1, 1, 1), value=1.0)
    n, rows, columns, height, width = framed.shape
    sheet = framed.permute(0, 1, 3, 2, 4).reshape(n * rows * height, columns * width)
    Image.fromarray((255 * sheet).round().byte().cpu().numpy()).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=Path, required=True, help="where t10k-images-idx3-ubyte.gz lies")
    parser.add_argument("--seconds", type=float, default=600.0, help="for all")
    parser.add_argument("--kept-back", type=float, default=14.0, help="seconds of these for what follows the training")
    parser.add_argument("--model", default="convlstm")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--together", type=int, default=32, help="steps whose sequences are made at once")
    parser.add_argument("--looked-at", type=int, default=500, help="sequences of the learning curve")
    parser.add_argument("--tested", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=125, help="sequences, when nothing is learnt")
    parser.add_argument("--out", type=Path, default=Path("moving_mnist_gpu"))
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if options.small:
        options.hidden, options.layers, options.batch = 8, 2, 2
        options.together, options.looked_at, options.tested, options.at_once = 1, 4, 6, 4
    options.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True
    size = Size(options.hidden, options.layers, options.batch, options.device)
    pictures = moving_digits.digits(options.digits, options.device)
    example = moving_digits.numbered(pictures["training"], options.batch, part="training")
    training = begun(options, size, parted(example))
    ready = time.monotonic() - STARTED
    print(f"ready after {ready:.1f} s, {'compiled' if training.how.compiled else 'not compiled'}", flush=True)
    figures = learnt(training, pictures, options, STARTED + options.seconds - options.kept_back)
    device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    figures |= {"ready_s": ready, "device": device, "torch": torch.__version__, "batch": options.batch}
    figures["files"] = written(training.model, options.out)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = False
    tested = moving_digits.numbered(pictures["test"], options.tested, part="test")
    draw(training.model, tested[:4], options.out / "strip.png")
    for name, forecaster in ((options.model, training.model), ("persistence", persistence)):
        figures[name] = scores(forecaster, tested, options.at_once)
        print(name.ljust(12) + "  ".join(f"{key} {figures[name][key]:.4f}" for key in ("mse", "mae", "ssim", "psnr")))
        print("  MSE by lead time: " + " ".join(f"{each:.2f}" for each in figures[name]["by lead"]["mse"]))
    each = 1e3 * figures["seconds"] / figures["steps"]
    print(f"{figures['steps']} steps of {options.batch}, {each:.2f} ms each; {time.monotonic() - STARTED:.1f} s in all")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
