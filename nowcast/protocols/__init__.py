"""Locked protocols: a benchmark whose data, split, metrics and seeds are stated and hashed, so that numbers compare.

A protocol is a YAML file (`load`); `benchmark` runs one and returns its result as plain data, of which one part must be
the same on every machine.
"""

from __future__ import annotations

from nowcast.description.hashing import content_hash, plain_hash
from nowcast.protocols.benchmarking import benchmark
from nowcast.protocols.loading import SHIPPED, load
from nowcast.protocols.results import differences
from nowcast.protocols.schema import Protocol

__all__ = ["SHIPPED", "Protocol", "benchmark", "content_hash", "differences", "load", "plain_hash"]
