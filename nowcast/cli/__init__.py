"""The command line: parse, call `nowcast.run`, print. Nothing heavy is imported until a verb needs it."""

from __future__ import annotations

from collections.abc import Callable

from nowcast.cli.benchmarking import benchmark
from nowcast.cli.configuring import config
from nowcast.cli.converting import convert
from nowcast.cli.demonstrating import demo
from nowcast.cli.diagnosing import doctor
from nowcast.cli.ending import main
from nowcast.cli.evaluating import evaluate
from nowcast.cli.fitting import fit
from nowcast.cli.forecasting import forecast
from nowcast.cli.inspecting import inspect
from nowcast.cli.reporting import report
from nowcast.cli.root import app
from nowcast.cli.tuning import tune
from nowcast.cli.usage import Trains, Verb

__all__ = ["app", "main"]

EXAMPLES: dict[Callable[..., None], str] = {
    demo: "nowcast demo",
    inspect: "nowcast inspect 'radar/*.nc' --since 2026-05-01",
    convert: "nowcast convert stack.tif cube.zarr --axes TYX --time-step 5min",
    fit: "nowcast fit radar.zarr --max-minutes 10",
    tune: "nowcast tune radar.zarr --trials 20 --max-minutes 60",
    forecast: "nowcast forecast radar.zarr -o forecast.nc",
    evaluate: "nowcast evaluate forecast.nc radar.zarr -o scores.nc --picture forecast.png",
    report: "nowcast report runs/radar-20260501-120000",
    config: "nowcast config radar > my.yaml",
    doctor: "nowcast doctor --json",
    benchmark: "nowcast benchmark moving-mnist-drawn -o result.json",
}
"""Of each verb what may be typed, in the order of the help."""

for _verb, _example in EXAMPLES.items():
    app.command(cls=Trains if _verb is fit else Verb, epilog=_example)(_verb)
