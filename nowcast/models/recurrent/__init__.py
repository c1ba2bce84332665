"""Networks that take in one frame after the other, and then give out one after the other.

`loop` is the time loop, once for all; `convlstm`, `multiscale`, `predrnn`, `predrnn_plus_plus` and `e3dlstm` are the
networks; `gates` and `recall` are the arithmetic of their cells. A kernel serves every step of a sequence
(`sequence_convolution`), in fewer multiplications where that pays (`winograd`).
"""

from nowcast.models.recurrent.convlstm import ConvLSTM
from nowcast.models.recurrent.e3dlstm import E3DLSTM
from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, Teaching, Unrolled
from nowcast.models.recurrent.multiscale import MultiscaleConvLSTM
from nowcast.models.recurrent.predrnn import PredRNN
from nowcast.models.recurrent.predrnn_plus_plus import PredRNNPlusPlus

__all__ = [
    "E3DLSTM",
    "ConvLSTM",
    "Kernels",
    "MultiscaleConvLSTM",
    "PredRNN",
    "PredRNNPlusPlus",
    "RecurrentForecaster",
    "Teaching",
    "Unrolled",
]
