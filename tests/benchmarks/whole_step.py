"""A whole training step of a network on a device, made quicker in several ways, its cost and its answer.

For `bench_gpu.py`. It needs torch and `nowcast.models` alone.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from bench_recurrent import FRAMES, beside, preset
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

NEAR = {"float32": 1e-3, "tf32": 1e-2, "bfloat16": 5e-2}

MOST_SECONDS = 15
"""That steps are timed for, once there are five."""

Answer = tuple[float, list[Tensor | None]]
"""A loss, and the clipped gradient of each weight."""


@dataclasses.dataclass(frozen=True)
class Size:
    hidden: int
    layers: int
    batch: int
    device: str


@dataclasses.dataclass(frozen=True)
class How:
    """`literal`: plain torch; `compiled`: nothing, the `cells` or the `model`; `captured`: as a CUDA graph."""

    literal: bool = False
    tf32: bool = False
    bfloat16: bool = False
    channels_last: bool = False
    fused: bool = False
    compiled: str = ""
    captured: bool = False

    @property
    def near(self) -> float:
        """How far loss and gradients may lie from those of float32, as shares of their norm."""
        return NEAR["bfloat16" if self.bfloat16 else "tf32" if self.tf32 else "float32"]


class Training:
    """A network, its optimiser, and their step, in which nothing waits for the GPU."""

    def __init__(self, name: str, size: Size, how: How, *, learning_rate: float = 1e-4) -> None:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = how.tf32
        self.how, self.device = how, size.device
        model = preset(name, size.hidden, size.layers)
        self.model = (beside(model, name, size.hidden, size.layers) if how.literal else model).to(size.device)
        if how.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.initial = {key: value.clone() for key, value in self.model.state_dict().items()}
        self.forward: Callable[..., Tensor] = self.model
        if how.compiled == "cells":
            torch._dynamo.config.recompile_limit = 64  # each layer has its own, and one for its first step
            for module in self.model.modules():
                if type(module).__name__.endswith("Cell"):
                    module.compile(dynamic=False)
        elif how.compiled == "model":
            self.forward = torch.compile(self.model, dynamic=False)
        self.weights = list(self.model.parameters())
        # A graph reads the rate that stands in a tensor when it is replayed.
        rate = torch.tensor(learning_rate, device=size.device) if how.captured else learning_rate
        self.optimiser = torch.optim.Adam(self.weights, lr=rate, fused=how.fused or None, capturable=how.captured)
        self.graph: torch.cuda.CUDAGraph | None = None

    def step(self, context: Tensor, target: Tensor) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.how.bfloat16):
            loss = self.loss_of(context, target)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        return loss.detach()

    def loss_of(self, context: Tensor, target: Tensor) -> Tensor:
        return (self.forward(context, FRAMES) - target).square().mean()

    def capture(self, context: Tensor, target: Tensor) -> None:
        self.given = context.clone(), target.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step(*self.given)
        torch.cuda.current_stream().wait_stream(side)
        self.optimiser.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = self.step(*self.given)

    def __call__(self, context: Tensor, target: Tensor) -> Tensor:
        if self.graph is None:
            return self.step(context, target)
        for place, values in zip(self.given, (context, target), strict=True):
            place.copy_(values)
        self.graph.replay()
        return self.loss

    def first(self, context: Tensor, target: Tensor) -> Answer:
        """Of the first step from the initial weights."""
        if self.how.captured:
            self.capture(context, target)
            self.model.load_state_dict(self.initial)
        loss = self(context, target).item()
        return loss, [None if each.grad is None else each.grad.to("cpu", copy=True) for each in self.weights]


def apart(found: Answer, exact: Answer) -> tuple[float, float]:
    """Loss and gradients, as shares of the exact one's norm."""
    pairs = [(one.flatten(), other.flatten()) for one, other in zip(found[1], exact[1], strict=True) if one is not None]
    one, other = (torch.cat(part) for part in zip(*pairs, strict=True))
    return abs(found[0] - exact[0]) / abs(exact[0]), float((one - other).norm() / other.norm())


def as_literal(exact: Answer, name: str, size: Size) -> Answer:
    """The gradients of ours where plain torch has them."""
    shadow = preset(name, size.hidden, size.layers)
    with torch.no_grad():
        for place, gradient in zip(shadow.parameters(), exact[1], strict=True):
            place.copy_(gradient)
    return exact[0], [each.detach() for each in beside(shadow, name, size.hidden, size.layers).parameters()]


def times(step: Callable[[int], Any], rounds: int, device: str) -> list[float]:
    """Milliseconds; on a GPU by its own clock, and after three steps that are not counted."""
    for number in range(0 if device == "cpu" else 3):
        step(number)
    found: list[float] = []
    began = time.monotonic()
    while len(found) < rounds and (len(found) < 5 or time.monotonic() - began < MOST_SECONDS):
        if device == "cpu":
            start = time.perf_counter()
            step(len(found))
            found.append(1e3 * (time.perf_counter() - start))
            continue
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        step(len(found))
        after.record()
        after.synchronize()
        found.append(before.elapsed_time(after))
    return found


def measured(
    name: str, size: Size, how: How, batches: list[tuple[Tensor, Tensor]], exact: Answer, *, rounds: int
) -> dict[str, Any]:
    on_gpu = size.device == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.compiler.reset()
    training = Training(name, size, how)
    began = time.monotonic()
    found = apart(training.first(*batches[0]), as_literal(exact, name, size) if how.literal else exact)
    figures: dict[str, Any] = {"first_s": time.monotonic() - began, "loss_apart": found[0], "gradient_apart": found[1]}
    figures["near"] = all(each <= how.near for each in found)  # not if NaN
    took = times(lambda number: training(*batches[number % len(batches)]), rounds, size.device)
    figures |= {"ms": statistics.median(took), "least_ms": min(took), "most_ms": max(took)}
    if on_gpu:
        figures["MB"] = torch.cuda.max_memory_allocated() / 1e6
    return figures


def kernels(name: str, size: Size, how: How, batch: tuple[Tensor, Tensor]) -> dict[str, float]:
    """How many a step takes, without copies and fillings, and their milliseconds together."""
    training = Training(name, size, how)
    training.first(*batch)
    training(*batch)
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as watched:
        training(*batch)
        torch.cuda.synchronize()
    on_gpu = [each for each in watched.events() if each.device_type == torch.autograd.DeviceType.CUDA]
    ran = [each for each in on_gpu if not each.name.startswith(("Memcpy", "Memset", "Optimizer."))]
    return {"kernels": len(ran), "kernels_ms": sum(each.time_range.elapsed_us() for each in ran) / 1e3}


def operations(name: str, size: Size) -> int:
    """Of a step's forward and backward, two to a multiplication; counted on the meta device, convolutions direct."""
    model = preset(name, size.hidden, size.layers).to("meta")
    with FlopCounterMode(display=False) as counted:
        model(torch.empty(size.batch, FRAMES, 1, 64, 64, device="meta"), FRAMES).square().mean().backward()
    return int(counted.get_total_flops())


def rate(device: str, side: int) -> float:
    """TFLOP/s of a bfloat16 matrix product of random numbers."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    made = torch.empty_like(one)
    return 2e-9 * side**3 / statistics.median(times(lambda _: torch.mm(one, other, out=made), 50, device))
