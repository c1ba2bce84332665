"""The machine and the packages, as plain data and in a line."""

from __future__ import annotations

import json
from importlib.metadata import version

import torch

import nowcast
from nowcast.run.machine import hardware, machine, versions


def test_packages_that_figures_depend_on_are_told_with_their_versions() -> None:
    told = versions()
    assert told["nowcast"] == nowcast.__version__
    for name in ("torch", "lightning", "numpy", "xarray", "dask", "zarr", "netCDF4"):
        assert told[name] == version(name)


def test_the_machine_is_told_as_plain_data_and_in_a_line() -> None:
    told = machine()
    assert json.loads(json.dumps(told)) == told
    assert told["threads"] == torch.get_num_threads()
    assert told["cores"] >= 1
    assert told["memory_bytes"] > 1e8
    line = hardware()
    assert line.startswith(f"{told['kind']}, {told['cores']} core(s), {told['threads']} thread(s), ")
    assert "GB" in line
