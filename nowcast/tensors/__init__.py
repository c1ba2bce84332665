"""The frontier between labelled cubes and tensors: windows become batches, frames become contexts.

A source gives the numbers of a region (`sources`), a reader fetches blocks ahead of need (`fetching`), the loader cuts
windows from them (`loading`), and numbers become scaled tensors once they are a batch, where the model is (`batches`).
"""

from __future__ import annotations

from nowcast.tensors.batches import Batch, Preparation, to_context
from nowcast.tensors.dataset import Windows
from nowcast.tensors.loading import Loader
from nowcast.tensors.locating import located
from nowcast.tensors.sources import load

__all__ = ["Batch", "Loader", "Preparation", "Windows", "load", "located", "to_context"]
