"""Convolutions of 3x3 and 5x5 in fewer multiplications, for kernels that serve every step of a sequence.

Winograd's minimal filtering (Lavin & Gray, arXiv:1509.09308): tiles of 4x4 pixels are worked out in the domain of a
transform, where a convolution is a product per frequency: 36 of them instead of 144 (3x3), 64 instead of 400 (5x5).
What else a recurrent network gives for nothing: its kernel is transformed once for all steps, a field once for all
kernels that read it, and the gradient of the kernel is gathered over the steps and brought back once.

`transforms` has the matrices, `tiles` takes fields apart and puts them together, `convolution` is the product and its
gradients, `scratch` is memory used again, `choice` says where it pays.
"""

from nowcast.models.recurrent.winograd.choice import TAPS, TILE, pays
from nowcast.models.recurrent.winograd.convolution import Kernel
from nowcast.models.recurrent.winograd.scratch import Scratch
from nowcast.models.recurrent.winograd.tiles import to_tiles
from nowcast.models.recurrent.winograd.transforms import Matrices, matrices

__all__ = ["TAPS", "TILE", "Kernel", "Matrices", "Scratch", "matrices", "pays", "to_tiles"]
