"""Chances and draws: the share that was asked for, a floor for what is dull, each drawn as often as its chance says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowcast.sampling import EventIndex, draw, probabilities


def index(importance: np.ndarray, unseen: float = 0.0) -> EventIndex:
    observed = np.random.default_rng(1).random(importance.shape) >= unseen
    return EventIndex(np.where(observed, importance, 0).astype("float32"), observed)


@settings(max_examples=200)
@given(
    seed=st.integers(0, 99),
    size=st.integers(1, 400),
    floor=st.sampled_from([0.01, 0.1, 0.5, 1.0]),
    share=st.sampled_from([0.05, 0.3, 0.5, 0.9, 1.0]),
    dry=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    unseen=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_the_expected_number_is_what_was_asked_for(
    seed: int, size: int, floor: float, share: float, dry: float, unseen: float
) -> None:
    rng = np.random.default_rng(seed)
    importance = rng.gamma(0.3, 1.0, (size, 1)) * (rng.random((size, 1)) >= dry)
    given_index = index(importance, unseen)
    chances = probabilities(given_index, floor=floor, share=share)
    seen = given_index.observed.ravel()
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (chances[~seen] == 0).all(), "nothing was observed there"
    if not seen.any():
        return
    assert chances.sum() == pytest.approx(max(1, int(share * seen.sum())), abs=1e-6)
    order = np.argsort(importance.ravel()[seen])
    assert (np.diff(chances[seen][order]) >= -1e-9).all(), "what more happens in is never seen less often"
    assert (chances[seen] > 0).all(), "nothing is left out for ever"
    if share >= floor and chances.sum() >= floor * seen.sum() and importance[seen].max() > 0:
        assert chances[seen].min() >= min(floor, chances.sum() / seen.sum()) * (1 - 1e-6)


def test_the_wet_are_seen_more_often_than_the_dry() -> None:
    importance = np.zeros((1000, 1))
    importance[:100] = 1.0
    chances = probabilities(index(importance), floor=0.1, share=0.18)
    np.testing.assert_allclose(chances[:100], 0.9, rtol=1e-6)
    np.testing.assert_allclose(chances[100:], 0.1, rtol=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 20), size=st.integers(1, 200), share=st.sampled_from([0.2, 0.5, 1.0]))
def test_none_comes_twice_and_as_many_come_in_every_epoch(seed: int, size: int, share: float) -> None:
    importance = np.random.default_rng(seed).gamma(0.3, 1.0, (size, 1))
    chances = probabilities(index(importance), share=share)
    for epoch in range(5):
        windows = draw(chances, seed=seed, epoch=epoch)
        assert len(windows) == round(chances.sum())
        assert (np.diff(windows) > 0).all()
        np.testing.assert_array_equal(windows, draw(chances, seed=seed, epoch=epoch))


def test_each_is_drawn_as_often_as_its_chance_says() -> None:
    importance = np.random.default_rng(0).gamma(0.3, 1.0, (60, 1))
    chances = probabilities(index(importance, unseen=0.1), share=0.4)
    epochs = 4000
    counts = np.zeros(60)
    for epoch in range(epochs):
        counts[draw(chances, seed=0, epoch=epoch)] += 1
    error = np.sqrt(chances * (1 - chances) / epochs)
    assert (np.abs(counts / epochs - chances) <= 4.5 * error + 1e-9).all()


def test_epochs_and_seeds_differ() -> None:
    chances = np.full(100, 0.5)
    drawn = {tuple(draw(chances, seed=seed, epoch=epoch)) for seed in range(3) for epoch in range(3)}
    assert len(drawn) == 9


def test_where_nothing_was_ever_seen_nothing_is_drawn() -> None:
    assert len(draw(np.zeros(5), seed=0, epoch=0)) == 0
