"""The command line: parse, call `nowcast.run`, print. Nothing heavy is imported until a verb needs it."""

from __future__ import annotations

from nowcast.cli.benchmarking import benchmark
from nowcast.cli.ending import main
from nowcast.cli.reporting import report
from nowcast.cli.verbs import app

__all__ = ["app", "benchmark", "main", "report"]
