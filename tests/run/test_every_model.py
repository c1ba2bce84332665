"""Each network, on a real radar, microscopy and video file: trained, taken up again, forecast, scored."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import nowcast

FILES = {
    "radar": "radar/knmi_20100826_hdf5/*",
    "microscopy": "microscopy/golgi_imagej/xyt_calibrated_16bit__golgi_bfa_sum_projection.tif",
    "video": "video/ucf101/v_BaseballPitch_g01_c01.avi",
}


MODELS = ("convlstm", "multiscale", "predrnn", "predrnn++", "e3dlstm")
ALL = list(itertools.product(MODELS, FILES))
FEW = list(zip(MODELS, itertools.cycle(FILES), strict=False))
"""Each network once, each kind of file at least once; with `--full` every network on every kind."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(("model", "field"), ALL if metafunc.config.getoption("--full") else FEW)


@pytest.mark.slow
def test_a_network_goes_the_whole_way(model: str, field: str, shared_data: Path, tmp_path: Path) -> None:
    paths = sorted(shared_data.glob(FILES[field]))[:40]  # of 92: more frames show no more
    options = {"size": "24x24"}
    run, told = tmp_path / "run", {"options": options, "progress": False}
    nowcast.fit(paths, run=run, model=model, hidden=[4, 4], context=3, horizon=2, stride=4, epochs=1, **told)  # type: ignore[arg-type]
    scores = nowcast.fit(paths, run=run, resume=True, epochs=2, **told)  # type: ignore[arg-type]
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history] == [1, 2]
    assert set(scores["forecaster"].values) == {model, "persistence", "advection", "climatology"}
    assert np.isfinite(scores["mse"]).all()
    cube = nowcast.open_cube(paths, **options)  # type: ignore[arg-type]
    forecast = nowcast.forecast(cube, at=cube["time"].values[-4], run=run, progress=False)
    assert forecast.attrs["nowcast_model"].startswith(model)
    assert np.isfinite(forecast).any()
    judged = nowcast.evaluate(forecast, cube, progress=False)
    assert np.isfinite(judged["mse"].sel(forecaster=model)).all()
