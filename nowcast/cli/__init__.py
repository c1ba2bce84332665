"""The command line: parse, call `nowcast.run`, print. Nothing heavy is imported until a verb needs it."""

from __future__ import annotations

from nowcast.cli.benchmarking import benchmark
from nowcast.cli.converting import convert
from nowcast.cli.demonstrating import demo
from nowcast.cli.ending import main
from nowcast.cli.evaluating import evaluate
from nowcast.cli.fitting import fit
from nowcast.cli.forecasting import forecast
from nowcast.cli.inspecting import inspect
from nowcast.cli.reporting import report
from nowcast.cli.root import app

__all__ = ["app", "main"]

for _verb in (demo, inspect, convert, fit, forecast, evaluate, report, benchmark):  # in the order of the help
    app.command()(_verb)
