"""Training windows come shuffled by the seed, those of validation in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nowcast import config
from nowcast.datasets import advected_echoes
from nowcast.run.learning.loaders import loader
from nowcast.run.preparing.prepared import Prepared, prepare
from nowcast.tensors import Loader

FLAGS = {"context": 3, "horizon": 2, "hidden": [4], "batch": 4, "patch": 16}


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(advected_echoes(frames=80, size=16), config.resolve(flags=FLAGS))


def order(made: Loader) -> list[int]:
    try:
        return [number for cut in made.cut() for number in cut.numbers.tolist()]
    finally:
        made.close()


def test_training_is_shuffled_by_the_seed_and_validation_is_not(prepared: Prepared) -> None:
    windows = order(loader([prepared], "training"))
    assert windows == order(loader([prepared], "training"))
    assert windows != sorted(windows)
    training = prepared.settings.training.model_copy(update={"seed": 1})
    other = replace(prepared, settings=prepared.settings.model_copy(update={"training": training}))
    assert windows != order(loader([other], "training"))
    judged = order(loader([prepared], "validation"))
    assert judged == sorted(judged)


def test_only_cubes_that_have_the_part_are_in_it(prepared: Prepared) -> None:
    plans = {"training": prepared.plans["training"]}
    both = loader([prepared, replace(prepared, plans=plans)], "validation")
    assert sorted(order(both)) == sorted(order(loader([prepared], "validation")))
