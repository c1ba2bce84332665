"""A trial that does worse than the median of others at the same point ends early, on real, tiny trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nowcast import config
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.run.search.space import Space
from nowcast.run.search.trials import DONE, PRUNED, Trial, trials_in
from nowcast.run.search.trying import Search, prepared, searched

pytest.importorskip("optuna", reason="the extra tune is not installed: pip install 'nowcast[tune]'")

FLAGS: dict[str, Any] = {"model": "convlstm", "hidden": [4], "context": 2, "horizon": 2, "batch": 8}


def search_in(place: Path, **usual: Any) -> Search:
    cube = advected_echoes(frames=60, size=32).coarsen(y=2, x=2).mean().astype("float32")
    return Search(place, [cube], config.resolve(flags=FLAGS), Space({"learning_rate": (2e-4, 1e-2)}, (4,)), usual)


def test_a_trial_worse_than_the_median_ends_early(tmp_path: Path) -> None:
    marks = {str(mark): 1e-6 for mark in range(1, 9)}
    for number in range(4):
        Trial(number, {"learning_rate": 0.001 * (number + 1)}, DONE, 1e-6, 8, 1.0, marks=marks).keep(tmp_path)
    found = searched(search_in(tmp_path), trials=5, seconds=600, epochs=8)
    assert [trial.state for trial in found] == [*4 * [DONE], PRUNED]
    assert max(map(int, found[4].marks)) == 2, "not before a quarter of its training, and no later"
    assert found[4].epochs == 2
    assert trials_in(tmp_path) == found
    assert not (found[4].folder(tmp_path) / "checkpoints").exists()
    assert searched(search_in(tmp_path), trials=5, seconds=600, epochs=8) == found, "nothing is left to do"


def test_when_the_time_is_over_no_trial_is_begun(tmp_path: Path) -> None:
    assert searched(search_in(tmp_path), trials=5, seconds=0, epochs=1) == []


def test_trials_are_compared_on_a_validation_part(tmp_path: Path) -> None:
    search = search_in(tmp_path)
    windows = search.settings.windows.model_copy(update={"fractions": (1.0, 0.0, 0.0)})
    with pytest.raises(InputError, match="there is none"):
        prepared(search.cubes, search.settings.model_copy(update={"windows": windows}))
