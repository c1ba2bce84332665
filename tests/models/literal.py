"""The published equations, gate by gate, with torch's own convolutions and nothing shared, hoisted or left out.

Networks that are fed their own frames, `(b t c h w)` to `(b horizon c h w)`. What the tests compare with, and, since it
is also how the usual implementations go about it, what `tests/benchmarks/bench_recurrent.py` races against. `taken`
copies the weights of one of ours.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


class Literal(nn.Module):
    """The time loop: frames folded, one after the other; from the end of the context on, its own."""

    def __init__(self, inputs: int, hidden: int, layers: int, kernel: int, patch: int) -> None:
        super().__init__()
        self.patch, self.hidden = patch, hidden
        widths = [inputs * patch**2] + [hidden] * (layers - 1)
        self.cells = nn.ModuleList(self.cell(width, hidden, kernel) for width in widths)

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        frames = F.pixel_unshuffle(context, self.patch)
        state, answers = self.begin(frames[:, 0]), []
        frame = frames[:, 0]
        for t in range(frames.shape[1] + horizon - 1):
            frame, state = self.step(frames[:, t] if t < frames.shape[1] else frame, state)
            answers.append(frame)
        return F.pixel_shuffle(torch.stack(answers[-horizon:], dim=1), self.patch)

    def zeros(self, frame: Tensor, *depth: int) -> Tensor:
        return frame.new_zeros(len(frame), self.hidden, *depth, *frame.shape[-2:])


class LSTMCell(nn.Module):
    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.x, self.h = convolution(inputs, 4 * hidden, kernel), convolution(hidden, 4 * hidden, kernel)
        self.bias = nn.Parameter(torch.zeros(4 * hidden, 1, 1))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o, g = (self.x(x) + self.h(h) + self.bias).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def taken(self, cell: Any) -> None:
        x, h = cell.gates.weight.split(cell.gates.inputs, dim=1)
        self.x.weight.copy_(x)
        self.h.weight.copy_(h)
        self.bias.copy_(cell.gates.bias[:, None, None])


class ConvLSTM(Literal):
    """Equation 3 of arXiv:1506.04214 without the peepholes."""

    cell = LSTMCell

    def __init__(self, inputs: int, hidden: int, layers: int, kernel: int, patch: int) -> None:
        super().__init__(inputs, hidden, layers, kernel, patch)
        self.last = nn.Conv2d(hidden, inputs * patch**2, 1)

    def begin(self, frame: Tensor) -> Any:
        return [(self.zeros(frame), self.zeros(frame)) for _ in self.cells]

    def step(self, frame: Tensor, state: Any) -> tuple[Tensor, Any]:
        after = []
        for cell, (h, c) in zip(self.cells, state, strict=True):
            after.append(cell(frame, h, c))
            frame = after[-1][0]
        return self.last(frame), after

    @torch.no_grad()
    def taken(self, model: Any) -> ConvLSTM:
        for own, cell in zip(self.cells, model.encoder, strict=True):
            own.taken(cell)
        self.last.load_state_dict(model.output.state_dict())
        return self


class STLSTMCell(nn.Module):
    """Section 3.2 of arXiv:2103.09504."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.x, self.h = convolution(inputs, 7 * hidden, kernel), convolution(hidden, 4 * hidden, kernel)
        self.m, self.o = convolution(hidden, 3 * hidden, kernel), convolution(2 * hidden, hidden, kernel)
        self.last = convolution(2 * hidden, hidden, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ix, fx, gx, ox, jx, ex, kx = self.x(x).chunk(7, dim=1)
        ih, fh, gh, oh = self.h(h).chunk(4, dim=1)
        jm, em, km = self.m(m).chunk(3, dim=1)
        c = torch.sigmoid(fx + fh + 1) * c + torch.sigmoid(ix + ih) * torch.tanh(gx + gh)
        m = torch.sigmoid(ex + em + 1) * m + torch.sigmoid(jx + jm) * torch.tanh(kx + km)
        both = torch.cat((c, m), dim=1)
        return torch.sigmoid(ox + oh + self.o(both)) * torch.tanh(self.last(both)), c, m

    def taken(self, cell: Any) -> None:
        (x, h), (n, m) = (conv.weight.split(conv.inputs, dim=1) for conv in (cell.gates, cell.memory_gates))
        self.x.weight.copy_(torch.cat((x, n)))
        self.h.weight.copy_(h)
        self.m.weight.copy_(m)
        self.o.weight.copy_(cell.output_gate.weight)
        self.last.weight.copy_(cell.together.weight)


class PredRNN(Literal):
    cell = STLSTMCell

    def __init__(self, inputs: int, hidden: int, layers: int, kernel: int, patch: int) -> None:
        super().__init__(inputs, hidden, layers, kernel, patch)
        self.last = nn.Conv2d(hidden, inputs * patch**2, 1)

    def begin(self, frame: Tensor) -> Any:
        return [(self.zeros(frame), self.zeros(frame)) for _ in self.cells], self.zeros(frame)

    def step(self, frame: Tensor, state: Any) -> tuple[Tensor, Any]:
        layers, m = state
        after = []
        for cell, (h, c) in zip(self.cells, layers, strict=True):
            h, c, m = cell(frame, h, c, m)
            after.append((h, c))
            frame = h
        return self.last(frame), (after, m)

    @torch.no_grad()
    def taken(self, model: Any) -> PredRNN:
        for own, cell in zip(self.cells, model.layers, strict=True):
            own.taken(cell)
        self.last.load_state_dict(model.output.state_dict())
        return self


class CausalCell(nn.Module):
    """Causal LSTM of arXiv:1804.06300, whose output gate is a tanh in its authors' code."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.x, self.h = convolution(inputs, 7 * hidden, kernel), convolution(hidden, 4 * hidden, kernel)
        self.c, self.m = convolution(hidden, 3 * hidden, kernel), convolution(hidden, 3 * hidden, kernel)
        self.n, self.o = convolution(hidden, 4 * hidden, kernel), convolution(hidden, hidden, kernel)
        self.last = convolution(2 * hidden, hidden, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ix, fx, gx, jx, ex, kx, ox = self.x(x).chunk(7, dim=1)
        ih, fh, gh, oh = self.h(h).chunk(4, dim=1)
        ic, fc, gc = self.c(c).chunk(3, dim=1)
        jm, em, mm = self.m(m).chunk(3, dim=1)
        c = torch.sigmoid(fx + fh + fc + 1) * c + torch.sigmoid(ix + ih + ic) * torch.tanh(gx + gh + gc)
        jn, en, kn, on = self.n(c).chunk(4, dim=1)
        m = torch.sigmoid(ex + em + en + 1) * torch.tanh(mm) + torch.sigmoid(jx + jm + jn) * torch.tanh(kx + kn)
        o = torch.tanh(ox + oh + on + self.o(m))
        return o * torch.tanh(self.last(torch.cat((c, m), dim=1))), c, m

    def taken(self, cell: Any) -> None:
        xg, hg, cg = cell.gates.weight.split(cell.gates.inputs, dim=1)  # i f g
        xm, mm, nm = cell.memory_gates.weight.split(cell.memory_gates.inputs, dim=1)  # i' f'
        xk, nk = cell.to_memory.weight.split(cell.to_memory.inputs, dim=1)
        xo, ho, no, mo = cell.output_gate.weight.split(cell.output_gate.inputs, dim=1)
        self.x.weight.copy_(torch.cat((xg, xm, xk, xo)))
        self.h.weight.copy_(torch.cat((hg, ho)))
        self.c.weight.copy_(cg)
        self.m.weight.copy_(torch.cat((mm, cell.from_memory.weight)))
        self.n.weight.copy_(torch.cat((nm, nk, no)))
        self.o.weight.copy_(mo)
        self.last.weight.copy_(cell.together.weight)


class PredRNNPlusPlus(PredRNN):
    """A gradient highway between the first and the second layer."""

    cell = CausalCell

    def __init__(self, inputs: int, hidden: int, layers: int, kernel: int, patch: int) -> None:
        super().__init__(inputs, hidden, layers, kernel, patch)
        self.below, self.z = convolution(hidden, 2 * hidden, kernel), convolution(hidden, 2 * hidden, kernel)

    def begin(self, frame: Tensor) -> Any:
        return super().begin(frame), self.zeros(frame)

    def step(self, frame: Tensor, state: Any) -> tuple[Tensor, Any]:
        (layers, m), z = state
        after = []
        for number, (cell, (h, c)) in enumerate(zip(self.cells, layers, strict=True)):
            frame, c, m = cell(frame, h, c, m)
            after.append((frame, c))
            if number == 0:
                p, u = (self.below(frame) + self.z(z)).chunk(2, dim=1)
                z = torch.sigmoid(u) * torch.tanh(p) + (1 - torch.sigmoid(u)) * z
                frame = z
        return self.last(frame), ((after, m), z)

    @torch.no_grad()
    def taken(self, model: Any) -> PredRNNPlusPlus:
        super().taken(model)
        below, z = model.highway.gates.weight.split(model.highway.gates.inputs, dim=1)
        self.below.weight.copy_(below)
        self.z.weight.copy_(z)
        return self


class SlabConvolution(nn.Conv3d):
    """Two places deep, zero after the last, as its authors' "same" padding is."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, (2, kernel, kernel), padding=(0, kernel // 2, kernel // 2), bias=False)

    def forward(self, slab: Tensor) -> Tensor:
        return super().forward(F.pad(slab, (0, 0, 0, 0, 0, 1)))

    def taken(self, *taps: Tensor) -> None:
        self.weight.copy_(torch.stack(taps, dim=2))


class EideticCell(nn.Module):
    """Equations 4 to 7 of openreview.net/forum?id=B1lKS2AqtX."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.x, self.h = SlabConvolution(inputs, 7 * hidden, kernel), SlabConvolution(hidden, 4 * hidden, kernel)
        self.m = SlabConvolution(hidden, 4 * hidden, kernel)
        self.oc, self.om = SlabConvolution(hidden, hidden, kernel), SlabConvolution(hidden, hidden, kernel)
        self.norm = nn.GroupNorm(1, hidden)
        self.last = nn.Conv3d(2 * hidden, hidden, 1, bias=False)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, m: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ix, gx, rx, ox, jx, kx, ex = self.x(x).chunk(7, dim=1)
        ih, gh, rh, oh = self.h(h).chunk(4, dim=1)
        jm, km, em, mm = self.m(m).chunk(4, dim=1)
        query, keys = torch.sigmoid(rx + rh).flatten(2), past.flatten(2)
        share = torch.softmax(torch.einsum("bcx,bcy->bxy", query, keys), dim=2)
        recalled = torch.einsum("bxy,bcy->bcx", share, keys).view_as(c)
        c = self.norm(c + recalled) + torch.sigmoid(ix + ih) * torch.tanh(gx + gh)
        m = torch.sigmoid(jx + jm) * torch.tanh(kx + km) + torch.sigmoid(ex + em + 1) * torch.tanh(mm)
        o = torch.sigmoid(torch.tanh(ox + oh + self.oc(c) + self.om(m)))
        return o * torch.tanh(self.last(torch.cat((c, m), dim=1))), c, m

    def taken(self, cell: Any) -> None:
        x0, h0, x1, h1 = cell.gates.weight.split(cell.gates.inputs, dim=1)  # i g r o
        n0, n1 = cell.from_frame.weight.split(cell.from_frame.inputs, dim=1)  # i g f
        self.x.taken(torch.cat((x0, n0)), torch.cat((x1, n1)))
        self.h.taken(h0, h1)
        self.m.taken(*cell.from_memory.weight.split(cell.from_memory.inputs, dim=1))
        c0, m0, c1, m1 = cell.output_gate.weight.split(cell.output_gate.inputs, dim=1)
        self.oc.taken(c0, c1)
        self.om.taken(m0, m1)
        self.norm.load_state_dict(cell.norm.state_dict())
        self.last.weight.copy_(cell.together.weight[:, :, None])


class E3DLSTM(Literal):
    cell = EideticCell

    def __init__(self, inputs: int, hidden: int, layers: int, kernel: int, patch: int) -> None:
        super().__init__(inputs, hidden, layers, kernel, patch)
        self.last = nn.Conv3d(hidden, inputs * patch**2, (2, 1, 1))

    def begin(self, frame: Tensor) -> Any:
        zeros = self.zeros(frame, 2)
        return [(zeros, zeros, [zeros]) for _ in self.cells], zeros, torch.zeros_like(frame)

    def step(self, frame: Tensor, state: Any) -> tuple[Tensor, Any]:
        layers, m, before = state
        slab, after = torch.stack((before, frame), dim=2), []
        for cell, (h, c, past) in zip(self.cells, layers, strict=True):
            h, c, m = cell(slab, h, c, m, torch.cat(past, dim=2))
            after.append((h, c, [*past, c]))
            slab = h
        return self.last(slab)[:, :, 0], (after, m, frame)

    @torch.no_grad()
    def taken(self, model: Any) -> E3DLSTM:
        for own, cell in zip(self.cells, model.layers, strict=True):
            own.taken(cell)
        self.last.weight.copy_(torch.stack(model.output.weight.chunk(2, dim=1), dim=2)[..., 0, 0][..., None, None])
        self.last.bias.copy_(model.output.bias)
        return self


NETWORKS = {"convlstm": ConvLSTM, "predrnn": PredRNN, "predrnn++": PredRNNPlusPlus, "e3dlstm": E3DLSTM}
